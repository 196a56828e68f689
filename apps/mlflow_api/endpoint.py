"""Binding a function to an address: one decorator for everything that all endpoints share.

In this order: who is asking (auth), may the key do such a thing at all, the parameters (wire), the
function itself, which finds its place through `Call` and with it the check of the access policy,
and its result as JSON. A function so bound translates: it reads parameters, calls one service or
query, and writes a message.

    @endpoint("POST", "runs/create", Action.LOG)
    def create_run(call: Call) -> Message: ...
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from apps.accounts.choices import Scope
from apps.core.errors import DomainError, Forbidden
from apps.mlflow_api.auth import identify
from apps.mlflow_api.call import Call
from apps.mlflow_api.errors import MlflowError, refuse
from apps.mlflow_api.wire import MAX_BODY_BYTES, answer, read_params
from apps.projects.access import POLICY, Action, actor_of

# Below `/api/2.0/` and its other spellings (urls.py).
MLFLOW: Final = "mlflow/"
ARTIFACTS: Final = "mlflow-artifacts/"
# Not below any of them: at the top of the site, in one spelling.
SITE: Final = ""

Message = Mapping[str, Any]
View = Callable[..., HttpResponseBase]

# What is bound to each address, by method; `urls` writes every spelling of the address.
ENDPOINTS: Final[dict[str, dict[str, View]]] = {}


def endpoint(
    method: str,
    path: str,
    action: Action,
    *,
    max_bytes: int = MAX_BODY_BYTES,
    reads_body: bool = True,
    root: str = MLFLOW,
) -> Callable[[Callable[..., Message | HttpResponseBase]], Callable[..., Any]]:
    """Bind a function to a method and an address below `root`, as Django writes addresses.

    It gets a `Call` and what the address holds, and answers with a message or with a response of
    its own. With `reads_body` False the body is left to it, as a stream.
    """

    def bind(function: Callable[..., Message | HttpResponseBase]) -> Callable[..., Any]:
        def view(request: HttpRequest, **kwargs: str) -> HttpResponseBase:
            try:
                call = open_call(request, action)
                if any("\x00" in value for value in kwargs.values()):
                    raise MlflowError("ENDPOINT_NOT_FOUND", "There is nothing at this address.")
                return _run(call, function, kwargs, max_bytes if reads_body else None)
            except DomainError as error:
                return refuse(request, error)

        view.access_action = action  # type: ignore[attr-defined]
        ENDPOINTS.setdefault(root + path, {})[method] = view
        return function

    return bind


def open_call(request: HttpRequest, action: Action) -> Call:
    """Who is asking, and whether the key is one for such a thing. Raises NotSignedIn, Forbidden."""
    key = identify(request)
    scope = Scope(key.scope)
    if POLICY[action].scope == Scope.WRITE != scope:
        raise Forbidden("This API key may only read. Use one with the scope write.")
    return Call(request, action, key.user, actor_of(request), scope)


def _run(
    call: Call,
    function: Callable[..., Message | HttpResponseBase],
    kwargs: Mapping[str, str],
    max_bytes: int | None,
) -> HttpResponseBase:
    try:
        if max_bytes is not None:
            call.params = read_params(call.request, max_bytes=max_bytes)
        result = function(call, **kwargs)
    except DomainError:
        if not call.is_placed:
            call.enter()
        raise
    if not call.is_placed:
        # It came to nothing that has a place, such as a search in no experiment.
        call.enter()
    return result if isinstance(result, HttpResponseBase) else answer(result)


def methods_of(path: str) -> View:
    """The one view of an address: each method to its endpoint, any other a refusal at once."""
    bound = ENDPOINTS[path]

    def door(request: HttpRequest, **kwargs: str) -> HttpResponseBase:
        view = bound.get("GET" if request.method == "HEAD" else str(request.method))
        if view is None:
            allowed = ", ".join(sorted(bound))
            error = MlflowError("BAD_REQUEST", f"This address takes {allowed} only.", status=405)
            response = refuse(request, error)
            response.headers["Allow"] = allowed
            return response
        answered = view(request, **kwargs)
        if request.method == "HEAD" and isinstance(answered, HttpResponse):
            answered.headers["Content-Length"] = str(len(answered.content))
            answered.content = b""
        return answered

    # Only a key in a header lets anybody in here, never a cookie: there is nothing to forge.
    door.csrf_exempt = True  # type: ignore[attr-defined]
    door.access_actions = {  # type: ignore[attr-defined]
        method: view.access_action  # type: ignore[attr-defined]
        for method, view in bound.items()
    }
    return door
