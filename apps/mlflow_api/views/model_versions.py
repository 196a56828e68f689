"""Versions of registered models: registered, described, staged, deleted, found."""

from typing import Any

from apps.artifacts.services import update_version
from apps.artifacts.tags import change_tags
from apps.bin.services.deletion import delete_version
from apps.mlflow_api.call import Call
from apps.mlflow_api.endpoint import Message, endpoint
from apps.mlflow_api.errors import invalid
from apps.mlflow_api.limits import check_key
from apps.mlflow_api.model_search import search_versions
from apps.mlflow_api.registering import Registered, check_source, register_version
from apps.mlflow_api.registry import (
    IS_PROMPT,
    model_named,
    stage_named,
    version_named,
)
from apps.mlflow_api.tagging import pair, pairs_in
from apps.mlflow_api.version_messages import download_address, version_message
from apps.mlflow_api.views.registered_models import DELETED
from apps.projects.access import Action
from apps.registry.services.stages import ARCHIVED, move_to_stage


@endpoint("POST", "model-versions/create", Action.LINK)
def create(call: Call) -> Message:
    params = call.params
    name = params.text("name", required=True)
    source = params.text("source", required=True)
    tags = pairs_in(params, "tags")
    # A prompt is a version too; its source is a word that means nothing.
    if tags.get(IS_PROMPT, "").lower() != "true":
        check_source(source)
    said = Registered(
        source=source,
        run_id=params.text("run_id", max_length=256),
        run_link=params.text("run_link", max_length=500),
        model_id=params.text("model_id", max_length=256),
        description=params.text("description"),
    )
    access = call.home()
    version = register_version(
        collection=model_named(name, access), said=said, tags=tags, call=call, access=access
    )
    return _answer(version, call)


@endpoint("GET", "model-versions/get", Action.READ)
def get(call: Call) -> Message:
    return {"model_version": version_message(version_named(call.params, call.home()).pk, call)}


@endpoint("PATCH", "model-versions/update", Action.LOG)
def update(call: Call) -> Message:
    description = call.params.optional_text("description")
    access = call.home()
    version = version_named(call.params, access)
    if description is not None:
        update_version(version=version, note=description, access=access)
    return _answer(version, call)


@endpoint("DELETE", "model-versions/delete", Action.DELETE_VERSION)
def delete(call: Call) -> Message:
    access = call.home()
    delete_version(
        version=version_named(call.params, access),
        access=access,
        reason=DELETED,
        accept_consequences=True,
    )
    return {}


@endpoint("GET", "model-versions/search", Action.READ)
def search(call: Call) -> Message:
    return search_versions(call, call.home())


@endpoint("GET", "model-versions/get-download-uri", Action.READ)
def get_download_uri(call: Call) -> Message:
    return {"artifact_uri": download_address(version_named(call.params, call.home()).pk, call)}


@endpoint("POST", "model-versions/transition-stage", Action.MOVE_LABEL)
def transition_stage(call: Call) -> Message:
    """A stage is a status label: the policy says who may move it, as for the button."""
    params = call.params
    stage = stage_named(params.text("stage", required=True))
    archive_others = params.boolean("archive_existing_versions")
    if archive_others and stage in (None, ARCHIVED):
        raise invalid(
            "Model version transition cannot archive existing model versions because "
            f"'{params.text('stage')}' is not an Active stage. Valid stages are "
            "['Staging', 'Production']"
        )
    access = call.home()
    version = version_named(params, access)
    move_to_stage(version=version, stage=stage, archive_others=archive_others, access=access)
    return _answer(version, call)


@endpoint("POST", "model-versions/set-tag", Action.LOG)
def set_tag(call: Call) -> Message:
    key, value = pair(call.params)
    access = call.home()
    change_tags(tagged=version_named(call.params, access), put={key: value}, access=access)
    return {}


@endpoint("DELETE", "model-versions/delete-tag", Action.LOG)
def delete_tag(call: Call) -> Message:
    key = check_key(call.params)
    access = call.home()
    change_tags(tagged=version_named(call.params, access), drop=[key], access=access)
    return {}


def _answer(version: Any, call: Call) -> Message:
    """The version as it is now."""
    return {"model_version": version_message(version.pk, call)}
