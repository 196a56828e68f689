"""Refusals that no door gave: an unknown address, a busy database, a fault of ours.

Each answers in the caller's dialect, told by the address alone, because these happen before or
outside a view. A protocol door adds its lines to `DIALECTS`.
"""

import logging
import sys
from collections.abc import Callable

from django.core.exceptions import TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import select_template
from django.utils.translation import gettext as _

from apps.api.errors import problem
from apps.core.errors import DomainError
from apps.core.faults import refusal_for
from apps.web.errors import refusal
from registry_site.dialects import mlflow, wandb

fault_log = logging.getLogger("fault")

Dialect = Callable[[HttpRequest, int, str, str], HttpResponse]

TITLES = {
    400: "Bad request",
    401: "Not signed in",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Too large",
    415: "Unsupported",
    429: "Too many tries",
    500: "Something went wrong",
    503: "Busy",
    507: "Storage full",
}


def refuse(request: HttpRequest, error: DomainError) -> HttpResponse:
    """The answer for a refusal of the domain, wherever it came up."""
    response = dialect_of(request)(request, error.status, error.code, error.message)
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def dialect_of(request: HttpRequest) -> Dialect:
    """By the first words of the address, whole: `/artifacts-of-ours` is a team's page."""
    path = f"{request.path_info}/"
    return next((dialect for prefix, dialect in DIALECTS if path.startswith(prefix)), page)


def page(request: HttpRequest, status: int, code: str, message: str) -> HttpResponse:
    """In the frame of the site; where the fault is ours, or it is not known yet who asks, a page
    that needs neither the database nor a person."""
    title = TITLES.get(status, "Error")
    if status < 500 and hasattr(request, "user"):
        return refusal(request, status, title, message)
    context = {
        "title": title,
        "status": status,
        "message": message,
        "request_id": getattr(request, "request_id", ""),
    }
    template = select_template([f"{status}.html", "refusal.html"])
    return HttpResponse(template.render(context), status=status)


# The first that fits; a path counts as if it ended in a slash.
DIALECTS: list[tuple[str, Dialect]] = [
    ("/api/2.0/", mlflow),
    ("/api/3.0/", mlflow),
    ("/ajax-api/", mlflow),
    ("/get-artifact/", mlflow),
    ("/model-versions/", mlflow),
    ("/api/", problem),
    ("/graphql/", wandb),
    ("/files/", wandb),
    ("/artifacts/", wandb),
    ("/artifactsV2/", wandb),
    ("/storage/", wandb),
    ("/sdk/", wandb),
    ("/oidc/", wandb),
]


# Django's own exits: named in `urls.py`, and as CSRF_FAILURE_VIEW -------------------------------


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if isinstance(exception, TooManyFieldsSent | TooManyFilesSent):
        message = _("The form has too many fields; send fewer at once.")
    else:
        message = _("The request could not be understood.")
    return dialect_of(request)(request, 400, "invalid", message)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    return dialect_of(request)(request, 403, "forbidden", _("You may not do this."))


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    message = _("There is nothing at this address that you may see.")
    return dialect_of(request)(request, 404, "not_found", message)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """A fault outside a view (a session that could not be read) still gets its true name."""
    passing = refusal_for(sys.exc_info()[1])
    if passing is not None:
        return refuse(request, passing)
    # Not left to Django, whose record lacks the request id, and the trace of some faults.
    fault_log.error(
        "fault",
        exc_info=True,
        extra={"request_id": getattr(request, "request_id", ""), "path": request.path},
    )
    message = _("The fault is ours and has been logged. The request id helps to find it.")
    return dialect_of(request)(request, 500, "fault", message)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    message = _("This form has expired or came from another site. Go back, reload, and try again.")
    return dialect_of(request)(request, 403, "cross_site", message)
