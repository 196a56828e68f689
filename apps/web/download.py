"""Handing out stored files from pages: never shown in the browser, whatever is in them.

An attachment of a fixed type in a sandbox, so that nothing in a file runs on our own origin; in
parts where asked for; and not twice to who has it already.
"""

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header, parse_etags

from apps.artifacts.models import ArtifactFile
from apps.content.queries import open_blob
from apps.content.ranges import Part, Range, parse_range
from apps.core.errors import Conflict

INERT = "sandbox; default-src 'none'; frame-ancestors 'none'"

# Formats that can run code when they are loaded (rule R31): by suffix, since we never open them.
_CODE_SUFFIXES = (
    *(".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle", ".pt", ".pth", ".bin", ".ckpt"),
    *(".npy", ".npz", ".h5", ".hdf5", ".keras", ".pb", ".mar", ".nemo"),
    *(".py", ".pyc", ".so", ".dll", ".sh", ".exe", ".jar", ".whl", ".egg"),
)


def download(request: HttpRequest, file: ArtifactFile) -> HttpResponseBase:
    """The file, a part of it (206), 304 or 416. The caller has checked that it may be read."""
    if file.blob_id is None:
        raise Conflict(
            "This file is a reference: it is stored elsewhere, we hold its address only."
        )
    digest, size = file.blob_id, file.size_bytes
    etag = f'"{digest}"'
    known = {
        tag.removeprefix("W/") for tag in parse_etags(request.headers.get("If-None-Match", ""))
    }
    if known & {"*", etag}:
        return _inert(HttpResponse(status=304), file, etag)
    wanted = None
    if request.headers.get("If-Range", etag) == etag:
        wanted = parse_range(request.headers.get("Range"), size)
    if wanted is Range.UNSATISFIABLE:
        response: HttpResponseBase = HttpResponse(status=416)
        response.headers["Content-Range"] = f"bytes */{size}"
    elif isinstance(wanted, Part):
        pieces = open_blob(digest, start=wanted.first, length=wanted.length)
        response = StreamingHttpResponse(pieces, status=206)
        response.headers["Content-Range"] = f"bytes {wanted.first}-{wanted.last}/{size}"
        response.headers["Content-Length"] = str(wanted.length)
    else:
        response = StreamingHttpResponse(open_blob(digest))
        response.headers["Content-Length"] = str(size)
    return _inert(response, file, etag)


def can_run_code(path: str) -> bool:
    """Whether files of this kind may run code on the machine of whoever loads them."""
    return path.lower().endswith(_CODE_SUFFIXES)


def _inert(response: HttpResponseBase, file: ArtifactFile, etag: str) -> HttpResponseBase:
    name = file.path.rpartition("/")[2]
    response.headers["Content-Type"] = "application/octet-stream"
    response.headers["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    response.headers["Content-Security-Policy"] = INERT
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["ETag"] = etag
    response.headers["Accept-Ranges"] = "bytes"
    # Kept by the reader alone, and asked for again each time: the permission may have gone.
    response.headers["Cache-Control"] = "private, no-cache"
    return response
