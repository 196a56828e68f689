"""Models (collections), their versions, label holders and history on the wire."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from apps.api.wire.artifacts import ArtifactOut, artifact_out
from apps.api.wire.base import In, Moment, Number, Out, VersionNumber
from apps.api.wire.evaluations import ResultOut
from apps.artifacts.models import Collection, LabelHolding, Version
from apps.registry.models import Column, StatusLabel
from apps.registry.queries.overview import ModelSummary
from apps.registry.queries.table import better_of, format_of


class ColumnOut(Out):
    """A score column; `slug` is what queries and `sort` call it."""

    slug: str
    title: str
    metric: str
    golden_set: str | None
    better: str
    format: str
    is_visible: bool


class HoldingOut(Out):
    """That a version holds, or held, a label."""

    label: str
    version: int
    held_from: Moment
    held_until: Moment | None
    by: str | None
    reason: str
    is_rollback: bool
    is_stage: bool = Field(description="Held as one of MLflow's stages, beside the holder.")


class HeadlineOut(Out):
    """The first column's score of the version that holds the first label."""

    column: str
    value: Number | None
    former_value: Number | None


class ModelOut(Out):
    name: str
    title: str
    type: str
    project: str | None = Field(description="null for a model of the team's registry.")
    description: str
    created_at: Moment


class ModelRow(ModelOut):
    version_count: int
    last_logged_at: Moment | None
    holder: HoldingOut | None = Field(description="Who holds the team's first label.")
    headline: HeadlineOut | None


class ModelDetail(ModelOut):
    latest: int | None
    holders: list[HoldingOut]
    columns: list[ColumnOut]


class VersionOut(Out):
    number: int
    artifact: str
    digest: str
    project: str = Field(description="Where the artifact version was logged.")
    size_bytes: int
    labels: list[str]
    note: str
    by: str | None
    linked_at: Moment
    run: str | None


class VersionDetail(Out):
    collection: str
    number: int
    labels: list[str]
    note: str
    by: str | None
    linked_at: Moment
    artifact: ArtifactOut
    results: list[ResultOut]


class LinkIn(In):
    artifact: str = Field(description="The key of a sealed artifact version.")
    note: str = ""


class LinkOut(Out):
    collection: str
    version: int
    artifact: str
    is_new: bool


class PromoteIn(In):
    version: VersionNumber
    reason: str = ""
    expected: VersionNumber | None = Field(
        None,
        description="The version that holds the label as far as you know, or null for none. When "
        "given and no longer true, the answer is 409. Left out: the last one wins.",
    )


class RollbackIn(In):
    reason: str = ""
    expected: VersionNumber | None = Field(
        None, description="The version that holds the label as far as you know."
    )


class HoldersOut(Out):
    """Who holds a label now: one version at most when it is exclusive."""

    label: str
    holders: list[HoldingOut]


class TakenOut(Out):
    label: str
    version: int


class LabelIn(In):
    """A new label is grey, exclusive and not protected; of an old one, what is left out stays."""

    colour: str | None = None
    position: int | None = Field(None, ge=0, le=10_000)
    is_exclusive: bool | None = None
    is_protected: bool | None = None


class LabelOut(Out):
    """A word of the team's vocabulary. Only curators move a protected label."""

    name: str
    colour: str
    position: int
    is_exclusive: bool
    is_protected: bool


def model_fields(collection: Collection) -> dict[str, Any]:
    return {
        "name": collection.name,
        "title": collection.title,
        "type": collection.type,
        "project": collection.project.name if collection.project else None,
        "description": collection.description,
        "created_at": collection.created_at,
    }


def model_row(summary: ModelSummary) -> ModelRow:
    headline = None
    if summary.column is not None and summary.result is not None:
        former = summary.former_result
        headline = HeadlineOut(
            column=summary.column.title,
            value=score_value(summary.result.value),
            former_value=score_value(former.value) if former else None,
        )
    return ModelRow(
        **model_fields(summary.collection),
        version_count=summary.version_count,
        last_logged_at=summary.last_logged_at,
        holder=holding_out(summary.holding) if summary.holding else None,
        headline=headline,
    )


def model_detail(
    collection: Collection,
    latest: int | None,
    holdings: Sequence[LabelHolding],
    columns: Sequence[Column],
) -> ModelDetail:
    return ModelDetail(
        **model_fields(collection),
        latest=latest,
        holders=[holding_out(holding) for holding in holdings],
        columns=[column_out(column) for column in columns],
    )


def column_out(column: Column) -> ColumnOut:
    return ColumnOut(
        slug=column.slug,
        title=column.title,
        metric=column.metric.name,
        golden_set=column.golden_set.name if column.golden_set else None,
        better=str(better_of(column)),
        format=format_of(column),
        is_visible=column.is_visible,
    )


def holding_out(holding: LabelHolding) -> HoldingOut:
    return HoldingOut(
        label=holding.label,
        version=holding.version.number,
        held_from=holding.held_from,
        held_until=holding.held_until,
        by=holding.given_by.username if holding.given_by else None,
        reason=holding.reason,
        is_rollback=holding.is_rollback,
        is_stage=holding.is_stage,
    )


def version_out(version: Version, labels: Sequence[LabelHolding]) -> VersionOut:
    artifact = version.artifact
    return VersionOut(
        number=version.number,
        artifact=artifact.key,
        digest=artifact.digest,
        project=artifact.project.name,
        size_bytes=artifact.size_bytes,
        labels=[holding.label for holding in labels],
        note=version.note,
        by=version.linked_by.username if version.linked_by else None,
        linked_at=version.linked_at,
        run=artifact.made_by.key if artifact.made_by else None,
    )


def version_detail(
    version: Version, labels: Sequence[LabelHolding], results: list[ResultOut]
) -> VersionDetail:
    return VersionDetail(
        collection=version.collection.name,
        number=version.number,
        labels=[holding.label for holding in labels],
        note=version.note,
        by=version.linked_by.username if version.linked_by else None,
        linked_at=version.linked_at,
        artifact=artifact_out(version.artifact),
        results=results,
    )


def label_out(label: StatusLabel) -> LabelOut:
    return LabelOut(
        name=label.name,
        colour=label.colour,
        position=label.position,
        is_exclusive=label.is_exclusive,
        is_protected=label.is_protected,
    )


def score_value(stored: float | None) -> float:
    """A recorded score: the database has NULL for NaN."""
    return float("nan") if stored is None else stored
