"""Runs, their console and their lineage edges on the wire."""

import json
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from apps.api.wire.base import In, Moment, Number, Out, Time
from apps.artifacts.queries import RunEdge
from apps.runs.models import ConsoleLine, Run, SummaryValue
from apps.runs.queries import config_of
from apps.runs.services import CodeVersion, RunDescription
from apps.series.models import ObjectPoint, Series

EndState = Literal["finished", "failed", "crashed", "killed"]
# Words alone, or words with values.
Tags = list[str] | dict[str, str]


class CodeIn(In):
    commit: str = ""
    remote: str = ""
    program: str = ""


class RunIn(In):
    key: str = Field("", description="Its id in addresses; made here when it is left out.")
    name: str = ""
    group: str = ""
    job_type: str = ""
    notes: str = ""
    host: str = ""
    config: dict[str, Any] = {}
    tags: Tags = []
    code: CodeIn = CodeIn()


class RunChange(In):
    name: str | None = None
    notes: str | None = None
    config: dict[str, Any] | None = Field(None, description="Merged into the former, key by key.")
    tags: Tags | None = Field(None, description="Take the place of the former.")
    summary: dict[str, Any] | None = Field(None, description="Merged into the former.")


class RunEnd(In):
    state: EndState = "finished"
    exit_code: int | None = Field(default=None, ge=-(2**31), le=2**31 - 1)
    summary: dict[str, Any] | None = None


class LineIn(In):
    number: int
    text: str
    stream: Literal["out", "error"] = "out"
    at: Time | None = None


class ConsoleIn(In):
    lines: list[LineIn] = Field(max_length=10_000)


class UseIn(In):
    artifact: str = Field(description="The key of a sealed artifact version.")
    use_as: str = ""


class CodeOut(Out):
    commit: str
    remote: str
    program: str


class RunOut(Out):
    key: str
    name: str
    project: str
    state: str = Field(description="A running run that has fallen silent is shown as crashed.")
    group: str
    job_type: str
    notes: str
    host: str
    code: CodeOut
    tags: dict[str, str]
    by: str | None
    started_at: Moment
    heartbeat_at: Moment
    ended_at: Moment | None
    exit_code: int | None


class RunRow(RunOut):
    last: dict[str, Number] = Field(description="The last values of the metrics asked for.")


class RunDetail(RunOut):
    config: dict[str, Any]
    summary: dict[str, Any]


class RunStateOut(Out):
    key: str
    state: str


class LineOut(Out):
    number: int
    stream: str
    at: Moment | None
    text: str


class StoredOut(Out):
    stored: int


class UseOut(Out):
    run: str
    artifact: str
    direction: str
    use_as: str


class EdgeOut(Out):
    """An artifact version that the run used or made."""

    artifact: str
    type: str
    digest: str
    project: str
    collection: str | None
    version: int | None
    direction: str
    use_as: str
    at: Moment


class SeriesOut(Out):
    """One metric of a run; `min` and `max` leave NaN out."""

    key: str
    count: int
    first_step: int
    last_step: int
    last_at: float
    last: Number
    min: Number | None
    max: Number | None


class PointsOut(Out):
    """Points in order of step, then time, as three columns."""

    key: str
    steps: list[int]
    times: list[float]
    values: list[Number]


class SampleOut(PointsOut):
    """At most as many points as asked for, every extreme among them."""

    count: int = Field(description="How many points the whole series has.")
    sampled: int = Field(description="How many of them are given here.")


class HistoryOut(PointsOut):
    next: str | None


class ObjectOut(Out):
    key: str
    step: int
    time: float
    value: Any


def described(body: RunIn) -> RunDescription:
    return RunDescription(
        key=body.key,
        name=body.name,
        group=body.group,
        job_type=body.job_type,
        notes=body.notes,
        host=body.host,
        config=body.config,
        tags=tag_values(body.tags),
        code=CodeVersion(body.code.commit, body.code.remote, body.code.program),
    )


def tag_values(tags: Tags) -> dict[str, str]:
    """Tags by name; those that are words alone have an empty value."""
    return tags if isinstance(tags, dict) else dict.fromkeys(tags, "")


def run_fields(run: Run, now: datetime) -> dict[str, Any]:
    return {
        "key": run.key,
        "name": run.name,
        "project": run.project.name,
        "state": str(run.state_at(now)),
        "group": run.group,
        "job_type": run.job_type,
        "notes": run.notes,
        "host": run.host,
        "code": CodeOut(commit=run.code_commit, remote=run.code_remote, program=run.program),
        "tags": {tag.name: tag.value for tag in run.tags.all()},
        "by": run.created_by.username if run.created_by else None,
        "started_at": run.started_at,
        "heartbeat_at": run.heartbeat_at,
        "ended_at": run.ended_at,
        "exit_code": run.exit_code,
    }


def run_row(run: Run, now: datetime, last: dict[str, float | None]) -> RunRow:
    figures: dict[str, Any] = {"last": last}
    return RunRow(**run_fields(run, now), **figures)


def run_detail(run: Run, now: datetime) -> RunDetail:
    return RunDetail(
        **run_fields(run, now),
        config=config_of(run),
        summary={value.key: _summary(value) for value in run.summary.order_by("key")},
    )


def line_out(line: ConsoleLine) -> LineOut:
    return LineOut(number=line.number, stream=line.stream, at=line.at, text=line.text)


def edge_out(found: RunEdge) -> EdgeOut:
    artifact, place = found.edge.artifact, found.place
    return EdgeOut(
        artifact=artifact.key,
        type=artifact.type,
        digest=artifact.digest,
        project=artifact.project.name,
        collection=place.collection.name if place else None,
        version=place.number if place else None,
        direction=found.edge.direction,
        use_as=found.edge.use_as,
        at=found.edge.at,
    )


def series_out(series: Series) -> SeriesOut:
    figures: dict[str, Any] = {
        "first_step": series.first_step,
        "last_step": series.last_step,
        "last_at": series.last_at,
        "last": series.last,
    }
    return SeriesOut(
        key=series.key,
        count=series.count,
        **figures,
        min=series.min_value,
        max=series.max_value,
    )


def object_out(point: ObjectPoint) -> ObjectOut:
    return ObjectOut(key=point.key, step=point.step, time=point.at, value=json.loads(point.value))


def _summary(value: SummaryValue) -> float | str:
    return value.text if value.number is None else value.number
