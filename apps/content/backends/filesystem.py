"""Bytes as files: `blobs/ab/cd/<digest>` below a folder of our own."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from apps.content.backends import PIECE_BYTES, BytesMissingError
from apps.content.folders import (
    create_private,
    make_private_folder,
    new_path,
    refusing_disk_errors,
    sync_folder,
)

_DIGEST = re.compile(r"[0-9a-f]{64}")


class FilesystemBackend:
    """The default. `root` must be on one file system, so that a rename moves no bytes."""

    def __init__(self, root: Path) -> None:
        self._blobs = root / "blobs"
        self._incoming = root / "incoming"

    def put(self, path: Path, digest: str) -> None:
        target = self._path(digest)
        with refusing_disk_errors():
            make_private_folder(target.parent)
            beside = new_path(self._incoming)
            make_private_folder(self._incoming)
            try:
                _duplicate(path, beside)
                os.replace(beside, target)
                sync_folder(target.parent)
            finally:
                # A rename onto another name of the same file leaves both names.
                beside.unlink(missing_ok=True)

    def open(self, digest: str, *, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        with refusing_disk_errors():
            try:
                descriptor = os.open(self._path(digest), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except FileNotFoundError:
                raise BytesMissingError(digest) from None
        file = os.fdopen(descriptor, "rb", buffering=0)
        file.seek(start)
        return _pieces(file, length)

    def size(self, digest: str) -> int | None:
        try:
            return self._path(digest).lstat().st_size
        except FileNotFoundError:
            return None

    def delete(self, digest: str) -> None:
        path = self._path(digest)
        with refusing_disk_errors():
            path.unlink(missing_ok=True)
            if path.parent.is_dir():
                sync_folder(path.parent)

    def digests(self) -> Iterator[str]:
        for path in sorted(self._blobs.glob("??/??/*")):
            if _DIGEST.fullmatch(path.name):
                yield path.name

    def _path(self, digest: str) -> Path:
        # Digests come from our own table; this holds even if one day one does not.
        if _DIGEST.fullmatch(digest) is None:
            raise ValueError("not a SHA-256 in lower-case hexadecimal")
        return self._blobs / digest[:2] / digest[2:4] / digest


def _duplicate(path: Path, other: Path) -> None:
    """A second name for the file; a durable copy where the file system knows no hard links."""
    try:
        os.link(path, other)
    except OSError:
        with path.open("rb") as source, os.fdopen(create_private(other), "wb") as copy:
            shutil.copyfileobj(source, copy, PIECE_BYTES)
            copy.flush()
            os.fsync(copy.fileno())


def _pieces(file: BinaryIO, length: int | None) -> Iterator[bytes]:
    with file:
        left = length
        while left is None or left > 0:
            piece = file.read(PIECE_BYTES if left is None else min(left, PIECE_BYTES))
            if not piece:
                return
            yield piece
            if left is not None:
                left -= len(piece)
