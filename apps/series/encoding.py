"""Points as bytes and back, bit for bit.

Two forms. *Records* (24 bytes a point: step, time, value) are cheap to append to and serve for the
tail of a series and for previews. *Chunks* are columns: steps and times as differences, the bytes
of all numbers shuffled by significance, then zlib at level 1; 5 to 9 bytes a point on measured
curves. Differences are taken of the 64-bit patterns and wrap around, so -0.0, infinities, NaN and
the smallest subnormal come back exactly.

numpy takes 0.4 s to import: it is loaded by the functions that need it, not with this module.
"""

import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RECORD = struct.Struct("<qdd")
# Up to here new points are appended to the tail, which is written anew each time: at 64 points the
# whole row stays below the 2 kB from which PostgreSQL moves columns out of line. A longer tail
# becomes a small chunk, and small chunks become one as soon as they make up a whole one, so each
# point is packed twice. (Merging into the last chunk at once packed it eight times.)
TAIL_POINTS = 64
CHUNK_POINTS = 4096
# A preview holds the extremes of each stretch of this many points of a chunk.
PREVIEW_POINTS = 128

_VERSION = b"\x01"
_COLUMNS = 3
_WORD_BYTES = 8


class UnknownEncodingError(ValueError):
    """A chunk was written by a newer release, or is not a chunk."""


@dataclass(frozen=True)
class Points:
    """Steps, times (seconds since the epoch) and values of some points, as equally long arrays."""

    steps: "NDArray[np.int64]"
    times: "NDArray[np.float64]"
    values: "NDArray[np.float64]"

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, chosen: "slice | NDArray[np.intp] | NDArray[np.bool_]") -> "Points":
        return Points(self.steps[chosen], self.times[chosen], self.values[chosen])

    def with_values(self, values: Sequence[float]) -> "Points":
        """Other values at the same steps and times."""
        import numpy as np

        return Points(self.steps, self.times, np.asarray(values, dtype=np.float64))


def pack(steps: Sequence[int], times: Sequence[float], values: Sequence[float]) -> bytes:
    """Records of some points. Raises struct.error, TypeError or OverflowError on a wrong number."""
    return b"".join(map(RECORD.pack, steps, times, values))


def unpack(records: bytes | memoryview) -> Points:
    """The points of some records."""
    import numpy as np

    table = np.frombuffer(records, dtype=[("step", "<i8"), ("at", "<f8"), ("value", "<f8")])
    return Points(
        *(np.ascontiguousarray(table[name]) for name in ("step", "at", "value")),
    )


def encode(points: Points) -> bytes:
    """A chunk of some points."""
    import numpy as np

    words = np.empty((_COLUMNS, len(points)), dtype="<u8")
    words[0] = _differences(points.steps)
    words[1] = _differences(points.times)
    # Values as they are: their differences compress no better (measured) and cost time.
    words[2] = points.values.view("<u8")
    shuffled = words.view("u1").reshape(_COLUMNS, len(points), _WORD_BYTES).transpose(0, 2, 1)
    return _VERSION + zlib.compress(shuffled.tobytes(), 1)


def decode(data: bytes | memoryview) -> Points:
    """The points of a chunk."""
    import numpy as np

    view = memoryview(data)
    if view[:1] != _VERSION:
        raise UnknownEncodingError(
            "These points were stored by a newer release; update the server."
        )
    plain = np.frombuffer(zlib.decompress(view[1:]), dtype="u1")
    count = len(plain) // (_COLUMNS * _WORD_BYTES)
    shuffled = plain.reshape(_COLUMNS, _WORD_BYTES, count).transpose(0, 2, 1)
    words = np.ascontiguousarray(shuffled).view("<u8").reshape(_COLUMNS, count)
    return Points(
        np.cumsum(words[0], dtype="<u8").view("<i8"),
        np.cumsum(words[1], dtype="<u8").view("<f8"),
        words[2].view("<f8"),
    )


def join(parts: Iterable[Points]) -> Points:
    """Several stretches of points as one, in the given order."""
    import numpy as np

    present = [part for part in parts if len(part)]
    if not present:
        return unpack(b"")
    if len(present) == 1:
        return present[0]
    return Points(
        np.concatenate([part.steps for part in present]),
        np.concatenate([part.times for part in present]),
        np.concatenate([part.values for part in present]),
    )


def to_records(points: Points) -> bytes:
    """The records of points that are arrays already."""
    import numpy as np

    table = np.empty((len(points), _COLUMNS), dtype="<u8")
    table[:, 0] = points.steps.view("<u8")
    table[:, 1] = points.times.view("<u8")
    table[:, 2] = points.values.view("<u8")
    return table.tobytes()


def _differences(column: "NDArray[np.int64] | NDArray[np.float64]") -> "NDArray[np.uint64]":
    import numpy as np

    words = column.view("<u8")
    return np.diff(words, prepend=np.uint64(0))
