"""Registered models: made, described, renamed, deleted, found; their tags and aliases."""

from typing import Any

from apps.artifacts.choices import MODEL
from apps.artifacts.models import LabelHolding
from apps.artifacts.services import (
    CollectionExists,
    NameInBin,
    ensure_collection,
    update_collection,
)
from apps.artifacts.tags import change_tags
from apps.bin.services.deletion import delete_collection
from apps.bin.services.renaming import free_name
from apps.core.names import name_key
from apps.mlflow_api.call import Call
from apps.mlflow_api.endpoint import Message, endpoint
from apps.mlflow_api.errors import MlflowError, already_exists, invalid_value
from apps.mlflow_api.limits import check_key
from apps.mlflow_api.model_search import search_models
from apps.mlflow_api.registry import (
    ALL_STAGES,
    MAX_ALIAS,
    check_alias,
    holder_of,
    model_named,
    models_of,
    newest_versions,
    stage_name,
    version_by_number,
    version_number,
)
from apps.mlflow_api.tagging import pair, pairs_in
from apps.mlflow_api.version_messages import (
    model_message,
    model_messages,
    version_message,
    version_messages,
)
from apps.projects.access import Access, Action
from apps.registry.services.promotion import promote_version, remove_label

# What an event says of a deletion; the protocol has no place for a reason.
DELETED = "Deleted by an MLflow client."


@endpoint("POST", "registered-models/create", Action.LINK)
def create(call: Call) -> Message:
    params = call.params
    name = _name(call, "name")
    access = call.home()
    description, tags = params.text("description"), pairs_in(params, "tags")
    try:
        collection = _make(name, description, access)
    except NameInBin:
        # A deleted name is free in this protocol.
        free_name(name=name, type=MODEL, access=access)
        collection = _make(name, description, access)
    if tags:
        change_tags(tagged=collection, put=tags, access=access)
    return {"registered_model": model_message(collection, call, access)}


@endpoint("GET", "registered-models/get", Action.READ)
def get(call: Call) -> Message:
    name = call.params.text("name", required=True)
    access = call.home()
    return {"registered_model": model_messages([model_named(name, access)], call, access)[0]}


@endpoint("PATCH", "registered-models/update", Action.LINK)
def update(call: Call) -> Message:
    name = call.params.text("name", required=True)
    description = call.params.optional_text("description")
    access = call.home()
    collection = model_named(name, access)
    update_collection(collection=collection, description=description, access=access)
    return {"registered_model": model_message(collection, call, access)}


@endpoint("POST", "registered-models/rename", Action.LINK)
def rename(call: Call) -> Message:
    name = call.params.text("name", required=True)
    later = _name(call, "new_name")
    access = call.home()
    collection = model_named(name, access)
    taken = models_of(access).filter(name_key=name_key(later)).exclude(pk=collection.pk)
    if taken.exists():
        raise _exists(later)
    free_name(name=later, type=MODEL, access=access)
    update_collection(collection=collection, name=later, access=access)
    return {"registered_model": model_message(collection, call, access)}


@endpoint("DELETE", "registered-models/delete", Action.DELETE_VERSION)
def delete(call: Call) -> Message:
    name = call.params.text("name", required=True)
    access = call.home()
    delete_collection(
        collection=model_named(name, access),
        access=access,
        reason=DELETED,
        accept_consequences=True,
    )
    return {}


@endpoint("GET", "registered-models/search", Action.READ)
def search(call: Call) -> Message:
    return search_models(call, call.home())


def latest_versions(call: Call) -> Message:
    name = call.params.text("name", required=True)
    stages = dict.fromkeys(stage_name(one) for one in call.params.texts("stages", most=100))
    access = call.home()
    model = model_named(name, access).pk
    keys = newest_versions([model], access, stages or ALL_STAGES)[model]
    found = version_messages(keys, call)
    return {"model_versions": [found[key] for key in keys if key in found]}


# The client asks by POST; older ones by GET.
endpoint("POST", "registered-models/get-latest-versions", Action.READ)(latest_versions)
endpoint("GET", "registered-models/get-latest-versions", Action.READ)(latest_versions)


@endpoint("POST", "registered-models/set-tag", Action.LINK)
def set_tag(call: Call) -> Message:
    name = call.params.text("name", required=True)
    key, value = pair(call.params)
    access = call.home()
    change_tags(tagged=model_named(name, access), put={key: value}, access=access)
    return {}


@endpoint("DELETE", "registered-models/delete-tag", Action.LINK)
def delete_tag(call: Call) -> Message:
    name = call.params.text("name", required=True)
    key = check_key(call.params)
    access = call.home()
    change_tags(tagged=model_named(name, access), drop=[key], access=access)
    return {}


@endpoint("POST", "registered-models/alias", Action.MOVE_LABEL)
def set_alias(call: Call) -> Message:
    """The alias is a status label: the policy says who may move it, as for the button."""
    name = call.params.text("name", required=True)
    alias = check_alias(call.params.text("alias", required=True))
    number = version_number(call.params)
    access = call.home()
    version = version_by_number(model_named(name, access), number, access)
    promote_version(version=version, label=alias, access=access)
    return {}


@endpoint("DELETE", "registered-models/alias", Action.MOVE_LABEL)
def delete_alias(call: Call) -> Message:
    """An alias that nobody has is deleted already."""
    name = call.params.text("name", required=True)
    alias = call.params.text("alias", required=True, max_length=MAX_ALIAS)
    access = call.home()
    collection = model_named(name, access)
    held = LabelHolding.objects.standing().filter(
        collection=collection, label_key=name_key(alias), is_stage=False
    )
    for holding in held.select_related("version__collection", "version__artifact__project"):
        access.within(holding.version.artifact.project)
        remove_label(version=holding.version, label=alias, access=access, keeps_stage=True)
    return {}


@endpoint("GET", "registered-models/alias", Action.READ)
def get_by_alias(call: Call) -> Message:
    name = call.params.text("name", required=True)
    alias = call.params.text("alias", required=True, max_length=MAX_ALIAS)
    return {"model_version": version_message(holder_of(alias, name, call.home()), call)}


def _make(name: str, description: str, access: Access) -> Any:
    try:
        return ensure_collection(
            name=name,
            type=MODEL,
            project=None,
            description=description,
            must_be_new=True,
            access=access,
        )
    except CollectionExists:
        raise _exists(name) from None


def _name(call: Call, field: str) -> str:
    name = call.params.text(field, required=True)
    if not name.strip() or "/" in name or ":" in name or name in (".", ".."):
        raise invalid_value(
            field, name, "Registered model names cannot be empty and may not contain / or :."
        )
    return name


def _exists(name: str) -> MlflowError:
    return already_exists(f"Registered Model (name={name[:256]}) already exists.")
