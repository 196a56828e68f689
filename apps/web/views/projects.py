"""Projects: all that one may see, and one with its models and runs."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.artifacts.queries import collections_of
from apps.core.numbers import format_count
from apps.core.paging import Key, paginate
from apps.core.tables import TableQuery
from apps.core.times import ago
from apps.projects.access import Access, Action, requires
from apps.projects.models import Project
from apps.projects.queries import visible_projects
from apps.registry.queries.overview import idleness
from apps.runs.columns import RunKeys
from apps.runs.models import Run
from apps.runs.queries import run_counts
from apps.runs.table import runs_table, usual_columns
from apps.web.addresses import project_url, runs_url, team_url
from apps.web.htmx import answer, asks_for
from apps.web.listing import Listing
from apps.web.overview import model_rows
from apps.web.pager import pager
from apps.web.present.first_lines import client_lines
from apps.web.present.notes import notes_of_project
from apps.web.present.places import project_tabs
from apps.web.present.run_family import alerts_in
from apps.web.present.runs_table import RunsPlace, definitions_of, show_newest
from apps.web.tables import TableView
from apps.web.views.account import person

NEWEST_RUNS = 8
SHOWN_MODELS = 50
BY_NAME = (Key("team__name_key", "text"), Key("name_key", "text"), Key("pk", "integer"))


@requires(Action.SIGNED_IN)
@require_safe
def all_projects(request: HttpRequest) -> HttpResponse:
    """Every project that the reader may see, with how much is in it."""
    user = person(request)
    cursor = request.GET.get("cursor", "")
    page = paginate(visible_projects(user), BY_NAME, cursor=cursor, size=50)
    counts = run_counts(page.rows)
    rows = [
        {
            "name": str(project),
            "url": project_url(project.team, project),
            "team": project.team.name,
            "description": project.description,
            "is_private": project.visibility == "private",
            "is_archived": project.archived_at is not None,
            "runs": format_count(counts[project.pk].count),
            "last": ago(counts[project.pk].last_started_at),
        }
        for project in page.rows
    ]
    context = {
        "page": page.with_rows(rows),
        "foot": pager(request, page, target="projects"),
        "lines": [] if page.rows else client_lines(user),
    }
    return answer(request, "projects/list.html", context, fragment="projects")


@requires(Action.READ)
@require_safe
def project(request: HttpRequest, team: str, project: str) -> HttpResponse:
    """One project: its notes, its models, its newest runs, and what is known of it."""
    access: Access = request.access  # type: ignore[attr-defined]
    user = person(request)
    place = access.project
    assert place is not None  # noqa: S101 (the address names one)
    models = collections_of(access.team, user).filter(project=place)
    models = models.order_by(idleness(user), "name_key")[: SHOWN_MODELS + 1]
    newest = _newest(access)
    if asks_for(request, newest.rows_id):
        if newest.refresh and request.GET.get("seen") == newest.refresh.seen:
            return HttpResponse(status=204)  # nothing new
        return render(request, "components/table_rows.html", {"table": newest})
    context = {
        "team": access.team,
        "project": place,
        "notes": notes_of_project(place, access),
        "crumbs": [{"label": access.team.title or access.team.name, "url": team_url(access.team)}],
        "tabs": project_tabs(access, "project"),
        "models": model_rows(list(models)[:SHOWN_MODELS], user),
        "more_models": len(models) > SHOWN_MODELS,
        "newest": newest,
        "runs_url": runs_url(access.team, place),
        "runs_count": newest.span.total,
        "total": format_count(newest.span.total),
        "live": Run.objects.filter(project=place).live().count(),
        "created": ago(place.created_at),
        "role": access.role.label,
        "may_delete": access.allows(Action.ADMINISTER),
        "lines": client_lines(user, place=place) if newest.is_empty else [],
        "alerts": alerts_in(Project.objects.filter(pk=place.pk)),
    }
    return render(request, "projects/project.html", context)


def _newest(access: Access) -> TableView:
    """The newest runs, as the table of all runs shows them."""
    now = timezone.now()
    place = RunsPlace(access.team, access.here, Listing(TableQuery()), RunKeys((), (), ()))
    columns = usual_columns(place.project)
    query = TableQuery(size=NEWEST_RUNS)
    table = runs_table(place.project, query, columns=columns, keys=place.keys, at=now)
    definitions = definitions_of(access.team, columns)
    path = project_url(access.team, place.project)
    return show_newest(place, table, definitions, now, path=path)
