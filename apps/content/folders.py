"""Private files and folders that are really on the disk when we say so.

Modes are given explicitly, so the umask of whoever starts the server does not matter.
"""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from apps.content.backends import ContentUnavailable
from apps.core.errors import StorageFull

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def refusing_disk_errors() -> Iterator[None]:
    """Turn an error of the disk into a refusal that says whether waiting helps."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull(
                "The disk for content is full. Nothing was stored; tell whoever runs the server."
            ) from error
        raise ContentUnavailable(
            "The content store cannot be read or written. Nothing was stored; try again later."
        ) from error


def make_private_folder(folder: Path) -> None:
    """Make a folder and its parents, 0700, each entered durably in the one above."""
    if folder.is_dir():
        return
    make_private_folder(folder.parent)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; a rename is not before this."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def new_path(folder: Path) -> Path:
    """A name in `folder` that nobody can guess."""
    return folder / secrets.token_hex(16)


def create_private(path: Path) -> int:
    """A descriptor of a new file, 0600; never of one that is there already or behind a link."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
