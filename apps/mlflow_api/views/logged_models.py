"""Logged models: begun, filled through the proxy, finished, found."""

from typing import Final

from apps.artifacts.models import ArtifactVersion
from apps.artifacts.tags import change_tags
from apps.core.errors import NotFound
from apps.mlflow_api.call import Call
from apps.mlflow_api.endpoint import Message, endpoint
from apps.mlflow_api.errors import invalid
from apps.mlflow_api.invented import invent_name
from apps.mlflow_api.logged_models import (
    MAX_PARAM_VALUE,
    MAX_PARAMS,
    add_params,
    begin_logged_model,
    delete_logged_model,
    finish_logged_model,
    note_model_change,
)
from apps.mlflow_api.model_messages import LOADED, artifact_message, logged_model_message
from apps.mlflow_api.model_search import search_logged
from apps.mlflow_api.models import MAX_TAG_KEY, LoggedModel, LoggedModelStatus
from apps.mlflow_api.tagging import pairs_in
from apps.projects.access import Access, Action

_ONE: Final = "logged-models/<str:model_id>"


@endpoint("POST", "logged-models", Action.LOG)
def create_logged_model(call: Call) -> Message:
    params = call.params
    project, access = call.experiment(params.text("experiment_id", required=True))
    if project.deleted_at is not None:
        raise invalid(f"The experiment {project.name} must be in the 'active' state.")
    run_id = params.text("source_run_id")
    model = begin_logged_model(
        project=project,
        # A client may leave the name to the server.
        name=params.text("name") or invent_name(),
        model_type=params.text("model_type", max_length=250),
        source_run=call.run(run_id)[0] if run_id else None,
        params=pairs_in(params, "params", most=MAX_PARAMS, max_value=MAX_PARAM_VALUE),
        tags=pairs_in(params, "tags"),
        access=access,
    )
    return _answer(model.artifact, call)


@endpoint("POST", "logged-models/search", Action.READ)
def search(call: Call) -> Message:
    return search_logged(call)


@endpoint("GET", _ONE, Action.READ)
def get_logged_model(call: Call, model_id: str) -> Message:
    artifact, _access = call.model(model_id)
    return _answer(artifact, call)


@endpoint("PATCH", _ONE, Action.LOG)
def finish(call: Call, model_id: str) -> Message:
    model, access = _model(call, model_id)
    status = call.params.choice("status", LoggedModelStatus.values)
    finished = finish_logged_model(
        model=model,
        status=LoggedModelStatus(status),
        message=call.params.text("status_message"),
        access=access,
    )
    return _answer(finished.artifact, call)


@endpoint("DELETE", _ONE, Action.DELETE)
def delete(call: Call, model_id: str) -> Message:
    artifact, access = call.model(model_id)
    delete_logged_model(artifact=artifact, access=access)
    return {}


@endpoint("PATCH", f"{_ONE}/tags", Action.LOG)
def set_tags(call: Call, model_id: str) -> Message:
    tags = pairs_in(call.params, "tags")
    artifact, access = call.model(model_id)
    change_tags(tagged=artifact, put=tags, access=access)
    _note_change(artifact)
    return {}


@endpoint("DELETE", f"{_ONE}/tags/<path:key>", Action.LOG)
def delete_tag(call: Call, model_id: str, key: str) -> Message:
    artifact, access = call.model(model_id)
    if not artifact.tags.filter(name=key).exists():
        raise NotFound(f"No tag with key '{key[:MAX_TAG_KEY]}' found for model '{model_id}'.")
    change_tags(tagged=artifact, drop=[key], access=access)
    _note_change(artifact)
    return {}


@endpoint("POST", f"{_ONE}/params", Action.LOG)
def log_params(call: Call, model_id: str) -> Message:
    params = pairs_in(call.params, "params", most=MAX_PARAMS, max_value=MAX_PARAM_VALUE)
    model, access = _model(call, model_id)
    add_params(model=model, params=params, access=access)
    return {}


def _model(call: Call, model_id: str) -> tuple[LoggedModel, Access]:
    """A model that a client of this protocol logged. Raises INVALID_PARAMETER_VALUE for another."""
    artifact, access = call.model(model_id)
    row = LoggedModel.objects.filter(artifact=artifact).first()
    if row is None:
        raise invalid("This model was logged by another client: it is ready and stays as it is.")
    return row, access


def _note_change(artifact: ArtifactVersion) -> None:
    row = LoggedModel.objects.filter(artifact=artifact).first()
    if row is not None:
        note_model_change(row)


def _answer(artifact: ArtifactVersion, call: Call) -> Message:
    row = LoggedModel.objects.filter(artifact=artifact).select_related(*LOADED).first()
    message = artifact_message(artifact, call) if row is None else logged_model_message(row, call)
    return {"model": message}
