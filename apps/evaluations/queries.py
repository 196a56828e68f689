"""Reading golden sets, metric definitions and results."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.accounts.models import Team, User
from apps.artifacts.models import ArtifactVersion
from apps.core.errors import NotFound
from apps.core.names import name_key
from apps.evaluations.models import GoldenSet, MetricDefinition, Result
from apps.projects.models import Project


def golden_sets_of(team: Team, user: User | None) -> QuerySet[GoldenSet]:
    """The team's golden sets whose data the user may know of, by name."""
    found = GoldenSet.objects.all() if user is None else visible_golden_sets(user)
    return found.filter(team=team).select_related("artifact__project").order_by("name_key")


def visible_golden_sets(user: User) -> QuerySet[GoldenSet]:
    """The golden sets, of any team, whose data is in no project that is hidden from the user.

    One that is only a name and a digest may come from training code of a hidden project: where
    there are results on it, the user must be able to see one.
    """
    return GoldenSet.objects.filter(known_golden_sets(Project.objects.visible_to(user)))


def known_golden_sets(projects: QuerySet[Project]) -> Q:
    """The condition on golden sets for whoever sees these projects."""
    seen = projects.values("pk")
    results = Result.objects.filter(golden_set=OuterRef("pk"))
    by_name = Exists(results.filter(artifact__project__in=seen)) | ~Exists(results)
    return Q(artifact__project__in=seen) | Q(Q(artifact=None) & Q(by_name))


def metrics_of(team: Team, user: User | None) -> QuerySet[MetricDefinition]:
    """The team's metrics that the user may know of, by name."""
    found = MetricDefinition.objects.all() if user is None else visible_metrics(user)
    return found.filter(team=team).order_by("name_key")


def visible_metrics(user: User) -> QuerySet[MetricDefinition]:
    """The metrics, of any team, that the user may know of.

    Logging a result defines its metric, so one that is only used in projects which are hidden from
    the user is hidden as well.
    """
    results = Result.objects.filter(metric=OuterRef("pk"))
    projects = Project.objects.visible_to(user).values("pk")
    return MetricDefinition.objects.filter(
        Exists(results.filter(artifact__project__in=projects)) | ~Exists(results)
    )


def golden_set_named(team: Team, name: str) -> GoldenSet:
    """The team's golden set of that name. Raises NotFound."""
    found = (
        GoldenSet.objects.filter(team=team, name_key=name_key(name))
        .select_related("artifact__project")
        .first()
    )
    if found is None:
        raise NotFound(f"There is no golden set {name!r} in the team {team.name}.")
    return found


def metric_named(team: Team, name: str) -> MetricDefinition:
    """The team's metric of that name. Raises NotFound."""
    found = MetricDefinition.objects.filter(team=team, name_key=name_key(name)).first()
    if found is None:
        raise NotFound(f"There is no metric {name!r} in the team {team.name}.")
    return found


def current_results(artifact: ArtifactVersion) -> QuerySet[Result]:
    """The newest result for each metric and golden set, by golden set and metric."""
    return (
        artifact.results.filter(is_current=True)
        .select_related("metric", "golden_set", "run", "created_by")
        .order_by("golden_set__name_key", "metric__name_key")
    )


def result_history(
    artifact: ArtifactVersion, metric: MetricDefinition, golden_set: GoldenSet | None
) -> QuerySet[Result]:
    """All results of one metric on one golden set, newest first."""
    return (
        artifact.results.filter(metric=metric, golden_set=golden_set)
        .select_related("run", "created_by")
        .order_by("-created_at", "-pk")
    )


class Measurement(NamedTuple):
    """What a table or a chart shows of a result: a third of the time of the whole row."""

    artifact_id: int
    metric_id: int
    golden_set_id: int | None
    value: float | None
    stderr: float | None
    n: int | None
    low: float | None
    high: float | None
    created_at: datetime


def results_of(artifacts: Iterable[int], pairs: Sequence[tuple[int, int | None]]) -> list[Result]:
    """Current results of these artifacts for these (metric, golden set) pairs, in one query."""
    return list(_current(artifacts, pairs))


def measurements_of(
    artifacts: Iterable[int], pairs: Sequence[tuple[int, int | None]]
) -> list[Measurement]:
    """The same results as plain figures: for the hundreds that a table or a chart shows."""
    found = _current(artifacts, pairs).values_list(*Measurement._fields)
    return [Measurement(*values) for values in found]


def _current(artifacts: Iterable[int], pairs: Sequence[tuple[int, int | None]]) -> QuerySet[Result]:
    if not pairs:
        return Result.objects.none()
    metrics = {metric for metric, _ in pairs}
    sets = {golden_set for _, golden_set in pairs if golden_set is not None}
    on_sets = Q(golden_set__in=sets)
    if any(golden_set is None for _, golden_set in pairs):
        on_sets |= Q(golden_set=None)
    found = Result.objects.filter(on_sets, artifact__in=list(artifacts), metric__in=metrics)
    return found.filter(is_current=True).order_by()
