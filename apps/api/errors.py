"""Refusals on the wire: RFC 9457 problem documents, one shape for every kind.

The kinds carry their own status and code (core.errors), so there is no second table here; what is
not a refusal is left to Django, whose exits answer in the same shape without details.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from ninja.errors import HttpError, ValidationError

from apps.artifacts.services import ContentMissing
from apps.core.errors import DomainError, Invalid, NotSignedIn, TooLarge
from apps.core.jsontext import dump
from apps.core.text import one_line, truncate

CONTENT_TYPE = "application/problem+json"
# A browser that is asked for Basic would remember the key and send it along with requests that
# other sites make; programs send it unasked. So only Bearer is asked for, though both are taken.
CHALLENGE = 'Bearer realm="Model Status"'
MAX_ERRORS = 20
MAX_FIELD = 200


class InvalidFields(Invalid):
    """Several parts of the input are wrong; `errors` names each with what is wrong about it."""

    def __init__(self, errors: Sequence[dict[str, str]]) -> None:
        first = errors[0]
        where = f"{first['field']}: " if first["field"] else ""
        super().__init__(f"{where}{first['detail']}", field=first["field"])
        self.errors = list(errors)


def refuse(request: HttpRequest, error: DomainError) -> HttpResponse:
    """The answer for a refusal of the domain."""
    more: dict[str, Any] = {}
    if field := getattr(error, "field", ""):
        more["field"] = truncate(field, MAX_FIELD)
    if isinstance(error, InvalidFields):
        more["errors"] = error.errors
    if isinstance(error, ContentMissing):
        more["missing"] = error.digests
    response = problem(request, error.status, error.code, error.message, **more)
    if isinstance(error, NotSignedIn):
        response.headers["WWW-Authenticate"] = CHALLENGE
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def problem(
    request: HttpRequest, status: int, code: str, detail: str, **more: object
) -> HttpResponse:
    """A problem document. `code` is the stable word for programs, `detail` is for people."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": getattr(request, "request_id", ""),
        **more,
    }
    return HttpResponse(dump(body), status=status, content_type=CONTENT_TYPE)


def refuse_input(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """What does not fit the schema, each part by its place in the body or query."""
    return refuse(request, InvalidFields([_error(found) for found in error.errors[:MAX_ERRORS]]))


def refuse_http(request: HttpRequest, error: HttpError) -> HttpResponse:
    """The framework's own refusals: a body that could not be read hides its cause in here."""
    if isinstance(error.__cause__, DomainError):
        return refuse(request, error.__cause__)
    return refuse(request, Invalid("The request body could not be read."))


def refuse_size(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    return refuse(request, TooLarge("The request body is too large."))


def refuse_torn(request: HttpRequest, error: UnreadablePostError) -> HttpResponse:
    return refuse(request, Invalid("The request body ended before it was complete."))


def pass_on(request: HttpRequest, error: Exception) -> HttpResponse:
    """A busy database or a fault of ours: the middleware and Django's own exit know better."""
    raise error


def _error(found: dict[str, Any]) -> dict[str, str]:
    # The place begins with "body" and the name of our own parameter, or with "query" or "path".
    place = found["loc"][2:] if found["loc"][0] == "body" else found["loc"][1:]
    message = found["msg"].removeprefix("Value error, ")
    if found["type"] == "extra_forbidden":
        message = "There is no such field."
    return {
        "field": truncate(one_line(".".join(str(part) for part in place), MAX_FIELD), MAX_FIELD),
        "detail": truncate(message, 500),
    }
