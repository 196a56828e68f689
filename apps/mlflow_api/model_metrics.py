"""Metrics that a client logs for a model: what the model's answer says, and results of it.

A metric that is logged with the id of a model and a data set is that model's result on the golden
set of that name and digest; without a data set it is one of training. The points themselves are the
run's, like any other.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from django.db import transaction
from django.db.models import Q

from apps.artifacts.choices import MODEL, ArtifactState
from apps.artifacts.models import ArtifactVersion
from apps.audit.services import told_last
from apps.core.errors import NotFound
from apps.evaluations.choices import Source
from apps.evaluations.services import (
    MAX_RESULTS_AT_ONCE,
    Score,
    ensure_metrics,
    lock_for_results,
    named_golden_sets,
    record_results,
)
from apps.mlflow_api.models import LoggedModel, LoggedModelMetric
from apps.mlflow_api.places import MODEL_ID_PREFIX
from apps.projects.access import Access
from apps.runs.models import Run
from apps.series.choices import SeriesKind
from apps.series.queries import series_of

_NO_DATASET: Final = ("", "")
# Of one run at its end; a run with more is no table of scores.
MAX_TRAINING: Final = 100


@dataclass(frozen=True)
class ModelMetric:
    """One point that a run logged for a model. `timestamp` is in milliseconds."""

    model_id: str
    key: str
    value: float
    step: int
    timestamp: int
    dataset_name: str = ""
    dataset_digest: str = ""


@transaction.atomic
def record_model_metrics(*, run: Run, metrics: Sequence[ModelMetric], access: Access) -> None:
    """Keep the newest of these points for each model, key and data set, and record those of sealed
    models as results. `access` is to the run's project.

    Raises NotFound when the team has no such model, or none that the caller may see.
    """
    by_model: dict[str, list[ModelMetric]] = {}
    for metric in metrics:
        by_model.setdefault(metric.model_id, []).append(metric)
    fresh: dict[ArtifactVersion, list[ModelMetric]] = {}
    for artifact, model in _locked(by_model, access):
        newest = _newest(by_model[f"{MODEL_ID_PREFIX}{artifact.key}"])
        if model is not None:
            newest = _keep(model, run, newest)
        if artifact.state == ArtifactState.SEALED:
            fresh[artifact] = newest
    _record(fresh, run, access)


@transaction.atomic
def record_kept_metrics(*, model: LoggedModel, access: Access) -> None:
    """Record what was logged for a model before it was sealed; what is known changes nothing."""
    by_run: dict[Run | None, list[ModelMetric]] = {}
    for row in model.metrics.select_related("run").order_by("pk"):
        by_run.setdefault(row.run, []).append(_point(row))
    lock_for_results([model.artifact_id])
    with told_last():
        for run, points in by_run.items():
            _record({model.artifact: points}, run, access)


def on_run_summarized(*, run: Run, access: Access, **_: object) -> None:
    """Record results of training once the end of the run is committed: they take locks that nobody
    may wait for who has told of an event already."""
    transaction.on_commit(partial(record_training_results, run=run, access=access), robust=True)


@transaction.atomic
def record_training_results(*, run: Run, access: Access) -> None:
    """Record the last value of each metric of a run that has ended, as results of training, for the
    models that it logged and those that were registered out of its files; a metric that was logged
    for a model is that model's already, and one that was logged on a data set is none of training.
    """
    if not run.has_ended:
        return
    ours = Q(logged_model__source_run=run) | Q(made_by=run, versions__registration__isnull=False)
    artifacts = ArtifactVersion.objects.standing().filter(ours, state=ArtifactState.SEALED)
    found = list(artifacts.select_related("project").order_by("pk").distinct())
    if not found:
        return
    lock_for_results(artifact.pk for artifact in found)
    series = series_of(owner_id=run.pk, kind=SeriesKind.METRIC)[:MAX_TRAINING]
    values = {one.key: one.last for one in series if one.last is not None}
    scores: dict[ArtifactVersion, list[Score]] = {}
    for artifact in found:
        said = Q(model__artifact=artifact) | Q(run=run) & ~Q(dataset_name="")
        own = set(LoggedModelMetric.objects.filter(said).values_list("key", flat=True))
        scores[artifact] = [Score(key, value) for key, value in values.items() if key not in own]
    _record_scores(scores, run, access)


def _locked(
    model_ids: Iterable[str], access: Access
) -> list[tuple[ArtifactVersion, LoggedModel | None]]:
    """The artifact versions with their models, locked until the transaction ends."""
    keys = {one.removeprefix(MODEL_ID_PREFIX): one for one in model_ids}
    found = (
        ArtifactVersion.objects.standing()
        .select_for_update(of=("self",), no_key=True)
        .select_related("project")
        .filter(key__in=keys, type=MODEL, project__team=access.team)
        .order_by("pk")
    )
    seen = {one.key: one for one in found if _is_seen(one, access)}
    for key, model_id in keys.items():
        if key not in seen or not model_id.startswith(MODEL_ID_PREFIX):
            raise NotFound(f"Logged model with ID '{model_id[:100]}' not found.")
    models = {
        one.artifact_id: one for one in LoggedModel.objects.filter(artifact__in=seen.values())
    }
    return [(artifact, models.get(artifact.pk)) for artifact in seen.values()]


def _is_seen(artifact: ArtifactVersion, access: Access) -> bool:
    try:
        access.within(artifact.project)
    except NotFound:
        return False
    return True


def _newest(points: Iterable[ModelMetric]) -> list[ModelMetric]:
    newest: dict[tuple[str, str, str], ModelMetric] = {}
    for point in points:
        place = (point.key, point.dataset_name, point.dataset_digest)
        if place not in newest or _order(point) >= _order(newest[place]):
            newest[place] = point
    return list(newest.values())


def _keep(model: LoggedModel, run: Run, points: Sequence[ModelMetric]) -> list[ModelMetric]:
    """Write those of the points that are newer than what is kept; which ones these are."""
    rows = {
        (row.key, row.dataset_name, row.dataset_digest): row
        for row in model.metrics.filter(run=run, key__in=[point.key for point in points])
    }
    fresh: list[ModelMetric] = []
    changed: list[LoggedModelMetric] = []
    added: list[LoggedModelMetric] = []
    for point in points:
        row = rows.get((point.key, point.dataset_name, point.dataset_digest))
        if row is not None and _order(point) < _order(_point(row)):
            continue
        fresh.append(point)
        (added if row is None else changed).append(_row(row, model, run, point))
    LoggedModelMetric.objects.bulk_create(added)
    LoggedModelMetric.objects.bulk_update(changed, ["value", "step", "timestamp_ms"])
    return fresh


def _row(
    row: LoggedModelMetric | None, model: LoggedModel, run: Run, point: ModelMetric
) -> LoggedModelMetric:
    row = row or LoggedModelMetric(
        model=model,
        run=run,
        key=point.key,
        dataset_name=point.dataset_name,
        dataset_digest=point.dataset_digest,
    )
    row.value = None if math.isnan(point.value) else point.value
    row.step, row.timestamp_ms = point.step, point.timestamp
    return row


def _point(row: LoggedModelMetric) -> ModelMetric:
    return ModelMetric(
        model_id="",
        key=row.key,
        value=math.nan if row.value is None else row.value,
        step=row.step,
        timestamp=row.timestamp_ms,
        dataset_name=row.dataset_name,
        dataset_digest=row.dataset_digest,
    )


def _order(point: ModelMetric) -> tuple[int, int, float]:
    """The protocol's order of points; what is no number comes first."""
    value = -math.inf if math.isnan(point.value) else point.value
    return point.step, point.timestamp, value


def _record(
    points: Mapping[ArtifactVersion, Sequence[ModelMetric]], run: Run | None, access: Access
) -> None:
    """Record points of locked artifact versions as results, on a golden set for each data set."""
    places = {_place(point) for some in points.values() for point in some} - {_NO_DATASET}
    with told_last():
        sets = named_golden_sets(places=places, access=access)
        scores = {
            artifact: [Score(point.key, point.value, sets.get(_place(point))) for point in some]
            for artifact, some in points.items()
        }
        _record_scores(scores, run, access)


def _place(point: ModelMetric) -> tuple[str, str]:
    return point.dataset_name, point.dataset_digest


def _record_scores(
    scores: Mapping[ArtifactVersion, Sequence[Score]], run: Run | None, access: Access
) -> None:
    """Record what differs from what is known: a point that is sent again is no new result."""
    fresh = {artifact: _unknown(artifact, some) for artifact, some in scores.items()}
    with told_last():
        if len(fresh) > 1:
            names = [score.metric for some in fresh.values() for score in some]
            ensure_metrics(team=access.team, names=names)
        for artifact, some in fresh.items():
            for start in range(0, len(some), MAX_RESULTS_AT_ONCE):
                record_results(
                    artifact=artifact,
                    scores=some[start : start + MAX_RESULTS_AT_ONCE],
                    access=access.within(artifact.project),
                    source=Source.MLFLOW,
                    run=run,
                )


def _unknown(artifact: ArtifactVersion, scores: Sequence[Score]) -> list[Score]:
    known: Mapping[tuple[str, int | None], float | None] = {
        (metric, golden_set): value
        for metric, golden_set, value in artifact.results.filter(is_current=True).values_list(
            "metric__name", "golden_set", "value"
        )
    }
    fresh = []
    for score in scores:
        place = (score.metric, score.golden_set.pk if score.golden_set else None)
        value = None if math.isnan(score.value) else score.value
        if place not in known or known[place] != value:
            fresh.append(score)
    return fresh
