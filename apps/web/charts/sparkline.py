"""A line without axes, the size of a word."""

from collections.abc import Sequence

from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.web.charts.chart import Role, joined, number, printable, role_class
from apps.web.charts.ticks import is_drawable

_WIDTH, _HEIGHT, _PAD = 96.0, 28.0, 4.0


def sparkline(
    values: Sequence[float | None],
    *,
    label: str,
    role: Role = "accent",
    dot: int | None = None,
) -> SafeString | str:
    """The values from left to right, a gap where one is missing; "" when none can be drawn.

    The dot is on the value at the place `dot`, or without one on the last.
    """
    known = [value for value in values if value is not None and is_drawable(value)]
    if not known:
        return ""
    low, high = min(known), max(known)
    span = high - low
    step = (_WIDTH - 2 * _PAD) / max(len(values) - 1, 1)
    pieces: list[str] = []
    end: tuple[float, float] | None = None
    pen_down = False
    for index, value in enumerate(values):
        if value is None or not is_drawable(value):
            pen_down = False
            continue
        share = (value - low) / span if span > 0 else 0.5
        x, y = _PAD + index * step, _HEIGHT - _PAD - share * (_HEIGHT - 2 * _PAD)
        pieces.append(f"{'L' if pen_down else 'M'}{number(x)} {number(y)}")
        pen_down = True
        if dot is None or dot == index:
            end = (x, y)
    return format_html(
        '<svg class="sparkline {}" viewBox="0 0 96 28" role="img" aria-label="{}">{}</svg>',
        role_class(role),
        printable(label),
        joined([format_html('<path d="{}"/>', "".join(pieces)), *_dot(end)]),
    )


def _dot(place: tuple[float, float] | None) -> list[SafeString]:
    if place is None:
        return []
    x, y = place
    return [format_html('<circle cx="{}" cy="{}" r="3"/>', number(x), number(y))]
