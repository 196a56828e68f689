"""Restoring: what is in the bin comes back as it was, but for the labels that it had to give up.

Whoever may delete a thing may restore it. Each function takes the row and raises NotFound when it
was removed for good in the meantime; restoring what is not in the bin changes nothing.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from django.db import IntegrityError, transaction
from django.db.models import Model, QuerySet
from django.utils import timezone

from apps.artifacts.models import ArtifactVersion, Collection, Version
from apps.artifacts.services import collection_subject, lock_collection, touch, version_subject
from apps.artifacts.signals import version_linked
from apps.audit.actors import Subject
from apps.audit.services import record, told_last
from apps.bin.choices import Kind
from apps.bin.queries.items import BinItem
from apps.core.errors import Conflict, NotFound
from apps.projects.access import Access, Action
from apps.projects.models import Project
from apps.projects.services import project_subject
from apps.runs.models import Run
from apps.runs.services import run_subject

_Row = TypeVar("_Row", bound=Model)

# Whoever may delete a thing may take it back.
RESTORING: Mapping[Kind, Action] = {
    Kind.PROJECT: Action.ADMINISTER,
    Kind.COLLECTION: Action.DELETE_VERSION,
    Kind.VERSION: Action.DELETE_VERSION,
    Kind.RUN: Action.DELETE,
}


def restore(*, item: BinItem, access: Access) -> None:
    """Take a thing out of the bin. `access` is to its team, or to its project."""
    match item.row:
        case Project():
            restore_project(project=item.row, access=access)
        case Run():
            restore_run(run=item.row, access=access.within(item.project))
        case Collection():
            restore_collection(collection=item.row, access=access.within(item.project))
        case Version():
            restore_version(version=item.row, access=access.within(item.project))


@transaction.atomic
def restore_project(*, project: Project, access: Access) -> None:
    """Take a project out of the bin, with everything that was in it."""
    access.over(project).require(RESTORING[Kind.PROJECT])
    locked = _locked(Project.with_deleted.filter(purged_at=None), project.pk)
    if locked.deleted_at is None:
        return
    _unmark(locked)
    _record("project.restored", access, locked, [project_subject(locked)])


@transaction.atomic
def restore_run(*, run: Run, access: Access) -> None:
    """Take a run out of the bin. One that was going on then is shown as it is by now."""
    access.require(RESTORING[Kind.RUN])
    locked = _locked(Run.with_deleted.all(), run.pk)
    if locked.deleted_at is None:
        return
    _unmark(locked)
    subjects = [run_subject(locked), project_subject(run.project)]
    _record("run.restored", access, run.project, subjects)


@transaction.atomic
def restore_runs(*, runs: Sequence[Run], access: Access) -> None:
    """Take runs of one project out of the bin, all of them or none."""
    with told_last():
        for run in sorted(runs, key=lambda run: run.pk):
            restore_run(run=run, access=access)


@transaction.atomic
def restore_collection(*, collection: Collection, access: Access) -> None:
    """Take a collection out of the bin, with its versions and the labels that they hold in it."""
    access.require(RESTORING[Kind.COLLECTION])
    locked = _locked(Collection.with_deleted.all(), collection.pk)
    if locked.deleted_at is None:
        return
    _unmark(locked)
    _record("collection.restored", access, collection.project, [collection_subject(locked)])


@transaction.atomic
def restore_version(*, version: Version, access: Access) -> None:
    """Take a version out of the bin, under its old number; its results are in the table again.

    Raises Conflict when the same artifact version has come into the collection anew.
    """
    access.require(RESTORING[Kind.VERSION])
    list(ArtifactVersion.objects.select_for_update(no_key=True).filter(pk=version.artifact_id))
    collection = lock_collection(version.collection)
    locked = _locked(Version.objects.filter(purged_at=None), version.pk)
    if locked.deleted_at is None:
        return
    locked.deleted_at = locked.deleted_by = None
    locked.deleted_reason = ""
    try:
        with transaction.atomic():
            locked.save(update_fields=["deleted_at", "deleted_by", "deleted_reason"])
    except IntegrityError as error:
        raise Conflict(
            f"v{locked.number} cannot come back: the same artifact stands in "
            f"{version.collection.name} again, under another number."
        ) from error
    touch(collection, at=timezone.now())
    version_linked.send(sender=Version, version=locked)
    subjects = [version_subject(locked), collection_subject(version.collection)]
    _record("version.restored", access, version.collection.project, subjects)


def _locked(rows: QuerySet[_Row], key: int) -> _Row:
    locked = rows.select_for_update(of=("self",), no_key=True).filter(pk=key).first()
    if locked is None:
        raise NotFound("It was removed for good in the meantime.")
    return locked


def _unmark(row: Project | Run | Collection) -> None:
    row.deleted_at = row.deleted_by = None
    row.save(update_fields=["deleted_at", "deleted_by"])


def _record(kind: str, access: Access, project: Project | None, subjects: list[Subject]) -> None:
    record(
        kind=kind,
        actor=access.actor,
        subjects=subjects,
        team_id=access.team.pk,
        project_id=project.pk if project else None,
    )
