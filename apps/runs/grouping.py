"""Runs in groups: how many share a value, and how their metrics came out.

At most MAX_GROUPS groups, the largest. The number of queries grows with the metrics that are asked
for, not with runs or groups.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone

from apps.core import filtering
from apps.core.errors import Invalid
from apps.core.filtering import And, Comparison
from apps.core.tables import TableQuery
from apps.projects.models import Project
from apps.runs.columns import RunColumn, RunKeys, read_column, values_of
from apps.runs.filters import matching_runs
from apps.runs.models import BRIEF, Run
from apps.series.choices import SeriesKind
from apps.series.models import Series

MAX_GROUPS = 100
# So many are picked out of an index; for more it is read through.
FEW_RUNS = 2_000
# Facts that several runs have in common.
GROUPED_FACTS = ("state", "by", "group", "job_type")
# A value as it groups: how its text begins, and its number if it is one.
_Value = tuple[str, float | None]
_NOTHING: _Value = ("", None)
_FIELDS = {"by": "created_by__username", "state": "shown_state"}


@dataclass(frozen=True, slots=True)
class Figures:
    """A metric over the runs of a group that have a number of it; NaN is none."""

    count: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class RunGroup:
    """The runs that share a value. `text` None: those without one. `figures` is by column name."""

    text: str | None
    number: float | None
    count: int
    figures: Mapping[str, Figures] = field(default_factory=dict)


@dataclass(frozen=True)
class RunGroups:
    """The largest groups, largest first; `runs` counts all matching runs, `total` all groups."""

    groups: Sequence[RunGroup]
    runs: int
    total: int


def group_column(name: str, keys: RunKeys) -> RunColumn:
    """The column to group by. Raises Invalid for one that runs cannot share."""
    column = read_column(name)
    if column.source == "fact":
        is_known = name in GROUPED_FACTS
    else:
        is_known = column.is_value and keys.knows(column)
    if not is_known:
        facts = ", ".join(GROUPED_FACTS)
        raise Invalid(
            f"Runs are grouped by {facts} or by a key of their config, not by {name[:80]!r}.",
            field="group",
        )
    return column


def grouped_runs(
    project: Project,
    query: TableQuery,
    *,
    column: RunColumn,
    metrics: Sequence[RunColumn],
    keys: RunKeys,
    at: datetime | None = None,
) -> RunGroups:
    """The matching runs by their value in `column`, with the figures of some metrics."""
    now = at or timezone.now()
    runs = matching_runs(project, query, keys, now)
    values = _values(column, project, runs, now)
    sizes = Counter(values.values())
    largest = sorted(sizes, key=lambda value: (-sizes[value], *_order(value)))[:MAX_GROUPS]
    figures = _figures(project, values, largest, metrics)
    return RunGroups(
        [
            RunGroup(text or None, number, sizes[text, number], figures.get((text, number), {}))
            for text, number in largest
        ],
        runs=sum(sizes.values()),
        total=len(sizes),
    )


def runs_in(group: RunGroup, column: RunColumn, where: str) -> str:
    """The text of the query box that finds the runs of a group, within what is asked for now."""
    name = column.name
    if group.text is None:
        mine = Comparison(name, "is missing")
    elif group.number is not None:
        mine = Comparison(name, "=", group.number)
    else:
        # Of a long text only the beginning is known here.
        mine = Comparison(name, "=" if len(group.text) < BRIEF else "~", group.text)
    tree = filtering.parse(where)
    return filtering.unparse(mine if tree is None else And((tree, mine)))


def _order(value: _Value) -> tuple[float, str]:
    """Numbers by size, then texts."""
    text, number = value
    return math.inf if number is None else number, text


def _values(
    column: RunColumn, project: Project, runs: QuerySet[Run], now: datetime
) -> dict[int, _Value]:
    """The value of each run; of one that has none, nothing."""
    if column.is_value:
        rows = values_of(column.source).filter(project=project, key=column.key).exclude(brief="")
        found = rows.filter(run__in=runs.values("pk")).values_list("run", "brief", "number")
        without = dict.fromkeys(runs.order_by().values_list("pk", flat=True).iterator(), _NOTHING)
        return without | {run: (brief, number) for run, brief, number in found.iterator()}
    if column.key == "state":
        runs = runs.with_shown_state(now)  # type: ignore[attr-defined]
    facts = runs.order_by().values_list("pk", _FIELDS.get(column.key, column.key))
    return {run: (fact or "", None) for run, fact in facts.iterator()}


def _figures(
    project: Project,
    values: Mapping[int, _Value],
    groups: Sequence[_Value],
    metrics: Sequence[RunColumn],
) -> dict[_Value, dict[str, Figures]]:
    """Mean, lowest and highest of each metric by group: one query a metric.

    Added up here and not by the database: it would look up the group of each value on its own,
    which takes 0.7 s for a metric of 100,000 runs; reading them in the order of an index, 0.1 s.
    """
    place = {group: at for at, group in enumerate(groups)}
    grouped = {run: place[value] for run, value in values.items() if value in place}
    found: dict[_Value, dict[str, Figures]] = {group: {} for group in groups}
    for metric in metrics:
        members: dict[int, list[float]] = defaultdict(list)
        for run, value in _numbers(project, metric, grouped):
            at = grouped.get(run)
            if at is not None:
                members[at].append(value)
        for at, numbers in members.items():
            figures = Figures(len(numbers), _mean(numbers), min(numbers), max(numbers))
            found[groups[at]][metric.name] = figures
    return found


def _numbers(
    project: Project, metric: RunColumn, runs: Mapping[int, int]
) -> Iterator[tuple[int, float]]:
    """The metric of these runs, and of others where reading all is quicker than picking."""
    figure = f"{metric.source}_value"
    series = Series.objects.filter(
        scope_id=project.pk,
        kind=SeriesKind.METRIC,
        key=metric.key,
        **{f"{figure}__isnull": False},
    )
    if len(runs) <= FEW_RUNS:
        series = series.filter(owner_id__in=list(runs))
    return series.order_by().values_list("owner_id", figure).iterator()


def _mean(numbers: Sequence[float]) -> float:
    """The mean; of numbers of which some are infinite, what they add up to."""
    total = sum(numbers) if any(map(math.isinf, numbers)) else math.fsum(numbers)
    return total / len(numbers)
