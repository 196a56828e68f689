"""Models, their versions and logged models as the client reads them."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.db.models import Prefetch

from apps.artifacts.choices import ArtifactState
from apps.artifacts.models import ArtifactTag, ArtifactVersion, Version
from apps.mlflow_api.call import Call
from apps.mlflow_api.file_places import model_address
from apps.mlflow_api.models import LoggedModel, LoggedModelMetric, LoggedModelStatus
from apps.mlflow_api.places import MODEL_ID_PREFIX, experiment_id_of
from apps.mlflow_api.times import to_milliseconds
from apps.mlflow_api.wire import present

# What a message of a logged model reads beside its own row.
LOADED: Final = (
    "artifact__project__experiment",
    "source_run",
)


def model_id_of(artifact: ArtifactVersion) -> str:
    return f"{MODEL_ID_PREFIX}{artifact.key}"


def pairs(values: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """Tags or params; an empty value is written, since the client reads it."""
    return [{"key": key, "value": value} for key, value in values]


def logged_model_messages(models: Sequence[LoggedModel], call: Call) -> list[dict[str, Any]]:
    """Some logged models, read with LOADED; four queries for any number of them."""
    found = LoggedModel.objects.filter(pk__in=[model.pk for model in models]).only("pk")
    loaded = {
        one.pk: one
        for one in found.prefetch_related(
            "params",
            Prefetch("metrics", LoggedModelMetric.objects.select_related("run").order_by("pk")),
        )
    }
    artifacts = [model.artifact for model in models]
    tags = _tags(artifacts)
    registered = _registrations(artifacts, call)
    return [
        {
            "info": _info(model.artifact, call, tags, registered) | _said(model),
            "data": _data(loaded[model.pk], model_id_of(model.artifact)),
        }
        for model in models
    ]


def logged_model_message(model: LoggedModel, call: Call) -> dict[str, Any]:
    return logged_model_messages([model], call)[0]


def artifact_message(artifact: ArtifactVersion, call: Call) -> dict[str, Any]:
    """An artifact version of type model that another client logged, as a logged model."""
    place = artifact.versions.filter(deleted_at=None).select_related("collection").first()
    info = _info(artifact, call, _tags([artifact]), _registrations([artifact], call))
    is_sealed = artifact.state == ArtifactState.SEALED
    info |= {
        "name": place.collection.name if place else model_id_of(artifact),
        "status": str(LoggedModelStatus.READY if is_sealed else LoggedModelStatus.PENDING),
        "last_updated_timestamp_ms": to_milliseconds(artifact.sealed_at or artifact.created_at),
    }
    if artifact.made_by is not None:
        info["source_run_id"] = artifact.made_by.key
    return {"info": info, "data": {}}


def _info(
    artifact: ArtifactVersion,
    call: Call,
    tags: dict[int, list[tuple[str, str]]],
    registered: dict[int, list[Version]],
) -> dict[str, Any]:
    experiment_id = experiment_id_of(artifact.project, call)
    return present(
        {
            "model_id": model_id_of(artifact),
            "experiment_id": experiment_id,
            "creation_timestamp_ms": to_milliseconds(artifact.created_at),
            "artifact_uri": model_address(artifact.key, experiment_id),
            "tags": pairs(tags.get(artifact.pk, [])),
            "registrations": [
                {"name": place.collection.name, "version": str(place.number)}
                for place in registered.get(artifact.pk, [])
            ],
        }
    )


def _said(model: LoggedModel) -> dict[str, Any]:
    return present(
        {
            "name": model.name,
            "last_updated_timestamp_ms": to_milliseconds(model.updated_at),
            "status": str(model.status),
            "status_message": model.status_message,
            "model_type": model.model_type,
            "source_run_id": model.source_run.key if model.source_run else "",
        }
    )


def _data(model: LoggedModel, model_id: str) -> dict[str, Any]:
    params = sorted((one.key, one.value) for one in model.params.all())
    metrics = [_metric(row, model_id) for row in model.metrics.all()]
    return present({"params": pairs(params), "metrics": metrics})


def _metric(row: LoggedModelMetric, model_id: str) -> dict[str, Any]:
    return {
        "key": row.key,
        "value": "NaN" if row.value is None else row.value,
        "timestamp": row.timestamp_ms,
        "step": row.step,
        "model_id": model_id,
    } | present(
        {
            "run_id": row.run.key if row.run else "",
            "dataset_name": row.dataset_name,
            "dataset_digest": row.dataset_digest,
        }
    )


def _tags(artifacts: Sequence[ArtifactVersion]) -> dict[int, list[tuple[str, str]]]:
    rows = ArtifactTag.objects.filter(artifact__in=artifacts)
    tags: dict[int, list[tuple[str, str]]] = {}
    for artifact, name, value in rows.order_by("name").values_list("artifact", "name", "value"):
        tags.setdefault(artifact, []).append((name, value))
    return tags


def _registrations(artifacts: Sequence[ArtifactVersion], call: Call) -> dict[int, list[Version]]:
    """Where these stand in the registry of the caller's own team."""
    places = Version.objects.filter(
        artifact__in=artifacts,
        deleted_at=None,
        collection__project=None,
        collection__team=call.user.default_team_id,
        collection__deleted_at=None,
    ).select_related("collection")
    found: dict[int, list[Version]] = {}
    for place in places.order_by("pk"):
        found.setdefault(place.artifact_id, []).append(place)
    return found
