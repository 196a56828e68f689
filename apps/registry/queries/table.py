"""The status table: one model's versions with their labels and scores.

The number of queries does not depend on the number of versions. A page is cut by key, not by
offset: sorted by a score, the versions that have one come first in the order of the index on
column scores, then those without (missing, or NaN) newest first; each of the two parts is a
segment that is read in index order and stops after a page.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from apps.accounts.models import User
from apps.artifacts.models import Collection, LabelHolding, Version
from apps.artifacts.queries import holdings_of, versions_of
from apps.core import filtering, limits
from apps.core.errors import Invalid
from apps.core.names import name_key
from apps.core.paging import Cursor, Key, read_cursor, seek, write_cursor
from apps.evaluations.choices import Better
from apps.evaluations.queries import results_of
from apps.registry.models import Column, ColumnScore, StatusLabel
from apps.registry.queries.columns import columns_in
from apps.registry.queries.labels import baseline_holding, labels_of

PAGE_SIZES = (10, 25, 50, 100)
DEFAULT_SIZE = 25
MAX_SEARCH = 200
EXPORT_BLOCK = 500


@dataclass(frozen=True)
class TableQuery:
    """What of the table is asked for; the page's address says exactly this.

    `sort` is "version", "logged" or a column's slug, with "-" in front for descending; empty is
    the natural order, newest first. `where` is the text of the query box, `status` label names of
    which a row must hold one, `search` words to look for.
    """

    sort: str = ""
    where: str = ""
    status: tuple[str, ...] = ()
    search: str = ""
    cursor: str = ""
    size: int = DEFAULT_SIZE


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
    page = _cut(segments, query)
    labels = list(labels_of(collection.team))
    holdings = list(holdings_of(collection, user))
    baseline = _baseline(labels, holdings, everything)
    wanted = [row["artifact_id"] for row in page.rows]
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
        rows=[_row(values, held, cells) for values in page.rows],
        first=page.first,
        matching=matching.count() if _is_narrowed(query) else total,
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
    for segment in _segments(matching, query, known, collection, user):
        ids = seek(segment.rows, segment.keys, None).values_list(segment.version, flat=True)
        found = ids.iterator(chunk_size=EXPORT_BLOCK)
        while block := list(islice(found, EXPORT_BLOCK)):
            yield from _rows(_values_of(block), held, columns)


def latest_row(collection: Collection, table: StatusTable, user: User | None) -> Row | None:
    """The newest version as a row, whether it stands on this page or not."""
    for row in table.rows:
        if row.number == table.latest:
            return row
    if table.latest is None:
        return None
    newest = versions_of(collection, user).filter(number=table.latest).values(*_VALUES)
    held = {held.version_id: [held.label] for held in table.holdings}
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


def _is_narrowed(query: TableQuery) -> bool:
    return bool(query.where.strip() or query.status or query.search.strip())


def _sees_all(collection: Collection, user: User | None) -> bool:
    """Whether no version of the collection can be hidden from the user (see `versions_of`)."""
    return user is None or collection.project_id is not None


def _matching(
    versions: QuerySet[Version], query: TableQuery, columns: Sequence[Column]
) -> QuerySet[Version]:
    if len(query.search) > MAX_SEARCH:
        raise Invalid(f"Search for {MAX_SEARCH} characters at most.", field="q")
    matching = versions
    if query.where.strip():
        tree = filtering.parse(query.where)
        matching = matching.filter(filtering.to_q(tree, filter_fields(columns)))
    if query.status:
        keys = [name_key(label) for label in query.status]
        matching = matching.filter(Exists(_held(label_key__in=keys)))
    if query.search.strip():
        matching = matching.filter(_search_condition(query.search.strip()))
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


@dataclass(frozen=True)
class _Segment:
    """A part of the table with an order of its own; `scope` names it in cursors.

    `rows` are versions or scores, whichever an index has in this order; `version` is the field of
    theirs that names the version. What else the table shows is read for the rows of a page only.
    """

    rows: QuerySet[Any]
    keys: tuple[Key, ...]
    scope: str
    version: str = "pk"

    def cursor(self, row: Mapping[str, Any], *, backwards: bool, position: int) -> str:
        values = tuple(row[key.name] for key in self.keys)
        return write_cursor(Cursor(values, backwards, position), self.keys, self.scope)


@dataclass(frozen=True)
class _Cut:
    rows: list[dict[str, Any]]
    first: int
    next: str
    previous: str


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
) -> list[_Segment]:
    """The parts of the table in their order. Raises Invalid for an unknown column."""
    name = query.sort.removeprefix("-")
    is_down = query.sort.startswith("-")
    # A place in one list means nothing in another: a cursor is taken only where it was made.
    scope = "\n".join(
        [str(collection.pk), query.sort, query.where, query.search, *sorted(query.status)]
    )
    if not query.sort:
        return [_Segment(versions, (_NEWEST_FIRST,), scope)]
    if name == "version":
        return [_Segment(versions, (Key("number", "integer", is_down),), scope)]
    if name == "logged":
        keys = (Key("linked_at", "time", is_down), Key("number", "integer", is_down))
        return [_Segment(versions, keys, scope)]
    column = next((column for column in columns if column.slug == name), None)
    if column is None:
        raise Invalid(f"There is no column {name!r} to sort by.", field="sort")
    scored = ColumnScore.objects.filter(column=column.pk)
    if _is_narrowed(query) or not _sees_all(collection, user):
        scored = scored.filter(version__in=versions.values("pk"))
    keys = (Key("value", "number", is_down), _NEWEST_FIRST)
    unscored = versions.filter(_score_condition(column)("is missing", None))
    return [
        _Segment(scored, keys, f"{scope} scored", "version"),
        _Segment(unscored, (_NEWEST_FIRST,), f"{scope} unscored"),
    ]


def _cut(segments: Sequence[_Segment], query: TableQuery) -> _Cut:
    """One page, from the cursor on, over the segments in their order (or the reverse of it)."""
    if not 1 <= query.size <= limits.MAX_PAGE_SIZE:
        raise Invalid(f"A page has 1 to {limits.MAX_PAGE_SIZE} rows.", field="size")
    at, place = _place(segments, query.cursor)
    backwards = place is not None and place.backwards
    before = place.position if place is not None else 0
    rows: list[tuple[_Segment, dict[str, Any]]] = []
    ahead = segments[at::-1] if backwards else segments[at:]
    for segment in ahead:
        if place is None and backwards:
            place = Cursor(None, backwards=True, position=0)  # from the end of this segment
        names = (segment.version, *(key.name for key in segment.keys))
        wanted = seek(segment.rows, segment.keys, place).values(*names)
        rows += [(segment, values) for values in wanted[: query.size + 1 - len(rows)]]
        place = None
        if len(rows) > query.size:
            break
    has_more = len(rows) > query.size
    rows = rows[: query.size]
    if query.cursor and len(rows) < (query.size if backwards else 1):
        # Rows have gone since the link was made: the first page, rather than a short or empty one.
        return _cut(segments, replace(query, cursor=""))
    if backwards:
        rows.reverse()
        before = max(before - len(rows), 0) if has_more else 0
    # Reading backwards, the page we came from lies ahead; reading on, the one before lies behind.
    has_next = backwards or has_more
    has_previous = has_more if backwards else bool(query.cursor)
    following = previous = ""
    if rows and has_next:
        segment, values = rows[-1]
        following = segment.cursor(values, backwards=False, position=before + len(rows))
    if rows and has_previous:
        segment, values = rows[0]
        previous = segment.cursor(values, backwards=True, position=before)
    shown = _values_of([values[segment.version] for segment, values in rows])
    return _Cut(shown, before + 1 if rows else 0, following, previous)


def _place(segments: Sequence[_Segment], text: str) -> tuple[int, Cursor | None]:
    """Which segment a cursor lies in, and where. Raises Invalid when in none of them."""
    if not text:
        return 0, None
    for at, segment in enumerate(segments):
        with suppress(Invalid):
            return at, read_cursor(text, segment.keys, segment.scope)
    raise Invalid("This page link belongs to another list; start again.", field="cursor")


# --- with which values --------------------------------------------------------------------------


def _values_of(versions: Sequence[int]) -> list[dict[str, Any]]:
    """What a row shows of these versions, in their order (one query)."""
    found = {row["pk"]: row for row in Version.objects.filter(pk__in=versions).values(*_VALUES)}
    return [found[version] for version in versions if version in found]


def _cells(artifacts: Sequence[int], columns: Sequence[Column]) -> dict[int, dict[int, Cell]]:
    """The scores of these artifacts by artifact and column primary key (one query)."""
    wanted = {(column.metric_id, column.golden_set_id): column.pk for column in columns}
    cells: dict[int, dict[int, Cell]] = {}
    for result in results_of(set(artifacts), list(wanted)):
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
