"""Changes of registries themselves. A team has one, always, and its people are the team's."""

from typing import Any

from apps.core.errors import Unsupported
from apps.projects.services import is_registry_name
from apps.wandb_api import ids
from apps.wandb_api.context import Context
from apps.wandb_api.schema import mutation

ONE_REGISTRY = (
    "A team has one registry, with a part for each type of artifact; it is neither renamed nor "
    "deleted."
)
TEAM_MEMBERS = (
    "Whoever is in the team sees its registry, with the role there. "
    "Roles are changed in the team's settings."
)


@mutation
def rename_project(
    context: Context,
    *,
    old_project_name: str | None = None,
    new_project_name: str | None = None,
    entity_name: str | None = None,
) -> None:
    if is_registry_name(old_project_name or ""):
        raise Unsupported(ONE_REGISTRY)
    raise Unsupported("Projects are not renamed: their addresses are in use. Change the title.")


@mutation
def delete_model(context: Context, *, id: str | None = None) -> None:
    if ids.decode_word("Registry", id) is not None:
        raise Unsupported(ONE_REGISTRY)
    raise Unsupported("Projects are deleted in their settings, by admins.")


def _members(name: str) -> None:
    def refused(context: Context, **given: Any) -> None:
        raise Unsupported(TEAM_MEMBERS)

    refused.__name__ = name
    mutation(refused)


for _name in (
    "create_project_members",
    "delete_project_members",
    "update_project_member",
    "update_project_team_member",
):
    _members(_name)
