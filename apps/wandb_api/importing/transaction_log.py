"""The file `run-….wandb` in which the client keeps an offline run: a log of records.

The framing is LevelDB's: blocks of 32 KiB, in them pieces of records, each with a checksum, a
length and the word whether it is a whole record or its first, middle or last piece. Seven bytes
that name the format stand in front. A file that ends in the middle of a record, as one does whose
program was killed, is read as far as it goes.
"""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from apps.core.errors import Invalid

_BLOCK = 32 * 1024
_FILE_HEAD = struct.Struct("<4sHB")
_HEADS = {(b":W&B", 0xBEE1, version) for version in (0, 1)}
_PIECE = struct.Struct("<IHB")
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
# One record is a row at most; the client refuses larger ones itself.
MAX_RECORD_BYTES = 256 * 1024 * 1024


class DamagedLog(Invalid):
    """The file is no transaction log, or is damaged at some place."""


def read_records(path: Path) -> Iterator[bytes]:
    """The records of the file in order. Raises DamagedLog, after what stands before the damage."""
    with path.open("rb") as file:
        head = file.read(_FILE_HEAD.size)
        if len(head) < _FILE_HEAD.size or _FILE_HEAD.unpack(head) not in _HEADS:
            raise DamagedLog(f"{path.name} is no transaction log of the W&B client.")
        parts: list[bytes] = []
        for kind, data in _pieces(file, path.name):
            if kind in (_FULL, _FIRST):
                parts = []
            parts.append(data)
            if sum(map(len, parts)) > MAX_RECORD_BYTES:
                raise DamagedLog(f"{path.name} has a record that is too large.")
            if kind in (_FULL, _LAST):
                yield b"".join(parts)
                parts = []


def _pieces(file: BinaryIO, name: str) -> Iterator[tuple[int, bytes]]:
    place = _FILE_HEAD.size
    while True:
        left = _BLOCK - place % _BLOCK
        if left < _PIECE.size:
            # Too little for a piece: zeros until the next block.
            file.seek(left, 1)
            place += left
        head = file.read(_PIECE.size)
        if len(head) < _PIECE.size:
            return
        checksum, length, kind = _PIECE.unpack(head)
        data = file.read(length)
        if len(data) < length:
            return
        place += _PIECE.size + length
        if kind not in (_FULL, _FIRST, _MIDDLE, _LAST) or checksum != _checksum(kind, data):
            raise DamagedLog(f"{name} is damaged at byte {place - length - _PIECE.size}.")
        yield kind, data


def _checksum(kind: int, data: bytes) -> int:
    return zlib.crc32(data, zlib.crc32(bytes([kind])))
