"""Runs: start, describe, end; console, heartbeat and lineage edges."""

from typing import Annotated, Literal

from django.utils import timezone
from ninja import Query

from apps.api.operations import Answer, ApiRequest, below, made, operation, project_of
from apps.api.run_list import RunFilter, page_of_runs
from apps.api.views.artifacts import sealed_artifact
from apps.api.wire.base import DEFAULT_SIZE, CursorText, ListOf, Size, listed, whole_list
from apps.api.wire.runs import (
    ConsoleIn,
    EdgeOut,
    LineOut,
    RunChange,
    RunDetail,
    RunEnd,
    RunIn,
    RunRow,
    RunStateOut,
    StoredOut,
    UseIn,
    UseOut,
    described,
    edge_out,
    line_out,
    run_detail,
    run_row,
    tag_values,
)
from apps.artifacts.queries import edges_of_run
from apps.artifacts.services import note_use
from apps.core.paging import Key, paginate
from apps.projects.access import Action
from apps.runs.choices import RunState, Stream
from apps.runs.models import Run
from apps.runs.queries import run_in
from apps.runs.services import (
    Line,
    beat,
    finish_run,
    log_console,
    resume_run,
    start_run,
    update_run,
)
from apps.series.choices import SeriesKind
from apps.series.queries import series_of_many

MAX_METRICS = 20

StateWord = Literal["scheduled", "running", "finished", "failed", "crashed", "killed"]


@operation("GET", "/runs", Action.READ, returns=ListOf[RunRow])
def list_runs(
    request: ApiRequest,
    state: StateWord | None = None,
    group: str = "",
    job_type: str = "",
    tag: str = "",
    q: str = "",
    metric: Annotated[list[str], Query(max_length=MAX_METRICS)] = (),  # type: ignore[assignment]
    order: str = "-started",
    cursor: CursorText = "",
    size: Size = DEFAULT_SIZE,
) -> ListOf[RunRow]:
    """Runs of the project, newest first; `metric` adds the last values of those metrics.

    `order` is `started` or `metric:NAME` (its last value), with `-` in front for descending. By a
    metric, runs that have no number for it are left out. `q` searches names and keys.
    """
    wanted = RunFilter(state or "", group, job_type, tag, q)
    page = page_of_runs(project_of(request), wanted, order, cursor=cursor, size=size)
    now = timezone.now()
    last: dict[int, dict[str, float | None]] = {}
    if metric:
        owners = [run.pk for run in page.rows]
        for series in series_of_many(owner_ids=owners, kind=SeriesKind.METRIC, keys=list(metric)):
            last.setdefault(series.owner_id, {})[series.key] = series.last
    return listed(page, lambda run: run_row(run, now, last.get(run.pk, {})), RunRow)


@operation("POST", "/runs", Action.LOG, returns=RunDetail, status=201)
def add_run(request: ApiRequest, body: RunIn) -> Answer:
    """Start a run."""
    run = start_run(description=described(body), access=request.access)
    return made(run_detail(run, timezone.now()), at=below(request, run.key))


@operation("GET", "/runs/{run}", Action.READ, returns=RunDetail)
def show_run(request: ApiRequest, run: str) -> RunDetail:
    """One run with its config, tags and summary."""
    return run_detail(_run(request, run), timezone.now())


@operation("PATCH", "/runs/{run}", Action.LOG, returns=RunDetail)
def change_run(request: ApiRequest, run: str, body: RunChange) -> RunDetail:
    """Change what is said of a run; whatever is left out stays."""
    changed = update_run(
        run=_run(request, run),
        access=request.access,
        name=body.name,
        notes=body.notes,
        config=body.config,
        tags=None if body.tags is None else tag_values(body.tags),
        summary=body.summary,
    )
    return run_detail(changed, timezone.now())


@operation("POST", "/runs/{run}/heartbeat", Action.LOG, returns=RunStateOut)
def heartbeat(request: ApiRequest, run: str) -> RunStateOut:
    """Say that a run is still alive; points and console lines say so too."""
    found = _run(request, run)
    beat(run=found, access=request.access)
    return RunStateOut(key=found.key, state=found.state)


@operation("POST", "/runs/{run}/finish", Action.LOG, returns=RunDetail)
def finish(request: ApiRequest, run: str, body: RunEnd = RunEnd()) -> RunDetail:  # noqa: B008
    """End a run. Ending it again in the same state changes nothing."""
    ended = finish_run(
        run=_run(request, run),
        access=request.access,
        state=RunState(body.state),
        exit_code=body.exit_code,
        summary=body.summary,
    )
    return run_detail(ended, timezone.now())


@operation("POST", "/runs/{run}/resume", Action.LOG, returns=RunDetail)
def resume(request: ApiRequest, run: str) -> RunDetail:
    """Take an ended run up again, or begin a scheduled one."""
    resumed = resume_run(run=_run(request, run), access=request.access)
    return run_detail(resumed, timezone.now())


@operation("POST", "/runs/{run}/console", Action.LOG, returns=StoredOut)
def add_console(request: ApiRequest, run: str, body: ConsoleIn) -> StoredOut:
    """Store console lines by number; a line that is sent again takes the former's place."""
    lines = [Line(one.number, one.text, Stream(one.stream), one.at) for one in body.lines]
    log_console(run=_run(request, run), access=request.access, lines=lines)
    return StoredOut(stored=len(lines))


@operation("GET", "/runs/{run}/console", Action.READ, returns=ListOf[LineOut])
def list_console(
    request: ApiRequest, run: str, cursor: CursorText = "", size: Size = DEFAULT_SIZE
) -> ListOf[LineOut]:
    """The console lines of a run in order."""
    found = _run(request, run)
    keys = [Key("number", "integer")]
    page = paginate(found.console.all(), keys, cursor=cursor, size=size, scope=f"run {found.pk}")
    return listed(page, line_out, LineOut)


@operation("POST", "/runs/{run}/uses", Action.LOG, returns=UseOut)
def add_use(request: ApiRequest, run: str, body: UseIn) -> UseOut:
    """Say that a run used an artifact version. Saying it again changes nothing."""
    found = _run(request, run)
    artifact = sealed_artifact(request.access.within(None), body.artifact)
    note_use(run=found, artifact=artifact, access=request.access, use_as=body.use_as)
    return UseOut(run=found.key, artifact=artifact.key, direction="used", use_as=body.use_as)


@operation("GET", "/runs/{run}/artifacts", Action.READ, returns=ListOf[EdgeOut])
def list_run_artifacts(request: ApiRequest, run: str) -> ListOf[EdgeOut]:
    """What a run used and made, as far as the caller may see it."""
    edges = edges_of_run(_run(request, run), request.access.user)
    return whole_list(map(edge_out, edges), EdgeOut)


def _run(request: ApiRequest, key: str) -> Run:
    return run_in(project_of(request), key)
