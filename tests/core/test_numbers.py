"""Numbers as the table shows them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.errors import Invalid
from apps.core.numbers import (
    Delta,
    check_format,
    format_bytes,
    format_count,
    format_delta,
    format_uncertainty,
    format_value,
    is_within_noise,
)

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("value", "spec", "text"),
    [
        (0.0999, "auto", "0.0999"),
        (0.13544, "auto", "0.1354"),
        (12.345678, "auto", "12.35"),
        (1234.0, "auto", "1,234"),
        (1234567.8, "auto", "1,234,568"),
        (0.5, "auto", "0.5"),
        (100, "auto", "100"),
        (0.0001, "auto", "0.0001"),
        (0.0000912345, "auto", "9.123e−5"),
        (1.5e7, "auto", "1.5e7"),
        (-1.5, "auto", "−1.5"),
        (0.99999, "auto", "1"),
        (0.0, "auto", "0"),
        (-0.0, "auto", "0"),
        (1e308, "auto", "1e308"),
        (5e-324, "auto", "4.941e−324"),
        (0.1354, "fixed:2", "0.14"),
        (1234.5, "fixed:4", "1,234.5000"),
        (-0.00001, "fixed:2", "0.00"),
        (1e300, "fixed:2", "1e300"),
        (0.9312, "percent:1", "93.1%"),
        (1.0, "percent:0", "100%"),
        (1e308, "percent:1", "∞%"),
        (1234.4, "integer", "1,234"),
        (None, "auto", "–"),
        (NAN, "fixed:4", "NaN"),
        (INF, "percent:1", "∞"),
        (-INF, "auto", "−∞"),
        (0.5, "unknown", "0.5"),
    ],
)
def test_values(value: float | None, spec: str, text: str) -> None:
    assert format_value(value, spec) == text


@given(st.floats(), st.sampled_from(["auto", "integer", "fixed:4", "percent:1", "fixed:12"]))
def test_any_number_has_a_short_text(value: float, spec: str) -> None:
    assert 0 < len(format_value(value, spec)) < 40
    assert format_delta(value, 0.1, "lower", spec) is not None or math.isnan(value)


@pytest.mark.parametrize("spec", ["auto", "percent:1"])
def test_a_difference_too_large_for_percent_is_said_as_it_is(spec: str) -> None:
    delta = format_delta(1.2e307, 0.1, "lower", spec)
    assert delta is not None
    assert delta.text == f"+{format_value(1.2e307, spec)}"


@pytest.mark.parametrize("spec", ["auto", "integer", "fixed:0", "fixed:12", "percent:1"])
def test_known_formats(spec: str) -> None:
    assert check_format(spec) == spec


@pytest.mark.parametrize(
    "spec", ["", "fixed", "fixed:13", "fixed:-1", "auto ", "{}", "%d", "auto\n"]
)
def test_unknown_formats_are_refused(spec: str) -> None:
    with pytest.raises(Invalid, match="fixed:4"):
        check_format(spec)


@pytest.mark.parametrize(
    ("stderr", "spec", "text"),
    [
        (0.00412, "auto", "±0.0041"),
        (0.00412, "fixed:4", "±0.0041"),
        (0.00001, "fixed:4", "±1e−5"),
        (0.0, "fixed:4", "±0.0000"),
        (0.0041, "percent:1", "±0.4 pp"),
        (None, "auto", ""),
        (NAN, "auto", ""),
    ],
)
def test_uncertainties(stderr: float | None, spec: str, text: str) -> None:
    assert format_uncertainty(stderr, spec) == text


def test_a_difference_is_relative_signed_and_in_words() -> None:
    assert format_delta(0.1354, 0.0999, "lower") == Delta(
        "+36%", better=False, words="36% worse than production"
    )
    assert format_delta(0.0639, 0.0999, "lower") == Delta(
        "−36%", better=True, words="36% better than production"
    )
    assert format_delta(0.0639, 0.0999, "higher", reference="v19") == Delta(
        "−36%", better=False, words="36% worse than v19"
    )
    assert format_delta(2, 1, "") == Delta(
        "+100%", better=None, words="100% higher than production"
    )


@pytest.mark.parametrize(
    ("value", "base", "spec", "text"),
    [
        (0.93, 0.918, "percent:1", "+1.2 pp"),
        (0.5, 0.0, "auto", "+0.5"),
        (-2.0, -1.0, "auto", "−100%"),
        (1.012, 1.0, "auto", "+1.2%"),
        (1.00034, 1.0, "auto", "+0.034%"),
        (1.000000001, 1.0, "auto", "+<0.01%"),
        (1e9, 1.0, "auto", "+1e11%"),
        (INF, 1.0, "auto", "+∞"),
        (1.0, INF, "auto", "−∞"),
        (1.0, 1.0, "auto", "="),
    ],
)
def test_sizes_of_differences(value: float, base: float, spec: str, text: str) -> None:
    delta = format_delta(value, base, "lower", spec)

    assert delta is not None
    assert delta.text == text


@pytest.mark.parametrize(("value", "base"), [(None, 1.0), (1.0, None), (NAN, 1.0), (1.0, NAN)])
def test_nothing_is_compared_with_what_is_missing(value: float | None, base: float | None) -> None:
    assert format_delta(value, base, "lower") is None


def test_equal_values_are_neither_better_nor_worse() -> None:
    assert format_delta(1.0, 1.0, "higher") == Delta("=", None, "same as production")


def test_differences_inside_the_noise() -> None:
    # 1.96 · √(0.03² + 0.04²) = 0.098
    assert is_within_noise(1.0, 0.03, 1.097, 0.04) is True
    assert is_within_noise(1.0, 0.03, 1.099, 0.04) is False
    assert is_within_noise(1.0, None, 1.0, 0.1) is None
    assert is_within_noise(NAN, 0.1, 1.0, 0.1) is None
    delta = format_delta(1.0, 1.05, "lower", stderr=0.03, base_stderr=0.04)
    assert delta is not None
    assert delta.within_noise is True


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (1_500_000, "1.5 MB"),
        (3 * 10**15, "3.0 PB"),
        (None, "–"),
    ],
)
def test_sizes(size: int | None, text: str) -> None:
    assert format_bytes(size) == text


def test_counts() -> None:
    assert format_count(12345) == "12,345"
    assert format_count(-12345) == "−12,345"
    assert format_count(None) == "–"
