"""What the client asks of the server itself."""

from typing import Final

from django.http import HttpRequest, HttpResponse

from apps.mlflow_api.call import Call
from apps.mlflow_api.endpoint import Message, endpoint
from apps.projects.access import Action, requires

# The mlflow whose behaviour this door was written after. The client's tracing asks what there is.
MLFLOW_VERSION: Final = "3.17.2"


@requires(Action.PUBLIC)
def health(request: HttpRequest) -> HttpResponse:
    return HttpResponse("OK", content_type="text/plain")


@requires(Action.PUBLIC)
def version(request: HttpRequest) -> HttpResponse:
    return HttpResponse(MLFLOW_VERSION, content_type="text/plain")


@endpoint("GET", "server-info", Action.SIGNED_IN)
def server_info(call: Call) -> Message:
    """Files go through this server, one request each."""
    return {
        "store_type": "SqlStore",
        "workspaces_enabled": False,
        "multipart_uploads_enabled": False,
        "multipart_downloads_enabled": False,
    }
