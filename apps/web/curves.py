"""The curves of a run: which of its series share a chart, and what is drawn of them."""

from collections.abc import Iterable, Sequence

from apps.runs.models import Run
from apps.series.choices import SeriesKind
from apps.series.encoding import Points
from apps.series.models import Series
from apps.series.queries import sampled
from apps.web.charts import Chart, ChartSpec, Line, line_chart
from apps.web.charts.chart import Role, Style
from apps.web.curve_options import CurveOptions, curve_points, start_of

CHARTS_ON_PAGE = 12
MAX_LINES = 8

USUAL = CurveOptions()

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


def chart_groups(series: Iterable[Series]) -> list[tuple[str, list[str]]]:
    """The keys by chart: `train/loss` and `val_loss` share `loss`. One point is no curve."""
    groups: dict[str, list[str]] = {}
    for one in series:
        if one.count > 1:
            groups.setdefault(_subject(one.key), []).append(one.key)
    return [
        (subject, sorted(keys, key=rank)[:MAX_LINES])
        for subject, keys in sorted(groups.items(), key=lambda group: (prefix(group[0]), group[0]))
    ]


def prefix(subject: str) -> str:
    """What metrics are grouped by on the page: `layer1` of `layer1/weights/norm`."""
    first, slash, _rest = subject.partition("/")
    return first if slash else ""


def draw_curves(
    run: Run,
    groups: Sequence[tuple[str, list[str]]],
    options: CurveOptions = USUAL,
    kind: SeriesKind = SeriesKind.METRIC,
) -> list[Chart]:
    """A chart for each group, from three queries for all of them."""
    keys = [key for _subject_, keys in groups for key in keys]
    points = sampled(owner_id=run.pk, kind=kind, keys=keys, points=options.sample)
    start = start_of(points.values())
    return [
        line_chart(
            ChartSpec(
                key=f"curve-{number}",
                title=subject,
                description=options.describe(subject),
                x_label=options.x_label,
                x_kind=options.x_kind,
                log_y=options.log_y,
                lines=[
                    _line(key, points[key], _LOOKS[place % len(_LOOKS)], options, start)
                    for place, key in enumerate(keys)
                ],
            )
        )
        for number, (subject, keys) in enumerate(groups, 1)
    ]


def _line(
    name: str, points: Points, look: tuple[Role, Style], options: CurveOptions, start: float
) -> Line:
    role, style = look
    return Line(name, curve_points(points, options, start=start), role=role, style=style)


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
