"""The audit history: every change, by whom and why. Nothing here can be changed."""

from typing import Any

from django.contrib.admin import display, register
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.accounts.choices import Role
from apps.accounts.models import Team, User
from apps.admin.cells import json_text, moment
from apps.admin.desk import Desk
from apps.admin.filters import Filter
from apps.admin.places import person, projects_where, teams_where
from apps.admin.site import site
from apps.audit.models import Event, EventSubject
from apps.core.errors import NotFound
from apps.projects.models import Project
from apps.registry.queries.history import visible_events

AT = moment("at", _("when"))


class EventTeamFilter(Filter):
    """By team. Events hold its number, and no key to its row."""

    title = _("team")
    parameter_name = "team"

    def lookups(self, request: HttpRequest, desk: Any) -> list[tuple[str, str]]:
        found = Team.objects.filter(pk__in=teams_where(person(request), desk.role))
        names = [(str(team.pk), team.name) for team in found.order_by("name_key")]
        return names if len(names) > 1 else []

    def narrow(self, queryset: QuerySet[Event], value: str) -> QuerySet[Event]:
        return queryset.filter(team_id=int(value))


class KindFilter(Filter):
    """By what kind of thing was changed: the first half of the event's kind."""

    title = _("about")
    parameter_name = "about"
    NOUNS = (
        ("artifact", _("artifact versions")),
        ("collection", _("collections")),
        ("columns", _("columns")),
        ("golden_set", _("golden sets")),
        ("label", _("labels")),
        ("member", _("members")),
        ("metric", _("metrics")),
        ("project", _("projects")),
        ("results", _("results")),
        ("run", _("runs")),
        ("team", _("teams")),
        ("user", _("people")),
        ("version", _("versions")),
    )

    def lookups(self, request: HttpRequest, desk: Any) -> list[tuple[str, str]]:
        return [(noun, str(words)) for noun, words in self.NOUNS]

    def narrow(self, queryset: QuerySet[Event], value: str) -> QuerySet[Event]:
        return queryset.filter(kind__startswith=f"{value}.")


@register(Event, site=site)
class EventDesk(Desk):
    section = _("People and history")
    heading = _("Audit history")
    about = _("Every change: who, what, why, when. Read only, and chained so that it stays so.")
    has_history = False
    fields = (
        "sequence",
        AT,
        "kind",
        "actor_name",
        "about_what",
        "reason",
        "facts",
        "request_id",
        "hash",
    )
    readonly_fields = ("about_what", "facts", AT)
    list_display = (AT, "kind", "actor_name", "about_what", "reason")
    list_filter = (EventTeamFilter, KindFilter)
    search_fields = ("actor_name", "kind", "reason")
    ordering = ("-sequence",)

    def rows(self, user: User, role: Role) -> QuerySet[Event]:
        """Events of a team as a whole need the role in the team, those of a project in that."""
        here = Event.objects.filter(project_id=None, team_id__in=teams_where(user, role))
        there = Event.objects.filter(project_id__in=projects_where(user, role))
        return visible_events(here | there, user)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        return super().get_queryset(request).prefetch_related("subjects")

    def place_of(self, row: Event) -> tuple[Team, Project | None]:
        team = Team.objects.filter(pk=row.team_id).first() if row.team_id else None
        if team is None:
            raise NotFound("There is no such team.")
        project = Project.objects.filter(pk=row.project_id).first() if row.project_id else None
        return team, project

    @display(description=_("details"))
    def facts(self, row: Event) -> str:
        return json_text(row.payload)

    @display(description=_("about"))
    def about_what(self, row: Event) -> str:
        return ", ".join(f"{one.kind} {_short(one)}" for one in row.subjects.all())


def _short(subject: EventSubject) -> str:
    """An artifact is named by its digest, of which eight letters are enough to know it by."""
    return subject.name[:8] if subject.kind == "artifact" else subject.name
