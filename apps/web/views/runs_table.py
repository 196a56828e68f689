"""All runs of a project: as a table, in groups, and as CSV."""

from dataclasses import replace

from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.core.errors import Invalid
from apps.core.tables import TableQuery
from apps.projects.access import Access, Action, requires
from apps.runs.columns import RunColumn, keys_of
from apps.runs.export import run_lines
from apps.runs.grouping import group_column, grouped_runs
from apps.runs.models import Run
from apps.runs.table import best_values, runs_table, usual_columns
from apps.web.addresses import project_url, run_views_url, runs_url, team_url
from apps.web.csv_file import csv_file
from apps.web.htmx import answer, asks_for
from apps.web.listing import Listing, read_listing
from apps.web.present.first_lines import client_lines
from apps.web.present.places import project_tabs
from apps.web.present.runs_table import (
    FRAGMENT,
    RunsPlace,
    columns_chosen,
    definitions_of,
    lowest_is_best,
    show_groups,
    show_runs,
)
from apps.web.saved_views import Shown, menu_of_views, show_view
from apps.web.tables import Problem, TableView, problem_of
from apps.web.views.account import person

TEMPLATE = "runs/table.html"
USUAL_SIZE = 25
# The figures of each metric of a group are a query of their own.
MAX_GROUPED_METRICS = 8
# What asks for no row at all, and yet has a head and a toolbar.
NOTHING = TableQuery(where="run is missing")


@requires(Action.READ)
@require_safe
def runs(request: HttpRequest, team: str, project: str) -> HttpResponse:
    """The runs table, or its groups; htmx may ask for it, or for its rows while some are live."""
    access: Access = request.access  # type: ignore[attr-defined]
    shown = _shown(request, access)
    place = _place(shown.listing, access)
    columns = columns_chosen(place.listing) or usual_columns(place.project)
    table = _groups(place, columns) if place.listing.option("group") else _runs(place, columns)
    if asks_for(request, table.rows_id):
        if table.refresh and request.GET.get("seen") == table.refresh.seen:
            return HttpResponse(status=204)  # nothing new
        return render(request, "components/table_rows.html", {"table": table})
    if table.compare and access.allows(Action.DELETE) and not access.here.archived_at:
        address = reverse("delete_runs", args=[access.team.name, access.here.name])
        table = replace(table, delete_url=address)
    context = {
        "project": place.project,
        "table": table,
        "saved": menu_of_views(
            shown,
            runs_url(access.team, access.here),
            access,
            views=run_views_url(access.team, access.here),
        ),
        "crumbs": [
            {"label": access.team.title or access.team.name, "url": team_url(access.team)},
            {"label": str(place.project), "url": project_url(access.team, place.project)},
        ],
        "tabs": project_tabs(access, "runs"),
        "live": Run.objects.filter(project=place.project).live().count(),
        "lines": client_lines(person(request), place=place.project) if table.is_empty else [],
    }
    status = 400 if table.problem else 200
    return answer(request, TEMPLATE, context, fragment=FRAGMENT, status=status)


@requires(Action.READ)
@require_safe
def export(request: HttpRequest, team: str, project: str) -> StreamingHttpResponse:
    """Every matching run as CSV, sent while it is read."""
    access: Access = request.access  # type: ignore[attr-defined]
    place = _place(_shown(request, access).listing, access)
    columns = columns_chosen(place.listing) or usual_columns(place.project)
    lines = run_lines(place.project, place.listing.query, columns=columns, keys=place.keys)
    return csv_file(lines, name=place.project.name, kind="runs")


def read_runs_state(params: QueryDict) -> Listing:
    """The state of the table that an address asks for. Raises Invalid."""
    listing = read_listing(params, options={"group": None}, usual_size=USUAL_SIZE)
    columns_chosen(listing)
    return listing


def _shown(request: HttpRequest, access: Access) -> Shown:
    """That state, by way of a saved view or not."""
    return show_view(request.GET, access.here, access, read_runs_state, None)


def _place(listing: Listing, access: Access) -> RunsPlace:
    return RunsPlace(access.team, access.here, listing, keys_of(access.here))


def _runs(place: RunsPlace, columns: list[RunColumn]) -> TableView:
    """The table; or when the query makes no sense, a table without rows and the reason."""
    now = timezone.now()
    definitions = definitions_of(place.team, columns)
    query = place.listing.query
    problem: Problem | None = None
    try:
        table = runs_table(place.project, query, columns=columns, keys=place.keys, at=now)
    except Invalid as error:
        problem = problem_of(error, place.listing)
        nothing = replace(NOTHING, size=query.size)
        table = runs_table(place.project, nothing, columns=columns, keys=place.keys, at=now)
    best = best_values(place.project, lowest_is_best(columns, definitions))
    return show_runs(place, table, definitions, best, now, problem)


def _groups(place: RunsPlace, columns: list[RunColumn]) -> TableView:
    """The groups; what cannot be grouped by shows the table of runs with the reason."""
    query = place.listing.query
    metrics = [column for column in columns if column.is_metric][:MAX_GROUPED_METRICS]
    try:
        column = group_column(place.listing.option("group"), place.keys)
        groups = grouped_runs(place.project, query, column=column, metrics=metrics, keys=place.keys)
    except Invalid as error:
        ungrouped = replace(place, listing=place.listing.opting("group", ""))
        return replace(_runs(ungrouped, columns), problem=problem_of(error, place.listing))
    total = Run.objects.filter(project=place.project).count()
    definitions = definitions_of(place.team, metrics)
    return show_groups(place, groups, column, columns, definitions, total)
