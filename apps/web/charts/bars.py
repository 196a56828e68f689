"""Bars side by side: one metric on each golden set, a version against production."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.core.numbers import MISSING, format_value
from apps.web.charts import ticks
from apps.web.charts.chart import (
    SIZES,
    WIDE_ONLY,
    Chart,
    LegendItem,
    PlotlyFigure,
    Role,
    Size,
    check_key,
    joined,
    number,
    plotly_axis,
    plotly_layout,
    plotly_text,
    printable,
    role_class,
    shortened,
    svg,
    svg_line,
    svg_text,
    text_width,
)
from apps.web.charts.ticks import is_drawable

_BAR, _BAR_GAP, _GROUP_GAP = 16, 5, 16


@dataclass(frozen=True, slots=True)
class Bar:
    """One value with its interval; bars of the same name share colour and legend."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    role: Role = "accent"


@dataclass(frozen=True, slots=True)
class BarGroup:
    """The bars of one golden set."""

    name: str
    bars: Sequence[Bar]


@dataclass(frozen=True, slots=True)
class BarChartSpec:
    """What to draw. `key` becomes element ids; `x_format` is a format of core.numbers."""

    key: str
    title: str
    groups: Sequence[BarGroup]
    description: str = ""
    x_label: str = ""
    x_format: str = "auto"
    # With more bars than colours each needs its name beside it.
    with_names: bool = False


def bar_chart(spec: BarChartSpec) -> Chart:
    """Draw the bars, describe them for Plotly and list them as a table."""
    check_key(spec.key)
    roles = {bar.name: bar.role for group in spec.groups for bar in group.bars}
    names = tuple(roles)
    description = " ".join(part for part in (spec.description, _summary(spec)) if part)
    return Chart(
        key=spec.key,
        title=spec.title,
        drawings=tuple(_drawing(spec, size, description) for size in SIZES),
        figure=_figure(spec, roles),
        # Names beside the bars say more than keys, whose colours come again after eight.
        legend=()
        if spec.with_names
        else tuple(LegendItem(name, f"is-bar {role_class(roles[name])}") for name in names),
        head=(_("Golden set"), *names),
        rows=tuple(_row(spec, group, names) for group in spec.groups),
    )


def _text(spec: BarChartSpec, bar: Bar) -> str:
    text = format_value(bar.value, spec.x_format)
    if bar.low is None or bar.high is None or not is_drawable(bar.value):
        return text
    low, high = (format_value(end, spec.x_format) for end in (bar.low, bar.high))
    return f"{text} ({low} – {high})"


def _row(spec: BarChartSpec, group: BarGroup, names: Sequence[str]) -> tuple[str, ...]:
    cells = {bar.name: _text(spec, bar) for bar in group.bars}
    return (group.name, *(cells.get(name, MISSING) for name in names))


def _summary(spec: BarChartSpec) -> str:
    return " ".join(
        f"{group.name}: " + ", ".join(f"{bar.name} {_text(spec, bar)}" for bar in group.bars) + "."
        for group in spec.groups
    )


def _range(spec: BarChartSpec) -> tuple[float, float] | None:
    """From the least to the greatest value and zero; None when there is nothing to draw."""
    values = [
        value
        for group in spec.groups
        for bar in group.bars
        if is_drawable(bar.value)
        for value in (bar.value, bar.low, bar.high)
        if value is not None and is_drawable(value)
    ]
    if not values:
        return None
    low, high = min(0.0, *values), max(0.0, *values)
    return ticks.nice_range(low, high, 5) if low < high else (0.0, 1.0)


def _drawing(spec: BarChartSpec, size: Size, description: str) -> SafeString:
    bounds = _range(spec)
    tallest = 40 + sum(
        20 + len(group.bars) * (_BAR + _BAR_GAP) + _GROUP_GAP for group in spec.groups
    )
    shown = Size(size.name, size.width, tallest if bounds else 120, size.x_ticks, size.y_ticks)
    if bounds is None:
        words = _("No values yet")
        body = svg_text(words, shown.width / 2, 60, anchor="middle", classes="nothing")
    else:
        body = joined(_parts(spec, shown, *bounds))
    return svg(key=spec.key, size=shown, title=spec.title, description=description, body=body)


def _parts(spec: BarChartSpec, size: Size, low: float, high: float) -> Iterator[SafeString]:
    values = max((text_width(_value(spec, bar)) for g in spec.groups for bar in g.bars), default=0)
    names = _name_room(spec, size)
    left = 8.0 + names + (values + 8 if low < 0 else 0)
    right = size.width - values - 16.0
    bottom = size.height - 38.0

    def x(value: float) -> float:
        return left + (value - low) / (high - low) * (right - left)

    for tick in ticks.linear_ticks(low, high, min(size.x_ticks, 6)):
        yield svg_line("grid", x(tick.at), 4, x(tick.at), bottom)
        yield svg_text(tick.text, x(tick.at), bottom + 16, anchor="middle")
    if spec.x_label:
        text = shortened(spec.x_label, size.width)
        middle = (left + right) / 2
        yield svg_text(text, middle, size.height - 5, anchor="middle", classes="axis-name")
    top = 4.0
    for group in spec.groups:
        yield svg_text(shortened(group.name, size.width - 8), 8, top + 14, classes="bar-group")
        top += 20
        height = len(group.bars) * (_BAR + _BAR_GAP) - _BAR_GAP
        yield svg_line("base", x(0), top - 2, x(0), top + height + 2)
        for bar in group.bars:
            if names:
                text = shortened(bar.name, names - 8)
                yield svg_text(text, names, top + _BAR / 2 + 4, anchor="end", classes="bar-name")
            yield _bar(spec, bar, x, top)
            top += _BAR + _BAR_GAP
        top += _GROUP_GAP


def _name_room(spec: BarChartSpec, size: Size) -> float:
    """How wide the names beside the bars may be: as wide as the longest, up to a third."""
    if not spec.with_names:
        return 0.0
    longest = max((text_width(bar.name) for g in spec.groups for bar in g.bars), default=0.0)
    return min(longest + 10, size.width / 3)


def _value(spec: BarChartSpec, bar: Bar) -> str:
    return format_value(bar.value, spec.x_format)


def _bar(spec: BarChartSpec, bar: Bar, x: Callable[[float], float], top: float) -> SafeString:
    value = bar.value
    middle = top + _BAR / 2
    if value is None or not is_drawable(value):
        return svg_text(_value(spec, bar), x(0) + 6, middle + 4, classes="bar-value")
    start, end = sorted((x(0), x(value)))
    tip_low, tip_high = start, end
    whisker = SafeString()
    if bar.low is not None and bar.high is not None and is_drawable(bar.low + bar.high):
        tip_low, tip_high = min(start, x(bar.low)), max(end, x(bar.high))
        whisker = format_html(
            '<path class="bar-whisker" d="M{} {}v8m0 -4H{}m0 -4v8"/>',
            *(number(n) for n in (x(bar.low), middle - 4, x(bar.high))),
        )
    text_x, anchor = (tip_low - 6, "end") if value < 0 else (tip_high + 6, "")
    return format_html(
        '<g class="{}"><title>{}</title><rect class="bar" x="{}" y="{}" width="{}" height="{}"'
        ' rx="2"/>{}{}</g>',
        role_class(bar.role),
        printable(f"{bar.name}: {_text(spec, bar)}"),
        number(start),
        number(top),
        number(max(end - start, 1)),
        _BAR,
        whisker,
        svg_text(_value(spec, bar), text_x, middle + 4, anchor=anchor, classes="bar-value"),
    )


def _figure(spec: BarChartSpec, roles: dict[str, Role]) -> PlotlyFigure:
    traces = [_trace(spec, name, role) for name, role in roles.items()]
    rows = sum(len(group.bars) for group in spec.groups)
    return {
        "data": traces if _range(spec) else [],
        "layout": plotly_layout(
            x=plotly_axis(spec.x_label, rangemode="tozero", nticks=7),
            y=plotly_axis(
                "",
                autorange="reversed",
                showgrid=False,
                showline=False,
                ticklabelstandoff=8,
                **({"type": "multicategory", "showdividers": False} if spec.with_names else {}),
            ),
            meta=WIDE_ONLY if spec.with_names else "",
            barmode="overlay" if spec.with_names else "group",
            bargap=0.3,
            bargroupgap=0.1,
            hovermode="closest",
            height=max(160, 70 + 30 * rows + 16 * len(spec.groups)),
        ),
    }


def _trace(spec: BarChartSpec, name: str, role: Role) -> dict[str, Any]:
    bars = [next((bar for bar in group.bars if bar.name == name), None) for group in spec.groups]
    nothing = Bar(name, None)
    drawable = [bar if bar is not None and is_drawable(bar.value) else nothing for bar in bars]
    trace: dict[str, Any] = {
        "type": "bar",
        "orientation": "h",
        "name": plotly_text(name),
        "meta": role_class(role),
        "y": _places(spec, name),
        "x": [bar.value for bar in drawable],
        "text": [plotly_text(_text(spec, bar)) if bar else "" for bar in bars],
        "textposition": "none",
        "hovertemplate": "%{text}",
    }
    if any(bar.low is not None for bar in drawable):
        trace["error_x"] = {
            "type": "data",
            "symmetric": False,
            "array": [_distance(bar.value, bar.high) for bar in drawable],
            "arrayminus": [_distance(bar.low, bar.value) for bar in drawable],
            "thickness": 1.5,
            "width": 4,
        }
    return trace


def _places(spec: BarChartSpec, name: str) -> list[Any]:
    """Where the bars of one name lie: in their group, each at its name where names are shown."""
    groups = [plotly_text(group.name) for group in spec.groups]
    if not spec.with_names:
        return groups
    return [groups, [plotly_text(name)] * len(groups)]


def _distance(low: float | None, high: float | None) -> float | None:
    return None if low is None or high is None or not is_drawable(high - low) else high - low
