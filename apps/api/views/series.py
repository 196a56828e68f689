"""Points: log them in batches, read them back as samples or page by page."""

from typing import Annotated, Literal

from pydantic import Field

from apps.api.operations import ApiRequest, operation, project_of, read_json
from apps.api.places import read_place, write_place
from apps.api.points import BODY, read_points
from apps.api.wire.base import DEFAULT_SIZE, WHOLE, CursorText, ListOf, Size, Step, listed
from apps.api.wire.runs import (
    HistoryOut,
    ObjectOut,
    SampleOut,
    SeriesOut,
    StoredOut,
    object_out,
    series_out,
)
from apps.core.errors import NotFound
from apps.core.paging import Key, paginate
from apps.projects.access import Action
from apps.runs.models import Run
from apps.runs.queries import run_in
from apps.runs.services import log_points
from apps.series.choices import SeriesKind
from apps.series.models import Series
from apps.series.queries import MAX_SAMPLE, MIN_SAMPLE, objects_of, page, sampled, series_of

MAX_HISTORY = 10_000

KindWord = Literal["metric", "system"]
SampleSize = Annotated[int, Field(ge=MIN_SAMPLE, le=MAX_SAMPLE), WHOLE]
HistorySize = Annotated[int, Field(ge=1, le=MAX_HISTORY), WHOLE]

_BY_KEY = [Key("key", "text")]
_BY_STEP = [
    Key("key", "text"),
    Key("step", "integer"),
    Key("at", "number"),
    Key("pk", "integer"),
]


@operation("POST", "/runs/{run}/points", Action.LOG, returns=StoredOut, describe=BODY)
def add_points(request: ApiRequest, run: str) -> StoredOut:
    """Log points of any number of metrics, all or nothing: 100,000 at once at most."""
    points = read_points(read_json(request))
    log_points(
        run=run_in(project_of(request), run),
        access=request.access,
        batches=points.batches,
        objects=points.objects,
        kind=points.kind,
    )
    return StoredOut(stored=points.count)


@operation("GET", "/runs/{run}/series", Action.READ, returns=ListOf[SeriesOut])
def list_series(
    request: ApiRequest,
    run: str,
    kind: KindWord = "metric",
    cursor: CursorText = "",
    size: Size = DEFAULT_SIZE,
) -> ListOf[SeriesOut]:
    """The metrics of a run with last, smallest and largest value and number of points."""
    found = run_in(project_of(request), run)
    series = series_of(owner_id=found.pk, kind=SeriesKind(kind))
    rows = paginate(series, _BY_KEY, cursor=cursor, size=size, scope=f"run {found.pk} {kind}")
    return listed(rows, series_out, SeriesOut)


@operation("GET", "/runs/{run}/series/{path:key}", Action.READ, returns=SampleOut)
def sample_series(
    request: ApiRequest,
    run: str,
    key: str,
    points: SampleSize = 1000,
    min_step: Step | None = None,
    max_step: Step | None = None,
    kind: KindWord = "metric",
) -> SampleOut:
    """A curve: the whole series, or a sample of it that keeps every spike and gap.

    `count` says how many points the series has, `sampled` how many of them are given.
    """
    found = run_in(project_of(request), run)
    series = _series(found, key, kind)
    curve = sampled(
        owner_id=found.pk,
        kind=SeriesKind(kind),
        keys=[key],
        points=points,
        min_step=min_step,
        max_step=max_step,
    )[key]
    return SampleOut(
        key=key,
        count=series.count,
        sampled=len(curve),
        steps=curve.steps.tolist(),
        times=curve.times.tolist(),
        values=curve.values.tolist(),
    )


@operation("GET", "/runs/{run}/history/{path:key}", Action.READ, returns=HistoryOut)
def list_points(
    request: ApiRequest,
    run: str,
    key: str,
    min_step: Step | None = None,
    max_step: Step | None = None,
    kind: KindWord = "metric",
    cursor: CursorText = "",
    size: HistorySize = 1000,
) -> HistoryOut:
    """Every point of a series, page by page."""
    found = run_in(project_of(request), run)
    _series(found, key, kind)
    scope = f"{found.pk} {kind} {key} {min_step} {max_step}"
    shown = page(
        owner_id=found.pk,
        kind=SeriesKind(kind),
        key=key,
        limit=size,
        after=read_place(cursor, scope),
        min_step=min_step,
        max_step=max_step,
    )
    return HistoryOut(
        key=key,
        steps=shown.points.steps.tolist(),
        times=shown.points.times.tolist(),
        values=shown.points.values.tolist(),
        next=write_place(shown.after, scope) if shown.after else None,
    )


@operation("GET", "/runs/{run}/objects", Action.READ, returns=ListOf[ObjectOut])
def list_objects(
    request: ApiRequest,
    run: str,
    key: str | None = None,
    cursor: CursorText = "",
    size: Size = DEFAULT_SIZE,
) -> ListOf[ObjectOut]:
    """The values of a run's history that are not numbers, by key and step."""
    found = run_in(project_of(request), run)
    objects = objects_of(owner_id=found.pk, keys=None if key is None else [key])
    scope = f"objects {found.pk} {key}"
    rows = paginate(objects, _BY_STEP, cursor=cursor, size=size, scope=scope)
    return listed(rows, object_out, ObjectOut)


def _series(run: Run, key: str, kind: str) -> Series:
    series = series_of(owner_id=run.pk, kind=SeriesKind(kind), keys=[key]).first()
    if series is None:
        raise NotFound(f"The run {run.key} has no series {key[:255]!r}.")
    return series
