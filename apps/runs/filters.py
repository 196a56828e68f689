"""What the query box of the runs table may ask about, and which runs match.

Each condition on a value or metric is a list of runs that an index gives, not a look-up for every
run.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.core import filtering
from apps.core.errors import Invalid
from apps.core.filtering import Field, Op
from apps.core.tables import TableQuery, check_search
from apps.projects.models import Project
from apps.runs.choices import RunState
from apps.runs.columns import RunColumn, RunKeys, read_column, values_of
from apps.runs.models import BRIEF, Run, RunTag, heart_stopped
from apps.series.choices import SeriesKind
from apps.series.models import Series


def matching_runs(
    project: Project, query: TableQuery, keys: RunKeys, at: datetime
) -> QuerySet[Run]:
    """The runs of a project that a query asks for. Raises Invalid for what it cannot mean."""
    runs = Run.objects.filter(project=project)
    words = check_search(query.search)
    if query.where.strip():
        tree = filtering.parse(query.where)
        runs = runs.filter(filtering.to_q(tree, RunFields(project, keys, at)))
    if query.status:
        unknown = [word for word in query.status if word not in RunState.values]
        if unknown:
            raise Invalid(f"A run is never {unknown[0][:60]!r}.", field="status")
        runs = runs.filter(state_condition("in", tuple(query.status), at))
    if words:
        runs = runs.filter(
            Q(name__icontains=words)
            | Q(key__startswith=words)
            | Q(group__icontains=words)
            | Q(notes__icontains=words)
            | Q(created_by__username__icontains=words)
            | Q(Exists(_tags().filter(name__icontains=words)))
        )
    return runs


class RunFields(Mapping[str, Field]):
    """The fields of the query box. A project may have thousands: one is made when it is asked for.

    A key that no run has used is no field, so that a slip of the pen is told and finds nothing
    silently.
    """

    def __init__(self, project: Project, keys: RunKeys, at: datetime) -> None:
        self.keys_known = keys
        self.project = project
        self.facts = _facts(at)

    def __getitem__(self, name: str) -> Field:
        if name in self.facts:
            return self.facts[name]
        column = read_column(name)
        if column.source == "fact" or not self.keys_known.knows(column):
            raise KeyError(name)
        if column.is_value:
            return Field("either", _ValueCondition(self.project, column))
        return Field("number", _MetricCondition(self.project, column))

    def __iter__(self) -> Iterator[str]:
        yield from self.facts
        for column in self.keys_known.columns():
            if column.source != "fact":
                yield column.name

    def __len__(self) -> int:
        return sum(1 for _name in self)


def _facts(at: datetime) -> dict[str, Field]:
    text = {
        "run": "name",
        "key": "key",
        "by": "created_by__username",
        "group": "group",
        "job_type": "job_type",
        "notes": "notes",
        "host": "host",
        "program": "program",
        "commit": "code_commit",
    }
    fields = {name: filtering.column(path, "text") for name, path in text.items()}
    return {
        **fields,
        "state": Field(
            "choice", lambda op, value: state_condition(op, value, at), tuple(RunState.values)
        ),
        "started": filtering.column("started_at", "time"),
        "ended": filtering.column("ended_at", "time"),
        "duration": filtering.column("seconds", "number"),
        "tag": Field("text", _tag_condition),
    }


_OWN_WORDS: Mapping[str, RunState] = {str(state): state for state in RunState}


def state_condition(
    op: Op, value: Any, at: datetime, words: Mapping[str, RunState] = _OWN_WORDS
) -> Q:
    """A running run whose heart has stopped counts as crashed, as everywhere.

    `words` are the names of the states, where whoever asks has names of their own.
    """
    if op in ("is missing", "is not missing"):
        return Q(pk__in=[]) if op == "is missing" else Q()
    if op in _PATTERNS:
        # Any state is one word, so a pattern is as good as the words in it.
        return state_condition("!~" if op in _NOT_LIKE else "~", value.strip("%"), at, words)
    if op in ("~", "!~"):
        found = tuple(word for word in words if value.lower() in word)
        return state_condition("in" if op == "~" else "not in", found, at, words)
    wanted = {words[word] for word in (value if op in ("in", "not in") else [value])}
    if op in ("!=", "not in"):
        wanted = set(RunState) - wanted
    stopped = heart_stopped(at)
    condition = Q(state__in=sorted(wanted - {RunState.RUNNING}))
    if RunState.RUNNING in wanted:
        condition |= Q(state=RunState.RUNNING) & ~stopped
    return condition | stopped if RunState.CRASHED in wanted else condition


def _tags() -> QuerySet[RunTag]:
    return RunTag.objects.filter(run=OuterRef("pk"))


def _tag_condition(op: Op, value: Any) -> Q:
    """A run's tags are a set: `=` asks whether it has one, `is missing` for none."""
    if op in ("is missing", "is not missing"):
        found = Q(Exists(_tags()))
        return ~found if op == "is missing" else found
    if op in ("~", "!~"):
        found = Q(Exists(_tags().filter(name__icontains=value)))
        return found if op == "~" else ~found
    if op in _PATTERNS:
        found = Q(Exists(_tags().filter(_like("name", op, value))))
        return ~found if op in _NOT_LIKE else found
    names = value if op in ("in", "not in") else [value]
    found = Q(Exists(_tags().filter(name__in=names)))
    return found if op in ("=", "in") else ~found


_PATTERNS: tuple[Op, ...] = ("like", "not like", "ilike", "not ilike")
_NOT_LIKE: tuple[Op, ...] = ("not like", "not ilike")


def _like(field: str, op: Op, pattern: str) -> Q:
    """Fits the pattern (core.patterns), whether or not the operator says not."""
    return Q(**{f"{field}__{op.removeprefix('not ')}": pattern})


class _ValueCondition:
    """Conditions on a leaf of the config or summary: on its number or on its text, as asked."""

    def __init__(self, project: Project, column: RunColumn) -> None:
        self.rows = values_of(column.source).filter(project=project, key=column.key)

    def __call__(self, op: Op, value: Any) -> Q:
        if op in ("is missing", "is not missing"):
            there = self._runs(~Q(text=""))
            return ~there if op == "is missing" else there
        values = value if isinstance(value, tuple) else (value,)
        texts = [one for one in values if isinstance(one, str)]
        if not texts:
            return self._runs(filtering.column("number", "number").q(op, value))
        if op in ("~", "!~"):
            found = self._runs(Q(text__icontains=value))
            return found if op == "~" else ~found
        if op in _PATTERNS:
            found = self._runs(_like("text", op, value))
            return ~found if op in _NOT_LIKE else found
        numbers = [one for one in values if not isinstance(one, str)]
        wanted = Q(brief__in=[text for text in texts if len(text) < BRIEF])
        long = [text for text in texts if len(text) >= BRIEF]
        if long:  # an index has only how they begin
            wanted |= Q(text__in=long)
        if numbers:
            wanted |= Q(number__in=numbers)
        found = self._runs(wanted)
        return found if op in ("=", "in") else ~found

    def _runs(self, condition: Q) -> Q:
        return Q(pk__in=self.rows.filter(condition).values("run"))


class _MetricCondition:
    """Conditions on a figure of a metric; NaN counts as missing, as core.filtering says."""

    def __init__(self, project: Project, column: RunColumn) -> None:
        self.figure = f"{column.source}_value"
        self.rows = Series.objects.filter(
            scope_id=project.pk, kind=SeriesKind.METRIC, key=column.key
        )

    def __call__(self, op: Op, value: Any) -> Q:
        there = {f"{self.figure}__isnull": False}
        if op in ("is missing", "is not missing"):
            found = Q(pk__in=self.rows.filter(**there).values("owner_id"))
            return ~found if op == "is missing" else found
        condition = filtering.column(self.figure, "number").q(op, value)
        return Q(pk__in=self.rows.filter(condition).values("owner_id"))
