"""Writing points.

`append` makes the same few statements for any number of keys: one locked read of the series rows,
the chunk writes of tails that are full, one update of all rows. Writers of the same series queue on
its row (on SQLite on the database), so nothing is lost between the read and the write.
"""

import math
import struct
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import connection, transaction
from django.db.models import Count, QuerySet, Subquery, Value
from django.db.models.lookups import Exact

from apps.core.errors import Busy, Invalid, TooLarge
from apps.core.jsontext import dump
from apps.core.limits import MAX_INTEGER, MIN_INTEGER
from apps.core.names import clean_key
from apps.core.prepared import Prepared, insert_all
from apps.series.choices import SeriesKind
from apps.series.encoding import (
    CHUNK_POINTS,
    RECORD,
    TAIL_POINTS,
    Points,
    decode,
    encode,
    join,
    pack,
    to_records,
    unpack,
)
from apps.series.models import Chunk, ObjectPoint, Series
from apps.series.repeats import each, known_records
from apps.series.sampling import preview

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_KEY_LENGTH = 255
# A W&B client sends lines of up to 10 MB, and gives up on a run when one is refused.
MAX_OBJECT_CHARACTERS = 10_000_000
_TRIES = 5
# Up to here the query that locks series is prepared, once for each number of keys.
_USUAL_KEYS = 32
_Number = TypeVar("_Number", int, float)

# Written by hand because both databases have a way to change many rows at once that the ORM does
# not use: its own would be one statement for every 70 rows on SQLite. PostgreSQL needs 15 ms of CPU
# for 100 rows one after the other, 6 ms together (measured).
_FIGURES = (
    *("count", "first_step", "last_step", "last_at", "last_value", "last_is_nan"),
    *("min_value", "max_value", "tail", "id"),
)
_SAVE_ONE_BY_ONE = """
    UPDATE series_series
    SET count = %s, first_step = %s, last_step = %s, last_at = %s, last_value = %s,
        last_is_nan = %s, min_value = %s, max_value = %s, tail = %s
    WHERE id = %s
"""
_SAVE_TOGETHER = """
    UPDATE series_series AS known
    SET count = new.count, first_step = new.first_step, last_step = new.last_step,
        last_at = new.last_at, last_value = new.last_value, last_is_nan = new.last_is_nan,
        min_value = new.min_value, max_value = new.max_value, tail = new.tail
    FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::float8[], %s::float8[],
                %s::boolean[], %s::float8[], %s::float8[], %s::bytea[], %s::bigint[])
        AS new(count, first_step, last_step, last_at, last_value,
               last_is_nan, min_value, max_value, tail, id)
    WHERE known.id = new.id
"""


@dataclass(frozen=True)
class Batch:
    """Points of one key as they were logged: three equally long columns, in any order."""

    key: str
    steps: "Sequence[int] | NDArray[np.integer]"
    times: "Sequence[float] | NDArray[np.floating]"
    values: "Sequence[float] | NDArray[np.floating]"


@dataclass(frozen=True)
class ObjectValue:
    """One logged value that is not a number: anything that JSON can hold."""

    key: str
    step: int
    at: float
    value: object


@dataclass(frozen=True)
class _Columns:
    """All new points of one key."""

    steps: list[int]
    times: list[float]
    values: list[float]

    def extend(self, batch: Batch) -> None:
        steps, times, values = map(_listed, (batch.steps, batch.times, batch.values))
        if not len(steps) == len(times) == len(values):
            raise Invalid(
                f"{batch.key}: as many times and values as steps are needed.", field="points"
            )
        self.steps.extend(steps)
        self.times.extend(times)
        self.values.extend(values)


@dataclass(frozen=True)
class _Arrival:
    """Checked new points of one key, as records, with their figures."""

    records: bytes
    count: int
    first: tuple[int, float]
    last: tuple[int, float, float]
    lowest: float | None
    highest: float | None


def append(
    *,
    scope_id: int,
    owner_id: int,
    kind: SeriesKind,
    batches: Sequence[Batch],
    as_sets: bool = False,
) -> None:
    """Add points to the series of an owner, all of them or none.

    Every point is kept, and of several at one step and time the one that came last is the last.
    With `as_sets` (by the rules of MLflow) a point that is there already is dropped, and of several
    at one step and time the one with the largest value is the last.

    Effects: creates series that are new, updates their figures. Raises Invalid for a wrong number
    or key, and Busy in the unlikely case that the series are deleted again and again meanwhile.
    """
    arrivals = _arrivals(batches, as_sets=as_sets)
    if not arrivals:
        return
    with transaction.atomic(savepoint=False):
        for _ in range(_TRIES):
            rows = _locked(owner_id, kind, sorted(arrivals))
            if len(rows) == len(arrivals):
                _append(rows, arrivals, as_sets=as_sets)
                return
            _create(scope_id, owner_id, kind, arrivals)
        raise Busy("These series are being deleted; try again.")


def append_objects(*, owner_id: int, objects: Sequence[ObjectValue]) -> None:
    """Add values that are not numbers to the history of an owner, all of them or none."""
    rows = [
        ObjectPoint(
            owner_id=owner_id,
            key=_checked_key(item.key),
            step=_checked_step(item),
            at=_checked_time(item),
            value=_checked_value(item),
        )
        for item in objects
    ]
    ObjectPoint.objects.bulk_create(rows)


@transaction.atomic
def delete_series(*, owner_ids: Iterable[int]) -> None:
    """Delete all points and objects of some owners."""
    owners = list(owner_ids)
    # In the order in which `append` locks, so that neither waits for the other for ever.
    rows = Series.objects.filter(owner_id__in=owners).order_by("owner_id", "kind", "key")
    doomed = list(rows.select_for_update().values_list("pk", flat=True))
    Chunk.objects.filter(series__in=doomed).delete()
    Series.objects.filter(pk__in=doomed).delete()
    ObjectPoint.objects.filter(owner_id__in=owners).delete()


@transaction.atomic
def truncate(
    *, owner_id: int, kind: SeriesKind, after_step: int, keys: Sequence[str] | None = None
) -> None:
    """Forget the points of an owner (of these keys alone, if given) after a step."""
    rows = Series.objects.select_for_update().filter(
        owner_id=owner_id, kind=kind, last_step__gt=after_step
    )
    if keys is not None:
        rows = rows.filter(key__in=keys)
    for row in rows.order_by("key"):
        _cut_off(row, after_step)


def truncate_objects(*, owner_id: int, after_step: int) -> None:
    """Forget the values of an owner that are not numbers after a step."""
    ObjectPoint.objects.filter(owner_id=owner_id, step__gt=after_step).delete()


def _cut_off(row: Series, after_step: int) -> None:
    """Write a series anew without its points after a step; one that is left with none goes."""
    chunks = row.chunks.order_by("position")
    points = join([*(decode(chunk.data) for chunk in chunks), unpack(bytes(row.tail))])
    kept = points[points.steps <= after_step]
    chunks.delete()
    if not len(kept):
        row.delete()
        return
    columns = _Columns(kept.steps.tolist(), kept.times.tolist(), kept.values.tolist())
    arrival = _arrival(row.key, columns)
    row.count, row.first_step, row.last_step, row.last_at = 0, None, None, None
    row.min_value = row.max_value = None
    row.tail = arrival.records
    _count(row, arrival)
    if arrival.count > TAIL_POINTS:
        _move_into_chunks([row])
    _save([row])


def _locked(owner_id: int, kind: SeriesKind, keys: Sequence[str]) -> list[Series]:
    """The series of these keys, locked; none of them while one has no row yet.

    Two writers that hold some and add others would wait for each other for ever. This way each
    waits in the order of the keys, be it to add them or to lock them.
    """
    if len(keys) > _USUAL_KEYS:
        return list(_locking(owner_id, str(kind), *keys))
    return _prepared_for(len(keys)).rows(owner_id, str(kind), *keys)


def _locking(owner_id: int, kind: str, *keys: str) -> QuerySet[Series]:
    asked = Series.objects.filter(owner_id=owner_id, kind=kind, key__in=keys)
    known = asked.order_by().values("owner_id").annotate(known=Count("pk")).values("known")
    everything = asked.filter(Exact(Value(len(keys)), Subquery(known)))
    return everything.select_for_update(of=("self",)).order_by("key")


@cache
def _prepared_for(count: int) -> Prepared[Series]:
    return Prepared(_locking, int, str, *[str] * count)


def _append(rows: list[Series], arrivals: Mapping[str, _Arrival], *, as_sets: bool) -> None:
    if as_sets:
        arrivals = _without_known(rows, arrivals)
        rows = [row for row in rows if row.key in arrivals]
    if not rows:
        return
    overflowing = []
    for row in rows:
        arrival = arrivals[row.key]
        row.tail = bytes(row.tail) + arrival.records
        _count(row, arrival, by_value=as_sets)
        if len(row.tail) > TAIL_POINTS * RECORD.size:
            overflowing.append(row)
    _move_into_chunks(overflowing)
    _save(rows)


def _without_known(
    rows: Sequence[Series], arrivals: Mapping[str, _Arrival]
) -> Mapping[str, _Arrival]:
    """The new points that their series do not have yet; a key that is left with none is left out.

    Only where the new points do not all lie after the last one is anything compared.
    """
    unsure = {
        row: (arrivals[row.key].first[0], arrivals[row.key].last[0])
        for row in rows
        if row.count and arrivals[row.key].first <= (row.last_step, row.last_at)
    }
    if not unsure:
        return arrivals
    fresh = dict(arrivals)
    for row, known in known_records(unsure).items():
        kept = [record for record in each(arrivals[row.key].records) if record not in known]
        if len(kept) == arrivals[row.key].count:
            continue
        del fresh[row.key]
        if kept:
            columns = map(list, zip(*map(RECORD.unpack, kept), strict=True))
            fresh[row.key] = _arrival(row.key, _Columns(*columns), by_value=True)
    return fresh


def _create(
    scope_id: int, owner_id: int, kind: SeriesKind, arrivals: Mapping[str, _Arrival]
) -> None:
    Series.objects.bulk_create(
        [
            Series(scope_id=scope_id, owner_id=owner_id, kind=kind, key=key)
            for key in sorted(arrivals)
        ],
        ignore_conflicts=True,
    )


def _count(row: Series, arrival: _Arrival, *, by_value: bool = False) -> None:
    """Bring the figures of a series up to date with its new points."""
    step, at, value = arrival.last
    if row.last_step is None or row.last_at is None or _is_later(row, arrival, by_value):
        row.last_step, row.last_at = step, at
        row.last_is_nan = math.isnan(value)
        row.last_value = None if row.last_is_nan else value
    row.first_step = _least(row.first_step, arrival.first[0])
    row.min_value = _least(row.min_value, arrival.lowest)
    row.max_value = _most(row.max_value, arrival.highest)
    row.count += arrival.count


def _is_later(row: Series, arrival: _Arrival, by_value: bool) -> bool:
    """Whether the last of the new points comes after the last one of the series."""
    step, at, value = arrival.last
    if (step, at) != (row.last_step, row.last_at) or not by_value:
        return (step, at) >= (row.last_step, row.last_at)
    return _rank(value) >= _rank(math.nan if row.last_value is None else row.last_value)


def _rank(value: float) -> float:
    """The value as it counts for which of several points is the last: NaN least."""
    return -math.inf if value != value else value


def _move_into_chunks(rows: Sequence[Series]) -> None:
    """Turn full tails into chunks, and small chunks that make up a whole one into that."""
    if not rows:
        return
    small = _small_chunks([row for row in rows if _completes_a_chunk(row)])
    written = []
    for row in rows:
        points = join([*(decode(chunk.data) for chunk in small[row.pk]), unpack(bytes(row.tail))])
        start = row.count - len(points)
        rest = len(points) % CHUNK_POINTS
        kept = rest if rest <= TAIL_POINTS else 0
        for place in range(0, len(points) - kept, CHUNK_POINTS):
            part = points[place : place + CHUNK_POINTS]
            written.append(_chunk(row, start + place, part))
        row.tail = to_records(points[len(points) - kept :])
    replaced = [chunk.pk for chunks in small.values() for chunk in chunks]
    if replaced:
        Chunk.objects.filter(pk__in=replaced).delete()
    insert_all(written)


def _completes_a_chunk(row: Series) -> bool:
    pending = len(row.tail) // RECORD.size
    return (row.count - pending) % CHUNK_POINTS + pending >= CHUNK_POINTS


def _small_chunks(rows: Sequence[Series]) -> defaultdict[int, list[Chunk]]:
    """The chunks at the end of some series that are not whole, in order."""
    found: defaultdict[int, list[Chunk]] = defaultdict(list)
    if rows:
        chunks = Chunk.objects.filter(series__in=rows, count__lt=CHUNK_POINTS).defer("preview")
        for chunk in chunks.order_by("position"):
            found[chunk.series_id].append(chunk)
    return found


def _chunk(row: Series, position: int, points: Points) -> Chunk:
    return Chunk(
        series=row,
        position=position,
        count=len(points),
        min_step=int(points.steps.min()),
        max_step=int(points.steps.max()),
        preview=preview(points),
        data=encode(points),
    )


def _save(rows: Sequence[Series]) -> None:
    figures = [attrgetter(*_FIGURES)(row) for row in rows]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_SAVE_TOGETHER, [list(column) for column in zip(*figures, strict=True)])
        else:
            cursor.executemany(_SAVE_ONE_BY_ONE, figures)


def _arrivals(batches: Sequence[Batch], *, as_sets: bool) -> dict[str, _Arrival]:
    """The points of each key, checked; batches of the same key one after the other."""
    columns: dict[str, _Columns] = {}
    for batch in batches:
        if batch.key not in columns:
            columns[_checked_key(batch.key)] = _Columns([], [], [])
        columns[batch.key].extend(batch)
    return {
        key: _arrival(key, found, by_value=as_sets) for key, found in columns.items() if found.steps
    }


def _listed(column: "Sequence[Any] | NDArray[Any]") -> Sequence[Any]:
    """Python's own numbers, also out of an array."""
    return column if isinstance(column, Sequence) else column.tolist()


def _arrival(key: str, columns: _Columns, *, by_value: bool = False) -> _Arrival:
    """Points of one key, checked; `by_value` makes them a set, as `append` says."""
    steps, times, values = columns.steps, columns.times, columns.values
    try:
        records = pack(steps, times, values)
    except (struct.error, TypeError, OverflowError):
        raise Invalid(
            f"{key}: a step must be a whole number between {MIN_INTEGER} and {MAX_INTEGER}, "
            "a time and a value a number that fits a double.",
            field="points",
        ) from None
    if not all(map(math.isfinite, times)):
        raise Invalid(f"{key}: a time must be a finite number.", field="points")
    if by_value:
        records = b"".join(dict.fromkeys(each(records)))
    ranks = list(map(_rank, values)) if by_value else range(len(steps))
    step, at, _rank_of_last, place = max(zip(steps, times, ranks, range(len(steps)), strict=True))
    comparable = [value for value in values if value == value]
    return _Arrival(
        records=records,
        count=len(records) // RECORD.size,
        first=min(zip(steps, map(float, times), strict=True)),
        last=(step, float(at), float(values[place])),
        lowest=float(min(comparable)) if comparable else None,
        highest=float(max(comparable)) if comparable else None,
    )


def _checked_key(key: str) -> str:
    return clean_key(key, field="key", max_length=MAX_KEY_LENGTH)


def _checked_step(item: ObjectValue) -> int:
    if not isinstance(item.step, int) or not MIN_INTEGER <= item.step <= MAX_INTEGER:
        raise Invalid(f"{item.key}: the step must be a 64-bit whole number.", field="step")
    return item.step


def _checked_time(item: ObjectValue) -> float:
    if not math.isfinite(item.at):
        raise Invalid(f"{item.key}: the time must be a finite number.", field="at")
    return item.at


def _checked_value(item: ObjectValue) -> str:
    try:
        text = dump(item.value)
        text.encode()
    except (TypeError, ValueError):
        raise Invalid(
            f"{item.key}: the value is nothing that JSON can hold.", field="value"
        ) from None
    if len(text) > MAX_OBJECT_CHARACTERS:
        raise TooLarge(f"{item.key}: a value may have {MAX_OBJECT_CHARACTERS} characters at most.")
    return text


def _least(known: _Number | None, new: _Number | None) -> _Number | None:
    return min((number for number in (known, new) if number is not None), default=None)


def _most(known: _Number | None, new: _Number | None) -> _Number | None:
    return max((number for number in (known, new) if number is not None), default=None)
