"""What a page hands in for a chart of lines.

Some hundred points a line at most: sampling is the work of the query, not of the drawing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from apps.web.charts.chart import Role, Style

# Seconds are numbers too: since the epoch on an axis of kind "time", else on one of "duration".
X = float | datetime | str


@dataclass(frozen=True, slots=True)
class Point:
    """One value. `y` None, NaN or infinite leaves a gap; `marked` draws it large.

    Leave a point out altogether and the line runs on to the next one.
    """

    x: X
    y: float | None
    low: float | None = None
    high: float | None = None
    label: str = ""
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A named row of points; the first line lies on top, and only solid ones get circles."""

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
    x_kind: Literal["number", "time", "duration", "category"] = "number"
    y_format: str = "auto"
    log_y: bool = False
