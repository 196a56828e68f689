"""Lists of models: everything one may see, and all of one team."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from apps.accounts.models import Team, User
from apps.artifacts.models import LabelHolding
from apps.artifacts.queries import collections_of
from apps.core.names import clean_text
from apps.core.times import ago
from apps.core.work import going_on
from apps.projects.access import Access, Action, requires
from apps.projects.queries import visible_projects
from apps.registry.queries.labels import colours_of
from apps.registry.queries.overview import recent_moves, visible_models
from apps.runs.models import Run
from apps.runs.queries import live_runs
from apps.web.addresses import model_url, run_url, team_url, version_url
from apps.web.htmx import answer, asks_for
from apps.web.overview import page_of_models
from apps.web.pager import pager
from apps.web.present.first_lines import client_lines
from apps.web.present.places import home_tabs, team_tabs
from apps.web.present.run_family import alerts_in
from apps.web.views.account import person

MAX_SEARCH = 200
SHOWN_LIVE = 5
# The part of the page that tells of long work.
WORK = "work"


@requires(Action.SIGNED_IN)
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What is in production, everywhere that the reader may look, and what changed lately."""
    user = person(request)
    works = _works(user)
    if asks_for(request, WORK):
        return _news(request, works)
    context = _models_context(request, user, visible_models(user))
    live = list(live_runs(user)[: SHOWN_LIVE + 1])
    moves = recent_moves(user)
    colours = colours_of(holding.version.collection.team_id for holding in moves)
    context |= {
        "tabs": home_tabs(user),
        "live": [_live_run(run) for run in live[:SHOWN_LIVE]],
        "more_live": len(live) > SHOWN_LIVE,
        "moves": [_move(holding, colours) for holding in moves],
        "works": works,
        "alerts": alerts_in(visible_projects(user)),
    }
    return answer(request, "home/home.html", context, fragment="models")


@requires(Action.READ)
@require_safe
def team(request: HttpRequest, team: str) -> HttpResponse:
    """A team's own address leads to its models."""
    return HttpResponseRedirect(team_url(_access(request).team))


@requires(Action.READ)
@require_safe
def team_models(request: HttpRequest, team: str) -> HttpResponse:
    """All models of one team: the registry's first, then project by project."""
    access = _access(request)
    user = person(request)
    context = _models_context(request, user, collections_of(access.team, user))
    context |= {
        "team": access.team,
        "role": access.role.label,
        "tabs": team_tabs(access, "models"),
    }
    return answer(request, "home/team.html", context, fragment="models")


def _works(user: User) -> list[dict[str, Any]]:
    """Long work in the reader's teams; without any, which is nearly always, without a query."""
    works = going_on()
    teams = {team.name for team in Team.objects.filter(memberships__user=user)} if works else set()
    words = {"demo": _("Loading the demo")}
    return [
        {
            "key": work.key,
            "label": words.get(work.key, work.key),
            "done": work.done,
            "total": work.total,
            "note": _("%(done)d of %(total)d") % {"done": work.done, "total": work.total},
        }
        for work in works
        if work.team in teams
    ]


def _news(request: HttpRequest, works: list[dict[str, Any]]) -> HttpResponse:
    """How far the work is. When it is over, the page is read again with what it made."""
    response = answer(request, "home/home.html", {"works": works}, fragment=WORK)
    if not works:
        response.headers["HX-Refresh"] = "true"
    return response


def _models_context(request: HttpRequest, user: User, models: Any) -> dict[str, Any]:
    search = clean_text(
        request.GET.get("q", "").strip(), field="q", max_length=MAX_SEARCH, multiline=False
    )
    page = page_of_models(models, user, cursor=request.GET.get("cursor", ""), search=search)
    is_empty = not page.rows and not search and not request.GET.get("cursor")
    return {
        "page": page,
        "foot": pager(request, page, target="models"),
        "search": search,
        "lines": client_lines(user) if is_empty else [],
        "is_empty": is_empty,
    }


def _live_run(run: Run) -> dict[str, Any]:
    return {
        "name": run.name,
        "url": run_url(run.project.team, run),
        "project": str(run.project),
        "since": ago(run.started_at),
    }


def _move(holding: LabelHolding, colours: dict[tuple[int, str], str]) -> dict[str, Any]:
    """One label move, as a line of the timeline."""
    version = holding.version
    return {
        "hue": colours.get((version.collection.team_id, holding.label_key), "slate"),
        "who": str(holding.given_by or _("Somebody")),
        "model": str(version.collection),
        "model_url": model_url(version.collection),
        "version": f"v{version.number}",
        "version_url": version_url(version),
        "label": holding.label,
        "is_rollback": holding.is_rollback,
        "when": ago(holding.held_from),
        "at": holding.held_from,
        "reason": holding.reason,
    }


def _access(request: HttpRequest) -> Access:
    access: Access = request.access  # type: ignore[attr-defined]
    return access
