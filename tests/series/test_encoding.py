"""Points go to bytes and back bit for bit."""

import math
import struct
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.series.encoding import (
    CHUNK_POINTS,
    Points,
    UnknownEncodingError,
    decode,
    encode,
    join,
    pack,
    to_records,
    unpack,
)

STEPS = st.integers(-(2**63), 2**63 - 1)
TIMES = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.floats(width=64)
AWKWARD = [0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, -5e-324, 1.7976931348623157e308, 0.1]


def bits(points: Points) -> tuple[bytes, bytes, bytes]:
    """Equality of floats would let -0.0 pass for 0.0, and NaN for nothing."""
    return points.steps.tobytes(), points.times.tobytes(), points.values.tobytes()


@settings(deadline=None)
@given(st.lists(st.tuples(STEPS, TIMES, VALUES), min_size=1, max_size=300))
def test_a_chunk_gives_back_the_same_bits(rows: list[tuple[int, float, float]]) -> None:
    points = unpack(pack(*zip(*rows, strict=True)))

    assert points.steps.tolist() == [step for step, _, _ in rows]
    assert bits(decode(encode(points))) == bits(points)
    assert bits(unpack(to_records(points))) == bits(points)


def test_awkward_values_keep_their_sign_and_every_digit() -> None:
    count = len(AWKWARD)
    points = decode(encode(unpack(pack(range(count), [1e9] * count, AWKWARD))))

    assert [struct.pack("<d", value) for value in points.values] == [
        struct.pack("<d", value) for value in AWKWARD
    ]


def test_steps_may_jump_between_the_ends_of_their_range() -> None:
    steps = [2**63 - 1, -(2**63), 0, 2**63 - 1, 2**53 + 1]

    points = decode(encode(unpack(pack(steps, [0.0] * 5, [0.0] * 5))))

    assert points.steps.tolist() == steps


def test_an_ordinary_curve_takes_less_than_ten_bytes_a_point() -> None:
    noise = np.random.default_rng(7).normal(0, 0.05, CHUNK_POINTS)
    steps = np.arange(CHUNK_POINTS)
    times = 1.79e9 + steps.astype(np.float64) * 0.013
    points = Points(steps, times, np.exp(-steps / 1e3) + noise)

    assert len(encode(points)) < 10 * CHUNK_POINTS


def test_a_chunk_of_a_newer_release_is_refused() -> None:
    with pytest.raises(UnknownEncodingError):
        decode(b"\x02" + encode(unpack(pack([1], [1.0], [1.0])))[1:])


def test_nothing_joined_is_nothing() -> None:
    assert len(join([])) == 0


def test_loading_the_app_does_not_load_numpy() -> None:
    program = (
        "import django, sys; from django.conf import settings;"
        "settings.configure(INSTALLED_APPS=['apps.core', 'apps.series'],"
        " DEFAULT_AUTO_FIELD='django.db.models.BigAutoField'); django.setup();"
        "import apps.series.services, apps.series.queries; sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
