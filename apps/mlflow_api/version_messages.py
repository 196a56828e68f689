"""Registered models and model versions as the client reads them."""

from collections.abc import Mapping, Sequence
from typing import Any

from apps.artifacts.models import Collection
from apps.mlflow_api.call import Call
from apps.mlflow_api.file_places import model_address
from apps.mlflow_api.model_messages import model_id_of, pairs
from apps.mlflow_api.models import Registration
from apps.mlflow_api.places import experiment_id_of
from apps.mlflow_api.registry import (
    aliases_of,
    models_of,
    newest_versions,
    stage_of,
    with_newest,
)
from apps.mlflow_api.times import to_milliseconds
from apps.mlflow_api.wire import present
from apps.projects.access import Access


def version_message(version: Any, call: Call, *, with_aliases: bool = True) -> dict[str, Any]:
    """A version that was read with `load_versions`. Its files are there: it is ready at once."""
    row: Registration | None = getattr(version, "registration", None)
    artifact = version.artifact
    files = files_address(version, call)
    source = row.source if row is not None else files
    maker = artifact.made_by.key if artifact.made_by is not None else ""
    is_logged = row is None or source.startswith("models:/m-")
    message = {
        "name": version.collection.name,
        "version": str(version.number),
        "creation_timestamp": to_milliseconds(version.linked_at),
        "last_updated_timestamp": to_milliseconds(version.updated_at),
        "user_id": version.linked_by.username if version.linked_by else "",
        "current_stage": stage_of(version),
        "description": version.note,
        "source": source,
        "run_id": (row.run_id if row is not None else "") or maker,
        "run_link": row.run_link if row is not None else "",
        "status": "READY",
        "tags": pairs(sorted((tag.name, tag.value) for tag in version.tags.all())),
        "model_id": model_id_of(artifact) if is_logged else "",
    }
    if with_aliases:
        message["aliases"] = [one.label for one in version.held_now if not one.is_stage]
    return present(message)


def files_address(version: Any, call: Call) -> str:
    """Where the sealed files of a version are, for the client."""
    project = version.artifact.project
    return model_address(version.artifact, experiment_id_of(project, call))


def download_address(version: Any, call: Call) -> str:
    """Where the client downloads a version: its sealed files; without any, the source as it is."""
    row: Registration | None = getattr(version, "registration", None)
    if row is not None and not version.artifact.file_count:
        return row.source
    return files_address(version, call)


def model_message(collection: Collection, call: Call, access: Access) -> dict[str, Any]:
    """A registered model as it is now."""
    model = with_newest(models_of(access).filter(pk=collection.pk), access).get()
    return model_messages([model], call, access)[0]


def model_messages(models: Sequence[Any], call: Call, access: Access) -> list[dict[str, Any]]:
    """Registered models read `with_newest`, their tags too; five queries for any number."""
    newest = newest_versions(models)
    aliases = aliases_of(models, access)
    return [_model(model, newest, aliases, call) for model in models]


def _model(
    model: Any,
    newest: Mapping[int, Sequence[Any]],
    aliases: Mapping[int, Sequence[tuple[str, int]]],
    call: Call,
) -> dict[str, Any]:
    return present(
        {
            "name": model.name,
            "creation_timestamp": to_milliseconds(model.created_at),
            "last_updated_timestamp": to_milliseconds(model.updated_at),
            "description": model.description,
            "latest_versions": [
                version_message(one, call, with_aliases=False) for one in newest[model.pk]
            ],
            "tags": pairs(sorted((tag.name, tag.value) for tag in model.tags.all())),
            "aliases": [
                {"alias": alias, "version": str(number)} for alias, number in aliases[model.pk]
            ],
        }
    )
