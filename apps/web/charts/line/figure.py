"""A chart of lines as a Plotly figure: plain dicts, which the browser's side colours by role."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from apps.web.charts import ticks
from apps.web.charts.chart import (
    SIZES,
    PlotlyFigure,
    plotly_annotation,
    plotly_axis,
    plotly_dash,
    plotly_layout,
    plotly_text,
    role_class,
)
from apps.web.charts.line.drawing import marker_rows
from apps.web.charts.line.plan import PLAIN_UP_TO, Place, Plan
from apps.web.charts.line.spec import Line, Marker, Point, X
from apps.web.charts.line.table import y_text

# The share of the range that stays free on either side, so that no circle is cut.
_INSET = 0.012
# The first point lies on the axis; its circle must not cover the number beside it.
_STANDOFF = 6
# So few whole numbers are marked one by one.
_SINGLE_STEPS = 14
# How far the words of markers stand above the plot, clear of the highest number beside it.
_LIFT = 6
_SIDES = {"": "left", "middle": "center", "end": "right"}


def figure_of(plan: Plan) -> PlotlyFigure:
    """The same chart as the drawing: ranges, ticks and words are those of the widest one."""
    if plan.is_empty:
        return {"data": [], "layout": {}}
    spec = plan.spec
    traces = []
    # The last trace lies on top.
    for rank, (line, places) in reversed([*enumerate(plan.lines)]):
        if plan.with_bands:
            traces += _band(plan, line, places)
        # The order of the words under the pointer is that of the legend.
        traces.append(_trace(plan, line, places) | {"legendrank": rank})
    words = marker_rows(plan, SIZES[0])
    return {
        "data": traces,
        "layout": plotly_layout(
            x=_x_axis(plan),
            y=_y_axis(plan),
            y_name=spec.y_label,
            top=_LIFT * bool(words)
            + 14 * (1 + max((row for row, _side, _marker in words), default=-1)),
            hovermode="x unified",
            shapes=[_shape(plan, marker) for _at, marker in plan.markers],
            annotations=[_marker_text(plan, *word) for word in words],
        ),
    }


def _x_axis(plan: Plan) -> dict[str, Any]:
    spec, low, high = plan.spec, plan.x_low, plan.x_high
    axis = plotly_axis(
        spec.x_label, showgrid=False, showline=True, spikethickness=1, spikedash="solid", nticks=14
    )
    if spec.x_kind == "category":
        names = [plotly_text(name) for name in plan.names]
        return axis | {"type": "category", "categoryorder": "array", "categoryarray": names}
    pad = (high - low) * _INSET
    if spec.x_kind == "time":
        return axis | {"type": "date", "range": [_moment(low - pad), _moment(high + pad)]}
    if spec.x_kind == "duration":
        marked = plan.x_ticks(SIZES[1])
        axis |= {
            "tickmode": "array",
            "tickvals": [tick.at for tick in marked],
            "ticktext": [tick.text for tick in marked],
        }
    if plan.is_whole and high - low <= _SINGLE_STEPS:
        # There is no version 1.5, and Plotly would mark it.
        axis |= {"tick0": math.ceil(low), "dtick": 1}
    if plan.is_whole and max(abs(low), abs(high)) <= PLAIN_UP_TO:
        axis |= {"exponentformat": "none"}
    return axis | {"type": "linear", "range": [low - pad, high + pad]}


def _y_axis(plan: Plan) -> dict[str, Any]:
    low, high = plan.y_low, plan.y_high
    if not plan.log_y:
        return plotly_axis(
            "",
            type="linear",
            range=[low, high],
            nticks=SIZES[0].y_ticks + 1,
            showline=False,
            ticklabelstandoff=_STANDOFF,
        )
    # Plotly would write 2 and 5 small, without their power of ten.
    marked = plan.y_ticks(SIZES[0])
    return plotly_axis(
        "",
        showline=False,
        ticklabelstandoff=_STANDOFF,
        type="log",
        range=[math.log10(low), math.log10(high)],
        tickmode="array",
        tickvals=[tick.at for tick in marked],
        ticktext=[tick.text for tick in marked],
    )


def _trace(plan: Plan, line: Line, places: Sequence[Place]) -> dict[str, Any]:
    circles = plan.shows_circles(line, places)
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "lines+markers" if circles else "lines",
        "name": plotly_text(line.name),
        "meta": role_class(line.role),
        "x": [_x(plan, place.point.x) for place in places],
        "y": [place.y for place in places],
        "text": [plotly_text(_hover(plan, place.point)) for place in places],
        "hovertemplate": "%{text}",
        "line": {"dash": plotly_dash(line.style), "width": 2},
        "connectgaps": False,
    }
    if circles:
        sizes = [11 if place.point.marked else 7 for place in places]
        trace |= {"marker": {"size": sizes, "opacity": 1}, "cliponaxis": False}
        # The browser's side fills these with the line's colour and the others with the panel's.
        trace["customdata"] = [int(place.point.marked) for place in places]
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


def _band(plan: Plan, line: Line, places: Sequence[Place]) -> list[dict[str, Any]]:
    edges = [place for place in places if place.low is not None]
    if not edges:
        return []
    common: dict[str, Any] = {
        "type": "scatter",
        "mode": "lines",
        "name": plotly_text(line.name),
        "meta": role_class(line.role),
        "x": [_x(plan, place.point.x) for place in edges],
        "line": {"width": 0},
        "hoverinfo": "skip",
    }
    lower = common | {"y": [place.low for place in edges]}
    return [lower, common | {"y": [place.high for place in edges], "fill": "tonexty"}]


def _shape(plan: Plan, marker: Marker) -> dict[str, Any]:
    x = _x(plan, marker.x)
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
        "opacity": 0.8,
    }


def _marker_text(plan: Plan, row: int, side: str, marker: Marker) -> dict[str, Any]:
    # Rows count from the top of the drawing; Plotly shifts up from the top of the plot.
    return plotly_annotation(
        marker.text,
        name=role_class(marker.role),
        x=_x(plan, marker.x),
        xref="x",
        xanchor=_SIDES[side],
        y=1,
        yshift=_LIFT + 14 * row,
    )


def _x(plan: Plan, x: X) -> float | str:
    if plan.spec.x_kind == "category":
        return plotly_text(str(x))
    if isinstance(x, datetime):
        return _moment(x.timestamp())
    return _moment(float(x)) if plan.spec.x_kind == "time" else float(x)


def _moment(seconds: float) -> str:
    return f"{ticks.moment(seconds).astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"


def _hover(plan: Plan, point: Point) -> str:
    text = y_text(plan, point)
    return f"{text} · {point.label}" if point.label else text


def _distance(low: float | None, high: float | None) -> float | None:
    return None if low is None or high is None else high - low
