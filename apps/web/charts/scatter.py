"""Points in a plane, each with its name: one number of every version against another."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.core.numbers import DEFAULT_FORMAT, format_value
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
from apps.web.charts.scale import Scale, scale_of
from apps.web.charts.ticks import is_drawable

_NAME = 11.0
_NAME_ROOM = 130.0
# Past this many the names are left to the legend, the table and the pointer.
_MOST_NAMES = 12
# The style of a line in other charts is the shape of a point here.
_SHAPES: dict[Style, str] = {
    "solid": "M{} {}m-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0Z",
    "dashed": "M{} {}m0 -6l6 6l-6 6l-6 -6Z",
    "dotted": "M{} {}m-4.5 -4.5h9v9h-9Z",
}
_SYMBOLS: dict[Style, str] = {"solid": "circle", "dashed": "diamond", "dotted": "square"}


@dataclass(frozen=True, slots=True)
class Scattered:
    """One point; one that cannot be drawn is in the table only."""

    name: str
    x: float
    y: float
    role: Role = "accent"
    style: Style = "solid"


@dataclass(frozen=True, slots=True)
class ScatterSpec:
    """What to draw. `key` becomes element ids; formats are those of core.numbers."""

    key: str
    title: str
    points: Sequence[Scattered]
    x_label: str
    y_label: str
    description: str = ""
    x_format: str = DEFAULT_FORMAT
    y_format: str = DEFAULT_FORMAT
    log_x: bool = False
    log_y: bool = False


def scatter_chart(spec: ScatterSpec) -> Chart:
    """Draw the points, describe them for Plotly and list them as a table."""
    check_key(spec.key)
    drawn = [point for point in spec.points if is_drawable(point.x) and is_drawable(point.y)]
    x = scale_of([point.x for point in drawn], is_log=spec.log_x, count=SIZES[0].x_ticks)
    y = scale_of([point.y for point in drawn], is_log=spec.log_y)
    description = " ".join(part for part in (spec.description, _summary(spec)) if part)
    return Chart(
        key=spec.key,
        title=spec.title,
        drawings=tuple(
            svg(
                key=spec.key,
                size=size,
                title=spec.title,
                description=description,
                body=_body(spec, drawn, x, y, size),
            )
            for size in SIZES
        ),
        figure=_figure(spec, drawn, x, y),
        legend=tuple(
            LegendItem(point.name, line_classes(point.role, point.style)) for point in spec.points
        ),
        head=(_("Name"), spec.x_label, spec.y_label),
        rows=tuple((point.name, *_words(spec, point)) for point in spec.points),
    )


def _words(spec: ScatterSpec, point: Scattered) -> tuple[str, str]:
    return format_value(point.x, spec.x_format), format_value(point.y, spec.y_format)


def _summary(spec: ScatterSpec) -> str:
    words = {"x": spec.x_label, "y": spec.y_label, "count": len(spec.points)}
    return _("%(count)s points: %(y)s by %(x)s.") % words


def _body(
    spec: ScatterSpec, points: Sequence[Scattered], x: Scale, y: Scale, size: Size
) -> SafeString:
    if not points:
        text = _("No values yet")
        return svg_text(text, size.width / 2, size.height / 2, anchor="middle", classes="nothing")
    return joined(_parts(spec, points, x, y, size))


def _parts(
    spec: ScatterSpec, points: Sequence[Scattered], x: Scale, y: Scale, size: Size
) -> Iterator[SafeString]:
    y_ticks, x_ticks = y.ticks(size.y_ticks - 1), x.ticks(size.x_ticks)
    left = min(widest(y_ticks) + 12, size.width / 3)
    right, top, bottom = size.width - 14.0, 24.0, size.height - 42.0
    inset = 10.0
    across, up = right - left - 2 * inset, bottom - top - inset

    def place(point: Scattered) -> tuple[float, float]:
        return left + inset + x.share(point.x) * across, bottom - y.share(point.y) * up

    for tick in y_ticks:
        at = bottom - y.share(tick.at) * up
        yield svg_line("grid", left, at, right, at)
        yield svg_text(tick.text, left - 8, at + 4, anchor="end")
    yield svg_line("base", left, bottom, right, bottom)
    for tick in x_ticks:
        at = left + inset + x.share(tick.at) * across
        half = text_width(tick.text) / 2
        at = min(max(at, half), size.width - half)
        yield svg_text(tick.text, at, bottom + 17, anchor="middle")
    text = shortened(spec.x_label, right - left)
    yield svg_text(text, (left + right) / 2, size.height - 6, anchor="middle", classes="axis-name")
    yield svg_text(shortened(spec.y_label, size.width - 8), 0, 12, classes="axis-name")
    places = [place(point) for point in points]
    for point, (at_x, at_y) in zip(points, places, strict=True):
        yield format_html(
            '<g class="{}"><path class="spot" d="{}"><title>{}</title></path></g>',
            role_class(point.role),
            _SHAPES[point.style].format(number(at_x), number(at_y)),
            printable(f"{point.name}: {', '.join(_words(spec, point))}"),
        )
    for name, name_x, name_y, anchor in _names(points, places, size):
        yield svg_text(name, name_x, name_y, anchor=anchor, classes="spot-name")


def _names(
    points: Sequence[Scattered], places: Sequence[tuple[float, float]], size: Size
) -> Iterator[tuple[str, float, float, str]]:
    """The names that find room beside their points without covering anything."""
    taken = [(at_x - 7, at_y - 7, at_x + 7, at_y + 7) for at_x, at_y in places]
    for point, (at_x, at_y) in zip(points, places, strict=True):
        name = shortened(point.name, _NAME_ROOM, _NAME)
        width = text_width(name, _NAME)
        tries = (
            (at_x + 9, at_y + 4, "", at_x + 9),
            (at_x - 9, at_y + 4, "end", at_x - 9 - width),
            (at_x, at_y - 10, "middle", at_x - width / 2),
            (at_x, at_y + 19, "middle", at_x - width / 2),
        )
        for name_x, name_y, anchor, start in tries:
            box = (start, name_y - 10, start + width, name_y + 3)
            fits = box[0] >= 0 and box[2] <= size.width and box[1] >= 0
            if fits and not any(_meet(box, other) for other in taken):
                taken.append(box)
                yield name, name_x, name_y, anchor
                break


def _meet(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _figure(spec: ScatterSpec, points: Sequence[Scattered], x: Scale, y: Scale) -> PlotlyFigure:
    if not points:
        return {"data": [], "layout": {}}
    with_names = len(points) <= _MOST_NAMES
    return {
        "data": [_trace(spec, point, with_names=with_names) for point in points],
        "layout": plotly_layout(
            x=x.plotly(spec.x_label, SIZES[0].x_ticks, showgrid=False, showline=True),
            y=y.plotly("", SIZES[0].y_ticks, showline=False),
            y_name=spec.y_label,
            hovermode="closest",
        ),
    }


def _trace(spec: ScatterSpec, point: Scattered, *, with_names: bool) -> dict[str, Any]:
    x_words, y_words = _words(spec, point)
    words = f"{point.name}: {spec.y_label} {y_words}, {spec.x_label} {x_words}"
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "markers+text" if with_names else "markers",
        "name": plotly_text(point.name),
        "meta": role_class(point.role),
        "x": [point.x],
        "y": [point.y],
        "hovertext": [plotly_text(words)],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "marker": {"size": 10, "symbol": _SYMBOLS[point.style], "opacity": 1},
        # The browser's side fills a marked point with its colour.
        "customdata": [1],
        "cliponaxis": False,
    }
    if with_names:
        trace["text"] = [plotly_text(shortened(point.name, _NAME_ROOM, _NAME))]
        trace["textposition"] = "top center"
        trace["textfont"] = {"size": _NAME}
    return trace
