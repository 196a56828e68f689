"""A run in words: where it stands, its curves, console, values, code, and what it used and made."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from urllib.parse import urlsplit

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.artifacts.choices import Direction
from apps.artifacts.queries import RunEdge
from apps.core.jsontext import dump
from apps.core.numbers import format_bytes, format_count, format_value
from apps.core.text import truncate
from apps.core.times import ago, duration
from apps.runs.choices import RunState, Stream
from apps.runs.metric_rules import MetricRule, rules_of
from apps.runs.models import ConsoleLine, Run, SummaryValue
from apps.runs.queries import last_lines
from apps.series.choices import SeriesKind
from apps.series.models import Series
from apps.series.queries import series_of
from apps.web.addresses import place_url
from apps.web.charts import Chart
from apps.web.curves import (
    CHARTS_ON_PAGE,
    NO_RULES,
    Group,
    chart_groups,
    draw_curves,
    prefix,
)
from apps.web.present.run_objects import medium_words
from apps.web.run_page import RunPage
from apps.web.run_words import STATE_HUES, run_seconds
from apps.web.wrapping import wrapping

TAIL_LINES = 100
CONSOLE_LINES = 500
MAX_LINE = 2_000
MAX_VALUE = 300
# Names and figures of this many series are read for a page; the charts of one page are drawn.
READ_SERIES = 2_000
SHOWN_VALUES = 100
MLFLOW_MACHINE = "system/"
# As they stand in a summary.
_NOT_FINITE = {dump(value): value for value in (math.nan, math.inf, -math.inf)}
# Colours and cursor moves that programs send to a terminal.
_TERMINAL = re.compile(r"\x1b\[[0-9;?]{0,32}[A-Za-z]")
# Where hosts of code show a commit.
_COMMIT_PAGES = {"github.com": "commit", "gitlab.com": "-/commit", "bitbucket.org": "commits"}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the run stands now."""

    is_live: bool
    # It has not begun.
    is_waiting: bool
    # It may be going on, but nothing was heard of it lately.
    is_silent: bool
    words: str
    hue: str
    duration: str
    heard: str
    exit_code: int | None


def standing(run: Run, now: datetime) -> Standing:
    state = run.state_at(now)
    return Standing(
        is_live=state == RunState.RUNNING,
        is_waiting=state == RunState.SCHEDULED,
        is_silent=run.is_silent_at(now),
        words=str(state.label),
        hue=STATE_HUES[state],
        duration=duration(run_seconds(run, state, now)),
        heard=ago(run.heartbeat_at, now),
        exit_code=run.exit_code,
    )


@dataclass(frozen=True, slots=True)
class Section:
    """Charts of metrics whose names begin alike."""

    title: str
    charts: Sequence[Chart]


@dataclass(frozen=True, slots=True)
class Curves:
    """One page of a run's charts, and the figures of its series."""

    sections: Sequence[Section]
    text: str
    previous_url: str
    next_url: str
    values: Sequence[dict[str, str]]
    values_note: str
    hidden_note: str

    @property
    def charts(self) -> list[Chart]:
        return [chart for section in self.sections for chart in section.charts]


def curves_of(run: Run, page: RunPage, address: str) -> Curves:
    """What the run measured itself, or its machine. Four queries, seven where metrics are steps."""
    of_machine = page.show == "system"
    kind = SeriesKind.SYSTEM if of_machine and run.has_heartbeat else SeriesKind.METRIC
    found = series_of(owner_id=run.pk, kind=kind)
    if not run.has_heartbeat:
        # MLflow's client, which logs what it measures of the machine among its metrics.
        named = Q(key__startswith=MLFLOW_MACHINE)
        found = found.filter(named if of_machine else ~named)
    if page.metric:
        found = found.filter(key__icontains=page.metric)
    rules = rules_of(run) if kind == SeriesKind.METRIC else NO_RULES
    known = list(found[:READ_SERIES])
    # What the code hides is shown to who asks for it by name.
    series = [one for one in known if page.metric or not rules.is_hidden(one.key)]
    groups = chart_groups(series, rules)
    pages = max(-(-len(groups) // CHARTS_ON_PAGE), 1)
    number = min(page.page, pages)
    first = (number - 1) * CHARTS_ON_PAGE
    shown = groups[first : first + CHARTS_ON_PAGE]
    span = {"first": first + 1, "last": first + len(shown), "total": format_count(len(groups))}
    return Curves(
        sections=_sections(groups, shown, draw_curves(run, shown, page.options, kind)),
        text=_("Charts %(first)s–%(last)s of %(total)s") % span if pages > 1 else "",
        previous_url=page.turned(number - 1).address(address) if number > 1 else "",
        next_url=page.turned(number + 1).address(address) if number < pages else "",
        values=[_value_row(one, rules.of(one.key)) for one in series[:SHOWN_VALUES]],
        values_note=_values_note(len(series)),
        hidden_note=_hidden_note(len(known) - len(series)),
    )


def _hidden_note(count: int) -> str:
    if not count:
        return ""
    note = ngettext(
        "The code hides %(count)s metric; search for it to see it.",
        "The code hides %(count)s metrics; search for them to see them.",
        count,
    )
    return note % {"count": format_count(count)}


def _sections(
    groups: Sequence[Group], shown: Sequence[Group], charts: Sequence[Chart]
) -> list[Section]:
    """Under headings only where there are several: one would say nothing."""
    if len({prefix(group.subject) for group in groups}) < 2:
        return [Section("", charts)] if charts else []
    placed = groupby(zip(shown, charts, strict=True), lambda pair: prefix(pair[0].subject))
    return [Section(name, [chart for _group, chart in some]) for name, some in placed]


def _values_note(count: int) -> str:
    if count <= SHOWN_VALUES:
        return ""
    words = {"shown": SHOWN_VALUES, "count": format_count(count)}
    if count == READ_SERIES:
        return _("The first %(shown)s of %(count)s or more; search to see others.") % words
    return _("The first %(shown)s of %(count)s; search to see others.") % words


def _value_row(series: Series, rule: MetricRule) -> dict[str, str]:
    """The figures of a metric; `best` is the one that its code wants to be good."""
    return {
        "key": wrapping(series.key),
        "best": {"minimize": "lowest", "maximize": "highest"}.get(rule.goal, ""),
        "last": format_value(series.last),
        "lowest": format_value(series.min_value),
        "highest": format_value(series.max_value),
        "points": format_count(series.count),
    }


@dataclass(frozen=True, slots=True)
class ShownLine:
    number: int
    text: str
    is_error: bool


@dataclass(frozen=True, slots=True)
class Console:
    """Some lines, and the way to those around them."""

    lines: Sequence[ShownLine]
    earlier_url: str
    latest_url: str
    is_search: bool


def console_of(run: Run, page: RunPage, address: str) -> Console:
    """The end of the output on the first page, all of it page by page on its own. One query."""
    here = page if page.show == "console" else page.showing("console")
    limit = CONSOLE_LINES if page.show == "console" else TAIL_LINES
    lines = last_lines(run, before=here.before, limit=limit, words=here.find)
    is_cut = len(lines) == limit and lines[0].number > 0
    before = lines[0].number if is_cut else None
    return Console(
        lines=[_shown_line(line) for line in lines],
        earlier_url=here.lines_before(before).address(address) if is_cut else "",
        latest_url=here.lines_before(None).address(address) if here.before is not None else "",
        is_search=bool(here.find),
    )


def _shown_line(line: ConsoleLine) -> ShownLine:
    """The line without what only a terminal understands, and not longer than anybody reads."""
    text = _TERMINAL.sub("", truncate(line.text, MAX_LINE)).replace("\x1b", "").replace("\r", "")
    return ShownLine(line.number, text, line.stream == Stream.ERROR)


def summary_row(value: SummaryValue) -> dict[str, str]:
    """A value of the summary; a number as everywhere else, with all its digits beside it."""
    text = truncate(value.text, MAX_VALUE)
    shown = medium_words(value.text) or text
    number = _NOT_FINITE.get(value.text, value.number)
    if number is not None:
        shown = format_value(number)
    return {"key": wrapping(value.key), "text": shown, "exact": text}


def artifact_groups(edges: Sequence[RunEdge]) -> list[dict[str, Any]]:
    """What the run used, and what it made."""
    titles: Mapping[Direction, str] = {Direction.USED: _("Used"), Direction.MADE: _("Made")}
    return [
        {
            "key": str(direction),
            "title": title,
            "rows": [_artifact_row(edge) for edge in edges if edge.edge.direction == direction],
        }
        for direction, title in titles.items()
    ]


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


def web_address(text: str) -> str:
    """The text if it can be a link: only http and https, and nobody's password in it."""
    parts = urlsplit(text) if text.startswith(("http://", "https://")) else None
    return text if parts and parts.hostname and not parts.username else ""


def commit_address(remote: str, commit: str) -> str:
    """The page of the commit, on hosts whose addresses are known."""
    address = web_address(remote)
    host = urlsplit(address).hostname if address else None
    if host not in _COMMIT_PAGES or not re.fullmatch(r"[0-9a-fA-F]{7,64}", commit):
        return ""
    return f"{address.rstrip('/').removesuffix('.git')}/{_COMMIT_PAGES[host]}/{commit}"
