"""The collections of a project or of a registry, their types, and the versions in them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, Min, OuterRef, Q, QuerySet

from apps.artifacts.models import ArtifactTag, Collection, CollectionTag, LabelHolding, Version
from apps.artifacts.queries import collections_of
from apps.core.errors import NotFound
from apps.core.names import name_key
from apps.core.paging import Key
from apps.wandb_api import ids
from apps.wandb_api.artifacts import aliases, finding
from apps.wandb_api.artifacts.filters import (
    Condition,
    conditions,
    number_field,
    order,
    text_field,
    time_field,
)
from apps.wandb_api.artifacts.places import collection_at, registry_types
from apps.wandb_api.connections import Connection, connect, whole
from apps.wandb_api.context import Context
from apps.wandb_api.places import Place
from apps.wandb_api.schema import Node, field, field_of
from apps.wandb_api.times import wire_time
from apps.wandb_api.types.artifacts import (
    ArtifactNode,
    CollectionNode,
    MembershipNode,
    collection_node,
)
from apps.wandb_api.types.projects import ProjectNode

COLLECTION_ORDER = {
    "name": Key("name_key", "text"),
    "createdat": Key("created_at", "time"),
    "updatedat": Key("updated_at", "time"),
    "id": Key("pk", "integer"),
    "artifactcollectionid": Key("pk", "integer"),
}
NEWEST_COLLECTIONS = (Key("pk", "integer", descending=True),)
VERSION_ORDER = {
    "createdat": Key("artifact__created_at", "time"),
    "artifactcreatedat": Key("artifact__created_at", "time"),
    "artifactsize": Key("artifact__size_bytes", "integer"),
    "acmcreatedat": Key("linked_at", "time"),
    "linkedat": Key("linked_at", "time"),
    "version": Key("number", "integer"),
    "versionindex": Key("number", "integer"),
    "id": Key("pk", "integer"),
}
NEWEST_VERSIONS = (Key("pk", "integer", descending=True),)


@dataclass(frozen=True)
class TypeAt:
    """A type of artifacts at a place, and since when there is one."""

    place: Place
    name: str
    since: datetime


class TypeNode(Node):
    NAME = "ArtifactType"
    row: TypeAt

    @field
    def id(self) -> str:
        return ids.encode("ArtifactType", f"{self.row.place.pk}:{self.row.name}")

    @field
    def name(self) -> str:
        return self.row.name

    @field
    def description(self) -> None:
        """Types are words alone."""

    @field
    def created_at(self) -> str:
        return wire_time(self.row.since)

    @field
    def artifact_collections(
        self,
        *,
        first: int | None = None,
        after: str | None = None,
        filters: str | None = None,
        order: str | None = None,
    ) -> Connection:
        rows = _collections_at(self.row.place, self.context).filter(type=self.row.name)
        return listed(self.context, rows, filters, order, first, after)

    @field
    def artifact_collection(self, *, name: str) -> Node:
        rows = _collections_at(self.row.place, self.context)
        found = rows.filter(type=self.row.name, name_key=name_key(name)).first()
        if found is None:
            raise NotFound(f"There is no {self.row.name} {name!r} here.")
        return collection_node(self.context, found)

    @field
    def artifact_sequence(self, *, name: str) -> Node | None:
        """Clients before 0.18 ask in this way whether a collection is one of a project."""
        return None if self.row.place.is_registry else self.artifact_collection(name=name)

    @field
    def artifact(self, *, name: str) -> ArtifactNode:
        """Clients before 0.18 read the files of a version here."""
        found = finding.version_named(self.row.place, name, self.context.user)
        return ArtifactNode(self.context, found.artifact)


class ArtifactPage(Connection):
    """Artifact versions of one collection, each with its version there."""

    @field
    def edges(self) -> list[dict[str, Any]]:
        return [
            {
                "__typename": "VersionedArtifactEdge",
                "node": node.artifact(),
                "version": f"v{node.row.number}",
                "cursor": cursor,
            }
            for node, cursor in zip(self.items, self.cursors, strict=True)
        ]


def artifacts(
    node: CollectionNode,
    *,
    first: int | None = None,
    after: str | None = None,
    order: str | None = None,
    filters: str | None = None,
) -> Connection:
    page = _memberships(node, first, after, order, filters)
    return ArtifactPage(
        node.context,
        page.items,
        cursors=page.cursors,
        has_next=page.has_next,
        count=page.count,
    )


def artifact_memberships(
    node: CollectionNode,
    *,
    first: int | None = None,
    after: str | None = None,
    order: str | None = None,
    filters: str | None = None,
) -> Connection:
    return _memberships(node, first, after, order, filters)


for _name in ("ArtifactSequence", "ArtifactPortfolio"):
    field_of(_name)(artifacts)
    field_of(_name)(artifact_memberships)


@field_of("Project")
def artifact_collection_membership(node: ProjectNode, *, name: str) -> MembershipNode:
    call_registry(node)
    found = finding.version_named(node.row, name, node.context.user)
    return MembershipNode(node.context, found)


@field_of("Project")
def artifact(node: ProjectNode, *, name: str) -> ArtifactNode:
    """The same by its oldest name."""
    call_registry(node)
    found = finding.version_named(node.row, name, node.context.user)
    return ArtifactNode(node.context, found.artifact)


@field_of("Project")
def artifact_collection(node: ProjectNode, *, name: str) -> Node:
    call_registry(node)
    return collection_node(node.context, collection_at(node.row, name))


@field_of("Project")
def artifact_collections(
    node: ProjectNode,
    *,
    first: int | None = None,
    after: str | None = None,
    filters: str | None = None,
    order: str | None = None,
    collection_types: list[str] | None = None,
) -> Connection:
    call_registry(node)
    rows = _collections_at(node.row, node.context)
    return listed(node.context, rows, filters, order, first, after)


@field_of("Project")
def artifact_types(
    node: ProjectNode,
    *,
    first: int | None = None,
    after: str | None = None,
    include_all: bool | None = None,
) -> Connection:
    rows = _collections_at(node.row, node.context).order_by()
    found = rows.values("type").annotate(since=Min("created_at")).order_by("type")
    types = [TypeAt(node.row, row["type"], row["since"]) for row in found]
    return whole(node.context, TypeNode, types)


@field_of("Project")
def artifact_type(node: ProjectNode, *, name: str) -> TypeNode:
    call_registry(node)
    rows = _collections_at(node.row, node.context).filter(type=name)
    since = rows.aggregate(since=Min("created_at"))["since"]
    if since is None:
        raise NotFound(f"There is no artifact of type {name!r} here.")
    return TypeNode(node.context, TypeAt(node.row, name, since))


def call_registry(node: ProjectNode) -> None:
    """Have the answer name the registry as this request does. Old clients compare it."""
    if node.row.is_registry:
        node.context.registry_called = node.row.name


def listed(
    context: Context,
    rows: QuerySet[Collection],
    filters: str | None,
    asked_order: str | None,
    first: int | None,
    after: str | None,
) -> Connection:
    """A page of collections."""
    keys = order(asked_order, COLLECTION_ORDER, NEWEST_COLLECTIONS)
    found = rows.filter(conditions(filters, COLLECTION_FIELDS)).order_by()
    return connect(
        context,
        collection_node,  # type: ignore[arg-type]
        found,
        first=first,
        after=after,
        keys=keys,
        scope=f"collections {filters}",
    )


def _collections_at(place: Place, context: Context) -> QuerySet[Collection]:
    rows = collections_of(place.team, context.user, type=None).filter(project=place.project)
    if place.is_registry:
        types = registry_types(place)
        rows = rows if types is None else rows.filter(type__in=types)
    return rows.select_related("team", "project__team")


def _memberships(
    node: CollectionNode,
    first: int | None,
    after: str | None,
    asked_order: str | None,
    filters: str | None,
) -> Connection:
    rows = finding.versions_at(node.row, node.context.user)
    return memberships(node.context, rows, filters, asked_order, first, after)


def memberships(
    context: Context,
    rows: QuerySet[Version],
    filters: str | None,
    asked_order: str | None,
    first: int | None,
    after: str | None,
) -> Connection:
    """A page of versions, the newest first unless another order is asked for."""
    return connect(
        context,
        MembershipNode,
        rows.filter(conditions(filters, VERSION_FIELDS)).order_by(),
        first=first,
        after=after,
        keys=order(asked_order, VERSION_ORDER, NEWEST_VERSIONS),
        scope=f"versions {filters}",
    )


# What may be asked for ---------------------------------------------------------------------------


def _tagged_collection(operator: str, value: Any) -> Q:
    wanted = text_field("name")(operator, value)
    return Q(Exists(CollectionTag.objects.filter(wanted, collection=OuterRef("pk"))))


def _tagged_artifact(operator: str, value: Any) -> Q:
    wanted = text_field("name")(operator, value)
    return Q(Exists(ArtifactTag.objects.filter(wanted, artifact=OuterRef("artifact"))))


def _called(operator: str, value: Any) -> Q:
    """By alias: a label, `latest` or a number."""
    if operator == "in" and isinstance(value, list):
        found = Q(pk__in=())
        for one in value[:100]:
            found |= _called("eq", one)
        return found
    if operator == "eq" and value == aliases.LATEST:
        newer = Version.objects.filter(
            collection=OuterRef("collection"), number__gt=OuterRef("number"), deleted_at=None
        )
        return ~Q(Exists(newer))
    number = aliases.NUMBER.fullmatch(value) if isinstance(value, str) else None
    if operator == "eq" and number is not None:
        return Q(number=int(number[1]))
    wanted = text_field("label")(operator, value)
    held = LabelHolding.objects.filter(wanted, version=OuterRef("pk"), held_until=None)
    return Q(Exists(held))


def _state(operator: str, value: Any) -> Q:
    """What stands in a collection is committed."""
    return Q() if (operator, value) == ("eq", "COMMITTED") else Q(pk__in=())


def _numbered(kind: str, path: str) -> Condition[Q]:
    """By primary key, as a number or as an id of the wire."""

    def compare(operator: str, value: Any) -> Q:
        known = ids.decode(kind, value) if isinstance(value, str) else None
        return number_field(path)(operator, value if known is None else known)

    return compare


COLLECTION_FIELDS: dict[str, Condition[Q]] = {
    "name": text_field("name"),
    "collectionname": text_field("name"),
    "artifactcollectionname": text_field("name"),
    "description": text_field("description"),
    "type": text_field("type"),
    "tag": _tagged_collection,
    "tags": _tagged_collection,
    "createdat": time_field("created_at"),
    "updatedat": time_field("updated_at"),
    "id": _numbered("ArtifactCollection", "pk"),
    "collectionid": _numbered("ArtifactCollection", "pk"),
    "artifactcollectionid": _numbered("ArtifactCollection", "pk"),
}
VERSION_FIELDS: dict[str, Condition[Q]] = {
    "state": _state,
    "alias": _called,
    "aliases": _called,
    "tag": _tagged_artifact,
    "tags": _tagged_artifact,
    "version": number_field("number"),
    "versionindex": number_field("number"),
    "id": _numbered("Artifact", "artifact"),
    "artifactid": _numbered("Artifact", "artifact"),
    "createdat": time_field("artifact__created_at"),
    "artifactcreatedat": time_field("artifact__created_at"),
    "updatedat": time_field("updated_at"),
    "acmcreatedat": time_field("linked_at"),
    "linkedat": time_field("linked_at"),
    "artifactsize": number_field("artifact__size_bytes"),
}
