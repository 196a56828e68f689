"""Ticks are round numbers that people count in, whatever the range."""

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.web.charts.ticks import (
    LARGEST,
    Tick,
    category_ticks,
    linear_ticks,
    log_ticks,
    nice_range,
    time_ticks,
)

finite = st.floats(min_value=-LARGEST, max_value=LARGEST, allow_nan=False)
positive = st.floats(min_value=1e-300, max_value=LARGEST)


def texts(ticks: list[Tick]) -> list[str]:
    return [tick.text for tick in ticks]


def at(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (0, 20, ["0", "5", "10", "15", "20"]),
        (0.91, 0.98, ["0.92", "0.94", "0.96", "0.98"]),
        (-1, 1, ["−1.0", "−0.5", "0.0", "0.5", "1.0"]),
        (0, 2_500, ["0", "500", "1,000", "1,500", "2,000", "2,500"]),
        (0, 1e-6, ["0", "2e−7", "4e−7", "6e−7", "8e−7", "1e−6"]),
        (0, 5e9, ["0", "1e9", "2e9", "3e9", "4e9", "5e9"]),
    ],
)
def test_linear_ticks_are_round(low: float, high: float, expected: list[str]) -> None:
    assert texts(linear_ticks(low, high, 5)) == expected


def test_versions_get_whole_ticks() -> None:
    assert texts(linear_ticks(1, 3, 8, whole=True)) == ["1", "2", "3"]
    assert texts(linear_ticks(0, 20, 8, whole=True)) == ["0", "5", "10", "15", "20"]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.08, 2.5, ["0.1", "0.2", "0.5", "1", "2"]),
        (0.01, 100, ["0.01", "0.1", "1", "10", "100"]),
        (1e-9, 1e9, ["1e−9", "1e−6", "0.001", "1", "1,000", "1,000,000", "1e9"]),
        (0.31, 0.39, ["0.32", "0.34", "0.36", "0.38"]),
    ],
)
def test_log_ticks_are_round(low: float, high: float, expected: list[str]) -> None:
    assert texts(log_ticks(low, high, 6)) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (at(2026, 11, 21), at(2026, 11, 21, 0, 1), ["11-21", "00:00:15", "00:00:30", "00:00:45"]),
        (at(2026, 11, 21, 22), at(2026, 11, 22, 2), ["22:00", "23:00", "11-22", "01:00"]),
        (at(2026, 11, 1), at(2026, 11, 30), ["11-02", "11-09", "11-16", "11-23", "11-30"]),
        (at(2026, 11, 15), at(2027, 3, 15), ["2026-12", "2027-01", "2027-02", "2027-03"]),
        (at(2020, 1, 1), at(2029, 6, 1), ["2020", "2022", "2024"]),
    ],
)
def test_time_ticks_follow_clock_and_calendar(low: float, high: float, expected: list[str]) -> None:
    assert texts(time_ticks(low, high, 5))[: len(expected)] == expected


def test_categories_are_thinned_evenly() -> None:
    assert texts(category_ticks(["a", "b", "c", "d", "e"], 3)) == ["a", "c", "e"]


def test_a_range_of_nothing_gets_a_width() -> None:
    assert nice_range(5, 5, 5) == (4.5, 5.5)
    assert nice_range(0, 0, 5) == (-1, 1)


@given(finite, finite)
def test_any_range_has_few_finite_ticks(one: float, other: float) -> None:
    low, high = nice_range(min(one, other), max(one, other), 5)

    ticks = linear_ticks(low, high, 5)

    assert low < high
    assert 1 <= len(ticks) <= 24
    assert all(math.isfinite(tick.at) for tick in ticks)


@given(positive, positive)
def test_any_log_range_has_few_positive_ticks(one: float, other: float) -> None:
    ticks = log_ticks(min(one, other), max(one, other), 6)

    assert len(ticks) <= 24
    assert all(tick.at > 0 for tick in ticks)


@given(st.floats(min_value=-1e12, max_value=1e12), st.floats(min_value=1e-3, max_value=1e12))
def test_any_time_range_has_few_ticks(start: float, length: float) -> None:
    ticks = time_ticks(start, start + length, 8)

    assert len(ticks) <= 24
    assert all(start - 1e-3 <= tick.at <= start + length + 1e-3 for tick in ticks)
