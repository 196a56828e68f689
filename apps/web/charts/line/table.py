"""The words of a chart of lines: its data table, its legend and its summary."""

from datetime import datetime

from django.utils.translation import gettext as _

from apps.core.numbers import MISSING, format_value
from apps.core.times import duration
from apps.web.charts import ticks
from apps.web.charts.chart import LegendItem, line_classes
from apps.web.charts.line.plan import Plan
from apps.web.charts.line.spec import ChartSpec, Point, X
from apps.web.charts.ticks import is_drawable


def x_text(plan: Plan, point: Point) -> str:
    """What a point is called."""
    return point.label or _x_words(point.x, plan.spec.x_kind)


def _x_words(x: X, kind: str) -> str:
    if isinstance(x, str):
        return x
    if isinstance(x, datetime) or (kind == "time" and is_drawable(x)):
        seconds = x.timestamp() if isinstance(x, datetime) else x
        return f"{ticks.moment(seconds):%Y-%m-%d %H:%M:%S} UTC"
    if kind == "duration":
        return duration(x)
    if is_drawable(x) and x == int(x) and abs(x) < 1e15:
        return f"{x:.0f}".replace("-", "−")
    return format_value(x)


def y_text(plan: Plan, point: Point) -> str:
    """The value of a point, with its interval when there is one."""
    spec = plan.spec.y_format
    text = format_value(point.y, spec)
    if point.low is None or point.high is None or not is_drawable(point.y):
        return text
    return f"{text} ({format_value(point.low, spec)} – {format_value(point.high, spec)})"


def table_of(plan: Plan) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """One row for each place in x, one column for each line, and what happened there."""
    cells: dict[float, dict[int, str]] = {}
    words: dict[float, str] = {}
    for column, (_line, places) in enumerate(plan.lines):
        for place in places:
            cells.setdefault(place.x, {})[column] = y_text(plan, place.point)
            words.setdefault(place.x, x_text(plan, place.point))
    happened: dict[float, list[str]] = {}
    for at, marker in plan.markers:
        happened.setdefault(at, []).append(marker.text)
        words.setdefault(at, _x_words(marker.x, plan.spec.x_kind))
    head = (plan.spec.x_label or _("Place"), *(line.name for line, _places in plan.lines))
    columns = range(len(plan.lines))
    rows = [
        (
            words[at],
            *(cells.get(at, {}).get(column, MISSING) for column in columns),
            *((", ".join(happened.get(at, [])),) if plan.markers else ()),
        )
        for at in sorted(words)
    ]
    return (*head, *((_("Change"),) if plan.markers else ())), tuple(rows)


def summary_of(plan: Plan) -> str:
    """The lines in words, for those who do not see them."""
    sentences = []
    for line, places in plan.lines:
        values = [place.y for place in places if place.y is not None]
        if not values:
            sentences.append(_("%(name)s: no values.") % {"name": line.name})
            continue
        spec = plan.spec.y_format
        words = {
            "name": line.name,
            "count": len(values),
            "low": format_value(min(values), spec),
            "high": format_value(max(values), spec),
            "last": format_value(values[-1], spec),
        }
        text = _("%(name)s: %(count)s values from %(low)s to %(high)s, the last %(last)s.")
        sentences.append(text % words)
    return " ".join(sentences)


def legend_of(spec: ChartSpec) -> tuple[LegendItem, ...]:
    """Every line, then each kind of marker once."""
    lines = [LegendItem(line.name, line_classes(line.role, line.style)) for line in spec.lines]
    kinds = dict.fromkeys((marker.text, marker.role) for marker in spec.markers)
    markers = [LegendItem(text, line_classes(role, "dotted"), True) for text, role in kinds]
    return (*lines, *markers)
