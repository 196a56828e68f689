"""The way in for every address of this door: key, policy, and refusals in the client's dialect.

The client repeats for minutes, or days, whatever it gets a 5xx, 405, 408 or 429 for. So a
permanent refusal is a status that it takes as final, and a fault of ours is logged and answered
with 400. Only what passes by itself (a busy database) goes out as 503, with a time to wait.
"""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.response import HttpResponseBase

from apps.accounts.credentials import key_in
from apps.core.errors import DomainError, Invalid, TooLarge
from apps.core.faults import refusal_for
from apps.core.jsontext import dump

fault_log = logging.getLogger("fault")

FAULT = "This is a fault of the server; it has been logged and will not go away by trying again."
# What wandb-core takes as final; any other of our statuses becomes the nearest of these.
FINAL = frozenset({400, 401, 403, 404, 409, 410, 413, 422, 501})
PASSING = frozenset({429, 503})

Shape = Callable[[str, str], dict[str, Any]]


def graphql_shape(code: str, message: str) -> dict[str, Any]:
    return {"errors": [{"message": message, "extensions": {"code": code}}]}


def rest_shape(code: str, message: str) -> dict[str, Any]:
    return {"error": message, "code": code}


def door(
    view: Callable[..., HttpResponseBase], *methods: str, shape: Shape = rest_shape
) -> Callable[..., HttpResponseBase]:
    """The view behind its policy (`requires`), for callers with a key."""
    return _guarded(view, methods, shape, identify)


def open_door(
    view: Callable[..., HttpResponseBase], *methods: str, shape: Shape = rest_shape
) -> Callable[..., HttpResponseBase]:
    """The same for an address that carries its own right, a signed one, and no key."""
    return _guarded(view, methods, shape, lambda request: None)


def identify(request: HttpRequest) -> None:
    """Set `request.user` and `request.api_key` from the header. Raises NotSignedIn."""
    request.user = AnonymousUser()
    key = key_in(request.headers.get("Authorization", ""))
    request.user = key.user
    request.api_key = key  # type: ignore[attr-defined]


def _guarded(
    view: Callable[..., HttpResponseBase],
    methods: tuple[str, ...],
    shape: Shape,
    enter: Callable[[HttpRequest], None],
) -> Callable[..., HttpResponseBase]:
    @wraps(view)
    def guarded(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        try:
            enter(request)
            if request.method not in methods:
                # Not 405, which the client would repeat.
                raise Invalid(f"This address takes {' and '.join(methods)} only.")
            return view(request, **kwargs)
        except DomainError as error:
            return refuse(error, shape)
        except RequestDataTooBig:
            return refuse(TooLarge("The request body is too large."), shape)
        except UnreadablePostError:
            return refuse(Invalid("The request body ended before it was complete."), shape)
        except Exception as error:
            passing = refusal_for(error)
            if passing is not None:
                return refuse(passing, shape)
            fault_log.exception(
                "fault",
                extra={
                    "request_id": getattr(request, "request_id", ""),
                    "path": request.path,
                },
            )
            return HttpResponse(
                dump(shape("fault", FAULT)), status=400, content_type="application/json"
            )

    # Only a key in a header lets anybody in here, never a cookie: there is nothing to forge.
    guarded.csrf_exempt = True  # type: ignore[attr-defined]
    action = view.access_action  # type: ignore[attr-defined]
    guarded.access_actions = dict.fromkeys(methods, action)  # type: ignore[attr-defined]
    return guarded


def refuse(error: DomainError, shape: Shape = rest_shape) -> HttpResponse:
    """The answer for a refusal of the domain, with a status that says whether to try again."""
    status = error.status if error.status in FINAL | PASSING else 422
    response = HttpResponse(
        dump(shape(error.code, error.message)), status=status, content_type="application/json"
    )
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="Model Status"'
    return response
