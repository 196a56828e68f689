"""Runs as the client reads them: what they are, and the latest of what they logged.

The number of queries is the same for one run and for a thousand; more are read in such blocks.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from apps.core.prepared import Prepared
from apps.mlflow_api.call import Call
from apps.mlflow_api.datasets import Inputs, inputs_and_outputs
from apps.mlflow_api.file_places import run_address
from apps.mlflow_api.places import experiment_id_of
from apps.mlflow_api.times import to_milliseconds
from apps.mlflow_api.wire import present
from apps.runs.choices import RunState
from apps.runs.models import Run, RunParam, RunTag
from apps.runs.tagging import NAME, NOTES
from apps.series.choices import SeriesKind
from apps.series.models import Series

Pairs = list[dict[str, str]]

USER: Final = "mlflow.user"
_BLOCK: Final = 1_000
STATUSES: Final = {
    RunState.SCHEDULED: "SCHEDULED",
    RunState.RUNNING: "RUNNING",
    RunState.FINISHED: "FINISHED",
    RunState.FAILED: "FAILED",
    RunState.CRASHED: "FAILED",
    RunState.KILLED: "KILLED",
}


@dataclass
class Said:
    """What one run said of itself."""

    tags: Pairs = field(default_factory=list)
    params: Pairs = field(default_factory=list)
    metrics: list[dict[str, Any]] = field(default_factory=list)


def run_messages(runs: Sequence[Run], call: Call) -> list[dict[str, Any]]:
    """Runs with their data, inputs and outputs; project, team and experiment loaded."""
    messages: list[dict[str, Any]] = []
    for start in range(0, len(runs), _BLOCK):
        block = runs[start : start + _BLOCK]
        said = _said(block)
        edges = inputs_and_outputs(block, call)
        messages += (_message(run, said[run.pk], edges[run.pk], call) for run in block)
    return messages


def run_message(run: Run, call: Call) -> dict[str, Any]:
    return run_messages([run], call)[0]


def run_info(run: Run, user: str, call: Call) -> dict[str, Any]:
    """What a run is; `user` is who the client says that started it."""
    experiment_id = experiment_id_of(run.project, call)
    return present(
        {
            "run_id": run.key,
            "run_uuid": run.key,
            "run_name": run.name,
            "experiment_id": experiment_id,
            "user_id": user or (run.created_by.username if run.created_by else ""),
            "status": STATUSES[RunState(run.state)],
            "start_time": to_milliseconds(run.started_at),
            "end_time": to_milliseconds(run.ended_at) if run.ended_at else None,
            "artifact_uri": run_address(run, experiment_id),
            "lifecycle_stage": "deleted" if is_deleted(run) else "active",
        }
    )


def is_deleted(run: Run) -> bool:
    """In the bin, by itself or with its experiment."""
    return run.deleted_at is not None or run.project.deleted_at is not None


def user_of(run: Run) -> str:
    """Who the client says that started a run (one query)."""
    return RunTag.objects.filter(run=run, name=USER).values_list("value", flat=True).first() or ""


def _message(run: Run, said: Said, edges: Inputs, call: Call) -> dict[str, Any]:
    tags = [{"key": NAME, "value": run.name}]
    if run.notes:
        tags.append({"key": NOTES, "value": run.notes})
    tags += said.tags
    user = next((tag["value"] for tag in said.tags if tag["key"] == USER), "")
    return {
        "info": run_info(run, user, call),
        "data": present({"metrics": said.metrics, "params": said.params, "tags": tags}),
        "inputs": present({"dataset_inputs": edges.datasets, "model_inputs": edges.models_in}),
        "outputs": present({"model_outputs": edges.models_out}),
    }


def _said(runs: Sequence[Run]) -> defaultdict[int, Said]:
    """Tags, parameters and the latest point of each metric: three queries."""
    said: defaultdict[int, Said] = defaultdict(Said)
    keys = [run.pk for run in runs]
    for owner, name, value in _TAGS.rows(keys):
        if name not in (NAME, NOTES):
            said[owner].tags.append({"key": name, "value": value})
    for owner, key, text in _PARAMS.rows(keys):
        said[owner].params.append({"key": key, "value": text})
    for owner, key, value, is_nan, at, step in _METRICS.rows(keys):
        message = metric_message(key, math.nan if is_nan else value, at, step)
        said[owner].metrics.append(message)
    return said


_TAGS: Final = Prepared[Any](
    lambda runs: (
        RunTag.objects.filter(run__in=runs)
        .order_by("run", "name")
        .values_list("run_id", "name", "value")
    ),
    list,
)
_PARAMS: Final = Prepared[Any](
    lambda runs: (
        RunParam.objects.filter(run__in=runs)
        .order_by("run", "key")
        .values_list("run_id", "key", "text")
    ),
    list,
)
_METRICS: Final = Prepared[Any](
    lambda runs: (
        Series.objects.filter(owner_id__in=runs, kind=SeriesKind.METRIC, count__gt=0)
        .order_by("owner_id", "key")
        .values_list("owner_id", "key", "last_value", "last_is_nan", "last_at", "last_step")
    ),
    list,
)


def metric_message(key: str, value: float | None, at: float, step: int) -> dict[str, Any]:
    """One point of a metric, at a time in seconds."""
    return {"key": key, "value": value, "timestamp": round(at * 1000), "step": step}
