"""Parallel coordinates: an axis for each number, a line for each version through all of them.

On a wide box the axes stand side by side; on a phone they lie below each other, so that there is
room for as many.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.core.numbers import DEFAULT_FORMAT, format_value
from apps.web.charts.chart import (
    SIZES,
    WIDE_ONLY,
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
    plotly_annotation,
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
from apps.web.charts.scale import Scale, scale_of
from apps.web.charts.ticks import is_drawable

_TICKS = 4
_LYING = 66
_LINE_HEIGHT = 320


@dataclass(frozen=True, slots=True)
class ParallelAxis:
    name: str
    format: str = DEFAULT_FORMAT
    is_log: bool = False


@dataclass(frozen=True, slots=True)
class ParallelLine:
    """A value on each axis, in their order; None leaves a gap."""

    name: str
    values: Sequence[float | None]
    role: Role = "accent"
    style: Style = "solid"


@dataclass(frozen=True, slots=True)
class ParallelSpec:
    """What to draw: two axes at least. `key` becomes element ids."""

    key: str
    title: str
    axes: Sequence[ParallelAxis]
    lines: Sequence[ParallelLine]
    description: str = ""


def parallel_chart(spec: ParallelSpec) -> Chart:
    """Draw the lines, describe them for Plotly and list them as a table."""
    check_key(spec.key)
    scales = [
        scale_of([line.values[place] for line in spec.lines], is_log=axis.is_log, count=_TICKS)
        for place, axis in enumerate(spec.axes)
    ]
    names = ", ".join(axis.name for axis in spec.axes)
    words = {"count": len(spec.lines), "names": names}
    summary = _("%(count)s lines through %(names)s.") % words
    description = " ".join(part for part in (spec.description, summary) if part)
    return Chart(
        key=spec.key,
        title=spec.title,
        drawings=tuple(_drawing(spec, scales, size, description) for size in SIZES),
        figure=_figure(spec, scales),
        legend=tuple(
            LegendItem(line.name, line_classes(line.role, line.style)) for line in spec.lines
        ),
        head=(_("Name"), *(axis.name for axis in spec.axes)),
        rows=tuple(
            (line.name, *(_text(spec, line, place) for place in range(len(spec.axes))))
            for line in spec.lines
        ),
    )


def _text(spec: ParallelSpec, line: ParallelLine, place: int) -> str:
    return format_value(line.values[place], spec.axes[place].format)


def _drawable(scale: Scale, value: float | None) -> bool:
    return value is not None and is_drawable(value) and not (scale.is_log and value <= 0)


def _drawing(
    spec: ParallelSpec, scales: Sequence[Scale], size: Size, description: str
) -> SafeString:
    is_lying = size is SIZES[-1]
    height = 16 + _LYING * len(spec.axes) if is_lying else _LINE_HEIGHT
    shown = Size(size.name, size.width, height, size.x_ticks, size.y_ticks)
    layout = _Lying(scales, shown) if is_lying else _Standing(scales, shown)
    return svg(
        key=spec.key,
        size=shown,
        title=spec.title,
        description=description,
        body=joined(_parts(spec, layout)),
    )


class _Standing:
    """Axes side by side, each from its foot up."""

    def __init__(self, scales: Sequence[Scale], size: Size) -> None:
        self.scales = scales
        first = widest(scales[0].ticks(_TICKS)) + 10
        self.left, self.right = max(first, 30.0), size.width - 24.0
        self.top, self.bottom = 30.0, size.height - 12.0
        self.step = (self.right - self.left) / (len(scales) - 1)
        self.size = size

    def place(self, axis: int, share: float) -> tuple[float, float]:
        return self.left + axis * self.step, self.bottom - share * (self.bottom - self.top)

    def axis(self, index: int, name: str) -> Iterator[SafeString]:
        x = self.left + index * self.step
        yield svg_line("base", x, self.top, x, self.bottom)
        for tick in self.scales[index].ticks(_TICKS):
            _x, y = self.place(index, self.scales[index].share(tick.at))
            yield svg_line("base", x - 3, y, x, y)
            yield svg_text(tick.text, x - 6, y + 4, anchor="end", classes="over")
        text = shortened(name, self.step - 12)
        half = text_width(text) / 2
        x = min(max(x, half), self.size.width - half)
        yield svg_text(text, x, 14, anchor="middle", classes="axis-name")


class _Lying:
    """Axes below each other, each from left to right."""

    def __init__(self, scales: Sequence[Scale], size: Size) -> None:
        self.scales = scales
        self.left, self.right = 24.0, size.width - 24.0
        self.size = size

    def place(self, axis: int, share: float) -> tuple[float, float]:
        return self.left + share * (self.right - self.left), 26.0 + axis * _LYING

    def axis(self, index: int, name: str) -> Iterator[SafeString]:
        y = 26.0 + index * _LYING
        yield svg_line("base", self.left, y, self.right, y)
        for tick in self.scales[index].ticks(_TICKS):
            x, _y = self.place(index, self.scales[index].share(tick.at))
            yield svg_line("base", x, y, x, y + 4)
            half = text_width(tick.text) / 2
            inside = min(max(x, half), self.size.width - half)
            yield svg_text(tick.text, inside, y + 17, anchor="middle", classes="over")
        yield svg_text(shortened(name, self.size.width), 0, y - 12, classes="axis-name")


def _parts(spec: ParallelSpec, layout: _Standing | _Lying) -> Iterator[SafeString]:
    for line in reversed(spec.lines):
        path, spots, is_on = "", "", False
        for place, value in enumerate(line.values):
            scale = layout.scales[place]
            if value is None or not _drawable(scale, value):
                is_on = False
                continue
            x, y = layout.place(place, scale.share(value))
            path += f"{'L' if is_on else 'M'}{number(x)} {number(y)}"
            spots += f"M{number(x)} {number(y)}m-3 0a3 3 0 1 0 6 0a3 3 0 1 0 -6 0Z"
            is_on = True
        if not path:
            continue
        texts = (f"{axis.name} {_text(spec, line, place)}" for place, axis in enumerate(spec.axes))
        yield format_html(
            '<g class="thread {}"><title>{}</title><path class="line{}" d="{}"/>'
            '<path class="spot" d="{}"/></g>',
            role_class(line.role),
            printable(f"{line.name}: {', '.join(texts)}"),
            "" if line.style == "solid" else f" is-{line.style}",
            path,
            spots,
        )
    # On top of the lines, so that the numbers can be read.
    for place, axis in enumerate(spec.axes):
        yield from layout.axis(place, axis.name)


def _figure(spec: ParallelSpec, scales: Sequence[Scale]) -> PlotlyFigure:
    count = len(spec.axes)
    traces = [
        _trace(spec, line, scales) | {"legendrank": rank}
        for rank, line in reversed([*enumerate(spec.lines)])
    ]
    return {
        "data": traces,
        "layout": plotly_layout(
            x=plotly_axis(
                "",
                type="linear",
                range=[-0.3, count - 0.85],
                tickmode="array",
                tickvals=[*range(count)],
                ticktext=[plotly_text(shortened(axis.name, 120)) for axis in spec.axes],
                showgrid=False,
                showline=False,
                side="top",
                fixedrange=True,
            ),
            y=plotly_axis("", range=[-0.04, 1.04], visible=False, fixedrange=True),
            meta=WIDE_ONLY,
            hovermode="closest",
            height=_LINE_HEIGHT,
            shapes=[
                {
                    "type": "line",
                    "name": "role-muted",
                    "xref": "x",
                    "yref": "y",
                    "x0": place,
                    "x1": place,
                    "y0": 0,
                    "y1": 1,
                    "layer": "below",
                    "line": {"width": 1},
                }
                for place in range(count)
            ],
            annotations=[
                plotly_annotation(
                    tick.text,
                    name="role-muted",
                    x=place,
                    xref="x",
                    xanchor="right",
                    xshift=-4,
                    y=scale.share(tick.at),
                    yref="y",
                    yanchor="middle",
                    font={"size": 11},
                )
                for place, scale in enumerate(scales)
                for tick in scale.ticks(_TICKS)
            ],
        ),
    }


def _trace(spec: ParallelSpec, line: ParallelLine, scales: Sequence[Scale]) -> dict[str, Any]:
    shares = [
        scale.share(value) if value is not None and _drawable(scale, value) else None
        for scale, value in zip(scales, line.values, strict=True)
    ]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": plotly_text(line.name),
        "meta": role_class(line.role),
        "x": [*range(len(shares))],
        "y": shares,
        "text": [
            plotly_text(f"{line.name}: {axis.name} {_text(spec, line, place)}")
            for place, axis in enumerate(spec.axes)
        ],
        "hovertemplate": "%{text}<extra></extra>",
        "line": {"dash": plotly_dash(line.style), "width": 2},
        "marker": {"size": 7, "opacity": 1},
        "customdata": [1] * len(shares),
        "connectgaps": False,
        "cliponaxis": False,
    }
