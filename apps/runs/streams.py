"""Taking in what a client streams while its run goes on: rows, system figures, output, summary.

A client that numbers its lines sends them again when no answer came. So a run remembers how many
lines of each stream it has (`StreamPosition`), in the transaction that stores them: what is sent
twice counts once, and a server that is killed in between has lost or doubled nothing. Output is the
exception: its lines may be written anew, so the last one under a number stays.

A run that has ended takes lines too: they may come late, or days later from a machine that was
offline.
"""

import hashlib
import logging
import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Generic, TypeVar

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from apps.audit.services import record
from apps.core.jsontext import dump_bare
from apps.core.times import from_seconds
from apps.projects.access import Access, Action
from apps.projects.services import project_subject
from apps.runs.choices import CONSOLE, EVENTS, HISTORY, RunState, Stream
from apps.runs.history import summary_of
from apps.runs.models import SILENCE, Run, RunSummary, StreamPosition, SummaryValue
from apps.runs.queries import RunInBin
from apps.runs.services import (
    MAX_CONSOLE_LINES,
    Line,
    finish_run,
    log_console,
    resume_run,
    run_subject,
    value_parts,
)
from apps.runs.signals import run_summarized
from apps.series.choices import SeriesKind
from apps.series.models import Series
from apps.series.queries import read
from apps.series.services import (
    MAX_KEY_LENGTH,
    Batch,
    ObjectValue,
    append,
    append_objects,
    truncate,
    truncate_objects,
)

log = logging.getLogger(__name__)

MAX_SUMMARY_LEAVES = 5_000

_T = TypeVar("_T")


@dataclass(frozen=True)
class Row:
    """What a client logged at once. `seconds` is the run time, where the client says it."""

    step: int
    at: float
    seconds: float | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)
    objects: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class ConsoleText:
    """A line of output without its number."""

    text: str
    stream: Stream = Stream.OUT
    at: datetime | None = None


@dataclass(frozen=True)
class Stretch(Generic[_T]):
    """Lines of one stream; `offset` is the number of the first, counted from 0."""

    offset: int = 0
    lines: Sequence[_T] = ()


@dataclass(frozen=True)
class Portion:
    """What came in one request. The steps of events are not looked at: their number counts."""

    history: Stretch[Row] | None = None
    events: Stretch[Row] | None = None
    console: Stretch[ConsoleText] | None = None
    # The whole of it: what is not in it any more is gone.
    summary: Mapping[str, object] | None = None
    # The run is over, with this exit code.
    is_complete: bool = False
    exit_code: int = 0


@dataclass(frozen=True)
class Receipt:
    """What the client should know: whether somebody asked it to stop, and which lines are missing
    before those that it sent, by stream."""

    stop_asked: bool
    gaps: Mapping[str, tuple[int, int]]


@transaction.atomic
def take_in(*, run: Run, portion: Portion, access: Access, at: datetime | None = None) -> Receipt:
    """Store what is new in a portion, all or nothing. Counts as a heartbeat.

    With `is_complete` the run ends: finished with the exit code 0, else failed, or killed where
    somebody had asked it to stop. Raises RunInBin, Invalid.
    """
    access.require(Action.LOG)
    now = at or timezone.now()
    # Locks the row until the end: the portions of one run are taken in one after the other.
    if not Run.objects.filter(pk=run.pk).update(heartbeat_at=now):
        raise RunInBin(run.key, run.project)
    run.refresh_from_db(fields=["state", "started_at", "stop_asked_at", "heartbeat_at"])
    positions = _Positions(run)
    if portion.history is not None:
        is_first = not positions.lines(HISTORY)
        rows = _unknown(run, positions.pass_by(HISTORY, portion.history).lines)
        _save_rows(run, HISTORY, SeriesKind.METRIC, rows)
        if is_first and rows:
            _begin_earlier(run, rows[0])
    if portion.events is not None:
        events = positions.pass_by(EVENTS, portion.events)
        _save_rows(run, EVENTS, SeriesKind.SYSTEM, _by_number(events))
    if portion.console is not None:
        positions.pass_by(CONSOLE, portion.console)
        _save_console(run, portion.console, access)
    if portion.summary is not None:
        replace_summary(run=run, summary=portion.summary, access=access)
    positions.save()
    if portion.is_complete:
        _end(run, portion.exit_code, access, now)
    return Receipt(run.stop_asked_at is not None, positions.gaps)


@transaction.atomic
def replace_summary(*, run: Run, summary: Mapping[str, object], access: Access) -> None:
    """Keep a summary as it is, and its leaves where runs are sorted and filtered by them.

    Nothing in it is refused: of more than MAX_SUMMARY_LEAVES leaves the first are to be found, and
    those that begin with an underscore, the client's own, are in the whole text only.
    """
    RunSummary.objects.update_or_create(run=run, defaults={"text": dump_bare(summary)})
    leaves = _leaves(summary)
    known = dict(SummaryValue.objects.filter(run=run).values_list("key", "text"))
    rows = [SummaryValue(run=run, key=key, **value_parts(run, leaves[key])) for key in leaves]
    SummaryValue.objects.bulk_create(
        [row for row in rows if known.get(row.key) != row.text],
        update_conflicts=True,
        unique_fields=["run", "key"],
        update_fields=["text", "number", "brief"],
    )
    SummaryValue.objects.filter(run=run, key__in=known.keys() - leaves.keys()).delete()
    if run.has_ended:
        run_summarized.send(Run, run=run, access=access)


@transaction.atomic
def rewind_run(*, run: Run, step: int, access: Access) -> Run:
    """Take a run back to a step: it forgets what it logged after that, and goes on from there."""
    access.require(Action.LOG)
    if not Run.objects.filter(pk=run.pk).update(heartbeat_at=timezone.now()):
        raise RunInBin(run.key, run.project)
    truncate(owner_id=run.pk, kind=SeriesKind.METRIC, after_step=step)
    truncate(owner_id=run.pk, kind=SeriesKind.ROWS, after_step=step, keys=[HISTORY])
    truncate_objects(owner_id=run.pk, after_step=step)
    left = Series.objects.filter(owner_id=run.pk, kind=SeriesKind.ROWS, key=HISTORY).first()
    StreamPosition.objects.update_or_create(
        run=run, name=HISTORY, defaults={"lines": left.count if left else 0}
    )
    record(
        kind="run.rewound",
        actor=access.actor,
        subjects=[run_subject(run), project_subject(run.project)],
        team_id=access.team.pk,
        project_id=run.project_id,
        after={"step": step},
    )
    return resume_run(run=run, access=access)


@lru_cache(maxsize=10_000)
def series_key(key: str) -> str:
    """The key under which a metric is kept: as the client wrote it, or as near as can be.

    A client gives up on a run when a line is refused, so no key is: what cannot be shown in it is
    replaced, and of a long one the end makes room for a digest that keeps it apart from others.
    """
    plain = "".join(
        "\ufffd" if unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp") else one for one in key
    )
    if len(plain) > MAX_KEY_LENGTH:
        digest = hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:16]
        plain = f"{plain[: MAX_KEY_LENGTH - len(digest) - 1]}…{digest}"
    return plain if plain.strip() else "\ufffd"


class _Positions:
    """How far each stream of a run has come. The run's row is locked meanwhile."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.known = dict(StreamPosition.objects.filter(run=run).values_list("name", "lines"))
        self.changed: dict[str, int] = {}
        self.gaps: dict[str, tuple[int, int]] = {}

    def lines(self, name: str) -> int:
        return self.changed.get(name, self.known.get(name, 0))

    def pass_by(self, name: str, stretch: Stretch[_T]) -> Stretch[_T]:
        """What is new in a stretch; the position moves behind it."""
        known = self.lines(name)
        end = stretch.offset + len(stretch.lines)
        if stretch.offset > known:
            self.gaps[name] = (known, stretch.offset)
            log.warning(
                "lines missing",
                extra={"run": self.run.pk, "stream": name, "have": known, "got": stretch.offset},
            )
        if end > known:
            self.changed[name] = end
        new = max(known - stretch.offset, 0)
        return Stretch(stretch.offset + new, stretch.lines[new:])

    def save(self) -> None:
        if not self.changed:
            return
        StreamPosition.objects.bulk_create(
            [
                StreamPosition(run=self.run, name=name, lines=lines)
                for name, lines in sorted(self.changed.items())
            ],
            update_conflicts=True,
            unique_fields=["run", "name"],
            update_fields=["lines"],
        )


def _unknown(run: Run, rows: Sequence[Row]) -> Sequence[Row]:
    """The rows without those that are stored, which are of the same step and the same moment.

    A client that syncs an offline run once more counts on from the last line that we have, and
    sends every row again.
    """
    if not rows:
        return rows
    stored = Series.objects.filter(owner_id=run.pk, kind=SeriesKind.ROWS, key=HISTORY).first()
    if stored is None or stored.last_step is None or rows[0].step > stored.last_step:
        return rows
    steps = [row.step for row in rows]
    known = read(
        owner_id=run.pk,
        kind=SeriesKind.ROWS,
        key=HISTORY,
        min_step=min(steps),
        max_step=max(steps),
    )
    seen = set(zip(known.steps.tolist(), known.times.tolist(), strict=True))
    return [row for row in rows if (row.step, row.at) not in seen]


def _by_number(events: Stretch[Row]) -> list[Row]:
    return [
        Row(events.offset + place, row.at, row.seconds, row.numbers)
        for place, row in enumerate(events.lines)
    ]


def _save_rows(run: Run, stream: str, kind: SeriesKind, rows: Sequence[Row]) -> None:
    """The numbers of rows as points of `kind`, the rest as objects, and that there was a row."""
    if not rows:
        return
    columns: dict[str, tuple[list[int], list[float], list[float]]] = {}
    objects = []
    for row in rows:
        for key, value in row.numbers.items():
            steps, times, values = columns.setdefault(key, ([], [], []))
            steps.append(row.step)
            times.append(row.at)
            values.append(value)
        objects += [ObjectValue(key, row.step, row.at, item) for key, item in row.objects.items()]
    batches = [Batch(key, *found) for key, found in columns.items()]
    append(scope_id=run.project_id, owner_id=run.pk, kind=kind, batches=batches)
    clock = Batch(
        stream,
        [row.step for row in rows],
        [row.at for row in rows],
        [math.nan if row.seconds is None else row.seconds for row in rows],
    )
    append(scope_id=run.project_id, owner_id=run.pk, kind=SeriesKind.ROWS, batches=[clock])
    append_objects(owner_id=run.pk, objects=objects)


def _save_console(run: Run, console: Stretch[ConsoleText], access: Access) -> None:
    """Lines beyond what a run keeps are left out; the client's own log file has them all."""
    lines = [
        Line(console.offset + place, line.text, line.stream, line.at)
        for place, line in enumerate(console.lines)
        if console.offset + place < MAX_CONSOLE_LINES
    ]
    if lines:
        log_console(run=run, access=access, lines=lines)


def _begin_earlier(run: Run, first: Row) -> None:
    """A run that was logged offline began when its first row says, not when it was sent."""
    if first.seconds is None or not 0 <= first.seconds <= first.at:
        return
    began = from_seconds(first.at - first.seconds)
    if began < run.started_at - timedelta(minutes=1):
        run.started_at = began
        run.save(update_fields=["started_at"])


def _end(run: Run, exit_code: int, access: Access, now: datetime) -> None:
    state = RunState.FINISHED if exit_code == 0 else RunState.FAILED
    if exit_code and run.stop_asked_at is not None:
        state = RunState.KILLED
    if run.state == state:
        return
    if run.has_ended:
        run = resume_run(run=run, access=access)
    finish_run(run=run, access=access, state=state, exit_code=exit_code, at=_end_of(run, now))


def _end_of(run: Run, now: datetime) -> datetime:
    """When the run ended: now, unless it was logged offline and is only sent now.

    Then its last line is old, and the run time that its summary tells ends about there.
    """
    last = Series.objects.filter(
        owner_id=run.pk, kind=SeriesKind.ROWS, key__in=[HISTORY, EVENTS]
    ).aggregate(at=Max("last_at"))["at"]
    seconds = _run_time(run)
    if last is None or seconds is None:
        return now
    ended = max(from_seconds(min(last, now.timestamp())), run.started_at)
    ended = max(ended, run.started_at + timedelta(seconds=seconds))
    return ended if ended < now - SILENCE else now


def _run_time(run: Run) -> float | None:
    """The seconds that the client says it ran for, from its own part of the summary."""
    own = summary_of(run).get("_wandb")
    seconds = own.get("runtime") if isinstance(own, Mapping) else None
    is_number = isinstance(seconds, int | float) and 0 <= seconds < 10**9
    return float(seconds) if is_number and seconds is not None else None


def _leaves(summary: Mapping[str, object]) -> dict[str, object]:
    """The leaves of a summary by dotted key; what says its `_type` stays whole, as lists do."""
    leaves: dict[str, object] = {}
    for key, value in _walk(summary):
        if len(leaves) == MAX_SUMMARY_LEAVES:
            break
        leaves[series_key(key)] = value
    return leaves


def _walk(summary: Mapping[str, object]) -> Iterable[tuple[str, object]]:
    pending = [(key, value) for key, value in list(summary.items())[::-1] if key[:1] != "_"]
    while pending:
        key, value = pending.pop()
        if isinstance(value, Mapping) and value and "_type" not in value:
            pending.extend((f"{key}.{inner}", leaf) for inner, leaf in list(value.items())[::-1])
        else:
            yield key, value
