"""A file that is still being received: private, hashed as it comes, gone unless it is kept."""

import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import TracebackType

from django.conf import settings

from apps.content.folders import (
    create_private,
    make_private_folder,
    new_path,
    refusing_disk_errors,
)
from apps.core.errors import StorageFull

# Uploads stop while this much is left, so that the database beside the content can go on.
DEFAULT_MIN_FREE_BYTES = 256 * 1024 * 1024
_CHECK_EVERY_BYTES = 16 * 1024 * 1024
# From here on handing a piece to another thread costs less than it gains.
_LARGE = 256 * 1024


@cache
def _hashers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_name_prefix="hash")


# A child has none of the threads of its parent, and would wait for them for ever.
os.register_at_fork(after_in_child=_hashers.cache_clear)


class Spool:
    """Write pieces, `finish`, then read `size_bytes`, `sha256` and `md5`. A context manager."""

    def __init__(self, *, expected_size: int | None = None) -> None:
        self.size_bytes = 0
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)
        with refusing_disk_errors():
            folder = incoming_folder()
            make_private_folder(folder)
            check_room(expected_size or 0)
            self.path = new_path(folder)
            self._file = os.fdopen(create_private(self.path), "wb", buffering=0)

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._file.close()
        # What could not be removed now is swept later.
        with suppress(OSError):
            self.path.unlink()

    def write(self, piece: bytes) -> None:
        if self.size_bytes % _CHECK_EVERY_BYTES + len(piece) >= _CHECK_EVERY_BYTES:
            check_room(len(piece))
        # A large file takes longer to hash than to receive: one of the two is for another core.
        hashing = _hashers().submit(self._sha256.update, piece) if len(piece) >= _LARGE else None
        with refusing_disk_errors():
            left = memoryview(piece)
            while left:
                left = left[self._file.write(left) :]
        self._md5.update(piece)
        if hashing is None:
            self._sha256.update(piece)
        else:
            hashing.result()
        self.size_bytes += len(piece)

    def finish(self) -> None:
        """Make the bytes durable under their temporary name."""
        with refusing_disk_errors():
            os.fsync(self._file.fileno())
            self._file.close()

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    @property
    def md5(self) -> str:
        return self._md5.hexdigest()


def incoming_folder() -> Path:
    """Where files are received, whatever backend keeps them in the end."""
    return Path(settings.DATA_DIR) / "content" / "incoming"


def check_room(more_bytes: int) -> None:
    """Refuse before the disk is full: the database needs some of it too."""
    keep_free = getattr(settings, "CONTENT_MIN_FREE_BYTES", DEFAULT_MIN_FREE_BYTES)
    if shutil.disk_usage(incoming_folder()).free - more_bytes < keep_free:
        raise StorageFull(
            "The disk for content is nearly full, so nothing more is taken. Reading still works; "
            "tell whoever runs the server."
        )


def stale(older_than_seconds: float) -> Iterator[tuple[Path, int]]:
    """Files in the incoming folder that nobody has written to for a while, with their sizes."""
    before = time.time() - older_than_seconds
    with suppress(FileNotFoundError):
        for path in sorted(incoming_folder().iterdir()):
            # An upload that ends meanwhile takes its file away.
            with suppress(FileNotFoundError):
                found = path.lstat()
                if found.st_mtime <= before:
                    yield path, found.st_size
