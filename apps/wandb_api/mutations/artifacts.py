"""Logging artifact versions, and saying that a run used one."""

from collections.abc import Mapping, Sequence
from typing import Any

from apps.artifacts.models import ArtifactVersion
from apps.artifacts.services import note_use
from apps.core.errors import Invalid
from apps.core.jsontext import parse
from apps.core.limits import MAX_BATCH_FILES
from apps.projects.access import Access
from apps.runs.models import Run
from apps.runs.queries import run_in
from apps.wandb_api import ids
from apps.wandb_api.artifacts import finding, links, writing
from apps.wandb_api.artifacts.manifest import hex_of
from apps.wandb_api.artifacts.models import ClientArtifact, ClientManifest, ManifestKind
from apps.wandb_api.artifacts.places import access_to_project
from apps.wandb_api.context import Context
from apps.wandb_api.places import make_project_access, project_access
from apps.wandb_api.schema import INPUTS, mutation
from apps.wandb_api.types.artifacts import ArtifactNode, storage_path

MAX_ALIASES_SENT = 1_000
_FILE = ("artifactID", "name", "md5", "artifactManifestID", "mimetype", "uploadPartsInput")
# Clients before 0.28 look here for what they may send; large files then come without their parts.
INPUTS["CreateArtifactFileSpecInput"] = _FILE[:-1]
DIGEST_ALGORITHM = "MANIFEST_MD5"


@mutation
def create_artifact(
    context: Context,
    *,
    artifact_type_name: str,
    project_name: str | None = None,
    entity_name: str | None = None,
    artifact_collection_name: str | None = None,
    artifact_collection_names: list[str] | None = None,
    run_name: str | None = None,
    digest: str | None = None,
    digest_algorithm: str | None = None,
    description: str | None = None,
    metadata: str | None = None,
    aliases: list[Any] | None = None,
    tags: list[Any] | None = None,
    labels: Any = None,
    history_step: int | None = None,
    enable_digest_deduplication: bool | None = None,
    ttl_duration_seconds: int | None = None,
    client_id: str | None = None,
    sequence_client_id: str | None = None,
    distributed_id: str | None = None,
    storage_region: str | None = None,
) -> dict[str, Any]:
    """Begin an artifact version, or find the one that has the same content."""
    if digest_algorithm not in (None, DIGEST_ALGORITHM):
        raise Invalid(f"Only the digest algorithm {DIGEST_ALGORITHM} is known here.")
    collection = artifact_collection_name or next(iter(artifact_collection_names or ()), None)
    if not collection:
        raise Invalid("Name the collection of the artifact.", field="artifactCollectionName")
    access = make_project_access(context, entity_name, project_name)
    said = writing.Logging(
        collection=collection,
        type=artifact_type_name,
        digest=digest or "",
        client_id=client_id or "",
        distributed_id=distributed_id or "",
        run=_run(access, run_name),
        step=history_step,
        description=description or "",
        metadata=metadata_in(metadata),
        aliases=words(context, aliases, "ArtifactAliasInput", "alias"),
        tags=words(context, tags, "TagInput", "tagName"),
        ttl_seconds=ttl_in(ttl_duration_seconds),
        # Old clients do not say; they expect it.
        deduplicates=enable_digest_deduplication is not False,
    )
    logged = writing.begin(said, access)
    return {"artifact": ArtifactNode(context, logged.artifact)}


@mutation
def create_artifact_manifest(
    context: Context,
    *,
    artifact_id: str,
    type: str | None = None,
    name: str | None = None,
    digest: str | None = None,
    base_artifact_id: str | None = None,
    entity_name: str | None = None,
    project_name: str | None = None,
    run_name: str | None = None,
) -> dict[str, Any]:
    """Announce a manifest; with its MD5 the answer says where to put it."""
    logged, access = _logged(context, artifact_id)
    announced = writing.announce_manifest(
        logged.artifact,
        access,
        kind=type or ManifestKind.FULL,
        md5=hex_of(digest) if digest else "",
        base=_base(context, base_artifact_id),
    )
    return {"artifactManifest": _manifest(context, announced, access)}


@mutation
def update_artifact_manifest(
    context: Context,
    *,
    artifact_manifest_id: str,
    digest: str | None = None,
    base_artifact_id: str | None = None,
) -> dict[str, Any]:
    """Say what an announced manifest is."""
    found = finding.manifest_with_id(context.user, artifact_manifest_id)
    access = access_to_project(context, found.artifact.project)
    announced = writing.change_manifest(
        found,
        access,
        md5=hex_of(digest) if digest else found.md5,
        base=_base(context, base_artifact_id),
    )
    return {"artifactManifest": _manifest(context, announced, access)}


@mutation
def create_artifact_files(
    context: Context,
    *,
    artifact_files: list[Any],
    storage_layout: str | None = None,
    cloud_region_id: str | None = None,
) -> dict[str, Any]:
    """Where to put each file, in the order asked; nowhere for what the project holds already.

    Large files come with the MD5 of their parts; they are taken in one piece all the same.
    """
    if len(artifact_files) > MAX_BATCH_FILES:
        raise Invalid(f"No more than {MAX_BATCH_FILES} files at once.", field="artifactFiles")
    asked = [_file_asked(context, one) for one in artifact_files]
    owners = dict.fromkeys(owner for owner, _ in asked)
    artifacts = {owner: _logged(context, owner) for owner in owners}
    wanted: dict[int, bool] = {}
    for artifact_id, (logged, access) in artifacts.items():
        here = [(at, file) for at, (owner, file) in enumerate(asked) if owner == artifact_id]
        needed = writing.asked_files(logged.artifact, [file for _, file in here], access)
        wanted |= {at: is_needed for (at, _), is_needed in zip(here, needed, strict=True)}
    nodes = [
        _file(context, *artifacts[artifact_id], file, is_needed=wanted[at])
        for at, (artifact_id, file) in enumerate(asked)
    ]
    return {"files": {"edges": [{"node": node} for node in nodes], "totalCount": len(nodes)}}


@mutation
def complete_multipart_upload_artifact(
    context: Context,
    *,
    artifact_id: str | None = None,
    storage_path: str | None = None,
    upload_id: str | None = None,
    completed_parts: list[Any] | None = None,
    complete_multipart_action: str | None = None,
) -> None:
    """Uploads in parts are never offered, so there is none to complete."""
    raise Invalid("Files are sent in one piece here; there is no upload in parts to complete.")


@mutation
def commit_artifact(context: Context, *, artifact_id: str) -> dict[str, Any]:
    """Seal what was sent."""
    logged, access = _logged(context, artifact_id)
    committed = writing.commit(logged, access)
    return {"artifact": ArtifactNode(context, committed.artifact)}


@mutation
def use_artifact(
    context: Context,
    *,
    artifact_id: str,
    run_name: str | None = None,
    entity_name: str | None = None,
    project_name: str | None = None,
    used_as: str | None = None,
    artifact_entity_name: str | None = None,
    artifact_project_name: str | None = None,
) -> dict[str, Any]:
    """Note that a run used an artifact version."""
    artifact = finding.artifact_with_id(context.user, artifact_id)
    access = project_access(context, entity_name, project_name)
    run = run_in(access.here, run_name or "")
    note_use(run=run, artifact=artifact, access=access, use_as=used_as or "")
    return {"artifact": ArtifactNode(context, artifact)}


def metadata_in(text: str | None) -> Mapping[str, object]:
    """Metadata as the client sends them: an object in JSON, in which bare NaN may stand. What no
    text can hold is mended there as in what a run logs."""
    found = parse(text, allow_nonfinite=True, mend_texts=True) if text else {}
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise Invalid("Metadata are an object of names and values.", field="metadata")
    return found


def ttl_in(seconds: int | None) -> int | None:
    """How long to keep it; the client says with a negative number that it does not say."""
    return seconds if seconds is not None and seconds > 0 else None


def words(context: Context, given: Sequence[Any] | None, type_name: str, key: str) -> list[str]:
    """The words in a list of objects that have one each; old clients send the words alone."""
    if len(given or ()) > MAX_ALIASES_SENT:
        raise Invalid(f"No more than {MAX_ALIASES_SENT} at once.", field=key)
    found = [
        context.read(one, type_name, key, "artifactCollectionName")[key]
        if isinstance(one, Mapping)
        else one
        for one in given or ()
    ]
    if not all(isinstance(word, str) and word for word in found):
        raise Invalid(f"Each {key} must be text.", field=key)
    return found


def _logged(context: Context, artifact_id: str) -> tuple[ClientArtifact, Access]:
    logged = finding.logged_as(context.user, artifact_id)
    return logged, access_to_project(context, logged.artifact.project)


def _run(access: Access, name: str | None) -> Run | None:
    return run_in(access.here, name) if name else None


def _base(context: Context, artifact_id: str | None) -> ArtifactVersion | None:
    return finding.artifact_with_id(context.user, artifact_id) if artifact_id else None


def _file_asked(context: Context, given: Any) -> tuple[str, writing.FileAsked]:
    if not isinstance(given, Mapping):
        raise Invalid("Each of artifactFiles is an object.", field="artifactFiles")
    found = context.read(given, "CreateArtifactFileSpecInput", *_FILE)
    if not isinstance(found["artifactID"], str) or not isinstance(found["name"], str):
        raise Invalid("Each file needs its artifact and a name.", field="artifactFiles")
    return found["artifactID"], writing.FileAsked(found["name"], hex_of(found["md5"]))


def _file(
    context: Context,
    logged: ClientArtifact,
    access: Access,
    file: writing.FileAsked,
    *,
    is_needed: bool,
) -> dict[str, Any]:
    artifact = logged.artifact
    address = (
        links.upload_address(context, access, artifact=artifact, md5=file.md5)
        if is_needed
        else None
    )
    return {
        "__typename": "File",
        "id": ids.encode("File", f"asked-{artifact.pk}-{file.md5}"),
        "name": file.path,
        "displayName": file.path,
        "storagePath": storage_path(file.md5),
        "uploadUrl": address,
        "uploadHeaders": [],
        "uploadMultipartUrls": None,
        "artifact": {"__typename": "Artifact", "id": ids.encode("Artifact", artifact.pk)},
    }


def _manifest(context: Context, announced: ClientManifest, access: Access) -> dict[str, Any]:
    artifact, md5 = announced.artifact, announced.md5
    address = links.upload_address(context, access, artifact=artifact, md5=md5) if md5 else None
    return {
        "__typename": "ArtifactManifest",
        "id": ids.encode("ArtifactManifest", announced.pk),
        "file": {
            "__typename": "File",
            "id": ids.encode("File", f"announced-{announced.pk}"),
            "name": links.MANIFEST_NAME,
            "displayName": links.MANIFEST_NAME,
            "uploadUrl": address,
            "uploadHeaders": [],
        },
    }
