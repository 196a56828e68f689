"""Uploading content by digest, ahead of the artifact that names it."""

import re
from typing import Any

from apps.api.operations import Answer, ApiRequest, operation, project_of
from apps.api.wire.artifacts import ContentOut, DigestsIn, MissingOut
from apps.content.queries import missing
from apps.content.services import reserve, store
from apps.core.errors import DomainError, Invalid, TooLarge, Unsupported
from apps.core.limits import MAX_FILE_BYTES
from apps.projects.access import Action

_SHA256 = re.compile(r"[0-9a-f]{64}")
_MAX_DIGITS = 19

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class LengthRequired(DomainError):
    """The size of a body must be known before it is read."""

    status = 411
    code = "length_required"


@operation("POST", "/content/missing", Action.LOG, returns=MissingOut)
def find_missing(request: ApiRequest, body: DigestsIn) -> MissingOut:
    """Of these SHA-256 digests, those that the project has still to upload.

    The others are kept for a day, so that an artifact can name them.
    """
    # The project, not the team: in a private one, knowing a digest must not be a way to the bytes.
    owner = project_of(request).pk
    return MissingOut(missing=reserve(owner_id=owner, digests=body.digests))


@operation(
    "PUT",
    "/content/{digest}",
    Action.LOG,
    returns=ContentOut,
    also=[201],
    retryable=False,
    describe=_BODY,
)
def upload(request: ApiRequest, digest: str) -> Answer:
    """Upload some bytes under their SHA-256: 201, or 200 when the project had them already.

    The body is the bytes themselves. They are kept only if they have that digest.
    """
    if _SHA256.fullmatch(digest) is None:
        raise Invalid(
            "The address ends in the SHA-256 of the bytes: 64 lower-case hexadecimal digits.",
            field="digest",
        )
    size = _length(request)
    owner = project_of(request).pk
    is_new = bool(missing(owner_id=owner, digests=[digest]))
    blob = store(
        owner_id=owner,
        stream=request,
        max_bytes=MAX_FILE_BYTES,
        expected_digest=digest,
        expected_size=size,
    )
    body = ContentOut(digest=blob.digest, size_bytes=blob.size_bytes)
    return Answer(body, 201 if is_new else 200)


def _length(request: ApiRequest) -> int:
    """The announced size, checked before a byte of the body is read."""
    if "Content-Encoding" in request.headers:
        raise Unsupported("Send the bytes as they are, without Content-Encoding.")
    text = request.META.get("CONTENT_LENGTH") or ""
    if not (text.isascii() and text.isdigit()):
        raise LengthRequired("Send a Content-Length.")
    if len(text) > _MAX_DIGITS or int(text) > MAX_FILE_BYTES:
        raise TooLarge(f"The file is too large; {MAX_FILE_BYTES} bytes at most.")
    return int(text)
