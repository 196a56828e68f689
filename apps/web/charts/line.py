"""Lines over versions, steps or time, with uncertainty and the moments when a label moved.

Hand in some hundred points a line at most: sampling is the work of the query, not of the drawing.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.core.numbers import MISSING, format_value
from apps.web.charts import ticks
from apps.web.charts.chart import (
    SIZES,
    Chart,
    LegendItem,
    PlotlyFigure,
    Role,
    Size,
    Style,
    check_key,
    joined,
    line_classes,
    number,
    plotly_axis,
    plotly_dash,
    plotly_layout,
    plotly_text,
    printable,
    role_class,
    shortened,
    svg,
    svg_line,
    svg_text,
    text_width,
    widest,
)
from apps.web.charts.ticks import Tick, is_drawable

X = float | datetime | str

# More than this many and circles or whiskers melt together.
_MOST_CIRCLES = 60
_MARKER_ROWS = 2
_MARKER_TEXT = 11.0


@dataclass(frozen=True, slots=True)
class Point:
    """One value. `y` None, NaN or infinite leaves a gap; `marked` draws it large."""

    x: X
    y: float | None
    low: float | None = None
    high: float | None = None
    label: str = ""
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A named row of points; dashed and dotted ones get no circles."""

    name: str
    points: Sequence[Point]
    style: Style = "solid"
    role: Role = "accent"


@dataclass(frozen=True, slots=True)
class Marker:
    """A vertical line where something happened, such as a version becoming production."""

    x: X
    text: str
    role: Role = "green"


@dataclass(frozen=True, slots=True)
class ChartSpec:
    """What to draw. `key` becomes element ids; `y_format` is a format of core.numbers."""

    key: str
    title: str
    lines: Sequence[Line]
    description: str = ""
    x_label: str = ""
    y_label: str = ""
    markers: Sequence[Marker] = ()
    x_kind: Literal["number", "time", "category"] = "number"
    y_format: str = "auto"
    log_y: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """A point with its place on both axes; `y` None is a gap."""

    x: float
    y: float | None
    low: float | None
    high: float | None
    point: Point


@dataclass(frozen=True, slots=True)
class _Plan:
    """A chart in the units of its axes, before it has a size."""

    spec: ChartSpec
    lines: tuple[tuple[Line, tuple[_Place, ...]], ...]
    markers: tuple[tuple[float, Marker], ...]
    names: tuple[str, ...]  # of the categories
    x_low: float
    x_high: float
    y_low: float
    y_high: float
    log_y: bool
    with_bands: bool
    is_empty: bool


def line_chart(spec: ChartSpec) -> Chart:
    """Draw the chart, describe it for Plotly and list it as a table; the same bytes every time."""
    check_key(spec.key)
    plan = _plan(spec)
    description = " ".join(part for part in (spec.description, _summary(plan)) if part)
    drawings = tuple(
        svg(
            key=spec.key,
            size=size,
            title=spec.title,
            description=description,
            body=_nothing(size) if plan.is_empty else _Drawing(plan, size).body(),
        )
        for size in SIZES
    )
    head, rows = _table(plan)
    return Chart(
        key=spec.key,
        title=spec.title,
        drawings=drawings,
        figure=_figure(plan),
        legend=_legend(spec),
        head=head,
        rows=rows,
    )


# Planning ---------------------------------------------------------------------------------------


def _plan(spec: ChartSpec) -> _Plan:
    names = _categories(spec)
    index = {name: float(place) for place, name in enumerate(names)}
    positive = any(
        _is_positive(point.y) and is_drawable(_x(point.x, index))
        for line in spec.lines
        for point in line.points
    )
    log_y = spec.log_y and positive
    lines = tuple((line, tuple(_places(line, index, log_y=log_y))) for line in spec.lines)
    markers = tuple(
        sorted(
            (
                (at, marker)
                for marker in spec.markers
                if is_drawable(at := _x(marker.x, index, missing=math.nan))
            ),
            key=lambda pair: (pair[0], pair[1].text),
        )
    )
    shown = [place for _line, places in lines for place in places if place.y is not None]
    xs = [place.x for place in shown] + [at for at, _marker in markers]
    x_low, x_high = _x_range(spec, xs, len(names))
    y_low, y_high = _y_range(shown, log_y=log_y)
    return _Plan(
        spec=spec,
        lines=lines,
        markers=markers if shown else (),
        names=names,
        x_low=x_low,
        x_high=x_high,
        y_low=y_low,
        y_high=y_high,
        log_y=log_y,
        with_bands=sum(place.low is not None for place in shown) > _MOST_CIRCLES,
        is_empty=not shown,
    )


def _categories(spec: ChartSpec) -> tuple[str, ...]:
    """The names on a category axis, in the order in which they first appear."""
    if spec.x_kind != "category":
        return ()
    points = [str(point.x) for line in spec.lines for point in line.points]
    return tuple(dict.fromkeys(points))


def _x(x: X, index: dict[str, float], *, missing: float = math.nan) -> float:
    if isinstance(x, datetime):
        return x.timestamp()
    if isinstance(x, str) or index:
        return index.get(str(x), missing)
    return float(x)


def _places(line: Line, index: dict[str, float], *, log_y: bool) -> Iterator[_Place]:
    """The points of a line from left to right; a point without a place in x is left out."""
    placed = [(x, point) for point in line.points if is_drawable(x := _x(point.x, index))]
    for x, point in sorted(placed, key=lambda pair: pair[0]):
        fits = _is_positive(point.y) if log_y else is_drawable(point.y)
        bounds = fits and is_drawable(point.low) and is_drawable(point.high)
        low, high = (point.low, point.high) if bounds else (None, None)
        if log_y and low is not None and high is not None and (low <= 0 or high <= 0):
            # An interval that reaches zero has no lower end on this axis.
            low, high = (point.y, high) if high > 0 else (None, None)
        yield _Place(x, point.y if fits else None, low, high, point)


def _is_positive(value: float | None) -> bool:
    return value is not None and is_drawable(value) and value > 0


def _x_range(spec: ChartSpec, xs: Sequence[float], names: int) -> tuple[float, float]:
    if spec.x_kind == "category":
        return -0.5, max(names, 1) - 0.5
    if not xs:
        return 0.0, 1.0
    low, high = min(xs), max(xs)
    if low == high:
        pad = 1800.0 if spec.x_kind == "time" else max(0.5, abs(low) * 1e-6)
        return low - pad, high + pad
    return low, high


def _y_range(shown: Sequence[_Place], *, log_y: bool) -> tuple[float, float]:
    values = [v for place in shown for v in (place.y, place.low, place.high) if v is not None]
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    if not log_y:
        return ticks.nice_range(low, high, SIZES[0].y_ticks - 1)
    bottom, top = math.log10(low), math.log10(high)
    pad = max((top - bottom) * 0.05, 0.02)
    return 10 ** max(bottom - pad, -307), 10 ** min(top + pad, 307)


def _summary(plan: _Plan) -> str:
    """The lines in words, for those who do not see them."""
    sentences = []
    for line, places in plan.lines:
        values = [place.y for place in places if place.y is not None]
        if not values:
            sentences.append(_("%(name)s: no values.") % {"name": line.name})
            continue
        spec = plan.spec.y_format
        words = {
            "name": line.name,
            "count": len(values),
            "low": format_value(min(values), spec),
            "high": format_value(max(values), spec),
            "last": format_value(values[-1], spec),
        }
        text = _("%(name)s: %(count)s values from %(low)s to %(high)s, the last %(last)s.")
        sentences.append(text % words)
    return " ".join(sentences)


def _legend(spec: ChartSpec) -> tuple[LegendItem, ...]:
    lines = [LegendItem(line.name, line_classes(line.role, line.style)) for line in spec.lines]
    kinds = dict.fromkeys((marker.text, marker.role) for marker in spec.markers)
    markers = [LegendItem(text, line_classes(role, "dotted"), True) for text, role in kinds]
    return (*lines, *markers)


# Drawing ----------------------------------------------------------------------------------------


def _nothing(size: Size) -> SafeString:
    return svg_text(
        _("No values yet"), size.width / 2, size.height / 2, anchor="middle", classes="nothing"
    )


class _Drawing:
    """One drawing: the plan, laid out in one size."""

    def __init__(self, plan: _Plan, size: Size) -> None:
        self.plan = plan
        self.size = size
        self.y_ticks = (
            ticks.log_ticks(plan.y_low, plan.y_high, size.y_ticks)
            if plan.log_y
            else ticks.linear_ticks(plan.y_low, plan.y_high, size.y_ticks - 1)
        )
        self.x_ticks = _x_ticks(plan, size)
        self.left = min(widest(self.y_ticks) + 12, size.width / 3)
        self.right = size.width - 14.0
        self.bottom = size.height - (42.0 if plan.spec.x_label else 24.0)
        self.top = 0.0  # for text_row, which asks for x only
        self.words = self._marker_words()
        rows = 1 + max((row for row, _x, _anchor, _marker in self.words), default=-1)
        self.first_row = 20.0 if plan.spec.y_label else 6.0
        self.top = self.first_row + rows * 14 + (4 if rows else 2)

    def x(self, value: float) -> float:
        plan = self.plan
        share = (value - plan.x_low) / (plan.x_high - plan.x_low)
        inset = 0.0 if plan.names else 8.0
        return self.left + inset + share * (self.right - self.left - 2 * inset)

    def y(self, value: float) -> float:
        plan = self.plan
        low, high = plan.y_low, plan.y_high
        if plan.log_y:
            low, high, value = math.log10(low), math.log10(high), math.log10(value)
        return self.bottom - (value - low) / (high - low) * (self.bottom - self.top)

    def body(self) -> SafeString:
        parts = [*self._axes(), *self._markers()]
        for line, places in self.plan.lines:
            parts.append(
                format_html('<g class="{}">{}</g>', role_class(line.role), self._line(line, places))
            )
        return joined(parts)

    def _axes(self) -> Iterator[SafeString]:
        spec = self.plan.spec
        for tick in self.y_ticks:
            y = self.y(tick.at)
            yield svg_line("grid", self.left, y, self.right, y)
            yield svg_text(tick.text, self.left - 8, y + 4, anchor="end")
        yield svg_line("base", self.left, self.bottom, self.right, self.bottom)
        room = (self.right - self.left) / max(len(self.x_ticks), 1) - 6
        for tick in self.x_ticks:
            text = shortened(tick.text, room) if self.plan.names else tick.text
            # The outermost words stay inside the drawing.
            half = text_width(text) / 2
            x = min(max(self.x(tick.at), half), self.size.width - half)
            yield svg_text(text, x, self.bottom + 17, anchor="middle")
        if spec.x_label:
            middle = (self.left + self.right) / 2
            text = shortened(spec.x_label, self.right - self.left)
            yield svg_text(text, middle, self.size.height - 6, anchor="middle", classes="axis-name")
        if spec.y_label:
            text = shortened(spec.y_label, self.size.width - 8)
            yield svg_text(text, 0, 12, classes="axis-name")

    def _marker_words(self) -> list[tuple[int, float, str, Marker]]:
        """Which markers get their words, and in which row, so that none covers another."""
        ends = [-math.inf] * _MARKER_ROWS
        words = []
        for at, marker in self.plan.markers:
            x, half = self.x(at), text_width(marker.text, _MARKER_TEXT) / 2
            start = x - half
            anchor, text_x = "middle", x
            if start < 0:
                anchor, text_x, start = "", 0.0, 0.0
            elif x + half > self.size.width:
                anchor, text_x, start = "end", float(self.size.width), self.size.width - 2 * half
            row = next((row for row, end in enumerate(ends) if start > end + 8), None)
            if row is not None:
                ends[row] = start + 2 * half
                words.append((row, text_x, anchor, marker))
        return words

    def _markers(self) -> Iterator[SafeString]:
        for at, marker in self.plan.markers:
            x = self.x(at)
            yield format_html(
                '<g class="{}"><title>{}</title>{}</g>',
                role_class(marker.role),
                printable(marker.text),
                svg_line("marker", x, self.top - 2, x, self.bottom),
            )
        for row, x, anchor, marker in self.words:
            y = self.first_row + row * 14 + 8
            classes = f"marker-text {role_class(marker.role)}"
            yield svg_text(marker.text, x, y, anchor=anchor, classes=classes)

    def _line(self, line: Line, places: Sequence[_Place]) -> SafeString:
        places = _thinned(places, self.size.width // 2)
        runs = list(_runs(places))
        path = "".join(
            f"{'L' if index else 'M'}{number(self.x(place.x))} {number(self.y(place.y))}"
            for run in runs
            for index, place in enumerate(run)
            if place.y is not None
        )
        parts = (
            [self._band(run) for run in runs] if self.plan.with_bands else [self._whiskers(runs)]
        )
        if path:
            style = "" if line.style == "solid" else f" is-{line.style}"
            parts.append(format_html('<path class="line{}" d="{}"/>', style, path))
        with_circles = line.style == "solid" and len(places) <= _MOST_CIRCLES
        for run in runs:
            for place in run:
                if with_circles or place.point.marked or len(run) == 1:
                    parts.append(self._circle(place))
        return joined(parts)

    def _band(self, run: Sequence[_Place]) -> SafeString:
        ends = [
            (self.x(place.x), self.y(place.low), self.y(place.high))
            for place in run
            if place.low is not None and place.high is not None
        ]
        if len(ends) < 2:
            return SafeString()
        upper = [f"{number(x)} {number(high)}" for x, _low, high in ends]
        lower = [f"{number(x)} {number(low)}" for x, low, _high in reversed(ends)]
        return format_html('<path class="band" d="M{}Z"/>', "L".join(upper + lower))

    def _whiskers(self, runs: Sequence[Sequence[_Place]]) -> SafeString:
        path = "".join(
            f"M{number(x - 3)} {number(high)}h6m-3 0V{number(low)}m-3 0h6"
            for run in runs
            for place in run
            if place.low is not None and place.high is not None
            for x, low, high in ((self.x(place.x), self.y(place.low), self.y(place.high)),)
            if low - high >= 1
        )
        return format_html('<path class="whisker" d="{}"/>', path) if path else SafeString()

    def _circle(self, place: _Place) -> SafeString:
        if place.y is None:
            return SafeString()
        marked = place.point.marked
        return format_html(
            '<circle class="point{}" cx="{}" cy="{}" r="{}"><title>{}</title></circle>',
            " is-marked" if marked else "",
            number(self.x(place.x)),
            number(self.y(place.y)),
            "5.5" if marked else "3.5",
            printable(f"{_x_text(self.plan, place.point)}: {_y_text(self.plan, place.point)}"),
        )


def _x_ticks(plan: _Plan, size: Size) -> list[Tick]:
    if plan.spec.x_kind == "category":
        return ticks.category_ticks(plan.names, size.x_ticks)
    if plan.spec.x_kind == "time":
        return ticks.time_ticks(plan.x_low, plan.x_high, size.x_ticks)
    whole = all(place.x == int(place.x) for _line, places in plan.lines for place in places)
    found = ticks.linear_ticks(plan.x_low, plan.x_high, size.x_ticks, whole=whole)
    if whole and all(abs(tick.at) < 10_000 for tick in found):
        # Version 1200 is a name, not a quantity.
        return [Tick(tick.at, f"{tick.at:.0f}".replace("-", "−")) for tick in found]
    return found


def _runs(places: Sequence[_Place]) -> Iterator[list[_Place]]:
    """Stretches without a gap."""
    run: list[_Place] = []
    for place in places:
        if place.y is not None:
            run.append(place)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _thinned(places: Sequence[_Place], limit: int) -> Sequence[_Place]:
    """About `limit` places: lowest, highest and a gap of each bucket, and all marked ones."""
    if len(places) <= limit:
        return places
    width = math.ceil(len(places) / (limit / 2))
    kept = {0, len(places) - 1}
    for start in range(0, len(places), width):
        bucket = range(start, min(start + width, len(places)))
        known = [(y, index) for index in bucket if (y := places[index].y) is not None]
        if known:
            kept |= {min(known)[1], max(known)[1]}
        gap = next((index for index in bucket if places[index].y is None), None)
        if gap is not None:
            kept.add(gap)
        kept |= {index for index in bucket if places[index].point.marked}
    return [places[index] for index in sorted(kept)]


# Words ------------------------------------------------------------------------------------------


def _x_text(plan: _Plan, point: Point) -> str:
    return point.label or _x_words(point.x, plan.spec.x_kind)


def _x_words(x: X, kind: str) -> str:
    if isinstance(x, str):
        return x
    if isinstance(x, datetime) or (kind == "time" and is_drawable(x)):
        seconds = x.timestamp() if isinstance(x, datetime) else x
        return f"{ticks.moment(seconds):%Y-%m-%d %H:%M:%S} UTC"
    if is_drawable(x) and x == int(x) and abs(x) < 1e15:
        return f"{x:.0f}".replace("-", "−")
    return format_value(x)


def _y_text(plan: _Plan, point: Point) -> str:
    spec = plan.spec.y_format
    text = format_value(point.y, spec)
    if point.low is None or point.high is None or not is_drawable(point.y):
        return text
    return f"{text} ({format_value(point.low, spec)} – {format_value(point.high, spec)})"


def _table(plan: _Plan) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """One row for each place in x, one column for each line, and what happened there."""
    cells: dict[float, dict[int, str]] = {}
    words: dict[float, str] = {}
    for column, (_line, places) in enumerate(plan.lines):
        for place in places:
            cells.setdefault(place.x, {})[column] = _y_text(plan, place.point)
            words.setdefault(place.x, _x_text(plan, place.point))
    happened: dict[float, list[str]] = {}
    for at, marker in plan.markers:
        happened.setdefault(at, []).append(marker.text)
        words.setdefault(at, _x_words(marker.x, plan.spec.x_kind))
    head = (plan.spec.x_label or _("Place"), *(line.name for line, _places in plan.lines))
    columns = range(len(plan.lines))
    rows = [
        (
            words[at],
            *(cells.get(at, {}).get(column, MISSING) for column in columns),
            *((", ".join(happened.get(at, [])),) if plan.markers else ()),
        )
        for at in sorted(words)
    ]
    return (*head, *((_("Change"),) if plan.markers else ())), tuple(rows)


# Plotly -----------------------------------------------------------------------------------------


def _figure(plan: _Plan) -> PlotlyFigure:
    spec = plan.spec
    traces = []
    for line, places in plan.lines:
        if plan.with_bands:
            traces += _plotly_band(plan, line, places)
        traces.append(_plotly_line(plan, line, places))
    x: dict[str, Any] = {"showgrid": False, "type": "linear"}
    if spec.x_kind == "time":
        x["type"] = "date"
    elif spec.x_kind == "category":
        names = [plotly_text(name) for name in plan.names]
        x |= {"type": "category", "categoryorder": "array", "categoryarray": names}
    y = {"type": "log" if plan.log_y else "linear", "nticks": 7}
    if plan.log_y:
        y |= {"dtick": "D1" if plan.y_high / plan.y_low < 30 else "D2"}
        y.pop("nticks")
        if plan.y_high / plan.y_low > 1e4:
            y.pop("dtick")
    return {
        "data": traces if not plan.is_empty else [],
        "layout": plotly_layout(
            x=plotly_axis(spec.x_label, **x),
            y=plotly_axis(spec.y_label, **y),
            hovermode="x unified",
            shapes=[_plotly_shape(spec, marker) for _at, marker in plan.markers],
        ),
    }


def _plotly_x(x: X, kind: str) -> float | str:
    if isinstance(x, str):
        return plotly_text(x)
    if isinstance(x, datetime):
        return f"{x.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"
    if kind == "time":
        return f"{ticks.moment(x):%Y-%m-%d %H:%M:%S.%f}"
    return plotly_text(str(x)) if kind == "category" else float(x)


def _plotly_line(plan: _Plan, line: Line, places: Sequence[_Place]) -> dict[str, Any]:
    kind = plan.spec.x_kind
    circles = line.style == "solid" and len(places) <= _MOST_CIRCLES
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "lines+markers" if circles else "lines",
        "name": plotly_text(line.name),
        "meta": role_class(line.role),
        "x": [_plotly_x(place.point.x, kind) for place in places],
        "y": [place.y for place in places],
        "text": [plotly_text(_hover(plan, place.point)) for place in places],
        "hovertemplate": "%{text}",
        "line": {"dash": plotly_dash(line.style), "width": 2},
        "connectgaps": False,
    }
    if circles:
        trace["marker"] = {
            "size": [11 if place.point.marked else 7 for place in places],
            "symbol": ["circle" if place.point.marked else "circle-open" for place in places],
        }
    if not plan.with_bands and any(place.low is not None for place in places):
        trace["error_y"] = {
            "type": "data",
            "symmetric": False,
            "array": [_distance(place.y, place.high) for place in places],
            "arrayminus": [_distance(place.low, place.y) for place in places],
            "thickness": 1.25,
            "width": 3,
        }
    return trace


def _plotly_band(plan: _Plan, line: Line, places: Sequence[_Place]) -> list[dict[str, Any]]:
    edges = [place for place in places if place.low is not None]
    if not edges:
        return []
    common: dict[str, Any] = {
        "type": "scatter",
        "mode": "lines",
        "meta": role_class(line.role),
        "x": [_plotly_x(place.point.x, plan.spec.x_kind) for place in edges],
        "line": {"width": 0},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    lower = common | {"y": [place.low for place in edges]}
    return [lower, common | {"y": [place.high for place in edges], "fill": "tonexty"}]


def _plotly_shape(spec: ChartSpec, marker: Marker) -> dict[str, Any]:
    x = _plotly_x(marker.x, spec.x_kind)
    return {
        "type": "line",
        "name": role_class(marker.role),
        "xref": "x",
        "yref": "paper",
        "x0": x,
        "x1": x,
        "y0": 0,
        "y1": 1,
        "line": {"dash": "dot", "width": 1.25},
        "label": {"text": plotly_text(marker.text), "textposition": "end", "textangle": 0},
    }


def _hover(plan: _Plan, point: Point) -> str:
    text = _y_text(plan, point)
    return f"{text} · {point.label}" if point.label else text


def _distance(low: float | None, high: float | None) -> float | None:
    return None if low is None or high is None else high - low
