"""What else happens when something is deleted.

Counted whole, because a deletion reaches what its maker may not see as well; named as far as the
reader may see it. Nothing here changes anything: the question before a deletion and the deletion
itself ask the same functions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.accounts.models import User
from apps.artifacts.choices import Direction
from apps.artifacts.models import (
    ArtifactVersion,
    Collection,
    LabelHolding,
    RunArtifact,
    Version,
)
from apps.bin.choices import Effect
from apps.evaluations.models import GoldenSet
from apps.projects.models import Project
from apps.runs.models import Run

# More than these few names do not help a decision; the count says how many there are.
NAMES = 5


@dataclass(frozen=True)
class Consequence:
    """One thing that goes with a deletion: how many are concerned, and the names of the first."""

    effect: Effect
    count: int
    names: tuple[str, ...]


def consequences_of_project(project: Project, user: User | None) -> list[Consequence]:
    """Everything in the project goes with it, and so do its versions in the registry."""
    inside = Q(artifact__project=project)
    return _some(
        _labels(LabelHolding.objects.filter(version__artifact__project=project), user),
        _registry(_standing().filter(inside, collection__project=None), user),
        _uses(RunArtifact.objects.filter(inside).exclude(run__project=project), user),
        _golden_sets(GoldenSet.objects.filter(inside), user),
        _live(Run.objects.filter(project=project), user),
    )


def consequences_of_collection(collection: Collection, user: User | None) -> list[Consequence]:
    """Its versions go with it; an artifact version that stands elsewhere too stays there."""
    versions = _standing().filter(collection=collection)
    in_registry = versions if collection.project_id is None else versions.none()
    return _some(
        _labels(LabelHolding.objects.filter(collection=collection), user),
        _registry(in_registry, user),
        *_of_lost(versions, user),
    )


def consequences_of_version(version: Version, user: User | None) -> list[Consequence]:
    """The labels that it holds are taken from it."""
    return _some(
        _labels(LabelHolding.objects.filter(version=version), user),
        *_of_lost(_standing().filter(pk=version.pk), user),
    )


def consequences_of_run(run: Run, user: User | None) -> list[Consequence]:
    """What it made stays, but no longer shows where it came from."""
    return consequences_of_runs([run], user)


def consequences_of_runs(runs: Sequence[Run], user: User | None) -> list[Consequence]:
    """The same of several together, in as many queries as of one."""
    keys = [run.pk for run in runs]
    made = _standing().filter(artifact__made_by__in=keys)
    held = LabelHolding.objects.filter(version=OuterRef("pk"), held_until=None)
    return _some(
        _live(Run.objects.filter(pk__in=keys), user),
        _versions(Effect.SOURCE, made.filter(Q(collection__project=None) | Exists(held)), user),
    )


def _some(*consequences: Consequence) -> list[Consequence]:
    return [one for one in consequences if one.count]


def _standing() -> QuerySet[Version]:
    return Version.objects.filter(deleted_at=None, collection__deleted_at=None)


def _of_lost(versions: QuerySet[Version], user: User | None) -> list[Consequence]:
    """What concerns the artifact versions that stand nowhere but in these places."""
    elsewhere = _standing().filter(artifact=OuterRef("pk")).exclude(pk__in=versions.values("pk"))
    lost = ArtifactVersion.objects.filter(
        ~Exists(elsewhere), pk__in=versions.values("artifact")
    ).values("pk")
    return [
        _uses(RunArtifact.objects.filter(artifact__in=lost), user),
        _golden_sets(GoldenSet.objects.filter(artifact__in=lost), user),
    ]


def _labels(holdings: QuerySet[LabelHolding], user: User | None) -> Consequence:
    open_now = LabelHolding.objects.standing().once().filter(collection__deleted_at=None)
    rows = open_now.filter(pk__in=holdings.values("pk"))
    rows = rows.select_related("version__collection").order_by("label_key", "pk")
    return _told(
        Effect.LABEL,
        rows,
        _sources(user, "version__artifact__project"),
        lambda row: f"{row.version.collection.name} v{row.version.number} ({row.label})",
    )


def _registry(versions: QuerySet[Version], user: User | None) -> Consequence:
    return _versions(Effect.REGISTRY, versions, user)


def _versions(effect: Effect, versions: QuerySet[Version], user: User | None) -> Consequence:
    rows = versions.select_related("collection").order_by("-pk")
    seen = _sources(user, "artifact__project")
    return _told(effect, rows, seen, lambda row: f"{row.collection.name} v{row.number}")


def _uses(edges: QuerySet[RunArtifact], user: User | None) -> Consequence:
    rows = edges.filter(direction=Direction.USED, run__deleted_at=None)
    rows = rows.filter(run__project__deleted_at=None).select_related("run__project")
    return _told(
        Effect.USED,
        rows.order_by("-at", "-pk"),
        _sources(user, "run__project"),
        lambda row: f"{row.run.project.name} / {row.run.name}",
    )


def _golden_sets(golden_sets: QuerySet[GoldenSet], user: User | None) -> Consequence:
    seen = _sources(user, "artifact__project")
    return _told(Effect.GOLDEN_SET, golden_sets.order_by("name_key"), seen, lambda row: row.name)


def _live(runs: QuerySet[Run], user: User | None) -> Consequence:
    rows = runs.filter(pk__in=Run.objects.live().values("pk")).order_by("-started_at", "-pk")
    return _told(Effect.LIVE, rows, _sources(user, "project"), lambda row: row.name)


def _sources(user: User | None, path: str) -> Q:
    """The condition under which the reader may know the name of a row."""
    if user is None:
        return Q()
    return Q(**{f"{path}__in": Project.objects.visible_to(user).values("pk")})


def _told(effect: Effect, rows: QuerySet[Any], seen: Q, name: Callable[[Any], str]) -> Consequence:
    shown = [name(row) for row in rows.filter(seen)[:NAMES]]
    return Consequence(effect, rows.count(), tuple(dict.fromkeys(shown)))
