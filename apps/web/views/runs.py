"""The page of one run; what changes while it runs is a fragment that asks again."""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from apps.artifacts.choices import Direction
from apps.artifacts.queries import RunEdge, edges_of_run
from apps.core.errors import Invalid
from apps.core.numbers import format_bytes, format_count, format_value
from apps.core.text import truncate
from apps.core.times import ago, duration
from apps.projects.access import Access, Action, requires
from apps.runs.choices import RunState
from apps.runs.models import ConsoleLine, Run, SummaryValue
from apps.runs.queries import last_lines, run_in
from apps.series.choices import SeriesKind
from apps.series.models import Series
from apps.series.queries import series_of
from apps.web.addresses import place_url, project_url, run_url, team_url
from apps.web.curves import FIRST_CHARTS, MAX_CHARTS, chart_groups, draw_curves
from apps.web.htmx import answer, asks_for
from apps.web.present.notes import notes_of_run
from apps.web.run_words import STATE_HUES, run_seconds
from apps.web.views.account import person

CONSOLE_LINES = 200
MAX_LINE = 2_000
MAX_VALUE = 300
SHOWN_VALUES = 500
# Colours and cursor moves that programs send to a terminal.
_TERMINAL = re.compile(r"\x1b\[[0-9;?]{0,32}[A-Za-z]")


@requires(Action.READ)
@require_safe
def run(request: HttpRequest, team: str, project: str, run: str) -> HttpResponse:
    """What a run did and does: curves, values, console, config, what it used and made."""
    access: Access = request.access  # type: ignore[attr-defined]
    assert access.project is not None  # noqa: S101 (the address names one)
    found = run_in(access.project, run)
    seen = _fingerprint(found)
    if asks_for(request, "live") and request.GET.get("seen") == seen:
        # Nothing new: leave the page as it is.
        return HttpResponse(status=204)
    context = _live_context(request, access, found) | {"seen": seen}
    if not asks_for(request, "live"):
        context |= _fixed_context(request, access, found)
    response = answer(request, "runs/run.html", context, fragment="live")
    if asks_for(request, "live") and not context["is_live"]:
        # It has ended: once more the whole page, with the charts that can be zoomed.
        response.headers["HX-Refresh"] = "true"
    return response


def _live_context(request: HttpRequest, access: Access, run: Run) -> dict[str, Any]:
    """What may change while the run goes on."""
    now = timezone.now()
    state = run.state_at(now)
    address = run_url(access.team, run)
    series = list(series_of(owner_id=run.pk, kind=SeriesKind.METRIC)[:SHOWN_VALUES])
    groups = chart_groups(series)[:MAX_CHARTS]
    wants_all = request.GET.get("charts") == "all"
    shown = groups if wants_all else groups[:FIRST_CHARTS]
    before = _line_number(request.GET.get("before", ""))
    lines = last_lines(run, before=before, limit=CONSOLE_LINES)
    return {
        "run": run,
        "address": address,
        "live_address": _address(address, charts="all" if wants_all else "", before=before),
        "is_live": state == RunState.RUNNING,
        "state": state.label,
        "hue": STATE_HUES[state],
        "started": ago(run.started_at, now),
        "heard": ago(run.heartbeat_at, now),
        "duration": duration(run_seconds(run, state, now)),
        "charts": draw_curves(run, shown),
        "hidden_charts": len(groups) - len(shown),
        "all_charts_address": _address(address, charts="all"),
        "values": [_value_row(one) for one in series],
        "console": "\n".join(_console_text(line) for line in lines),
        "console_first": lines[0].number if lines else None,
        "console_last": lines[-1].number if lines else None,
        "earlier_address": _earlier(address, lines),
        "later_address": address if before is not None else "",
    }


def _fixed_context(request: HttpRequest, access: Access, run: Run) -> dict[str, Any]:
    """What was said when the run began, and what it used and made."""
    project = run.project
    edges = edges_of_run(run, person(request))
    return {
        "team": access.team,
        "project": project,
        "notes": notes_of_run(run, access),
        "crumbs": [
            {"label": access.team.name, "url": team_url(access.team)},
            {"label": str(project), "url": project_url(access.team, project)},
        ],
        "by": str(run.created_by or ""),
        "remote_url": _web_address(run.code_remote),
        "tags": list(run.tags.order_by("name")[:100]),
        "params": list(run.params.order_by("key")[:SHOWN_VALUES]),
        "summary": [_summary_row(one) for one in run.summary.order_by("key")[:SHOWN_VALUES]],
        "artifact_groups": [
            _artifact_group("used", _("Used"), edges, Direction.USED),
            _artifact_group("made", _("Made"), edges, Direction.MADE),
        ],
    }


def _fingerprint(run: Run) -> str:
    """Changes with everything that a client sends: each of it counts as a heartbeat."""
    return f"{run.state_at(timezone.now())}-{run.heartbeat_at.timestamp():.6f}"


def _value_row(series: Series) -> dict[str, str]:
    return {
        "key": series.key,
        "last": format_value(series.last),
        "lowest": format_value(series.min_value),
        "highest": format_value(series.max_value),
        "points": format_count(series.count),
    }


def _summary_row(value: SummaryValue) -> dict[str, str]:
    """A value of the summary; a number as everywhere else, with all its digits beside it."""
    text = truncate(value.text, MAX_VALUE)
    shown = text if value.number is None else format_value(value.number)
    return {"key": value.key, "text": shown, "exact": text}


def _artifact_group(
    key: str, title: str, edges: Sequence[RunEdge], direction: Direction
) -> dict[str, Any]:
    rows = [_artifact_row(edge) for edge in edges if edge.edge.direction == direction]
    return {"key": key, "title": title, "rows": rows}


def _artifact_row(edge: RunEdge) -> dict[str, Any]:
    """An artifact by the place where it stands; without one that is visible, by its digest."""
    artifact, place = edge.edge.artifact, edge.place
    return {
        "name": f"{place.collection.name}:v{place.number}" if place else artifact.short_digest,
        "url": place_url(place) if place else "",
        "type": artifact.type,
        "use_as": edge.edge.use_as,
        "size": format_bytes(artifact.size_bytes),
        "digest": artifact.digest,
        "short_digest": artifact.short_digest,
    }


def _console_text(line: ConsoleLine) -> str:
    """The line without what only a terminal understands, and not longer than anybody reads."""
    return _TERMINAL.sub("", truncate(line.text, MAX_LINE)).replace("\x1b", "").replace("\r", "")


def _line_number(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise Invalid(_("before must be the number of a line."), field="before")
    return int(text)


def _earlier(address: str, lines: Sequence[ConsoleLine]) -> str:
    if len(lines) < CONSOLE_LINES or lines[0].number == 0:
        return ""
    return _address(address, before=lines[0].number) + "#console"


def _address(address: str, **parameters: Any) -> str:
    query = urlencode(
        {name: value for name, value in parameters.items() if value not in ("", None)}
    )
    return f"{address}?{query}" if query else address


def _web_address(text: str) -> str:
    """The text if it can be a link: only http and https, and nobody's password in it."""
    parts = urlsplit(text) if text.startswith(("http://", "https://")) else None
    return text if parts and parts.hostname and not parts.username else ""
