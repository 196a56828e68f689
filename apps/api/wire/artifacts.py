"""Artifact versions, their files and their lineage on the wire."""

from typing import Any, Literal

from pydantic import Field

from apps.api.wire.base import Digest, In, Moment, Out
from apps.artifacts.lineage import Lineage
from apps.artifacts.models import ArtifactFile, ArtifactVersion
from apps.artifacts.queries import metadata_of
from apps.artifacts.services import MAX_FILES, FileSpec


class DigestsIn(In):
    digests: list[Digest] = Field(max_length=10_000)


class MissingOut(Out):
    """Which of the digests the team has still to upload."""

    missing: list[str]


class ContentOut(Out):
    digest: str
    size_bytes: int


class FileIn(In):
    """A path with either the digest of uploaded content or a reference to outside storage."""

    path: str
    digest: Digest | None = None
    reference: str = ""
    reference_digest: str = ""
    size_bytes: int = Field(0, ge=0, le=2**53 - 1, description="Of a reference only.")


class ArtifactIn(In):
    type: str = Field(description='"model", "dataset", or any other word.')
    collection: str = Field(description="Made when there is none of this name.")
    first_number: Literal[0, 1] = Field(1, description="For a collection that is made now.")
    files: list[FileIn] = Field([], max_length=MAX_FILES)
    metadata: dict[str, Any] = {}
    description: str = ""
    note: str = ""
    run: str | None = Field(None, description="The key of the run that made it.")


class ArtifactOut(Out):
    key: str
    project: str
    type: str
    digest: str
    size_bytes: int
    file_count: int
    description: str
    metadata: dict[str, Any]
    run: str | None
    by: str | None
    created_at: Moment
    sealed_at: Moment | None


class LoggedOut(Out):
    """Where an artifact version stands now. Logging the same again gives the same version."""

    artifact: ArtifactOut
    collection: str
    version: int
    is_new: bool


class FileOut(Out):
    path: str
    size_bytes: int
    digest: str | None
    reference: str | None
    reference_digest: str | None


class LineageArtifact(Out):
    key: str
    project: str
    type: str
    digest: str


class LineageRun(Out):
    project: str
    key: str
    name: str
    state: str


class LineageEdge(Out):
    project: str
    run: str
    artifact: str
    direction: str
    use_as: str


class LineageOut(Out):
    """The runs and artifact versions around one; `is_cut` when some were left out for space."""

    artifacts: list[LineageArtifact]
    runs: list[LineageRun]
    edges: list[LineageEdge]
    is_cut: bool


def file_spec(file: FileIn) -> FileSpec:
    return FileSpec(
        path=file.path,
        digest=file.digest or "",
        reference=file.reference,
        reference_digest=file.reference_digest,
        size_bytes=file.size_bytes,
    )


def artifact_out(artifact: ArtifactVersion) -> ArtifactOut:
    return ArtifactOut(
        key=artifact.key,
        project=artifact.project.name,
        type=artifact.type,
        digest=artifact.digest,
        size_bytes=artifact.size_bytes,
        file_count=artifact.file_count,
        description=artifact.description,
        metadata=metadata_of(artifact),
        run=artifact.made_by.key if artifact.made_by else None,
        by=artifact.created_by.username if artifact.created_by else None,
        created_at=artifact.created_at,
        sealed_at=artifact.sealed_at,
    )


def file_out(file: ArtifactFile) -> FileOut:
    return FileOut(
        path=file.path,
        size_bytes=file.size_bytes,
        digest=file.blob_id,
        reference=file.reference or None,
        reference_digest=file.reference_digest or None,
    )


def lineage_out(graph: Lineage) -> LineageOut:
    return LineageOut(
        artifacts=[
            LineageArtifact(key=one.key, project=one.project.name, type=one.type, digest=one.digest)
            for one in graph.artifacts.values()
        ],
        runs=[
            LineageRun(project=run.project.name, key=run.key, name=run.name, state=run.state)
            for run in graph.runs.values()
        ],
        edges=[
            LineageEdge(
                project=graph.runs[edge.run_id].project.name,
                run=graph.runs[edge.run_id].key,
                artifact=graph.artifacts[edge.artifact_id].key,
                direction=edge.direction,
                use_as=edge.use_as,
            )
            for edge in sorted(graph.edges, key=lambda one: (one.run_id, one.artifact_id))
        ],
        is_cut=graph.is_cut,
    )
