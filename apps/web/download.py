"""Handing out stored files from pages: never shown in the browser, whatever is in them.

An attachment of a fixed type in a sandbox, so that nothing in a file runs on our own origin; in
parts where asked for; and not twice to who has it already.
"""

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from apps.content.delivery import deliver
from apps.core.errors import Conflict
from apps.web.stored import Stored

# Formats that can run code when they are loaded (rule R31): by suffix, since we never open them.
_CODE_SUFFIXES = (
    *(".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle", ".pt", ".pth", ".bin", ".ckpt"),
    *(".npy", ".npz", ".h5", ".hdf5", ".keras", ".pb", ".mar", ".nemo"),
    *(".py", ".pyc", ".so", ".dll", ".sh", ".exe", ".jar", ".whl", ".egg"),
)


def download(request: HttpRequest, file: Stored) -> HttpResponseBase:
    """The file, a part of it (206), 304 or 416. The caller has checked that it may be read."""
    if file.blob_id is None:
        raise Conflict(
            "This file is a reference: it is stored elsewhere, we hold its address only."
        )
    name = file.path.rpartition("/")[2]
    sent = deliver(digest=file.blob_id, size=file.size_bytes, filename=name, asked=request.headers)
    if sent.pieces is None:
        return HttpResponse(status=sent.status, headers=sent.headers)
    return StreamingHttpResponse(sent.pieces, status=sent.status, headers=sent.headers)


def can_run_code(path: str) -> bool:
    """Whether files of this kind may run code on the machine of whoever loads them."""
    return path.lower().endswith(_CODE_SUFFIXES)
