"""Reading points: whole, as a drawable sample, or page by page.

Points come in order of step, then time, then arrival. A reader needs no transaction: it reads the
series row first and then of each chunk only what the row had counted, so a tail that moves into a
chunk in between is seen once. Each function makes the same few queries for any number of keys.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import Count, Max, QuerySet

from apps.core.distinct import distinct_texts
from apps.core.errors import Invalid
from apps.core.limits import MAX_INTEGER, MIN_INTEGER
from apps.core.prepared import Prepared
from apps.series.choices import SeriesKind
from apps.series.encoding import (
    PREVIEW_POINTS,
    RECORD,
    Points,
    decode,
    join,
    unpack,
)
from apps.series.models import Chunk, ObjectPoint, Series
from apps.series.sampling import downsample

MIN_SAMPLE = 10
MAX_SAMPLE = 20_000


@dataclass(frozen=True)
class Cursor:
    """Where a page of points ended: `skip` points of this very step and time have been given."""

    step: int
    at: float
    skip: int


@dataclass(frozen=True)
class Page:
    """Some points in order, and where to go on; `after` is None on the last page."""

    points: Points
    after: Cursor | None


@dataclass(frozen=True)
class _Stretch:
    """A chunk without its points."""

    position: int
    count: int
    min_step: int
    max_step: int


def series_of(
    *, owner_id: int, kind: SeriesKind, keys: Sequence[str] | None = None
) -> QuerySet[Series]:
    """The series of an owner with their figures, by key; without their points."""
    found = Series.objects.filter(owner_id=owner_id, kind=kind, count__gt=0).defer("tail")
    if keys is not None:
        found = found.filter(key__in=keys)
    return found.order_by("key")


def series_of_many(
    *, owner_ids: Iterable[int], kind: SeriesKind, keys: Sequence[str]
) -> QuerySet[Series]:
    """The figures of some keys for many owners: the cells of a table of runs."""
    return (
        Series.objects.filter(owner_id__in=list(owner_ids), kind=kind, key__in=keys, count__gt=0)
        .defer("tail")
        .order_by("owner_id", "key")
    )


def common_keys(*, owner_ids: Iterable[int], kind: SeriesKind, limit: int) -> list[str]:
    """The keys that most of these owners have, by how many have them, then by name."""
    found = Series.objects.filter(owner_id__in=list(owner_ids), kind=kind, count__gt=0)
    counted = found.values("key").annotate(owners=Count("pk")).order_by("-owners", "key")
    return list(counted.values_list("key", flat=True)[:limit])


def keys_in(*, scope_id: int, kind: SeriesKind, limit: int) -> list[str]:
    """The keys that owners in a scope have, by name, out of an index."""
    return distinct_texts(Series, "key", {"scope_id": scope_id, "kind": kind}, limit=limit)


def ranked(*, scope_id: int, kind: SeriesKind, key: str, descending: bool) -> QuerySet[Series]:
    """The series of one key in a scope by their last value, straight from an index.

    A series that ends in NaN is left out: NaN is neither best nor worst.
    """
    found = Series.objects.filter(
        scope_id=scope_id, kind=kind, key=key, last_value__isnull=False
    ).defer("tail")
    return found.order_by(
        *(("-last_value", "-owner_id") if descending else ("last_value", "owner_id"))
    )


def read(
    *,
    owner_id: int,
    kind: SeriesKind,
    key: str,
    min_step: int | None = None,
    max_step: int | None = None,
) -> Points:
    """All points of one key, between two steps (both included) where they are given."""
    return read_many(
        owner_id=owner_id, kind=kind, keys=[key], min_step=min_step, max_step=max_step
    )[key]


def read_many(
    *,
    owner_id: int,
    kind: SeriesKind,
    keys: Sequence[str],
    min_step: int | None = None,
    max_step: int | None = None,
) -> dict[str, Points]:
    """All points of several keys; a key without any has none. Two queries."""
    _check_bounds(min_step, max_step)
    found = _with_tails([owner_id], kind, keys)
    whole = _whole(found, min_step, max_step)
    return _by_key(found, whole, keys)


def sampled(
    *,
    owner_id: int,
    kind: SeriesKind,
    keys: Sequence[str],
    points: int = 1000,
    min_step: int | None = None,
    max_step: int | None = None,
) -> dict[str, Points]:
    """At most `points` points of each key that draw the same curve (see `sampling`).

    Three queries. A series that is much longer than the sample is drawn from the previews of its
    chunks, a fiftieth of the bytes: every extreme is still there, its neighbours may be left out.
    """
    if not MIN_SAMPLE <= points <= MAX_SAMPLE:
        raise Invalid(f"Ask for {MIN_SAMPLE} to {MAX_SAMPLE} points.", field="points")
    _check_bounds(min_step, max_step)
    found = _with_tails([owner_id], kind, keys)
    return _by_key(found, _sampled(found, points, min_step, max_step), keys)


def sampled_of_many(
    *,
    owner_ids: Iterable[int],
    kind: SeriesKind,
    keys: Sequence[str],
    points: int = 1000,
    min_step: int | None = None,
    max_step: int | None = None,
) -> dict[tuple[int, str], Points]:
    """The same for many owners, by owner and key; the same three queries. None, no entry."""
    if not MIN_SAMPLE <= points <= MAX_SAMPLE:
        raise Invalid(f"Ask for {MIN_SAMPLE} to {MAX_SAMPLE} points.", field="points")
    _check_bounds(min_step, max_step)
    found = _with_tails(owner_ids, kind, keys)
    drawn = _sampled(found, points, min_step, max_step)
    return {(row.owner_id, row.key): drawn[row.pk] for row in found}


def page(
    *,
    owner_id: int,
    kind: SeriesKind,
    key: str,
    limit: int,
    after: Cursor | None = None,
    min_step: int | None = None,
    max_step: int | None = None,
) -> Page:
    """The next `limit` (1 or more) points of one key. Three queries, however long the series is.

    Points that arrive meanwhile neither repeat nor hide one that was there throughout.
    """
    _check_bounds(min_step, max_step)
    row = _WITH_TAIL.first(owner_id, kind.value, key)
    if row is None:
        return Page(unpack(b""), None)
    lower = _higher(min_step, after.step if after else None)
    stretches = _stretches(row, lower, max_step)
    taken = _enough_for(stretches, limit, min_step, after)
    # Everything below the first chunk that is left alone is now complete.
    horizon = stretches[taken].min_step if taken < len(stretches) else None
    chunks = _CHUNKS.rows(row.pk, [stretch.position for stretch in stretches[:taken]])
    loaded = _ordered(_joined(row, chunks), lower, max_step)
    if horizon is not None:
        loaded = loaded[loaded.steps < horizon]
    return _cut(loaded, limit, after, is_complete=horizon is None)


_WITH_TAIL: Final = Prepared[Series](
    lambda owner, kind, key: Series.objects.filter(owner_id=owner, kind=kind, key=key, count__gt=0),
    *(int, str, str),
)
_STRETCHES: Final = Prepared[tuple[int, int, int, int]](
    lambda series, counted: (
        Chunk.objects.filter(series=series, position__lt=counted)
        .order_by("min_step", "position")
        .values_list("position", "count", "min_step", "max_step")
    ),
    *(int, int),
)
_CHUNKS: Final = Prepared[Chunk](
    lambda series, positions: Chunk.objects.filter(series=series, position__in=positions).defer(
        "preview"
    ),
    *(int, list),
)


def objects_of(*, owner_id: int, keys: Sequence[str] | None = None) -> QuerySet[ObjectPoint]:
    """The values of an owner's history that are not numbers, by key and step."""
    found = ObjectPoint.objects.filter(owner_id=owner_id)
    if keys is not None:
        found = found.filter(key__in=keys)
    return found.order_by("key", "step", "at", "pk")


@dataclass(frozen=True)
class ObjectKey:
    """A key under which an owner logged objects: how many, and the one that came last."""

    count: int
    newest: ObjectPoint


def object_keys(*, owner_id: int, limit: int) -> list[ObjectKey]:
    """The keys of an owner's objects, by name. Two queries."""
    found = ObjectPoint.objects.filter(owner_id=owner_id).values("key").order_by("key")
    counted = {
        row["last"]: row["count"]
        for row in found.annotate(count=Count("pk"), last=Max("pk"))[:limit]
    }
    newest = ObjectPoint.objects.filter(pk__in=counted).order_by("key")
    return [ObjectKey(counted[point.pk], point) for point in newest]


def _check_bounds(*steps: int | None) -> None:
    if any(step is not None and not MIN_INTEGER <= step <= MAX_INTEGER for step in steps):
        raise Invalid(
            f"A step is a whole number between {MIN_INTEGER} and {MAX_INTEGER}.", field="step"
        )


def _with_tails(owner_ids: Iterable[int], kind: SeriesKind, keys: Sequence[str]) -> list[Series]:
    return list(
        Series.objects.filter(
            owner_id__in=list(owner_ids), kind=kind, key__in=keys, count__gt=0
        ).order_by("owner_id", "key")
    )


def _by_key(
    found: Sequence[Series], points: Mapping[int, Points], keys: Sequence[str]
) -> dict[str, Points]:
    """One owner's points by key; a key without any has none."""
    return dict.fromkeys(keys, unpack(b"")) | {row.key: points[row.pk] for row in found}


def _sampled(
    found: Sequence[Series], points: int, min_step: int | None, max_step: int | None
) -> dict[int, Points]:
    """Samples by the primary key of their series."""
    enough = points * PREVIEW_POINTS
    drawn = _from_previews(
        [row for row in found if row.count >= enough], enough, min_step, max_step
    )
    whole = _whole([row for row in found if row.pk not in drawn], min_step, max_step)
    return {pk: downsample(candidates, points) for pk, candidates in (whole | drawn).items()}


def _whole(
    found: Sequence[Series], min_step: int | None, max_step: int | None
) -> dict[int, Points]:
    chunks = defaultdict(list)
    if found:
        for chunk in _between(Chunk.objects.filter(series__in=found), min_step, max_step).defer(
            "preview"
        ):
            chunks[chunk.series_id].append(chunk)
    return {row.pk: _ordered(_joined(row, chunks[row.pk]), min_step, max_step) for row in found}


def _from_previews(
    found: Sequence[Series], enough: int, min_step: int | None, max_step: int | None
) -> dict[int, Points]:
    """Candidates for the sample of each long series; not of those that a zoom made short."""
    if not found:
        return {}
    records: defaultdict[int, list[bytes]] = defaultdict(list)
    counts: defaultdict[int, int] = defaultdict(int)
    chunks = _between(Chunk.objects.filter(series__in=found), min_step, max_step)
    for series_id, count, preview in chunks.order_by("series", "position").values_list(
        "series_id", "count", "preview"
    ):
        records[series_id].append(bytes(preview))
        counts[series_id] += count
    return {
        row.pk: _ordered(unpack(b"".join([*records[row.pk], bytes(row.tail)])), min_step, max_step)
        for row in found
        if counts[row.pk] >= enough
    }


def _between(
    chunks: QuerySet[Chunk], min_step: int | None, max_step: int | None
) -> QuerySet[Chunk]:
    if min_step is not None:
        chunks = chunks.filter(max_step__gte=min_step)
    if max_step is not None:
        chunks = chunks.filter(min_step__lte=max_step)
    return chunks


def _higher(bound: int | None, other: int | None) -> int | None:
    return max((step for step in (bound, other) if step is not None), default=None)


def _in_chunks(row: Series) -> int:
    """How many points had left the tail for chunks when the row was read."""
    return row.count - len(row.tail) // RECORD.size


def _stretches(row: Series, min_step: int | None, max_step: int | None) -> list[_Stretch]:
    """The chunks of a series by first step, as far as the row had counted."""
    counted = _in_chunks(row)
    return [
        _Stretch(position, min(count, counted - position), first, last)
        for position, count, first, last in _STRETCHES.rows(row.pk, counted)
        if (min_step is None or last >= min_step) and (max_step is None or first <= max_step)
    ]


def _joined(row: Series, chunks: Iterable[Chunk]) -> Points:
    """The points in the chunks and the tail in the order they came, as counted by the row."""
    counted = _in_chunks(row)
    parts = [
        decode(chunk.data)[: max(counted - chunk.position, 0)]
        for chunk in sorted(chunks, key=lambda chunk: chunk.position)
    ]
    return join([*parts, unpack(row.tail)])


def _ordered(points: Points, min_step: int | None, max_step: int | None) -> Points:
    """By step, then time; equal ones stay as they came."""
    import numpy as np

    steps, times = points.steps, points.times
    rises = steps[1:] > steps[:-1]
    if not (rises | ((steps[1:] == steps[:-1]) & (times[1:] >= times[:-1]))).all():
        points = points[np.lexsort((times, steps))]
    low = 0 if min_step is None else int(np.searchsorted(points.steps, min_step, "left"))
    high = (
        len(points) if max_step is None else int(np.searchsorted(points.steps, max_step, "right"))
    )
    return points[low:high]


def _enough_for(
    stretches: Sequence[_Stretch], limit: int, min_step: int | None, after: Cursor | None
) -> int:
    """How many chunks, by first step, must be read to be sure of `limit` points."""
    waiting: list[_Stretch] = []
    sure = 0
    for taken, stretch in enumerate(stretches):
        # What ends below the next chunk's first step cannot be interleaved with it any more.
        sure += sum(known.count for known in waiting if known.max_step < stretch.min_step)
        if sure >= limit:
            return taken
        waiting = [known for known in waiting if known.max_step >= stretch.min_step]
        # A chunk that begins before the page may have nothing left for it.
        if (after is None or stretch.min_step > after.step) and (
            min_step is None or stretch.min_step >= min_step
        ):
            waiting.append(stretch)
    return len(stretches)


def _cut(points: Points, limit: int, after: Cursor | None, *, is_complete: bool) -> Page:
    """The page out of complete, ordered points."""
    start = 0 if after is None else _first_at(points, after.step, after.at) + after.skip
    chosen = points[start : start + limit]
    if is_complete and start + limit >= len(points):
        return Page(chosen, None)
    end = start + len(chosen)
    step, at = int(chosen.steps[-1]), float(chosen.times[-1])
    return Page(chosen, Cursor(step, at, end - _first_at(points, step, at)))


def _first_at(points: Points, step: int, at: float) -> int:
    """Where the first point of this step and time stands, or would stand."""
    import numpy as np

    first, end = (int(np.searchsorted(points.steps, step, side)) for side in ("left", "right"))
    return first + int(np.searchsorted(points.times[first:end], at, "left"))
