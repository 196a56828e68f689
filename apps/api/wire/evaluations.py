"""Metric definitions, golden sets and results on the wire."""

from typing import Literal

from pydantic import Field

from apps.api.wire.base import Digest, In, Moment, Number, Out
from apps.evaluations.examples import ExampleScore
from apps.evaluations.models import GoldenSet, MetricDefinition, Result

BetterWord = Literal["lower", "higher", "neither"]


class ExampleIn(In):
    """What the model did with one example of the golden set."""

    example: str
    score: Number
    prediction: str = ""
    target: str = ""


class ResultIn(In):
    metric: str
    value: Number
    golden_set: str | None = Field(None, description="Its name; null for the training run's own.")
    n: int | None = None
    stderr: float | None = None
    low: float | None = None
    high: float | None = None
    examples: list[ExampleIn] = []


class ResultsIn(In):
    results: list[ResultIn]
    run: str | None = Field(None, description="The key of the run that evaluated.")


class ResultOut(Out):
    id: int
    metric: str
    golden_set: str | None
    value: Number
    n: int | None
    stderr: float | None
    low: Number | None
    high: Number | None
    run: str | None
    source: str
    by: str | None
    created_at: Moment
    is_current: bool


class ExampleOut(Out):
    example: str
    score: Number
    prediction: str
    target: str


class MetricIn(In):
    title: str | None = None
    better: BetterWord | None = None
    format: str | None = Field(None, description="auto, integer, fixed:4 or percent:1.")
    description: str | None = None


class MetricOut(Out):
    name: str
    title: str
    better: str
    format: str
    description: str


class GoldenSetIn(In):
    name: str
    title: str = Field("", description='What columns call it: the "10k" of "Loss @ 10k".')
    artifact: str | None = Field(None, description="The key of a sealed data set version.")
    digest: Digest | None = Field(None, description="For data that is not uploaded.")
    example_count: int | None = None
    description: str = ""


class GoldenSetOut(Out):
    name: str
    title: str
    artifact: str | None
    digest: str
    example_count: int | None
    description: str
    created_at: Moment
    retired_at: Moment | None


def result_out(result: Result) -> ResultOut:
    return ResultOut(
        id=result.pk,
        metric=result.metric.name,
        golden_set=result.golden_set.name if result.golden_set else None,
        # The database has NULL for NaN.
        value=float("nan") if result.value is None else result.value,
        n=result.n,
        stderr=result.stderr,
        low=result.low,
        high=result.high,
        run=result.run.key if result.run else None,
        source=result.source,
        by=result.created_by.username if result.created_by else None,
        created_at=result.created_at,
        is_current=result.is_current,
    )


def example_out(example: ExampleScore) -> ExampleOut:
    return ExampleOut(
        example=example.example,
        score=example.score,
        prediction=example.prediction,
        target=example.target,
    )


def metric_out(metric: MetricDefinition) -> MetricOut:
    return MetricOut(
        name=metric.name,
        title=metric.title,
        better=metric.better,
        format=metric.format,
        description=metric.description,
    )


def golden_set_out(golden_set: GoldenSet) -> GoldenSetOut:
    return GoldenSetOut(
        name=golden_set.name,
        title=golden_set.title,
        artifact=golden_set.artifact.key if golden_set.artifact else None,
        digest=golden_set.digest,
        example_count=golden_set.example_count,
        description=golden_set.description,
        created_at=golden_set.created_at,
        retired_at=golden_set.retired_at,
    )
