"""Logged models: artifact versions that a client begins, fills through the proxy, and finishes.

Finishing seals the artifact version into the project's collection of the model's name, so that the
model shows on the pages; a second model of that name is the next version there. One whose upload
failed stays unsealed, and goes with what was given up.
"""

from collections.abc import Mapping
from typing import Final

from django.db import transaction
from django.utils import timezone

from apps.artifacts.choices import MODEL, ArtifactState
from apps.artifacts.models import ArtifactVersion, Collection, Version
from apps.artifacts.services import (
    NameInBin,
    begin_artifact,
    ensure_collection,
    lock_pending,
    seal_artifact,
    set_metadata,
)
from apps.artifacts.tags import change_tags
from apps.bin.services.deletion import delete_version
from apps.core.errors import Conflict
from apps.core.names import clean_name, name_key
from apps.mlflow_api.errors import invalid, invalid_value
from apps.mlflow_api.model_metrics import record_kept_metrics
from apps.mlflow_api.models import (
    MAX_TAG_KEY,
    LoggedModel,
    LoggedModelParam,
    LoggedModelStatus,
)
from apps.projects.access import Access, Action
from apps.projects.models import Project
from apps.runs.models import Run

# Signs that the client itself refuses in the name of a logged model.
_FORBIDDEN: Final = "/:.%\"'"
MAX_PARAMS: Final = 2_000
MAX_PARAM_VALUE: Final = 6_000
_DELETED: Final = "Deleted by an MLflow client."


@transaction.atomic
def begin_logged_model(
    *,
    project: Project,
    name: str,
    model_type: str,
    source_run: Run | None,
    params: Mapping[str, str],
    tags: Mapping[str, str],
    access: Access,
) -> LoggedModel:
    """Begin a model; what makes its name impossible is said now and not at its end."""
    name = _clean_name(name, project)
    artifact = begin_artifact(
        type=MODEL,
        access=access,
        made_by=source_run if source_run and source_run.project_id == project.pk else None,
    )
    model = LoggedModel.objects.create(
        artifact=artifact,
        project=project,
        name=name,
        model_type=model_type[:MAX_TAG_KEY],
        source_run=source_run,
        created_at=artifact.created_at,
        updated_at=artifact.created_at,
    )
    add_params(model=model, params=params, access=access)
    if tags:
        change_tags(tagged=artifact, put=tags, access=access)
    return model


def finish_logged_model(
    *, model: LoggedModel, status: LoggedModelStatus, access: Access, message: str = ""
) -> LoggedModel:
    """Say how a model ended: ready, which seals it, or that its upload failed.

    Saying so again changes nothing; a sealed model stays ready.
    """
    access.require(Action.LOG)
    finished = _finish(model, status, access, message)
    if finished.status == LoggedModelStatus.READY:
        # By itself: results take locks that nobody may wait for who has told of an event already.
        record_kept_metrics(model=finished, access=access)
    return finished


@transaction.atomic
def _finish(
    model: LoggedModel, status: LoggedModelStatus, access: Access, message: str
) -> LoggedModel:
    locked = LoggedModel.objects.select_for_update(of=("self",), no_key=True).get(pk=model.pk)
    artifact = ArtifactVersion.objects.select_related("project", "made_by").get(
        pk=model.artifact_id
    )
    if artifact.state == ArtifactState.SEALED:
        if status != LoggedModelStatus.READY:
            raise Conflict("The model is ready: its files are sealed and its status stays.")
        locked.artifact = artifact
        return locked
    locked.status = status
    locked.status_message = message[:2_000]
    locked.updated_at = timezone.now()
    locked.save(update_fields=["status", "status_message", "updated_at"])
    if status == LoggedModelStatus.READY:
        _seal(locked, artifact, access)
    locked.artifact = artifact
    return locked


@transaction.atomic
def add_params(*, model: LoggedModel, params: Mapping[str, str], access: Access) -> None:
    """Add parameters to a model. The same again is no change, another value is refused."""
    access.require(Action.LOG)
    locked = LoggedModel.objects.select_for_update(no_key=True).get(pk=model.pk)
    known = dict(locked.params.values_list("key", "value"))
    for key, value in params.items():
        if known.get(key, value) != value:
            raise invalid(
                f"Changing param values is not allowed. Param with key='{key}' was already logged "
                f"with value='{known[key][:200]}' for the logged model."
            )
    fresh = [
        LoggedModelParam(model=locked, key=key, value=value)
        for key, value in params.items()
        if key not in known
    ]
    if len(known) + len(fresh) > MAX_PARAMS:
        raise invalid(f"A logged model has {MAX_PARAMS} params at most.")
    if fresh:
        LoggedModelParam.objects.bulk_create(fresh)
        note_model_change(locked)


def note_model_change(model: LoggedModel) -> None:
    """Note that something of the model has changed."""
    model.updated_at = timezone.now()
    model.save(update_fields=["updated_at"])


@transaction.atomic
def delete_logged_model(*, artifact: ArtifactVersion, access: Access) -> None:
    """Delete a model: one that was never finished at once, a sealed one into the bin, with every
    place that it has in its project. Raises Forbidden, Conflict while a registered version is it.
    """
    if artifact.state == ArtifactState.PENDING:
        access.require(Action.DELETE)
        lock_pending(artifact)
        artifact.delete()
        return
    access.require(Action.DELETE_VERSION)
    places = Version.objects.filter(
        artifact=artifact, deleted_at=None, collection__deleted_at=None
    ).select_related("collection__project", "artifact__project")
    registered = places.filter(collection__project=None).first()
    if registered is not None:
        raise Conflict(
            f"The model is version {registered.number} of the registered model "
            f"{registered.collection.name}; delete that version first."
        )
    for place in places:
        delete_version(version=place, access=access, reason=_DELETED, accept_consequences=True)


def _seal(model: LoggedModel, artifact: ArtifactVersion, access: Access) -> None:
    """Seal the artifact version. What is sealed with it says which model this is, so that no two
    models are taken for the same one."""
    params = dict(model.params.order_by("key").values_list("key", "value"))
    facts = {
        "name": model.name,
        "model_type": model.model_type or None,
        "source_run_id": model.source_run.key if model.source_run else None,
        "params": params or None,
        "id": f"m-{artifact.key}",
    }
    said = {"mlflow": {name: value for name, value in facts.items() if value is not None}}
    set_metadata(artifact=artifact, metadata=said, access=access)
    collection = ensure_collection(
        name=model.name, type=MODEL, access=access, project=artifact.project
    )
    seal_artifact(artifact=artifact, collection=collection, access=access)


def _clean_name(name: str, project: Project) -> str:
    if any(sign in name for sign in _FORBIDDEN):
        raise invalid_value(
            "name",
            name,
            "Model name must be a non-empty string and cannot contain the following "
            f"characters: {', '.join(_FORBIDDEN)}.",
        )
    name = clean_name(name, field="name", max_length=256, what="model name")
    found = Collection.with_deleted.filter(project=project, name_key=name_key(name)).first()
    if found is not None and found.deleted_at is not None:
        raise NameInBin(found.name)
    if found is not None and found.type != MODEL:
        raise Conflict(f"{name!r} is a collection of type {found.type} already.")
    return name
