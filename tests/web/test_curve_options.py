"""How curves are drawn: what addresses may ask for, and what becomes of the points."""

import math

import pytest
from django.http import QueryDict

from apps.core.errors import Invalid
from apps.series.encoding import Points, pack, unpack
from apps.web.charts.ticks import duration_ticks
from apps.web.curve_options import (
    SAMPLE,
    CurveOptions,
    curve_controls,
    curve_points,
    read_curve_options,
    smoothed,
    start_of,
)


def series(*values: float, first: float = 100.0) -> Points:
    steps = list(range(len(values)))
    return unpack(pack(steps, [first + 10.0 * step for step in steps], list(values)))


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("", CurveOptions()),
        ("x=step&smooth=0", CurveOptions()),
        ("scale=linear", CurveOptions(scale="linear")),
        ("x=time", CurveOptions(x="time")),
        ("x=relative&smooth=0.9&scale=log", CurveOptions("relative", 0.9, "log")),
    ],
)
def test_an_address_says_how_to_draw(query: str, options: CurveOptions) -> None:
    assert read_curve_options(QueryDict(query)) == options


@pytest.mark.parametrize(
    "query",
    [
        *("x=y", "x=Step", "scale=cubic", "smooth=1", "smooth=-0.1", "smooth=nan", "smooth=inf"),
        *("smooth=much", f"smooth={'0' * 50}", "x=%00"),
    ],
)
def test_what_cannot_be_drawn_is_refused(query: str) -> None:
    with pytest.raises(Invalid):
        read_curve_options(QueryDict(query))


@pytest.mark.parametrize(
    "query", ["", "x=time", "scale=linear", "x=relative&smooth=0.95&scale=log"]
)
def test_a_way_of_drawing_has_one_address(query: str) -> None:
    pairs = read_curve_options(QueryDict(query)).parameters()

    assert "&".join(f"{name}={value}" for name, value in pairs) == query


def test_the_average_has_no_bias_towards_the_first_value() -> None:
    # By hand with weight 1/2: 4; (4/2 + 1) / 1.5; (4/4 + 1/2 + 7) / 1.75.
    assert smoothed([4.0, 1.0, 7.0], 0.5) == pytest.approx([4.0, 2.0, 8.5 / 1.75])
    assert smoothed([2.5] * 50, 0.98) == pytest.approx([2.5] * 50)


def test_the_average_passes_over_what_is_no_number() -> None:
    found = smoothed([4.0, math.nan, 1.0, math.inf], 0.5)

    assert found[0] == 4.0
    assert math.isnan(found[1])
    assert found[2] == pytest.approx(2.0)
    assert found[3] == math.inf


@pytest.mark.parametrize(
    ("x", "places"),
    [("step", [0, 1, 2]), ("time", [100, 110, 120]), ("relative", [0, 10, 20])],
)
def test_the_same_values_along_each_axis(x: str, places: list[float]) -> None:
    points = series(3.0, 2.0, 1.0)

    drawn = curve_points(points, read_curve_options(QueryDict(f"x={x}")), start=start_of([points]))

    assert [point.x for point in drawn] == places
    assert [point.y for point in drawn] == [3.0, 2.0, 1.0]


def test_a_smoothed_curve_is_averaged_before_it_is_thinned() -> None:
    values = [float(step % 2) for step in range(900)]

    drawn = curve_points(series(*values), CurveOptions(smoothing=0.98))

    assert len(drawn) <= SAMPLE
    ys = [point.y for point in drawn[1:] if point.y is not None]
    assert max(abs(y - 0.5) for y in ys[len(ys) // 2 :]) < 0.02


def test_nothing_was_ever_logged() -> None:
    assert start_of([series()]) == 0.0
    assert curve_points(series(), CurveOptions("relative", 0.9)) == []


def test_controls_lead_to_every_other_way_and_mark_this_one() -> None:
    def address(options: CurveOptions) -> str:
        return "&".join("=".join(pair) for pair in options.parameters())

    controls = curve_controls(CurveOptions("time", 0.95), address)

    assert [link.url for link in controls.axes] == [
        "smooth=0.95",
        "x=time&smooth=0.95",
        "x=relative&smooth=0.95",
    ]
    assert [link.words for link in controls.smoothings] == ["None", "0.6", "0.9", "0.95", "0.98"]
    chosen = [
        link.words
        for links in (controls.axes, controls.smoothings, controls.scales)
        for link in links
        if link.is_chosen
    ]
    assert chosen == ["Clock", "0.95", "Auto"]


@pytest.mark.parametrize(
    ("high", "words"),
    [
        (40, ["0", "10 s", "20 s", "30 s", "40 s"]),
        (3_600, ["0", "15 min", "30 min", "45 min", "60 min"]),
        (86_400, ["0", "6 h", "12 h", "18 h", "24 h"]),
        (86_400 * 400, ["0", "100 d", "200 d", "300 d", "400 d"]),
    ],
)
def test_lengths_of_time_have_round_ticks(high: float, words: list[str]) -> None:
    found = [tick.text for tick in duration_ticks(0, high, 4)]

    assert found == words
