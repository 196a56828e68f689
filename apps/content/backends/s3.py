"""Bytes as objects of an S3 bucket: `prefix/ab/cd/<digest>`.

Credentials and region come from the usual AWS variables; `S3_ENDPOINT` names another server that
speaks S3. boto3 (the extra `s3`) takes a second to import: only this backend loads it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from apps.content.backends import PIECE_BYTES, BytesMissingError, ContentUnavailable

_DIGEST_LENGTH = 64
_ABSENT = {"404", "NoSuchKey", "NotFound"}
_PART_BYTES = 64 * 1024 * 1024
_CONNECT_SECONDS = 5
_READ_SECONDS = 60


class S3Backend:
    """For several web processes, and for content larger than a disk."""

    def __init__(self, place: str, *, endpoint: str) -> None:
        import boto3
        from boto3.s3.transfer import TransferConfig
        from botocore.config import Config

        parts = urlsplit(place)
        self._bucket = parts.netloc
        self._prefix = f"{parts.path.strip('/')}/" if parts.path.strip("/") else ""
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=endpoint or None,
            config=Config(
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
                retries={"mode": "standard", "max_attempts": 3},
            ),
        )
        # Two parts at a time: 128 MB of buffers at most for each upload under way.
        self._transfer = TransferConfig(
            multipart_threshold=_PART_BYTES, multipart_chunksize=_PART_BYTES, max_concurrency=2
        )

    def put(self, path: Path, digest: str) -> None:
        with _refusing_s3_errors(digest):
            self._client.upload_file(
                str(path), self._bucket, self._key(digest), Config=self._transfer
            )

    def open(self, digest: str, *, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        if length == 0:
            return iter(())
        wanted = {}
        # A range over an empty object is refused, so the whole of it is asked for without one.
        if start or length is not None:
            end = "" if length is None else str(start + length - 1)
            wanted["Range"] = f"bytes={start}-{end}"
        with _refusing_s3_errors(digest):
            answer = self._client.get_object(Bucket=self._bucket, Key=self._key(digest), **wanted)
        return _pieces(answer["Body"], digest)

    def size(self, digest: str) -> int | None:
        try:
            with _refusing_s3_errors(digest):
                answer = self._client.head_object(Bucket=self._bucket, Key=self._key(digest))
        except BytesMissingError:
            return None
        return int(answer["ContentLength"])

    def delete(self, digest: str) -> None:
        with _refusing_s3_errors(digest):
            self._client.delete_object(Bucket=self._bucket, Key=self._key(digest))

    def digests(self) -> Iterator[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix
        )
        with _refusing_s3_errors(""):
            for page in pages:
                for found in page.get("Contents", []):
                    digest = found["Key"].rpartition("/")[2]
                    if len(digest) == _DIGEST_LENGTH and found["Key"] == self._key(digest):
                        yield digest

    def _key(self, digest: str) -> str:
        return f"{self._prefix}{digest[:2]}/{digest[2:4]}/{digest}"


def _pieces(body: Any, digest: str) -> Iterator[bytes]:
    try:
        with _refusing_s3_errors(digest):
            yield from body.iter_chunks(PIECE_BYTES)
    finally:
        body.close()


@contextmanager
def _refusing_s3_errors(digest: str) -> Iterator[None]:
    """Turn "not there" and "does not answer" into our own errors."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _ABSENT:
            raise BytesMissingError(digest) from error
        raise _unavailable() from error
    except (BotoCoreError, Boto3Error) as error:
        raise _unavailable() from error


def _unavailable() -> ContentUnavailable:
    return ContentUnavailable("The content store does not answer. Try again in a moment.")
