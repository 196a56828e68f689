"""The head of a model's page: what it is, who holds which label, and how its scores went."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.utils.safestring import SafeString
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from apps.accounts.models import Team
from apps.artifacts.choices import MODEL
from apps.artifacts.models import Collection, Version
from apps.core.numbers import Delta, format_count
from apps.core.text import truncate
from apps.core.times import ago, span
from apps.projects.models import Project
from apps.registry.models import Column, StatusLabel
from apps.registry.queries.holders import Holder
from apps.registry.queries.table import Row, StatusTable, format_of
from apps.registry.queries.trend import Trend, TrendPoint
from apps.web.addresses import artifacts_url, collection_url, model_url, place_url, project_url
from apps.web.charts import Chart, ChartSpec, Line, Marker, Point, line_chart, sparkline
from apps.web.charts.chart import Role, Style
from apps.web.listing import Listing
from apps.web.present.people import day, exact, name_of
from apps.web.present.scores import Measured, delta_between, show_score

# Versions before this one that its sparkline shows, itself included.
SPARK_VERSIONS = 8
MAX_CARDS = 6
# A chart is easier to read on a logarithmic axis when its values span this factor.
LOG_FROM = 20
MAX_LINES = 3
# Charts kept in memory, some ten kilobytes each; they can be drawn again at any time.
DRAWN = 64
_STYLES: tuple[Style, ...] = ("solid", "dashed", "dotted")
_ROLES: tuple[Role, ...] = ("accent", "muted", "muted")


@dataclass(frozen=True, slots=True)
class Crumb:
    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Card:
    """What templates/components/card.html shows."""

    label: str
    hue: str
    title: str
    url: str
    hollow: bool = False
    lead: bool = False
    since: str = ""
    since_title: str = ""
    spark: SafeString | str = ""
    value: str = ""
    metric: str = ""
    delta: Delta | None = None
    versus: str = ""
    note: str = ""
    reason: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class ModelHead:
    title: str
    name: str
    url: str
    crumbs: Sequence[Crumb]
    facts: Sequence[str]
    live: str


@dataclass(frozen=True, slots=True)
class ModelChart:
    """The chart, and what it leaves out; a model without scores has none."""

    chart: Chart
    note: str


def show_head(
    collection: Collection, table: StatusTable, known: Sequence[Column], live_runs: int
) -> ModelHead:
    sets = len({column.golden_set_id for column in known if column.golden_set_id is not None})
    title = title_of(collection)
    facts = [
        *([collection.name] if collection.name != title else []),
        ngettext("%(count)s version", "%(count)s versions", table.total)
        % {"count": format_count(table.total)},
        ngettext("%(count)d golden set", "%(count)d golden sets", sets) % {"count": sets},
    ]
    if table.last_logged_at is not None:
        facts.append(_("last logged %(ago)s") % {"ago": ago(table.last_logged_at)})
    live = ngettext("%(count)d run live", "%(count)d runs live", live_runs) % {"count": live_runs}
    return ModelHead(
        title=title,
        name=collection.name,
        url=model_url(collection),
        crumbs=crumbs_to(collection, with_model=False),
        facts=facts,
        live=live if live_runs else "",
    )


def title_of(collection: Collection) -> str:
    return collection.title or _("%(name)s Model Status") % {"name": collection.name}


def crumbs_to_place(team: Team, project: Project | None) -> list[Crumb]:
    """The way down to a project, or with None to the team."""
    crumbs = [Crumb(team.title or team.name, f"/{team.name}")]
    return [*crumbs, Crumb(str(project), project_url(team, project))] if project else crumbs


def crumbs_to(collection: Collection, *, with_model: bool = True) -> list[Crumb]:
    """The way down to a model, and to the model itself for the pages below it."""
    team = collection.team
    crumbs = crumbs_to_place(team, collection.project)
    if collection.project is None:
        crumbs.append(Crumb(_("Models"), f"/{team.name}/models"))
    return [*crumbs, Crumb(collection.name, model_url(collection))] if with_model else crumbs


def crumbs_to_artifacts(collection: Collection, *, with_own: bool = True) -> list[Crumb]:
    """The same for a collection that is no model: through the list of artifacts."""
    team, project = collection.team, collection.project
    crumbs = [*crumbs_to_place(team, project), Crumb(_("Artifacts"), artifacts_url(team, project))]
    return [*crumbs, Crumb(collection.name, collection_url(collection))] if with_own else crumbs


def crumbs_to_version(version: Version) -> list[Crumb]:
    """The way down to a version, for the pages below it."""
    collection = version.collection
    crumbs = crumbs_to(collection) if collection.type == MODEL else crumbs_to_artifacts(collection)
    return [*crumbs, Crumb(f"v{version.number}", place_url(version))]


# --- who holds which label ----------------------------------------------------------------------


def show_cards(
    collection: Collection,
    table: StatusTable,
    holders: Sequence[Holder],
    headline: Column | None,
    trend: Trend,
    latest: Row | None,
) -> list[Card]:
    """A card for each exclusive label that somebody holds, the first one's always; then latest."""
    labels = {label.name_key: label for label in table.labels}
    first = next((label for label in table.labels if label.is_exclusive), None)
    path = model_url(collection)
    points = trend.points.get(headline.pk, ()) if headline else ()
    cards = [
        _holder_card(holder, labels.get(holder.holding.label_key), first, headline, points, path)
        for holder in holders[:MAX_CARDS]
    ]
    if first is not None and all(held.label_key != first.name_key for held in table.holdings):
        cards.insert(0, _vacant_card(first, path))
    held = {holder.holding.version_id for holder in holders}
    if latest is not None and latest.id not in held:
        cards.append(_latest_card(latest, table, first, headline, points, path))
    return cards


def _holder_card(
    holder: Holder,
    label: StatusLabel | None,
    first: StatusLabel | None,
    headline: Column | None,
    points: Sequence[TrendPoint],
    path: str,
) -> Card:
    held = holder.holding
    number = held.version.number
    lead = first is not None and held.label_key == first.name_key
    against = f"v{holder.reference}" if lead or first is None else first.name
    return Card(
        label=held.label,
        hue=str(label.colour) if label else "slate",
        title=_("Version %(number)d") % {"number": number},
        url=f"{path}/versions/{number}",
        lead=lead,
        since=span(held.held_from),
        since_title=exact(held.held_from),
        spark=_spark(points, number, headline),
        reason=truncate(held.reason, 160),
        by=_("%(name)s, %(day)s") % {"name": name_of(held.given_by), "day": day(held.held_from)},
        **_number(headline, holder.result, holder.reference_result, against),  # type: ignore[arg-type]
    )


def _vacant_card(first: StatusLabel, path: str) -> Card:
    return Card(
        label=first.name,
        hue=str(first.colour),
        title=_("Nobody yet"),
        url=path,
        note=_("No version holds %(label)s. Open one and promote it.") % {"label": first.name},
    )


def _latest_card(
    latest: Row,
    table: StatusTable,
    first: StatusLabel | None,
    headline: Column | None,
    points: Sequence[TrendPoint],
    path: str,
) -> Card:
    base = table.baseline
    cell = latest.cells.get(headline.pk) if headline else None
    base_cell = base.cells.get(headline.pk) if base and headline else None
    shown = _number(headline, cell, base_cell, first.name if first else "")
    missing = [column.title for column in table.columns if column.pk not in latest.cells]
    note = ""
    if missing and len(missing) < len(table.columns) and shown["value"]:
        note = _("%(columns)s not evaluated yet") % {"columns": ", ".join(missing[:3])}
    return Card(
        label=_("latest"),
        hue="slate",
        hollow=True,
        title=_("Version %(number)d") % {"number": latest.number},
        url=f"{path}/versions/{latest.number}",
        since=ago(latest.linked_at),
        since_title=exact(latest.linked_at),
        spark=_spark(points, latest.number, headline),
        by=_("logged by %(name)s") % {"name": latest.by} if latest.by else "",
        **{**shown, "note": note or shown["note"]},  # type: ignore[arg-type]
    )


def _number(
    headline: Column | None, score: Measured | None, base: Measured | None, against: str
) -> dict[str, object]:
    """The headline number of a card, or the words that stand in its place."""
    if headline is None:
        return {"value": "", "note": _("not evaluated yet")}
    if score is None:
        return {"value": "", "note": _("%(column)s not evaluated yet") % {"column": headline.title}}
    delta = delta_between(headline, score, base, against)
    shown = show_score(headline, score)
    return {
        "value": shown.value,
        "metric": headline.title,
        "delta": delta,
        "versus": against if delta is not None else "",
        "note": "",
    }


def _spark(points: Sequence[TrendPoint], number: int, headline: Column | None) -> SafeString | str:
    """How the headline score went over the versions up to this one."""
    values = [point.value for point in points if point.number <= number][-SPARK_VERSIONS:]
    if headline is None or len(values) < 2:
        return ""
    label = _("%(column)s of the %(count)d versions up to version %(number)d") % {
        "column": headline.title,
        "count": len(values),
        "number": number,
    }
    return sparkline(values, label=label)


# --- metric by version --------------------------------------------------------------------------


def charted(columns: Sequence[Column]) -> list[Column]:
    """The columns that one chart can hold: the first one's metric, on every golden set shown."""
    if not columns:
        return []
    return [column for column in columns if column.metric_id == columns[0].metric_id][:MAX_LINES]


def show_chart(
    columns: Sequence[Column], trend: Trend, labels: Sequence[StatusLabel], listing: Listing
) -> ModelChart | None:
    """Scores by version with the versions marked that labels went to; None without scores."""
    if not any(trend.points.get(column.pk) for column in columns):
        return None
    first = next((label for label in labels if label.is_exclusive), None)
    now = {
        held.version.number
        for held in trend.holdings
        if held.held_until is None and first is not None and held.label_key == first.name_key
    }
    log_y = is_log(columns, trend, listing)
    metric = columns[0].metric.title
    note = ""
    if trend.is_cut:
        note = _("The newest %(count)d versions") % {"count": len(trend.numbers)}
    spec = ChartSpec(
        key="trend",
        title=_("%(metric)s by version") % {"metric": metric},
        description=note,
        x_label=_("Version"),
        lines=tuple(
            _line(column, trend.points.get(column.pk, ()), at, now)
            for at, column in enumerate(columns)
        ),
        markers=tuple(_markers(trend, labels)),
        y_format=format_of(columns[0]),
        log_y=log_y,
    )
    return ModelChart(_drawn(spec, get_language()), note)


@lru_cache(maxsize=DRAWN)
def _drawn(spec: ChartSpec, language: str | None) -> Chart:
    """The chart, kept while nothing of it changes: it is most of what a page costs, and depends on
    nothing else (the words in it on the language)."""
    return line_chart(spec)


def scale_links(listing: Listing, path: str, *, log_y: bool) -> list[tuple[str, str, bool]]:
    """The two axes: words, address, whether it is the present one."""
    return [
        (_("log"), listing.opting("scale", "log").address(path), log_y),
        (_("linear"), listing.opting("scale", "linear").address(path), not log_y),
    ]


def is_log(columns: Sequence[Column], trend: Trend, listing: Listing) -> bool:
    """As the address says, else as the values suggest."""
    return listing.option("scale") == "log" or (
        not listing.option("scale") and _spans(columns, trend)
    )


def _line(column: Column, points: Sequence[TrendPoint], at: int, now: set[int]) -> Line:
    return Line(
        name=column.title,
        style=_STYLES[at],
        role=_ROLES[at],
        points=tuple(
            Point(
                x=point.number,
                y=point.value,
                low=_bound(point, -1) if at == 0 else None,
                high=_bound(point, 1) if at == 0 else None,
                label=_("version %(number)d") % {"number": point.number},
                marked=point.number in now and at == 0,
            )
            for point in points
        ),
    )


def _bound(point: TrendPoint, sign: int) -> float | None:
    if point.value is None or point.stderr is None:
        return None
    return point.value + sign * point.stderr


def _markers(trend: Trend, labels: Sequence[StatusLabel]) -> list[Marker]:
    """Every version that the first label went to, and those that hold another one now.

    One mark for each version and label, however often it went there; all labels at all times
    would be more marks than a chart can carry.
    """
    exclusive = {label.name_key: label for label in labels if label.is_exclusive}
    first = next(iter(exclusive), None)
    marks: dict[tuple[int, str], Marker] = {}
    for held in trend.holdings:
        label = exclusive.get(held.label_key)
        if label is not None and (label.name_key == first or held.held_until is None):
            text = _("became %(label)s") % {"label": label.name}
            number = held.version.number
            role: Role = str(label.colour)  # type: ignore[assignment]  # the same palette
            marks.setdefault((number, label.name_key), Marker(number, text, role))
    return list(marks.values())


def _spans(columns: Sequence[Column], trend: Trend) -> bool:
    values = [
        point.value
        for column in columns
        for point in trend.points.get(column.pk, ())
        if point.value is not None
    ]
    return bool(values) and min(values) > 0 and max(values) / min(values) >= LOG_FROM
