"""Models as the lists of models show them: one row each, formatted."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.artifacts.models import Collection, LabelHolding
from apps.core.names import name_key
from apps.core.numbers import MISSING, Delta, format_count
from apps.core.paging import Key, Page, paginate
from apps.core.text import truncate
from apps.core.times import ago, span
from apps.evaluations.pairing import PairedDifference, paired_differences
from apps.registry.queries.glance import Glance, glances_of
from apps.registry.queries.overview import ModelSummary, idleness, summaries_of
from apps.web.addresses import model_url, project_url
from apps.web.charts import sparkline
from apps.web.present.scores import Score, Style, judged_in_pairs, show_score, style_of

PAGE_SIZE = 25
MAX_OTHERS = 3
MAX_REASON = 140
# Comparing ten thousand examples in pairs took 12 ms when it was measured.
MAX_PAIRS = 6
# What is in use before what is not: each run that links a model leaves a collection of one version.
# Then by team, the registry's before those of projects, by name; every list of models keeps this.
ORDER = (
    Key("idle", "integer"),
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
class Headline:
    """A holder's number, how it differs from the former holder's, and that one's number."""

    shown: Score | None = None
    former: str = ""
    style: Style | None = None

    @property
    def is_doubtful(self) -> bool:
        return bool(self.shown and self.shown.delta and self.shown.delta.within_noise)

    def in_pairs(self, paired: PairedDifference | None) -> "Headline":
        if self.shown is None or self.style is None or paired is None:
            return self
        return replace(self, shown=judged_in_pairs(self.shown, paired, self.style))


@dataclass(frozen=True)
class Standing:
    """Another label of a model and who holds it."""

    label: str
    hue: str
    holder: str
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
    reason: str
    metric: str
    value: str
    plus_minus: str
    delta: Delta | None
    versus: str
    former: str
    others: Sequence[Standing]
    spark: SafeString | str


def page_of_models(models: QuerySet[Collection], user: User, *, cursor: str, search: str) -> Page:
    """A page of model rows; the same number of queries for any number of rows."""
    ordered = named_like(models, search).annotate(
        idle=idleness(user),
        team_key=F("team__name_key"),
        place_key=Coalesce("project__name_key", Value("")),
    )
    page = paginate(ordered, ORDER, cursor=cursor, size=PAGE_SIZE, scope=search)
    return page.with_rows(model_rows(page.rows, user))


def named_like(models: QuerySet[Collection], words: str) -> QuerySet[Collection]:
    """Those whose name or title contains the words, whatever their letter case; all for none."""
    if not words:
        return models
    return models.filter(Q(name_key__contains=name_key(words)) | Q(title__icontains=words))


def model_rows(collections: Sequence[Collection], user: User) -> list[ModelRow]:
    summaries = summaries_of(collections, user)
    glances = glances_of(summaries, user)
    headlines = _headlines(summaries)
    return [
        _row(summary, glances[summary.collection.pk], headline)
        for summary, headline in zip(summaries, headlines, strict=True)
    ]


def _row(summary: ModelSummary, glance: Glance, headline: Headline) -> ModelRow:
    collection, holding = summary.collection, summary.holding
    address = model_url(collection)
    project = collection.project
    shown, former = headline.shown, headline.former
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
        reason=truncate(holding.reason, MAX_REASON) if holding else "",
        metric=summary.column.title if summary.column else "",
        value=shown.value if shown else MISSING,
        plus_minus=shown.plus_minus if shown else "",
        delta=shown.delta if shown else None,
        versus=_former(holding) if former else "",
        former=former,
        others=[
            Standing(
                other.label.name,
                str(other.label.colour),
                f"v{other.number}",
                f"{address}/versions/{other.number}",
            )
            for other in glance.others[:MAX_OTHERS]
        ],
        spark=_spark(summary, glance),
    )


def _headlines(summaries: Sequence[ModelSummary]) -> list[Headline]:
    """The numbers of these models, in their order.

    A difference that lies within the uncertainty of both numbers may still be certain example by
    example, so those are looked at in pairs: some milliseconds each, hence no more than a few.
    """
    headlines = [_headline(summary) for summary in summaries]
    doubtful = [
        (summary.result, summary.former_result)
        for summary, headline in zip(summaries, headlines, strict=True)
        if headline.is_doubtful and summary.result and summary.former_result
    ]
    paired = paired_differences(doubtful[:MAX_PAIRS])
    return [
        headline.in_pairs(paired.get(summary.result.pk) if summary.result else None)
        for summary, headline in zip(summaries, headlines, strict=True)
    ]


def _headline(summary: ModelSummary) -> Headline:
    column, result, former = summary.column, summary.result, summary.former_result
    if column is None or result is None:
        return Headline()
    together = [one for one in (result, former) if one is not None]
    style = style_of(column, together, is_compared=True)
    reference = _("the former holder")
    shown = show_score(column, result, base=former, reference=reference, style=style)
    return Headline(shown, show_score(column, former, style=style).value if former else "", style)


def _spark(summary: ModelSummary, glance: Glance) -> SafeString | str:
    """The headline score over the newest versions, the dot on the holder's."""
    if summary.column is None or sum(score is not None for score in glance.scores) < 2:
        return ""
    words = {"column": summary.column.title, "count": len(glance.numbers)}
    # One that is older than all of these is not on the line.
    number = summary.holding.version.number if summary.holding else -1
    places = {version: place for place, version in enumerate(glance.numbers)}
    return sparkline(
        glance.scores,
        label=_("%(column)s of the newest %(count)d versions") % words,
        dot=places.get(number, -1),
    )


def _former(holding: LabelHolding | None) -> str:
    return f"v{holding.former.version.number}" if holding and holding.former else ""
