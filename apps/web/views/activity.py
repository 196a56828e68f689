"""What happened in a team, and the same as CSV."""

from collections.abc import Iterator
from itertools import groupby

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_safe

from apps.accounts.queries import members_of
from apps.artifacts.queries import collections_of
from apps.core.errors import Invalid
from apps.projects.access import Access, Action, requires
from apps.projects.queries import projects_of
from apps.registry.queries.history import activity as events_of
from apps.registry.queries.history import activity_lines
from apps.registry.queries.labels import labels_of
from apps.web.addresses import team_url
from apps.web.csv_file import csv_file
from apps.web.forms.activity import ActivityForm
from apps.web.htmx import answer
from apps.web.pager import pager
from apps.web.present.activity import links_of
from apps.web.present.history import Told, tell
from apps.web.present.model import Crumb
from apps.web.present.places import team_tabs
from apps.web.present.run_family import alerts_in

FRAGMENT = "activity"
SHOWN = 40
# A menu of more is no help; what is not offered can still be found on its own page's history.
MAX_OFFERED = 300


@requires(Action.READ)
@require_safe
def activity(request: HttpRequest, team: str) -> HttpResponse:
    """Every change that the reader may know of, newest first, day by day."""
    access: Access = request.access  # type: ignore[attr-defined]
    form = _form(request, access)
    context = {
        "team": access.team,
        "crumbs": [Crumb(str(access.team.title or access.team.name), team_url(access.team))],
        "tabs": team_tabs(access, "activity"),
        "form": form,
        "path": request.path,
        "is_narrowed": any(request.GET.get(name) for name in form.fields),
        "csv_query": _query(request),
    }
    if not form.is_valid():
        return answer(request, "activity/activity.html", context, fragment=FRAGMENT, status=400)
    cursor = request.GET.get("cursor", "")
    page = events_of(access.team, access.user, form.wanted(), cursor=cursor, size=SHOWN)
    told = tell(page.rows, list(labels_of(access.team)), links_of(page.rows, access))
    context |= {"days": _by_day(told), "pager": pager(request, page, target=FRAGMENT)}
    if not context["is_narrowed"] and not cursor:
        context["alerts"] = alerts_in(projects_of(access.team, access.user))
    return answer(request, "activity/activity.html", context, fragment=FRAGMENT)


@requires(Action.READ)
@require_safe
def export(request: HttpRequest, team: str) -> StreamingHttpResponse:
    """All events that match as CSV, sent while they are read."""
    access: Access = request.access  # type: ignore[attr-defined]
    form = _form(request, access)
    if not form.is_valid():
        raise Invalid(" ".join(str(error) for errors in form.errors.values() for error in errors))
    lines: Iterator[str] = activity_lines(access.team, access.user, form.wanted())
    return csv_file(lines, name=access.team.name, kind="activity")


def _form(request: HttpRequest, access: Access) -> ActivityForm:
    models = collections_of(access.team, access.user)[:MAX_OFFERED]
    projects = projects_of(access.team, access.user)[:MAX_OFFERED]
    people = members_of(access.team)[:MAX_OFFERED]
    return ActivityForm(
        request.GET,
        models=list(models),
        projects=list(projects),
        people=[membership.user.username for membership in people],
    )


def _by_day(told: list[Told]) -> list[tuple[str, list[Told]]]:
    return [(when, list(events)) for when, events in groupby(told, key=lambda one: one.day)]


def _query(request: HttpRequest) -> str:
    query = request.GET.copy()
    query.pop("cursor", None)
    return query.urlencode()
