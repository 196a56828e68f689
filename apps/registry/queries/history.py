"""The audit history as one reader may see it.

An event is shown only if the reader may see everything it names: one about a registry model can
name a version, an artifact or a golden set whose project is hidden from some of the team.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.accounts.choices import Role
from apps.accounts.models import Membership, Team, User
from apps.artifacts.models import ArtifactVersion, Collection, Version
from apps.audit.actors import Subject
from apps.audit.models import Event, EventSubject
from apps.core.limits import MAX_PAGE_SIZE, PAGE_SIZE
from apps.core.paging import Key, Page, paginate
from apps.core.text import csv_lines
from apps.core.times import to_text
from apps.evaluations.models import GoldenSet
from apps.evaluations.queries import known_golden_sets, visible_metrics
from apps.projects.models import Project
from apps.registry.queries.columns import visible_columns
from apps.runs.models import Run

_NEWEST_FIRST = [Key("sequence", "integer", descending=True)]


@dataclass(frozen=True)
class Activity:
    """Which events of a team are wanted; what is left empty does not narrow.

    `nouns` are the first words of kinds: "run" for run.started and run.finished. Events of a model
    are those that name it or an artifact that stands in it.
    """

    project: Project | None = None
    model: Collection | None = None
    actor: str = ""
    nouns: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None

    @property
    def scope(self) -> str:
        place = (self.project and self.project.pk, self.model and self.model.pk)
        return f"{place} {self.actor!r} {self.nouns} {self.since} {self.until}"


def history(
    team: Team,
    user: User | None,
    *,
    project: Project | None = None,
    subject: Subject | None = None,
    kinds: Sequence[str] = (),
    cursor: str | None = None,
    size: int = PAGE_SIZE,
) -> Page[Event]:
    """Events of a team, newest first, as far as the user may see them (None: all).

    Narrowed to a project, to a thing, to kinds of events. Two queries, subjects included.
    """
    events = Event.objects.filter(team_id=team.pk)
    if project is not None:
        events = events.filter(project_id=project.pk)
    if subject is not None:
        events = events.filter(subjects__kind=subject.kind, subjects__object_id=subject.object_id)
    if kinds:
        events = events.filter(kind__in=kinds)
    if user is not None:
        events = visible_events(events, user)
    about = (subject.kind, subject.object_id) if subject else None
    return paginate(
        events.prefetch_related("subjects"),
        _NEWEST_FIRST,
        cursor=cursor,
        size=size,
        scope=f"history {team.pk} {project and project.pk} {about} {sorted(kinds)}",
    )


def activity(
    team: Team, user: User | None, wanted: Activity, *, cursor: str | None, size: int = PAGE_SIZE
) -> Page[Event]:
    """What happened in a team, newest first, as far as the user may see it (None: all).

    Two queries, subjects included, for any number of events.
    """
    return paginate(
        _narrowed(team, user, wanted).prefetch_related("subjects"),
        _NEWEST_FIRST,
        cursor=cursor,
        size=size,
        scope=f"activity {team.pk} {wanted.scope}",
    )


def activity_lines(team: Team, user: User | None, wanted: Activity) -> Iterator[str]:
    """The same as CSV, head first, read page by page."""
    return csv_lines(_activity_rows(team, user, wanted))


def _activity_rows(team: Team, user: User | None, wanted: Activity) -> Iterator[list[object]]:
    yield ["sequence", "at", "kind", "by", "about", "before", "after", "reason", "request"]
    cursor: str | None = ""
    while cursor is not None:
        page = activity(team, user, wanted, cursor=cursor, size=MAX_PAGE_SIZE)
        for event in page.rows:
            payload = json.loads(event.payload)
            yield [
                event.sequence,
                to_text(event.at),
                event.kind,
                event.actor_name,
                ", ".join(subject.name for subject in event.subjects.all()),
                _json(payload["before"]),
                _json(payload["after"]),
                event.reason,
                event.request_id,
            ]
        cursor = page.next


def _json(value: object) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _narrowed(team: Team, user: User | None, wanted: Activity) -> QuerySet[Event]:
    events = Event.objects.filter(team_id=team.pk)
    if wanted.project is not None:
        events = events.filter(project_id=wanted.project.pk)
    if wanted.model is not None:
        events = events.filter(Exists(_naming(wanted.model)))
    if wanted.actor:
        events = events.filter(actor_name=wanted.actor)
    if wanted.nouns:
        kinds = Q()
        for noun in wanted.nouns:
            kinds |= Q(kind__startswith=f"{noun}.")
        events = events.filter(kinds)
    if wanted.since is not None:
        events = events.filter(at__gte=wanted.since)
    if wanted.until is not None:
        events = events.filter(at__lt=wanted.until)
    return events if user is None else visible_events(events, user)


def _naming(model: Collection) -> QuerySet[EventSubject]:
    """That an event names a model, or an artifact that stands or stood in it."""
    artifacts = Version.objects.filter(collection=model).values("artifact")
    return EventSubject.objects.filter(
        Q(kind="collection", object_id=model.pk) | Q(kind="artifact", object_id__in=artifacts),
        event=OuterRef("pk"),
    )


def visible_events(events: QuerySet[Event], user: User) -> QuerySet[Event]:
    """Of these events, those that name only what the user may see. A team's admins see all of its
    events: of a thing that was purged nobody can say any more who else might have seen it."""
    is_admin = Membership.objects.filter(user=user, team=OuterRef("team_id"), role=Role.ADMIN)
    # What is in the bin has a history still, for those who could see it before.
    seen = Project.with_deleted.visible_to(user)
    projects = seen.values("pk")
    known = {
        "project": projects,
        "run": Run.with_deleted.filter(project__in=projects).values("pk"),
        "artifact": ArtifactVersion.objects.filter(project__in=projects).values("pk"),
        "version": Version.objects.filter(artifact__project__in=projects).values("pk"),
        "collection": Collection.with_deleted.filter(
            Q(project=None, team__in=user.memberships.values("team")) | Q(project__in=projects)
        ).values("pk"),
        "golden_set": GoldenSet.objects.filter(known_golden_sets(seen)).values("pk"),
        "column": visible_columns(user).values("pk"),
        "metric": visible_metrics(user).values("pk"),
    }
    hidden = Q(pk__in=[])
    for kind, visible in known.items():
        hidden |= Q(kind=kind) & ~Q(object_id__in=visible)
    named = EventSubject.objects.filter(hidden, event=OuterRef("pk"))
    here = Q(project_id=None) | Q(project_id__in=projects)
    return events.filter(Q(Exists(is_admin)) | here & ~Q(Exists(named)))
