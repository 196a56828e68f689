"""What a list of models says beyond who holds the first label: how the headline score went, and
who holds the other exclusive labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Q

from apps.accounts.models import User
from apps.artifacts.models import LabelHolding, Version
from apps.projects.models import Project
from apps.registry.models import ColumnScore, StatusLabel
from apps.registry.queries.overview import ModelSummary

# The newest versions that a sparkline is drawn from.
NEWEST = 16


@dataclass(frozen=True)
class OtherHolder:
    """Who holds an exclusive label of the vocabulary that is not the first one."""

    label: StatusLabel
    number: int


@dataclass(frozen=True)
class Glance:
    """`scores` are those of the newest versions in the headline column, oldest first, None where a
    version has none; `numbers` their versions."""

    numbers: Sequence[int]
    scores: Sequence[float | None]
    others: Sequence[OtherHolder]


def glances_of(summaries: Sequence[ModelSummary], user: User) -> dict[int, Glance]:
    """For each of these models by primary key; four queries for any number of them."""
    newest = _newest_versions(summaries, user)
    scores = _scores(summaries, newest)
    others = _other_holders(summaries, user)
    glances = {}
    for summary in summaries:
        model = summary.collection.pk
        # Numbers never change hands, so their order is that of the versions.
        versions = sorted(newest.get(model, {}).items(), key=lambda pair: pair[1])
        glances[model] = Glance(
            numbers=[number for _, number in versions],
            scores=[scores.get(version) for version, _ in versions],
            others=others.get(model, ()),
        )
    return glances


def _newest_versions(summaries: Sequence[ModelSummary], user: User) -> dict[int, dict[int, int]]:
    """The numbers of the newest visible versions of each model by their primary keys."""
    within = Q()
    for summary in summaries:
        model = summary.collection
        # By number, which an index answers; versions that are gone leave a shorter line.
        within |= Q(collection=model, number__gte=model.next_number - NEWEST)
    if not within:
        return {}
    visible = Project.objects.visible_to(user).values("pk")
    found = Version.objects.filter(
        within, deleted_at=None, artifact__project__in=visible
    ).values_list("collection", "pk", "number")
    newest: dict[int, dict[int, int]] = {}
    for model_pk, version, number in found.order_by():
        newest.setdefault(model_pk, {})[version] = number
    return newest


def _scores(
    summaries: Sequence[ModelSummary], newest: Mapping[int, Mapping[int, int]]
) -> dict[int, float]:
    """The score of each of these versions in its model's headline column."""
    columns = [summary.column.pk for summary in summaries if summary.column is not None]
    versions = [version for model in newest.values() for version in model]
    found = ColumnScore.objects.filter(version__in=versions, column__in=columns)
    return dict(found.values_list("version", "value"))


def _other_holders(summaries: Sequence[ModelSummary], user: User) -> dict[int, list[OtherHolder]]:
    teams = {summary.collection.team_id for summary in summaries}
    labels = {
        (label.team_id, label.name_key): label
        for label in StatusLabel.objects.filter(team__in=teams, is_exclusive=True)
    }
    visible = Project.objects.visible_to(user).values("pk")
    held = LabelHolding.objects.filter(
        collection__in=[summary.collection.pk for summary in summaries],
        label_key__in={key for _, key in labels},
        version__artifact__project__in=visible,
    )
    holders: dict[tuple[int, str], int] = {}
    leads = held.standing().lead_first().values_list("collection", "label_key", "version__number")
    for collection, key, number in leads:
        holders.setdefault((collection, key), number)
    found: dict[int, list[OtherHolder]] = {}
    for summary in summaries:
        model = summary.collection
        first = summary.label.pk if summary.label else None
        own = [label for label in labels.values() if label.team_id == model.team_id]
        found[model.pk] = [
            OtherHolder(label, holders[model.pk, label.name_key])
            for label in own
            if label.pk != first and (model.pk, label.name_key) in holders
        ]
    return found
