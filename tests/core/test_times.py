"""Times in short and in full."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from apps.core.errors import Invalid
from apps.core.times import ago, duration, from_seconds, parse_time, span, to_text

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("back", "text"),
    [
        (timedelta(0), "just now"),
        (timedelta(seconds=42), "42 s ago"),
        (timedelta(minutes=59, seconds=59), "59 min ago"),
        (timedelta(hours=23), "23 h ago"),
        (timedelta(days=3, hours=5), "3 d ago"),
        (timedelta(days=100), "3 mo ago"),
        (timedelta(days=800), "2 y ago"),
        (timedelta(hours=-2), "in 2 h"),
    ],
)
def test_how_long_ago(back: timedelta, text: str) -> None:
    assert ago(NOW - back, NOW) == text


def test_never_is_a_dash() -> None:
    assert ago(None) == "–"


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(seconds=5), "for less than a minute"),
        (timedelta(minutes=1), "for 1 minute"),
        (timedelta(hours=5), "for 5 hours"),
        (timedelta(days=1), "for 1 day"),
        (timedelta(days=3), "for 3 days"),
        (timedelta(days=100), "for 3 months"),
        (timedelta(days=800), "for 2 years"),
        (timedelta(seconds=-5), "for less than a minute"),
    ],
)
def test_how_long_it_lasted(length: timedelta, text: str) -> None:
    assert span(NOW, NOW + length) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0.24, "0.2 s"),
        (42, "42 s"),
        (59.7, "1 min 0 s"),
        (200, "3 min 20 s"),
        (18_240, "5 h 4 min"),
        (183_600, "2 d 3 h"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_a_time_as_text_is_utc_and_always_as_long() -> None:
    tokyo = datetime(2026, 3, 10, 21, 0, tzinfo=timezone(timedelta(hours=9)))

    assert to_text(tokyo) == "2026-03-10T12:00:00.000000Z"
    assert parse_time(to_text(tokyo)) == tokyo


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-03-10", datetime(2026, 3, 10, tzinfo=UTC)),
        ("2026-03-10T12:00:00Z", NOW),
        ("2026-03-10 12:00", NOW),
        ("2026-03-10T21:00:00+09:00", NOW),
        ("2026-03-10T12:00:00.000001Z", NOW + timedelta(microseconds=1)),
    ],
)
def test_times_are_read_as_utc(text: str, at: datetime) -> None:
    assert parse_time(text) == at


@pytest.mark.parametrize(
    "text",
    ["", "x", "2026", "2026-02-30", "2026-13-01T00:00:00Z", "٢٠٢٦-٠١-٠١", "0001-01-01T00:00+23:59"],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_time(text)


def test_seconds_since_the_epoch() -> None:
    assert from_seconds(1_773_144_000.5) == NOW + timedelta(seconds=0.5)
    for impossible in [1e300, float("nan"), float("inf")]:
        with pytest.raises(Invalid):
            from_seconds(impossible)
