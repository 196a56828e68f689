"""The page that the product exists for: a model's status table, and the same rows as CSV."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.views.decorators.http import require_safe

from apps.artifacts.models import Collection
from apps.artifacts.queries import collection_named
from apps.core.errors import Invalid
from apps.core.tables import TableQuery
from apps.projects.access import Access, Action, requires
from apps.registry.models import Column
from apps.registry.queries.export import table_lines
from apps.registry.queries.holders import label_holders
from apps.registry.queries.table import (
    StatusTable,
    columns_of,
    latest_row,
    status_table,
)
from apps.registry.queries.trend import Trend, trend
from apps.runs.models import Run
from apps.web.addresses import model_url
from apps.web.csv_file import csv_file
from apps.web.htmx import answer, asks_for
from apps.web.listing import Listing, read_listing
from apps.web.present.model import (
    charted,
    is_log,
    scale_links,
    show_cards,
    show_chart,
    show_head,
)
from apps.web.present.notes import notes_of_model
from apps.web.present.table import FRAGMENT, columns_to_show, may_move, show_table
from apps.web.present.tags import tags_of_collection
from apps.web.saved_views import Shown, menu_of_views, show_view
from apps.web.tables import Problem, problem_of

TEMPLATE = "models/model.html"
# The axis of the chart.
SCALES = ("linear", "log")


@requires(Action.READ)
@require_safe
def model(
    request: HttpRequest, team: str, collection: str, project: str | None = None
) -> HttpResponse:
    """The status table, with its cards and chart; htmx may ask for the table alone."""
    access: Access = request.access  # type: ignore[attr-defined]
    found = load_model(access, collection)
    known = columns_of(found, access.user)
    shown = read_shown(request.GET, found, known, access)
    listing = shown.listing
    columns = columns_to_show(listing, known)
    asked = _ask(found, listing, access, columns, known)
    path = model_url(found)
    context = {
        "model": found,
        "table": show_table(found, asked.table, listing, known, access, asked.problem),
        "saved": menu_of_views(shown, path, access, views=f"{path}/views"),
        "path": path,
        "notes": notes_of_model(found, access),
        "tags": [] if asks_for(request, FRAGMENT) else tags_of_collection(found),
        "may_curate": access.allows(Action.CURATE),
        "may_delete": access.allows(Action.DELETE_VERSION),
    }
    lines = charted(columns)
    scores = trend(found, lines, access.user)
    scales = scale_links(listing, path, log_y=is_log(lines, scores, listing))
    if asks_for(request, FRAGMENT):
        # The links of the chart carry the state of the table, so they come along with it.
        context["fresh_scales"] = scales
    else:
        context["scales"] = scales
        context["trend"] = show_chart(lines, scores, asked.table.labels, listing)
        context |= _surroundings(found, asked.table, scores, columns, known, access)
    status = 400 if asked.problem else 200
    return answer(request, TEMPLATE, context, fragment=FRAGMENT, status=status)


@requires(Action.READ)
@require_safe
def export(
    request: HttpRequest, team: str, collection: str, project: str | None = None
) -> StreamingHttpResponse:
    """Every matching row as CSV, sent while it is read."""
    access: Access = request.access  # type: ignore[attr-defined]
    found = load_model(access, collection)
    known = columns_of(found, access.user)
    listing = read_shown(request.GET, found, known, access).listing
    columns = columns_to_show(listing, known)
    # A filter that makes no sense is refused here, before the first line is on its way.
    lines = table_lines(found, listing.query, access.user, columns=columns)
    return csv_file(lines, name=found.name, kind="status")


def read_shown(
    params: QueryDict, model: Collection, known: Sequence[Column], access: Access
) -> Shown:
    """The state that an address asks for, by way of a saved view or not. Raises Invalid."""
    slugs = {column.slug for column in known}
    return show_view(params, model, access, lambda query: read_state(query, known), slugs)


def read_state(params: QueryDict, known: Sequence[Column]) -> Listing:
    """The state of the table that an address asks for. Raises Invalid."""
    slugs = {column.slug for column in known}
    return read_listing(params, columns=slugs, options={"scale": SCALES})


def load_model(access: Access, name: str) -> Collection:
    """The model at this address. Raises NotFound."""
    return collection_named(access.team, access.project, name)


@dataclass(frozen=True)
class _Asked:
    table: StatusTable
    problem: Problem | None


def _ask(
    model: Collection,
    listing: Listing,
    access: Access,
    columns: list[Column],
    known: list[Column],
) -> _Asked:
    """The table; or when the query box makes no sense, a table without rows and the reason."""
    try:
        return _Asked(
            status_table(model, listing.query, access.user, columns=columns, known=known), None
        )
    except Invalid as error:
        problem = problem_of(error, listing)
    nothing = TableQuery(where="version < 0", size=listing.query.size)
    table = status_table(model, nothing, access.user, columns=columns, known=known)
    return _Asked(table, problem)


def _surroundings(
    model: Collection,
    table: StatusTable,
    scores: Trend,
    columns: list[Column],
    known: list[Column],
    access: Access,
) -> dict[str, object]:
    """What stands above the table; it does not change with the page or the filter."""
    headline = columns[0] if columns else None
    holders = label_holders(model, table.holdings, table.labels, headline, access.user)
    latest = latest_row(model, table, access.user)
    live = Run.objects.filter(project=model.project).live().count() if model.project else 0
    first = next((label for label in table.labels if label.is_exclusive), None)
    holds_it = table.baseline is not None and latest is not None and table.baseline.id == latest.id
    return {
        "head": show_head(model, table, known, live),
        "cards": show_cards(model, table, holders, headline, scores, latest),
        "latest": latest,
        "may_promote": latest is not None and not holds_it and may_move(first, access),
    }
