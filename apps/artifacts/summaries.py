"""Collections and versions in figures: what their lists show beside the names.

Each function costs one query or two, whatever the number of rows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Count, Max, Q

from apps.accounts.models import Team, User
from apps.artifacts.choices import Direction
from apps.artifacts.models import ArtifactVersion, Collection, RunArtifact, Version
from apps.artifacts.queries import collections_of
from apps.projects.models import Project


@dataclass(frozen=True)
class CollectionSummary:
    """A collection with how many versions stand in it and the newest of them."""

    collection: Collection
    version_count: int
    newest: Version | None


def summarise(collections: Sequence[Collection], user: User | None) -> list[CollectionSummary]:
    """The figures of these collections in their order, as far as the user may see (two queries)."""
    standing = Version.objects.filter(
        collection__in=[one.pk for one in collections], deleted_at=None
    )
    if user is not None:
        # A project's own versions come from that project; the registry's from several.
        visible = Project.objects.visible_to(user).values("pk")
        standing = standing.filter(
            Q(collection__project__isnull=False) | Q(artifact__project__in=visible)
        )
    # Within a collection versions are numbered in the order of their keys.
    rows = standing.order_by().values("collection").annotate(count=Count("pk"), newest=Max("pk"))
    counted = {row["collection"]: (row["count"], row["newest"]) for row in rows}
    newest = Version.objects.select_related("artifact", "linked_by").in_bulk(
        [pk for _, pk in counted.values()]
    )
    summaries = []
    for collection in collections:
        count, pk = counted.get(collection.pk, (0, None))
        summaries.append(CollectionSummary(collection, count, newest.get(pk) if pk else None))
    return summaries


def type_counts(team: Team, project: Project | None, user: User | None) -> dict[str, int]:
    """How many collections of each type the place has, by type."""
    found = collections_of(team, user, type=None).filter(project=project)
    rows = found.order_by("type").values("type").annotate(count=Count("pk"))
    return {row["type"]: row["count"] for row in rows}


def use_counts(artifacts: Iterable[int], user: User | None) -> dict[int, int]:
    """How many runs that the user may see used each of these artifact versions."""
    edges = RunArtifact.objects.filter(artifact__in=list(artifacts), direction=Direction.USED)
    if user is not None:
        edges = edges.filter(run__project__in=Project.objects.visible_to(user).values("pk"))
    rows = edges.order_by().values("artifact").annotate(count=Count("pk"))
    return {row["artifact"]: row["count"] for row in rows}


def users_of(artifact: ArtifactVersion, user: User | None, *, limit: int) -> list[RunArtifact]:
    """The newest edges from an artifact version to runs that used it, runs loaded."""
    edges = RunArtifact.objects.filter(artifact=artifact, direction=Direction.USED)
    if user is not None:
        edges = edges.filter(run__project__in=Project.objects.visible_to(user).values("pk"))
    newest_first = edges.select_related("run__project", "run__created_by").order_by("-at", "-pk")
    return list(newest_first[:limit])
