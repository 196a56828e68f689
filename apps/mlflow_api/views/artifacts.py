"""Files of runs and of logged models, which the client sends and fetches one by one.

What is sent is stored under its digest; then a run keeps it under its path, or the manifest of the
logged model names it, until that is sealed.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, TypeVar

from django.http import HttpResponse, StreamingHttpResponse, UnreadablePostError
from django.http.response import HttpResponseBase

from apps.artifacts.choices import MODEL, ArtifactState
from apps.artifacts.drafts import delete_draft_files, put_draft_files
from apps.artifacts.models import ArtifactVersion
from apps.artifacts.queries import collection_named, version_numbered
from apps.artifacts.services import FileSpec
from apps.content.delivery import deliver
from apps.content.services import store
from apps.core.errors import NotFound, TooLarge, Unsupported
from apps.core.folders import entries
from apps.core.limits import MAX_FILE_BYTES
from apps.mlflow_api.call import Call
from apps.mlflow_api.endpoint import ARTIFACTS, SITE, Message, endpoint
from apps.mlflow_api.errors import MlflowError, invalid
from apps.mlflow_api.file_places import (
    FilePlace,
    clean_below,
    find_place,
    model_address,
    run_address,
)
from apps.mlflow_api.places import experiment_id_of
from apps.projects.access import Action
from apps.runs.files import delete_files, store_file
from apps.runs.models import Run

_MAX_DIGITS: Final = 19
_Kept = TypeVar("_Kept")


@endpoint("PUT", "artifacts/<path:path>", Action.LOG, root=ARTIFACTS, reads_body=False)
def put_artifact(call: Call, path: str) -> Message:
    """Store the body as a file of a run or of a logged model that is not finished yet."""
    place = find_place(call, path)
    if not place.path:
        raise invalid("Invalid path: name the file below the folder of artifacts.")
    _refuse_sealed(place)
    if isinstance(place.owner, Run) and place.owner.deleted_at is not None:
        raise invalid(f"The run {place.owner.key} must be in the 'active' state to take files.")
    if isinstance(place.owner, Run):
        keep = partial(store_file, run=place.owner, path=place.path, access=place.access)
        _receive(call, keep)
    else:
        blob = _receive(call, partial(store, owner_id=place.access.here.pk))
        spec = FileSpec(path=place.path, digest=blob.digest)
        put_draft_files(artifact=place.owner, files=[spec], access=place.access)
    return {}


@endpoint("GET", "artifacts/<path:path>", Action.READ, root=ARTIFACTS)
def get_artifact(call: Call, path: str) -> HttpResponseBase:
    """The bytes of a file, or a part of them. A folder is not found: the client relies on that."""
    return _send(call, find_place(call, path))


@endpoint("DELETE", "artifacts/<path:path>", Action.LOG, root=ARTIFACTS, reads_body=False)
def delete_artifact(call: Call, path: str) -> Message:
    """Remove a file, or a folder and what is in it; the top of a run is all that it has."""
    place = find_place(call, path)
    _refuse_sealed(place)
    if isinstance(place.owner, Run):
        delete_files(run=place.owner, paths=[place.path], access=place.access)
    else:
        delete_draft_files(artifact=place.owner, paths=[place.path], access=place.access)
    return {}


@endpoint("GET", "artifacts", Action.READ, root=ARTIFACTS)
def list_artifacts(call: Call) -> Message:
    """What lies directly in a folder, by name, with names alone; nothing for a missing folder."""
    return {"files": _listed(find_place(call, call.params.text("path", required=True)))}


@endpoint("GET", "artifacts/list", Action.READ)
def list_run_artifacts(call: Call) -> Message:
    """The same by run and path, with whole paths and the address that they are below."""
    run, access = call.run(_run_id(call))
    place = FilePlace(run, access, clean_below(call.params.text("path")))
    return {
        "root_uri": run_address(run, experiment_id_of(run.project, call)),
        "files": _listed_whole(place),
    }


@endpoint("GET", "logged-models/<str:model_id>/artifacts/directories", Action.READ)
def list_model_artifacts(call: Call, model_id: str) -> Message:
    """The same for a logged model, as mlflow's own pages ask."""
    artifact, access = call.model(model_id)
    path = call.params.text("artifact_directory_path")
    place = FilePlace(artifact, access, clean_below(path))
    return {
        "root_uri": model_address(artifact.key, experiment_id_of(artifact.project, call)),
        "files": _listed_whole(place),
    }


@endpoint("GET", "get-artifact", Action.READ, root=SITE)
def get_run_artifact(call: Call) -> HttpResponseBase:
    """A file by run and path, as mlflow's own pages ask."""
    run, access = call.run(_run_id(call))
    return _send(call, FilePlace(run, access, clean_below(call.params.text("path", required=True))))


@endpoint("GET", "model-versions/get-artifact", Action.READ, root=SITE)
def get_version_artifact(call: Call) -> HttpResponseBase:
    """A file of a registered model's version, as mlflow's own pages ask."""
    access = call.home()
    name = call.params.text("name", required=True)
    model = collection_named(access.team, None, name, type=MODEL)
    version = version_numbered(model, call.params.integer("version"), access.user)
    path = clean_below(call.params.text("path", required=True))
    return _send(call, FilePlace(version.artifact, access, path))


@endpoint("POST", "mpu/create/<path:path>", Action.LOG, root=ARTIFACTS, reads_body=False)
@endpoint("POST", "mpu/complete/<path:path>", Action.LOG, root=ARTIFACTS, reads_body=False)
@endpoint("POST", "mpu/abort/<path:path>", Action.LOG, root=ARTIFACTS, reads_body=False)
@endpoint("GET", "presigned/<path:path>", Action.READ, root=ARTIFACTS)
def refuse_parts(call: Call, path: str) -> Message:
    """Told so, the client sends or fetches the file whole, in one stream of any length."""
    find_place(call, path)
    raise _whole_files_only()


@endpoint("POST", "artifacts/presigned-upload-url", Action.LOG)
@endpoint("POST", "artifacts/presigned-download-url", Action.READ)
def refuse_signed(call: Call) -> Message:
    """Files come and go through this server alone."""
    call.run(_run_id(call))
    raise _whole_files_only()


def _run_id(call: Call) -> str:
    return call.params.text("run_id") or call.params.text("run_uuid", required=True)


def _listed_whole(place: FilePlace) -> list[dict[str, Any]]:
    prefix = f"{place.path}/" if place.path else ""
    return [{**one, "path": prefix + one["path"]} for one in _listed(place)]


def _listed(place: FilePlace) -> list[dict[str, Any]]:
    found = entries(place.files, place.path).order_by("entry")
    return [
        {"path": row["entry"], "is_dir": False, "file_size": int(row["total"])}
        if row["is_file"]
        else {"path": row["entry"], "is_dir": True}
        for row in found
    ]


def _send(call: Call, place: FilePlace) -> HttpResponseBase:
    file = place.file()
    if file is None:
        raise NotFound(f"There is no file {place.path!r} there.")
    digest, size_bytes = file
    if digest is None:
        raise NotFound(f"{place.path!r} is kept elsewhere; only its address is known here.")
    delivery = deliver(
        digest=digest,
        size=size_bytes,
        filename=place.path.rpartition("/")[2],
        asked=call.request.headers,
    )
    return _response(delivery.status, delivery.headers, delivery.pieces)


def _response(status: int, headers: Mapping[str, str], pieces: Any) -> HttpResponseBase:
    if pieces is None:
        response: HttpResponseBase = HttpResponse(status=status)
    else:
        response = StreamingHttpResponse(pieces, status=status)
    for name, value in headers.items():
        response.headers[name] = value
    return response


def _refuse_sealed(place: FilePlace) -> None:
    if isinstance(place.owner, ArtifactVersion) and place.owner.state == ArtifactState.SEALED:
        raise invalid("The logged model is finished: its files do not change. Log a new model.")


def _receive(call: Call, keep: Callable[..., _Kept]) -> _Kept:
    """What `keep` makes of the body, a stream of bytes that is never whole in memory."""
    request = call.request
    if "Content-Encoding" in request.headers:
        raise Unsupported("Send the bytes as they are, without Content-Encoding.")
    stream, size = request, _length(request.META.get("CONTENT_LENGTH") or "")
    if size is None and "Transfer-Encoding" in request.headers:
        # Without a length Django reads nothing. The client sends empty files like that.
        stream = request.META["wsgi.input"]
    try:
        return keep(stream=stream, max_bytes=MAX_FILE_BYTES, expected_size=size)
    except UnreadablePostError:
        raise invalid("The file ended before it was complete; nothing was stored.") from None


def _length(text: str) -> int | None:
    """The announced size, refused before a byte of it is read where it is too much."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise invalid("The Content-Length is no number.")
    if len(text) > _MAX_DIGITS or int(text) > MAX_FILE_BYTES:
        raise TooLarge(f"The file is too large; {MAX_FILE_BYTES} bytes at most.")
    return int(text)


def _whole_files_only() -> MlflowError:
    return MlflowError("NOT_IMPLEMENTED", "Files are sent and fetched whole, through this server.")
