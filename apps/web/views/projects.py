"""Projects: all that one may see, and one with its models and runs."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.artifacts.queries import collections_of
from apps.core.numbers import MISSING, format_count, format_value
from apps.core.paging import Key, paginate
from apps.core.times import ago, duration
from apps.projects.access import Access, Action, requires
from apps.projects.queries import visible_projects
from apps.runs.choices import RunState
from apps.runs.models import Run
from apps.runs.queries import run_counts, runs_of
from apps.series.choices import SeriesKind
from apps.series.queries import common_keys, series_of_many
from apps.web.addresses import project_url, run_url, team_url
from apps.web.htmx import answer
from apps.web.overview import model_rows
from apps.web.pager import pager
from apps.web.present.notes import notes_of_project
from apps.web.present.places import project_tabs
from apps.web.run_words import STATE_HUES, run_seconds
from apps.web.views.account import client_lines, person

PAGE_SIZE = 25
# More columns of last values than this make a table that nobody reads.
SHOWN_METRICS = 5
SHOWN_MODELS = 50
NEWEST_FIRST = (
    Key("started_at", "time", descending=True),
    Key("pk", "integer", descending=True),
)
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
        "lines": [] if page.rows else client_lines("YOUR_API_KEY"),
    }
    return answer(request, "projects/list.html", context, fragment="projects")


@requires(Action.READ)
@require_safe
def project(request: HttpRequest, team: str, project: str) -> HttpResponse:
    """One project: its models, its runs newest first, and what is known of it."""
    access: Access = request.access  # type: ignore[attr-defined]
    user = person(request)
    place = access.project
    assert place is not None  # noqa: S101 (the address names one)
    models = collections_of(access.team, user).filter(project=place)[: SHOWN_MODELS + 1]
    runs = runs_of(place)
    page = paginate(runs, NEWEST_FIRST, cursor=request.GET.get("cursor", ""), size=PAGE_SIZE)
    metrics, rows = _run_rows(access, page.rows)
    total = run_counts([place])[place.pk].count
    context = {
        "team": access.team,
        "project": place,
        "notes": notes_of_project(place, access),
        "crumbs": [{"label": access.team.name, "url": team_url(access.team)}],
        "models": model_rows(list(models)[:SHOWN_MODELS], user),
        "more_models": len(models) > SHOWN_MODELS,
        "metrics": metrics,
        "page": page.with_rows(rows),
        "foot": pager(request, replace(page, total=total), target="runs"),
        "total": format_count(total),
        "created": ago(place.created_at),
        "role": access.role.label,
        "tabs": project_tabs(access, "project"),
        "may_delete": access.allows(Action.ADMINISTER),
        "lines": [] if page.rows else client_lines("YOUR_API_KEY"),
    }
    return answer(request, "projects/project.html", context, fragment="runs")


def _run_rows(access: Access, runs: Sequence[Run]) -> tuple[list[str], list[dict[str, Any]]]:
    """The metrics that most of these runs have, and a row for each run with its last values."""
    now = timezone.now()
    owners = [run.pk for run in runs]
    kind = SeriesKind.METRIC
    metrics = common_keys(owner_ids=owners, kind=kind, limit=SHOWN_METRICS)
    last: defaultdict[int, dict[str, str]] = defaultdict(dict)
    for series in series_of_many(owner_ids=owners, kind=kind, keys=metrics):
        last[series.owner_id][series.key] = format_value(series.last)
    rows = []
    for run in runs:
        state = run.state_at(now)
        rows.append(
            {
                "name": run.name,
                "url": run_url(access.team, run),
                "state": state.label,
                "hue": STATE_HUES[state],
                "is_live": state == RunState.RUNNING,
                "by": str(run.created_by or ""),
                "started": ago(run.started_at, now),
                "started_at": run.started_at,
                "duration": duration(run_seconds(run, state, now)),
                "values": [_value(metric, last[run.pk].get(metric)) for metric in metrics],
            }
        )
    return metrics, rows


def _value(metric: str, text: str | None) -> dict[str, Any]:
    return {"metric": metric, "text": text or MISSING, "is_missing": text is None}
