"""The audit history as one reader may see it.

An event is shown only if the reader may see everything it names: one about a registry model can
name a version, an artifact or a golden set whose project is hidden from some of the team.
"""

from collections.abc import Sequence

from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.accounts.models import Team, User
from apps.artifacts.models import ArtifactVersion, Collection, Version
from apps.audit.actors import Subject
from apps.audit.models import Event, EventSubject
from apps.core.limits import PAGE_SIZE
from apps.core.paging import Key, Page, paginate
from apps.evaluations.models import GoldenSet
from apps.projects.models import Project
from apps.runs.models import Run

_NEWEST_FIRST = [Key("sequence", "integer", descending=True)]


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


def visible_events(events: QuerySet[Event], user: User) -> QuerySet[Event]:
    """Of these events, those that name only what the user may see."""
    # What is in the bin has a history still, for those who could see it before.
    projects = Project.with_deleted.visible_to(user).values("pk")
    known = {
        "project": projects,
        "run": Run.with_deleted.filter(project__in=projects).values("pk"),
        "artifact": ArtifactVersion.objects.filter(project__in=projects).values("pk"),
        "version": Version.objects.filter(artifact__project__in=projects).values("pk"),
        "collection": Collection.with_deleted.filter(
            Q(project=None, team__in=user.memberships.values("team")) | Q(project__in=projects)
        ).values("pk"),
        "golden_set": GoldenSet.objects.filter(
            Q(artifact=None) | Q(artifact__project__in=projects)
        ).values("pk"),
    }
    hidden = Q(pk__in=[])
    for kind, visible in known.items():
        hidden |= Q(kind=kind) & ~Q(object_id__in=visible)
    named = EventSubject.objects.filter(hidden, event=OuterRef("pk"))
    here = Q(project_id=None) | Q(project_id__in=projects)
    return events.filter(here, ~Q(Exists(named)))
