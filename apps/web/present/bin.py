"""The bin in words: what is in it, and what a deletion brings about."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts.models import Team
from apps.bin.choices import Effect, Kind
from apps.bin.queries.consequences import Consequence
from apps.bin.queries.items import BinItem
from apps.bin.services.restoring import RESTORING
from apps.core.numbers import format_count
from apps.core.times import ago
from apps.projects.access import Access, Action, roles_in
from apps.projects.models import Project
from apps.web.addresses import project_url, team_url
from apps.web.present.people import Moment, exact, moment, name_of

_HUES: Mapping[Kind, str] = {
    Kind.PROJECT: "violet",
    Kind.COLLECTION: "blue",
    Kind.VERSION: "teal",
    Kind.RUN: "slate",
}


@dataclass(frozen=True, slots=True)
class BinRow:
    """One thing in the bin, and what the reader may do with it."""

    kind: str
    hue: str
    name: str
    place: str
    place_url: str
    deleted: Moment | None
    by: str
    reason: str
    goes: Moment
    restore_url: str
    purge_url: str


@dataclass(frozen=True, slots=True)
class Told:
    """One consequence: what it is, and the first names of what it concerns."""

    text: str
    names: Sequence[str]
    more: int


def show_bin(items: Sequence[BinItem], access: Access) -> list[BinRow]:
    """The rows of a page of the bin; one query for the reader's roles, whatever their number."""
    places = {item.project.pk for item in items if item.project is not None}
    roles = roles_in(access.user, access.team, places) if access.user and places else {}
    return [
        _row(item, replace(access, role=roles.get(item.project.pk, access.role)))
        if item.project is not None
        else _row(item, access)
        for item in items
    ]


def kind_label(item: BinItem) -> str:
    """What it is, in the word of the page: a collection of models is a model."""
    if item.kind == Kind.COLLECTION and item.is_model:
        return _("model")
    return str(item.kind.label)


def bin_address(route: str, team: Team, project: Project | None, key: str) -> str:
    """Where a thing in the bin is restored or purged: below its project, where it is in one.

    The role that counts is the one there.
    """
    if project is None:
        return reverse(route, args=[team.name, key])
    return reverse(f"project_{route}", args=[team.name, project.name, key])


def show_consequences(consequences: Iterable[Consequence]) -> list[Told]:
    return [
        Told(_words(one), one.names, one.count - len(one.names) if one.names else 0)
        for one in consequences
    ]


def _row(item: BinItem, there: Access) -> BinRow:
    place = item.project
    is_closed = place is not None and place.archived_at is not None
    may_restore = there.allows(RESTORING[item.kind]) and not is_closed
    may_purge = there.allows(Action.ADMINISTER)
    return BinRow(
        kind=kind_label(item),
        hue=_HUES[item.kind],
        name=item.name,
        place=str(place) if place else (_("Registry") if item.kind != Kind.PROJECT else ""),
        place_url=project_url(item.team, place) if place else team_url(item.team),
        deleted=moment(item.deleted_at),
        by=name_of(item.deleted_by),
        reason=item.reason,
        goes=departure(item.goes_at),
        restore_url=bin_address("restore", item.team, place, item.key) if may_restore else "",
        purge_url=bin_address("purge", item.team, place, item.key) if may_purge else "",
    )


def departure(at: datetime) -> Moment:
    """When it goes; what is overdue goes as soon as somebody cleans up."""
    words = ago(at) if at > timezone.now() else _("with the next clean-up")
    return Moment(words, exact(at), at.astimezone(UTC).isoformat(timespec="seconds"))


def _words(one: Consequence) -> str:
    count = one.count
    match one.effect:
        case Effect.LABEL:
            text = ngettext(
                "%(count)s version holds a status label, which is taken away or hidden.",
                "%(count)s versions hold a status label, which is taken away or hidden.",
                count,
            )
        case Effect.REGISTRY:
            text = ngettext(
                "%(count)s version in the registry disappears from there.",
                "%(count)s versions in the registry disappear from there.",
                count,
            )
        case Effect.USED:
            text = ngettext(
                "%(count)s run used it, and will point at something in the bin.",
                "%(count)s runs used it, and will point at something in the bin.",
                count,
            )
        case Effect.GOLDEN_SET:
            text = ngettext(
                "%(count)s golden set is made of it; its data can no longer be opened.",
                "%(count)s golden sets are made of it; their data can no longer be opened.",
                count,
            )
        case Effect.SOURCE:
            text = ngettext(
                "%(count)s version in use was made by it; it stays, but no longer shows how.",
                "%(count)s versions in use were made by it; they stay, but no longer show how.",
                count,
            )
        case _:
            text = ngettext(
                "%(count)s run is going on; its client is told that it is gone.",
                "%(count)s runs are going on; their clients are told that they are gone.",
                count,
            )
    return text % {"count": format_count(count)}
