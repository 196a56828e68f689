"""Registries: a team has one, which the client knows as one registry for each type.

The team is its own organisation, and its own "organisation entity".
"""

from typing import Any

from django.db.models import QuerySet

from apps.accounts.queries import members_of
from apps.artifacts.models import Collection, Version
from apps.artifacts.queries import collections_of
from apps.projects.models import Project
from apps.projects.services import REGISTRY_PREFIX
from apps.wandb_api import ids, places
from apps.wandb_api.artifacts.filters import conditions, holds
from apps.wandb_api.artifacts.places import registries_of
from apps.wandb_api.connections import Connection, slice_of
from apps.wandb_api.places import Place
from apps.wandb_api.schema import field_of
from apps.wandb_api.types.collections import COLLECTION_FIELDS, listed, memberships
from apps.wandb_api.types.people import Entity, Organization
from apps.wandb_api.types.projects import ProjectNode

# Whoever is in the team sees its registry. The client knows this word, and no other but RESTRICTED.
ACCESS = "PRIVATE"


@field_of("Project")
def access(node: ProjectNode) -> str | None:
    return ACCESS if node.row.is_registry else None


@field_of("Project")
def updated_at(node: ProjectNode) -> None:
    """Changes of a project as such are events; no time is kept beside it."""


@field_of("Project")
def allow_all_artifact_types_in_registry(node: ProjectNode) -> bool:
    """A registry takes any type: it makes a collection of the type of what is linked."""
    return True


@field_of("Project")
def members(node: ProjectNode) -> list[dict[str, Any]]:
    """The team's people, with their roles in it."""
    return [
        {
            "__typename": "ProjectMember",
            "id": ids.encode("User", member.user_id),
            "name": str(member.user),
            "username": member.user.username,
            "email": None,
            "role": {"name": str(member.role)},
        }
        for member in members_of(node.row.team).select_related("user")
    ]


@field_of("Project")
def team_members(node: ProjectNode) -> list[dict[str, Any]]:
    """Other teams have no part in a registry."""
    return []


@field_of("Organization")
def advanced_registry_features(node: Organization) -> dict[str, Any]:
    return {"__typename": "AdvancedRegistryFeatures", "advancedSearch": True}


@field_of("Entity")
def project(node: Entity, *, name: str | None = None) -> ProjectNode:
    return ProjectNode(node.context, places.place(node.context, node.row.name, name))


@field_of("Entity")
def projects(
    node: Entity,
    *,
    filters: str | None = None,
    first: int | None = None,
    after: str | None = None,
    order: str | None = None,
) -> Connection:
    """The registries: that is what an organisation's entity is asked for."""
    found = [
        ProjectNode(node.context, one) for one in _registries(node) if holds(filters, _values(one))
    ]
    if order and order.startswith("-"):
        found.reverse()
    return slice_of(node.context, found, first=first, after=after)


@field_of("Entity")
def artifact_collections(
    node: Entity,
    *,
    project_filters: str | None = None,
    filters: str | None = None,
    collection_types: list[str] | None = None,
    first: int | None = None,
    after: str | None = None,
    order: str | None = None,
) -> Connection:
    rows = _collections(node).filter(type__in=_types(node, project_filters))
    return listed(node.context, rows, filters, order, first, after)


@field_of("Entity")
def artifact_memberships(
    node: Entity,
    *,
    project_filters: str | None = None,
    collection_filters: str | None = None,
    filters: str | None = None,
    first: int | None = None,
    after: str | None = None,
    order: str | None = None,
) -> Connection:
    collections = _collections(node).filter(
        conditions(collection_filters, COLLECTION_FIELDS), type__in=_types(node, project_filters)
    )
    rows = Version.objects.filter(
        collection__in=collections.order_by().values("pk"),
        deleted_at=None,
        artifact__project__in=Project.objects.visible_to(node.context.user).values("pk"),
    ).select_related(
        "collection__team",
        "collection__project__team",
        "artifact__project__team",
        "artifact__made_by__project__team",
    )
    return memberships(node.context, rows, filters, order, first, after)


def _registries(node: Entity) -> list[Place]:
    return registries_of(node.row, node.context.user)


def _types(node: Entity, filters: str | None) -> list[str]:
    """The types of the registries that a filter lets through."""
    return [
        one.name.removeprefix(REGISTRY_PREFIX)
        for one in _registries(node)
        if holds(filters, _values(one))
    ]


def _values(place: Place) -> dict[str, str | int]:
    return {
        "name": place.name,
        "id": place.pk,
        "projectid": place.pk,
        "entityid": place.team.pk,
        "description": "",
    }


def _collections(node: Entity) -> QuerySet[Collection]:
    rows = collections_of(node.row, node.context.user, type=None).filter(project=None)
    return rows.select_related("team", "project__team")
