"""The backup file: one tar whose every byte is accounted for.

    database            the tables, as `databases.py` writes them
    content/<digest>    each stored file (none when the content is in a bucket)
    manifest.json       what is in it: name, size and SHA-256 of every member, and where it is from
    whole.sha256        the SHA-256 of all bytes of the file before this member

Members are never extracted by their name: they are read, hashed, and written where we decide.
"""

import hashlib
import io
import json
import os
import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO, Protocol

FORMAT = 1
DATABASE = "database"
MANIFEST = "manifest.json"
WHOLE = "whole.sha256"
CONTENT = re.compile(r"content/([0-9a-f]{64})")
PIECE_BYTES = 1024 * 1024
MANIFEST_MAX_BYTES = 1024 * 1024 * 1024


class BackupDamagedError(Exception):
    """The file is not a whole backup of ours. Nothing was restored from it."""


@dataclass(frozen=True)
class Entry:
    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a backup says about itself."""

    made_at: str
    database: str  # sqlite or postgresql
    migrations: list[str]
    members: list[Entry]
    # Content that is named by the database but not in the file: kept in a bucket, or lost before.
    elsewhere: list[Entry] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    format: int = FORMAT


class Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class ArchiveWriter:
    """Adds members to a new file and keeps account of them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = _HashingWriter(file)
        self._tar = tarfile.open(fileobj=self._file, mode="w:", format=tarfile.PAX_FORMAT)  # noqa: SIM115 (closed by finish)
        self.members: list[Entry] = []

    def add(self, name: str, source: Readable, size_bytes: int) -> str:
        """Copy `size_bytes` from `source` and return their SHA-256."""
        reader = _HashingReader(source)
        self._tar.addfile(_member(name, size_bytes), reader)
        digest = reader.sha256.hexdigest()
        self.members.append(Entry(name, size_bytes, digest))
        return digest

    def finish(self, manifest: Manifest) -> None:
        text = json.dumps(asdict(manifest), indent=1).encode()
        self._tar.addfile(_member(MANIFEST, len(text)), io.BytesIO(text))
        whole = self._file.sha256.hexdigest().encode()
        self._tar.addfile(_member(WHOLE, len(whole)), io.BytesIO(whole))
        self._tar.close()


class Archive:
    """A backup that was verified from the first byte to the last."""

    def __init__(self, tar: tarfile.TarFile, manifest: Manifest) -> None:
        self._tar = tar
        self.manifest = manifest

    def read_into(self, name: str, target: Path) -> None:
        """Write a member to a new private file, and check it once more on the way."""
        entry = next(entry for entry in self.manifest.members if entry.name == name)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            hashed = hashlib.sha256()
            for piece in _pieces(_opened(self._tar, name)):
                hashed.update(piece)
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        if hashed.hexdigest() != entry.sha256:
            raise BackupDamagedError(f"{name} changed while it was read.")

    def content(self) -> Iterator[Entry]:
        for entry in self.manifest.members:
            if entry.name.startswith("content/"):
                yield entry


@contextmanager
def open_verified(path: Path) -> Iterator[Archive]:
    """The backup in `path`, after every byte of it was checked. Raises BackupDamagedError."""
    with path.open("rb") as file:
        try:
            tar = tarfile.open(fileobj=file, mode="r:")  # noqa: SIM115 (closed below)
            members = tar.getmembers()
        except (tarfile.TarError, EOFError) as error:
            raise BackupDamagedError(f"{path} is not a whole backup: {error}.") from None
        with tar:
            names = [member.name for member in members]
            _check_shape(members, names)
            _check_whole(file, members[-1])
            manifest = _read_manifest(tar)
            _check_members(tar, names, manifest)
            yield Archive(tar, manifest)


def _check_shape(members: list[tarfile.TarInfo], names: list[str]) -> None:
    if names[-2:] != [MANIFEST, WHOLE] or len(set(names)) != len(names):
        raise BackupDamagedError("It is cut short, or was not made by manage.py backup.")
    if not all(member.isreg() for member in members):
        raise BackupDamagedError("It holds something that is not a plain file.")
    if members[-2].size > MANIFEST_MAX_BYTES or members[-1].size != 64:
        raise BackupDamagedError("Its list of contents has an impossible size.")


def _check_whole(file: BinaryIO, last: tarfile.TarInfo) -> None:
    """The last member must be, to the byte, what we write after all that stands before it."""
    file.seek(0)
    hashed = hashlib.sha256()
    left = last.offset
    while left and (piece := file.read(min(left, PIECE_BYTES))):
        hashed.update(piece)
        left -= len(piece)
    digest = hashed.hexdigest().encode()
    end = _member(WHOLE, len(digest)).tobuf(tarfile.PAX_FORMAT) + digest
    # A tar is filled up with zeros to whole records, after two blocks of them at least.
    size = -(-(last.offset + len(end) + 2 * tarfile.BLOCKSIZE) // tarfile.RECORDSIZE)
    end = end.ljust(size * tarfile.RECORDSIZE - last.offset, b"\0")
    if file.read(len(end) + 1) != end:
        raise BackupDamagedError("Its bytes are not those that were written.")


def _read_manifest(tar: tarfile.TarFile) -> Manifest:
    try:
        data: dict[str, Any] = json.loads(_opened(tar, MANIFEST).read())
        for part in ("members", "elsewhere"):
            data[part] = [Entry(**entry) for entry in data[part]]
        manifest = Manifest(**data)
    except (ValueError, TypeError, KeyError) as error:
        raise BackupDamagedError(f"Its list of contents cannot be read: {error}.") from None
    if manifest.format != FORMAT:
        raise BackupDamagedError(
            f"It has format {manifest.format}; this version reads format {FORMAT}."
        )
    return manifest


def _check_members(tar: tarfile.TarFile, names: list[str], manifest: Manifest) -> None:
    if [entry.name for entry in manifest.members] != names[:-2]:
        raise BackupDamagedError("Its list of contents names other members.")
    for entry in manifest.members:
        match = CONTENT.fullmatch(entry.name)
        if entry.name != DATABASE and not match:
            raise BackupDamagedError("It holds a member that we would not have written.")
        hashed = hashlib.sha256()
        for piece in _pieces(_opened(tar, entry.name)):
            hashed.update(piece)
        if hashed.hexdigest() != entry.sha256 or (match and match[1] != entry.sha256):
            raise BackupDamagedError(f"{entry.name} is not what it was when it was written.")


def _opened(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    file = tar.extractfile(name)
    if file is None:
        raise BackupDamagedError(f"{name} is not a file.")
    return file


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(PIECE_BYTES):
        yield piece


def _member(name: str, size_bytes: int) -> tarfile.TarInfo:
    """Nothing of the machine it was made on: no owner, no time."""
    member = tarfile.TarInfo(name)
    member.size = size_bytes
    member.mode = 0o600
    return member


class _HashingWriter(io.RawIOBase):
    def __init__(self, file: BinaryIO) -> None:
        self._inner = file
        self.sha256 = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.sha256.update(data)
        return self._inner.write(data)

    def tell(self) -> int:
        return self._inner.tell()


class _HashingReader(io.RawIOBase):
    def __init__(self, file: Readable) -> None:
        self._inner = file
        self.sha256 = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._inner.read(size)
        self.sha256.update(data)
        return data
