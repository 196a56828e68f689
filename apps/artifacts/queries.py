"""Reading artifacts, collections and versions."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, F, Max, QuerySet, Sum

from apps.accounts.models import Team, User
from apps.artifacts.choices import MODEL, ArtifactState
from apps.artifacts.models import (
    ArtifactFile,
    ArtifactVersion,
    Collection,
    LabelHolding,
    RunArtifact,
    Version,
)
from apps.core.errors import NotFound
from apps.core.names import name_key
from apps.projects.access import Access
from apps.projects.models import Project
from apps.runs.models import Run


class CollectionInBin(NotFound):
    """The collection is in the bin."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name!r} is in the bin. Restore it to read it or to add to it.")


def collections_of(
    team: Team, user: User | None, *, type: str | None = MODEL
) -> QuerySet[Collection]:
    """The team's collections of a type that the user may see: the registry's first, by name."""
    found = Collection.objects.filter(team=team).select_related("team", "project")
    if type is not None:
        found = found.filter(type=type)
    if user is not None:
        found = found.visible_to(user)
    return found.order_by(F("project__name_key").asc(nulls_first=True), "name_key", "pk")


def collection_named(
    team: Team, project: Project | None, name: str, *, type: str | None = MODEL
) -> Collection:
    """A collection of the project, or with None of the registry.

    Raises NotFound; CollectionInBin where that says why.
    Visibility of the project is the caller's to have checked (an Access shows that it was).
    """
    found = Collection.with_deleted.select_related("team", "project").filter(
        team=team, project=project, name_key=name_key(name)
    )
    if type is not None:
        found = found.filter(type=type)
    collection = found.first()
    if collection is None:
        raise NotFound(f"There is no {type or 'collection'} {name!r} here.")
    if collection.deleted_at is not None:
        raise CollectionInBin(collection.name)
    return collection


def versions_of(collection: Collection, user: User | None) -> QuerySet[Version]:
    """The versions that stand in the collection and whose source the user may see.

    A registry collection holds artifact versions of several projects; one whose project is hidden
    from the reader is left out as if it were not there. In a project's own collection the
    question does not arise, and no condition is added.
    """
    return _versions_and_tombstones(collection, user).filter(deleted_at=None)


def _versions_and_tombstones(collection: Collection, user: User | None) -> QuerySet[Version]:
    versions = Version.objects.filter(collection=collection)
    if user is None or collection.project_id is not None:
        return versions
    return versions.filter(artifact__project__in=Project.objects.visible_to(user).values("pk"))


def version_numbered(collection: Collection, number: int, user: User | None) -> Version:
    """One standing version, its artifact and people loaded. Raises NotFound."""
    version = (
        _versions_and_tombstones(collection, user)
        .filter(number=number)
        .select_related(
            "collection__team",
            "collection__project",
            "artifact__project",
            "artifact__made_by",
            "artifact__created_by",
            "linked_by",
        )
        .first()
    )
    if version is None:
        raise NotFound(f"There is no version {number} of {collection.name} here.")
    if version.purged_at is not None:
        raise NotFound(f"v{number} of {collection.name} was removed for good.")
    if version.deleted_at is not None:
        raise NotFound(f"v{number} of {collection.name} is in the bin. Restore it to read it.")
    return version


def latest_number(collection: Collection, user: User | None) -> int | None:
    """The number of the newest standing version: what `latest` means. None when there is none."""
    latest: int | None = versions_of(collection, user).aggregate(latest=Max("number"))["latest"]
    return latest


def artifact_by_key(access: Access, key: str) -> ArtifactVersion:
    """An artifact version of the team that the caller may see, by public key. Raises NotFound.

    One whose last place is in the bin is there too, and with it every download of its files.
    """
    artifacts = ArtifactVersion.objects.standing().select_related("project", "made_by")
    artifacts = artifacts.filter(key=key, project__team=access.team)
    if access.user is not None:
        artifacts = artifacts.filter(project__in=Project.objects.visible_to(access.user))
    if access.project is not None:
        artifacts = artifacts.filter(project=access.project)
    artifact = artifacts.first()
    if artifact is None:
        raise NotFound(f"There is no artifact {key!r} here.")
    return artifact


def metadata_of(artifact: ArtifactVersion) -> dict[str, object]:
    """The artifact's metadata as it is now; `artifact.metadata` has what was sealed."""
    metadata: dict[str, object] = json.loads(artifact.later_metadata or artifact.metadata)
    return metadata


def files_of(artifact: ArtifactVersion) -> QuerySet[ArtifactFile]:
    """The manifest: files by path."""
    return artifact.files.select_related("blob").order_by("path")


def file_at(artifact: ArtifactVersion, path: str) -> ArtifactFile:
    """One file of the manifest. Raises NotFound."""
    found = artifact.files.select_related("blob").filter(path=path).first()
    if found is None:
        raise NotFound(f"There is no file {path!r} in this artifact.")
    return found


def holdings_of(
    collection: Collection, user: User | None, *, at: datetime | None = None
) -> QuerySet[LabelHolding]:
    """Who holds which label, as far as the user may see it: now, or at a past moment. By label.

    A label that may have one holder may still be the stage of further versions; those come last.
    """
    holdings = LabelHolding.objects.filter(collection=collection)
    if user is not None and collection.project_id is None:
        holdings = holdings.filter(version__in=versions_of(collection, user).values("pk"))
    standing: QuerySet[LabelHolding] = holdings.standing(at).once(at).lead_first()
    return standing.select_related("version", "given_by")


def labels_of_versions(versions: Iterable[Version]) -> dict[int, list[LabelHolding]]:
    """The labels that each of these versions holds now, by version primary key (one query)."""
    held: dict[int, list[LabelHolding]] = {}
    rows = LabelHolding.objects.filter(version__in=[version.pk for version in versions])
    for holding in rows.standing().once().lead_first():
        held.setdefault(holding.version_id, []).append(holding)
    return held


def standing_places(artifact: ArtifactVersion, user: User | None) -> Sequence[Version]:
    """Every collection place of an artifact that the user may see, the project's own first."""
    places = (
        Version.objects.filter(artifact=artifact, deleted_at=None, collection__deleted_at=None)
        .select_related("collection__team", "collection__project")
        .order_by(F("collection__project").asc(nulls_last=True), "pk")
    )
    if user is not None:
        places = places.filter(collection__in=Collection.objects.visible_to(user).values("pk"))
    return list(places)


def first_places(artifacts: Iterable[int], user: User | None) -> dict[int, Version]:
    """For each of these artifacts one place where it stands and that the user may see.

    The project's own collection before the registry's. One query.
    """
    places = Version.objects.filter(
        artifact__in=list(artifacts), deleted_at=None, collection__deleted_at=None
    )
    if user is not None:
        places = places.filter(collection__in=Collection.objects.visible_to(user).values("pk"))
    first: dict[int, Version] = {}
    for place in places.select_related("collection__team", "collection__project").order_by(
        F("collection__project").asc(nulls_last=True), "pk"
    ):
        first.setdefault(place.artifact_id, place)
    return first


@dataclass(frozen=True)
class RunEdge:
    """That a run used or made an artifact version, and one place where that version stands."""

    edge: RunArtifact
    place: Version | None


def edges_of_run(run: Run, user: User | None) -> list[RunEdge]:
    """What the run used and made, as far as the user may see it, in order of time. Two queries."""
    edges = RunArtifact.objects.filter(run=run, artifact__state=ArtifactState.SEALED)
    places = Version.objects.filter(
        artifact__run_edges__run=run, deleted_at=None, collection__deleted_at=None
    )
    if user is not None:
        visible = Project.objects.visible_to(user).values("pk")
        edges = edges.filter(artifact__project__in=visible)
        places = places.filter(collection__in=Collection.objects.visible_to(user).values("pk"))
    first: dict[int, Version] = {}
    # The project's own collection before the registry's, which a model may be in as well.
    ordered = places.select_related("collection__team", "collection__project").order_by(
        F("collection__project").asc(nulls_last=True), "pk"
    )
    for place in ordered.distinct():
        first.setdefault(place.artifact_id, place)
    found = edges.select_related("artifact__project").order_by("at", "pk")
    return [RunEdge(edge, first.get(edge.artifact_id)) for edge in found]


def referenced_digests(digests: Iterable[str]) -> set[str]:
    """Of these content digests, the ones that some manifest names; for garbage collection."""
    return set(
        ArtifactFile.objects.filter(blob__in=list(digests)).values_list("blob_id", flat=True)
    )


def stale_pending(before: datetime) -> QuerySet[ArtifactVersion]:
    """Artifact versions that were begun before a moment and never sealed."""
    return ArtifactVersion.objects.filter(state=ArtifactState.PENDING, created_at__lt=before)


@dataclass(frozen=True)
class Upload:
    """An artifact version that is being written, and what its manifest names so far."""

    artifact: ArtifactVersion
    files: int
    size_bytes: int


def uploads_under_way(project: Project, *, since: datetime, limit: int) -> list[Upload]:
    """What was begun in the project since then and is not sealed yet, newest first. One query."""
    pending = ArtifactVersion.objects.filter(
        project=project, state=ArtifactState.PENDING, created_at__gte=since
    )
    written = (
        pending.select_related("created_by", "made_by__project")
        .annotate(written_files=Count("files"), written_bytes=Sum("files__size_bytes", default=0))
        .order_by("-created_at", "-pk")
    )
    return [Upload(one, one.written_files, one.written_bytes) for one in written[:limit]]
