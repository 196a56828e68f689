"""Messages of the client's transaction log, as far as they are needed here.

They are protobuf: fields by number, without names. A field of ours says where it is found; what a
newer client adds is passed over.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from apps.wandb_api.importing.transaction_log import DamagedLog

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_VARINT_BYTES = 10


@dataclass
class Message:
    """The fields of one message by number, each as often as it stands there."""

    found: dict[int, list[int | bytes]] = field(default_factory=dict)

    def text(self, number: int) -> str:
        """The last text in this field, "" without one."""
        return next(reversed(self.texts(number)), "")

    def texts(self, number: int) -> list[str]:
        values = self.found.get(number, [])
        return [value.decode("utf-8", "replace") for value in values if isinstance(value, bytes)]

    def number(self, number: int) -> int:
        """The last whole number in this field, 0 without one."""
        values = [value for value in self.found.get(number, []) if isinstance(value, int)]
        value = values[-1] if values else 0
        return value - 2**64 if value >= 2**63 else value

    def message(self, number: int) -> "Message":
        """The last message in this field, an empty one without."""
        return next(reversed(self.messages(number)), Message())

    def messages(self, number: int) -> "list[Message]":
        values = self.found.get(number, [])
        return [read_message(value) for value in values if isinstance(value, bytes)]

    def has(self, number: int) -> bool:
        return number in self.found

    def seconds(self, number: int) -> float | None:
        """A time in this field (whole seconds and nanoseconds) since the epoch."""
        if not self.has(number):
            return None
        moment = self.message(number)
        return moment.number(1) + moment.number(2) / 1e9


def read_message(data: bytes) -> Message:
    """The message in these bytes. Raises DamagedLog."""
    message = Message()
    for number, value in _fields(data):
        message.found.setdefault(number, []).append(value)
    return message


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, place = _varint(data, place)
            yield number, value
            continue
        if kind == _BYTES:
            length, place = _varint(data, place)
        elif kind in (_FIXED64, _FIXED32):
            length = 8 if kind == _FIXED64 else 4
        else:
            raise DamagedLog("The transaction log has a message that cannot be read.")
        if place + length > len(data):
            raise DamagedLog("The transaction log has a message that ends too early.")
        piece = data[place : place + length]
        place += length
        yield number, piece if kind == _BYTES else _fixed(piece)


def _fixed(piece: bytes) -> int:
    value: int = struct.unpack("<Q" if len(piece) == 8 else "<I", piece)[0]
    return value


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = 0
    for turn in range(_MAX_VARINT_BYTES):
        if place >= len(data):
            break
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << (7 * turn)
        if byte < 0x80:
            return value, place
    raise DamagedLog("The transaction log has a number that cannot be read.")
