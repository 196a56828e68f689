"""The status table: one model's versions with their labels and scores.

The number of queries does not depend on the number of versions. Sorted by a score, the versions
that have one come first in the order of the index on column scores, then those without (missing,
or NaN) newest first: two segments (core.tables). `sort` is "version", "logged" or a column's slug;
the natural order is newest first.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from apps.accounts.models import User
from apps.artifacts.models import Collection, LabelHolding, Version
from apps.artifacts.queries import holdings_of, versions_of
from apps.core import filtering
from apps.core.errors import Invalid
from apps.core.names import name_key
from apps.core.paging import Key
from apps.core.tables import Segment, TableQuery, blocks, check_search, cut
from apps.evaluations.choices import Better
from apps.evaluations.queries import measurements_of
from apps.registry.models import Column, ColumnScore, StatusLabel
from apps.registry.queries.columns import columns_in
from apps.registry.queries.labels import baseline_holding, labels_of

# What every status table can be sorted by, beside its columns.
FIXED_ORDERS = ("version", "logged")


@dataclass(frozen=True, slots=True)
class Cell:
    """One score. `value` is None for NaN; a score that was never recorded has no cell at all."""

    value: float | None
    stderr: float | None
    n: int | None
    low: float | None
    high: float | None
    created_at: datetime


@dataclass(frozen=True)
class Row:
    """One version in the table. `cells` is by column primary key."""

    id: int
    number: int
    artifact_id: int
    digest: str
    linked_at: datetime
    by: str
    run_key: str
    run_name: str
    run_project: str
    note: str
    labels: Sequence[str] = ()
    cells: Mapping[int, Cell] = field(default_factory=dict)


@dataclass(frozen=True)
class StatusTable:
    """A page of the table and what its head and foot say.

    `first` is the place of the first row among the `matching` ones, counted from 1; `total` counts
    all versions, `latest` is the newest one's number. `best` is the best value of a column by its
    primary key, over the whole model. `baseline` is the version that differences are taken to: the
    holder of the first label.
    """

    columns: Sequence[Column]
    rows: Sequence[Row]
    first: int
    matching: int
    total: int
    latest: int | None
    last_logged_at: datetime | None
    next: str
    previous: str
    best: Mapping[int, float]
    baseline: Row | None
    labels: Sequence[StatusLabel]
    holdings: Sequence[LabelHolding]

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1


def columns_of(collection: Collection, user: User | None) -> list[Column]:
    """The columns of a table that the user may know of, in their order."""
    return list(columns_in(collection, user))


def better_of(column: Column) -> Better:
    """Which way a column improves: its own word, else its metric's."""
    return Better(column.better or column.metric.better)


def format_of(column: Column) -> str:
    return column.format or column.metric.format


def status_table(
    collection: Collection,
    query: TableQuery,
    user: User | None,
    *,
    columns: Sequence[Column],
    known: Sequence[Column] | None = None,
) -> StatusTable:
    """A page of a collection's status table as the user may see it.

    `columns` are those to fetch scores for. Sorting and filtering may use any column of the table;
    `known` are all of them, for a caller who has read them already. Raises Invalid for an order, a
    filter or a cursor that makes no sense.
    """
    known = columns_of(collection, user) if known is None else known
    everything = versions_of(collection, user)
    matching = _matching(everything, query, known)
    segments = _segments(matching, query, known, collection, user)
    page = cut(segments, query)
    shown = _values_of(page.rows)
    labels = list(labels_of(collection.team))
    holdings = list(holdings_of(collection, user))
    baseline = _baseline(labels, holdings, everything)
    wanted = [row["artifact_id"] for row in shown]
    if baseline is not None:
        wanted.append(baseline["artifact_id"])
    cells = _cells(wanted, columns)
    held: dict[int, list[str]] = {}
    for holding in holdings:
        held.setdefault(holding.version_id, []).append(holding.label)
    total = everything.count()
    extremes = _extremes(everything, columns, collection, user)
    return StatusTable(
        columns=columns,
        rows=[_row(values, held, cells) for values in shown],
        first=page.first,
        matching=matching.count() if query.is_narrowed else total,
        total=total,
        latest=extremes.latest,
        last_logged_at=extremes.last_logged_at,
        next=page.next,
        previous=page.previous,
        best=extremes.best,
        baseline=_row(baseline, held, cells) if baseline is not None else None,
        labels=labels,
        holdings=holdings,
    )


def all_rows(
    collection: Collection, query: TableQuery, user: User | None, *, columns: Sequence[Column]
) -> Iterator[Row]:
    """Every matching row in the table's order, for exports: read in blocks, never all at once."""
    known = columns_of(collection, user)
    matching = _matching(versions_of(collection, user), query, known)
    held: dict[int, list[str]] = {}
    for holding in holdings_of(collection, user):
        held.setdefault(holding.version_id, []).append(holding.label)
    for block in blocks(_segments(matching, query, known, collection, user)):
        yield from _rows(_values_of(block), held, columns)


def latest_row(collection: Collection, table: StatusTable, user: User | None) -> Row | None:
    """The newest version as a row, whether it stands on this page or not."""
    for row in table.rows:
        if row.number == table.latest:
            return row
    if table.latest is None:
        return None
    newest = versions_of(collection, user).filter(number=table.latest).values(*_VALUES)
    held: dict[int, list[str]] = {}
    for holding in table.holdings:
        held.setdefault(holding.version_id, []).append(holding.label)
    return next(iter(_rows(list(newest), held, table.columns)), None)


def filter_fields(columns: Sequence[Column]) -> dict[str, filtering.Field]:
    """What the query box may name: the fixed columns and each score column by its slug."""
    fields = {
        "version": filtering.column("number", "integer"),
        "logged": filtering.column("linked_at", "time"),
        "by": filtering.column("linked_by__username", "text"),
        "run": filtering.column("artifact__made_by__name", "text"),
        "digest": filtering.column("artifact__digest", "text"),
        "note": filtering.column("note", "text"),
        "status": filtering.Field("text", _status_condition),
    }
    for column in columns:
        fields[column.slug] = filtering.Field("number", _score_condition(column))
    return fields


# --- which rows ---------------------------------------------------------------------------------


def _sees_all(collection: Collection, user: User | None) -> bool:
    """Whether no version of the collection can be hidden from the user (see `versions_of`)."""
    return user is None or collection.project_id is not None


def _matching(
    versions: QuerySet[Version], query: TableQuery, columns: Sequence[Column]
) -> QuerySet[Version]:
    matching = versions
    words = check_search(query.search)
    if query.where.strip():
        tree = filtering.parse(query.where)
        matching = matching.filter(filtering.to_q(tree, filter_fields(columns)))
    if query.status:
        keys = [name_key(label) for label in query.status]
        matching = matching.filter(Exists(_held(label_key__in=keys)))
    if words:
        matching = matching.filter(_search_condition(words))
    return matching


def _held(**conditions: object) -> QuerySet[LabelHolding]:
    return LabelHolding.objects.filter(version=OuterRef("pk"), held_until=None, **conditions)


def _search_condition(text: str) -> Q:
    condition = (
        Q(artifact__digest__startswith=text.lower())
        | Q(note__icontains=text)
        | Q(artifact__made_by__name__icontains=text)
        | Q(linked_by__username__icontains=text)
        | Q(Exists(_held(label_key__contains=name_key(text))))
    )
    digits = text.lower().removeprefix("v")
    if digits.isascii() and digits.isdigit() and len(digits) < 10:
        condition |= Q(number=int(digits))
    return condition


def _status_condition(op: filtering.Op, value: Any) -> Q:
    """A version's labels are a set: `=` asks whether it holds one, `is missing` for none."""
    if op in ("is missing", "is not missing"):
        found = Q(Exists(_held()))
        return ~found if op == "is missing" else found
    if op in ("~", "!~"):
        found = Q(Exists(_held(label_key__contains=name_key(value))))
        return found if op == "~" else ~found
    names = value if op in ("in", "not in") else [value]
    found = Q(Exists(_held(label_key__in=[name_key(name) for name in names])))
    return found if op in ("=", "in") else ~found


def _score_condition(column: Column) -> Callable[[filtering.Op, Any], Q]:
    """Conditions on a column's score; NaN counts as missing, as core.filtering says.

    Each is a list of versions that the index on scores gives, not a look-up for every version.
    """
    value = filtering.column("value", "number")

    def condition(op: filtering.Op, operand: Any) -> Q:
        scores = ColumnScore.objects.filter(column=column.pk)
        if op == "is missing":
            return ~Q(pk__in=scores.values("version"))
        if op != "is not missing":
            scores = scores.filter(value.q(op, operand))
        return Q(pk__in=scores.values("version"))

    return condition


# --- in which order -----------------------------------------------------------------------------


_VALUES = (
    "pk",
    "number",
    "artifact_id",
    "artifact__digest",
    "linked_at",
    "linked_by__username",
    "linked_by__display_name",
    "artifact__made_by__key",
    "artifact__made_by__name",
    "artifact__project__name",
    "note",
)


_NEWEST_FIRST = Key("number", "integer", descending=True)


def _segments(
    versions: QuerySet[Version],
    query: TableQuery,
    columns: Sequence[Column],
    collection: Collection,
    user: User | None,
) -> list[Segment]:
    """The parts of the table in their order. Raises Invalid for an unknown column."""
    name, is_down = query.sorts_by, query.is_descending
    scope = query.scope(collection.pk)
    if not query.sort:
        return [Segment(versions, (_NEWEST_FIRST,), scope)]
    if name == "version":
        return [Segment(versions, (Key("number", "integer", is_down),), scope)]
    if name == "logged":
        keys = (Key("linked_at", "time", is_down), Key("number", "integer", is_down))
        return [Segment(versions, keys, scope)]
    column = next((column for column in columns if column.slug == name), None)
    if column is None:
        raise Invalid(f"There is no column {name!r} to sort by.", field="sort")
    scored = ColumnScore.objects.filter(column=column.pk)
    if query.is_narrowed or not _sees_all(collection, user):
        scored = scored.filter(version__in=versions.values("pk"))
    keys = (Key("value", "number", is_down), _NEWEST_FIRST)
    unscored = versions.filter(_score_condition(column)("is missing", None))
    return [
        Segment(scored, keys, f"{scope} scored", "version"),
        Segment(unscored, (_NEWEST_FIRST,), f"{scope} unscored"),
    ]


# --- with which values --------------------------------------------------------------------------


def _values_of(versions: Sequence[int]) -> list[dict[str, Any]]:
    """What a row shows of these versions, in their order (one query)."""
    found = {row["pk"]: row for row in Version.objects.filter(pk__in=versions).values(*_VALUES)}
    return [found[version] for version in versions if version in found]


def _cells(artifacts: Sequence[int], columns: Sequence[Column]) -> dict[int, dict[int, Cell]]:
    """The scores of these artifacts by artifact and column primary key (one query)."""
    wanted = {(column.metric_id, column.golden_set_id): column.pk for column in columns}
    cells: dict[int, dict[int, Cell]] = {}
    for result in measurements_of(set(artifacts), list(wanted)):
        column = wanted.get((result.metric_id, result.golden_set_id))
        if column is not None:
            cells.setdefault(result.artifact_id, {})[column] = Cell(
                result.value, result.stderr, result.n, result.low, result.high, result.created_at
            )
    return cells


@dataclass(frozen=True)
class _Extremes:
    latest: int | None
    last_logged_at: datetime | None
    best: Mapping[int, float]


def _extremes(
    versions: QuerySet[Version],
    columns: Sequence[Column],
    collection: Collection,
    user: User | None,
) -> _Extremes:
    """The newest version, and the best value of each column: one query, an index look-up each."""
    picks: dict[str, Any] = {
        "latest": Subquery(versions.order_by("-number").values("number")[:1]),
        "last_logged_at": Subquery(versions.order_by("-linked_at").values("linked_at")[:1]),
    }
    for column in columns:
        better = better_of(column)
        if better == Better.NEITHER:
            continue
        scores = ColumnScore.objects.filter(column=column.pk)
        if not _sees_all(collection, user):
            scores = scores.filter(version__in=versions.values("pk"))
        order = "value" if better == Better.LOWER else "-value"
        picks[f"best_{column.pk}"] = Subquery(scores.order_by(order).values("value")[:1])
    found: dict[str, Any] = dict(
        Collection.with_deleted.filter(pk=collection.pk).values(**picks).get()
    )
    return _Extremes(
        latest=found.pop("latest"),
        last_logged_at=found.pop("last_logged_at"),
        best={
            int(name.removeprefix("best_")): value
            for name, value in found.items()
            if value is not None
        },
    )


def _baseline(
    labels: Sequence[StatusLabel],
    holdings: Sequence[LabelHolding],
    versions: QuerySet[Version],
) -> dict[str, Any] | None:
    """The holder of the first exclusive label of the vocabulary."""
    holder = baseline_holding(labels, holdings)
    if holder is None:
        return None
    return versions.filter(pk=holder.version_id).values(*_VALUES).first()


def _rows(
    block: list[dict[str, Any]], held: Mapping[int, list[str]], columns: Sequence[Column]
) -> list[Row]:
    cells = _cells([values["artifact_id"] for values in block], columns)
    return [_row(values, held, cells) for values in block]


def _row(
    values: Mapping[str, Any],
    held: Mapping[int, list[str]],
    cells: Mapping[int, dict[int, Cell]],
) -> Row:
    return Row(
        id=values["pk"],
        number=values["number"],
        artifact_id=values["artifact_id"],
        digest=values["artifact__digest"],
        linked_at=values["linked_at"],
        by=values["linked_by__display_name"] or values["linked_by__username"] or "",
        run_key=values["artifact__made_by__key"] or "",
        run_name=values["artifact__made_by__name"] or "",
        run_project=values["artifact__project__name"] or "",
        note=values["note"],
        labels=held.get(values["pk"], []),
        cells=cells.get(values["artifact_id"], {}),
    )
