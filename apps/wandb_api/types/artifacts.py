"""Artifact versions, their places in collections, their files and manifests.

A list of them costs the same number of queries for one and for a hundred: what its nodes show is
read for all of them at once (`artifacts.reading`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from mimetypes import guess_type
from typing import Any, TypeVar

from django.db.models import Q

from apps.artifacts.choices import ArtifactState, Direction
from apps.artifacts.models import (
    ArtifactFile,
    ArtifactVersion,
    Collection,
    Version,
)
from apps.core.paging import Key
from apps.projects.models import Project
from apps.runs.models import Run
from apps.wandb_api import ids
from apps.wandb_api.artifacts import finding, links, reading
from apps.wandb_api.artifacts.manifest import entry_of
from apps.wandb_api.artifacts.models import ClientArtifact
from apps.wandb_api.artifacts.places import place_of, registry_names
from apps.wandb_api.connections import Connection, connect, whole
from apps.wandb_api.context import Context
from apps.wandb_api.schema import Node, Peers, field, field_of, nodes
from apps.wandb_api.times import wire_time
from apps.wandb_api.types.projects import ProjectNode
from apps.wandb_api.types.query import Query
from apps.wandb_api.types.runs import RunNode

Read = TypeVar("Read")

# What the client takes for "kept for as long as its team keeps things".
TTL_INHERITED = -2
MAX_ENTRIES_ASKED = 10_000
_BY_PATH = (Key("path", "text"),)


def for_all(node: Node, key: str, load: Callable[[Sequence[Any]], Read]) -> Read:
    """What `load` reads for the rows of the node's whole list, once."""
    if key not in node.peers.read:
        node.peers.read[key] = load(node.peers.rows)  # type: ignore[assignment]
    return node.peers.read[key]  # type: ignore[return-value]


def collection_node(context: Context, row: Collection, peers: Peers | None = None) -> Node:
    """A collection: a sequence in a project, a portfolio in the registry."""
    return (SequenceNode if row.project_id else PortfolioNode)(context, row, peers)


def collection_nodes(context: Context, row: Collection) -> Iterator[Node]:
    """The collection under each name of its place: of a registry one, where the client said it."""
    if row.project_id or context.registry_called:
        yield collection_node(context, row)
        return
    for called in registry_names(row):
        yield PortfolioNode(context, row, called=called)


class ArtifactNode(Node):
    NAME = "Artifact"
    row: ArtifactVersion

    @property
    def places(self) -> reading.Places:
        user = self.context.user
        return for_all(self, "places", lambda rows: reading.places_of(rows, user))

    @property
    def source(self) -> Version | None:
        return self.places.source(self.row)

    @property
    def noted(self) -> reading.Noted:
        return for_all(self, "noted", reading.noted).get(self.row.pk, reading.Noted())

    @field
    def id(self) -> str:
        return ids.encode("Artifact", self.row.pk)

    @field
    def artifact_sequence(self) -> Node | None:
        # The client reads a sequence alone here.
        found = self.source
        if found is not None:
            return SequenceNode(self.context, found.collection)
        rows = ClientArtifact.objects.filter(artifact=self.row)
        logged = rows.select_related("collection__team", "collection__project")
        first = logged.order_by("pk").first()
        return SequenceNode(self.context, first.collection) if first else None

    @field
    def version_index(self) -> int | None:
        return self.source.number if self.source else None

    @field
    def artifact_type(self) -> dict[str, Any]:
        return type_payload(self.row.type, self.row.created_at)

    @field
    def description(self) -> str | None:
        return self.row.description or None

    @field
    def metadata(self) -> str:
        return self.row.later_metadata or self.row.metadata

    @field
    def ttl_duration_seconds(self) -> int:
        return self.noted.ttl_seconds or TTL_INHERITED

    @field
    def ttl_is_inherited(self) -> bool:
        return self.noted.ttl_seconds is None

    @field
    def tags(self) -> list[dict[str, Any]]:
        found = for_all(self, "tags", reading.tags_of_artifacts)
        return [tag_payload(tag.pk, tag.name) for tag in found.get(self.row.pk, ())]

    @field
    def history_step(self) -> int | None:
        return for_all(self, "steps", reading.steps_of).get(self.row.pk)

    @field
    def state(self) -> str:
        if self.row.purged_at is not None:
            return "DELETED"
        return "COMMITTED" if self.row.state == ArtifactState.SEALED else "PENDING"

    @field
    def size(self) -> int:
        return self.row.size_bytes

    @field
    def digest(self) -> str:
        return self.noted.digest

    @field
    def digest_algorithm(self) -> str:
        return "MANIFEST_MD5"

    @field
    def commit_hash(self) -> str:
        return self.row.key[:20]

    @field
    def file_count(self) -> int:
        return self.row.file_count

    @field
    def created_at(self) -> str:
        return wire_time(self.row.created_at)

    @field
    def updated_at(self) -> str:
        return wire_time(self.source.updated_at if self.source else self.row.created_at)

    @field
    def aliases(self) -> list[dict[str, Any]]:
        """Of all its places. Clients tell them apart by the collection and its project, so one in
        the registry stands there under each name of the registry that may be meant."""
        places = self.places.places.get(self.row.pk, ())
        return [
            alias | {"artifactCollection": node}
            for version in places
            for alias in alias_payloads(version, self.places.labels)
            for node in collection_nodes(self.context, version.collection)
        ]

    @field
    def artifact_memberships(self) -> Connection:
        rows = list(self.places.places.get(self.row.pk, ()))
        for row in rows:
            row.artifact = self.row
        return whole(self.context, MembershipNode, rows)

    @field
    def current_manifest(self) -> dict[str, Any] | None:
        if self.row.state != ArtifactState.SEALED:
            return None
        address = links.manifest_address(self.context, self.row)
        file = {"__typename": "File", "name": links.MANIFEST_NAME, "directUrl": address}
        return {
            "__typename": "ArtifactManifest",
            "id": ids.encode("ArtifactManifest", f"of-{self.row.pk}"),
            "digest": self.noted.digest,
            "file": {"id": ids.encode("File", f"manifest-{self.row.pk}"), **file},
        }

    @field
    def files(
        self, *, names: list[str] | None = None, first: int | None = None, after: str | None = None
    ) -> Connection:
        return files_of(self, self.row, names=names, first=first, after=after)

    @field
    def files_by_manifest_entries(
        self,
        *,
        entries: list[Mapping[str, Any]] | None = None,
        storage_layout: str | None = None,
        manifest_version: str | None = None,
        storage_region: str | None = None,
        first: int | None = None,
        after: str | None = None,
    ) -> Connection:
        asked = (entries or [])[:MAX_ENTRIES_ASKED]
        names = [str(entry.get("name")) for entry in asked]
        return files_of(self, self.row, names=names, first=first or len(names), after=after)

    @field
    def used_by(self, *, first: int | None = None, after: str | None = None) -> Connection:
        users = Run.objects.filter(
            artifact_edges__artifact=self.row,
            artifact_edges__direction=Direction.USED,
            project__in=Project.objects.visible_to(self.context.user).values("pk"),
        )
        return connect(
            self.context,
            RunNode,
            users.select_related("project__team", "created_by").order_by("pk"),
            first=first,
            after=after,
        )

    @field
    def created_by(self) -> RunNode | None:
        run = self.row.made_by
        if run is None or run.deleted_at is not None or run.project_id != self.row.project_id:
            return None
        return RunNode(self.context, run)


class MembershipNode(Node):
    """A version: an artifact version's place in a collection. `artifact` is loaded."""

    NAME = "ArtifactCollectionMembership"
    row: Version

    @field
    def id(self) -> str:
        return ids.encode("ArtifactCollectionMembership", self.row.pk)

    @field
    def version_index(self) -> int:
        return self.row.number

    @field
    def created_at(self) -> str:
        return wire_time(self.row.linked_at)

    @field
    def aliases(self) -> list[dict[str, Any]]:
        user = self.context.user
        labels = for_all(self, "labels", lambda rows: reading.labels_of(rows, user))
        return alias_payloads(self.row, labels)

    @field
    def artifact_collection(self) -> Node:
        return collection_node(self.context, self.row.collection)

    @field
    def artifact(self) -> ArtifactNode:
        return for_all(self, "artifacts", self._artifacts)[self.row.pk]

    @field
    def files(
        self, *, names: list[str] | None = None, first: int | None = None, after: str | None = None
    ) -> Connection:
        return files_of(self, self.row.artifact, names=names, first=first, after=after)

    def _artifacts(self, rows: Sequence[Version]) -> dict[int, ArtifactNode]:
        found = nodes(ArtifactNode, self.context, [row.artifact for row in rows])
        return {row.pk: node for row, node in zip(rows, found, strict=True)}


class CollectionNode(Node):
    """What sequences and portfolios have in common. Team and project are loaded."""

    row: Collection

    def __init__(
        self,
        context: Context,
        row: Collection,
        peers: Peers | None = None,
        called: str | None = None,
    ) -> None:
        super().__init__(context, row, peers)
        self.called = called or context.registry_called

    @field
    def id(self) -> str:
        return ids.encode("ArtifactCollection", self.row.pk)

    @field
    def name(self) -> str:
        return self.row.name

    @field
    def description(self) -> str | None:
        return self.row.description or None

    @field
    def state(self) -> str:
        return "READY" if self.row.deleted_at is None else "DELETED"

    @field
    def created_at(self) -> str:
        return wire_time(self.row.created_at)

    @field
    def updated_at(self) -> str:
        return wire_time(self.row.updated_at)

    @field
    def project(self) -> ProjectNode:
        return ProjectNode(self.context, place_of(self.row, self.called))

    @field
    def default_artifact_type(self) -> dict[str, Any]:
        return type_payload(self.row.type, self.row.created_at)

    @field
    def type(self) -> dict[str, Any]:
        return type_payload(self.row.type, self.row.created_at)

    @field
    def tags(self) -> dict[str, Any]:
        found = for_all(self, "tags", reading.tags_of_collections).get(self.row.pk, ())
        return {"edges": [{"node": tag_payload(tag.pk, tag.name)} for tag in found]}

    @field
    def latest_artifact(self) -> ArtifactNode | None:
        newest = finding.versions_at(self.row, self.context.user).order_by("-number").first()
        return ArtifactNode(self.context, newest.artifact) if newest else None

    @field
    def artifact_membership(self, *, alias_name: str) -> MembershipNode | None:
        user = self.context.user
        return MembershipNode(self.context, finding.version_with_alias(self.row, alias_name, user))

    @field
    def aliases(self, *, first: int | None = None, after: str | None = None) -> Connection:
        rows = finding.holdings_at(self.row, self.context.user)
        return connect(self.context, AliasNode, rows, first=first, after=after)


class SequenceNode(CollectionNode):
    NAME = "ArtifactSequence"
    INTERFACES = ("ArtifactCollection",)


class PortfolioNode(CollectionNode):
    NAME = "ArtifactPortfolio"
    INTERFACES = ("ArtifactCollection",)


class AliasNode(Node):
    """A label that a version of a collection holds; `row` is the holding."""

    NAME = "ArtifactAlias"

    @field
    def id(self) -> str:
        return ids.encode("ArtifactAlias", f"{self.row.version_id}:{self.row.label}")

    @field
    def alias(self) -> str:
        return str(self.row.label)


class FileNode(Node):
    """A path of an artifact version."""

    row: ArtifactFile

    @field
    def id(self) -> str:
        return ids.encode("File", f"artifact-{self.row.pk}")

    @field
    def name(self) -> str:
        return self.row.path

    @field
    def display_name(self) -> str:
        return self.row.path

    @field
    def url(self) -> str:
        return self.direct_url()

    @field
    def direct_url(self) -> str:
        """Nothing for a reference: the client finds what it leads to by itself."""
        return links.download_address(self.context, self.row) if self.row.blob else ""

    @field
    def size_bytes(self) -> int:
        return self.row.size_bytes

    @field
    def storage_path(self) -> str:
        return storage_path(self.row.blob.md5) if self.row.blob else self.row.reference

    @field
    def mimetype(self) -> str | None:
        return guess_type(self.row.path)[0]

    @field
    def updated_at(self) -> str | None:
        return wire_time(self.row.blob.created_at) if self.row.blob else None

    @field
    def digest(self) -> str:
        return entry_of(self.row).digest

    @field
    def md5(self) -> str:
        return entry_of(self.row).digest


# Run files have the same name on the wire and a class of their own, so this one is not registered.
FileNode.NAME = "File"


def files_of(
    node: Node,
    artifact: ArtifactVersion,
    *,
    names: list[str] | None,
    first: int | None,
    after: str | None,
) -> Connection:
    """The files by path. Clients download what stands here, references to other artifacts too."""
    files = ArtifactFile.objects.filter(artifact=artifact)
    if names is not None:
        files = files.filter(path__in=names[:MAX_ENTRIES_ASKED])
    rows = files.select_related("blob").order_by("path")
    return connect(node.context, FileNode, rows, first=first, after=after, keys=_BY_PATH)


def storage_path(md5: str) -> str:
    """What clients repeat when they ask for the same bytes again."""
    return f"wandb_artifacts/{md5}"


def alias_payloads(version: Version, labels: reading.Labels) -> list[dict[str, Any]]:
    return [
        {
            "__typename": "ArtifactAlias",
            "id": ids.encode("ArtifactAlias", f"{version.pk}:{alias}"),
            "alias": alias,
        }
        for alias in labels.of(version)
    ]


def type_payload(name: str, made_at: Any) -> dict[str, Any]:
    return {
        "__typename": "ArtifactType",
        "id": ids.encode("ArtifactType", name),
        "name": name,
        "description": None,
        "createdAt": wire_time(made_at),
    }


def tag_payload(pk: int, name: str) -> dict[str, Any]:
    return {"__typename": "Tag", "id": ids.encode("Tag", pk), "name": name}


# Ways in -----------------------------------------------------------------------------------------


@field_of("Query")
def artifact(node: Query, *, id: str) -> ArtifactNode:
    return ArtifactNode(node.context, finding.artifact_with_id(node.context.user, id))


@field_of("Query")
def artifact_collection(node: Query, *, id: str) -> Node:
    return collection_node(node.context, finding.collection_with_id(node.context.user, id))


@field_of("Query")
def client_id_mapping(node: Query, *, client_id: str) -> dict[str, Any]:
    found = finding.artifact_of_client(node.context.user, client_id)
    return {"serverID": ids.encode("Artifact", found.pk)}


@field_of("Run")
def input_artifacts(
    node: RunNode, *, first: int | None = None, after: str | None = None
) -> Connection:
    return _artifacts_of_run(node, Direction.USED, first, after)


@field_of("Run")
def output_artifacts(
    node: RunNode, *, first: int | None = None, after: str | None = None
) -> Connection:
    return _artifacts_of_run(node, Direction.MADE, first, after)


def _artifacts_of_run(
    node: RunNode, direction: Direction, first: int | None, after: str | None
) -> Connection:
    visible = Project.objects.visible_to(node.context.user).values("pk")
    rows = (
        ArtifactVersion.objects.standing()
        .filter(
            Q(state=ArtifactState.SEALED),
            run_edges__run=node.row,
            run_edges__direction=direction,
            project__in=visible,
        )
        .select_related("project__team", "made_by__project__team")
        .order_by("pk")
    )
    return connect(node.context, ArtifactNode, rows, first=first, after=after)
