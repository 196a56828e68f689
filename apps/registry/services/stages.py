"""Stages: MLflow's way to hold the labels staging, production and archived.

A stage is a holding like any other, but never exclusive: any number of versions may be in one,
beside the holder of that label. A version is in one stage at most. Who may move the label may move
versions into its stage and out of it, and it is told as the same event.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import Team
from apps.artifacts.models import LabelHolding, Version
from apps.core.errors import Invalid
from apps.core.names import clean_text, name_key
from apps.projects.access import Access
from apps.projects.models import Project
from apps.registry.models import StatusLabel
from apps.registry.queries.labels import label_rules
from apps.registry.services.holdings import (
    MAX_REASON,
    close_holding,
    last_closed,
    note_change,
    open_holding,
    open_holdings,
    record_move,
    require_move,
    standing_version,
)

ARCHIVED = "archived"
STAGES = ("staging", "production", ARCHIVED)


@transaction.atomic
def move_to_stage(
    *,
    version: Version,
    stage: str | None,
    access: Access,
    archive_others: bool = False,
    reason: str = "",
    at: datetime | None = None,
) -> LabelHolding | None:
    """Move a version into a stage and out of the one that it was in; with None only out of it.

    With `archive_others` whatever else is in that stage goes to the stage archived. Being there
    already changes nothing for the version. Raises Invalid for a word that is no stage, Forbidden
    when a label that would move is protected and the caller no curator, NotFound when the version
    is gone.
    """
    if stage is not None and stage not in STAGES:
        raise Invalid(f"{stage!r} is no stage; those are {', '.join(STAGES)}.", field="stage")
    reason = clean_text(reason, field="reason", max_length=MAX_REASON)
    rules = _locked_rules(access.team)
    locked = standing_version(version, access)
    now = at or timezone.now()
    if stage is None:
        if _stage_of(locked) is not None:
            note_change(locked.collection, [locked], now)
            leave_stage(locked, access, reason, at=now)
        return None
    entered = rules[stage]
    require_move(entered, access)
    held = [one for one in open_holdings(locked.collection, entered) if one.is_stage]
    own = next((one for one in held if one.version_id == locked.pk), None)
    others = [one for one in held if one is not own] if archive_others else []
    if own is not None and not others:
        return own
    note_change(locked.collection, [locked, *(one.version for one in others)], now)
    losing = _archive(others, rules[ARCHIVED], access, reason, now) if others else []
    if own is None:
        leave_stage(locked, access, reason, at=now)
        former = _former(locked, entered, others)
        own = open_holding(
            locked, entered, access, at=now, reason=reason, former=former, is_stage=True
        )
        loser = losing.pop(0) if losing else None
        _record("label.moved", entered, access, loser, locked, reason, now)
    for loser in losing:
        _record("label.removed", entered, access, loser, None, reason, now)
    return own


def leave_stage(version: Version, access: Access, reason: str, *, at: datetime) -> None:
    """Take a locked version out of the stage that it is in, if any. Raises Forbidden."""
    held = _stage_of(version)
    if held is None:
        return
    rules = label_rules(access.team, held.label)
    require_move(rules, access)
    if close_holding(held, at):
        _record("label.removed", rules, access, version, None, reason, at)


def stages_taken(by: LabelHolding, access: Access) -> list[LabelHolding]:
    """The stages that a promotion took versions out of, as far as the caller may see these. `by` is
    the holding that it opened."""
    taken = LabelHolding.objects.filter(
        collection=by.collection_id,
        label_key=by.label_key,
        held_until=by.held_from,
        is_stage=True,
        version__deleted_at=None,
    ).exclude(version=by.version)
    if access.user is not None:
        visible = Project.objects.visible_to(access.user).values("pk")
        taken = taken.filter(version__artifact__project__in=visible)
    return list(taken.select_related("version__collection").order_by("pk"))


def give_stages_back(
    taken: Sequence[LabelHolding],
    by: LabelHolding,
    access: Access,
    reason: str,
    *,
    at: datetime,
) -> None:
    """Put versions back into the stage that was taken from them, unless they have come into one by
    themselves since then."""
    for held in taken:
        now_in = _stage_of(held.version)
        if now_in is not None and now_in.held_from != by.held_from:
            continue
        leave_stage(held.version, access, reason, at=at)
        rules = label_rules(access.team, held.label)
        open_holding(
            held.version,
            rules,
            access,
            at=at,
            reason=reason,
            former=held.former,
            is_rollback=True,
            is_stage=True,
        )
        _record("label.moved", rules, access, None, held.version, reason, at)


def _stage_of(version: Version) -> LabelHolding | None:
    """The stage that a version is in now."""
    found: LabelHolding | None = version.holdings.standing().filter(is_stage=True).first()
    return found


def _locked_rules(team: Team) -> dict[str, StatusLabel]:
    """The rules of the labels that stages are, which stay until the move is made."""
    known = StatusLabel.objects.select_for_update().filter(
        team=team, name_key__in=[name_key(stage) for stage in STAGES]
    )
    rules = {label.name_key: label for label in known.order_by("pk")}
    return {stage: rules.get(name_key(stage)) or label_rules(team, stage) for stage in STAGES}


def _archive(
    others: Sequence[LabelHolding],
    archived: StatusLabel,
    access: Access,
    reason: str,
    at: datetime,
) -> list[Version]:
    """Move these versions from their stage to archived; who they are."""
    require_move(archived, access)
    for held in others:
        close_holding(held, at)
        open_holding(held.version, archived, access, at=at, reason=reason, is_stage=True)
        _record("label.moved", archived, access, None, held.version, reason, at)
    return [held.version for held in others]


def _former(
    version: Version, rules: StatusLabel, others: Sequence[LabelHolding]
) -> LabelHolding | None:
    """What a roll-back of this stage returns to: what gave way to it, else who had it last. Beside
    holders who keep it there is nothing to return to."""
    if others:
        return others[0]
    held = [one for one in open_holdings(version.collection, rules) if one.version_id != version.pk]
    return None if held else last_closed(version.collection, rules)


def _record(
    kind: str,
    rules: StatusLabel,
    access: Access,
    loser: Version | None,
    winner: Version | None,
    reason: str,
    at: datetime,
) -> None:
    record_move(
        kind, rules, access, loser=loser, winner=winner, reason=reason, at=at, is_stage=True
    )
