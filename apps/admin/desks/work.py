"""Projects and runs."""

from typing import Any

from django.contrib import messages
from django.contrib.admin import action, display, register
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.accounts.choices import Role
from apps.accounts.models import Team, User
from apps.admin.asking import chosen
from apps.admin.cells import moment
from apps.admin.deleting import ask_deletion
from apps.admin.desk import Desk, DeskForm
from apps.admin.filters import ProjectFilter, TeamFilter, choice_filter, set_filter
from apps.admin.links import place_words, project_page, run_page
from apps.admin.places import access_in, projects_where
from apps.admin.site import site
from apps.bin.queries.consequences import consequences_of_project, consequences_of_run
from apps.bin.services.deletion import delete_project, delete_run
from apps.projects.access import Access, Action
from apps.projects.choices import Visibility
from apps.projects.models import Project
from apps.projects.services import set_archived, update_project
from apps.runs.choices import RunState
from apps.runs.models import Run
from apps.runs.services import update_run

SECTION = _("Work")
CREATED = moment("created_at", _("made"))
ARCHIVED = moment("archived_at", _("archived"))
STARTED = moment("started_at", _("started"))
ENDED = moment("ended_at", _("ended"))


class ProjectForm(DeskForm):
    class Meta:
        model = Project
        fields = ("title", "description", "visibility")
        labels = {
            "title": _("Title"),
            "description": _("Description"),
            "visibility": _("Visible to"),
        }
        help_texts = {"visibility": _("Only admins change it. Private: people named for it.")}


@register(Project, site=site)
class ProjectDesk(Desk):
    section = SECTION
    heading = _("Projects")
    about = _("Titles and descriptions; for admins, who may see them, and archiving.")
    change = Action.LOG
    subject = "project"
    form = ProjectForm
    fields = ("team", "name", "title", "description", "visibility", ARCHIVED)
    list_display = (
        "name",
        "team",
        "title",
        "visibility",
        "created_by",
        CREATED,
        ARCHIVED,
    )
    list_filter = (
        TeamFilter,
        choice_filter("visibility", _("visible to"), Visibility.choices),
        set_filter("archived_at", _("archived"), yes=_("archived"), no=_("open"), negate=True),
    )
    list_select_related = ("team", "created_by")
    search_fields = ("name", "title", "description")
    ordering = ("team__name_key", "name_key")
    actions = ("archive", "reopen", "remove")

    def rows(self, user: User, role: Role) -> QuerySet[Project]:
        return Project.objects.filter(pk__in=projects_where(user, role))

    def place_of(self, row: Project) -> tuple[Team, Project]:
        return row.team, row

    def page_of(self, row: Project) -> str:
        return project_page(row.team, row)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        fixed = ("team", "name", ARCHIVED)
        may = self.may(request, obj, Action.ADMINISTER)
        return fixed if may else (*fixed, "visibility")

    def save(self, row: Project, form: DeskForm, access: Access, *, is_new: bool) -> Project:
        wanted = form.changed()
        visibility = wanted.get("visibility")
        return update_project(
            access=access,
            title=wanted.get("title"),
            description=wanted.get("description"),
            visibility=Visibility(visibility) if visibility else None,
        )

    @action(description=_("Archive: read only from now on"), permissions=["administer"])
    def archive(self, request: HttpRequest, queryset: QuerySet[Project]) -> None:
        self._set_archived(request, queryset, archived=True)

    @action(description=_("Open again for writing"), permissions=["administer"])
    def reopen(self, request: HttpRequest, queryset: QuerySet[Project]) -> None:
        self._set_archived(request, queryset, archived=False)

    @action(description=_("Delete…"), permissions=["administer"])
    def remove(self, request: HttpRequest, queryset: QuerySet[Project]) -> HttpResponse | None:
        return ask_deletion(
            self,
            request,
            chosen(queryset),
            consequences=consequences_of_project,
            delete=lambda row, **said: delete_project(**said),
        )

    def _set_archived(
        self, request: HttpRequest, queryset: QuerySet[Project], *, archived: bool
    ) -> None:
        rows = chosen(queryset)
        with transaction.atomic():
            for row in rows:
                set_archived(archived=archived, access=access_in(request, row.team, row))
        words = ngettext("%(count)d project changed.", "%(count)d projects changed.", len(rows))
        self.message_user(request, words % {"count": len(rows)}, messages.SUCCESS)


class RunForm(DeskForm):
    class Meta:
        model = Run
        fields = ("name", "notes")
        labels = {"name": _("Name"), "notes": _("Notes")}


@register(Run, site=site)
class RunDesk(Desk):
    section = SECTION
    heading = _("Runs")
    about = _("What was executed: names and notes.")
    change = Action.LOG
    team_path = "project__team"
    project_path = "project"
    subject = "run"
    form = RunForm
    fields = (
        "key",
        "project",
        "name",
        "notes",
        "state",
        "group",
        "job_type",
        "program",
        "code_commit",
        "host",
        "created_by",
        STARTED,
        ENDED,
    )
    list_display = (
        "name",
        "place",
        "shown",
        "group",
        "job_type",
        "created_by",
        STARTED,
        ENDED,
    )
    list_filter = (
        TeamFilter,
        ProjectFilter,
        choice_filter("shown_state", _("state"), RunState.choices),
    )
    list_select_related = ("project__team", "created_by")
    search_fields = ("name", "key", "group", "job_type")
    ordering = ("-started_at", "-pk")
    actions = ("remove",)

    def rows(self, user: User, role: Role) -> QuerySet[Run]:
        return Run.objects.filter(project__in=projects_where(user, role)).with_shown_state()

    def place_of(self, row: Run) -> tuple[Team, Project]:
        return row.project.team, row.project

    def page_of(self, row: Run) -> str:
        return run_page(row)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        return tuple(name for name in self.fields if name not in ("name", "notes"))

    @display(description=_("project"), ordering="project__name_key")
    def place(self, row: Run) -> str:
        return place_words(row.project.team, row.project)

    @display(description=_("state"), ordering="shown_state")
    def shown(self, row: Run) -> str:
        return str(RunState(row.shown_state).label)  # type: ignore[attr-defined]

    def save(self, row: Run, form: DeskForm, access: Access, *, is_new: bool) -> Run:
        wanted = form.changed()
        return update_run(
            run=row, access=access, name=wanted.get("name"), notes=wanted.get("notes")
        )

    @action(description=_("Delete…"))
    def remove(self, request: HttpRequest, queryset: QuerySet[Run]) -> HttpResponse | None:
        return ask_deletion(
            self,
            request,
            chosen(queryset),
            consequences=consequences_of_run,
            delete=lambda row, **said: delete_run(run=row, **said),
        )
