"""Every model at a glance: who holds the first label, since when, and its headline number."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, Count, Exists, Max, OuterRef, Q, QuerySet, When

from apps.accounts.models import Team, User
from apps.artifacts.choices import MODEL
from apps.artifacts.models import Collection, LabelHolding, Version
from apps.artifacts.queries import collections_of
from apps.evaluations.models import Result
from apps.projects.models import Project
from apps.registry.models import Column, StatusLabel
from apps.registry.queries.columns import visible_columns


@dataclass(frozen=True)
class ModelSummary:
    """One model. `holding` is that of the team's first exclusive label, if anybody holds it;
    `column` the first shown column, with the holder's and the former holder's result for it."""

    collection: Collection
    version_count: int
    last_logged_at: datetime | None
    label: StatusLabel | None
    holding: LabelHolding | None
    column: Column | None
    result: Result | None
    former_result: Result | None


def visible_models(user: User) -> QuerySet[Collection]:
    """Every model that the user may see, in any team."""
    models = Collection.objects.filter(type=MODEL).visible_to(user)
    return models.select_related("team", "project")


def idleness(user: User) -> Case:
    """0 for a collection of which the user sees who holds some label, 1 for any other."""
    visible = Version.objects.filter(_source_visible(user))
    held = LabelHolding.objects.standing().filter(
        collection=OuterRef("pk"), version__in=visible.values("pk")
    )
    return Case(When(Exists(held), then=0), default=1)


def models_overview(team: Team, user: User | None, *, limit: int = 200) -> list[ModelSummary]:
    """The team's models that the user may see, in a number of queries that does not grow."""
    return summaries_of(list(collections_of(team, user)[:limit]), user)


def summaries_of(collections: Sequence[Collection], user: User | None) -> list[ModelSummary]:
    """What a list says of each of these models; six queries for any number of them.

    `user` must be allowed to see the models; of their versions and results only what is visible
    to that user is counted and shown.
    """
    labels = _first_labels({collection.team_id for collection in collections})
    counts = _counts(collections, user)
    holdings = _holdings(collections, labels, user)
    columns = _headline_columns(collections, user)
    results = _results(holdings.values(), columns, user)
    summaries = []
    for collection in collections:
        count, last = counts.get(collection.pk, (0, None))
        holding = holdings.get(collection.pk)
        column = columns.get(collection.pk)
        summaries.append(
            ModelSummary(
                collection=collection,
                version_count=count,
                last_logged_at=last,
                label=labels.get(collection.team_id),
                holding=holding,
                column=column,
                result=_result_of(holding, column, results),
                former_result=_result_of(holding and holding.former, column, results),
            )
        )
    return summaries


def recent_moves(user: User, *, limit: int = 10) -> list[LabelHolding]:
    """The label moves that the user may know of, in any team, newest first."""
    holdings = LabelHolding.objects.filter(
        collection__in=Collection.objects.visible_to(user).values("pk"),
        version__in=Version.objects.filter(_source_visible(user)).values("pk"),
    )
    found = holdings.select_related(
        "version__collection__team", "version__collection__project", "given_by"
    )
    return list(found.order_by("-held_from", "-pk")[:limit])


def _first_labels(teams: Iterable[int]) -> dict[int, StatusLabel]:
    """Each team's first exclusive label: the one by which its models are compared."""
    first: dict[int, StatusLabel] = {}
    labels = StatusLabel.objects.filter(team__in=teams, is_exclusive=True)
    for label in labels.order_by("position", "name_key"):
        first.setdefault(label.team_id, label)
    return first


def _counts(
    collections: Sequence[Collection], user: User | None
) -> dict[int, tuple[int, datetime | None]]:
    versions = Version.objects.filter(collection__in=collections, deleted_at=None)
    if user is not None:
        versions = versions.filter(_source_visible(user))
    rows = versions.values("collection").annotate(count=Count("pk"), last=Max("linked_at"))
    return {row["collection"]: (row["count"], row["last"]) for row in rows.order_by()}


def _holdings(
    collections: Sequence[Collection], labels: Mapping[int, StatusLabel], user: User | None
) -> dict[int, LabelHolding]:
    keys = {label.name_key for label in labels.values()}
    found = LabelHolding.objects.filter(collection__in=collections, label_key__in=keys)
    found = found.standing().lead_first()
    found = found.select_related("version__artifact", "given_by", "former__version")
    if user is not None:
        visible = Version.objects.filter(_source_visible(user))
        found = found.filter(version__in=visible.values("pk"))
    # What is the first label of one team may be any label of another.
    wanted = {
        (collection.pk, labels[collection.team_id].name_key)
        for collection in collections
        if collection.team_id in labels
    }
    leads: dict[int, LabelHolding] = {}
    for holding in found:
        if (holding.collection_id, holding.label_key) in wanted:
            leads.setdefault(holding.collection_id, holding)
    return leads


def _headline_columns(collections: Sequence[Collection], user: User | None) -> dict[int, Column]:
    first: dict[int, Column] = {}
    for column in visible_columns(user).filter(collection__in=collections, is_visible=True):
        first.setdefault(column.collection_id, column)
    return first


def _results(
    holdings: Iterable[LabelHolding], columns: dict[int, Column], user: User | None
) -> dict[tuple[int, int, int | None], Result]:
    artifacts = set()
    for holding in holdings:
        artifacts.add(holding.version.artifact_id)
        if holding.former is not None:
            artifacts.add(holding.former.version.artifact_id)
    metrics = {column.metric_id for column in columns.values()}
    found = Result.objects.filter(artifact__in=artifacts, metric__in=metrics, is_current=True)
    if user is not None:
        # The former holder's source may be hidden from a reader who sees the present one.
        visible = Project.objects.visible_to(user)
        found = found.filter(artifact__project__in=visible.values("pk"))
    return {(one.artifact_id, one.metric_id, one.golden_set_id): one for one in found}


def _result_of(
    holding: LabelHolding | None,
    column: Column | None,
    results: dict[tuple[int, int, int | None], Result],
) -> Result | None:
    if holding is None or column is None:
        return None
    return results.get((holding.version.artifact_id, column.metric_id, column.golden_set_id))


def _source_visible(user: User) -> Q:
    return Q(artifact__project__in=Project.objects.visible_to(user).values("pk"))
