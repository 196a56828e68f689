"""Handing out stored files of artifacts through the API."""

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from apps.api.errors import refuse
from apps.artifacts.models import ArtifactFile
from apps.content.delivery import deliver
from apps.core.errors import Conflict, DomainError


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
    size = file.size_bytes
    name = file.path.rpartition("/")[2]
    sent = deliver(digest=file.blob_id, size=size, filename=name, asked=request.headers)
    if sent.pieces is not None:
        return StreamingHttpResponse(sent.pieces, status=sent.status, headers=sent.headers)
    if sent.status == RangeUnsatisfiable.status:
        error = RangeUnsatisfiable(f"The file has {size} bytes; the range lies outside.")
        response = refuse(request, error)
        response.headers["Content-Range"] = sent.headers["Content-Range"]
        return response
    return HttpResponse(status=sent.status, headers=sent.headers)
