"""Deleting: into the bin, where it waits until the retention of the team is over.

What else would happen is asked first (queries.consequences), inside the same transaction. If there
is anything, a deletion takes the caller's word that it is accepted, and a reason. Labels are taken
from what leaves its collection, each move with an event of its own; a restored version does not get
them back, since by then another may be in production.
"""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps.artifacts import services as artifacts
from apps.artifacts.models import Collection, LabelHolding, Version
from apps.artifacts.services import collection_subject
from apps.audit.services import record
from apps.bin.choices import Effect
from apps.bin.queries.consequences import (
    Consequence,
    consequences_of_collection,
    consequences_of_project,
    consequences_of_runs,
    consequences_of_version,
)
from apps.core.errors import Conflict, Invalid
from apps.core.names import clean_text
from apps.projects.access import Access, Action
from apps.projects.models import Project
from apps.projects.services import project_subject
from apps.registry.models import StatusLabel
from apps.registry.services.holdings import MAX_REASON, hold_still
from apps.registry.services.promotion import remove_label
from apps.runs.models import Run
from apps.runs.services import run_subject

# As many as a page of a table has: what is ticked is seen. Each is an event of its own.
MAX_AT_ONCE = 100


class HasConsequences(Conflict):
    """More goes with it than the caller has accepted. `consequences` says what."""

    def __init__(self, consequences: Sequence[Consequence]) -> None:
        super().__init__(
            "Nothing was deleted, because more goes with it: "
            + "; ".join(map(_words, consequences))
            + "."
        )
        self.consequences = tuple(consequences)


@transaction.atomic
def delete_project(*, access: Access, reason: str = "", accept_consequences: bool = False) -> None:
    """Put the project of `access` into the bin, with everything in it.

    Its versions in the registry lose their labels and are hidden with it, so who may not move those
    may not delete it. Doing it twice changes nothing. Raises HasConsequences, Forbidden.
    """
    project = access.here
    access.require(Action.ADMINISTER)
    _hold_labels_still(access)
    locked = Project.objects.select_for_update(no_key=True).filter(pk=project.pk).first()
    if locked is None:
        return
    in_registry = Version.objects.filter(artifact__project=locked, collection__project=None)
    hold_still(Collection.objects.filter(pk__in=in_registry.values("collection")), access.team)
    list(in_registry.select_for_update(of=("self",), no_key=True).order_by("pk"))
    reason = _checked(
        consequences_of_project(locked, access.user), reason, accepted=accept_consequences
    )
    held_there = LabelHolding.objects.filter(version__in=in_registry, held_until=None)
    if held_there.exists():
        # The registry is the team's: what may be done there, a role in the project does not say.
        _take_labels(held_there, access.within(None), reason)
    _mark(locked, access)
    record(
        kind="project.deleted",
        actor=access.actor,
        subjects=[project_subject(locked)],
        team_id=access.team.pk,
        project_id=locked.pk,
        before={"name": locked.name},
        reason=reason,
    )


@transaction.atomic
def delete_run(
    *, run: Run, access: Access, reason: str = "", accept_consequences: bool = False
) -> None:
    """Put a run into the bin. What it made stays; a client that logs to it is refused from now on.

    Doing it twice changes nothing. Raises HasConsequences, Forbidden.
    """
    delete_runs(runs=[run], access=access, reason=reason, accept_consequences=accept_consequences)


@transaction.atomic
def delete_runs(
    *, runs: Sequence[Run], access: Access, reason: str = "", accept_consequences: bool = False
) -> None:
    """Put runs of one project into the bin: all of them or none, with an event for each.

    Those that are there already stay as they are. Raises Invalid when there are too many,
    HasConsequences, Forbidden.
    """
    access.require(Action.DELETE)
    if len(runs) > MAX_AT_ONCE:
        raise Invalid(f"At most {MAX_AT_ONCE} runs can be deleted at once.")
    keys = [run.pk for run in runs]
    locked = list(
        Run.objects.select_for_update(of=("self",), no_key=True)
        .filter(pk__in=keys)
        .select_related("project")
        .order_by("pk")
    )
    if not locked:
        return
    reason = _checked(
        consequences_of_runs(locked, access.user), reason, accepted=accept_consequences
    )
    for run in locked:
        _mark(run, access)
    # Events come last: whoever has told of one holds the chain.
    for run in locked:
        record(
            kind="run.deleted",
            actor=access.actor,
            subjects=[run_subject(run), project_subject(run.project)],
            team_id=access.team.pk,
            project_id=run.project_id,
            before={"name": run.name, "key": run.key, "state": run.state},
            reason=reason,
        )


@transaction.atomic
def delete_collection(
    *, collection: Collection, access: Access, reason: str = "", accept_consequences: bool = False
) -> None:
    """Put a collection into the bin, with its versions and who holds which label.

    An artifact version that stands in another collection too stays there. Doing it twice changes
    nothing. Raises HasConsequences, Forbidden.
    """
    access.require(Action.DELETE_VERSION)
    _hold_labels_still(access)
    locked = Collection.objects.select_for_update(no_key=True).filter(pk=collection.pk).first()
    if locked is None:
        return
    reason = _checked(
        consequences_of_collection(locked, access.user), reason, accepted=accept_consequences
    )
    _mark(locked, access)
    record(
        kind="collection.deleted",
        actor=access.actor,
        subjects=[collection_subject(locked)],
        team_id=access.team.pk,
        project_id=locked.project_id,
        before={"name": locked.name, "type": locked.type},
        reason=reason,
    )


@transaction.atomic
def delete_version(
    *, version: Version, access: Access, reason: str = "", accept_consequences: bool = False
) -> None:
    """Put a version into the bin; its number stays its own. Its labels are taken from it.

    Doing it twice changes nothing. Raises HasConsequences, Forbidden.
    """
    access.require(Action.DELETE_VERSION)
    _hold_labels_still(access)
    if not Version.objects.filter(pk=version.pk, deleted_at=None).exists():
        return
    reason = _checked(
        consequences_of_version(version, access.user), reason, accepted=accept_consequences
    )
    _take_labels(LabelHolding.objects.filter(version=version), access, reason)
    artifacts.delete_version(version=version, reason=reason, access=access)


def _hold_labels_still(access: Access) -> None:
    """Keep the team's labels where they are until this is decided: a promotion locks its label
    first of all, so it comes either before this or after."""
    labels = StatusLabel.objects.select_for_update(no_key=True).filter(team=access.team)
    list(labels.order_by("pk"))


def _checked(consequences: Sequence[Consequence], reason: str, *, accepted: bool) -> str:
    """The reason as it is kept, once what goes with the deletion is accepted."""
    reason = clean_text(reason, field="reason", max_length=MAX_REASON)
    if consequences and not accepted:
        raise HasConsequences(consequences)
    if consequences and not reason:
        raise Invalid("Say why: more goes with it.", field="reason")
    return reason


def _take_labels(holdings: QuerySet[LabelHolding], access: Access, reason: str) -> None:
    open_now = LabelHolding.objects.filter(
        pk__in=holdings.filter(held_until=None).values("pk")
    ).once()
    for held in open_now.select_related("version__collection").order_by("label_key", "pk"):
        remove_label(version=held.version, label=held.label, access=access, reason=reason)


def _mark(row: Project | Run | Collection, access: Access) -> None:
    row.deleted_at = timezone.now()
    row.deleted_by = access.user
    row.save(update_fields=["deleted_at", "deleted_by"])


_WORDS = {
    Effect.LABEL: "{count} status labels are held by it",
    Effect.REGISTRY: "{count} of its versions stand in the registry",
    Effect.USED: "it was used by {count} runs",
    Effect.GOLDEN_SET: "{count} golden sets are of it",
    Effect.SOURCE: "{count} versions that are in use came from it",
    Effect.LIVE: "{count} runs are still going on",
}


def _words(one: Consequence) -> str:
    names = f" ({', '.join(one.names)}{', …' if one.count > len(one.names) else ''})"
    return _WORDS[one.effect].format(count=one.count) + (names if one.names else "")
