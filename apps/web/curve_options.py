"""How curves are drawn, as an address says it, and the addresses of the other ways.

    ?x=time       along the clock; `relative`: from each run's first point; absent: along the step
    &smooth=0.9   a moving average: how much of it each point keeps of what came before
    &scale=log    the y axis; `linear` where a page would choose otherwise; absent: as it suits

Every page that draws curves of runs reads, draws and links its options through this module.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from django.http import QueryDict
from django.utils.translation import gettext as _

from apps.core.errors import Invalid
from apps.core.names import clean_text
from apps.core.numbers import format_value
from apps.series.encoding import Points
from apps.series.sampling import downsample
from apps.web.charts import Point

XAxis = Literal["step", "time", "relative"]
Scale = Literal["", "linear", "log"]
SCALES: tuple[Scale, ...] = ("", "linear", "log")
AXES: tuple[XAxis, ...] = ("step", "time", "relative")
# What the pages offer; an address may name any weight below LARGEST_SMOOTHING.
SMOOTHINGS = (0.0, 0.6, 0.9, 0.98)
LARGEST_SMOOTHING = 0.999
# More points than a drawing has pixels are of no use, and each is a row of the data table.
SAMPLE = 120
# An average wants more of them than the drawing does: exact up to this length, close beyond.
SMOOTHED_SAMPLE = 1_000


@dataclass(frozen=True, slots=True)
class CurveOptions:
    """One way of drawing curves. What is as usual is not in the address."""

    x: XAxis = "step"
    smoothing: float = 0.0
    scale: Scale = ""

    @property
    def log_y(self) -> bool:
        return self.scale == "log"

    @property
    def sample(self) -> int:
        """How many points of each series to ask for."""
        return SMOOTHED_SAMPLE if self.smoothing else SAMPLE

    @property
    def x_kind(self) -> Literal["number", "time", "duration"]:
        """The kind of axis that a chart needs for it."""
        kinds: dict[XAxis, Literal["number", "time", "duration"]]
        kinds = {"step": "number", "time": "time", "relative": "duration"}
        return kinds[self.x]

    @property
    def x_label(self) -> str:
        return {"step": _("step"), "time": _("time (UTC)"), "relative": _("time since the start")}[
            self.x
        ]

    def describe(self, subject: str) -> str:
        """What a chart of this subject shows, in words."""
        words = {"subject": subject, "x": self.x_label, "smoothing": format_value(self.smoothing)}
        if self.smoothing:
            return _("%(subject)s by %(x)s, smoothed by %(smoothing)s.") % words
        return _("%(subject)s by %(x)s.") % words

    def parameters(self) -> list[tuple[str, str]]:
        """The options as pairs for an address or for hidden fields."""
        pairs: list[tuple[str, str]] = []
        pairs += [("x", self.x)] if self.x != "step" else []
        pairs += [("smooth", f"{self.smoothing:g}")] if self.smoothing else []
        return pairs + ([("scale", self.scale)] if self.scale else [])


def read_curve_options(params: QueryDict) -> CurveOptions:
    """The options that an address asks for. Raises Invalid for what it cannot mean."""
    x = next((axis for axis in AXES if axis == _text(params, "x", "step")), None)
    if x is None:
        raise Invalid(_("The x axis is step, time or relative."), field="x")
    scale = next((one for one in SCALES if one == _text(params, "scale", "")), None)
    if scale is None:
        raise Invalid(_("The scale is linear or log."), field="scale")
    return CurveOptions(x, _smoothing(_text(params, "smooth", "0")), scale)


def curve_points(points: Points, options: CurveOptions, *, start: float = 0.0) -> list[Point]:
    """What is drawn of one series. `start` is the time that relative time counts from."""
    if options.smoothing:
        values = smoothed(points.values.tolist(), options.smoothing)
        points = downsample(points.with_values(values), SAMPLE)
    if options.x == "step":
        places: list[float] = points.steps.tolist()
    elif options.x == "time":
        places = points.times.tolist()
    else:
        places = (points.times - start).tolist()
    return [Point(x, y) for x, y in zip(places, points.values.tolist(), strict=True)]


def start_of(series: Iterable[Points]) -> float:
    """The first moment of any of these series: where a run's relative time begins."""
    return min((float(points.times.min()) for points in series if len(points)), default=0.0)


def smoothed(values: Sequence[float], weight: float) -> list[float]:
    """The exponential moving average of each value and those before it.

    Without the bias towards the first value that a plain one has: every value counts `weight` times
    as much as the next, and the sum is divided by the sum of the weights (as Adam does with its
    moments: Kingma and Ba, 2015, section 3). What is not a finite number stays, and counts nothing.
    """
    total = weights = 0.0
    found = []
    for value in values:
        if not math.isfinite(value):
            found.append(value)
            continue
        total = total * weight + value
        weights = weights * weight + 1.0
        found.append(total / weights)
    return found


@dataclass(frozen=True, slots=True)
class OptionLink:
    """One way of drawing and the address that draws so."""

    words: str
    url: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class CurveControls:
    """What templates/components/curve_controls.html offers."""

    axes: Sequence[OptionLink]
    smoothings: Sequence[OptionLink]
    scales: Sequence[OptionLink]


def curve_controls(options: CurveOptions, address: Callable[[CurveOptions], str]) -> CurveControls:
    """The links to the other ways; `address` writes the address of this page with options."""

    def link(words: str, other: CurveOptions) -> OptionLink:
        return OptionLink(words, address(other), other == options)

    axes = {"step": _("Step"), "time": _("Clock"), "relative": _("Relative")}
    scales: dict[Scale, str] = {"": _("Auto"), "linear": _("Linear"), "log": _("Log")}
    offered = sorted({*SMOOTHINGS, options.smoothing})
    return CurveControls(
        axes=[link(axes[axis], replace(options, x=axis)) for axis in AXES],
        smoothings=[
            link(f"{weight:g}" if weight else _("None"), replace(options, smoothing=weight))
            for weight in offered
        ],
        scales=[link(words, replace(options, scale=scale)) for scale, words in scales.items()],
    )


def _text(params: QueryDict, name: str, usual: str) -> str:
    return clean_text(params.get(name, ""), field=name, max_length=40) or usual


def _smoothing(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not 0 <= weight <= LARGEST_SMOOTHING:
        raise Invalid(
            _("Smoothing is a number from 0 to %(most)s.") % {"most": LARGEST_SMOOTHING},
            field="smooth",
        )
    return weight
