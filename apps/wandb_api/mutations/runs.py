"""Starting and changing runs."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.db import transaction

from apps.artifacts.choices import Direction
from apps.artifacts.models import Version
from apps.bin.services.deletion import delete_run as put_run_into_bin
from apps.bin.services.deletion import delete_version
from apps.core.errors import Conflict, Invalid, Unsupported
from apps.projects.access import Access, Action
from apps.runs.alerts import raise_alert
from apps.runs.choices import AlertLevel, RunState
from apps.runs.models import Run
from apps.runs.queries import run_in
from apps.runs.services import (
    CodeVersion,
    RunDescription,
    RunExists,
    ask_to_stop,
    beat,
    finish_run,
    resume_run,
    schedule_run,
    start_run,
    update_run,
)
from apps.runs.streams import replace_summary
from apps.wandb_api import configs, places, run_states
from apps.wandb_api.context import Context
from apps.wandb_api.finding import run_by_id, run_by_name
from apps.wandb_api.run_names import invented_name
from apps.wandb_api.schema import mutation
from apps.wandb_api.types.runs import RunNode

DELETED_BY_CLIENT = "Deleted through the wandb client."
FORKS = (
    "Runs are not forked here: this one would lack what its parent logged. Start a run without "
    "fork_from, or go back in the same run with resume_from."
)
MAX_WAIT_MS = 24 * 3600 * 1000


@mutation
def upsert_bucket(
    context: Context,
    *,
    id: str | None = None,
    name: str | None = None,
    entity_name: str | None = None,
    model_name: str | None = None,
    display_name: str | None = None,
    notes: str | None = None,
    group_name: str | None = None,
    job_type: str | None = None,
    config: str | None = None,
    summary_metrics: str | None = None,
    tags: list[str] | None = None,
    state: str | None = None,
    host: str | None = None,
    commit: str | None = None,
    job_program: str | None = None,
    job_repo: str | None = None,
    description: str | None = None,
    debug: bool | None = None,
    sweep: str | None = None,
) -> dict[str, Any]:
    """Start a run or change what is said of it; what is null stays as it is.

    Named by its id a run is changed. By its name it is the run of a script that starts: it is made,
    in a project that is made as well, or taken up again if it had ended.
    """
    said: dict[str, Any] = {
        "name": display_name or None,
        "notes": notes,
        "group": group_name,
        "job_type": job_type,
        "host": _short(host, 256),
        "code": _code(commit, job_repo, job_program),
    }
    inserted = False
    with transaction.atomic():
        if id is not None:
            run, access = run_by_id(context, id)
        else:
            access = places.make_project_access(context, entity_name, model_name)
            run, inserted = _started(access, name, display_name)
        access.require(Action.LOG)
        unwrapped = configs.unwrapped(config) if config is not None else None
        if inserted and unwrapped and configs.forked_from(unwrapped) not in ("", run.key):
            raise Unsupported(FORKS)
        run = update_run(
            run=run,
            access=access,
            **said,
            config=unwrapped,
            is_whole_config=True,
            metric_rules=configs.metric_rules_in(unwrapped) if unwrapped is not None else None,
            tags=_tags(run, tags) if tags is not None else None,
        )
        if summary_metrics is not None:
            summary = configs.read_object(summary_metrics, "summaryMetrics")
            replace_summary(run=run, summary=summary, access=access)
        if state is not None:
            run = _into_state(run, state, access)
    return {
        "__typename": "UpsertBucketPayload",
        "bucket": _node(context, run),
        "inserted": inserted,
    }


def _started(access: Access, key: str | None, name: str | None) -> tuple[Run, bool]:
    """The run of a script that starts, and whether it is new."""
    project = access.here
    known = Run.objects.filter(project=project, key=key).exists() if key else False
    if not known:
        number = Run.with_deleted.filter(project=project).count() + 1
        description = RunDescription(key=key or "", name=name or invented_name(number))
        # Two processes of one run start at once: the second finds it there.
        with suppress(RunExists):
            return start_run(description=description, access=access), True
    run = run_in(project, key or "")
    if run.state != RunState.RUNNING:
        return resume_run(run=run, access=access), False
    beat(run=run, access=access)
    return run, False


def _into_state(run: Run, state: str, access: Access) -> Run:
    """A state by the client's word for it. Words that only say how a run goes on change nothing."""
    wanted = run_states.WORDS.get(state)
    if wanted is None or wanted == run.state:
        return run
    if wanted == RunState.RUNNING:
        return resume_run(run=run, access=access)
    if wanted == RunState.SCHEDULED:
        return schedule_run(run=run, access=access)
    if run.has_ended:
        raise Conflict(f"The run {run.key} has ended as {run.state}; it cannot become {state}.")
    return finish_run(run=run, access=access, state=wanted)


@mutation
def update_run_state(
    context: Context, *, id: str | None = None, state: str | None = None
) -> dict[str, Any]:
    run, access = run_by_id(context, id)
    if state != RunState.FAILED:
        raise Invalid("The state of a run can be set to failed only; nothing is queued here.")
    _into_state(run, state, access)
    return {"success": True}


@mutation
def stop_run(context: Context, *, id: str | None = None) -> dict[str, Any]:
    run, access = run_by_id(context, id)
    ask_to_stop(run=run, access=access)
    return {"success": True}


@mutation
def delete_run(
    context: Context, *, id: str | None = None, delete_artifacts: bool | None = None
) -> dict[str, Any]:
    """Into the bin, and with it the versions of what it made, where that is asked for."""
    run, access = run_by_id(context, id)
    with transaction.atomic():
        if delete_artifacts:
            _delete_what_it_made(context, run)
        put_run_into_bin(run=run, access=access, reason=DELETED_BY_CLIENT, accept_consequences=True)
    return {"success": True}


def _delete_what_it_made(context: Context, run: Run) -> None:
    made = Version.objects.filter(
        artifact__run_edges__run=run,
        artifact__run_edges__direction=Direction.MADE,
        deleted_at=None,
        collection__deleted_at=None,
    )
    for version in made.select_related("collection__team", "collection__project").order_by("pk"):
        place = version.collection.project
        there = context.access(version.collection.team.name, place.name if place else None)
        delete_version(
            version=version, access=there, reason=DELETED_BY_CLIENT, accept_consequences=True
        )


@mutation
def notify_scriptable_run_alert(
    context: Context,
    *,
    entity_name: str | None = None,
    project_name: str | None = None,
    run_name: str | None = None,
    title: str = "",
    text: str = "",
    severity: str | None = None,
    wait_duration: int | None = None,
) -> dict[str, Any]:
    """An alert; one of the same title that comes within `waitDuration` (in ms) is dropped."""
    run, access = run_by_name(context, entity_name, project_name, run_name)
    level = (severity or "INFO").lower()
    if level not in AlertLevel.values:
        raise Invalid("severity must be INFO, WARN or ERROR.", field="severity")
    wait = timedelta(milliseconds=min(max(wait_duration or 0, 0), MAX_WAIT_MS))
    raise_alert(
        run=run,
        access=access,
        title=title,
        text=text,
        level=AlertLevel(level),
        wait=wait,
    )
    return {"success": True}


def _node(context: Context, run: Run) -> RunNode:
    """The run as it is now, with what an answer shows of its place."""
    loaded = Run.objects.select_related("project__team", "created_by").get(pk=run.pk)
    return RunNode(context, loaded)


def _tags(run: Run, names: list[str]) -> Mapping[str, str]:
    """The tags of the client, which have no value; those with one are another client's and stay."""
    kept = dict(run.tags.exclude(value="").values_list("name", "value"))
    return {**dict.fromkeys(names, ""), **kept}


def _code(commit: str | None, remote: str | None, program: str | None) -> CodeVersion:
    return CodeVersion(
        commit=_short(commit, 64) or "",
        remote=_short(_without_password(remote or ""), 512) or "",
        program=_short(program, 512) or "",
    )


def _without_password(address: str) -> str:
    """A remote without the name and token that some people keep in it."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    if parts.scheme in ("http", "https") and "@" in parts.netloc:
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return address


def _short(text: str | None, length: int) -> str | None:
    """What the client finds out about its machine is cut rather than refused."""
    return text[:length] if text is not None else None
