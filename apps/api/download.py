"""Handing out stored files: inert, in parts, and unchanged ones not twice."""

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header, parse_etags

from apps.api.errors import refuse
from apps.artifacts.models import ArtifactFile
from apps.content.queries import open_blob
from apps.content.ranges import Part, Range, parse_range
from apps.core.errors import Conflict, DomainError

INERT = "sandbox; default-src 'none'; frame-ancestors 'none'"


class ReferenceOnly(Conflict):
    """The file is kept elsewhere; we hold its address only."""


class RangeUnsatisfiable(DomainError):
    """The part that was asked for lies outside the file."""

    status = 416
    code = "range_not_satisfiable"


def download(request: HttpRequest, file: ArtifactFile) -> HttpResponseBase:
    """The answer for a stored file. The caller has checked that the reader may have it."""
    if file.blob_id is None:
        raise ReferenceOnly("This file is a reference: it is stored elsewhere, see `reference`.")
    digest, size = file.blob_id, file.size_bytes
    etag = f'"{digest}"'
    known = parse_etags(request.headers.get("If-None-Match", ""))
    if "*" in known or etag in {tag.removeprefix("W/") for tag in known}:
        return _with_headers(HttpResponse(status=304), file, etag)
    wanted = None
    if request.headers.get("If-Range", etag) == etag:
        wanted = parse_range(request.headers.get("Range"), size)
    if wanted is Range.UNSATISFIABLE:
        return _unsatisfiable(request, size)
    if isinstance(wanted, Part):
        pieces = open_blob(digest, start=wanted.first, length=wanted.length)
        response = StreamingHttpResponse(pieces, status=206)
        response.headers["Content-Range"] = f"bytes {wanted.first}-{wanted.last}/{size}"
        response.headers["Content-Length"] = str(wanted.length)
    else:
        response = StreamingHttpResponse(open_blob(digest))
        response.headers["Content-Length"] = str(size)
    return _with_headers(response, file, etag)


def _with_headers(response: HttpResponseBase, file: ArtifactFile, etag: str) -> HttpResponseBase:
    """What makes any file harmless in a browser on our own origin, whatever is in it."""
    name = file.path.rpartition("/")[2]
    response.headers["Content-Type"] = "application/octet-stream"
    response.headers["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    response.headers["Content-Security-Policy"] = INERT
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["ETag"] = etag
    response.headers["Accept-Ranges"] = "bytes"
    # Kept by the caller alone, and only with a question whether it still may have it.
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def _unsatisfiable(request: HttpRequest, size: int) -> HttpResponse:
    error = RangeUnsatisfiable(f"The file has {size} bytes; the range lies outside.")
    response = refuse(request, error)
    response.headers["Content-Range"] = f"bytes */{size}"
    return response
