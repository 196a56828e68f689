"""Charts: the same bytes each time, well-formed whatever they are given, and Plotly takes them."""

import json
import math
import xml.etree.ElementTree as ElementTree  # our own output, never a user's file
from dataclasses import replace
from datetime import UTC, datetime

import plotly.graph_objects as go
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.web.charts import (
    Bar,
    BarChartSpec,
    BarGroup,
    Chart,
    ChartSpec,
    Edge,
    Line,
    LineageSpec,
    Marker,
    Node,
    ParallelAxis,
    ParallelLine,
    ParallelSpec,
    Point,
    Scattered,
    ScatterSpec,
    bar_chart,
    draw_lineage,
    line_chart,
    parallel_chart,
    scatter_chart,
    sparkline,
)

HOSTILE = "</svg><script>alert(1)</script>\"' onload=x <b>%{y}</b> \x00\x1b\ud800 &amp; 𝔘 日本"


def points(*values: float | None) -> list[Point]:
    return [Point(index, value) for index, value in enumerate(values)]


def chart(*values: float | None, log_y: bool = False) -> Chart:
    return line_chart(ChartSpec("loss", "Loss", [Line("Loss", points(*values))], log_y=log_y))


def parsed(drawing: str) -> ElementTree.Element:
    return ElementTree.fromstring(drawing)  # noqa: S314


def paths(drawing: str, css_class: str) -> list[str]:
    """The path data of the elements of a class."""
    return [e.attrib["d"] for e in parsed(drawing).iter() if e.get("class") == css_class]


def texts(drawing: str) -> list[str]:
    return [element.text or "" for element in parsed(drawing).iter("text")]


def check(made: Chart) -> None:
    """What holds for every chart: XML, no inline style or script, figure and JSON are valid."""
    for drawing in made.drawings:
        for element in parsed(drawing).iter():
            assert "style" not in element.attrib
            assert not any(name.startswith("on") for name in element.attrib)
            assert element.tag not in ("script", "style", "image", "use", "foreignObject")
        for word in ("nan", "inf", "1e+"):
            assert not any(word in d for e in parsed(drawing).iter() if (d := e.get("d")))
    # allow_nan: what JSON does not know, a browser would refuse to read.
    json.dumps(made.figure, allow_nan=False)
    go.Figure(made.figure)
    assert all(len(row) == len(made.head) for row in made.rows)


FULL = ChartSpec(
    "loss",
    "Loss by version",
    [
        Line(
            "10k", [Point(i, 2 / (i + 1), 1.9 / (i + 1), 2.1 / (i + 1), f"v{i}") for i in range(9)]
        ),
        Line("1k", points(*(1.8 / (i + 1) for i in range(9))), style="dashed", role="muted"),
    ],
    x_label="Version",
    y_label="Loss",
    markers=[Marker(3, "production"), Marker(4, "staging", role="amber")],
    log_y=True,
)


def test_a_chart_is_the_same_bytes_every_time() -> None:
    first, second = line_chart(FULL), line_chart(FULL)

    assert first.drawings == second.drawings
    assert json.dumps(first.figure) == json.dumps(second.figure)


def test_few_versions_are_marked_one_by_one() -> None:
    few = line_chart(ChartSpec("few", "Few", [Line("loss", points(0.4, 0.3, 0.2))]))
    axis = few.figure["layout"]["xaxis"]
    assert (axis["tick0"], axis["dtick"], axis["exponentformat"]) == (0, 1, "none")

    moments = [Point(x, x) for x in (0.5, 1.5)]
    between = line_chart(ChartSpec("between", "Between", [Line("loss", moments)]))
    assert "dtick" not in between.figure["layout"]["xaxis"]


def test_the_number_of_a_version_is_written_out() -> None:
    many = [Point(number, 0.5) for number in (9_800, 10_000)]
    made = line_chart(ChartSpec("many", "Many", [Line("loss", many)]))
    assert ">10000<" in made.drawings[0]
    assert "9.8k" not in made.drawings[0]


def test_words_at_the_edge_stay_inside() -> None:
    last = Marker(8, "became the production version of everything")
    made = line_chart(replace(FULL, markers=[last]))
    words, *_axis_names = made.figure["layout"]["annotations"]
    assert words["text"] == last.text
    assert words["xanchor"] == "right"


def test_a_chart_has_a_name_a_description_and_a_table() -> None:
    made = line_chart(FULL)

    wide = parsed(made.drawings[0])
    assert wide.get("role") == "img"
    assert wide[0].text == "Loss by version"
    assert wide[1].text == (
        "10k: 9 values from 0.2222 to 2, the last 0.2222. "
        "1k: 9 values from 0.2 to 1.8, the last 0.2."
    )
    assert made.head == ("Version", "10k", "1k", "Change")
    assert made.rows[3] == ("v3", "0.5 (0.475 – 0.525)", "0.45", "production")
    assert [(item.name, item.classes) for item in made.legend] == [
        ("10k", "role-accent"),
        ("1k", "role-muted is-dashed"),
        ("production", "hue-green is-dotted"),
        ("staging", "hue-amber is-dotted"),
    ]
    check(made)


def test_a_single_line_that_is_called_like_the_chart_needs_no_key() -> None:
    one = ChartSpec("loss", "loss", [Line("loss", points(1, 2))])
    other = ChartSpec("loss", "Loss", [Line("10k", points(1, 2))])

    assert line_chart(one).keys == ()
    assert [item.name for item in line_chart(other).keys] == ["10k"]


def test_ids_differ_between_the_drawings_of_a_page() -> None:
    other = ChartSpec("accuracy", "Accuracy", [Line("Accuracy", points(1, 2))])
    drawings = [*line_chart(FULL).drawings, *line_chart(other).drawings]

    ids = [
        e.attrib["id"] for drawing in drawings for e in parsed(drawing).iter() if "id" in e.attrib
    ]

    assert len(ids) == len(set(ids)) == 12


def test_a_key_that_is_no_word_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be the key"):
        line_chart(ChartSpec('x" onload="', "Loss", []))


def test_missing_and_non_finite_values_are_gaps_and_stay_in_the_table() -> None:
    made = chart(1.0, 2.0, None, 3.0, math.nan, 4.0, math.inf, -math.inf, 5.0)

    (line,) = paths(made.drawings[0], "line")
    assert line.count("M") == 4
    assert [row[1] for row in made.rows] == ["1", "2", "–", "3", "NaN", "4", "∞", "−∞", "5"]
    assert made.figure["data"][0]["y"] == [1, 2, None, 3, None, 4, None, None, 5]
    check(made)


def test_a_point_that_is_left_out_is_no_gap() -> None:
    spec = ChartSpec("loss", "Loss", [Line("Loss", [Point(0, 1.0), Point(5, 2.0)])])

    (line,) = paths(line_chart(spec).drawings[0], "line")
    assert line.count("M") == 1


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((), "No values yet"),
        ((None,), "No values yet"),
        ((math.nan, math.inf), "Nothing to draw: NaN and infinite values only"),
    ],
)
def test_without_values_it_says_so(values: tuple[float | None, ...], words: str) -> None:
    made = chart(*values)

    assert texts(made.drawings[0]) == [words]
    assert made.figure["data"] == []
    check(made)


@pytest.mark.parametrize(
    "values",
    [
        (0.5,),
        (0.0, 0.0, 0.0),
        (7.0, 7.0),
        (1e300, -1e300),
        (1.7e308, 1.0, 2.0),
        (5e-324, 1.0),
        (1e-300, 1e300),
        (1e16, 1e16 + 2),
        (0.1 + 0.2, 0.3),
    ],
)
@pytest.mark.parametrize("log_y", [False, True])
def test_single_equal_and_far_apart_values_are_drawn(
    values: tuple[float, ...], log_y: bool
) -> None:
    made = chart(*values, log_y=log_y)

    check(made)


def test_a_log_axis_leaves_out_what_is_not_positive() -> None:
    made = chart(10.0, 0.0, -1.0, 1.0, 0.1, log_y=True)

    assert made.figure["layout"]["yaxis"]["type"] == "log"
    assert made.figure["data"][0]["y"] == [10, None, None, 1, 0.1]
    assert [row[1] for row in made.rows] == ["10", "0", "−1", "1", "0.1"]


def test_a_log_axis_without_positive_values_falls_back_to_a_linear_one() -> None:
    made = chart(0.0, -1.0, log_y=True)

    assert made.figure["layout"]["yaxis"]["type"] == "linear"
    check(made)


def test_few_points_get_whiskers_and_many_get_a_band() -> None:
    def spec(count: int) -> ChartSpec:
        line = Line("Loss", [Point(i, 1.0 + i % 3, 0.5, 4.0) for i in range(count)])
        return ChartSpec("loss", "Loss", [line])

    few, many = line_chart(spec(5)), line_chart(spec(100))

    assert paths(few.drawings[0], "whisker")
    assert not paths(few.drawings[0], "band")
    assert paths(many.drawings[0], "band")
    assert [trace.get("fill") for trace in many.figure["data"]] == [None, "tonexty", None]
    check(few)
    check(many)


def test_a_long_line_is_thinned_but_keeps_its_extremes() -> None:
    values = [0.0] * 10_000
    values[5_000], values[7_001] = 9.0, -9.0

    made = chart(*values)

    (line,) = paths(made.drawings[2], "line")
    assert line.count("L") < 400
    heights = {float(pair.split()[1]) for pair in line[1:].split("L")}
    assert len(heights) == 3


def test_markers_without_room_keep_their_line_and_lose_their_words() -> None:
    markers = [Marker(i / 100, "production") for i in range(20)]
    spec = ChartSpec("loss", "Loss", [Line("Loss", points(1, 2, 3))], markers=markers)

    made = line_chart(spec)

    assert len(paths(made.drawings[0], "marker")) == 20
    assert texts(made.drawings[0]).count("production") == 0
    check(made)


def test_times_are_given_as_moments_or_seconds() -> None:
    moment = datetime(2026, 11, 21, 1, 40, tzinfo=UTC)
    days = [Point(moment, 1.0), Point(moment.timestamp() + 86_400, 2.0)]
    spec = ChartSpec("loss", "Loss", [Line("Loss", days)], x_kind="time")

    made = line_chart(spec)

    assert made.figure["data"][0]["x"] == [
        "2026-11-21 01:40:00.000000",
        "2026-11-22 01:40:00.000000",
    ]
    assert made.rows[0] == ("2026-11-21 01:40:00 UTC", "1")
    check(made)


def test_categories_keep_the_order_in_which_they_come() -> None:
    lines = [
        Line("a", [Point("10k", 1.0), Point("1k", 2.0)]),
        Line("b", [Point("1k", 1.0), Point("rotated", None)]),
    ]

    made = line_chart(ChartSpec("sets", "Sets", lines, x_kind="category"))

    assert [row[0] for row in made.rows] == ["10k", "1k", "rotated"]
    check(made)


def test_hostile_names_stay_words() -> None:
    spec = ChartSpec(
        "loss",
        HOSTILE,
        [Line(HOSTILE, [Point(HOSTILE, 1.0, 0.5, 2.0, HOSTILE)])],
        description=HOSTILE,
        x_label=HOSTILE,
        y_label=HOSTILE,
        markers=[Marker(HOSTILE, HOSTILE)],
        x_kind="category",
    )

    made = line_chart(spec)

    check(made)
    for drawing in made.drawings:
        assert "<script" not in drawing
    # Plotly reads tags in labels and names in templates: neither may come from data.
    trace = made.figure["data"][0]
    assert "<" not in json.dumps(made.figure)
    assert trace["hovertemplate"] == "%{text}"


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.one_of(st.none(), st.floats()), max_size=12),
    name=st.text(max_size=30),
    log_y=st.booleans(),
)
def test_any_values_and_names_make_a_valid_chart(
    values: list[float | None], name: str, log_y: bool
) -> None:
    spec = ChartSpec("any", name, [Line(name, points(*values))], x_label=name, log_y=log_y)

    check(line_chart(spec))


# Bars -------------------------------------------------------------------------------------------


def test_bars_compare_a_version_with_production_on_each_golden_set() -> None:
    groups = [
        BarGroup("10k", [Bar("v17", 0.13, 0.12, 0.14), Bar("production", 0.1, role="green")]),
        BarGroup("1k", [Bar("v17", None), Bar("production", 0.09, role="green")]),
    ]

    made = bar_chart(BarChartSpec("bars", "Loss", groups, x_label="Loss"))

    assert made.head == ("Golden set", "v17", "production")
    assert made.rows == (("10k", "0.13 (0.12 – 0.14)", "0.1"), ("1k", "–", "0.09"))
    assert made.drawings[0].count('class="bar"') == 3
    check(made)


@pytest.mark.parametrize(
    "values", [(), (None,), (0.0,), (-1.0, 2.0), (math.nan, math.inf), (1e300, -1e300), (5e-324,)]
)
def test_bars_of_any_values(values: tuple[float | None, ...]) -> None:
    bars = [Bar(f"v{index}", value) for index, value in enumerate(values)]

    check(bar_chart(BarChartSpec("bars", HOSTILE, [BarGroup(HOSTILE, bars)], x_label=HOSTILE)))


# Sparklines -------------------------------------------------------------------------------------


def test_a_sparkline_leaves_gaps() -> None:
    drawn = sparkline([1.0, 2.0, None, 3.0, math.nan, 4.0], label="Loss")

    path = next(element for element in parsed(drawn).iter("path"))
    assert path.attrib["d"].count("M") == 3


@pytest.mark.parametrize("values", [[], [None], [math.nan, math.inf]])
def test_a_sparkline_of_nothing_is_nothing(values: list[float | None]) -> None:
    assert sparkline(values, label="Loss") == ""


@pytest.mark.parametrize("values", [[1.0], [3.0, 3.0], [1e300, -1e300], [5e-324, 0.0]])
def test_a_sparkline_of_odd_values_is_well_formed(values: list[float]) -> None:
    drawn = sparkline(values, label=HOSTILE)

    assert parsed(drawn).get("role") == "img"
    assert "nan" not in drawn


# Lineage ----------------------------------------------------------------------------------------

NODES = [
    Node("data", "mnist_train:v3", "data set", url="/main/mnist/artifacts/dataset/train/v3"),
    Node("run", "silver-lake-19", "run"),
    Node("model", "mnist_model_candidates:v19", "model", is_current=True),
    Node("10k", "Loss 0.0999", "evaluation"),
    Node("1k", "Loss 0.0871", "evaluation"),
]
EDGES = [Edge("data", "run"), Edge("run", "model"), Edge("model", "10k"), Edge("model", "1k")]


def boxes(drawn: str) -> list[tuple[float, float]]:
    return [
        (float(e.attrib["x"]), float(e.attrib["y"]))
        for e in parsed(drawn).iter("rect")
        if e.get("class") == "box"
    ]


def test_lineage_runs_from_left_to_right() -> None:
    made = draw_lineage(LineageSpec("lineage", "Lineage", NODES, EDGES))

    columns = [x for x, _y in boxes(made.svg)]
    assert columns == sorted(columns)
    assert len(set(columns)) == 4
    assert made.rows[0] == ("mnist_train:v3", "silver-lake-19")
    assert made.svg == draw_lineage(LineageSpec("lineage", "Lineage", NODES, EDGES)).svg


def test_no_two_boxes_lie_on_each_other() -> None:
    nodes = [Node(str(index), f"node {index}") for index in range(40)]
    edges = [Edge(str(a), str(b)) for a in range(40) for b in range(a + 1, 40) if (a * b) % 7 == 3]

    drawn = boxes(draw_lineage(LineageSpec("lineage", "Lineage", nodes, edges)).svg)

    assert len(set(drawn)) == len(drawn)


def test_a_circle_does_not_stop_the_drawing() -> None:
    edges = [*EDGES, Edge("model", "data"), Edge("run", "run")]

    made = draw_lineage(LineageSpec("lineage", "Lineage", NODES, edges))

    assert len(boxes(made.svg)) == 5


def test_a_long_layer_is_counted_and_keeps_the_current_box() -> None:
    many = [Node(str(index), f"run {index}", is_current=index == 90) for index in range(100)]
    edges = [Edge("data", str(index)) for index in range(100)]

    made = draw_lineage(LineageSpec("lineage", "Lineage", [NODES[0], *many], edges))

    words = texts(made.svg)
    assert "93 more" in words
    assert "run 90" in words
    assert len(boxes(made.svg)) == 9


@pytest.mark.parametrize("url", ["javascript:alert(1)", "//evil.example", "https://evil.example"])
def test_lineage_links_stay_on_this_site(url: str) -> None:
    made = draw_lineage(LineageSpec("lineage", "Lineage", [Node("a", "a", url=url)], []))

    assert "href" not in made.svg


def test_hostile_names_in_lineage_stay_words() -> None:
    nodes = [Node(HOSTILE, HOSTILE, HOSTILE, HOSTILE), Node("b", "b", url='/x"><script>')]

    drawn = draw_lineage(LineageSpec("lineage", HOSTILE, nodes, [Edge(HOSTILE, "b")])).svg

    assert parsed(drawn) is not None
    assert "<script" not in drawn


def test_nothing_has_an_empty_lineage() -> None:
    assert boxes(draw_lineage(LineageSpec("lineage", "Lineage", [], [])).svg) == []


# --- bars with names, scatter, parallel coordinates ----------------------------------------------

TWENTY = [f"candidate-{number}" for number in range(20)]


def test_each_of_many_bars_has_its_name_beside_it() -> None:
    groups = [
        BarGroup(title, [Bar(name, 0.1 * index, role="teal") for index, name in enumerate(TWENTY)])
        for title in ("10k", "1k")
    ]
    made = bar_chart(BarChartSpec("bars", "Loss", groups, with_names=True))

    check(made)
    assert all(texts(drawing).count(name) == 2 for drawing in made.drawings for name in TWENTY)
    # Keys would say less: their colours come again.
    assert made.legend == ()
    # One place for each in each group, or Plotly would lay them over each other.
    places = [
        tuple(pair) for trace in made.figure["data"] for pair in zip(*trace["y"], strict=True)
    ]
    assert len(places) == len(set(places)) == 40


def scattered(*pairs: tuple[float, float], log_x: bool = False) -> Chart:
    points = [Scattered(f"v{place}", x, y) for place, (x, y) in enumerate(pairs)]
    return scatter_chart(
        ScatterSpec("scatter", "Loss by rate", points, "rate", "loss", log_x=log_x)
    )


def test_points_lie_where_their_numbers_say() -> None:
    made = scattered((1, 10), (2, 20), (3, 30))

    check(made)
    xs, ys = zip(
        *(map(float, path[1:].split("m")[0].split()) for path in paths(made.drawings[0], "spot")),
        strict=True,
    )
    assert xs == tuple(sorted(xs))
    assert ys == tuple(sorted(ys, reverse=True))
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.2)
    assert made.rows == (("v0", "1", "10"), ("v1", "2", "20"), ("v2", "3", "30"))
    assert {"v0", "v1", "v2"} <= set(texts(made.drawings[0]))


def test_names_that_would_cover_each_other_are_left_out() -> None:
    made = scattered(*[(1.0, 1.0)] * 12, (2.0, 2.0))

    named = {text for text in texts(made.drawings[0]) if text.startswith("v")}
    assert "v12" in named
    assert len(named) < 8
    assert len(made.rows) == 13


def test_a_logarithmic_axis_of_points_needs_values_above_zero() -> None:
    def kind(chart: Chart) -> str:
        found: str = chart.figure["layout"]["xaxis"]["type"]
        return found

    assert kind(scattered((0.001, 1), (10, 2), log_x=True)) == "log"
    assert kind(scattered((0, 1), (10, 2), log_x=True)) == "linear"


def parallel(*lines: list[float | None]) -> Chart:
    axes = [ParallelAxis("rate", is_log=True), ParallelAxis("layers"), ParallelAxis("loss")]
    drawn = [ParallelLine(f"v{place}", values) for place, values in enumerate(lines)]
    return parallel_chart(ParallelSpec("parallel", "All", axes, drawn))


def test_a_line_goes_through_its_value_on_every_axis() -> None:
    made = parallel([0.001, 1, 0.5], [0.1, 3, 0.1])

    check(made)
    shares = {trace["name"]: trace["y"] for trace in made.figure["data"]}
    assert all(low < high for low, high in zip(shares["v0"][:2], shares["v1"][:2], strict=True))
    assert shares["v0"][2] > shares["v1"][2]
    assert made.rows == (("v0", "0.001", "1", "0.5"), ("v1", "0.1", "3", "0.1"))


def test_a_missing_value_breaks_the_line() -> None:
    made = parallel([0.1, None, 0.5], [0.2, 2, 0.1])

    gaps = [path for path in paths(made.drawings[0], "line") if path.count("M") == 2]
    assert len(gaps) == 1


def test_axes_lie_below_each_other_where_it_is_narrow() -> None:
    made = parallel([0.1, 2, 0.5], [0.2, 3, 0.1])

    wide, _medium, narrow = (paths(drawing, "line")[0] for drawing in made.drawings)

    def steps(path: str) -> list[tuple[float, float]]:
        return [tuple(map(float, place.split())) for place in path[1:].split("L")]  # type: ignore[misc]

    assert len({x for x, _y in steps(wide)}) == 3
    assert [y for _x, y in steps(narrow)] == sorted({y for _x, y in steps(narrow)})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e308, 0.0, 5e-324])
def test_numbers_that_cannot_be_drawn_break_no_chart(value: float) -> None:
    check(scattered((value, 1.0), (2.0, value), log_x=True))
    check(parallel([value, 1, value], [1.0, None, 2.0]))
    check(
        bar_chart(BarChartSpec("bars", "B", [BarGroup("10k", [Bar("a", value)])], with_names=True))
    )


@given(st.text(max_size=30))
@settings(max_examples=25, deadline=None)
def test_new_kinds_take_any_name(text: str) -> None:
    name = text + HOSTILE
    point = Scattered(name, 1.0, 2.0)
    check(scatter_chart(ScatterSpec("s", name, [point, point], name, name)))
    lines = [ParallelLine(name, [1.0, 2.0])]
    check(parallel_chart(ParallelSpec("p", name, [ParallelAxis(name), ParallelAxis(name)], lines)))
    groups = [BarGroup(name, [Bar(name, 1.0)])]
    check(bar_chart(BarChartSpec("b", name, groups, with_names=True)))


def test_nothing_to_draw_is_said() -> None:
    assert "No values yet" in scattered().drawings[0]
    assert scattered().figure == {"data": [], "layout": {}}
