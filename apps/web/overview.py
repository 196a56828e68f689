"""Models as the lists of models show them: one row each, formatted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.artifacts.models import Collection, LabelHolding
from apps.core.names import name_key
from apps.core.numbers import MISSING, Delta, format_count
from apps.core.paging import Key, Page, paginate
from apps.core.times import ago, span
from apps.evaluations.models import Result
from apps.registry.models import Column
from apps.registry.queries.overview import ModelSummary, summaries_of
from apps.web.addresses import model_url, project_url
from apps.web.present.scores import show_score, style_of

PAGE_SIZE = 50
# By team, the registry's before those of projects, then by name; every list of models keeps this.
ORDER = (
    Key("team_key", "text"),
    Key("place_key", "text"),
    Key("name_key", "text"),
    Key("pk", "integer"),
)


@dataclass(frozen=True)
class Place:
    """Where a model lives, in words and as a link."""

    name: str
    url: str


@dataclass(frozen=True)
class ModelRow:
    """One model. `label` and what follows are empty where nobody holds the team's first label."""

    name: str
    url: str
    team: str
    place: Place | None
    versions: str
    logged: str
    logged_at: datetime | None
    label: str
    hue: str
    holder: str
    holder_url: str
    since: str
    since_at: datetime | None
    by: str
    metric: str
    value: str
    delta: Delta | None
    versus: str


def page_of_models(models: QuerySet[Collection], user: User, *, cursor: str, search: str) -> Page:
    """A page of model rows; the same number of queries for any number of rows."""
    ordered = named_like(models, search).annotate(
        team_key=F("team__name_key"), place_key=Coalesce("project__name_key", Value(""))
    )
    page = paginate(ordered, ORDER, cursor=cursor, size=PAGE_SIZE, scope=search)
    return page.with_rows(model_rows(page.rows, user))


def named_like(models: QuerySet[Collection], words: str) -> QuerySet[Collection]:
    """Those whose name or title contains the words, whatever their letter case; all for none."""
    if not words:
        return models
    return models.filter(Q(name_key__contains=name_key(words)) | Q(title__icontains=words))


def model_rows(collections: Sequence[Collection], user: User) -> list[ModelRow]:
    return [_row(summary) for summary in summaries_of(collections, user)]


def _row(summary: ModelSummary) -> ModelRow:
    collection, holding = summary.collection, summary.holding
    address = model_url(collection)
    project = collection.project
    value, delta = _headline(summary.column, summary.result, summary.former_result)
    return ModelRow(
        name=str(collection),
        url=address,
        team=collection.team.name,
        place=Place(str(project), project_url(collection.team, project)) if project else None,
        versions=format_count(summary.version_count),
        logged=ago(summary.last_logged_at),
        logged_at=summary.last_logged_at,
        label=summary.label.name if summary.label and holding else "",
        hue=summary.label.colour if summary.label else "",
        holder=_("Version %(number)d") % {"number": holding.version.number} if holding else "",
        holder_url=f"{address}/versions/{holding.version.number}" if holding else "",
        since=span(holding.held_from) if holding else "",
        since_at=holding.held_from if holding else None,
        by=str(holding.given_by or "") if holding else "",
        metric=summary.column.title if summary.column else "",
        value=value,
        delta=delta,
        versus=_former(holding) if delta else "",
    )


def _headline(
    column: Column | None, result: Result | None, former: Result | None
) -> tuple[str, Delta | None]:
    """The holder's number, and how it differs from the former holder's."""
    if column is None or result is None:
        return MISSING, None
    together = [one for one in (result, former) if one is not None]
    style = style_of(column, together, is_compared=True)
    reference = _("the former holder")
    score = show_score(column, result, base=former, reference=reference, style=style)
    return score.value, score.delta


def _former(holding: LabelHolding | None) -> str:
    return f"v{holding.former.version.number}" if holding and holding.former else ""
