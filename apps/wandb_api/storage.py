"""/storage/<token>: where the bytes of every file go in, and come out.

The client sends no key to these addresses, so each carries its own signed right to one thing: to
send some bytes for one purpose, or to fetch some. What happens to bytes that came is the matter of
whoever handed the address out: a function in `ARRIVALS`, by the first word of the purpose.
"""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path

from apps.accounts.models import User
from apps.audit.actors import Actor
from apps.content.delivery import deliver
from apps.content.models import Blob
from apps.content.queries import blob as blob_of
from apps.content.services import store
from apps.content.signing import (
    BadLink,
    sign_download,
    sign_upload,
    verify_download,
    verify_upload,
)
from apps.core.errors import Invalid, TooLarge
from apps.core.limits import MAX_FILE_BYTES
from apps.projects.access import Access, Action, access_to, requires
from apps.projects.models import Project
from apps.wandb_api.auth import open_door

# What to do with bytes that arrived: the rest of the purpose, what was stored, and the access of
# the person who was given the address.
Arrival = Callable[[str, Blob, Access], None]
ARRIVALS: dict[str, Arrival] = {}
_MAX_DIGITS = 19


def arrival(word: str) -> Callable[[Arrival], Arrival]:
    """Register what is done with bytes that came for a purpose that begins with this word."""

    def register(function: Arrival) -> Arrival:
        ARRIVALS[word] = function
        return function

    return register


def upload_url(
    request: HttpRequest,
    access: Access,
    *,
    purpose: str,
    md5: str | None = None,
    size_bytes: int | None = None,
) -> str:
    """An address that takes a file for the project of `access`. `purpose` is `word:whatever`;
    the MD5 (hexadecimal) and the size are what must arrive, where they are given."""
    token = sign_upload(
        owner_id=access.here.pk,
        md5=md5,
        size_bytes=size_bytes,
        purpose=purpose,
        actor_id=access.user.pk if access.user else None,
    )
    return request.build_absolute_uri(f"/storage/{token}")


def download_url(request: HttpRequest, *, digest: str, filename: str) -> str:
    """An address for some content that the caller has been checked to be allowed to read."""
    return request.build_absolute_uri(f"/storage/{sign_download(digest=digest, filename=filename)}")


@requires(Action.PUBLIC)
def storage(request: HttpRequest, token: str) -> HttpResponseBase:
    """PUT bytes, or GET them: the token says which of the two, and what."""
    return _put(request, token) if request.method == "PUT" else _get(request, token)


def send(request: HttpRequest, *, digest: str, size: int, filename: str) -> HttpResponseBase:
    """Stored content as an answer. The caller has checked that the reader may have it."""
    sent = deliver(digest=digest, size=size, filename=filename, asked=request.headers)
    if sent.pieces is None or request.method == "HEAD":
        return HttpResponse(status=sent.status, headers=sent.headers)
    return StreamingHttpResponse(sent.pieces, status=sent.status, headers=sent.headers)


def _get(request: HttpRequest, token: str) -> HttpResponseBase:
    link = verify_download(token)
    size = blob_of(link.digest).size_bytes
    return send(request, digest=link.digest, size=size, filename=link.filename)


def _put(request: HttpRequest, token: str) -> HttpResponse:
    link = verify_upload(token)
    word, _, rest = link.purpose.partition(":")
    if word not in ARRIVALS or link.actor_id is None:
        raise BadLink("This address is for something else.")
    access = _access(request, link.owner_id, link.actor_id)
    size = _length(request)
    if link.size_bytes is not None and size != link.size_bytes:
        raise Invalid(f"{link.size_bytes} bytes were announced, not {size}.")
    stored = store(
        owner_id=link.owner_id,
        stream=_stream(request),
        max_bytes=MAX_FILE_BYTES,
        expected_digest=link.digest,
        expected_md5=link.md5,
        expected_size=size,
    )
    ARRIVALS[word](rest, stored, access)
    # By its MD5 the client knows a part of a multipart upload again.
    return HttpResponse(status=200, headers={"ETag": f'"{stored.md5}"'})


def _access(request: Any, project_id: int, user_id: int) -> Access:
    """What the person who was given the address may do by now. Raises BadLink, Forbidden."""
    user = User.objects.filter(pk=user_id, is_active=True).first()
    project = Project.objects.filter(pk=project_id).select_related("team").first()
    if user is None or project is None:
        raise BadLink("This address is not valid any more.")
    actor = Actor(
        user_id=user.pk,
        name=user.username,
        address=request.META.get("REMOTE_ADDR", ""),
        request_id=getattr(request, "request_id", ""),
    )
    access = access_to(user=user, actor=actor, team=project.team.name, project=project.name)
    access.require(Action.LOG)
    return access


def _length(request: HttpRequest) -> int:
    """The announced size, checked before a byte of the body is read."""
    if "Content-Encoding" in request.headers:
        raise Invalid("Send the bytes as they are, without Content-Encoding.")
    text = request.META.get("CONTENT_LENGTH") or ""
    if not text and "Transfer-Encoding" in request.headers:
        # Clients that write in Python send empty files so. More than that could end too early
        # without anybody's noticing, and is refused when it comes.
        return 0
    if not (text.isascii() and text.isdigit()):
        raise Invalid("Send a Content-Length.")
    if len(text) > _MAX_DIGITS or int(text) > MAX_FILE_BYTES:
        raise TooLarge(f"The file is too large; {MAX_FILE_BYTES} bytes at most.")
    return int(text)


def _stream(request: HttpRequest) -> Any:
    """The body; without a length Django would read nothing of it."""
    return request if request.META.get("CONTENT_LENGTH") else request.META["wsgi.input"]


urlpatterns: list[URLPattern] = [
    path(
        "storage/<str:token>",
        open_door(storage, "PUT", "GET", "HEAD"),
        name="wandb-storage",
    ),
]
