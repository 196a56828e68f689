"""Changing the vocabulary of status labels."""

from django.db import IntegrityError, transaction
from django.db.models import Count

from apps.accounts.models import Team
from apps.artifacts.models import LabelHolding
from apps.audit.actors import Subject
from apps.audit.services import record
from apps.core.errors import Conflict
from apps.core.names import clean_name, name_key
from apps.projects.access import Access, Action
from apps.registry.choices import Colour
from apps.registry.models import StatusLabel

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
        label.position = StatusLabel.objects.filter(team=team).count()
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


def _apply_exclusivity(label: StatusLabel) -> None:
    """Open holdings carry the rule, since the database's constraint reads it there."""
    open_holdings = LabelHolding.objects.filter(
        collection__team=label.team, label_key=label.name_key, held_until=None
    )
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
