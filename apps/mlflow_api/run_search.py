"""Searching runs: any number of experiments, the whole filter grammar, any order.

A page costs the same wherever it lies. By time, and by one metric of one experiment, the database
reads it out of an index; what else can be ordered by is put into order first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from django.db.models import (
    BooleanField,
    Case,
    CharField,
    Exists,
    F,
    Func,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, Concat, Left

from apps.core import filtering
from apps.core.errors import Invalid
from apps.core.filtering import Field, Op, Tree
from apps.core.jsontext import canonical
from apps.core.paging import Key
from apps.core.prepared import Prepared
from apps.core.tables import Segment, read_on
from apps.mlflow_api.call import Call
from apps.mlflow_api.conditions import Fields, rows_with_text, text_column, time_column
from apps.mlflow_api.errors import invalid
from apps.mlflow_api.models import DatasetInput
from apps.mlflow_api.places import is_home
from apps.mlflow_api.run_messages import STATUSES, USER
from apps.mlflow_api.search_grammar import RUNS, Order, parse_filter, parse_orders
from apps.projects.models import Project
from apps.runs.choices import RunState
from apps.runs.models import BRIEF, Run, RunParam, RunTag
from apps.runs.tagging import NAME, NOTES
from apps.series.choices import SeriesKind
from apps.series.models import Series

# Where both are by the same index the newer run comes first, as everywhere on the pages.
_NEWEST_FIRST: Final = (
    Key("started_at", "time", descending=True),
    Key("pk", "integer", descending=True),
)
_BLOCK: Final = 1_000


@dataclass(frozen=True)
class RunSearch:
    """What is asked for; `projects` are those of the experiments that the caller may see."""

    projects: Sequence[Project]
    view_type: str = "ACTIVE_ONLY"
    filter: str = ""
    order_by: Sequence[str] = ()
    max_results: int = 1000
    page_token: str = ""
    tree: Tree | None = field(init=False)
    orders: Sequence[Order] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tree", parse_filter(self.filter, RUNS))
        object.__setattr__(self, "orders", parse_orders(self.order_by, RUNS))

    @property
    def scope(self) -> str:
        """What a token depends on: one is taken only in the list where it was made."""
        places = sorted(project.pk for project in self.projects)
        asked = [places, self.view_type, self.filter, list(self.order_by)]
        return f"mlflow runs {canonical(asked)}"


def page_of_runs(search: RunSearch, call: Call) -> tuple[list[Run], str]:
    """A page of runs, project, team and experiment loaded, and the token that leads on.

    Raises INVALID_PARAMETER_VALUE.
    """
    if not search.projects:
        return [], ""
    fields = Fields(partial(_field, search.projects, call))
    runs = _standing(search).filter(filtering.to_q(search.tree, fields))
    segments = _segments(runs, search, call)
    try:
        keys, following = read_on(segments, cursor=search.page_token, size=search.max_results)
    except Invalid as error:
        raise invalid("Invalid page token; start from the first page.") from error
    return list(_loaded(keys, search.projects)), following


def _standing(search: RunSearch) -> QuerySet[Run]:
    """The runs of the experiments that are, or are not, deleted."""
    active = [project.pk for project in search.projects if project.deleted_at is None]
    deleted = [project.pk for project in search.projects if project.deleted_at is not None]
    match search.view_type:
        case "ACTIVE_ONLY":
            return Run.objects.filter(_among("project", active))
        case "DELETED_ONLY":
            gone = Q(deleted_at__isnull=False) & _among("project", active)
            return Run.with_deleted.filter(gone | _among("project", deleted))
        case _:
            return Run.with_deleted.filter(_among("project", [*active, *deleted]))


def _among(name: str, keys: Sequence[int]) -> Q:
    """One key is asked for as such: an index has its rows in order."""
    return Q(**{name: keys[0]}) if len(keys) == 1 else Q(**{f"{name}__in": keys})


def _loaded(keys: Sequence[int], projects: Sequence[Project]) -> Iterator[Run]:
    places = {project.pk: project for project in projects}
    for start in range(0, len(keys), _BLOCK):
        block = keys[start : start + _BLOCK]
        found = {run.pk: run for run in _RUNS.rows(block)}
        for key in block:
            if key in found:
                found[key].project = places[found[key].project_id]
                yield found[key]


# Only what messages say: a row of a run is wide, and its config says all parameters again.
_RUNS: Final = Prepared[Run](
    lambda keys: (
        Run.with_deleted.filter(pk__in=keys)
        .select_related("created_by")
        .only(
            *("project_id", "key", "name", "state", "notes", "started_at", "ended_at"),
            *("deleted_at", "created_by__username"),
        )
    ),
    list,
)


# --- in which order -----------------------------------------------------------------------------


def _segments(runs: QuerySet[Run], search: RunSearch, call: Call) -> list[Segment]:
    orders = search.orders
    if not orders:
        return [Segment(runs, _NEWEST_FIRST, search.scope)]
    if len(orders) == 1 and orders[0].entity == "metric" and len(search.projects) == 1:
        return _by_metric(runs, orders[0], search, call)
    keys: list[Key] = []
    for at, order in enumerate(orders):
        runs, more = _ordered(runs, order, at, call)
        keys += more
    known = {key.name for key in keys}
    keys += [key for key in _NEWEST_FIRST if key.name not in known]
    return [Segment(runs, tuple(keys), search.scope)]


def _by_metric(runs: QuerySet[Run], order: Order, search: RunSearch, call: Call) -> list[Segment]:
    """In the order of the index on last values: values, then NaN, then runs without the metric."""
    (project,) = search.projects
    series = _series([project.pk], order.key)
    # Of each it is only asked whether it fits and stands in the bin, so that the database keeps to
    # the order of the index and stops after a page.
    fields = Fields(partial(_field_of_owner, search.projects, call))
    there = series.filter(
        Exists(_standing(search).filter(pk=OuterRef("owner_id"))),
        filtering.to_q(search.tree, fields),
    )
    is_down = order.descending
    by_value = (Key("last_value", "number", is_down), Key("owner_id", "integer", is_down))
    by_owner = (Key("owner_id", "integer", descending=True),)
    return [
        Segment(
            there.filter(last_value__isnull=False), by_value, f"{search.scope} value", "owner_id"
        ),
        Segment(there.filter(last_is_nan=True), by_owner, f"{search.scope} nan", "owner_id"),
        Segment(
            runs.exclude(pk__in=series.filter(count__gt=0).values("owner_id")),
            _NEWEST_FIRST,
            f"{search.scope} none",
        ),
    ]


def _ordered(
    runs: QuerySet[Run], order: Order, at: int, call: Call
) -> tuple[QuerySet[Run], list[Key]]:
    """The runs with what one key of the order needs, and the keys that it amounts to."""
    name = f"order_{at}"
    is_down = order.descending
    if order.entity == "metric":
        last = _series(None, order.key).filter(owner_id=OuterRef("pk"))
        value = Subquery(last.values("last_value")[:1])
        is_nan = Exists(last.filter(last_is_nan=True))
        rank = Case(
            When(is_nan, then=Value(1)),
            When(Q(**{f"{name}__isnull": True}), then=Value(2)),
            default=Value(0),
            output_field=IntegerField(),
        )
        ranked = runs.annotate(**{name: value}).annotate(**{f"{name}_rank": rank})
        return ranked, [
            Key(f"{name}_rank", "integer"),
            Key(name, "number", is_down, nullable=True),
        ]
    if order.entity == "param":
        text = RunParam.objects.filter(run=OuterRef("pk"), key=order.key).values("brief")[:1]
        return runs.annotate(**{name: Subquery(text)}), [Key(name, "text", is_down, nullable=True)]
    if order.entity == "tag" and order.key not in (NAME, NOTES):
        tags = RunTag.objects.filter(run=OuterRef("pk"), name=order.key)
        begun = tags.annotate(brief=Left("value", BRIEF)).values("brief")[:1]
        return runs.annotate(**{name: Subquery(begun)}), [Key(name, "text", is_down, nullable=True)]
    return _by_attribute(runs, "notes" if order.key == NOTES else order.key, name, is_down)


def _by_attribute(
    runs: QuerySet[Run], key: str, name: str, is_down: bool
) -> tuple[QuerySet[Run], list[Key]]:
    match key:
        case "start_time":
            return runs, [Key("started_at", "time", is_down)]
        case "end_time":
            return runs, [Key("ended_at", "time", is_down, nullable=True)]
        case "run_name" | "mlflow.runName":
            return runs, [Key("name", "text", is_down)]
        case "notes":
            return runs.annotate(**{name: Left("notes", BRIEF)}), [Key(name, "text", is_down)]
        case "status":
            cases = [When(state=state, then=Value(word)) for state, word in STATUSES.items()]
            status = Case(*cases, output_field=CharField())
            return runs.annotate(**{name: status}), [Key(name, "text", is_down)]
        case "user_id":
            return runs.annotate(**{name: _user()}), [Key(name, "text", is_down, nullable=True)]
        case _:  # the id, and the address that it makes up
            return runs, [Key("key", "text", is_down)]


# --- which runs ---------------------------------------------------------------------------------


def _field(projects: Sequence[Project], call: Call, entity: str, key: str) -> Field:
    places = [project.pk for project in projects]
    if entity == "metric":
        return Field("number", partial(_metric_condition, _series(places, key)))
    if entity == "param":
        return Field(
            "text", _ParamCondition(RunParam.objects.filter(_among("project", places), key=key))
        )
    if entity == "tag":
        if key == NAME:
            return text_column("name")
        if key == NOTES:
            return _notes()
        return rows_with_text(RunTag.objects.filter(name=key), "run")
    if entity == "dataset":
        used = DatasetInput.objects.filter(_among("run__project", places))
        if key == "context":
            return rows_with_text(used.exclude(context=""), "run", "context")
        return rows_with_text(used, "run", f"dataset__{key}")
    return _attribute(projects, call, key)


class _AsSet(Func):
    """A condition that is worked out once, as a set out of an index, and not row by row.

    PostgreSQL takes the values of two metrics for independent, and expects to find a page soon
    whatever the order. Where the order puts those that do not fit first, it went through 50,000 of
    100,000 runs by three look-ups each; with the set a page takes an eighteenth of that (measured).
    """

    template = "(%(expressions)s) IS TRUE"
    output_field = BooleanField()


def _field_of_owner(projects: Sequence[Project], call: Call, entity: str, key: str) -> Field:
    """The same for a row of a series, whose owner is the run."""
    if entity == "metric":
        series = _series([project.pk for project in projects], key)
        return Field("number", partial(_metric_condition, series, owner="owner_id"))
    field = _field(projects, call, entity, key)

    def condition(op: Op, value: Any) -> Q:
        fits = Run.with_deleted.filter(field.q(op, value), pk=OuterRef("owner_id"))
        return Q(Exists(fits))

    return Field(field.kind, condition)


def _series(places: Sequence[int] | None, key: str) -> QuerySet[Series]:
    """The series of a key that have a point; one whose last value is asked for has."""
    series = Series.objects.filter(kind=SeriesKind.METRIC, key=key)
    return series if places is None else series.filter(_among("scope_id", places))


def _metric_condition(series: QuerySet[Series], op: Op, value: Any, *, owner: str = "pk") -> Q:
    """On the latest value; NaN differs from every number and is neither more nor less than any.

    `owner` is the column that names the run.
    """
    fits = filtering.column("last_value", "number").q(op, value)
    if op == "!=":
        fits |= Q(last_is_nan=True)
    return Q(_AsSet(Q(**{f"{owner}__in": series.filter(fits).values("owner_id")})))


class _ParamCondition:
    """On the text of a parameter, by the index on how texts begin where that says enough."""

    def __init__(self, rows: QuerySet[RunParam]) -> None:
        self.rows = rows

    def __call__(self, op: Op, value: Any) -> Q:
        if op == "=" and len(value) < BRIEF:
            return Q(pk__in=self.rows.filter(brief=value).values("run"))
        return rows_with_text(self.rows, "run", "text").q(op, value)


def _notes() -> Field:
    """The tag that is the run's own notes: there where they are not empty."""
    there = ~Q(notes="")

    def condition(op: Op, value: Any) -> Q:
        if op in ("is missing", "is not missing"):
            return ~there if op == "is missing" else there
        return there & filtering.column("notes", "text").q(op, value)

    return Field("text", condition)


def _attribute(projects: Sequence[Project], call: Call, key: str) -> Field:
    match key:
        case "run_id":
            return text_column("key")
        case "run_name":
            return text_column("name")
        case "start_time":
            return time_column("started_at")
        case "end_time":
            return time_column("ended_at")
        case "status":
            return Field("text", _status_condition)
        case "user_id":
            return _computed(_user(), projects)
        case _:
            return _computed(_address(projects, call), projects)


def _status_condition(op: Op, value: Any) -> Q:
    """Which states have a name that fits is found out here: there are six."""
    match op:
        case "like" | "ilike":
            fits = [state for state, word in STATUSES.items() if _fits(op, value, word)]
        case "=" | "in":
            fits = [state for state, word in STATUSES.items() if word in _several(value)]
        case _:
            fits = [state for state, word in STATUSES.items() if word not in _several(value)]
    return Q(state__in=[RunState(state).value for state in fits])


def _several(value: Any) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else (value,)


def _fits(op: Op, pattern: str, word: str) -> bool:
    """LIKE on a short word: each part of the pattern between % must follow the one before."""
    if op == "ilike":
        pattern, word = pattern.upper(), word.upper()
    reached = {0}
    for sign in pattern:
        if sign == "%":
            reached = set(range(min(reached), len(word) + 1)) if reached else set()
        else:
            reached = {at + 1 for at in reached if at < len(word) and sign in (word[at], "_")}
    return len(word) in reached


def _user() -> Coalesce:
    """Who the client says that began a run, or whose key it was."""
    said = RunTag.objects.filter(run=OuterRef("pk"), name=USER)
    return Coalesce(
        Subquery(said.annotate(brief=Left("value", 255)).values("brief")[:1]),
        F("created_by__username"),
        output_field=CharField(),
    )


def _address(projects: Sequence[Project], call: Call) -> Concat:
    """The address of a run's files, as `run_messages` says it."""
    defaults = [
        project.pk
        for project in projects
        if is_home(project, call)
        and getattr(project, "experiment", None) is not None
        and project.experiment.is_default
    ]
    experiment = Case(
        When(project__in=defaults, then=Value("0")),
        default=Cast("project_id", CharField(max_length=20)),
        output_field=CharField(),
    )
    return Concat(
        Value("mlflow-artifacts:/"),
        experiment,
        Value("/"),
        F("key"),
        Value("/artifacts"),
        output_field=CharField(),
    )


def _computed(expression: Any, projects: Sequence[Project]) -> Field:
    """A text that is worked out from the row."""
    places = _among("project", [project.pk for project in projects])

    def condition(op: Op, value: Any) -> Q:
        found: QuerySet[Run] = Run.with_deleted.filter(places).annotate(computed=expression)
        return Q(pk__in=found.filter(text_column("computed").q(op, value)).values("pk"))

    return Field("text", condition)
