"""Where bytes are kept: one small protocol, two places."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from django.conf import settings

from apps.core.errors import Busy

PIECE_BYTES = 1024 * 1024


class BytesMissingError(Exception):
    """The backend has nothing under this digest."""


class ContentUnavailable(Busy):
    """The place where content is kept does not answer, or refuses to write."""


class Backend(Protocol):
    """A store of bytes by SHA-256, in which every write is whole and durable or did not happen."""

    def put(self, path: Path, digest: str) -> None:
        """Store the file at `path`, whose digest was verified; it stays where it is.

        Replaces what was there: it can only be the same bytes, or damaged ones.
        """

    def open(self, digest: str, *, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes in pieces. Raises BytesMissingError at once, not at the first piece."""

    def size(self, digest: str) -> int | None:
        """How many bytes there are; None when there are none under this digest."""

    def delete(self, digest: str) -> None:
        """Remove the bytes, if they are there."""

    def digests(self) -> Iterator[str]:
        """Every digest that something is stored under."""


def backend() -> Backend:
    """The backend of this installation (MODEL_STATUS_CONTENT)."""
    return _made(settings.CONTENT, settings.DATA_DIR, settings.S3_ENDPOINT)


@lru_cache(maxsize=8)
def _made(place: str, data_dir: Path, endpoint: str) -> Backend:
    if place == "file":
        from apps.content.backends.filesystem import FilesystemBackend

        return FilesystemBackend(data_dir / "content")
    from apps.content.backends.s3 import S3Backend

    return S3Backend(place, endpoint=endpoint)
