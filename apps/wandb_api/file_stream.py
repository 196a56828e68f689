"""POST /files/{entity}/{project}/{run}/file_stream: what a run has to tell while it goes on.

The client repeats a refused request for up to seven days unless the status is final (`auth`), and
gives up streaming for good after a final one: so little is refused.
"""

import zlib
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from apps.core.errors import Invalid, TooLarge
from apps.core.jsontext import dump
from apps.projects.access import Action, requires
from apps.runs.queries import run_in
from apps.runs.streams import take_in
from apps.wandb_api.auth import door
from apps.wandb_api.lines import MAX_BODY_BYTES, read_portion

_GZIP = 16 + zlib.MAX_WBITS


@requires(Action.LOG)
def file_stream(request: Any, team: str, project: str, run: str) -> HttpResponse:
    """Rows, system figures, output, summary and the end of a run; `{}` is a heartbeat.

    Answers `stopped` when somebody asked the run to stop, and `gaps` (stream: lines that we have,
    first line that came) when lines are missing; the client knows only the first of these.
    """
    place = request.access.here
    portion = read_portion(body_of(request))
    receipt = take_in(run=run_in(place, run), portion=portion, access=request.access)
    answer: dict[str, Any] = {}
    if receipt.stop_asked:
        answer["stopped"] = True
    if receipt.gaps:
        answer["gaps"] = {name: list(found) for name, found in receipt.gaps.items()}
    return HttpResponse(dump(answer), content_type="application/json")


def body_of(request: HttpRequest) -> bytes:
    """The body, unpacked. More than MAX_BODY_BYTES are never in memory."""
    length = request.META.get("CONTENT_LENGTH") or ""
    if not length and request.META.get("HTTP_TRANSFER_ENCODING"):
        raise Invalid("Send a Content-Length.")
    raw = request.read(MAX_BODY_BYTES + 1)
    if len(raw) > MAX_BODY_BYTES:
        raise _too_large()
    if length.isdigit() and len(raw) < int(length):
        raise Invalid("The request body ended before it was complete.")
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding == "gzip":
        return _unpacked(raw)
    if encoding != "identity":
        raise Invalid("Send the body as it is, or with Content-Encoding: gzip.")
    return raw


def _unpacked(raw: bytes) -> bytes:
    unpacking = zlib.decompressobj(_GZIP)
    try:
        body = unpacking.decompress(raw, MAX_BODY_BYTES + 1)
    except zlib.error:
        raise Invalid("The body is not gzip, as its Content-Encoding says.") from None
    if len(body) > MAX_BODY_BYTES:
        raise _too_large()
    if not unpacking.eof:
        raise Invalid("The gzip body ends too early.")
    return body


def _too_large() -> TooLarge:
    return TooLarge(f"The body is too large; {MAX_BODY_BYTES} bytes at most, unpacked.")


urlpatterns: list[URLPattern] = [
    path(
        "files/<str:team>/<str:project>/<str:run>/file_stream",
        door(file_stream, "POST"),
        name="wandb-file-stream",
    ),
]
