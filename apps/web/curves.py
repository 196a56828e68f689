"""The curves of a run: which of its series share a chart, and what is drawn of them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy
from django.utils.translation import gettext as _

from apps.core.text import truncate
from apps.runs.metric_rules import MetricRules
from apps.runs.models import Run
from apps.series.choices import SeriesKind
from apps.series.encoding import Points
from apps.series.models import Series
from apps.series.queries import MAX_SAMPLE, sampled
from apps.web.charts import Chart, ChartSpec, Line, Point, line_chart
from apps.web.charts.chart import Role, Style
from apps.web.curve_options import CurveOptions, curve_points, start_of

CHARTS_ON_PAGE = 12
MAX_LINES = 8
MAX_TITLE = 80

USUAL = CurveOptions()
NO_RULES = MetricRules()

# What training code puts in front of a metric to say on which data it was measured. The first
# look of a line is that of training, the second that of everything it is checked against.
_MEASURED_ON = {
    "train": 0,
    "training": 0,
    "val": 1,
    "valid": 1,
    "validation": 1,
    "eval": 1,
    "test": 1,
}
_LOOKS: Sequence[tuple[Role, Style]] = (
    ("accent", "solid"),
    ("amber", "dashed"),
    ("violet", "solid"),
    ("teal", "solid"),
    ("pink", "solid"),
    ("red", "solid"),
    ("green", "solid"),
    ("slate", "dotted"),
)


@dataclass(frozen=True)
class Group:
    """The series of one chart: `subject` is what they measure, `step` the metric along which they
    are drawn, empty where that is the run's own step.
    """

    subject: str
    keys: Sequence[str]
    step: str = ""
    # The subject, but the names of the metrics where several charts have the same one.
    title: str = ""


def chart_groups(series: Iterable[Series], rules: MetricRules = NO_RULES) -> list[Group]:
    """The keys by chart: `train/loss` and `val_loss` share `loss`. One point is no curve."""
    groups: dict[tuple[str, str], list[str]] = {}
    for one in series:
        if one.count > 1:
            groups.setdefault((_subject(one.key), rules.step_of(one.key)), []).append(one.key)
    charts = Counter(subject for subject, _step in groups)
    found = []
    for subject, step in sorted(groups, key=lambda group: (prefix(group[0]), group)):
        keys = sorted(groups[subject, step], key=rank)[:MAX_LINES]
        title = subject if charts[subject] == 1 else truncate(", ".join(keys), MAX_TITLE)
        found.append(Group(subject, keys, step, title))
    return found


def prefix(subject: str) -> str:
    """What metrics are grouped by on the page: `layer1` of `layer1/weights/norm`."""
    first, slash, _rest = subject.partition("/")
    return first if slash else ""


def draw_curves(
    run: Run,
    groups: Sequence[Group],
    options: CurveOptions = USUAL,
    kind: SeriesKind = SeriesKind.METRIC,
) -> list[Chart]:
    """A chart for each group, from three queries for all of them; six where metrics are steps."""
    points = sampled(
        owner_id=run.pk,
        kind=kind,
        keys=[key for group in groups for key in group.keys],
        points=options.sample,
    )
    steps = _steps(run, {group.step for group in groups if group.step}, options)
    start = start_of(points.values())
    charts = []
    for number, group in enumerate(groups, 1):
        along = steps.get(group.step)
        lines = [
            _line(key, points[key], _LOOKS[place % len(_LOOKS)], options, start, along)
            for place, key in enumerate(group.keys)
        ]
        charts.append(_chart(f"curve-{number}", group, options, lines, is_along=along is not None))
    return charts


def _chart(
    key: str, group: Group, options: CurveOptions, lines: Sequence[Line], *, is_along: bool
) -> Chart:
    described = options.describe(group.subject)
    if is_along:
        words = {"subject": group.subject, "step": group.step}
        described = _("%(subject)s by %(step)s, as the code defined it.") % words
    return line_chart(
        ChartSpec(
            key=key,
            title=group.title,
            description=described,
            x_label=group.step if is_along else options.x_label,
            x_kind=options.x_kind,
            log_y=options.log_y,
            lines=lines,
        )
    )


def _steps(run: Run, keys: set[str], options: CurveOptions) -> Mapping[str, Points]:
    """The metrics that others are drawn along. Only by step: a clock is a clock."""
    if not keys or options.x != "step":
        return {}
    found = sampled(owner_id=run.pk, kind=SeriesKind.METRIC, keys=sorted(keys), points=MAX_SAMPLE)
    return {key: points for key, points in found.items() if len(points)}


def _along(drawn: Sequence[Point], steps: Points) -> list[Point]:
    """The same points, each where the other metric stood at its step or last before it."""
    known = [(point.x, point.y) for point in drawn if isinstance(point.x, int | float)]
    places = numpy.searchsorted(steps.steps, [x for x, _y in known], side="right") - 1
    moved = [
        (float(steps.values[place]), y)
        for (_x, y), place in zip(known, places.tolist(), strict=True)
        if place >= 0
    ]
    return [Point(x, y) for x, y in sorted(moved, key=lambda pair: pair[0])]


def _line(
    name: str,
    points: Points,
    look: tuple[Role, Style],
    options: CurveOptions,
    start: float,
    along: Points | None,
) -> Line:
    role, style = look
    drawn = curve_points(points, options, start=start)
    return Line(name, _along(drawn, along) if along is not None else drawn, role=role, style=style)


def _subject(key: str) -> str:
    """What was measured, without on which data."""
    for mark in ("/", "_", "."):
        first, found, rest = key.partition(mark)
        if found and rest and first.lower() in _MEASURED_ON:
            return rest
        front, found, last = key.rpartition(mark)
        if found and front and last.lower() in _MEASURED_ON:
            return front
    return key


def rank(key: str) -> tuple[int, str]:
    """Training first, so that it always has the same look."""
    words = key.lower().replace("_", "/").replace(".", "/").split("/")
    ranks = [_MEASURED_ON[word] for word in (words[0], words[-1]) if word in _MEASURED_ON]
    return (ranks[0] if ranks else 0, key)
