"""Refusals as the mlflow client reads them: `error_code`, `message` and a status.

The client repeats what is answered with 408, 429, 500, 502, 503 or 504, for minutes. So those are
kept for what passes by itself; whatever would be refused again gets one of the others.
"""

from typing import Final

from django.http import HttpRequest, HttpResponse

from apps.core.errors import (
    Busy,
    Conflict,
    DomainError,
    Forbidden,
    NotFound,
    NotSignedIn,
    StorageFull,
    TooMany,
)
from apps.core.jsontext import dump

CHALLENGE: Final = 'Bearer realm="Model Status"'
MAX_MESSAGE: Final = 2_000

# The names of mlflow's `ErrorCode` that this door says, and the status of each.
STATUSES: Final = {
    "INVALID_PARAMETER_VALUE": 400,
    "RESOURCE_ALREADY_EXISTS": 400,
    "BAD_REQUEST": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "RESOURCE_DOES_NOT_EXIST": 404,
    "ENDPOINT_NOT_FOUND": 404,
    "RESOURCE_CONFLICT": 409,
    "REQUEST_LIMIT_EXCEEDED": 429,
    "NOT_IMPLEMENTED": 501,
    "TEMPORARILY_UNAVAILABLE": 503,
    "RESOURCE_EXHAUSTED": 507,
}

# The domain's kinds of refusal in those words, the first that fits; any other is a wrong input.
_CODES: Final[tuple[tuple[type[DomainError], str], ...]] = (
    (NotSignedIn, "UNAUTHENTICATED"),
    (Forbidden, "PERMISSION_DENIED"),
    (NotFound, "RESOURCE_DOES_NOT_EXIST"),
    (Conflict, "RESOURCE_CONFLICT"),
    (TooMany, "REQUEST_LIMIT_EXCEEDED"),
    (Busy, "TEMPORARILY_UNAVAILABLE"),
    (StorageFull, "RESOURCE_EXHAUSTED"),
)


class MlflowError(DomainError):
    """A refusal under a name of mlflow's own, where the client acts on the name."""

    def __init__(self, code: str, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.error_code = code
        self.status = status or STATUSES[code]


def already_exists(message: str) -> MlflowError:
    """What the client takes for "somebody was quicker": it goes on with what is there."""
    return MlflowError("RESOURCE_ALREADY_EXISTS", message)


def invalid(message: str) -> MlflowError:
    return MlflowError("INVALID_PARAMETER_VALUE", message)


def missing_value(name: str) -> MlflowError:
    """A parameter that must be there is not. mlflow's own tests know these words."""
    return invalid(
        f"Missing value for required parameter '{name}'. See the API docs for more information "
        "about request parameters."
    )


def invalid_value(name: str, value: object, why: str) -> MlflowError:
    """A parameter has a value that it cannot have; the value is said as JSON, cut short."""
    shown = dump(value)
    if len(shown) > 200:
        shown = shown[:199] + "…"
    return invalid(
        f"Invalid value {shown} for parameter '{name}' supplied: {why} See the API docs for more "
        "information about request parameters."
    )


def _in_our_words(error: DomainError) -> MlflowError:
    """A refusal of the domain as one of this door."""
    if isinstance(error, MlflowError):
        return error
    code = next(
        (code for kind, code in _CODES if isinstance(error, kind)), "INVALID_PARAMETER_VALUE"
    )
    return MlflowError(code, error.message)


def refuse(request: HttpRequest, error: DomainError) -> HttpResponse:
    """The answer for a refusal."""
    said = _in_our_words(error)
    body = {"error_code": said.error_code, "message": said.message[:MAX_MESSAGE]}
    response = HttpResponse(dump(body), status=said.status, content_type="application/json")
    if isinstance(error, NotSignedIn):
        response.headers["WWW-Authenticate"] = CHALLENGE
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response
