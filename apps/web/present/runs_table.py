"""The runs table in words: its columns, its rows, its groups, and the links between its states."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts.models import Team
from apps.core.errors import Invalid
from apps.core.numbers import DEFAULT_FORMAT, MISSING, format_count, format_value
from apps.core.text import truncate, truncate_middle
from apps.core.times import ago, duration
from apps.evaluations.choices import Better
from apps.evaluations.models import MetricDefinition
from apps.projects.models import Project
from apps.runs.choices import RunState
from apps.runs.columns import FACTS, FIGURES, RunColumn, RunKeys, read_column
from apps.runs.grouping import GROUPED_FACTS, MAX_GROUPS, RunGroup, RunGroups, runs_in
from apps.runs.table import SORTED_FACTS, RunCell, RunRow, RunsTable
from apps.web.addresses import runs_url
from apps.web.cells import (
    check_cell,
    figures_cell,
    key_cell,
    number_cell,
    score_cell,
    state_cell,
    tags_cell,
    text_cell,
    who_cell,
)
from apps.web.cells import row as html_row
from apps.web.listing import Listing
from apps.web.present.people import exact
from apps.web.present.scores import Score, common_format
from apps.web.run_words import STATE_HUES
from apps.web.tables import (
    Choice,
    Compare,
    Head,
    Hint,
    Menu,
    Problem,
    Refresh,
    Span,
    TableView,
    Words,
    column_choices,
    quoted,
    sort_head,
    status_menu,
)

FRAGMENT = "runs"
NEWEST = "newest"
# A menu of more than this is not read; any other column is shown by its name.
OFFERED = 40
SHOWN_NAME = 56
SHOWN_TEXT = 48
SHOWN_TAGS = 4
SHOWN_TITLE = 32
HINTED = 12


@dataclass(frozen=True)
class RunsPlace:
    """Where a table of runs is, and in which state."""

    team: Team
    project: Project
    listing: Listing
    keys: RunKeys

    @property
    def path(self) -> str:
        return runs_url(self.team, self.project)


def columns_chosen(listing: Listing) -> list[RunColumn]:
    """The columns that an address names. Raises Invalid for a fact that is no column."""
    columns = [read_column(name) for name in listing.chosen]
    for column in columns:
        if column.source == "fact" and column.key not in FACTS:
            raise Invalid(f"The table has no column {column.key!r}.", field="columns")
    return list(dict.fromkeys(columns))


def definitions_of(team: Team, columns: Sequence[RunColumn]) -> list[MetricDefinition]:
    """What is known of the metrics in these columns (one query)."""
    names = [column.key for column in columns if column.is_metric]
    return list(MetricDefinition.objects.filter(team=team, name__in=names)) if names else []


def lowest_is_best(
    columns: Sequence[RunColumn], definitions: Sequence[MetricDefinition]
) -> dict[RunColumn, bool]:
    """The metric columns in which some value is the best, and whether it is the lowest."""
    better = {one.name: one.better for one in definitions}
    return {
        column: better[column.key] == Better.LOWER
        for column in columns
        if column.is_metric and better.get(column.key, Better.NEITHER) != Better.NEITHER
    }


def title_of(column: RunColumn) -> str:
    """What stands over the column."""
    if column.source == "fact":
        return {
            "state": _("State"),
            "started": _("Started"),
            "duration": _("Took"),
            "by": _("By"),
            "group": _("Group"),
            "job_type": _("Job type"),
            "tags": _("Tags"),
        }.get(column.key, column.key)
    title = truncate_middle(column.key, SHOWN_TITLE)
    if column.source == "min":
        return _("%(metric)s, lowest") % {"metric": title}
    if column.source == "max":
        return _("%(metric)s, highest") % {"metric": title}
    return title


def note_of(column: RunColumn) -> str:
    """What the title has no room for."""
    words = {
        "config": _("%(key)s in the config"),
        "summary": _("%(key)s in the summary"),
        "last": _("last value of %(key)s"),
        "min": _("lowest value of %(key)s"),
        "max": _("highest value of %(key)s"),
    }.get(column.source, "")
    return words % {"key": column.key} if words else ""


# --- one row a run ------------------------------------------------------------------------------


def show_runs(
    place: RunsPlace,
    table: RunsTable,
    definitions: Sequence[MetricDefinition],
    best: Mapping[RunColumn, float],
    now: datetime,
    problem: Problem | None = None,
) -> TableView:
    """The page of the table that was read for this state of the listing."""
    path, listing = place.path, place.listing
    better = lowest_is_best(table.columns, definitions)
    writers = _columns(table, definitions, best)
    captions = _("Compare the run %(name)s")
    live = any(not run.state.has_ended for run in table.rows)
    return TableView(
        target=FRAGMENT,
        path=path,
        listing=listing,
        span=Span(table.first, table.last, table.matching, table.total, table.next, table.previous),
        words=_words(),
        heads=[
            Head(_("Compare"), kind="is-check", is_hidden=True),
            sort_head(_("Run"), "run", listing, path, kind="is-key"),
            *(_head(writer, better, listing, path) for writer in writers),
        ],
        rows=[_line(run, writers, place, captions, now) for run in table.rows],
        caption=_("Runs of %(name)s") % {"name": str(place.project)},
        menus=[_state_menu(listing, path), _group_menu(place, table.columns)],
        columns=_column_menu(table.columns, place),
        can_name_columns=True,
        example='state = "finished"',
        hints=_hints(place.keys),
        fields=[quoted(field) for field in _field_names(place.keys)],
        compare=Compare(reverse("compare_any"), "r"),
        csv_path=f"{path}.csv",
        problem=problem,
        refresh=Refresh(listing.address(path), seen_of(table.rows)) if live else None,
        number_columns=sum(column.source != "fact" for column in table.columns),
    )


def show_newest(
    place: RunsPlace,
    table: RunsTable,
    definitions: Sequence[MetricDefinition],
    now: datetime,
    *,
    path: str,
) -> TableView:
    """The newest runs on another page, at `path`: the same cells, nothing to sort or tick."""
    writers = _columns(table, definitions, {})
    live = any(not run.state.has_ended for run in table.rows)
    return TableView(
        target=NEWEST,
        path=path,
        listing=place.listing,
        span=Span(table.first, table.last, table.matching, table.total),
        words=_words(),
        heads=[
            Head(_("Run"), kind="is-key"),
            *(Head(one.label, kind=one.kind, note=note_of(one.column)) for one in writers),
        ],
        rows=[html_row(_cells(run, writers, place, now)) for run in table.rows],
        refresh=Refresh(path, seen_of(table.rows)) if live else None,
    )


def seen_of(rows: Iterable[RunRow]) -> str:
    """Changes when any of these runs has said something or has ended."""
    said = "\n".join(f"{run.id} {run.state} {run.heard_at.timestamp()}" for run in rows)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _columns(
    table: RunsTable,
    definitions: Sequence[MetricDefinition],
    best: Mapping[RunColumn, float],
) -> list["_Column"]:
    formats = {one.name: one.format for one in definitions}
    return [
        _Column(column, table.rows, formats.get(column.key, DEFAULT_FORMAT), best.get(column))
        for column in table.columns
    ]


class _Column:
    """Writes the cells of one column, alike in every row."""

    def __init__(
        self, column: RunColumn, rows: Sequence[RunRow], spec: str, best: float | None
    ) -> None:
        self.column = column
        self.label = title_of(column)
        self.best = best
        cells = [run.cells[column.name] for run in rows if column.name in run.cells]
        self.format = common_format(spec, [cell.number for cell in cells])
        is_number = column.is_metric or any(cell.number is not None for cell in cells)
        self.is_number = is_number or column == RunColumn("fact", "duration")

    @property
    def kind(self) -> str:
        """The class of the header over these cells."""
        return "is-number" if self.is_number else ""

    def cell(self, run: RunRow, now: datetime) -> SafeString:
        if self.column.source == "fact":
            return self._fact(run, now)
        cell = run.cells.get(self.column.name)
        if self.column.is_metric:
            return self._metric(cell)
        if cell is None:
            missing = number_cell(self.label, MISSING, missing=True)
            return missing if self.is_number else text_cell(self.label, "")
        shown = _shown_value(cell)
        title = cell.text if shown != cell.text else ""
        write = number_cell if self.is_number else text_cell
        return write(self.label, shown, title=truncate(title, 500))

    def _metric(self, cell: RunCell | None) -> SafeString:
        if cell is None:
            return number_cell(self.label, MISSING, missing=True)
        value = "NaN" if cell.number is None else format_value(cell.number, self.format)
        is_best = cell.number is not None and cell.number == self.best
        return score_cell(Score(self.label, value, "", "", None, is_best, False, "is-plain"))

    def _fact(self, run: RunRow, now: datetime) -> SafeString:
        label = self.label
        match self.column.key:
            case "state":
                live = run.state == RunState.RUNNING and not run.is_silent
                return state_cell(label, str(run.state.label), STATE_HUES[run.state], live=live)
            case "started":
                return who_cell(label, "", ago(run.started_at, now), exact(run.started_at))
            case "duration":
                return number_cell(label, duration(run.seconds))
            case "by":
                return text_cell(label, truncate(run.by, SHOWN_TEXT))
            case "group":
                return text_cell(label, truncate_middle(run.group, SHOWN_TEXT), title=run.group)
            case "job_type":
                return text_cell(label, truncate_middle(run.job_type, SHOWN_TEXT))
            case _:
                tags = [truncate(tag, SHOWN_TITLE) for tag in run.tags[:SHOWN_TAGS]]
                return tags_cell(label, tags, more=len(run.tags) - len(tags))


def _shown_value(cell: RunCell) -> str:
    """A value of the config as it was sent; a number with many digits as numbers are written."""
    if cell.number is not None and len(cell.text) > 8 and cell.text not in ("true", "false"):
        return format_value(cell.number)
    return truncate(cell.text, SHOWN_TEXT)


def _line(
    run: RunRow, columns: Sequence[_Column], place: RunsPlace, compare: str, now: datetime
) -> SafeString:
    address = f"{place.team.name}/{place.project.name}/{run.key}"
    label = compare % {"name": truncate_middle(run.name, SHOWN_NAME)}
    check = check_cell("r", address, label, key=f"run-{run.id}")
    return html_row([check, *_cells(run, columns, place, now)])


def _cells(
    run: RunRow, columns: Sequence[_Column], place: RunsPlace, now: datetime
) -> list[SafeString]:
    name = truncate_middle(run.name, SHOWN_NAME)
    title = run.name if name != run.name else ""
    return [
        key_cell(
            f"{place.path}/{quote(run.key)}",
            name,
            title=title,
            mark=_("nested: another run started it") if run.is_nested else "",
        ),
        *(column.cell(run, now) for column in columns),
    ]


def _head(writer: _Column, lowest: Mapping[RunColumn, bool], listing: Listing, path: str) -> Head:
    column, label = writer.column, writer.label
    if column.source == "fact":
        if column.key not in SORTED_FACTS:
            return Head(label)
        is_newest_first = column.key in ("started", "duration")
        return sort_head(
            label, column.key, listing, path, descending_first=is_newest_first, kind=writer.kind
        )
    # The best first where that is known; of other metrics the lowest, as of a loss.
    is_down = not lowest.get(column, True)
    return sort_head(
        label,
        column.name,
        listing,
        path,
        descending_first=is_down,
        kind=writer.kind,
        note=note_of(column),
    )


# --- one row a group ----------------------------------------------------------------------------


def show_groups(
    place: RunsPlace,
    groups: RunGroups,
    column: RunColumn,
    shown: Sequence[RunColumn],
    definitions: Sequence[MetricDefinition],
    total: int,
    problem: Problem | None = None,
) -> TableView:
    """One row for each value that runs share, leading to the runs that have it."""
    path, listing = place.path, place.listing
    metrics = [one for one in shown if one.is_metric]
    lowest = lowest_is_best(metrics, definitions)
    formats = {one.name: one.format for one in definitions}
    rows = _sorted_groups(groups.groups, listing.query.sort)
    reading = _("The mean of each group, then its lowest and highest.")
    if groups.total > MAX_GROUPS:
        words = {"count": MAX_GROUPS, "total": format_count(groups.total)}
        reading = _("The %(count)d largest of %(total)s groups.") % words + " " + reading
    return TableView(
        target=FRAGMENT,
        path=path,
        listing=listing,
        span=Span(1 if rows else 0, len(rows), groups.total, total),
        words=_words(),
        heads=[
            sort_head(title_of(column), "value", listing, path, kind="is-key"),
            sort_head(_("Runs"), "runs", listing, path, descending_first=True),
            *(
                sort_head(
                    title_of(metric),
                    metric.name,
                    listing,
                    path,
                    descending_first=not lowest.get(metric, True),
                    note=note_of(metric),
                )
                for metric in metrics
            ),
        ],
        rows=[_group_line(group, column, metrics, lowest, formats, place) for group in rows],
        caption=_("Runs of %(name)s by %(column)s")
        % {"name": str(place.project), "column": title_of(column)},
        menus=[_state_menu(listing, path), _group_menu(place, shown)],
        columns=_column_menu(shown, place),
        can_name_columns=True,
        example='state = "finished"',
        hints=_hints(place.keys),
        fields=[quoted(field) for field in _field_names(place.keys)],
        problem=problem,
        reading=reading,
        number_columns=len(metrics),
        says=_groups_words(groups),
    )


def _groups_words(groups: RunGroups) -> str:
    runs = ngettext("%(count)s run", "%(count)s runs", groups.runs)
    found = ngettext("%(runs)s in %(count)s group", "%(runs)s in %(count)s groups", groups.total)
    return found % {
        "runs": runs % {"count": format_count(groups.runs)},
        "count": format_count(groups.total),
    }


def _sorted_groups(groups: Sequence[RunGroup], sort: str) -> list[RunGroup]:
    """By what the address says, those without it last; by themselves the largest come first."""
    name, is_down = sort.removeprefix("-"), sort.startswith("-")
    if not name or name == "runs":
        return sorted(groups, key=lambda group: group.count, reverse=is_down or not name)
    if name == "value":
        numbers = [group for group in groups if group.number is not None]
        texts = [group for group in groups if group.number is None and group.text is not None]
        rest = [group for group in groups if group.text is None]
        numbers.sort(key=lambda group: group.number or 0, reverse=is_down)
        texts.sort(key=lambda group: group.text or "", reverse=is_down)
        return [*numbers, *texts, *rest]
    having = [group for group in groups if name in group.figures]
    without = [group for group in groups if name not in group.figures]
    return sorted(having, key=lambda group: group.figures[name].mean, reverse=is_down) + without


def _group_line(
    group: RunGroup,
    column: RunColumn,
    metrics: Sequence[RunColumn],
    lowest: Mapping[RunColumn, bool],
    formats: Mapping[str, str],
    place: RunsPlace,
) -> SafeString:
    listing = place.listing
    within = runs_in(group, column, listing.query.where)
    query = listing.query
    opened = listing.filtered(within, query.search, query.status).opting("group", "").sorted_by("")
    cells = [
        key_cell(
            opened.address(place.path),
            _group_name(group, column),
            title=_("Show these runs"),
        ),
        number_cell(_("Runs"), format_count(group.count)),
    ]
    for metric in metrics:
        label, spec = title_of(metric), formats.get(metric.key, DEFAULT_FORMAT)
        figures = group.figures.get(metric.name)
        if figures is None:
            cells.append(number_cell(label, MISSING, missing=True))
            continue
        low, high = format_value(figures.low, spec), format_value(figures.high, spec)
        best = ""
        if metric in lowest:
            best = _("best %(value)s") % {"value": low if lowest[metric] else high}
        count = ngettext("of %(count)s run", "of %(count)s runs", figures.count)
        title = count % {"count": format_count(figures.count)}
        cells.append(
            figures_cell(
                label,
                format_value(figures.mean, spec),
                f"{low} – {high}",
                title=", ".join(part for part in (title, best) if part),
            )
        )
    return html_row(cells)


def _group_name(group: RunGroup, column: RunColumn) -> str:
    if group.text is None:
        return _("none")
    if column.name == "state":
        return str(RunState(group.text).label)
    return truncate_middle(group.text, SHOWN_NAME)


# --- the toolbar --------------------------------------------------------------------------------


def _words() -> Words:
    return Words(
        rows=_("Table of runs"),
        search=_("Search in runs"),
        all=_("Show all runs"),
        none=_("No run matches"),
        note=_("Conditions on state, started, by, group, tag, config.… and metrics."),
    )


def _state_menu(listing: Listing, path: str) -> Menu:
    states = [(state.value, str(state.label), STATE_HUES[state]) for state in RunState]
    return status_menu(_("State"), states, listing, path)


def _group_menu(place: RunsPlace, shown: Sequence[RunColumn]) -> Menu:
    """What runs can be grouped by: facts, and the keys of the config, those on show first."""
    listing, path = place.listing, place.path
    present = listing.option("group")
    keys = [column.key for column in shown if column.source == "config"]
    keys += [key for key in place.keys.config if key not in keys]
    names = [*GROUPED_FACTS, *(RunColumn("config", key).name for key in keys[:OFFERED])]
    if present and present not in names:
        names.append(present)
    ungrouped = listing.at("").sorted_by("")
    choices = [Choice(_("Nothing"), ungrouped.opting("group", "").address(path), not present)]
    choices += [
        Choice(
            title_of(read_column(name)),
            ungrouped.opting("group", name).address(path),
            name == present,
        )
        for name in names
    ]
    return Menu(_("Group"), choices, 1 if present else 0)


def _column_menu(shown: Sequence[RunColumn], place: RunsPlace) -> list[Choice]:
    """The shown columns, then some others: facts, the other figures of shown metrics, keys."""
    metrics = dict.fromkeys(column.key for column in shown if column.is_metric)
    likely = [RunColumn(figure, key) for key in metrics for figure in FIGURES]
    offered = dict.fromkeys(
        [*(RunColumn("fact", name) for name in FACTS), *likely, *_some(place.keys)]
    )
    others = [column for column in offered if column not in shown][: OFFERED + len(FACTS)]
    return column_choices(
        [(column.name, title_of(column)) for column in shown],
        [(column.name, title_of(column)) for column in others],
        place.listing,
        place.path,
    )


def _some(keys: RunKeys) -> list[RunColumn]:
    """Metrics and config in turns, so that many of one leave room for the other."""
    metrics = [RunColumn("last", key) for key in keys.metrics[:OFFERED]]
    config = [RunColumn("config", key) for key in keys.config[:OFFERED]]
    summary = [RunColumn("summary", key) for key in keys.summary[:OFFERED]]
    half = OFFERED // 2
    return [*metrics[:half], *config[:half], *metrics[half:], *config[half:], *summary]


def _field_names(keys: RunKeys) -> list[str]:
    facts = ["run", "state", "started", "duration", "by", "group", "job_type", "tag", "notes"]
    columns = [column for column in keys.columns() if column.source in ("config", "last")]
    config = [column.name for column in columns if column.source == "config"][:HINTED]
    metrics = [column.name for column in columns if column.source == "last"][:HINTED]
    return [*facts, *config, *metrics]


def _hints(keys: RunKeys) -> list[Hint]:
    metric = quoted(RunColumn("last", keys.metrics[0]).name) if keys.metrics else "loss"
    lowest = quoted(RunColumn("min", keys.metrics[0]).name) if keys.metrics else "min.loss"
    config = quoted(RunColumn("config", keys.config[0]).name) if keys.config else "config.lr"
    return [
        Hint(f"{config} < 0.01 and {metric} < 0.2", _("what a run was told, and what it reached")),
        Hint(f"{lowest} < 0.1", _("the lowest value on the way; max. for the highest")),
        Hint('state = "finished" and not tag = "old"', _("join with and, or, not and brackets")),
        Hint('config.optimizer in ("adam", "sgd")', _("one of several")),
        Hint(f"{metric} is missing", _("never logged, or NaN")),
        Hint("started >= 2026-01-31", _("a day or a quoted time, in UTC")),
    ]
