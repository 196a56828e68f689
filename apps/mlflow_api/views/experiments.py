"""Experiments: projects by the words of mlflow."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from apps.bin.choices import Effect
from apps.bin.services.deletion import HasConsequences, delete_project
from apps.bin.services.restoring import restore_project
from apps.core.errors import NotFound
from apps.mlflow_api.call import Call
from apps.mlflow_api.endpoint import Message, endpoint
from apps.mlflow_api.errors import invalid
from apps.mlflow_api.experiment_search import Search, page_of_experiments, project_called
from apps.mlflow_api.limits import MAX_EXPERIMENT_TAG_VALUE, check_key, max_results_of, value_of
from apps.mlflow_api.models import MAX_EXPERIMENT_NAME, ExperimentTag
from apps.mlflow_api.places import DEFAULT_ID, experiment_id_of, name_of
from apps.mlflow_api.services import (
    NOTE,
    create_experiment,
    delete_experiment_tag,
    ensure_default,
    rename_experiment,
    set_experiment_tags,
)
from apps.mlflow_api.times import to_milliseconds
from apps.mlflow_api.wire import present
from apps.projects.access import Access, Action
from apps.projects.models import Project

ACTIVE, DELETED = "active", "deleted"
VIEW_TYPES: Final = ("ACTIVE_ONLY", "DELETED_ONLY", "ALL")
# What a client that cannot be asked again is not allowed to take with an experiment.
_NOT_SAID: Final = {Effect.LABEL, Effect.REGISTRY, Effect.GOLDEN_SET}


@endpoint("POST", "experiments/create", Action.LOG)
def create(call: Call) -> Message:
    access = call.home()
    params = call.params
    name = params.text("name", required=True, max_length=MAX_EXPERIMENT_NAME)
    tags = {tag.key: tag.value for tag in _tags_in(call)}
    location = params.text("artifact_location", max_length=2048)
    ensure_default(access.team)
    project = create_experiment(name=name, artifact_location=location, access=access)
    if tags:
        set_experiment_tags(project=project, tags=tags, access=access.within(project))
    return {"experiment_id": str(project.pk)}


@endpoint("GET", "experiments/get", Action.READ)
def get(call: Call) -> Message:
    project, _access = call.experiment(call.params.text("experiment_id", required=True))
    return {"experiment": experiment_message(project, _tags_of([project]), call)}


@endpoint("GET", "experiments/get-by-name", Action.READ)
def get_by_name(call: Call) -> Message:
    """One in the bin is found too: the client refuses it in its own words."""
    access = call.home()
    name = call.params.text("experiment_name", required=True)
    ensure_default(access.team)
    project = project_called(name, call)
    if project is None:
        raise NotFound(f"Could not find experiment with name '{name[:500]}'")
    return {"experiment": experiment_message(project, _tags_of([project]), call)}


@endpoint("POST", "experiments/search", Action.READ)
@endpoint("GET", "experiments/search", Action.READ)
def search(call: Call) -> Message:
    access = call.home()
    params = call.params
    ensure_default(access.team)
    page = page_of_experiments(
        Search(
            view_type=params.choice("view_type", VIEW_TYPES, "ACTIVE_ONLY"),
            filter=params.text("filter"),
            order_by=params.texts("order_by"),
            max_results=max_results_of(params, default=1000),
            page_token=params.text("page_token"),
        ),
        call,
    )
    tags = _tags_of(page.rows)
    return {
        "experiments": [experiment_message(project, tags, call) for project in page.rows],
        "next_page_token": page.next,
    }


@endpoint("POST", "experiments/update", Action.LOG)
def update(call: Call) -> Message:
    project, access = _active(call)
    name = call.params.text("new_name", required=True, max_length=MAX_EXPERIMENT_NAME)
    rename_experiment(project=project, name=name, access=access)
    return {}


@endpoint("POST", "experiments/delete", Action.ADMINISTER)
def delete(call: Call) -> Message:
    project, access = _found(call)
    if project.deleted_at is not None:
        raise NotFound(f"No active experiment with id={experiment_id_of(project, call)} exists")
    if experiment_id_of(project, call) == DEFAULT_ID:
        raise invalid("Cannot delete the default experiment '0'.")
    try:
        delete_project(access=access, reason="deleted by an mlflow client")
    except HasConsequences as refusal:
        if _NOT_SAID & {one.effect for one in refusal.consequences}:
            raise invalid(f"{refusal.message} Delete it on its settings page.") from refusal
        delete_project(
            access=access, reason="deleted by an mlflow client", accept_consequences=True
        )
    return {}


@endpoint("POST", "experiments/restore", Action.ADMINISTER)
def restore(call: Call) -> Message:
    project, access = _found(call)
    if project.deleted_at is None:
        raise NotFound(f"No deleted experiment with id={experiment_id_of(project, call)} exists")
    restore_project(project=project, access=access)
    return {}


@endpoint("POST", "experiments/set-experiment-tag", Action.LOG)
def set_tag(call: Call) -> Message:
    project, access = _active(call)
    key = check_key(call.params)
    value = value_of(call.params, max_length=MAX_EXPERIMENT_TAG_VALUE, required=True)
    set_experiment_tags(project=project, tags={key: value}, access=access)
    return {}


@endpoint("POST", "experiments/delete-experiment-tag", Action.LOG)
def delete_tag(call: Call) -> Message:
    project, access = _active(call)
    key = check_key(call.params)
    delete_experiment_tag(project=project, key=key, access=access)
    return {}


def experiment_message(
    project: Project, tags: dict[int, list[dict[str, str]]], call: Call
) -> dict[str, Any]:
    """A project, its row of `Experiment` loaded, as the client reads an experiment."""
    row = getattr(project, "experiment", None)
    key = experiment_id_of(project, call)
    note = [{"key": NOTE, "value": project.description}] if project.description else []
    return present(
        {
            "experiment_id": key,
            "name": name_of(project),
            "artifact_location": (row and row.artifact_location) or f"mlflow-artifacts:/{key}",
            "lifecycle_stage": ACTIVE if project.deleted_at is None else DELETED,
            "creation_time": to_milliseconds(project.created_at),
            "last_update_time": to_milliseconds(row.updated_at if row else project.created_at),
            "tags": note + tags.get(project.pk, []),
        }
    )


def _found(call: Call) -> tuple[Project, Access]:
    return call.experiment(call.params.text("experiment_id", required=True))


def _active(call: Call) -> tuple[Project, Access]:
    """The experiment that is asked for, which must not be in the bin."""
    project, access = _found(call)
    check_active(project, call)
    return project, access


def check_active(project: Project, call: Call) -> None:
    """Refuse to write to an experiment that is deleted."""
    if project.deleted_at is not None:
        raise invalid(
            f"The experiment {experiment_id_of(project, call)} must be in the 'active' state. "
            "Current state is deleted."
        )


def _tags_in(call: Call) -> list[ExperimentTag]:
    return [
        ExperimentTag(key=check_key(tag), value=value_of(tag, max_length=MAX_EXPERIMENT_TAG_VALUE))
        for tag in call.params.messages("tags", most=1_000)
    ]


def _tags_of(projects: Sequence[Project]) -> dict[int, list[dict[str, str]]]:
    """The tags of some experiments (one query)."""
    found: dict[int, list[dict[str, str]]] = {project.pk: [] for project in projects}
    rows: Iterable[ExperimentTag] = ExperimentTag.objects.filter(project__in=list(found))
    for tag in sorted(rows, key=lambda tag: tag.key):
        found[tag.project_id].append({"key": tag.key, "value": tag.value})
    return found
