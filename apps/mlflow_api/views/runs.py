"""Runs: begun, read, ended, put into the bin and taken out of it."""

import uuid
from typing import Final

from django.db import transaction

from apps.bin.services.deletion import delete_run
from apps.bin.services.restoring import restore_run
from apps.mlflow_api.call import Call
from apps.mlflow_api.endpoint import Message, endpoint
from apps.mlflow_api.errors import invalid, invalid_value, missing_value
from apps.mlflow_api.invented import invent_name
from apps.mlflow_api.limits import MAX_TAG_VALUE, check_key, cut_value_of, max_results_of
from apps.mlflow_api.places import DEFAULT_ID, projects_by_ids
from apps.mlflow_api.run_messages import (
    is_deleted,
    run_info,
    run_message,
    run_messages,
    user_of,
)
from apps.mlflow_api.run_search import RunSearch, page_of_runs
from apps.mlflow_api.times import from_milliseconds
from apps.mlflow_api.views.experiments import VIEW_TYPES, check_active
from apps.mlflow_api.wire import Params
from apps.projects.access import Access, Action
from apps.runs.choices import RunState
from apps.runs.models import Run
from apps.runs.services import RunDescription, set_state, start_run, update_run
from apps.runs.tagging import NAME, set_tags

MAX_RUN_NAME: Final = 250
STATES: Final = {
    "RUNNING": RunState.RUNNING,
    "SCHEDULED": RunState.SCHEDULED,
    "FINISHED": RunState.FINISHED,
    "FAILED": RunState.FAILED,
    "KILLED": RunState.KILLED,
}


@endpoint("POST", "runs/create", Action.LOG)
def create(call: Call) -> Message:
    params = call.params
    project, access = call.experiment(params.text("experiment_id") or DEFAULT_ID)
    check_active(project, call)
    tags = tags_in(params)
    name = params.text("run_name", max_length=MAX_RUN_NAME)
    tagged = tags.pop(NAME, "")
    if name and tagged and name != tagged:
        raise invalid(
            f"Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different "
            f"values (run_name='{name}', mlflow.runName='{tagged[:MAX_RUN_NAME]}')."
        )
    start = params.integer("start_time", 0)
    with transaction.atomic():
        run = start_run(
            description=RunDescription(
                key=uuid.uuid4().hex,
                name=name or tagged or invent_name(),
                has_heartbeat=False,
            ),
            started_at=from_milliseconds(start, field="start_time") if start else None,
            access=access,
        )
        set_tags(run=run, tags=tags, access=access, quietly=True)
    return {"run": run_message(run, call)}


@endpoint("GET", "runs/get", Action.READ)
def get(call: Call) -> Message:
    run, _access = call.run(run_id_in(call.params))
    return {"run": run_message(run, call)}


@endpoint("POST", "runs/search", Action.READ)
def search(call: Call) -> Message:
    """Experiments that are not there, or not the caller's to see, have no runs."""
    params = call.params
    projects = projects_by_ids(params.texts("experiment_ids"), call)
    call.is_placed = bool(projects)
    asked = RunSearch(
        projects=projects,
        view_type=params.choice("run_view_type", VIEW_TYPES, "ACTIVE_ONLY"),
        filter=params.text("filter"),
        order_by=params.texts("order_by"),
        max_results=max_results_of(params, default=1000),
        page_token=params.text("page_token"),
    )
    runs, token = page_of_runs(asked, call)
    return {"runs": run_messages(runs, call), "next_page_token": token}


@endpoint("POST", "runs/update", Action.LOG)
def update(call: Call) -> Message:
    run, access = active_run(call)
    params = call.params
    status = params.choice("status", tuple(STATES), "")
    end = params.integer("end_time", 0)
    ended_at = from_milliseconds(end, field="end_time") if end else None
    name = params.text("run_name", max_length=MAX_RUN_NAME)
    with transaction.atomic():
        if name and name != run.name:
            update_run(run=run, name=name, access=access)
        state = STATES[status] if status else RunState(run.state)
        if status or (ended_at and state.has_ended):
            run = set_state(run=run, state=state, ended_at=ended_at, access=access)
    return {"run_info": run_info(run, user_of(run), call)}


@endpoint("POST", "runs/delete", Action.DELETE)
def delete(call: Call) -> Message:
    """What it made stays, so whoever may delete a run is not asked twice."""
    run, access = call.run(run_id_in(call.params))
    delete_run(
        run=run, access=access, reason="deleted by an mlflow client", accept_consequences=True
    )
    return {}


@endpoint("POST", "runs/restore", Action.DELETE)
def restore(call: Call) -> Message:
    run, access = call.run(run_id_in(call.params))
    check_active(run.project, call)
    restore_run(run=run, access=access)
    return {}


def run_id_in(params: Params) -> str:
    """The id of a run under either of its names."""
    found = params.text("run_id") or params.text("run_uuid")
    if not found:
        raise missing_value("run_id")
    if not (found[0].isalnum() and len(found) <= 256 and _is_word(found)):
        raise invalid_value("run_id", found, "it is no id of a run.")
    return found


def active_run(call: Call) -> tuple[Run, Access]:
    """The run that is to be written, which must not be deleted."""
    run, access = call.run(run_id_in(call.params))
    if is_deleted(run):
        raise invalid(f"The run {run.key} must be in the 'active' state. Current state is deleted.")
    return run, access


def tags_in(params: Params, *, most: int = 10_000) -> dict[str, str]:
    """The tags of a message; of one that is named twice the last counts."""
    return {
        check_key(tag): cut_value_of(tag, length=MAX_TAG_VALUE)
        for tag in params.messages("tags", most=most)
    }


def _is_word(text: str) -> bool:
    """Keys of runs that other clients made may hold a point."""
    return all(character.isalnum() or character in "_-." for character in text)
