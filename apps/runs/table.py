"""The runs table: a project's runs with their facts, config, summary and metrics.

The number of queries does not depend on the number of runs. Whatever the table is sorted by, an
index has the runs in that order: sorted by a value, those with a number come first, then those with
a text, then those without, newest first.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery
from django.utils import timezone

from apps.core.errors import Invalid
from apps.core.paging import Key
from apps.core.tables import Cut, Segment, TableQuery, blocks, cut
from apps.projects.models import Project
from apps.runs.choices import RunState
from apps.runs.columns import EVERY_KEY, FIGURES, RunColumn, RunKeys, read_column, values_of
from apps.runs.filters import matching_runs, state_condition
from apps.runs.models import SILENCE, Run, RunParam, RunTag
from apps.series.choices import SeriesKind
from apps.series.models import Series
from apps.series.queries import common_keys, series_of_many

# The newest runs say which columns a table shows by itself.
LOOKED_AT = 50
USUAL_FACTS = ("state", "started", "duration")
USUAL_PARAMS = 3
USUAL_METRICS = 3
# Facts that are in another order than the table's own.
_TEXT_FACTS = {"run": "name", "group": "group", "job_type": "job_type"}
SORTED_FACTS = (*_TEXT_FACTS, "state", "started", "duration", "by")
_STATES = (
    RunState.SCHEDULED,
    RunState.RUNNING,
    RunState.FINISHED,
    RunState.FAILED,
    RunState.CRASHED,
    RunState.KILLED,
)


@dataclass(frozen=True, slots=True)
class RunCell:
    """One value: a number, NaN (`number` None and `text` empty), or a text."""

    number: float | None
    text: str = ""


@dataclass(frozen=True)
class RunRow:
    """One run in the table. `seconds` is its length so far, None for one that has not begun;
    `cells` is by column name."""

    id: int
    key: str
    name: str
    state: RunState
    started_at: datetime
    heard_at: datetime
    # It should be going on, but nothing was heard of it lately.
    is_silent: bool
    seconds: float | None
    by: str
    group: str
    job_type: str
    # Whether another run started it.
    is_nested: bool = False
    tags: Sequence[str] = ()
    cells: Mapping[str, RunCell] = field(default_factory=dict)


@dataclass(frozen=True)
class RunsTable:
    """A page of the table. `first` counts from 1; `total` counts all runs of the project."""

    columns: Sequence[RunColumn]
    rows: Sequence[RunRow]
    first: int
    matching: int
    total: int
    next: str
    previous: str

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1


def runs_table(
    project: Project,
    query: TableQuery,
    *,
    columns: Sequence[RunColumn],
    keys: RunKeys,
    at: datetime | None = None,
) -> RunsTable:
    """A page of a project's runs. Raises Invalid for an order, filter or cursor without sense."""
    now = at or timezone.now()
    matching = matching_runs(project, query, keys, now)
    page = cut(_segments(matching, query, project, keys, now), query)
    total = Run.objects.filter(project=project).count()
    return RunsTable(
        columns=columns,
        rows=_rows(page.rows, columns, now),
        first=page.first,
        matching=matching.count() if query.is_narrowed else total,
        total=total,
        next=page.next,
        previous=page.previous,
    )


def all_runs(
    project: Project, query: TableQuery, *, columns: Sequence[RunColumn], keys: RunKeys
) -> Iterator[RunRow]:
    """Every matching run in the table's order, for exports: read in blocks, never all at once."""
    now = timezone.now()
    matching = matching_runs(project, query, keys, now)
    for block in blocks(_segments(matching, query, project, keys, now)):
        yield from _rows(block, columns, now)


def ordered_runs(
    project: Project,
    runs: QuerySet[Run],
    *,
    sort: str,
    scope: str,
    cursor: str = "",
    size: int,
    at: datetime | None = None,
) -> Cut:
    """A page of these runs of a project by primary key, in the order of any column.

    `scope` is the text that the runs were picked by: a cursor counts in that list only. Raises
    Invalid for an order or a cursor without sense.
    """
    query = TableQuery(sort=sort, where=scope, cursor=cursor, size=size)
    return cut(_segments(runs, query, project, EVERY_KEY, at or timezone.now()), query)


def usual_columns(project: Project) -> list[RunColumn]:
    """What the table shows by itself: facts, the parameters that differ, the commonest metrics.

    As the newest runs have it, so that one page shows the same columns as the next.
    """
    newest = Run.objects.filter(project=project).order_by("-started_at", "-pk")
    runs = list(newest.values_list("pk", flat=True)[:LOOKED_AT])
    differing = (
        RunParam.objects.filter(run__in=runs)
        .values("key")
        .annotate(values=Count("brief", distinct=True), runs=Count("pk"))
        .filter(values__gt=1)
        .order_by("-runs", "key")
        .values_list("key", flat=True)
    )
    metrics = common_keys(owner_ids=runs, kind=SeriesKind.METRIC, limit=USUAL_METRICS)
    return [
        *(RunColumn("fact", name) for name in USUAL_FACTS),
        *(RunColumn("config", key) for key in differing[:USUAL_PARAMS]),
        *(RunColumn("last", key) for key in metrics),
    ]


def best_values(project: Project, lowest: Mapping[RunColumn, bool]) -> dict[RunColumn, float]:
    """The best value of each of these metric columns among the project's runs, in one query.

    The mapping says of each whether the lowest is best. Each is a look-up in an index.
    """
    if not lowest:
        return {}
    runs = Run.objects.filter(project=project)
    columns = list(lowest)
    picks: dict[str, Any] = {}
    for at, column in enumerate(columns):
        figure = _figure(column)
        ranked = _scored(column, project, runs).order_by(figure if lowest[column] else f"-{figure}")
        picks[f"best_{at}"] = Subquery(ranked.values(figure)[:1])
    found: dict[str, Any] = dict(Project.objects.filter(pk=project.pk).values(**picks).get())
    best = {column: found[f"best_{at}"] for at, column in enumerate(columns)}
    return {column: value for column, value in best.items() if value is not None}


# --- in which order -----------------------------------------------------------------------------

_NEWEST_FIRST = (
    Key("started_at", "time", descending=True),
    Key("pk", "integer", descending=True),
)


def _segments(
    runs: QuerySet[Run], query: TableQuery, project: Project, keys: RunKeys, now: datetime
) -> list[Segment]:
    """The parts of the table in their order. Raises Invalid for an unknown column."""
    scope = query.scope("runs", project.pk)
    if not query.sort:
        return [Segment(runs, _NEWEST_FIRST, scope)]
    column = read_column(query.sorts_by)
    if column.source == "fact":
        return _by_fact(runs, column.key, query, scope, now)
    if not keys.knows(column):
        raise Invalid(f"There is no column {query.sorts_by[:160]!r} to sort by.", field="sort")
    if column.is_metric:
        return _by_metric(runs, column, query, project, scope)
    return _by_value(runs, column, query, project, scope)


def _by_fact(
    runs: QuerySet[Run], name: str, query: TableQuery, scope: str, now: datetime
) -> list[Segment]:
    is_down = query.is_descending
    if name == "started":
        keys = (Key("started_at", "time", is_down), Key("pk", "integer", is_down))
        return [Segment(runs, keys, scope)]
    if name in _TEXT_FACTS:
        field = _TEXT_FACTS[name]
        keys = (Key(field, "text", is_down), Key("pk", "integer", is_down))
        given = Segment(runs.exclude(**{field: ""}), keys, f"{scope} given")
        return [given, Segment(runs.filter(**{field: ""}), _NEWEST_FIRST, f"{scope} none")]
    if name == "duration":
        keys = (Key("seconds", "number", is_down), Key("pk", "integer", is_down))
        ended = Segment(runs.filter(seconds__isnull=False), keys, f"{scope} ended")
        going = Segment(runs.filter(seconds=None), _NEWEST_FIRST, f"{scope} going")
        return [ended, going]
    if name == "state":
        return [
            Segment(
                runs.filter(state_condition("=", state, now)), _NEWEST_FIRST, f"{scope} {state}"
            )
            for state in (reversed(_STATES) if is_down else _STATES)
        ]
    if name == "by":
        return _by_person(runs, is_down=is_down, scope=scope)
    raise Invalid(f"There is no column {name!r} to sort by.", field="sort")


def _by_person(runs: QuerySet[Run], *, is_down: bool, scope: str) -> list[Segment]:
    """A part for each person, newest first: a team's people are few."""
    people = (
        runs.exclude(created_by=None)
        .order_by("created_by__username")
        .values_list("created_by", "created_by__username")
        .distinct()
    )
    found = sorted(people, key=lambda person: person[1], reverse=is_down)
    parts = [
        Segment(runs.filter(created_by=person), _NEWEST_FIRST, f"{scope} {person}")
        for person, _name in found
    ]
    return [*parts, Segment(runs.filter(created_by=None), _NEWEST_FIRST, f"{scope} nobody")]


def _by_metric(
    runs: QuerySet[Run], column: RunColumn, query: TableQuery, project: Project, scope: str
) -> list[Segment]:
    figure = _figure(column)
    scored = _scored(column, project, runs, is_narrow=query.is_narrowed)
    is_down = query.is_descending
    keys = (Key(figure, "number", is_down), Key("owner_id", "integer", is_down))
    unscored = runs.exclude(pk__in=_having(column, project).values("owner_id"))
    return [
        Segment(scored, keys, f"{scope} scored", "owner_id"),
        Segment(unscored, _NEWEST_FIRST, f"{scope} unscored"),
    ]


def _by_value(
    runs: QuerySet[Run], column: RunColumn, query: TableQuery, project: Project, scope: str
) -> list[Segment]:
    values = values_of(column.source).filter(project=project, key=column.key)
    if query.is_narrowed:
        there = values.filter(run__in=runs.values("pk"))
    else:
        there = values.filter(run__deleted_at=None)
    is_down = query.is_descending
    # The order of the index, for numbers and for texts alike.
    last = (Key("brief", "text", is_down), Key("run_id", "integer", is_down))
    numbers = there.filter(number__isnull=False)
    texts = there.filter(number=None)
    without = runs.exclude(pk__in=values.values("run"))
    return [
        Segment(numbers, (Key("number", "number", is_down), *last), f"{scope} numbers", "run_id"),
        Segment(texts, last, f"{scope} texts", "run_id"),
        Segment(without, _NEWEST_FIRST, f"{scope} without"),
    ]


def _figure(column: RunColumn) -> str:
    return f"{column.source}_value"


def _having(column: RunColumn, project: Project) -> QuerySet[Series]:
    return Series.objects.filter(
        scope_id=project.pk,
        kind=SeriesKind.METRIC,
        key=column.key,
        **{f"{_figure(column)}__isnull": False},
    )


def _scored(
    column: RunColumn, project: Project, runs: QuerySet[Run], *, is_narrow: bool = False
) -> QuerySet[Series]:
    """The series of these runs under a metric.

    Of few runs they are picked out; of all, each is only looked at whether it stands in the bin, so
    that the database keeps to the order of the index and stops after a page.
    """
    series = _having(column, project)
    if is_narrow:
        return series.filter(owner_id__in=runs.values("pk"))
    return series.filter(Exists(Run.objects.filter(pk=OuterRef("owner_id"))))


# --- with which values --------------------------------------------------------------------------

_FACTS = (
    "pk",
    "key",
    "name",
    "state",
    "started_at",
    "heartbeat_at",
    "has_heartbeat",
    "ended_at",
    "seconds",
    "group",
    "job_type",
    "parent",
    "created_by__username",
    "created_by__display_name",
)


def _rows(ids: Sequence[int], columns: Sequence[RunColumn], now: datetime) -> list[RunRow]:
    """What the table shows of these runs, in their order: a query for each kind of column."""
    found = {values["pk"]: values for values in Run.objects.filter(pk__in=ids).values(*_FACTS)}
    cells = _cells(ids, columns)
    tags = _tags(ids) if RunColumn("fact", "tags") in columns else {}
    return [
        _row(found[run], tags.get(run, ()), cells.get(run, {}), now) for run in ids if run in found
    ]


def _row(
    values: Mapping[str, Any], tags: Sequence[str], cells: Mapping[str, RunCell], now: datetime
) -> RunRow:
    state = RunState(values["state"])
    end = now
    is_silent = state == RunState.RUNNING and values["heartbeat_at"] < now - SILENCE
    if is_silent and values["has_heartbeat"]:
        state, end = RunState.CRASHED, values["heartbeat_at"]
    seconds = values["seconds"]
    if seconds is None and state != RunState.SCHEDULED:
        seconds = (end - values["started_at"]).total_seconds()
    return RunRow(
        id=values["pk"],
        key=values["key"],
        name=values["name"],
        state=state,
        started_at=values["started_at"],
        heard_at=values["heartbeat_at"],
        is_silent=is_silent,
        seconds=seconds,
        by=values["created_by__display_name"] or values["created_by__username"] or "",
        group=values["group"],
        job_type=values["job_type"],
        is_nested=values["parent"] is not None,
        tags=tags,
        cells=cells,
    )


def _cells(ids: Sequence[int], columns: Iterable[RunColumn]) -> dict[int, dict[str, RunCell]]:
    wanted: defaultdict[str, list[RunColumn]] = defaultdict(list)
    for column in columns:
        wanted["metric" if column.is_metric else column.source].append(column)
    cells: defaultdict[int, dict[str, RunCell]] = defaultdict(dict)
    for source in ("config", "summary"):
        named = {column.key: column.name for column in wanted[source]}
        if not named:
            continue
        rows = values_of(source).filter(run__in=ids, key__in=named)
        for run, key, number, text in rows.values_list("run", "key", "number", "text"):
            cells[run][named[key]] = RunCell(number, text)
    metrics = wanted["metric"]
    if metrics:
        figures: defaultdict[str, list[RunColumn]] = defaultdict(list)
        for column in metrics:
            figures[column.key].append(column)
        series = series_of_many(owner_ids=ids, kind=SeriesKind.METRIC, keys=list(figures))
        for one in series.values("owner_id", "key", *(f"{figure}_value" for figure in FIGURES)):
            for column in figures[one["key"]]:
                value = one[_figure(column)]
                # Without a lowest value all of them were NaN.
                cells[one["owner_id"]][column.name] = RunCell(value)
    return cells


def _tags(ids: Sequence[int]) -> dict[int, list[str]]:
    tags: defaultdict[int, list[str]] = defaultdict(list)
    found = RunTag.objects.filter(run__in=ids).order_by("name").values_list("run", "name")
    for run, name in found:
        tags[run].append(name)
    return tags
