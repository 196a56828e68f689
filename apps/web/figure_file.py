"""A Plotly figure that somebody logged, as far as our own Plotly may draw it.

Only plain data and layout get through, key by key: no images, no menus, no templates, no markup in
texts. Nothing in a figure can load anything, run anything or lead anywhere.
"""

import base64
import binascii
import html
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy
from django.utils.html import format_html
from django.utils.translation import gettext as _

from apps.core.numbers import format_value
from apps.core.text import truncate
from apps.web.charts.chart import Chart, check_key, plotly_text
from apps.web.preview import visible

MAX_TRACES = 50
MAX_VALUES = 50_000
MAX_WORDS = 500
SHOWN_ROWS = 200
# Of the cartesian bundle, the kinds whose data are numbers and names; `image` loads addresses.
_TYPES = {
    *("scatter", "bar", "box", "violin", "histogram", "heatmap", "contour", "pie"),
    *("histogram2d", "histogram2dcontour"),
}
_ALIASES = {"scattergl": "scatter", "heatmapgl": "heatmap"}
_TAG = re.compile(r"<[^<>]{0,200}>")
_WORD = re.compile(r"[A-Za-z0-9+_ -]{1,40}")
_COLOUR = re.compile(r"#[0-9A-Fa-f]{3,8}|[A-Za-z]{1,30}|(rgb|hsl|hsv)a?\([0-9 .,%]{1,60}\)")
_AXIS = re.compile(r"[xy]axis[1-9]?")
_AXIS_NAME = re.compile(r"[xy][1-9]?")
# Plotly writes arrays as bytes since version 6.
_BYTES = {
    one: numpy.dtype(one).newbyteorder("<")
    for one in ("i1", "u1", "i2", "u2", "i4", "u4", "f4", "f8")
}

Reader = Callable[[object], Any]
_LEFT_OUT = object()


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart, and whether something of the figure was left out."""

    chart: Chart
    note: str


def figure_in(value: object, *, key: str, title: str) -> Figure | None:
    """The figure that a JSON value is, checked; None where it is none that can be drawn."""
    if not isinstance(value, Mapping):
        return None
    data, layout = value.get("data"), value.get("layout", {})
    if not isinstance(data, list) or not data or not isinstance(layout, Mapping):
        return None
    if not all(isinstance(trace, Mapping) for trace in data):
        return None
    traces = [found for trace in data[:MAX_TRACES] if (found := _trace(trace))]
    if not traces or sum(_weight(trace) for trace in traces) > MAX_VALUES:
        return None
    own = _title(layout.get("title"))
    chart = Chart(
        key=check_key(key),
        title=html.unescape(own) if isinstance(own, str) and own.strip() else title,
        drawings=(
            format_html(
                '<p class="panel-body muted">{}</p>',
                _("A browser draws this figure with scripts; the table below has its values."),
            ),
        ),
        figure={"data": traces, "layout": _layout(layout, len(traces))},
        legend=(),
        head=(_("Series"), "x", "y"),
        rows=tuple(_rows(traces)),
    )
    return Figure(chart, "" if len(traces) == len(data) else _note(len(data) - len(traces)))


def _note(count: int) -> str:
    return _("Parts of the figure that are of other kinds are left out: %(count)d.") % {
        "count": count
    }


def _trace(trace: Mapping[str, object]) -> dict[str, Any] | None:
    kind = trace.get("type", "scatter")
    kind = _ALIASES.get(kind, kind) if isinstance(kind, str) else ""
    if kind not in _TYPES:
        return None
    return {**_only(trace, _TRACE), "type": kind}


def _layout(layout: Mapping[str, object], traces: int) -> dict[str, Any]:
    axes = {
        name: {"automargin": True, "zeroline": False, **_only(axis, _AXIS_KEYS)}
        for name, axis in layout.items()
        if isinstance(name, str) and _AXIS.fullmatch(name) and isinstance(axis, Mapping)
    }
    return {
        "showlegend": traces > 1,
        **_only(layout, _LAYOUT),
        "xaxis": {"automargin": True},
        "yaxis": {"automargin": True},
        **axes,
        "autosize": True,
        "height": 420,
        "margin": {"l": 48, "r": 16, "t": 16, "b": 40},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "annotations": [],
        # The browser's side leaves its colours as they are.
        "meta": "logged",
    }


def _only(value: Mapping[str, object], readers: Mapping[str, Reader]) -> dict[str, Any]:
    """Of a mapping what is allowed and makes sense."""
    found = {key: read(value[key]) for key, read in readers.items() if key in value}
    return {key: one for key, one in found.items() if one is not _LEFT_OUT}


# --- what may stand where -----------------------------------------------------------------------


def _words(value: object) -> Any:
    """Text without markup, which Plotly would read."""
    if not isinstance(value, str):
        return _LEFT_OUT
    return plotly_text(truncate(visible(_TAG.sub(" ", value))[0], MAX_WORDS))


def _title(value: object) -> Any:
    return _words(value.get("text") if isinstance(value, Mapping) else value)


def _axis_title(value: object) -> Any:
    words = _title(value)
    return words if words is _LEFT_OUT else {"text": words, "font": {"size": 12}}


def _scalar(value: object) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        # What JSON cannot hold is a gap.
        return value if math.isfinite(value) and abs(value) < 1e300 else None
    return _words(value)


def _number(value: object) -> Any:
    found = _scalar(value)
    return found if isinstance(found, int | float) and found is not True else _LEFT_OUT


def _flag(value: object) -> Any:
    return value if isinstance(value, bool) else _LEFT_OUT


def _word(value: object) -> Any:
    return value if isinstance(value, str) and _WORD.fullmatch(value) else _LEFT_OUT


def _visible(value: object) -> Any:
    return value if isinstance(value, bool) or value == "legendonly" else _LEFT_OUT


def _axis_name(value: object) -> Any:
    return value if isinstance(value, str) and _AXIS_NAME.fullmatch(value) else _LEFT_OUT


def _anchor(value: object) -> Any:
    return value if value == "free" else _axis_name(value)


def _colour(value: object) -> Any:
    return value if isinstance(value, str) and _COLOUR.fullmatch(value) else _LEFT_OUT


def _colours(value: object) -> Any:
    """One colour, or one (or a number to be coloured) for each point."""
    if isinstance(value, str):
        return _colour(value)
    found = _values(value)
    if not isinstance(found, list):
        return _LEFT_OUT
    plain = all(
        isinstance(one, int | float | None) or (isinstance(one, str) and _COLOUR.fullmatch(one))
        for one in found
    )
    return found if plain else _LEFT_OUT


def _scale(value: object) -> Any:
    """A colour scale by its name, or its colours from 0 to 1."""
    if isinstance(value, str):
        return _word(value)
    if not isinstance(value, list) or not 0 < len(value) <= 256:
        return _LEFT_OUT
    pairs = [
        one
        for one in value
        if isinstance(one, list)
        and len(one) == 2
        and _number(one[0]) is not _LEFT_OUT
        and _colour(one[1]) is not _LEFT_OUT
    ]
    return pairs if len(pairs) == len(value) else _LEFT_OUT


def _values(value: object) -> Any:
    """A list of plain values, or of such lists; written out where it came as bytes."""
    if isinstance(value, Mapping):
        value = _unpacked(value)
    if not isinstance(value, list) or len(value) > MAX_VALUES:
        return _LEFT_OUT
    if any(isinstance(one, list) for one in value):
        rows = [_flat(one) if isinstance(one, list) else _LEFT_OUT for one in value]
        return _LEFT_OUT if any(row is _LEFT_OUT for row in rows) else rows
    return _flat(value)


def _flat(value: list[object]) -> Any:
    if len(value) > MAX_VALUES:
        return _LEFT_OUT
    found = [_scalar(one) for one in value]
    return [None if one is _LEFT_OUT else one for one in found]


def _unpacked(value: Mapping[str, object]) -> object:
    dtype, data, shape = value.get("dtype"), value.get("bdata"), value.get("shape", "")
    if not isinstance(dtype, str) or dtype not in _BYTES or not isinstance(data, str):
        return None
    try:
        found = numpy.frombuffer(base64.b64decode(data, validate=True), dtype=_BYTES[dtype])
        if shape:
            found = found.reshape([int(one) for one in str(shape).split(",")][:2])
    except (binascii.Error, ValueError, OverflowError):
        return None
    return found.tolist() if found.size <= MAX_VALUES else None


def _either(one: Reader, other: Reader) -> Reader:
    def read(value: object) -> Any:
        found = one(value)
        return other(value) if found is _LEFT_OUT else found

    return read


def _mapping(readers: Mapping[str, Reader]) -> Reader:
    return lambda value: _only(value, readers) if isinstance(value, Mapping) else _LEFT_OUT


_MARK_LINE = {"color": _colours, "width": _either(_number, _values)}
_MARKER = {
    "color": _colours,
    "colors": _colours,
    "size": _either(_number, _values),
    "sizeref": _number,
    "sizemode": _word,
    "opacity": _either(_number, _values),
    "symbol": _word,
    "colorscale": _scale,
    "showscale": _flag,
    "reversescale": _flag,
    "cmin": _number,
    "cmax": _number,
    "line": _mapping(_MARK_LINE),
}
_ERROR = {
    "type": _word,
    "array": _values,
    "arrayminus": _values,
    "value": _number,
    "symmetric": _flag,
    "visible": _flag,
}
_TRACE: Mapping[str, Reader] = {
    **dict.fromkeys(("x", "y", "z", "labels", "values", "base", "width"), _values),
    **dict.fromkeys(("text", "hovertext"), _either(_values, _words)),
    **dict.fromkeys(("name", "legendgroup"), _words),
    **dict.fromkeys(("mode", "orientation", "fill", "histnorm", "stackgroup", "points"), _word),
    **dict.fromkeys(("textposition", "textinfo", "boxpoints", "side"), _either(_word, _flag)),
    **dict.fromkeys(("opacity", "hole", "nbinsx", "nbinsy", "zmin", "zmax"), _number),
    **dict.fromkeys(("x0", "y0"), _scalar),
    **dict.fromkeys(("dx", "dy"), _number),
    **dict.fromkeys(("connectgaps", "showscale", "reversescale", "showlegend", "boxmean"), _flag),
    "visible": _visible,
    "colorscale": _scale,
    "fillcolor": _colour,
    "line": _mapping(
        {"color": _colour, "width": _number, "dash": _word, "shape": _word, "smoothing": _number}
    ),
    "marker": _mapping(_MARKER),
    "error_x": _mapping(_ERROR),
    "error_y": _mapping(_ERROR),
    "xaxis": _axis_name,
    "yaxis": _axis_name,
}
_AXIS_KEYS: Mapping[str, Reader] = {
    "title": _axis_title,
    "type": _word,
    "range": _values,
    "domain": _values,
    "tickvals": _values,
    "ticktext": _values,
    "tickmode": _word,
    "categoryorder": _word,
    "categoryarray": _values,
    "tickangle": _number,
    "dtick": _scalar,
    "tick0": _scalar,
    "autorange": _either(_flag, _word),
    "anchor": _anchor,
    "overlaying": _axis_name,
    "matches": _axis_name,
    "scaleanchor": _axis_name,
    "side": _word,
    **dict.fromkeys(("showgrid", "showticklabels", "visible"), _flag),
}
_LAYOUT: Mapping[str, Reader] = {
    **dict.fromkeys(("barmode", "boxmode", "violinmode", "barnorm"), _word),
    **dict.fromkeys(("bargap", "bargroupgap"), _number),
    "showlegend": _flag,
}


# --- the same as a table ------------------------------------------------------------------------


def _weight(trace: Mapping[str, Any]) -> int:
    return sum(_length(value) for value in trace.values() if isinstance(value, list))


def _length(value: list[Any]) -> int:
    return sum(len(one) if isinstance(one, list) else 1 for one in value)


def _rows(traces: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for number, trace in enumerate(traces, 1):
        name = trace.get("name") or f"{trace['type']} {number}"
        across, up = (
            trace.get(one) or trace.get(other) or []
            for one, other in (("x", "labels"), ("y", "values"))
        )
        for x, y in zip_longest(across, up):
            if len(rows) == SHOWN_ROWS:
                return rows
            rows.append((_cell(name), _cell(x), _cell(y)))
    return rows


def _cell(value: object) -> str:
    if value is None or isinstance(value, list):
        return "–" if value is None else f"[{len(value)}]"
    return format_value(value) if isinstance(value, float) else html.unescape(str(value))
