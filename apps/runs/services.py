"""Changing runs.

Starting, changing and ending a run are events in the audit log. Points, console lines and
heartbeats are measurements, not changes of state: they are stored but not audited.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.audit.actors import Subject
from apps.audit.services import record, told_last
from apps.core.errors import Conflict, Invalid
from apps.core.ids import new_key
from apps.core.jsontext import dump, dump_bare, parse
from apps.core.names import clean_key, clean_name, clean_text
from apps.projects.access import Access, Action
from apps.projects.models import Project
from apps.projects.services import project_subject
from apps.runs.choices import OPEN_STATES, RunState, Stream
from apps.runs.models import (
    BRIEF,
    ConsoleLine,
    Run,
    RunParam,
    RunSummary,
    RunTag,
    SummaryValue,
)
from apps.runs.queries import CLIENT_KEYS, RunInBin, config_of, without_client_keys
from apps.runs.signals import run_summarized
from apps.series.choices import SeriesKind
from apps.series.services import Batch, ObjectValue, append, append_objects

MAX_CONFIG_LEAVES = 5_000
MAX_KEY_LENGTH = 255
MAX_CONSOLE_LINES = 100_000
MAX_LINE_LENGTH = 100_000


class RunExists(Conflict):
    """The project has a run with this key already."""


class RunEnded(Conflict):
    """The run has ended; it takes no more points until it is resumed."""


class RunNotBegun(Conflict):
    """The run is only scheduled: there is nobody yet who could stop it."""


@dataclass(frozen=True)
class CodeVersion:
    """Where a run's code came from. All of it is text that is shown, never opened."""

    commit: str = ""
    remote: str = ""
    program: str = ""


@dataclass(frozen=True)
class RunDescription:
    """What a client says of a run when it starts; every part is optional."""

    key: str = ""
    name: str = ""
    group: str = ""
    job_type: str = ""
    notes: str = ""
    host: str = ""
    config: Mapping[str, object] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    code: CodeVersion = field(default_factory=CodeVersion)
    # Whether the client will say that the run is alive while it has nothing to log.
    has_heartbeat: bool = True


@transaction.atomic
def start_run(
    *,
    description: RunDescription,
    access: Access,
    at: datetime | None = None,
    started_at: datetime | None = None,
) -> Run:
    """Begin a run in the project of `access`. Raises RunExists, Invalid.

    `started_at` is when the client says that it began, where that is not now.
    """
    access.require(Action.LOG)
    project = _project(access)
    key = description.key or new_key()
    key = clean_name(key, field="key", max_length=128, what="run key")
    name = clean_text(description.name, field="name", max_length=256, multiline=False) or key
    now = at or timezone.now()
    run = Run(
        project=project,
        key=key,
        name=name,
        group=clean_text(description.group, field="group", max_length=256, multiline=False),
        job_type=clean_text(description.job_type, field="job_type", max_length=128),
        notes=clean_text(description.notes, field="notes", max_length=100_000),
        host=clean_text(description.host, field="host", max_length=256),
        config=dump(dict(description.config)),
        code_commit=clean_text(description.code.commit, field="code.commit", max_length=64),
        code_remote=clean_text(description.code.remote, field="code.remote", max_length=512),
        program=clean_text(description.code.program, field="code.program", max_length=512),
        created_by=access.user,
        started_at=started_at or now,
        heartbeat_at=now,
        has_heartbeat=description.has_heartbeat,
    )
    try:
        with transaction.atomic():
            run.save(force_insert=True)
    except IntegrityError as error:
        raise RunExists(
            f"There is already a run {key!r} in {project.name}, or one in its bin. "
            "Choose another key, or restore that one."
        ) from error
    _save_params(run, without_client_keys(description.config))
    _save_tags(run, description.tags)
    record_run(run, "run.started", access, after={"name": run.name, "key": run.key}, at=at)
    return run


@transaction.atomic
def update_run(
    *,
    run: Run,
    access: Access,
    name: str | None = None,
    notes: str | None = None,
    group: str | None = None,
    job_type: str | None = None,
    host: str | None = None,
    code: CodeVersion | None = None,
    config: Mapping[str, object] | None = None,
    is_whole_config: bool = False,
    metric_rules: str | None = None,
    tags: Mapping[str, str] | None = None,
    summary: Mapping[str, object] | None = None,
) -> Run:
    """Change what is said of a run. Config and summary are merged key by key, tags replaced.

    With `is_whole_config` keys that are not in the config any more go, but for CLIENT_KEYS, which
    old clients leave out of an edit. Of the code's version the parts that are given count. What is
    said already, again, changes nothing and is no event.
    """
    access.require(Action.LOG)
    # Locked, so that two clients do not undo each other; no_key as artifacts.services says.
    locked = Run.objects.select_for_update(no_key=True).filter(pk=run.pk).first()
    if locked is None:
        raise RunInBin(run.key, run.project)
    said = _cleaned(run.key, name, notes, group, job_type, host, code)
    if metric_rules is not None:
        said["metric_rules"] = metric_rules
    changed = {key: value for key, value in said.items() if value != getattr(locked, key)}
    if config is not None:
        former = config_of(locked)
        kept = {key: former[key] for key in former if key in CLIENT_KEYS or not is_whole_config}
        whole = {**kept, **config}
        changed_keys = _change_params(run, former, whole)
        if whole != former:
            changed["config"] = dump(whole)
    for key, value in changed.items():
        setattr(run, key, value)
    if changed:
        run.save(update_fields=list(changed))
    noted = {key: changed[key] for key in changed if key in _NOTED}
    if config is not None and changed_keys:
        noted["config"] = changed_keys
    if tags is not None and dict(run.tags.values_list("name", "value")) != dict(tags):
        RunTag.objects.filter(run=run).delete()
        _save_tags(run, tags)
        noted["tags"] = sorted(tags)
    if summary is not None:
        _save_summary(run, summary)
        noted["summary"] = sorted(summary)
    with told_last():
        if noted:
            record_run(run, "run.changed", access, after=noted)
        if summary and locked.has_ended:
            run_summarized.send(Run, run=run, access=access)
    return run


# Differs from whatever a config holds.
_NOTHING: dict[str, object] = {"": {"": None}}
# What a client tells of its machine and code on the way is no change that somebody made.
_NOTED = ("name", "notes", "group", "job_type")


def _cleaned(
    key: str,
    name: str | None,
    notes: str | None,
    group: str | None,
    job_type: str | None,
    host: str | None,
    code: CodeVersion | None,
) -> dict[str, object]:
    """The fields of a run for what is said of it, as far as anything is."""
    said: dict[str, object] = {}
    if name is not None:
        said["name"] = clean_text(name, field="name", max_length=256, multiline=False) or key
    if notes is not None:
        said["notes"] = clean_text(notes, field="notes", max_length=100_000)
    if group is not None:
        said["group"] = clean_text(group, field="group", max_length=256, multiline=False)
    if job_type is not None:
        said["job_type"] = clean_text(job_type, field="job_type", max_length=128)
    if host is not None:
        said["host"] = clean_text(host, field="host", max_length=256)
    if code is not None:
        given = {
            "code_commit": clean_text(code.commit, field="code.commit", max_length=64),
            "code_remote": clean_text(code.remote, field="code.remote", max_length=512),
            "program": clean_text(code.program, field="code.program", max_length=512),
        }
        said.update({field: value for field, value in given.items() if value})
    return said


def _change_params(
    run: Run, former: Mapping[str, object], config: Mapping[str, object]
) -> list[str]:
    """Make the run's params those of a config; the keys of the config that it changed."""
    changed = {
        key
        for key in {*former, *config} - CLIENT_KEYS
        if dump(former.get(key, _NOTHING)) != dump(config.get(key, _NOTHING))
    }
    before = flatten({key: former[key] for key in changed if key in former})
    after = {key: config[key] for key in changed if key in config}
    gone = before.keys() - flatten(after).keys()
    if gone:
        RunParam.objects.filter(run=run, key__in=gone).delete()
    _save_params(run, after)
    return sorted(changed)


@transaction.atomic
def ask_to_stop(*, run: Run, access: Access, at: datetime | None = None) -> None:
    """Ask the client of a running run to stop; it hears so with its next lines.

    Asking twice changes nothing. Raises RunEnded when there is nothing left to stop, RunNotBegun
    when there is nothing yet.
    """
    access.require(Action.LOG)
    waiting = Run.objects.filter(pk=run.pk, state=RunState.RUNNING)
    if waiting.filter(stop_asked_at=None).update(stop_asked_at=at or timezone.now()):
        record_run(run, "run.stop_asked", access, at=at)
        return
    _refuse_deleted(run)
    if waiting.exists():
        return
    if Run.objects.filter(pk=run.pk, state=RunState.SCHEDULED).exists():
        raise RunNotBegun(f"The run {run.key} has not begun yet.")
    raise RunEnded(f"The run {run.key} has ended already.")


@transaction.atomic
def log_points(
    *,
    run: Run,
    access: Access,
    batches: Sequence[Batch] = (),
    objects: Sequence[ObjectValue] = (),
    kind: SeriesKind = SeriesKind.METRIC,
    even_ended: bool = False,
    as_sets: bool = False,
    at: datetime | None = None,
) -> None:
    """Store points of any number of metrics, and values that are not numbers, all or nothing.

    Counts as a heartbeat. Raises RunEnded when the run is over, unless `even_ended`. What `as_sets`
    means is for series.services.append to say.
    """
    access.require(Action.LOG)
    # A conditional update instead of a read and a lock: the end of a run cannot slip in between.
    alive = Run.objects.filter(pk=run.pk)
    if not even_ended:
        alive = alive.filter(state__in=OPEN_STATES)
    if not alive.update(heartbeat_at=at or timezone.now()):
        _refuse_deleted(run)
        raise RunEnded(f"The run {run.key} has ended; resume it to log more.")
    if batches:
        append(
            scope_id=run.project_id,
            owner_id=run.pk,
            kind=kind,
            batches=batches,
            as_sets=as_sets,
        )
    if objects:
        append_objects(owner_id=run.pk, objects=objects)


def beat(*, run: Run, access: Access, at: datetime | None = None) -> None:
    """Say that a run is still alive."""
    access.require(Action.LOG)
    Run.objects.filter(pk=run.pk, state=RunState.RUNNING).update(heartbeat_at=at or timezone.now())


@dataclass(frozen=True)
class Line:
    """A console line as a client sends it."""

    number: int
    text: str
    stream: Stream = Stream.OUT
    at: datetime | None = None


@transaction.atomic
def log_console(*, run: Run, access: Access, lines: Sequence[Line]) -> None:
    """Store console lines by number; a line that is sent again replaces the former."""
    access.require(Action.LOG)
    if any(not 0 <= line.number < MAX_CONSOLE_LINES for line in lines):
        raise Invalid(f"A run keeps the console lines 0 to {MAX_CONSOLE_LINES - 1}.", field="lines")
    _refuse_deleted(run)
    latest = {line.number: line for line in lines}
    ConsoleLine.objects.bulk_create(
        [
            ConsoleLine(
                run=run,
                number=line.number,
                stream=line.stream,
                at=line.at,
                text=_storable(line.text),
            )
            for line in latest.values()
        ],
        update_conflicts=True,
        unique_fields=["run", "number"],
        update_fields=["stream", "at", "text"],
    )
    beat(run=run, access=access)


@transaction.atomic
def finish_run(
    *,
    run: Run,
    access: Access,
    state: RunState = RunState.FINISHED,
    exit_code: int | None = None,
    summary: Mapping[str, object] | None = None,
    at: datetime | None = None,
    ended_at: datetime | None = None,
) -> Run:
    """End a run. Ending it again in the same state changes nothing; in another is a Conflict.

    `ended_at` is when the client says that it ended, where that is not now.
    """
    access.require(Action.LOG)
    if not state.has_ended:
        raise Invalid(f"A run cannot end as {state}.", field="state")
    now = at or timezone.now()
    ended_at = ended_at or now
    said = {
        "state": state,
        "exit_code": exit_code,
        "ended_at": ended_at,
        "heartbeat_at": now,
        "seconds": (ended_at - run.started_at).total_seconds(),
    }
    open_runs = Run.objects.filter(pk=run.pk)
    # One update for each state that it may be in, so that the event says which one it was.
    former = next((one for one in OPEN_STATES if open_runs.filter(state=one).update(**said)), None)
    _refuse_deleted(run)
    run.refresh_from_db()
    if former is None:
        if run.state == state:
            return run
        raise RunEnded(f"The run {run.key} has already ended as {run.state}.")
    if summary:
        _save_summary(run, summary)
    with told_last():
        record_run(
            run,
            f"run.{state}",
            access,
            before={"state": str(former)},
            after={"state": str(state), "exit_code": exit_code},
            at=at,
        )
        run_summarized.send(Run, run=run, access=access)
    return run


@transaction.atomic
def resume_run(*, run: Run, access: Access) -> Run:
    """Take an ended run up again, or begin one that was scheduled; from then on it is running."""
    kind = "run.begun" if run.state == RunState.SCHEDULED else "run.resumed"
    return _open(run, RunState.RUNNING, kind, access)


@transaction.atomic
def schedule_run(*, run: Run, access: Access) -> Run:
    """Say that a run has not begun, or is to begin again. It takes points like a running one."""
    return _open(run, RunState.SCHEDULED, "run.scheduled", access)


def _open(run: Run, state: RunState, kind: str, access: Access) -> Run:
    """Put a run into a state before its end, as one that knows of no end."""
    access.require(Action.LOG)
    former = run.state
    changed = (
        Run.objects.filter(pk=run.pk)
        .exclude(state=state)
        .update(
            state=state,
            ended_at=None,
            seconds=None,
            exit_code=None,
            stop_asked_at=None,
            heartbeat_at=timezone.now(),
        )
    )
    _refuse_deleted(run)
    run.refresh_from_db()
    if changed:
        record_run(run, kind, access, before={"state": former}, after={"state": str(state)})
    return run


@transaction.atomic
def set_state(
    *, run: Run, state: RunState, access: Access, ended_at: datetime | None = None
) -> Run:
    """Put a run into any state, for clients that know no order of them: it is scheduled, resumed,
    ended, or ended in another way than before. Raises RunInBin."""
    if state == RunState.RUNNING:
        return resume_run(run=run, access=access)
    if state == RunState.SCHEDULED:
        return schedule_run(run=run, access=access)
    locked = Run.objects.select_for_update(no_key=True).filter(pk=run.pk).first()
    if locked is None:
        raise RunInBin(run.key, run.project)
    if locked.has_ended and locked.state != state:
        resume_run(run=run, access=access)
    elif locked.state == state and ended_at is not None and locked.ended_at != ended_at:
        _move_end(locked, ended_at)
    return finish_run(run=run, state=state, access=access, ended_at=ended_at)


def _move_end(run: Run, ended_at: datetime) -> None:
    run.ended_at = ended_at
    run.seconds = (ended_at - run.started_at).total_seconds()
    run.save(update_fields=["ended_at", "seconds"])


def flatten(values: Mapping[str, object]) -> dict[str, object]:
    """The leaves of a nested mapping by dotted key; lists stay whole.

    Raises Invalid over MAX_CONFIG_LEAVES leaves, or for a key that cannot be one.
    """
    leaves: dict[str, object] = {}
    pending: list[tuple[str, object]] = [(key, value) for key, value in values.items()]
    while pending:
        key, value = pending.pop()
        if isinstance(value, Mapping) and value:
            pending.extend((f"{key}.{inner}", leaf) for inner, leaf in value.items())
            continue
        leaves[clean_key(key, field="config", max_length=MAX_KEY_LENGTH)] = value
        if len(leaves) > MAX_CONFIG_LEAVES:
            raise Invalid(f"More than {MAX_CONFIG_LEAVES} values at once.", field="config")
    return leaves


def run_subject(run: Run) -> Subject:
    return Subject("run", run.pk, run.name)


def _refuse_deleted(run: Run) -> None:
    """Say so when a run that the caller has in hand has been put into the bin meanwhile."""
    if not Run.objects.filter(pk=run.pk).exists():
        raise RunInBin(run.key, run.project)


def _project(access: Access) -> Project:
    if access.project is None:
        raise Invalid("A run belongs to a project.", field="project")
    return access.project


def _storable(text: str) -> str:
    """Console text as it came, but for what no database can store: output is never refused."""
    if len(text) > MAX_LINE_LENGTH:
        text = text[: MAX_LINE_LENGTH - 1] + "…"
    return text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")


def _text_and_number(value: object) -> tuple[str, float | None]:
    """How a leaf is shown, and the number by which it sorts, if it is a finite one."""
    if isinstance(value, str):
        return value, None
    number = float(value) if isinstance(value, int | float) and abs(value) < 1e300 else None
    if number is not None and not math.isfinite(number):
        number = None
    return dump(value), number


def value_parts(run: Run, value: object) -> dict[str, Any]:
    """The fields of a RunParam or SummaryValue that hold this value."""
    text, number = _text_and_number(value)
    return {"project_id": run.project_id, "text": text, "number": number, "brief": text[:BRIEF]}


def _save_params(run: Run, config: Mapping[str, object]) -> None:
    rows = []
    for key, value in flatten(config).items():
        rows.append(RunParam(run=run, key=key, **value_parts(run, value)))
    RunParam.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["run", "key"],
        update_fields=["text", "number", "brief"],
    )


def _save_summary(run: Run, summary: Mapping[str, object]) -> None:
    rows = []
    for key, value in flatten(summary).items():
        rows.append(SummaryValue(run=run, key=key, **value_parts(run, value)))
    SummaryValue.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["run", "key"],
        update_fields=["text", "number", "brief"],
    )
    # What a client of another make sent whole has these values from now on, too.
    whole = RunSummary.objects.filter(run=run).first()
    if whole is not None:
        known = parse(whole.text, max_bytes=len(whole.text) * 4, allow_nonfinite=True)
        whole.text = dump_bare({**known, **summary})
        whole.save(update_fields=["text"])


def _save_tags(run: Run, tags: Mapping[str, str] | Iterable[tuple[str, str]]) -> None:
    RunTag.objects.bulk_create(
        [
            RunTag(
                run=run,
                name=clean_text(name, field="tags", max_length=255, multiline=False),
                value=clean_text(value, field="tags", max_length=8_000),
            )
            for name, value in dict(tags).items()
        ]
    )


def record_run(
    run: Run,
    kind: str,
    access: Access,
    *,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
    at: datetime | None = None,
) -> None:
    record(
        kind=kind,
        actor=access.actor,
        subjects=[run_subject(run), project_subject(run.project)],
        team_id=access.team.pk,
        project_id=run.project_id,
        before=before,
        after=after,
        at=at,
    )
