"""The Range header of a download, as RFC 9110 reads it."""

import re
from dataclasses import dataclass
from enum import Enum

_SPEC = re.compile(r"([0-9]*)-([0-9]*)")
# More digits than any size has: such a position lies behind the end of every file.
_MAX_DIGITS = 19


class Range(Enum):
    """What a Range header may amount to besides a part of the content."""

    UNSATISFIABLE = "unsatisfiable"


@dataclass(frozen=True)
class Part:
    """Bytes `first` to `last`, both included, as Content-Range counts them."""

    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


def parse_range(header: str | None, size: int) -> Part | Range | None:
    """The part that is asked for; UNSATISFIABLE (416) when it lies outside; None for the whole.

    What is malformed or in another unit is ignored, as the RFC asks. So are several ranges at once:
    answering with the whole is allowed, and no list of ranges can then multiply the bytes sent.
    """
    unit, _, spec = (header or "").partition("=")
    found = _SPEC.fullmatch(spec.strip(" \t"))
    if unit.strip(" \t").lower() != "bytes" or found is None or found[0] == "-":
        return None
    first, last = (_position(digits) for digits in found.groups())
    if first is None:
        return _suffix(last or 0, size)
    if last is not None and last < first:
        return None
    if first >= size:
        return Range.UNSATISFIABLE
    return Part(first, size - 1 if last is None else min(last, size - 1))


def _suffix(length: int, size: int) -> Part | Range | None:
    if length == 0:
        return Range.UNSATISFIABLE
    # The last bytes of nothing: satisfiable, but no Content-Range can say it.
    return Part(max(size - length, 0), size - 1) if size else None


def _position(digits: str) -> int | None:
    if not digits:
        return None
    digits = digits.lstrip("0")[: _MAX_DIGITS + 1]
    return 10**_MAX_DIGITS if len(digits) > _MAX_DIGITS else int(digits or "0")
