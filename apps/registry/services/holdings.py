"""What every move of a status label is made of: who may, the locks, closing, opening, the event.

Locks are taken in the order of artifacts.services, with the label's rules before them all.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from apps.accounts.models import Team
from apps.artifacts.models import Collection, LabelHolding, Version
from apps.artifacts.services import collection_subject, lock_collection, touch, version_subject
from apps.audit.services import record
from apps.core.errors import Invalid, NotFound
from apps.core.names import clean_name
from apps.projects.access import Access, Action
from apps.registry.models import StatusLabel
from apps.registry.queries.labels import label_rules

MAX_REASON = 4_000
# A word of the vocabulary is shorter; outside it clients give words as long as mlflow takes.
MAX_LABEL = 255

_COMPUTED = re.compile(r"latest|v\d+", re.IGNORECASE)


def check_may_move(label: str, access: Access) -> StatusLabel:
    """The label's rules, once it is known that the caller may move it. Raises Invalid, Forbidden.

    For doors that are told of a label long before they give it.
    """
    name = clean_name(label, field="label", max_length=MAX_LABEL, what="label", spaces=False)
    if _COMPUTED.fullmatch(name):
        raise Invalid(f"{name} is computed from the numbers; it cannot be given.", field="label")
    rules = label_rules(access.team, name)
    require_move(rules, access)
    return rules


def checked_rules(label: str, access: Access) -> StatusLabel:
    """As above; the rules stay until the move is made: a label that becomes exclusive waits for
    it, or it for that."""
    rules = check_may_move(label, access)
    if rules.pk is not None:
        locked = StatusLabel.objects.select_for_update().filter(pk=rules.pk).first()
        # One that was deleted at this moment is a word like any other.
        rules = locked or label_rules(access.team, rules.name)
        require_move(rules, access)
    return rules


def require_move(rules: StatusLabel, access: Access) -> None:
    """Raise Forbidden, saying who may, unless the caller may move this label."""
    access.require(Action.MOVE_PROTECTED_LABEL if rules.is_protected else Action.MOVE_LABEL)


def standing_version(version: Version, access: Access) -> Version:
    """The version, locked against deletion, its collection locked too, and visible to the caller.

    Raises NotFound.
    """
    collection = lock_collection(version.collection)
    locked = (
        Version.objects.select_for_update(of=("self",), no_key=True)
        .filter(pk=version.pk, deleted_at=None)
        .first()
    )
    if locked is None:
        raise NotFound(f"v{version.number} has been removed.")
    locked.collection = collection
    # After the lock, so that a project that is deleted meanwhile is seen to be.
    access.within(version.artifact.project)
    return locked


def open_holdings(collection: Collection, rules: StatusLabel) -> list[LabelHolding]:
    """Every open holding of a label in a collection, the lead first (see queries.labels)."""
    found = LabelHolding.objects.filter(collection=collection, label_key=rules.name_key)
    return list(found.standing().lead_first().select_related("version__collection", "given_by"))


def close_holding(holding: LabelHolding, at: datetime) -> bool:
    """End an open holding; False when somebody else has ended it in the meantime."""
    # Clocks of two machines may differ a little; a holding never ends before it began.
    until = max(at, holding.held_from)
    open_still = LabelHolding.objects.filter(pk=holding.pk, held_until=None)
    return bool(open_still.update(held_until=until))


def open_holding(
    version: Version,
    rules: StatusLabel,
    access: Access,
    *,
    at: datetime,
    reason: str = "",
    former: LabelHolding | None = None,
    is_rollback: bool = False,
    is_stage: bool = False,
) -> LabelHolding:
    return LabelHolding.objects.create(
        collection=version.collection,
        version=version,
        label=rules.name,
        label_key=rules.name_key,
        is_exclusive=rules.is_exclusive and not is_stage,
        is_stage=is_stage,
        held_from=at,
        given_by=access.user,
        reason=reason,
        former=former,
        is_rollback=is_rollback,
    )


def last_closed(collection: Collection, rules: StatusLabel) -> LabelHolding | None:
    """The holding of an exclusive label that ended last."""
    if not rules.is_exclusive:
        return None
    found = LabelHolding.objects.filter(collection=collection, label_key=rules.name_key)
    last: LabelHolding | None = found.order_by("-held_until", "-pk").first()
    return last


def record_move(
    kind: str,
    rules: StatusLabel,
    access: Access,
    *,
    loser: Version | None,
    winner: Version | None,
    reason: str,
    at: datetime | None,
    is_stage: bool = False,
) -> None:
    """One event for a label that left `loser` or came to `winner`, or both; `is_stage` where it
    was, or is, the stage of the version that the event is about."""
    versions = list({one.pk: one for one in (winner, loser) if one is not None}.values())
    collection = versions[0].collection
    stage = {"stage": rules.name} if is_stage else {}
    record(
        kind=kind,
        actor=access.actor,
        subjects=[collection_subject(collection), *map(version_subject, versions)],
        team_id=access.team.pk,
        project_id=collection.project_id,
        before={"label": rules.name, "version": loser.number if loser else None}
        | (stage if winner is None else {}),
        after={"label": rules.name, "version": winner.number if winner else None}
        | (stage if winner is not None else {}),
        reason=reason,
        at=at,
    )


def hold_still(collections: Iterable[Collection], team: Team) -> None:
    """Lock the team's labels, and then these collections, for a change that moves several labels:
    after its first event it may take no lock for which somebody waits with another."""
    labels = StatusLabel.objects.select_for_update(no_key=True).filter(team=team)
    list(labels.order_by("pk"))
    keys = [collection.pk for collection in collections]
    locked = Collection.objects.select_for_update(no_key=True, of=("self",)).filter(pk__in=keys)
    list(locked.order_by("pk"))


def note_change(collection: Collection, versions: Sequence[Version], at: datetime) -> None:
    """Note that the labels of these versions of a locked collection change. Before the first event
    of the change, since this locks the versions."""
    touch(collection, at=at)
    Version.objects.filter(pk__in=[version.pk for version in versions]).update(updated_at=at)
