"""The page of one run; what changes while it runs is a fragment that asks again.

Twenty people may watch a run that logs ten times a second. So a watcher who has seen the newest is
answered from one row, and what is new is drawn at most twice a second for all of them: a drawing is
nobody's own, and is made only after the run was found to be visible.
"""

import hashlib
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from apps.artifacts.queries import edges_of_run
from apps.core.text import natural
from apps.core.times import ago
from apps.projects.access import Access, Action, requires
from apps.runs.models import Run
from apps.runs.queries import config_of, own_config_of, run_in
from apps.web.addresses import project_url, run_url, team_url
from apps.web.curve_options import curve_controls
from apps.web.htmx import answer, asks_for
from apps.web.present.artifact import metadata_tree
from apps.web.present.files import show_files
from apps.web.present.notes import notes_of_run
from apps.web.present.places import Tab
from apps.web.present.run import (
    Standing,
    artifact_groups,
    commit_address,
    console_of,
    curves_of,
    standing,
    summary_row,
    web_address,
)
from apps.web.present.run_code import code_of
from apps.web.present.run_environment import custom_charts, environment_of
from apps.web.present.run_family import alerts_of, family_of
from apps.web.present.run_objects import objects_shown
from apps.web.run_page import RunPage, read_run_page
from apps.web.run_words import show_words
from apps.web.stored import Shelf, shelf_of_run
from apps.web.views.account import person
from apps.web.views.versions import answer_files

SHOWN_VALUES = 500
SHOWN_TAGS = 200
CLIENT_TAGS = "mlflow."
# A watcher asks once a second, so what is logged is seen within one and a half and a drawing.
DRAWN_FOR_SECONDS = 0.5


@requires(Action.READ)
@require_safe
def run(request: HttpRequest, team: str, project: str, run: str) -> HttpResponse:
    """What a run did and does: curves, values, console, config, what it used and made."""
    access: Access = request.access  # type: ignore[attr-defined]
    assert access.project is not None  # noqa: S101 (the address names one)
    found = run_in(access.project, run)
    page = read_run_page(request.GET)
    now = standing(found, timezone.now())
    if asks_for(request, "live"):
        return _followed(request, access, found, page, now)
    shelf = shelf_of_run(found, access)
    if asks_for(request, "files"):
        return answer_files(request, shelf)
    context = _shown(access, found, page, now) | _kept(request, page, shelf)
    if not asks_for(request, "view"):
        context |= _fixed(request, access, found)
    return answer(request, "runs/run.html", context, fragment="view")


def _followed(
    request: HttpRequest, access: Access, run: Run, page: RunPage, now: Standing
) -> HttpResponse:
    """What is new since the watcher looked; nothing where nothing is."""
    seen = request.GET.get("seen", "")
    if not (now.is_live or now.is_waiting):
        # It has ended: once more the whole page, which asks no further.
        return HttpResponse(headers={"HX-Refresh": "true"})
    if seen == _fingerprint(run, now):
        return HttpResponse(status=204)
    told = request.GET.get("told", "")
    state = f"{run.pk} {told} {get_language()} {page.parameters()}"
    key = f"run-{hashlib.sha256(state.encode()).hexdigest()}"
    drawn = cache.get(key)
    if drawn is None:
        context = _shown(access, run, page, now)
        # Only what is new replaces the list, in which somebody may be reading.
        context |= {"oob": True, "has_news": context["told"] != told}
        drawn = (context["seen"], render_to_string("runs/run.html#live", context))
        cache.set(key, drawn, DRAWN_FOR_SECONDS)
    shows, text = drawn
    return HttpResponse(status=204) if shows == seen else HttpResponse(text)


def _shown(access: Access, run: Run, page: RunPage, now: Standing) -> dict[str, Any]:
    """The part that was asked for, as it is now."""
    address = run_url(access.team, run)
    alerts = alerts_of(run)
    context: dict[str, Any] = {
        "run": run,
        "page": page,
        "address": address,
        "live_address": page.address(address),
        "now": now,
        "seen": _fingerprint(run, now),
        "alerts": alerts,
        "told": str(alerts[0].key) if alerts else "",
        "tabs": [
            Tab(str(words), page.showing(show).address(address), current=show == page.show)
            for show, words in show_words()
        ],
    }
    if page.show in ("curves", "system"):
        context["curves"] = curves_of(run, page, address)
        context["controls"] = curve_controls(
            page.options, lambda options: page.drawn(options).address(address)
        )
    if page.show == "curves":
        context["custom_charts"] = custom_charts(config_of(run))
    if page.show in ("curves", "console"):
        context["console"] = console_of(run, page, address)
        context["console_url"] = page.showing("console").address(address)
    if page.show == "objects":
        context["objects"] = objects_shown(
            run, page, address, shelf_of_run(run, access), access.user
        )
    return context


def _kept(request: HttpRequest, page: RunPage, shelf: Shelf) -> dict[str, Any]:
    """What the run keeps in files: it does not follow the run, only where it stands does."""
    if page.show == "files":
        return {"files": show_files(request, shelf)}
    if page.show == "code":
        return {"code": code_of(shelf)}
    return {}


def _fixed(request: HttpRequest, access: Access, run: Run) -> dict[str, Any]:
    """What was said when the run began, and what it used and made."""
    project = run.project
    return {
        "team": access.team,
        "project": project,
        "notes": notes_of_run(run, access),
        "may_delete": access.allows(Action.DELETE),
        "crumbs": [
            {"label": access.team.name, "url": team_url(access.team)},
            {"label": str(project), "url": project_url(access.team, project)},
        ],
        "by": str(run.created_by or ""),
        "started": ago(run.started_at, timezone.now()),
        "remote_url": web_address(run.code_remote),
        "commit_url": commit_address(run.code_remote, run.code_commit),
        **_tags(run),
        "config": metadata_tree(own_config_of(run)),
        "environment": environment_of(config_of(run)),
        "family": family_of(run, access.team, timezone.now()),
        "summary": _summary(run),
        "artifact_groups": artifact_groups(edges_of_run(run, person(request))),
    }


def _summary(run: Run) -> list[dict[str, str]]:
    # What begins so is the client's own: its clock, its count of steps.
    found = run.summary.exclude(key__startswith="_").order_by("key")[:SHOWN_VALUES]
    return [summary_row(one) for one in sorted(found, key=lambda one: natural(one.key))]


def _tags(run: Run) -> dict[str, Any]:
    """What people put on a run, apart from what MLflow's client notes there for itself."""
    tags = list(run.tags.order_by("name")[:SHOWN_TAGS])
    return {
        "tags": [tag for tag in tags if not tag.name.startswith(CLIENT_TAGS)],
        "client_tags": [tag for tag in tags if tag.name.startswith(CLIENT_TAGS)],
    }


def _fingerprint(run: Run, now: Standing) -> str:
    """Changes with everything that a client sends: each of it counts as a heartbeat."""
    return f"{now.is_live:d}-{run.heartbeat_at.timestamp():.6f}"
