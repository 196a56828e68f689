"""What a run logs: metrics, parameters and tags, one at a time or in batches."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.db import transaction

from apps.core.errors import Invalid
from apps.core.jsontext import dump, parse
from apps.core.limits import MAX_INTEGER, MIN_INTEGER
from apps.mlflow_api.call import Call
from apps.mlflow_api.endpoint import Message, endpoint
from apps.mlflow_api.errors import invalid, invalid_value
from apps.mlflow_api.limits import (
    MAX_BATCH_BYTES,
    MAX_BATCH_ENTITIES,
    MAX_BATCH_METRICS,
    MAX_BATCH_PARAMS,
    MAX_BATCH_TAGS,
    MAX_PARAM_VALUE,
    MAX_TAG_VALUE,
    check_key,
    cut_value_of,
)
from apps.mlflow_api.model_metrics import ModelMetric, record_model_metrics
from apps.mlflow_api.views.runs import active_run, tags_in
from apps.mlflow_api.wire import Params
from apps.projects.access import Access, Action
from apps.runs.models import Run, RunTag
from apps.runs.params import ParamChanged, log_params
from apps.runs.services import log_points
from apps.runs.tagging import delete_tag, set_tags
from apps.series.services import Batch

# A tag in which clients of the 2.x line keep what models a run has logged.
MODEL_HISTORY = "mlflow.log-model.history"


@dataclass
class _Metrics:
    """Points as columns by metric, and those of them again that are about a model."""

    columns: dict[str, tuple[list[int], list[float], list[float]]] = field(default_factory=dict)
    about_models: list[ModelMetric] = field(default_factory=list)

    def add(self, key: str, step: int, timestamp: int, value: float) -> None:
        steps, times, values = self.columns.setdefault(key, ([], [], []))
        steps.append(step)
        times.append(timestamp / 1000)
        values.append(value)


@endpoint("POST", "runs/log-metric", Action.LOG)
def log_metric(call: Call) -> Message:
    run, access = active_run(call)
    _log_metrics(run, _metrics_in([call.params]), access)
    return {}


@endpoint("POST", "runs/log-parameter", Action.LOG)
def log_parameter(call: Call) -> Message:
    run, access = active_run(call)
    _log_params(run, _params_in([call.params]), access)
    return {}


@endpoint("POST", "runs/log-batch", Action.LOG, max_bytes=MAX_BATCH_BYTES)
def log_batch(call: Call) -> Message:
    """Parameters first, then metrics, then tags; a batch with a fault in it leaves nothing."""
    run, access = active_run(call)
    metrics, params, tags = (_several(call.params, name) for name in ("metrics", "params", "tags"))
    _check_size(len(metrics), len(params), len(tags))
    points = _metrics_in(metrics)
    texts = _params_in(params)
    words = tags_in(call.params)
    with transaction.atomic():
        if texts:
            _log_params(run, texts, access)
        _log_metrics(run, points, access)
        if words:
            set_tags(run=run, tags=words, access=access)
    return {}


@endpoint("POST", "runs/set-tag", Action.LOG)
def set_tag(call: Call) -> Message:
    run, access = active_run(call)
    key = check_key(call.params)
    value = cut_value_of(call.params, length=MAX_TAG_VALUE, required=True)
    set_tags(run=run, tags={key: value}, access=access)
    return {}


@endpoint("POST", "runs/delete-tag", Action.LOG)
def take_tag(call: Call) -> Message:
    run, access = active_run(call)
    delete_tag(run=run, name=check_key(call.params), access=access)
    return {}


@endpoint("POST", "runs/log-model", Action.LOG)
def log_model(call: Call) -> Message:
    """What clients of the 2.x line say of a model whose files they have just put into the run."""
    run, access = active_run(call)
    text = call.params.text("model_json", required=True)
    try:
        model = parse(text, allow_nonfinite=True)
    except Invalid as error:
        raise invalid(f"Malformed model info. \n {text[:200]} \n is not a valid JSON.") from error
    missing = {"run_id", "artifact_path", "utc_time_created", "flavors"} - _keys(model)
    if missing:
        raise invalid(
            "Model json is missing mandatory fields: "
            f"{', '.join(sorted(missing))}. Got {text[:200]}"
        )
    with transaction.atomic():
        Run.objects.select_for_update(no_key=True).filter(pk=run.pk).first()
        tag = RunTag.objects.filter(run=run, name=MODEL_HISTORY).first()
        history = [*parse(tag.value, allow_nonfinite=True), model] if tag else [model]
        set_tags(run=run, tags={MODEL_HISTORY: dump(history)}, access=access)
    return {}


def _log_metrics(run: Run, metrics: _Metrics, access: Access) -> None:
    """Store points under their metrics, and those about a model as its results too."""
    if not metrics.columns:
        return
    batches = [Batch(key, *columns) for key, columns in metrics.columns.items()]
    log = partial(
        log_points, run=run, batches=batches, even_ended=True, as_sets=True, access=access
    )
    if not metrics.about_models:
        log()
        return
    with transaction.atomic():
        log()
        record_model_metrics(run=run, metrics=metrics.about_models, access=access)


def _log_params(run: Run, params: dict[str, str], access: Access) -> None:
    try:
        log_params(run=run, params=params, access=access)
    except ParamChanged as error:
        raise invalid(error.message) from error


def _metrics_in(messages: Sequence[Params]) -> _Metrics:
    """The points of a request. Most are as plain as can be, and many: those are read at once."""
    metrics = _Metrics()
    for one in messages:
        values = one.values
        key, value = values.get("key"), values.get("value")
        timestamp, step = values.get("timestamp"), values.get("step", 0)
        if (
            type(key) is str
            and type(value) is float
            and type(timestamp) is int
            and type(step) is int
            and 0 <= timestamp <= MAX_INTEGER
            and MIN_INTEGER <= step <= MAX_INTEGER
            and key in metrics.columns
            and "model_id" not in values
        ):
            metrics.add(key, step, timestamp, value)
            continue
        point = _metric_in(one)
        metrics.add(point.key, point.step, point.timestamp, point.value)
        if point.model_id:
            metrics.about_models.append(point)
    return metrics


def _metric_in(params: Params) -> ModelMetric:
    key = check_key(params)
    value = params.number("value")
    timestamp = params.integer("timestamp")
    if timestamp < 0:
        raise invalid_value(
            params.name("timestamp"),
            timestamp,
            f"metric '{key}' (value={value}). Timestamp must be a nonnegative long (64-bit "
            "integer).",
        )
    return ModelMetric(
        model_id=params.text("model_id"),
        key=key,
        value=value,
        step=params.integer("step", 0),
        timestamp=timestamp,
        dataset_name=params.text("dataset_name", max_length=500),
        dataset_digest=params.text("dataset_digest", max_length=36),
    )


def _params_in(found: Sequence[Params]) -> dict[str, str]:
    """Parameters by key. Raises INVALID_PARAMETER_VALUE for one that is named twice."""
    params: dict[str, str] = {}
    for one in found:
        key = check_key(one)
        if key in params:
            raise invalid(
                f"Duplicate parameter keys have been submitted: ['{key}']. Please ensure the "
                "request contains only one param value per param key."
            )
        params[key] = cut_value_of(one, length=MAX_PARAM_VALUE, required=True)
    return params


def _several(params: Params, name: str) -> list[Params]:
    return params.messages(name, most=MAX_BATCH_BYTES)


def _check_size(metrics: int, params: int, tags: int) -> None:
    for what, count, most in (
        ("metrics", metrics, MAX_BATCH_METRICS),
        ("params", params, MAX_BATCH_PARAMS),
        ("tags", tags, MAX_BATCH_TAGS),
        ("metrics, params, and tags", metrics + params + tags, MAX_BATCH_ENTITIES),
    ):
        if count > most:
            raise invalid(
                f"A batch logging request can contain at most {most} {what}. Got {count} {what}. "
                f"Please split up {what} across multiple requests and try again."
            )


def _keys(model: Any) -> set[str]:
    return set(model) if isinstance(model, dict) else set()
