"""Artifact versions: log one whole, read it back, download its files."""

from django.db import transaction
from django.http.response import HttpResponseBase

from apps.api.download import download
from apps.api.operations import EITHER, PROJECT, Answer, ApiRequest, operation, project_of
from apps.api.wire.artifacts import (
    ArtifactIn,
    ArtifactOut,
    FileOut,
    LineageOut,
    LoggedOut,
    artifact_out,
    file_out,
    file_spec,
    lineage_out,
)
from apps.api.wire.base import DEFAULT_SIZE, CursorText, ListOf, Size, listed
from apps.artifacts.choices import ArtifactState
from apps.artifacts.lineage import lineage_of
from apps.artifacts.models import ArtifactVersion
from apps.artifacts.queries import artifact_by_key, file_at, files_of
from apps.artifacts.services import begin_artifact, ensure_collection, seal_artifact
from apps.core.errors import NotFound
from apps.core.paging import Key, paginate
from apps.projects.access import Access, Action
from apps.runs.queries import run_in

_BY_PATH = [Key("path", "text")]


@operation("POST", "/artifacts", Action.LOG, places=[PROJECT], returns=LoggedOut, also=[201])
def log_artifact(request: ApiRequest, body: ArtifactIn) -> Answer:
    """Log an artifact version: its files by digest, metadata, the run that made it.

    201 with its number in the collection; 200 when the newest version there is the same; 409 with
    the digests in `missing` when content has not been uploaded, and then nothing is kept.
    """
    access = request.access
    with transaction.atomic():
        artifact = begin_artifact(
            type=body.type,
            access=access,
            metadata=body.metadata,
            description=body.description,
            files=[file_spec(file) for file in body.files],
            made_by=run_in(project_of(request), body.run) if body.run is not None else None,
        )
        key = artifact.key
        # After the content is locked: making a collection is an event, and the audit chain that it
        # locks is the last thing to be waited for.
        collection = ensure_collection(
            name=body.collection,
            type=body.type,
            access=access,
            project=access.project,
            first_number=body.first_number,
        )
        version = seal_artifact(
            artifact=artifact, collection=collection, access=access, note=body.note
        )
    logged = version.artifact
    is_new = logged.key == key
    answer = LoggedOut(
        artifact=artifact_out(logged),
        collection=collection.name,
        version=version.number,
        is_new=is_new,
    )
    return Answer(answer, 201 if is_new else 200)


@operation("GET", "/artifacts/{key}", Action.READ, places=EITHER, returns=ArtifactOut)
def show_artifact(request: ApiRequest, key: str) -> ArtifactOut:
    """One artifact version."""
    return artifact_out(sealed_artifact(request.access, key))


@operation("GET", "/artifacts/{key}/files", Action.READ, places=EITHER, returns=ListOf[FileOut])
def list_files(
    request: ApiRequest, key: str, cursor: CursorText = "", size: Size = DEFAULT_SIZE
) -> ListOf[FileOut]:
    """Its files by path, with their digests; references to outside storage are text only."""
    artifact = sealed_artifact(request.access, key)
    page = paginate(
        files_of(artifact), _BY_PATH, cursor=cursor, size=size, scope=f"files {artifact.pk}"
    )
    return listed(page, file_out, FileOut)


@operation(
    "GET",
    "/artifacts/{key}/files/{path:path}",
    Action.READ,
    places=EITHER,
    returns=None,
    also=[206, 304],
)
def download_file(request: ApiRequest, key: str, path: str) -> HttpResponseBase:
    """The bytes of a file, or a part of them (Range). The ETag is their SHA-256."""
    return download(request, file_at(sealed_artifact(request.access, key), path))


@operation("GET", "/artifacts/{key}/lineage", Action.READ, places=EITHER, returns=LineageOut)
def show_lineage(request: ApiRequest, key: str) -> LineageOut:
    """Which runs made and used it, and what those used and made."""
    artifact = sealed_artifact(request.access, key)
    return lineage_out(lineage_of(artifact, request.access.user))


def sealed_artifact(access: Access, key: str) -> ArtifactVersion:
    """A finished artifact version by key. Raises NotFound for one that is still being filled."""
    artifact = artifact_by_key(access, key)
    if artifact.state != ArtifactState.SEALED:
        raise NotFound(f"There is no artifact {key!r} here.")
    return artifact
