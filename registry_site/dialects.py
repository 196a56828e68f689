"""How clients of other makes are told of a refusal at an address that no door answers.

The shapes are those that the unmodified clients read: they raise an error with these words instead
of tripping over a page.
"""

from django.http import HttpRequest, HttpResponse

from apps.core.jsontext import dump

# Words of mlflow's `ErrorCode` for the statuses that come up outside a view.
MLFLOW_CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "ENDPOINT_NOT_FOUND",
    405: "BAD_REQUEST",
    409: "RESOURCE_CONFLICT",
    413: "BAD_REQUEST",
    429: "REQUEST_LIMIT_EXCEEDED",
    503: "TEMPORARILY_UNAVAILABLE",
}


def mlflow(request: HttpRequest, status: int, code: str, message: str) -> HttpResponse:
    """As mlflow's REST API refuses: `error_code` and `message`."""
    return _json(
        {"error_code": MLFLOW_CODES.get(status, "INTERNAL_ERROR"), "message": message}, status
    )


def wandb(request: HttpRequest, status: int, code: str, message: str) -> HttpResponse:
    """As a GraphQL server refuses: a list of `errors`, each with its `message`."""
    return _json({"errors": [{"message": message, "extensions": {"code": code}}]}, status)


def _json(body: dict[str, object], status: int) -> HttpResponse:
    return HttpResponse(dump(body), status=status, content_type="application/json")
