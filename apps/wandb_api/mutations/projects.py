"""Making and describing projects."""

from collections.abc import Sequence
from typing import Any

from apps.core.errors import NotFound
from apps.projects.services import create_project, is_registry_name, update_project
from apps.wandb_api import places
from apps.wandb_api.context import Context
from apps.wandb_api.schema import mutation
from apps.wandb_api.types.projects import ProjectNode


@mutation
def upsert_model(
    context: Context,
    *,
    name: str | None = None,
    entity_name: str | None = None,
    id: str | None = None,
    description: str | None = None,
    access: str | None = None,
    allow_all_artifact_types_in_registry: bool | None = None,
    artifact_types: Sequence[Any] | None = None,
    docker_image: str | None = None,
    framework: str | None = None,
    is_benchmark: bool | None = None,
    is_published: bool | None = None,
    owner: str | None = None,
    repo: str | None = None,
    views: str | None = None,
) -> dict[str, Any]:
    """A project of this name, made when it is missing. The registry of a team is always there."""
    if name and is_registry_name(name):
        return _answer(context, places.place(context, entity_name, name), inserted=False)
    found = places.project_by_id(context, id)
    if found is not None:
        entity_name, name = found.team.name, found.name
    try:
        allowed = places.project_access(context, entity_name, name)
    except NotFound:
        if id is not None:
            raise
        made = create_project(
            name=name or places.DEFAULT_PROJECT,
            description=description or "",
            access=context.access(entity_name),
        )
        return _answer(context, places.of_project(made), inserted=True)
    if description is not None and description != allowed.here.description:
        update_project(access=allowed, description=description)
    return _answer(context, places.of_project(allowed.here), inserted=False)


def _answer(context: Context, place: places.Place, *, inserted: bool) -> dict[str, Any]:
    node = ProjectNode(context, place)
    return {"project": node, "model": node, "inserted": inserted}
