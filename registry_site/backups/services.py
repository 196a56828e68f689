"""Writing a backup while the server runs, and restoring one while it does not."""

import hashlib
import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from apps.content.backends import BytesMissingError, backend
from apps.content.models import Blob
from registry_site.backups import databases
from registry_site.backups.archive import (
    DATABASE,
    Archive,
    ArchiveWriter,
    Entry,
    Manifest,
    open_verified,
)


class RestoreRefusedError(Exception):
    """The backup does not go here. Nothing was changed."""


@dataclass(frozen=True)
class Backup:
    """What was written. `lost` are the digests that are named but could not be read whole."""

    files: int
    size_bytes: int
    elsewhere: int
    lost: list[str]


@dataclass(frozen=True)
class Restored:
    """What was restored. `missing` is content that should be in the bucket and is not."""

    files: int
    former_database: Path | None
    missing: list[str]


def write_backup(*, file: Path) -> Backup:
    """Write everything to the new private `file`. It appears under its name only when whole.

    The tables first, then the content that they name: content is only ever added meanwhile, except
    for what nobody has named for a day.
    """
    if file.exists():
        raise FileExistsError(f"{file} is there already; choose another name.")
    draft = file.with_name(f".{file.name}.{secrets.token_hex(6)}")
    try:
        with _new_private(draft) as target, _work_folder() as folder:
            result = _write(ArchiveWriter(target), folder)
            target.flush()
            os.fsync(target.fileno())
        # A link, not a rename: it does not replace what came there meanwhile.
        os.link(draft, file)
        return Backup(
            result.files, file.stat().st_size, elsewhere=result.elsewhere, lost=result.lost
        )
    finally:
        draft.unlink(missing_ok=True)


def restore_backup(*, file: Path, force: bool = False) -> Restored:
    """Verify all of `file`, then put its content and its tables here.

    Content goes first: it only adds. The tables follow in one step, so whoever is interrupted can
    simply do it again. Raises BackupDamagedError, RestoreRefusedError, DatabaseToolError.
    """
    with open_verified(file) as archive, _work_folder() as folder:
        _check_fits(archive.manifest, force=force)
        files = 0
        for entry in archive.content():
            _restore_content(archive, entry, folder)
            files += 1
        missing = [
            entry.sha256
            for entry in archive.manifest.elsewhere
            if backend().size(entry.sha256) != entry.size_bytes
        ]
        archive.read_into(DATABASE, folder / DATABASE)
        former = databases.load(folder / DATABASE, keep_former=not databases.is_empty())
        return Restored(files, former, missing)


def _write(writer: ArchiveWriter, folder: Path) -> Backup:
    database = folder / DATABASE
    databases.dump(database)
    with database.open("rb") as source:
        writer.add(DATABASE, source, database.stat().st_size)
    elsewhere: list[Entry] = []
    lost: list[str] = []
    files = 0
    for digest, size in _named_content(database):
        if settings.CONTENT != "file":
            elsewhere.append(Entry(f"content/{digest}", size, digest))
        elif _is_whole(digest, size):
            if writer.add(f"content/{digest}", _Stored(digest), size) != digest:
                raise OSError(f"The stored file {digest} changed while it was read; try again.")
            files += 1
        else:
            lost.append(digest)
    writer.finish(
        Manifest(
            made_at=timezone.now().isoformat(),
            database=connection.vendor,
            migrations=databases.applied_migrations(),
            members=writer.members,
            elsewhere=elsewhere,
            lost=lost,
        )
    )
    return Backup(files, 0, len(elsewhere), lost)


def _named_content(database: Path) -> Iterator[tuple[str, int]]:
    """The stored files that the copied tables name.

    From the copy where that is a file of tables. A PostgreSQL dump cannot be asked, so there the
    live table is. It may name a little more than the dump made just before; what it no longer names
    was removed by a collection, as nothing referred to it.
    """
    if connection.vendor != "sqlite":
        yield from Blob.objects.order_by("pk").values_list("pk", "size_bytes").iterator()
        return
    copy = sqlite3.connect(database)
    try:
        table = Blob._meta.db_table
        yield from copy.execute(f"SELECT digest, size_bytes FROM {table} ORDER BY digest")  # noqa: S608 (our own name)
    finally:
        copy.close()


def _is_whole(digest: str, size: int) -> bool:
    """Read a stored file, so that no damaged one gets into the backup. It is read again for that,
    which is cheaper than a second copy on the disk."""
    hashed, count = hashlib.sha256(), 0
    try:
        for piece in backend().open(digest):
            hashed.update(piece)
            count += len(piece)
    except (BytesMissingError, OSError):
        return False
    return hashed.hexdigest() == digest and count == size


class _Stored:
    """Stored bytes as a file that can be read once."""

    def __init__(self, digest: str) -> None:
        self._pieces = backend().open(digest)
        self._left = b""

    def read(self, size: int = -1) -> bytes:
        while size < 0 or len(self._left) < size:
            piece = next(self._pieces, b"")
            if not piece:
                break
            self._left += piece
        taken, self._left = (
            (self._left, b"") if size < 0 else (self._left[:size], self._left[size:])
        )
        return taken


def _check_fits(manifest: Manifest, *, force: bool) -> None:
    if manifest.database != connection.vendor:
        raise RestoreRefusedError(
            f"The backup is of a {manifest.database} database and this one is {connection.vendor}. "
            "Point DATABASE_URL at one of the same kind."
        )
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    ours = {config.label for config in apps.get_app_configs()}
    newer = [
        name for name in manifest.migrations if name not in known and name.split(".")[0] in ours
    ]
    if newer:
        raise RestoreRefusedError(
            f"The backup is of a newer version (it has {newer[-1]}). Restore it with that one."
        )
    if not force and not databases.is_empty():
        raise RestoreRefusedError(
            "This installation is in use. To replace everything in it, repeat with --force; on "
            "SQLite the former database file is kept beside the new one."
        )


def _restore_content(archive: Archive, entry: Entry, folder: Path) -> None:
    if backend().size(entry.sha256) == entry.size_bytes:
        return
    path = folder / entry.sha256
    archive.read_into(entry.name, path)
    backend().put(path, entry.sha256)
    path.unlink()


@contextmanager
def _work_folder() -> Iterator[Path]:
    """A private folder inside the data folder, not in the shared one for temporary files."""
    folder = Path(settings.DATA_DIR) / "tmp" / f"backup-{secrets.token_hex(8)}"
    folder.mkdir(mode=0o700, parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _new_private(path: Path) -> Iterator[BinaryIO]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w+b") as file:
        yield file
