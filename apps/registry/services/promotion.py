"""Promotion: moving a status label to a version, taking it away, rolling back.

Every door comes through here: the button, the JSON API and the client protocols. A move closes the
open holding and opens the next in one transaction with its audit event; the database's constraint
on open holdings is what makes two holders of an exclusive label impossible, and the conditional
update below is what tells the slower of two people so.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.artifacts.models import Collection, LabelHolding, Version
from apps.artifacts.services import collection_subject, version_subject
from apps.audit.services import record
from apps.core.errors import Conflict, Invalid, NotFound
from apps.core.names import clean_name, clean_text
from apps.projects.access import Access, Action
from apps.registry.models import StatusLabel
from apps.registry.queries.labels import current_holding, label_rules

MAX_REASON = 4_000
# A label that anybody may hold at any time moves at once; losing a race this often means trouble.
TRIES = 5

_COMPUTED = re.compile(r"latest|v\d+", re.IGNORECASE)


class LabelMoved(Conflict):
    """Somebody else moved the label since the caller looked."""


class NoFormerHolder(Conflict):
    """There is no earlier holder of the label to roll back to."""


@dataclass(frozen=True)
class Expected:
    """Which version the caller believes to hold the label now (None: nobody)."""

    holder: int | None


def promote_version(
    *,
    version: Version,
    label: str,
    access: Access,
    reason: str = "",
    expected: Expected | None = None,
    at: datetime | None = None,
) -> LabelHolding:
    """Give a version a status label; an exclusive one leaves its holder.

    With `expected`, raises LabelMoved unless that version holds the label still; without it the
    last of two callers wins. Giving a version what it has changes nothing. Raises Forbidden when
    the label is protected and the caller no curator, NotFound when the version is gone.
    """
    reason = clean_text(reason, field="reason", max_length=MAX_REASON)
    for attempt in range(1, TRIES + 1):
        try:
            with transaction.atomic():
                rules = _checked_rules(label, access)
                return _promote(version, rules, access, reason, expected, at)
        except (IntegrityError, LabelMoved) as error:
            if expected is not None or attempt == TRIES:
                raise _moved(version.collection, label, access) from error
    raise AssertionError("unreachable")


@transaction.atomic
def remove_label(
    *,
    version: Version,
    label: str,
    access: Access,
    reason: str = "",
    at: datetime | None = None,
) -> None:
    """Take a label from a version that holds it. Raises NotFound when it does not."""
    rules = _checked_rules(label, access)
    reason = clean_text(reason, field="reason", max_length=MAX_REASON)
    holding = LabelHolding.objects.filter(
        version=version, label_key=rules.name_key, held_until=None
    ).first()
    if holding is None or not _close(holding, at):
        raise NotFound(f"v{version.number} does not hold {rules.name}.")
    _record("label.removed", version, rules, access, version, None, reason, at)


def roll_back(
    *,
    collection: Collection,
    label: str,
    access: Access,
    reason: str = "",
    expected: Expected | None = None,
    at: datetime | None = None,
) -> LabelHolding:
    """Return an exclusive label to the version that held it before the present holder.

    Rolling back twice goes back two steps. Raises NoFormerHolder, LabelMoved, Forbidden.
    """
    reason = clean_text(reason, field="reason", max_length=MAX_REASON)
    try:
        with transaction.atomic():
            rules = _checked_rules(label, access)
            return _roll_back(collection, rules, access, reason, expected, at)
    except (IntegrityError, LabelMoved) as error:
        raise _moved(collection, label, access) from error


def former_holding(holding: LabelHolding) -> LabelHolding | None:
    """The holding that a roll-back of this one would return to: the last one whose version
    still stands."""
    former = holding.former
    while former is not None and former.version.deleted_at is not None:
        former = former.former
    return former


def _promote(
    version: Version,
    rules: StatusLabel,
    access: Access,
    reason: str,
    expected: Expected | None,
    at: datetime | None,
) -> LabelHolding:
    locked = _standing(version, access)
    own = locked.holdings.filter(label_key=rules.name_key, held_until=None).first()
    if own is not None:
        return own
    current = current_holding(version.collection, rules) if rules.is_exclusive else None
    if expected is not None and rules.is_exclusive:
        holder = current.version.number if current else None
        if holder != expected.holder:
            raise LabelMoved("moved")
    if current is not None and not _close(current, at):
        raise LabelMoved("moved")
    former = current or _last_closed(version.collection, rules)
    holding = _open(locked, rules, access, reason, former, at)
    loser = current.version if current else None
    _record("label.moved", locked, rules, access, loser, locked, reason, at)
    return holding


def _roll_back(
    collection: Collection,
    rules: StatusLabel,
    access: Access,
    reason: str,
    expected: Expected | None,
    at: datetime | None,
) -> LabelHolding:
    if not rules.is_exclusive:
        raise Conflict(f"{rules.name} may have several holders, so there is no former one.")
    # A holder that the caller may not see is none: neither taken from nor named.
    current = current_holding(collection, rules, user=access.user)
    if current is None:
        raise NoFormerHolder(f"Nobody holds {rules.name} in {collection.name}.")
    if expected is not None and current.version.number != expected.holder:
        raise LabelMoved("moved")
    target = former_holding(current)
    if target is None:
        raise NoFormerHolder(f"v{current.version.number} is the first to hold {rules.name}.")
    locked = _standing(target.version, access)
    if not _close(current, at):
        raise LabelMoved("moved")
    holding = _open(locked, rules, access, reason, target.former, at, is_rollback=True)
    _record("label.rolled_back", locked, rules, access, current.version, locked, reason, at)
    return holding


def check_may_move(label: str, access: Access) -> StatusLabel:
    """The label's rules, once it is known that the caller may move it. Raises Invalid, Forbidden.

    For doors that are told of a label long before they give it.
    """
    name = clean_name(label, field="label", max_length=64, what="label", spaces=False)
    if _COMPUTED.fullmatch(name):
        raise Invalid(f"{name} is computed from the numbers; it cannot be given.", field="label")
    rules = label_rules(access.team, name)
    _require(rules, access)
    return rules


def _checked_rules(label: str, access: Access) -> StatusLabel:
    """As above; the rules stay until the move is made: a label that becomes exclusive waits for
    it, or it for that."""
    rules = check_may_move(label, access)
    if rules.pk is not None:
        locked = StatusLabel.objects.select_for_update().filter(pk=rules.pk).first()
        # One that was deleted at this moment is a word like any other.
        rules = locked or label_rules(access.team, rules.name)
        _require(rules, access)
    return rules


def _require(rules: StatusLabel, access: Access) -> None:
    access.require(Action.MOVE_PROTECTED_LABEL if rules.is_protected else Action.MOVE_LABEL)


def _standing(version: Version, access: Access) -> Version:
    """The version, locked against deletion, and visible to the caller. Raises NotFound."""
    locked = (
        Version.objects.select_for_update(of=("self",), no_key=True)
        .select_related("collection")
        .filter(pk=version.pk, deleted_at=None, collection__deleted_at=None)
        .first()
    )
    if locked is None:
        raise NotFound(f"v{version.number} has been removed.")
    # After the lock, so that a project that is deleted meanwhile is seen to be.
    access.within(version.artifact.project)
    return locked


def _close(holding: LabelHolding, at: datetime | None) -> bool:
    """End an open holding; False when somebody else has ended it in the meantime."""
    # Clocks of two machines may differ a little; a holding never ends before it began.
    until = max(at or timezone.now(), holding.held_from)
    open_still = LabelHolding.objects.filter(pk=holding.pk, held_until=None)
    return bool(open_still.update(held_until=until))


def _open(
    version: Version,
    rules: StatusLabel,
    access: Access,
    reason: str,
    former: LabelHolding | None,
    at: datetime | None,
    *,
    is_rollback: bool = False,
) -> LabelHolding:
    return LabelHolding.objects.create(
        collection=version.collection,
        version=version,
        label=rules.name,
        label_key=rules.name_key,
        is_exclusive=rules.is_exclusive,
        held_from=at or timezone.now(),
        given_by=access.user,
        reason=reason,
        former=former,
        is_rollback=is_rollback,
    )


def _last_closed(collection: Collection, rules: StatusLabel) -> LabelHolding | None:
    return (
        LabelHolding.objects.filter(collection=collection, label_key=rules.name_key)
        .order_by("-held_until", "-pk")
        .first()
        if rules.is_exclusive
        else None
    )


def _moved(collection: Collection, label: str, access: Access) -> LabelMoved:
    """What the loser of a race is told; a holder that is hidden from the caller is not named."""
    rules = label_rules(access.team, label)
    holding = current_holding(collection, rules, user=access.user)
    if holding is None and current_holding(collection, rules) is not None:
        return LabelMoved(f"{rules.name} was moved in the meantime. Look again before you decide.")
    if holding is None:
        return LabelMoved(f"Nobody holds {rules.name} any more. Look again before you decide.")
    by = f" by {holding.given_by}" if holding.given_by else ""
    return LabelMoved(
        f"{rules.name} was moved to v{holding.version.number}{by} in the meantime. "
        "Look again before you decide."
    )


def _record(
    kind: str,
    version: Version,
    rules: StatusLabel,
    access: Access,
    loser: Version | None,
    winner: Version | None,
    reason: str,
    at: datetime | None,
) -> None:
    collection = version.collection
    versions = {one.pk: one for one in (winner, loser) if one is not None}
    record(
        kind=kind,
        actor=access.actor,
        subjects=[
            collection_subject(collection),
            *(version_subject(one) for one in versions.values()),
        ],
        team_id=access.team.pk,
        project_id=collection.project_id,
        before={"label": rules.name, "version": loser.number if loser else None},
        after={"label": rules.name, "version": winner.number if winner else None},
        reason=reason,
        at=at,
    )
