"""Reading a run's history back as rows: what was logged at once, in order of step.

Points are kept by metric (apps.series); here they are put together again. A row has the step, the
time and the run time of the line that a client sent, and under each key the value that came last at
that step. Only the steps that are asked for are read, in a few queries for any number of metrics.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Max

from apps.core.errors import TooLarge
from apps.core.jsontext import parse
from apps.core.limits import MAX_INTEGER, MIN_INTEGER
from apps.runs.choices import EVENTS, HISTORY
from apps.runs.models import Run, RunSummary, StreamPosition, SummaryValue
from apps.series.choices import SeriesKind
from apps.series.encoding import Points
from apps.series.models import ObjectPoint, Series
from apps.series.queries import read, read_many, series_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Steps = NDArray[np.int64]

# The names that a row has for itself, beside what was logged in it.
STEP, TIME, SECONDS = "_step", "_timestamp", "_runtime"
OWN = (STEP, TIME, SECONDS)
# Values in one answer: about 60 MB of JSON, and of memory several times that.
MAX_CELLS = 2_000_000
# Characters of values that are no numbers, in one answer.
MAX_CHARACTERS = 200_000_000
# Points that are looked at for one answer; and those in memory at once, 24 bytes each.
MAX_POINTS = 200_000_000
POINTS_AT_ONCE = 10_000_000
# Series that are read with one query.
_AT_ONCE = 32
# The largest number up to which a double tells whole numbers apart.
_WHOLE = 2**53

Row = dict[str, Any]


@dataclass(frozen=True)
class HistoryKey:
    """A key of a history: how many numbers and other values it has, and the last number."""

    name: str
    numbers: int
    objects: int
    is_rising: bool = False
    last: float | None = None


@dataclass(frozen=True)
class HistoryKeys:
    """The keys of one run's history by name, and the last step that something was logged at."""

    keys: tuple[HistoryKey, ...]
    last_step: int | None


@dataclass(frozen=True)
class _Range:
    """Steps from the first to the last, both included."""

    first: int
    last: int

    def most_of(self, series: Series) -> int:
        """How many points of a series may lie in it."""
        return min(series.count, max(self.last - self.first + 1, 0))


def history_rows(
    run: Run,
    *,
    min_step: int | None = None,
    max_step: int | None = None,
    limit: int | None = None,
) -> list[Row]:
    """The rows between two steps, both included; of more than `limit` that many, evenly spread.

    Raises TooLarge where there would be more than MAX_CELLS values.
    """
    asked = _range(min_step, max_step)
    series = list(series_of(owner_id=run.pk, kind=SeriesKind.METRIC))
    _check_points(series, asked, MAX_POINTS)
    clock = _read(run, SeriesKind.ROWS, HISTORY, asked)
    steps = _union([clock.steps, _object_steps(run, asked), *_steps_of(run, series, asked, clock)])
    steps = _spread(steps, limit)
    _check_cells(len(steps) * len(series))
    rows = _empty_rows(steps, clock)
    for keys in _groups(series, asked):
        _fill(rows, steps, _read_many(run, keys, asked))
    _fill_objects(rows, steps, run, asked, keys=None)
    return rows


def sampled_rows(
    run: Run,
    keys: Sequence[str],
    *,
    min_step: int | None = None,
    max_step: int | None = None,
    limit: int,
) -> list[Row]:
    """Rows with these keys alone, of those that have all of them; see `history_rows`."""
    asked = _range(min_step, max_step)
    wanted = list(dict.fromkeys(key for key in keys if key not in OWN))
    if not wanted:
        return [_only(row, keys) for row in _bare_rows(run, asked, limit)]
    series = series_of(owner_id=run.pk, kind=SeriesKind.METRIC, keys=wanted)
    _check_points(series, asked, POINTS_AT_ONCE)
    clock = _read(run, SeriesKind.ROWS, HISTORY, asked)
    points = _read_many(run, wanted, asked)
    objects = _object_steps_by_key(run, wanted, asked)
    steps = _intersection([_union([points[key].steps, objects[key]]) for key in wanted])
    steps = _spread(steps, limit)
    _check_cells(len(steps) * len(wanted))
    rows = _empty_rows(steps, clock)
    _fill(rows, steps, points)
    if any(len(found) for found in objects.values()):
        _fill_objects(rows, steps, run, asked, keys=wanted)
    return [_only(row, keys) for row in rows]


def last_row(run: Run) -> Row | None:
    """The row of the largest step."""
    last = last_step(run)
    rows = [] if last is None else history_rows(run, min_step=last, max_step=last)
    return rows[-1] if rows else None


def last_step(run: Run) -> int | None:
    """The largest step that something was logged at."""
    return history_keys([run])[run.pk].last_step


def history_keys(runs: Iterable[Run]) -> dict[int, HistoryKeys]:
    """What the rows of each of these runs have values of, by run (two queries)."""
    numbers: dict[int, dict[str, tuple[int, float | None]]] = {run.pk: {} for run in runs}
    objects: dict[int, dict[str, int]] = {pk: {} for pk in numbers}
    rows: dict[int, int] = {}
    last: defaultdict[int, list[int]] = defaultdict(list)
    logged = Series.objects.filter(owner_id__in=numbers, count__gt=0)
    for kind, owner, key, count, step, value, is_nan in logged.exclude(
        kind=SeriesKind.SYSTEM
    ).values_list("kind", "owner_id", "key", "count", "last_step", "last_value", "last_is_nan"):
        if kind == SeriesKind.METRIC:
            numbers[owner][key] = count, math.nan if is_nan else value
        elif key == HISTORY:
            rows[owner] = count
        else:
            continue
        last[owner].append(step or 0)
    found = ObjectPoint.objects.filter(owner_id__in=numbers).values("owner_id", "key").order_by()
    for item in found.annotate(count=Count("pk"), last=Max("step")):
        objects[item["owner_id"]][item["key"]] = item["count"]
        last[item["owner_id"]].append(item["last"])
    return {
        pk: HistoryKeys(
            _counted(numbers[pk], objects[pk], rows.get(pk, 0)), max(last[pk], default=None)
        )
        for pk in numbers
    }


def _counted(
    numbers: Mapping[str, tuple[int, float | None]], objects: Mapping[str, int], rows: int
) -> tuple[HistoryKey, ...]:
    keys = []
    for name in sorted(numbers.keys() | objects.keys()):
        count, last = numbers.get(name, (0, None))
        keys.append(HistoryKey(name, count, objects.get(name, 0), last=last))
    own = [HistoryKey(name, rows, 0, is_rising=True) for name in OWN] if rows else []
    return (*own, *keys)


def event_rows(run: Run, *, limit: int) -> list[Row]:
    """What the machine measured, as rows; of more than `limit` that many, evenly spread."""
    keys = [row.key for row in series_of(owner_id=run.pk, kind=SeriesKind.SYSTEM)]
    clock = read(owner_id=run.pk, kind=SeriesKind.ROWS, key=EVENTS)
    points = read_many(owner_id=run.pk, kind=SeriesKind.SYSTEM, keys=keys)
    steps = _union([clock.steps, *(found.steps for found in points.values())])
    steps = _spread(steps, limit)
    _check_cells(len(steps) * len(keys))
    rows = _empty_rows(steps, clock)
    _fill(rows, steps, points)
    for row in rows:
        # The number of a line is no step.
        del row[STEP]
    return rows


def last_figures(runs: Iterable[Run], kind: SeriesKind) -> dict[int, dict[str, Any]]:
    """The last value of every series of these runs, by run (one query)."""
    found: dict[int, dict[str, Any]] = {run.pk: {} for run in runs}
    rows = Series.objects.filter(owner_id__in=found, kind=kind, count__gt=0).defer("tail")
    for row in rows.order_by("owner_id", "key"):
        found[row.owner_id][row.key] = plain(math.nan if row.last is None else row.last)
    return found


def summary_of(run: Run) -> dict[str, Any]:
    """The summary of a run, whole."""
    return summaries([run])[run.pk]


def summaries(runs: Iterable[Run]) -> dict[int, dict[str, Any]]:
    """The summary of each of these runs: as its client sent it, or else the values that were set
    and the last of every metric. Three queries at most."""
    every = {run.pk: run for run in runs}
    sent = RunSummary.objects.filter(run__in=every).values_list("run", "text")
    found: dict[int, dict[str, Any]] = {
        pk: parse(text, max_bytes=len(text) * 4 + 1, allow_nonfinite=True) for pk, text in sent
    }
    others = [run for pk, run in every.items() if pk not in found]
    if others:
        found |= last_figures(others, SeriesKind.METRIC)
        for value in SummaryValue.objects.filter(run__in=others).order_by("run", "key"):
            found[value.run_id][value.key] = _set_value(value)
    return found


def line_counts(runs: Iterable[Run]) -> dict[int, dict[str, int]]:
    """How many lines of each stream these runs have delivered, by run (one query)."""
    found: dict[int, dict[str, int]] = {run.pk: {} for run in runs}
    for place in StreamPosition.objects.filter(run__in=found):
        found[place.run_id][place.name] = place.lines
    return found


def plain(value: float) -> float | int:
    """A number as its client wrote it: whole ones without a point."""
    whole = math.isfinite(value) and value == int(value) and abs(value) < _WHOLE
    return int(value) if whole else value


def _set_value(value: SummaryValue) -> Any:
    if value.number is not None:
        return plain(value.number)
    return value.text


def _range(min_step: int | None, max_step: int | None) -> _Range:
    first = MIN_INTEGER if min_step is None else max(min_step, MIN_INTEGER)
    last = MAX_INTEGER if max_step is None else min(max_step, MAX_INTEGER)
    return _Range(min(first, MAX_INTEGER), max(last, MIN_INTEGER))


def _read(run: Run, kind: SeriesKind, key: str, asked: _Range) -> Points:
    return read(owner_id=run.pk, kind=kind, key=key, min_step=asked.first, max_step=asked.last)


def _read_many(run: Run, keys: Sequence[str], asked: _Range) -> dict[str, Points]:
    return read_many(
        owner_id=run.pk,
        kind=SeriesKind.METRIC,
        keys=keys,
        min_step=asked.first,
        max_step=asked.last,
    )


def _groups(series: Iterable[Series], asked: _Range) -> Iterator[list[str]]:
    """Keys whose points may be in memory at once."""
    keys: list[str] = []
    points = 0
    for row in series:
        points += asked.most_of(row)
        if keys and (points > POINTS_AT_ONCE or len(keys) == _AT_ONCE):
            yield keys
            keys, points = [], asked.most_of(row)
        keys.append(row.key)
    if keys:
        yield keys


def _steps_of(
    run: Run, series: Sequence[Series], asked: _Range, clock: Points
) -> Iterator["Steps"]:
    """The steps of metrics. Where a client sent rows, each point is in one: nothing is read."""
    if len(clock):
        return
    for keys in _groups(series, asked):
        yield _union([points.steps for points in _read_many(run, keys, asked).values()])


def _bare_rows(run: Run, asked: _Range, limit: int) -> list[Row]:
    """Steps, times and run times alone."""
    clock = _read(run, SeriesKind.ROWS, HISTORY, asked)
    series = list(series_of(owner_id=run.pk, kind=SeriesKind.METRIC))
    _check_points(series, asked, MAX_POINTS)
    steps = _union([clock.steps, _object_steps(run, asked), *_steps_of(run, series, asked, clock)])
    return _empty_rows(_spread(steps, limit), clock)


def _object_steps(run: Run, asked: _Range) -> "Steps":
    import numpy as np

    found = _objects(run, asked).values_list("step", flat=True).distinct()
    return np.fromiter(found, dtype=np.int64)


def _object_steps_by_key(run: Run, keys: Sequence[str], asked: _Range) -> dict[str, "Steps"]:
    import numpy as np

    steps: dict[str, list[int]] = {key: [] for key in keys}
    for key, step in _objects(run, asked).filter(key__in=keys).values_list("key", "step"):
        steps[key].append(step)
    return {key: np.array(found, dtype=np.int64) for key, found in steps.items()}


def _objects(run: Run, asked: _Range) -> Any:
    return ObjectPoint.objects.filter(
        owner_id=run.pk, step__gte=asked.first, step__lte=asked.last
    ).order_by()


def _union(found: Sequence["Steps"]) -> "Steps":
    import numpy as np

    present = [steps for steps in found if len(steps)]
    if not present:
        return np.array([], dtype=np.int64)
    if len(present) == 1:
        return np.unique(present[0])
    return np.unique(np.concatenate(present))


def _intersection(found: Sequence["Steps"]) -> "Steps":
    import numpy as np

    steps = found[0]
    for other in found[1:]:
        steps = np.intersect1d(steps, other, assume_unique=True)
    return steps


def _spread(steps: "Steps", limit: int | None) -> "Steps":
    """At most `limit` of the steps, evenly, the first and the last among them."""
    import numpy as np

    if limit is None or len(steps) <= limit:
        return steps
    if limit <= 0:
        return steps[:0]
    return steps[np.linspace(0, len(steps) - 1, limit).round().astype(np.intp)]


def _check_cells(count: int) -> None:
    if count > MAX_CELLS:
        raise TooLarge(
            f"{count} values at once; {MAX_CELLS} at most. Ask for fewer steps, or name the keys."
        )


def _check_points(series: Iterable[Series], asked: _Range, most: int) -> None:
    if sum(asked.most_of(row) for row in series) > most:
        raise TooLarge(
            f"This would read more than {most} points. Ask for a range of steps, or name the keys."
        )


def _empty_rows(steps: "Steps", clock: Points) -> list[Row]:
    """A row for each step, with its times where a client said them."""
    rows: list[Row] = [{STEP: step} for step in steps.tolist()]
    for place, at, seconds in _placed(steps, clock):
        rows[place][TIME] = at
        if not math.isnan(seconds):
            rows[place][SECONDS] = seconds
    return rows


def _fill(rows: Sequence[Row], steps: "Steps", points: Mapping[str, Points]) -> None:
    for key, found in points.items():
        for place, at, value in _placed(steps, found):
            row = rows[place]
            row[key] = value
            row.setdefault(TIME, at)


def _placed(steps: "Steps", points: Points) -> Iterator[tuple[int, float, float]]:
    """Of points in order, those at one of the steps: the place of the step, time and value."""
    import numpy as np

    if not len(points) or not len(steps):
        return iter(())
    places = np.searchsorted(steps, points.steps)
    places[places == len(steps)] = 0
    hits = steps[places] == points.steps
    values = _plain(points.values[hits])
    return zip(places[hits].tolist(), points.times[hits].tolist(), values, strict=True)


def _plain(values: "NDArray[np.float64]") -> list[float | int]:
    """`plain` for many at once."""
    import numpy as np

    found: list[float | int] = values.tolist()
    for place in np.flatnonzero((np.floor(values) == values) & (np.abs(values) < _WHOLE)).tolist():
        found[place] = int(found[place])
    return found


def _fill_objects(
    rows: Sequence[Row],
    steps: "Steps",
    run: Run,
    asked: _Range,
    keys: Sequence[str] | None,
) -> None:
    if not rows:
        return
    found = _objects(run, asked)
    if keys is not None:
        found = found.filter(key__in=keys)
    bounds = found.filter(step__gte=int(steps[0]), step__lte=int(steps[-1]))
    places = {step: place for place, step in enumerate(steps.tolist())}
    if len(places) <= _AT_ONCE * 16:
        bounds = bounds.filter(step__in=list(places))
    characters = 0
    for item in bounds.order_by("at", "pk").iterator(chunk_size=50):
        characters += len(item.value)
        if characters > MAX_CHARACTERS:
            raise TooLarge("These rows hold too much besides numbers. Ask for fewer steps.")
        place = places.get(item.step)
        if place is not None:
            rows[place][item.key] = parse(
                item.value, max_bytes=len(item.value) * 4 + 1, allow_nonfinite=True
            )
            rows[place].setdefault(TIME, item.at)


def _only(row: Row, keys: Sequence[str]) -> Row:
    return {key: row[key] for key in keys if key in row}
