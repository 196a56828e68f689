"""Purging: out of the bin for good.

A run goes with its points and its console, a collection with its versions and their history. The
record of an artifact version stays where something elsewhere names it (digest, metadata, lineage);
its files go as soon as no place is left that is not purged. Bytes go with the next garbage
collection. Everything is looked at again under its lock, so what is restored meanwhile stays.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import transaction
from django.db.models import Count, Exists, Model, OuterRef, QuerySet, Sum
from django.utils import timezone

from apps.artifacts.models import (
    ArtifactFile,
    ArtifactVersion,
    Collection,
    ModelCard,
    RunArtifact,
    Version,
)
from apps.artifacts.queries import stale_pending
from apps.artifacts.services import collection_subject, version_subject
from apps.audit.actors import Actor, Subject
from apps.audit.services import record
from apps.bin.queries.items import BinItem, whole_bin
from apps.content.models import Holding
from apps.core.errors import NotFound
from apps.evaluations.models import GoldenSet
from apps.projects.access import Access, Action, system_access
from apps.projects.models import Project, ProjectMember
from apps.projects.services import project_subject
from apps.registry.models import SavedView
from apps.registry.services.scores import drop_scores
from apps.runs.models import Run
from apps.series.services import delete_series

_Row = TypeVar("_Row", bound=Model)

_BATCH = 500
# An upload that takes longer than this has been given up.
UNSEALED_FOR = timedelta(days=7)


@dataclass(frozen=True)
class Freed:
    """How many files no longer name their content, and how much that is."""

    files: int = 0
    size_bytes: int = 0


def purge(*, item: BinItem, access: Access, deleted_before: datetime | None = None) -> None:
    """Remove a thing in the bin for good. `access` is to its team, or to its project.

    With `deleted_before` only what has been in the bin since then. Raises NotFound when it is not
    there any more, Forbidden.
    """
    before = deleted_before
    match item.row:
        case Project():
            _purge_project(item.row, access.over(item.row), before)
        case Run():
            _purge_run(item.row, _beside(access, item), before)
        case Collection():
            _purge_collection(item.row, _beside(access, item), before)
        case Version():
            _purge_version(item.row, _beside(access, item), before)


@dataclass(frozen=True)
class Fate:
    """What becomes of a thing in the bin, and why."""

    item: BinItem
    goes: bool
    why: str


def empty_bin(
    *, actor: Actor, dry_run: bool = False, now: datetime | None = None
) -> Iterator[Fate]:
    """Purge what has been in the bin for longer than its team keeps things, one by one.

    Each is a transaction of its own, so that a long bin holds nobody up. A dry run tells the same
    and removes nothing.
    """
    now = now or timezone.now()
    for item in whole_bin():
        days = item.team.retention_days
        if item.goes_at > now:
            yield Fate(item, goes=False, why=f"kept until {item.goes_at:%Y-%m-%d %H:%M} UTC")
            continue
        if not dry_run:
            try:
                purge(
                    item=item,
                    access=system_access(item.team, actor),
                    deleted_before=now - timedelta(days=days),
                )
            except NotFound:
                # Restored, or gone with what it was in.
                continue
        yield Fate(item, goes=True, why=f"deleted {item.deleted_at:%Y-%m-%d}, kept {days} days")


def drop_unsealed(
    *, dry_run: bool = False, now: datetime | None = None
) -> Iterator[ArtifactVersion]:
    """Remove artifact versions that were begun and given up; nobody has ever seen them."""
    before = (now or timezone.now()) - UNSEALED_FOR
    for found in stale_pending(before).select_related("project").order_by("pk"):
        if not dry_run:
            with transaction.atomic():
                # Again and locked: it may have been sealed at this moment.
                locked = stale_pending(before).select_for_update().filter(pk=found.pk)
                if locked.first() is None:
                    continue
                locked.delete()
        yield found


@transaction.atomic
def _purge_run(run: Run, access: Access, before: datetime | None) -> None:
    access.require(Action.ADMINISTER)
    locked = _locked(Run.with_deleted.all(), run.pk, before)
    delete_series(owner_ids=[run.pk])
    locked.delete()
    subjects = [Subject("run", run.pk, run.name), project_subject(run.project)]
    _record("run.purged", access, run.project, subjects, Freed())


@transaction.atomic
def _purge_collection(collection: Collection, access: Access, before: datetime | None) -> None:
    access.require(Action.ADMINISTER)
    artifacts = _lock_artifacts(ArtifactVersion.objects.filter(versions__collection=collection))
    locked = _locked(Collection.with_deleted.all(), collection.pk, before)
    subjects = [collection_subject(locked)]
    locked.delete()
    freed = _drop_files(artifacts)
    _record("collection.purged", access, collection.project, subjects, freed)


@transaction.atomic
def _purge_version(version: Version, access: Access, before: datetime | None) -> None:
    access.require(Action.ADMINISTER)
    artifacts = _lock_artifacts(ArtifactVersion.objects.filter(pk=version.artifact_id))
    locked = _locked(Version.objects.filter(purged_at=None), version.pk, before)
    _bury([locked])
    freed = _drop_files(artifacts)
    subjects = [version_subject(version), collection_subject(version.collection)]
    _record("version.purged", access, version.collection.project, subjects, freed)


@transaction.atomic
def _purge_project(project: Project, access: Access, before: datetime | None) -> None:
    access.require(Action.ADMINISTER)
    locked = _locked(Project.with_deleted.filter(purged_at=None), project.pk, before)
    artifacts = _lock_artifacts(ArtifactVersion.objects.filter(project=locked))
    subjects = [project_subject(locked)]
    _drop_runs(locked)
    Collection.with_deleted.filter(project=locked).delete()
    # What is left of its places is in the registry, and hidden there since the deletion.
    _bury(list(Version.objects.filter(artifact__project=locked, purged_at=None)))
    freed = _drop_files(artifacts)
    _nowhere_named(ArtifactVersion.objects.filter(project=locked)).delete()
    Holding.objects.filter(owner_id=locked.pk).delete()
    if locked.artifacts.exists():
        _keep_the_shell(locked)
    else:
        locked.delete()
    _record("project.purged", access, project, subjects, freed)


def _drop_runs(project: Project) -> None:
    runs = Run.with_deleted.filter(project=project).order_by("pk").values_list("pk", flat=True)
    while keys := list(runs[:_BATCH]):
        delete_series(owner_ids=keys)
        Run.with_deleted.filter(pk__in=keys).delete()


def _keep_the_shell(project: Project) -> None:
    """What elsewhere names an artifact version of the project keeps its row and its name."""
    ProjectMember.objects.filter(project=project).delete()
    SavedView.objects.filter(project=project).delete()
    project.title = project.description = ""
    project.purged_at = timezone.now()
    project.save(update_fields=["title", "description", "purged_at"])


def _bury(versions: Iterable[Version]) -> None:
    """Leave the tombstones of versions: the number, and who held which label when."""
    now = timezone.now()
    for version in versions:
        version.deleted_at = version.deleted_at or now
        version.purged_at = now
        version.note = ""
        version.save(update_fields=["deleted_at", "purged_at", "note"])
        ModelCard.objects.filter(version=version).delete()
        drop_scores(version=version)


def _lock_artifacts(artifacts: QuerySet[ArtifactVersion]) -> list[int]:
    """The primary keys of some artifact versions, which nobody can link until this is done."""
    keys = set(artifacts.values_list("pk", flat=True))
    locked = ArtifactVersion.objects.select_for_update(no_key=True).filter(pk__in=keys)
    return list(locked.order_by("pk").values_list("pk", flat=True))


def _drop_files(artifacts: list[int]) -> Freed:
    """Remove the files of those artifact versions that have no place left."""
    places = Version.objects.filter(artifact=OuterRef("pk"), purged_at=None)
    lost = ArtifactVersion.objects.filter(~Exists(places), pk__in=artifacts, purged_at=None)
    keys = list(lost.values_list("pk", flat=True))
    files = ArtifactFile.objects.filter(artifact__in=keys)
    figures = files.aggregate(count=Count("pk"), size=Sum("size_bytes"))
    files.delete()
    ArtifactVersion.objects.filter(pk__in=keys).update(purged_at=timezone.now())
    return Freed(figures["count"], figures["size"] or 0)


def _nowhere_named(artifacts: QuerySet[ArtifactVersion]) -> QuerySet[ArtifactVersion]:
    return artifacts.filter(
        ~Exists(Version.objects.filter(artifact=OuterRef("pk"))),
        ~Exists(RunArtifact.objects.filter(artifact=OuterRef("pk"))),
        ~Exists(GoldenSet.objects.filter(artifact=OuterRef("pk"))),
    )


def _beside(access: Access, item: BinItem) -> Access:
    """The caller's access where the item was; its project may be in the bin itself."""
    project = item.project
    if project is not None and project.deleted_at is not None:
        return access.over(project)
    return access.within(project)


def _locked(rows: QuerySet[_Row], key: int, before: datetime | None) -> _Row:
    deleted = rows.filter(pk=key, deleted_at__isnull=False)
    if before is not None:
        deleted = deleted.filter(deleted_at__lte=before)
    locked = deleted.select_for_update(of=("self",)).first()
    if locked is None:
        raise NotFound("It is not in the bin any more.")
    return locked


def _record(
    kind: str, access: Access, project: Project | None, subjects: list[Subject], freed: Freed
) -> None:
    record(
        kind=kind,
        actor=access.actor,
        subjects=subjects,
        team_id=access.team.pk,
        project_id=project.pk if project else None,
        before={"files": freed.files, "size_bytes": freed.size_bytes},
    )
