"""Promotion: moving a status label to a version, taking it away, rolling back.

Every door comes through here: the button, the JSON API and the client protocols. A move closes the
open holding and opens the next in one transaction with its audit event; the database's constraint
on open holdings is what makes two holders of an exclusive label impossible, and the conditional
update of `close_holding` is what tells the slower of two people so.

MLflow's stages are holdings too (services.stages): any number of versions may be in one beside the
holder of that label. A promotion takes an exclusive label from all of them.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.artifacts.models import Collection, LabelHolding, Version
from apps.artifacts.services import lock_collection
from apps.core.errors import Conflict, NotFound
from apps.core.names import clean_text
from apps.projects.access import Access
from apps.registry.models import StatusLabel
from apps.registry.queries.labels import current_holding, label_rules
from apps.registry.services.holdings import (
    MAX_REASON,
    checked_rules,
    close_holding,
    last_closed,
    note_change,
    open_holding,
    open_holdings,
    record_move,
    standing_version,
)
from apps.registry.services.holdings import check_may_move as check_may_move
from apps.registry.services.stages import give_stages_back, leave_stage, stages_taken

# A label that anybody may hold at any time moves at once; losing a race this often means trouble.
TRIES = 5


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
    """Give a version a status label; an exclusive one leaves its holder, and every version that is
    in the stage of that name.

    With `expected`, raises LabelMoved unless that version holds the label still; without it the
    last of two callers wins. Giving a version what it alone has changes nothing. Raises Forbidden
    when the label is protected and the caller no curator, NotFound when the version is gone.
    """
    reason = clean_text(reason, field="reason", max_length=MAX_REASON)
    for attempt in range(1, TRIES + 1):
        try:
            with transaction.atomic():
                rules = checked_rules(label, access)
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
    keeps_stage: bool = False,
    at: datetime | None = None,
) -> None:
    """Take a label from a version, however it has it; with `keeps_stage` not if as its stage alone.

    Raises NotFound when the version does not hold it.
    """
    rules = checked_rules(label, access)
    reason = clean_text(reason, field="reason", max_length=MAX_REASON)
    now = at or timezone.now()
    collection = lock_collection(version.collection)
    held = LabelHolding.objects.filter(version=version, label_key=rules.name_key).standing()
    if keeps_stage:
        held = held.filter(is_stage=False)
    closed = [holding for holding in held if close_holding(holding, now)]
    if not closed:
        raise NotFound(f"v{version.number} does not hold {rules.name}.")
    is_stage = any(holding.is_stage for holding in closed)
    note_change(collection, [version], now)
    record_move(
        "label.removed",
        rules,
        access,
        loser=version,
        winner=None,
        reason=reason,
        at=at,
        is_stage=is_stage,
    )


def roll_back(
    *,
    collection: Collection,
    label: str,
    access: Access,
    reason: str = "",
    expected: Expected | None = None,
    at: datetime | None = None,
) -> LabelHolding:
    """Return an exclusive label to the version that held it before the present holder, as a label
    or as a stage, whichever it was. Stages that the promotion took come back with it.

    Rolling back twice goes back two steps. Raises NoFormerHolder, LabelMoved, Forbidden.
    """
    reason = clean_text(reason, field="reason", max_length=MAX_REASON)
    try:
        with transaction.atomic():
            rules = checked_rules(label, access)
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
    locked = standing_version(version, access)
    now = at or timezone.now()
    held = open_holdings(locked.collection, rules)
    own = next((one for one in held if one.version_id == locked.pk and not one.is_stage), None)
    losing = [one for one in held if one.version_id != locked.pk] if rules.is_exclusive else []
    if own is not None and not losing:
        return own
    lead = held[0] if held and rules.is_exclusive else None
    holder = lead.version.number if lead else None
    if expected is not None and rules.is_exclusive and holder != expected.holder:
        raise LabelMoved("moved")
    if not all(close_holding(one, now) for one in losing):
        raise LabelMoved("moved")
    note_change(locked.collection, [locked, *(one.version for one in losing)], now)
    loser = None
    if own is None:
        # Its own stage of that name, if it is in it, is no holder before it.
        former = losing[0] if losing else last_closed(locked.collection, rules)
        own = open_holding(locked, rules, access, at=now, reason=reason, former=former)
        loser = losing.pop(0).version if losing else None
        record_move("label.moved", rules, access, loser=loser, winner=locked, reason=reason, at=at)
    for one in losing:
        record_move(
            "label.removed",
            rules,
            access,
            loser=one.version,
            winner=None,
            reason=reason,
            at=at,
            is_stage=one.is_stage,
        )
    return own


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
    locked = standing_version(target.version, access)
    now = at or timezone.now()
    own = LabelHolding.objects.filter(version=current.version, label_key=rules.name_key)
    if current.pk not in [one.pk for one in own.standing() if close_holding(one, now)]:
        raise LabelMoved("moved")
    taken = [] if current.is_rollback else stages_taken(current, access)
    changed = [locked, current.version, *(one.version for one in taken)]
    note_change(locked.collection, changed, now)
    if target.is_stage:
        leave_stage(locked, access, reason, at=now)
    holding = open_holding(
        locked,
        rules,
        access,
        at=now,
        reason=reason,
        former=target.former,
        is_rollback=True,
        is_stage=target.is_stage,
    )
    record_move(
        "label.rolled_back",
        rules,
        access,
        loser=current.version,
        winner=locked,
        reason=reason,
        at=at,
        is_stage=target.is_stage,
    )
    give_stages_back(taken, current, access, reason, at=now)
    return holding


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
