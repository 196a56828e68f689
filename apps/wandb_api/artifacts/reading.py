"""What a list of artifact versions shows beside its rows, read for the whole list at once."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from django.db.models import F, Max, Q

from apps.accounts.models import User
from apps.artifacts.choices import ArtifactState, Direction
from apps.artifacts.models import (
    ArtifactFile,
    ArtifactTag,
    ArtifactVersion,
    Collection,
    CollectionTag,
    LabelHolding,
    RunArtifact,
    Version,
)
from apps.projects.models import Project
from apps.wandb_api.artifacts.manifest import digest_of, entry_of
from apps.wandb_api.artifacts.models import ClientArtifact

# Of artifact versions that no W&B client has logged the digest is computed from their files.
MAX_FILES_DIGESTED = 100_000


@dataclass(frozen=True)
class Places:
    """Where artifact versions stand, and by which words they are called there."""

    # By artifact version: the project's own collection first.
    places: Mapping[int, Sequence[Version]]
    labels: "Labels"

    def source(self, artifact: ArtifactVersion) -> Version | None:
        """Where it was logged, or where it stands if that is gone."""
        places = self.places.get(artifact.pk, ())
        own = [one for one in places if one.collection.project_id == artifact.project_id]
        return next(iter(own or places), None)


@dataclass(frozen=True)
class Labels:
    """The aliases of versions: `latest` and status labels, and `v3`, which old clients need."""

    held: Mapping[int, Sequence[str]] = field(default_factory=dict)
    newest: Mapping[int, int] = field(default_factory=dict)

    def of(self, version: Version) -> list[str]:
        latest = ["latest"] if self.newest.get(version.collection_id) == version.number else []
        return [*latest, *self.held.get(version.pk, ()), f"v{version.number}"]


def places_of(artifacts: Sequence[ArtifactVersion], user: User) -> Places:
    """Three queries, whatever the number of artifact versions."""
    found = (
        Version.objects.filter(
            artifact__in=[one.pk for one in artifacts],
            deleted_at=None,
            collection__deleted_at=None,
            collection__in=Collection.objects.visible_to(user).values("pk"),
        )
        .select_related("collection__team", "collection__project__team")
        .order_by(F("collection__project").asc(nulls_last=True), "pk")
    )
    places: dict[int, list[Version]] = defaultdict(list)
    for version in found:
        places[version.artifact_id].append(version)
    return Places(places, labels_of([one for some in places.values() for one in some], user))


def labels_of(versions: Sequence[Version], user: User) -> Labels:
    """Two queries, whatever the number of versions."""
    held: dict[int, list[str]] = defaultdict(list)
    holdings = LabelHolding.objects.filter(
        version__in=[one.pk for one in versions], held_until=None
    )
    for version, label in holdings.order_by("label_key").values_list("version", "label"):
        if label not in held[version]:
            held[version].append(label)
    return Labels(held, _newest({one.collection_id for one in versions}, user))


def _newest(collections: Iterable[int], user: User) -> dict[int, int]:
    """The highest number of each collection that the user may see."""
    visible = Project.objects.visible_to(user).values("pk")
    versions = Version.objects.filter(
        Q(collection__project__isnull=False) | Q(artifact__project__in=visible),
        collection__in=list(collections),
        deleted_at=None,
    )
    rows = versions.values("collection").order_by().annotate(newest=Max("number"))
    return {row["collection"]: row["newest"] for row in rows}


@dataclass(frozen=True)
class Noted:
    """What clients have said of an artifact version."""

    digest: str = ""
    ttl_seconds: int | None = None


def noted(artifacts: Sequence[ArtifactVersion]) -> dict[int, Noted]:
    """By primary key; two queries at most, whatever the number of artifact versions."""
    found: dict[int, Noted] = {}
    rows = ClientArtifact.objects.filter(artifact__in=[one.pk for one in artifacts])
    for row in rows.order_by("pk"):
        former = found.get(row.artifact_id, Noted())
        found[row.artifact_id] = Noted(
            row.digest or former.digest,
            former.ttl_seconds if row.ttl_seconds is None else row.ttl_seconds,
        )
    unknown = [
        one
        for one in artifacts
        if one.state == ArtifactState.SEALED and not found.get(one.pk, Noted()).digest
    ]
    for pk, digest in _computed(unknown).items():
        found[pk] = Noted(digest, found.get(pk, Noted()).ttl_seconds)
    return found


def _computed(artifacts: Sequence[ArtifactVersion]) -> dict[int, str]:
    """The W&B digest of what other doors have sealed; of too many files at once a part of ours."""
    digests = {one.pk: one.digest[:32] for one in artifacts}
    if not artifacts or sum(one.file_count for one in artifacts) > MAX_FILES_DIGESTED:
        return digests
    files = ArtifactFile.objects.filter(artifact__in=list(digests)).select_related("blob")
    by_artifact = groupby(files.order_by("artifact", "path"), key=lambda row: row.artifact_id)
    return digests | {pk: digest_of(map(entry_of, rows)) for pk, rows in by_artifact}


def tags_of_artifacts(artifacts: Sequence[ArtifactVersion]) -> dict[int, list[ArtifactTag]]:
    """One query."""
    found: dict[int, list[ArtifactTag]] = defaultdict(list)
    rows = ArtifactTag.objects.filter(artifact__in=[one.pk for one in artifacts])
    for tag in rows.order_by("name"):
        found[tag.artifact_id].append(tag)
    return found


def tags_of_collections(collections: Sequence[Collection]) -> dict[int, list[CollectionTag]]:
    """One query."""
    found: dict[int, list[CollectionTag]] = defaultdict(list)
    rows = CollectionTag.objects.filter(collection__in=[one.pk for one in collections])
    for tag in rows.order_by("name"):
        found[tag.collection_id].append(tag)
    return found


def steps_of(artifacts: Sequence[ArtifactVersion]) -> dict[int, int]:
    """At which step of its run each was made, where that is known. One query."""
    edges = RunArtifact.objects.filter(
        artifact__in=[one.pk for one in artifacts], direction=Direction.MADE
    )
    found = edges.order_by("-pk").values_list("artifact", "step")
    return {artifact: step for artifact, step in found if step is not None}
