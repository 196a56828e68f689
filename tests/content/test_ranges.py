"""Range headers, read as RFC 9110 says."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.content.ranges import Part, Range, parse_range

GONE = Range.UNSATISFIABLE


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("", None),
        ("bytes=0-0", Part(0, 0)),
        ("bytes=0-", Part(0, 9)),
        ("bytes=3-5", Part(3, 5)),
        ("bytes=9-9", Part(9, 9)),
        ("bytes=5-100", Part(5, 9)),
        ("BYTES=3-5", Part(3, 5)),
        ("bytes= 3-5 ", Part(3, 5)),
        ("bytes=-1", Part(9, 9)),
        ("bytes=-10", Part(0, 9)),
        ("bytes=-11", Part(0, 9)),
        ("bytes=-0", GONE),
        ("bytes=10-", GONE),
        ("bytes=10-20", GONE),
        (f"bytes={2**64}-", GONE),
        (f"bytes=0-{2**64}", Part(0, 9)),
        (f"bytes=-{2**64}", Part(0, 9)),
        (f"bytes=0-{'9' * 10_000}", Part(0, 9)),
        (f"bytes={'0' * 10_000}1-2", Part(1, 2)),
        ("bytes=5-3", None),
        ("bytes=-", None),
        ("bytes=", None),
        ("bytes", None),
        ("bytes=a-b", None),
        ("bytes=1-2-3", None),
        ("bytes=--1", None),
        ("bytes=+1-2", None),
        ("bytes=٣-٥", None),
        ("bytes=0-0,1-1", None),
        ("bytes=" + ",".join(["0-"] * 100), None),
        ("lines=0-5", None),
        ("bytes 0-5", None),
    ],
)
def test_a_file_of_ten_bytes(header: str | None, expected: Part | Range | None) -> None:
    assert parse_range(header, 10) == expected


@pytest.mark.parametrize(
    ("header", "expected"), [("bytes=0-", GONE), ("bytes=0-0", GONE), ("bytes=-5", None)]
)
def test_an_empty_file(header: str, expected: Range | None) -> None:
    assert parse_range(header, 0) == expected


@settings(deadline=None)
@given(st.text(max_size=30), st.integers(0, 2**63))
def test_no_header_breaks_it_and_no_part_lies_outside(spec: str, size: int) -> None:
    for header in (spec, f"bytes={spec}"):
        found = parse_range(header, size)
        if isinstance(found, Part):
            assert 0 <= found.first <= found.last < size
            assert found.length >= 1
