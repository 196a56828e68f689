"""A chart of lines as SVG, laid out for one size."""

import math
from collections.abc import Iterator, Sequence

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.web.charts.chart import (
    Size,
    joined,
    number,
    printable,
    role_class,
    shortened,
    svg_line,
    svg_text,
    text_width,
    widest,
)
from apps.web.charts.line.plan import Place, Plan
from apps.web.charts.line.spec import Line, Marker
from apps.web.charts.line.table import x_text, y_text

_MARKER_ROWS = 2
_MARKER_TEXT = 11.0


def draw(plan: Plan, size: Size) -> SafeString:
    """What stands inside the frame of the drawing."""
    if plan.is_empty:
        text = _("No values yet")
        if any(point.y is not None for line in plan.spec.lines for point in line.points):
            text = _("Nothing to draw: NaN and infinite values only")
        return svg_text(text, size.width / 2, size.height / 2, anchor="middle", classes="nothing")
    return _Drawing(plan, size).body()


def marker_rows(plan: Plan, size: Size) -> list[tuple[int, str, Marker]]:
    """The markers that show their words, each with its row (0 is the lowest) and anchor: all or
    none."""
    return [(row, anchor, marker) for row, _x, anchor, marker in _Drawing(plan, size).words]


class _Drawing:
    """One drawing: the plan, laid out in one size."""

    def __init__(self, plan: Plan, size: Size) -> None:
        self.plan = plan
        self.size = size
        self.y_ticks = plan.y_ticks(size)
        self.x_ticks = plan.x_ticks(size)
        self.left = min(widest(self.y_ticks) + 12, size.width / 3)
        self.right = size.width - 14.0
        self.bottom = size.height - (42.0 if plan.spec.x_label else 24.0)
        self.words = self._marker_words()
        self.rows = 1 + max((row for row, _x, _anchor, _marker in self.words), default=-1)
        self.first_row = 20.0 if plan.spec.y_label else 6.0
        self.top = self.first_row + self.rows * 14 + (4 if self.rows else 2)

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
        for line, places in reversed(self.plan.lines):
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
        """The words of the markers, each in a row where it covers no other.

        Where there is no room for all there are none: the legend names them by colour, and some
        words among many lines would only look like the wrong ones.
        """
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
            if row is None:
                return []
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
            y = self.first_row + (self.rows - row) * 14 - 6
            classes = f"marker-text {role_class(marker.role)}"
            yield svg_text(marker.text, x, y, anchor=anchor, classes=classes)

    def _line(self, line: Line, places: Sequence[Place]) -> SafeString:
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
        with_circles = self.plan.shows_circles(line, places)
        for run in runs:
            for place in run:
                if with_circles or place.point.marked or len(run) == 1:
                    parts.append(self._circle(place))
        return joined(parts)

    def _band(self, run: Sequence[Place]) -> SafeString:
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

    def _whiskers(self, runs: Sequence[Sequence[Place]]) -> SafeString:
        path = "".join(
            f"M{number(x - 3)} {number(high)}h6m-3 0V{number(low)}m-3 0h6"
            for run in runs
            for place in run
            if place.low is not None and place.high is not None
            for x, low, high in ((self.x(place.x), self.y(place.low), self.y(place.high)),)
            if low - high >= 1
        )
        return format_html('<path class="whisker" d="{}"/>', path) if path else SafeString()

    def _circle(self, place: Place) -> SafeString:
        if place.y is None:
            return SafeString()
        marked = place.point.marked
        return format_html(
            '<circle class="point{}" cx="{}" cy="{}" r="{}"><title>{}</title></circle>',
            " is-marked" if marked else "",
            number(self.x(place.x)),
            number(self.y(place.y)),
            "5.5" if marked else "3.5",
            printable(f"{x_text(self.plan, place.point)}: {y_text(self.plan, place.point)}"),
        )


def _runs(places: Sequence[Place]) -> Iterator[list[Place]]:
    """Stretches without a gap."""
    run: list[Place] = []
    for place in places:
        if place.y is not None:
            run.append(place)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _thinned(places: Sequence[Place], limit: int) -> Sequence[Place]:
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
