"""All models on one golden set, best first.

Either the best version of each model, or every version that was evaluated. The first reads the best
column score of each model from an index; the second reads results in the order of theirs. Both are
paged by key, so a place far down costs what the first page costs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Exists, F, OuterRef, QuerySet, Subquery

from apps.accounts.models import User
from apps.artifacts.choices import MODEL
from apps.artifacts.models import Collection, Version
from apps.core.limits import MAX_PAGE_SIZE
from apps.core.numbers import is_within_noise
from apps.core.paging import Key
from apps.core.tables import Segment, TableQuery, cut
from apps.evaluations.choices import Better
from apps.evaluations.models import GoldenSet, MetricDefinition, Result
from apps.evaluations.pairing import PairedDifference, paired_differences
from apps.evaluations.queries import results_of, visible_metrics
from apps.projects.models import Project
from apps.registry.models import Column, ColumnScore

# More metrics than this beside each other and nobody reads the last.
MAX_METRICS = 5


@dataclass(frozen=True)
class Rank:
    """A version on the leaderboard and its current results by metric."""

    version: Version
    results: Mapping[int, Result]


@dataclass(frozen=True)
class Leaderboard:
    """One page of it. `leader` is the first of the whole list, whichever page this is.

    `paired` are differences to the leader that were taken example by example, by result.
    """

    metric: MetricDefinition
    metrics: Sequence[MetricDefinition]
    ranks: Sequence[Rank]
    leader: Result | None
    paired: Mapping[int, PairedDifference]
    first: int
    total: int
    next: str
    previous: str


def metrics_on(golden_set: GoldenSet, user: User | None) -> list[MetricDefinition]:
    """The metrics of which the user may see a result on this golden set: those with a direction
    first, by name."""
    found = MetricDefinition.objects.all() if user is None else visible_metrics(user)
    current = _visible_results(golden_set, user).filter(metric=OuterRef("pk"))
    metrics = found.filter(Exists(current)).order_by("name_key")
    return sorted(metrics, key=lambda metric: metric.better == Better.NEITHER)


def leaderboard(
    golden_set: GoldenSet,
    metric: MetricDefinition,
    query: TableQuery,
    user: User | None,
    *,
    known: Sequence[MetricDefinition],
    is_full: bool = False,
) -> Leaderboard:
    """A page of the leaderboard by one metric; `known` are those of `metrics_on`, `is_full` asks
    for every version instead of each model's best. Raises Invalid for a cursor of another list."""
    segment = _segment(golden_set, metric, user, is_full=is_full)
    page = cut([segment], query)
    metrics = shown_metrics(metric, known)
    ranks = _ranks(page.rows, golden_set, metrics, user, is_full=is_full)
    leader = _leader(segment, golden_set, metric, is_full=is_full)
    own = [rank.results[metric.pk] for rank in ranks if metric.pk in rank.results]
    return Leaderboard(
        metric=metric,
        metrics=metrics,
        ranks=ranks,
        leader=leader,
        paired=_paired(own, leader),
        first=page.first,
        total=segment.rows.count(),
        next=page.next,
        previous=page.previous,
    )


def rank_pages(
    golden_set: GoldenSet,
    metrics: Sequence[MetricDefinition],
    user: User | None,
    *,
    is_full: bool = False,
) -> Iterator[list[Rank]]:
    """Every place by the first of these metrics, best first, a page at a time."""
    segment = _segment(golden_set, metrics[0], user, is_full=is_full)
    query = TableQuery(size=MAX_PAGE_SIZE)
    while True:
        page = cut([segment], query)
        yield _ranks(page.rows, golden_set, metrics, user, is_full=is_full)
        if not page.next:
            return
        query = replace(query, cursor=page.next)


def shown_metrics(
    metric: MetricDefinition, known: Sequence[MetricDefinition]
) -> list[MetricDefinition]:
    """The metric that decides and some of the others beside it."""
    return [metric, *(one for one in known if one.pk != metric.pk)][:MAX_METRICS]


def result_counts(golden_sets: Sequence[GoldenSet], user: User | None) -> dict[int, int]:
    """How many models have a result on each of these golden sets, as far as the user may see."""
    columns = _columns(user).filter(golden_set__in=[one.pk for one in golden_sets])
    seen = columns.filter(Exists(_scores(user))).values_list("golden_set", "collection")
    counts: dict[int, int] = {}
    for golden_set, _ in set(seen):
        counts[golden_set] = counts.get(golden_set, 0) + 1
    return counts


def _visible_results(golden_set: GoldenSet, user: User | None) -> QuerySet[Result]:
    results = Result.objects.filter(golden_set=golden_set, is_current=True)
    if user is None:
        return results
    return results.filter(artifact__project__in=Project.objects.visible_to(user).values("pk"))


def _models(user: User | None) -> QuerySet[Collection]:
    models = Collection.objects.filter(type=MODEL)
    return models if user is None else models.filter(pk__in=Collection.objects.visible_to(user))


def _columns(user: User | None) -> QuerySet[Column]:
    return Column.objects.filter(collection__in=_models(user).values("pk"))


def _scores(user: User | None) -> QuerySet[ColumnScore]:
    """The scores of an outer column whose source the user may see."""
    scores = ColumnScore.objects.filter(column=OuterRef("pk"))
    if user is None:
        return scores
    return scores.filter(
        version__artifact__project__in=Project.objects.visible_to(user).values("pk")
    )


def _segment(
    golden_set: GoldenSet, metric: MetricDefinition, user: User | None, *, is_full: bool
) -> Segment:
    lowest_first = metric.better == Better.LOWER
    listed = _every_version if is_full else _best_of_models
    return listed(golden_set, metric, user, lowest_first=lowest_first)


def _ranks(
    keys: Sequence[int],
    golden_set: GoldenSet,
    metrics: Sequence[MetricDefinition],
    user: User | None,
    *,
    is_full: bool,
) -> list[Rank]:
    versions = _versions(keys, user, is_full=is_full)
    results = _results([version.artifact_id for version in versions], golden_set, metrics)
    return [Rank(version, results.get(version.artifact_id, {})) for version in versions]


def _best_of_models(
    golden_set: GoldenSet, metric: MetricDefinition, user: User | None, *, lowest_first: bool
) -> Segment:
    """Each model's best version: one look-up in the index of column scores for each model."""
    best = _scores(user).order_by("value" if lowest_first else "-value", "-number")
    columns = _columns(user).filter(golden_set=golden_set, metric=metric)
    rows = columns.annotate(
        best=Subquery(best.values("value")[:1]), version=Subquery(best.values("version")[:1])
    ).filter(best__isnull=False)
    keys = (Key("best", "number", not lowest_first), Key("pk", "integer"))
    return Segment(rows, keys, f"best {golden_set.pk} {metric.pk} {lowest_first}", "version")


def _every_version(
    golden_set: GoldenSet, metric: MetricDefinition, user: User | None, *, lowest_first: bool
) -> Segment:
    """Every evaluated artifact version that stands in a model, in the order of the results."""
    standing = Version.objects.filter(
        artifact=OuterRef("artifact"),
        deleted_at=None,
        collection__in=_models(user).values("pk"),
    )
    rows = _visible_results(golden_set, user).filter(
        Exists(standing), metric=metric, value__isnull=False
    )
    keys = (Key("value", "number", not lowest_first), Key("artifact", "integer"))
    return Segment(rows, keys, f"every {golden_set.pk} {metric.pk} {lowest_first}", "artifact")


def _versions(keys: Sequence[int], user: User | None, *, is_full: bool) -> list[Version]:
    """The versions that a page shows, in its order. `keys` name artifacts in the full list."""
    related = ("collection__team", "collection__project", "artifact__project")
    if not is_full:
        found = Version.objects.select_related(*related).in_bulk(list(keys))
        return [found[key] for key in keys if key in found]
    places = Version.objects.filter(
        artifact__in=keys, deleted_at=None, collection__in=_models(user).values("pk")
    )
    first: dict[int, Version] = {}
    # The project's own model before the registry's, which the same version may be in as well.
    own_first = (F("collection__project").asc(nulls_last=True), "pk")
    for place in places.select_related(*related).order_by(*own_first):
        first.setdefault(place.artifact_id, place)
    return [first[key] for key in keys if key in first]


def _results(
    artifacts: Sequence[int], golden_set: GoldenSet, metrics: Sequence[MetricDefinition]
) -> dict[int, dict[int, Result]]:
    found: dict[int, dict[int, Result]] = {}
    for result in results_of(set(artifacts), [(metric.pk, golden_set.pk) for metric in metrics]):
        found.setdefault(result.artifact_id, {})[result.metric_id] = result
    return found


def _paired(results: Sequence[Result], leader: Result | None) -> dict[int, PairedDifference]:
    """Differences to the leader in pairs, of those that seem tied with it.

    What is clear with the errors of both is clear in pairs, where the error is smaller; and ten
    thousand examples take some milliseconds to read.
    """
    if leader is None or leader.value is None:
        return {}
    return paired_differences(
        [
            (one, leader)
            for one in results
            if one.pk != leader.pk
            and one.value is not None
            and is_within_noise(one.value, one.stderr, leader.value, leader.stderr) is not False
        ]
    )


def _leader(
    segment: Segment, golden_set: GoldenSet, metric: MetricDefinition, *, is_full: bool
) -> Result | None:
    """The result of the first row of the whole list."""
    order = [f"-{key.name}" if key.descending else key.name for key in segment.keys]
    first: Any = segment.rows.order_by(*order).values_list(segment.row, flat=True).first()
    if first is None:
        return None
    current = Result.objects.filter(golden_set=golden_set, metric=metric, is_current=True)
    if is_full:
        return current.filter(artifact=first).first()
    return current.filter(artifact__versions=first).first()
