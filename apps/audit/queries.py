"""Reading the history: of one thing, of a team, and onward from a place.

The caller has checked that the reader may see the thing, team or project asked for.
"""

from collections.abc import Sequence

from django.db.models import F, QuerySet

from apps.audit.models import Event
from apps.core.limits import PAGE_SIZE
from apps.core.paging import Key, Page, paginate


def events_for(
    kind: str,
    object_id: int,
    *,
    event_kinds: Sequence[str] = (),
    cursor: str | None = None,
    size: int = PAGE_SIZE,
) -> Page[Event]:
    """The history of one thing, newest first; two queries, subjects included."""
    # In the order of the index on subjects, so that a page of a long history needs no sort. The
    # ids rise with the sequence, because both are given out while the head is locked.
    events = Event.objects.filter(subjects__kind=kind, subjects__object_id=object_id).annotate(
        place=F("subjects__event_id")
    )
    keys = [Key("place", "integer", descending=True)]
    return _page(events, keys, event_kinds, cursor, size, scope=f"{kind} {object_id}")


def events_of_team(
    team_id: int,
    *,
    project_id: int | None = None,
    event_kinds: Sequence[str] = (),
    cursor: str | None = None,
    size: int = PAGE_SIZE,
) -> Page[Event]:
    """The history of a team, or of one of its projects, newest first."""
    events = Event.objects.filter(team_id=team_id)
    if project_id is not None:
        events = events.filter(project_id=project_id)
    keys = [Key("sequence", "integer", descending=True)]
    return _page(events, keys, event_kinds, cursor, size, scope=f"team {team_id} {project_id}")


def latest_event(kind: str, object_id: int, *event_kinds: str) -> Event | None:
    """The newest event about a thing: who did the last thing of these kinds to it, and why."""
    events = Event.objects.filter(subjects__kind=kind, subjects__object_id=object_id)
    if event_kinds:
        events = events.filter(kind__in=event_kinds)
    return events.order_by(F("subjects__event_id").desc()).first()


def events_after(sequence: int, *, limit: int = 100) -> list[Event]:
    """The events after a place in the chain, oldest first: how a worker reads on.

    Complete up to the last one returned: events get their numbers in the order of their commits.
    """
    events = Event.objects.filter(sequence__gt=sequence).order_by("sequence")
    return list(events.prefetch_related("subjects")[:limit])


def _page(
    events: QuerySet[Event],
    keys: Sequence[Key],
    event_kinds: Sequence[str],
    cursor: str | None,
    size: int,
    scope: str,
) -> Page[Event]:
    if event_kinds:
        events = events.filter(kind__in=event_kinds)
    return paginate(
        events.prefetch_related("subjects"),
        keys,
        cursor=cursor,
        size=size,
        scope=" ".join([scope, *event_kinds]),
    )
