"""The addresses of the API, each bound to its action by `operations.operation`."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, include, path

from apps.api.errors import problem
from apps.api.operations import ACTIONS, JSON, api
from apps.api.views import (  # noqa: F401  importing binds the operations
    artifacts,
    bin,
    content,
    evaluations,
    events,
    labels,
    models,
    people,
    projects,
    results,
    runs,
    series,
    table,
)
from apps.api.wire.base import Problem
from apps.core.jsontext import dump
from apps.projects.access import Action, requires

PREFIX = "api/v1/"


@cache
def openapi_text() -> str:
    """The OpenAPI document. It describes this program and holds nobody's data."""
    document: dict[str, Any] = dict(api.get_openapi_schema(path_prefix=f"/{PREFIX}"))
    document["components"]["schemas"]["Problem"] = Problem.model_json_schema()
    document["components"]["securitySchemes"] = {
        "Bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
        "Basic": {"type": "http", "scheme": "basic", "description": "The key as the password."},
    }
    document["security"] = [{"Bearer": []}, {"Basic": []}]
    return dump(_text_keys(document))


@requires(Action.PUBLIC)
def show_openapi(request: HttpRequest) -> HttpResponse:
    return HttpResponse(openapi_text(), content_type=f"{JSON}; charset=utf-8")


def _text_keys(value: Any) -> Any:
    """Status codes as the text keys that JSON has."""
    if isinstance(value, dict):
        return {str(key): _text_keys(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_text_keys(item) for item in value]
    return value


def _door(callback: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """An address with HEAD as its GET without the body, and 405 in our own dialect."""

    def door(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        is_head = request.method == "HEAD"
        if is_head:
            request.method = "GET"
        response = callback(request, **kwargs)
        if response.status_code == 405:
            allowed = response.headers["Allow"]
            detail = f"This address takes {allowed} only."
            response = problem(request, 405, "method_not_allowed", detail)
            response.headers["Allow"] = allowed
        if is_head:
            request.method = "HEAD"
            response = _without_body(response)
        return response

    # Only a key in a header lets anybody in here, never a cookie: there is nothing to forge.
    door.csrf_exempt = True  # type: ignore[attr-defined]
    return door


def _without_body(response: HttpResponseBase) -> HttpResponseBase:
    if isinstance(response, StreamingHttpResponse):
        response.streaming_content = []
    elif isinstance(response, HttpResponse):
        response.headers["Content-Length"] = str(len(response.content))
        response.content = b""
    return response


def _patterns() -> Iterator[URLPattern]:
    """The framework's addresses behind our door, but for its root, which answers nothing.

    Each callback carries `access_actions`, the action that each of its methods is bound to: what
    the start-up check and the role matrix read.
    """
    found = [one for one in api.urls[0] if isinstance(one, URLPattern) and one.name in ACTIONS]
    actions: dict[str, dict[str, Action]] = {}
    for pattern in found:
        method, action = ACTIONS[str(pattern.name)]
        actions.setdefault(str(pattern.pattern), {})[method] = action
    for pattern in found:
        pattern.callback = _door(pattern.callback)
        pattern.callback.access_actions = actions[str(pattern.pattern)]  # type: ignore[attr-defined]
        yield pattern


urlpatterns = [
    path(f"{PREFIX}openapi.json", show_openapi, name="openapi"),
    path(PREFIX, include((list(_patterns()), "api"))),
]
