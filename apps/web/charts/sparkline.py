"""A line without axes, the size of a word."""

from collections.abc import Sequence

from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.web.charts.chart import Role, joined, number, printable, role_class
from apps.web.charts.ticks import is_drawable

_WIDTH, _HEIGHT, _PAD = 96.0, 28.0, 4.0


def sparkline(
    values: Sequence[float | None], *, label: str, role: Role = "accent"
) -> SafeString | str:
    """The values from left to right, a gap where one is missing; "" when none can be drawn."""
    known = [value for value in values if value is not None and is_drawable(value)]
    if not known:
        return ""
    low, high = min(known), max(known)
    span = high - low
    step = (_WIDTH - 2 * _PAD) / max(len(values) - 1, 1)
    pieces: list[str] = []
    end = (0.0, 0.0)
    pen_down = False
    for index, value in enumerate(values):
        if value is None or not is_drawable(value):
            pen_down = False
            continue
        share = (value - low) / span if span > 0 else 0.5
        end = (_PAD + index * step, _HEIGHT - _PAD - share * (_HEIGHT - 2 * _PAD))
        pieces.append(f"{'L' if pen_down else 'M'}{number(end[0])} {number(end[1])}")
        pen_down = True
    return format_html(
        '<svg class="sparkline {}" viewBox="0 0 96 28" role="img" aria-label="{}">{}</svg>',
        role_class(role),
        printable(label),
        joined(
            [
                format_html('<path d="{}"/>', "".join(pieces)),
                format_html('<circle cx="{}" cy="{}" r="3"/>', number(end[0]), number(end[1])),
            ]
        ),
    )
