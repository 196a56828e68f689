"""Changing the vocabulary of status labels."""

from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.db.models import Count, Max

from apps.accounts.models import Team
from apps.audit.actors import Subject
from apps.audit.services import record
from apps.core.errors import Conflict, NotFound
from apps.core.names import clean_name, name_key
from apps.projects.access import Access, Action
from apps.registry.choices import Colour
from apps.registry.models import StatusLabel
from apps.registry.queries.labels import holders_of

# What every team starts with. The first is the baseline that others are compared with.
DEFAULTS = (
    ("production", Colour.GREEN, True, True),
    ("staging", Colour.AMBER, True, False),
    ("archived", Colour.SLATE, False, False),
)


def add_default_labels(*, team: Team) -> None:
    """The labels of a new team; part of its creation, and of the event of that."""
    StatusLabel.objects.bulk_create(
        StatusLabel(
            team=team,
            name=name,
            name_key=name_key(name),
            colour=colour,
            position=position,
            is_exclusive=is_exclusive,
            is_protected=is_protected,
        )
        for position, (name, colour, is_exclusive, is_protected) in enumerate(DEFAULTS)
    )


class LabelInUse(Conflict):
    """A version holds the label, so it cannot be deleted."""


@transaction.atomic
def save_label(
    *,
    name: str,
    access: Access,
    colour: Colour | None = None,
    position: int | None = None,
    is_exclusive: bool | None = None,
    is_protected: bool | None = None,
) -> StatusLabel:
    """Add a label to the vocabulary, or change the one of that name; what is None stays.

    Raises Conflict when a label that several versions hold is to become exclusive.
    """
    access.require(Action.CURATE)
    name = clean_name(name, field="name", max_length=64, what="label", spaces=False)
    team = access.team
    key = name_key(name)
    label = StatusLabel.objects.select_for_update().filter(team=team, name_key=key).first()
    before = _rules(label) if label else None
    if label is None:
        label = StatusLabel(team=team, name=name, name_key=key)
        last = StatusLabel.objects.filter(team=team).aggregate(last=Max("position"))["last"]
        label.position = 0 if last is None else last + 1
    if colour is not None:
        label.colour = colour
    if is_exclusive is not None:
        label.is_exclusive = is_exclusive
    if is_protected is not None:
        label.is_protected = is_protected
    if position is not None:
        label.position = position
    try:
        with transaction.atomic():
            label.save()
            _apply_exclusivity(label)
    except IntegrityError as error:
        raise Conflict(
            f"{name} has several holders in one model; leave it to one first."
        ) from error
    record(
        kind="label.defined",
        actor=access.actor,
        subjects=[Subject("label", label.pk, label.name)],
        team_id=team.pk,
        before=before,
        after=_rules(label),
    )
    return label


@transaction.atomic
def order_labels(*, names: Sequence[str], access: Access) -> None:
    """Put the labels into this order; `names` lists them all. The first exclusive one is the
    baseline that others are compared with."""
    access.require(Action.CURATE)
    labels = list(
        StatusLabel.objects.select_for_update()
        .filter(team=access.team)
        .order_by("position", "name_key")
    )
    wanted = [name_key(name) for name in names]
    if sorted(wanted) != sorted(label.name_key for label in labels):
        raise Conflict("The labels have changed in the meantime; look again.")
    before = [label.name for label in labels]
    ordered = sorted(labels, key=lambda label: wanted.index(label.name_key))
    after = [label.name for label in ordered]
    if after == before:
        return
    for position, label in enumerate(ordered):
        label.position = position
    StatusLabel.objects.bulk_update(ordered, ["position"])
    record(
        kind="labels.ordered",
        actor=access.actor,
        subjects=[Subject("label", label.pk, label.name) for label in ordered],
        team_id=access.team.pk,
        before={"labels": before},
        after={"labels": after},
    )


@transaction.atomic
def delete_label(*, name: str, access: Access) -> None:
    """Take a label out of the vocabulary. What it did stays in the history.

    Raises LabelInUse while a version holds it, NotFound when there is none.
    """
    access.require(Action.CURATE)
    label = (
        StatusLabel.objects.select_for_update()
        .filter(team=access.team, name_key=name_key(name))
        .first()
    )
    if label is None:
        raise NotFound(f"There is no label {name!r} in the team {access.team.name}.")
    held = holders_of(label).once().count()
    if held:
        raise LabelInUse(f"{label.name} is held by {held} versions. Take it from them first.")
    subject, rules = Subject("label", label.pk, label.name), _rules(label)
    label.delete()
    record(
        kind="label.deleted",
        actor=access.actor,
        subjects=[subject],
        team_id=access.team.pk,
        before=rules,
    )


def _apply_exclusivity(label: StatusLabel) -> None:
    """Open holdings carry the rule, since the database's constraint reads it there."""
    open_holdings = holders_of(label).filter(is_stage=False)
    if label.is_exclusive:
        crowded = open_holdings.values("collection").annotate(held=Count("pk")).filter(held__gt=1)
        if crowded.exists():
            raise Conflict(f"{label.name} has several holders in one model; leave it to one first.")
    open_holdings.update(is_exclusive=label.is_exclusive)


def _rules(label: StatusLabel) -> dict[str, object]:
    return {
        "name": label.name,
        "colour": str(label.colour),
        "position": label.position,
        "is_exclusive": label.is_exclusive,
        "is_protected": label.is_protected,
    }
