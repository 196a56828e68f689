"""Places on the axes: a chart of lines before it has a size."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from apps.web.charts import ticks
from apps.web.charts.chart import SIZES, Size
from apps.web.charts.line.spec import ChartSpec, Line, Marker, Point, X
from apps.web.charts.ticks import Tick, is_drawable

# More than this many and circles or whiskers melt together.
MOST_CIRCLES = 60
# Whole numbers below this are names, as version 12000 is, and written out.
PLAIN_UP_TO = 100_000


@dataclass(frozen=True, slots=True)
class Place:
    """A point with its place on both axes; `y` None is a gap."""

    x: float
    y: float | None
    low: float | None
    high: float | None
    point: Point


@dataclass(frozen=True, slots=True)
class Plan:
    """A chart in the units of its axes, before it has a size."""

    spec: ChartSpec
    lines: tuple[tuple[Line, tuple[Place, ...]], ...]
    markers: tuple[tuple[float, Marker], ...]
    names: tuple[str, ...]  # of the categories
    x_low: float
    x_high: float
    y_low: float
    y_high: float
    log_y: bool
    with_bands: bool
    is_empty: bool

    def y_ticks(self, size: Size) -> list[Tick]:
        """Where the y axis is marked in a drawing of this size."""
        if self.log_y:
            return ticks.log_ticks(self.y_low, self.y_high, size.y_ticks)
        return ticks.linear_ticks(self.y_low, self.y_high, size.y_ticks - 1)

    def x_ticks(self, size: Size) -> list[Tick]:
        """Where the x axis is marked in a drawing of this size."""
        if self.spec.x_kind == "category":
            return ticks.category_ticks(self.names, size.x_ticks)
        if self.spec.x_kind == "time":
            return ticks.time_ticks(self.x_low, self.x_high, size.x_ticks)
        if self.spec.x_kind == "duration":
            return ticks.duration_ticks(self.x_low, self.x_high, size.x_ticks)
        whole = self.is_whole
        found = ticks.linear_ticks(self.x_low, self.x_high, size.x_ticks, whole=whole)
        if whole and all(abs(tick.at) < PLAIN_UP_TO for tick in found):
            return [Tick(tick.at, f"{tick.at:.0f}".replace("-", "−")) for tick in found]
        return found

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers stand on the x axis, as with versions and steps."""
        return all(place.x == int(place.x) for _line, places in self.lines for place in places)

    def shows_circles(self, line: Line, places: Sequence[Place]) -> bool:
        """Whether each point of a line gets its circle."""
        return line.style == "solid" and len(places) <= MOST_CIRCLES


def plan_of(spec: ChartSpec) -> Plan:
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
            ((at, marker) for marker in spec.markers if is_drawable(at := _x(marker.x, index))),
            key=lambda pair: (pair[0], pair[1].text),
        )
    )
    shown = [place for _line, places in lines for place in places if place.y is not None]
    xs = [place.x for place in shown] + [at for at, _marker in markers]
    x_low, x_high = _x_range(spec, xs, len(names))
    y_low, y_high = _y_range(shown, log_y=log_y)
    return Plan(
        spec=spec,
        lines=lines,
        markers=markers if shown else (),
        names=names,
        x_low=x_low,
        x_high=x_high,
        y_low=y_low,
        y_high=y_high,
        log_y=log_y,
        with_bands=sum(place.low is not None for place in shown) > MOST_CIRCLES,
        is_empty=not shown,
    )


def _categories(spec: ChartSpec) -> tuple[str, ...]:
    """The names on a category axis, in the order in which they first appear."""
    if spec.x_kind != "category":
        return ()
    points = [str(point.x) for line in spec.lines for point in line.points]
    return tuple(dict.fromkeys(points))


def _x(x: X, index: dict[str, float]) -> float:
    if isinstance(x, datetime):
        return x.timestamp()
    if isinstance(x, str) or index:
        return index.get(str(x), math.nan)
    return float(x)


def _places(line: Line, index: dict[str, float], *, log_y: bool) -> Iterator[Place]:
    """The points of a line from left to right; a point without a place in x is left out."""
    placed = [(x, point) for point in line.points if is_drawable(x := _x(point.x, index))]
    for x, point in sorted(placed, key=lambda pair: pair[0]):
        fits = _is_positive(point.y) if log_y else is_drawable(point.y)
        bounds = fits and is_drawable(point.low) and is_drawable(point.high)
        low, high = (point.low, point.high) if bounds else (None, None)
        if log_y and low is not None and high is not None and (low <= 0 or high <= 0):
            # An interval that reaches zero has no lower end on this axis.
            low, high = (point.y, high) if high > 0 else (None, None)
        yield Place(x, point.y if fits else None, low, high, point)


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


def _y_range(shown: Sequence[Place], *, log_y: bool) -> tuple[float, float]:
    values = [v for place in shown for v in (place.y, place.low, place.high) if v is not None]
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    if not log_y:
        return ticks.nice_range(low, high, SIZES[0].y_ticks - 1)
    bottom, top = math.log10(low), math.log10(high)
    pad = max((top - bottom) * 0.05, 0.02)
    return 10 ** max(bottom - pad, -307), 10 ** min(top + pad, 307)
