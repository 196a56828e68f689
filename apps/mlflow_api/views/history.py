"""Histories of metrics, whole or thinned out for a chart."""

import base64
import binascii
import math
from collections.abc import Sequence
from typing import Final

from django.http import HttpResponse

from apps.core.errors import Invalid
from apps.core.jsontext import dump, integer, nonfinite_word, number, parse
from apps.mlflow_api.call import Call
from apps.mlflow_api.endpoint import endpoint
from apps.mlflow_api.errors import invalid, missing_value
from apps.mlflow_api.limits import max_results_of
from apps.mlflow_api.places import runs_by_ids
from apps.mlflow_api.views.runs import run_id_in
from apps.mlflow_api.wire import JSON
from apps.projects.access import Action
from apps.series.choices import SeriesKind
from apps.series.encoding import Points
from apps.series.queries import MAX_SAMPLE, MIN_SAMPLE, Cursor, page, sampled_of_many

# The client asks for pages of 25,000; what it gets at once is held in memory on both sides.
PAGE: Final = 25_000
MOST: Final = 50_000
MAX_RUNS: Final = 100
BULK: Final = 2_500


@endpoint("GET", "metrics/get-history", Action.READ)
def history(call: Call) -> HttpResponse:
    """In order of step and time; a token leads on after the last point that was given."""
    run, _access = call.run(run_id_in(call.params))
    key = call.params.text("metric_key", required=True)
    size = max_results_of(call.params, default=PAGE, most=MOST)
    after = _read_token(call.params.text("page_token"))
    found = page(owner_id=run.pk, kind=SeriesKind.METRIC, key=key, limit=size, after=after)
    return _answer(_metrics(key, found.points), _write_token(found.after) if found.after else "")


@endpoint("GET", "metrics/get-history-bulk", Action.READ)
def history_bulk(call: Call) -> HttpResponse:
    """The first points of several runs, run by run: what mlflow's own pages ask."""
    params = call.params
    runs = runs_by_ids(_run_ids(call, "run_id"), call)
    key = params.text("metric_key", required=True)
    left = max_results_of(params, default=PAGE)
    found: list[str] = []
    for run in runs:
        points = page(owner_id=run.pk, kind=SeriesKind.METRIC, key=key, limit=max(left, 1)).points[
            : max(left, 0)
        ]
        found += _metrics(key, points, run.key)
        left -= len(points)
    return _answer(found)


@endpoint("GET", "metrics/get-history-bulk-interval", Action.READ)
def history_bulk_interval(call: Call) -> HttpResponse:
    """Points of several runs between two steps, at most so many of each, for drawing."""
    params = call.params
    runs = runs_by_ids(_run_ids(call, "run_ids"), call)
    key = params.text("metric_key", required=True)
    size = max_results_of(params, default=BULK, most=BULK)
    start = params.integer("start_step") if params.has("start_step") else None
    end = params.integer("end_step") if params.has("end_step") else None
    if (start is None) != (end is None):
        raise invalid("If either start step or end step are specified, both must be specified.")
    if start is not None and end is not None and start > end:
        raise invalid("end_step must be greater than start_step.")
    drawn = sampled_of_many(
        owner_ids=[run.pk for run in runs],
        kind=SeriesKind.METRIC,
        keys=[key],
        points=min(max(size, MIN_SAMPLE), MAX_SAMPLE),
        min_step=start,
        max_step=end,
    )
    found: list[str] = []
    for run in runs:
        points = drawn.get((run.pk, key))
        if points is not None:
            found += _metrics(key, _thinned(points, size), run.key)
    return _answer(found)


def _run_ids(call: Call, name: str) -> list[str]:
    found = call.params.texts(name, most=MAX_RUNS)
    if not found:
        raise missing_value(name)
    return found


def _thinned(points: Points, size: int) -> Points:
    """At most `size` of the points beside the first and the last."""
    import numpy as np

    if len(points) <= size + 2:
        return points
    chosen = np.unique(np.linspace(0, len(points) - 1, size + 2).astype(int))
    return points[chosen]


def _answer(metrics: Sequence[str], token: str = "") -> HttpResponse:
    """The message, put together as text: for its parts as objects JSON takes three times as long
    (measured at 10,000 points), and most of the rest is the digits of the values."""
    fields = [f'"metrics":[{",".join(metrics)}]'] if metrics else []
    if token:
        fields.append(f'"next_page_token":{dump(token)}')
    return HttpResponse(f"{{{','.join(fields)}}}", content_type=JSON)


def _metrics(key: str, points: Points, run_id: str = "") -> list[str]:
    """What `metric_message` says of each point, as JSON; in bulk also of which run it is."""
    import numpy as np

    values = map(repr, points.values.tolist())
    if not np.isfinite(points.values).all():
        values = map(_number, points.values.tolist())
    times = map(int, np.rint(points.times * 1000).tolist())
    start = f'{{"key":{dump(key)},"value":'
    end = f',"run_id":{dump(run_id)}}}' if run_id else "}"
    return [
        f'{start}{value},"timestamp":{at},"step":{step}{end}'
        for value, at, step in zip(values, times, points.steps.tolist(), strict=True)
    ]


def _number(value: float) -> str:
    return repr(value) if math.isfinite(value) else f'"{nonfinite_word(value)}"'


def _write_token(place: Cursor) -> str:
    raw = dump([place.step, place.at, place.skip])
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def _read_token(text: str) -> Cursor | None:
    if not text:
        return None
    try:
        if len(text) > 200:
            raise Invalid("It is too long.")
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        step, at, skip = parse(raw)
        place = Cursor(integer(step, "step"), number(at, "at"), integer(skip, "skip", 0))
        if not math.isfinite(place.at):
            raise Invalid("It is no time.")
    except (Invalid, binascii.Error, TypeError, ValueError) as error:
        raise invalid("Invalid page token; start from the first page.") from error
    return place
