"""Binding a function to an address: one decorator for everything that all operations share.

In this order: who is asking (auth), may they (projects.access, by the action given here), does the
request fit its description (ninja), has this write been made already (idempotency), the function
itself, and its result as strict JSON. A function so bound translates and calls one service or
query; it finds the caller's access as `request.access`.
"""

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Final
from urllib.parse import quote

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.response import HttpResponseBase
from ninja import NinjaAPI
from ninja.decorators import decorate_view
from ninja.errors import HttpError, ValidationError
from ninja.parser import Parser
from pydantic import BaseModel

from apps.api.auth import identify
from apps.api.errors import (
    pass_on,
    refuse,
    refuse_http,
    refuse_input,
    refuse_size,
    refuse_torn,
)
from apps.api.idempotency import once
from apps.core.errors import DomainError, Invalid, NotFound, Unsupported
from apps.core.jsontext import dump, parse
from apps.projects.access import Access, Action, requires
from apps.projects.models import Project

ROOT: Final = ""
TEAM: Final = "/teams/{team}"
PROJECT: Final = "/teams/{team}/projects/{project}"
# A thing that may stand in the team's registry or in one of its projects.
EITHER: Final = (TEAM, PROJECT)

JSON: Final = "application/json"
_PLACEHOLDER: Final = re.compile(r"{(?:\w+:)?(\w+)}")

View = Callable[..., Any]

# The method and the action of every operation, by its name.
ACTIONS: dict[str, tuple[str, Action]] = {}


class ApiRequest(HttpRequest):
    """A request as a bound function gets it (for type checkers; never instantiated)."""

    access: Access


class Json(Parser):
    """Bodies through the one JSON parser; queries without doubled or unstorable values."""

    def parse_body(self, request: HttpRequest) -> Any:
        return read_json(request)

    def parse_querydict(self, data: Any, list_fields: list[str], request: HttpRequest) -> Any:
        for name, values in data.lists():
            if len(values) > 1 and name not in list_fields:
                raise Invalid(f"{name} is given twice.", field=name)
            if any("\x00" in value for value in values):
                raise Invalid(f"{name} contains a NUL character.", field=name)
        return super().parse_querydict(data, list_fields, request)


@dataclass(frozen=True)
class Answer:
    """A result with another status than the usual one, or with headers."""

    body: BaseModel
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


def made(body: BaseModel, *, at: str) -> Answer:
    """201, and where the new thing is."""
    return Answer(body, 201, {"Location": at})


def project_of(request: ApiRequest) -> Project:
    """The project that the address names."""
    project = request.access.project
    if project is None:
        raise NotFound("There is no project at this address.")
    return project


def below(request: HttpRequest, *names: object) -> str:
    """The address of something below the one that was asked."""
    return "/".join([quote(request.path), *(quote(str(name), safe="") for name in names)])


api = NinjaAPI(
    title="Model Status",
    version="1",
    description="Runs, artifacts, evaluation results, status labels and the status table.",
    openapi_url=None,
    docs_url=None,
    parser=Json(),
    urls_namespace="api",
)
api.add_exception_handler(DomainError, refuse)  # type: ignore[arg-type]
api.add_exception_handler(ValidationError, refuse_input)  # type: ignore[arg-type]
api.add_exception_handler(HttpError, refuse_http)  # type: ignore[arg-type]
api.add_exception_handler(RequestDataTooBig, refuse_size)  # type: ignore[arg-type]
api.add_exception_handler(UnreadablePostError, refuse_torn)  # type: ignore[arg-type]
api.add_exception_handler(Exception, pass_on)  # type: ignore[arg-type]


def operation(
    method: str,
    path: str,
    action: Action,
    *,
    returns: Any,
    places: Sequence[str] = (PROJECT,),
    status: int = 200,
    also: Sequence[int] = (),
    retryable: bool = True,
    describe: dict[str, Any] | None = None,
) -> Callable[[View], View]:
    """Bind a function to `method` and `path` below each of `places`.

    `returns` is the model of its JSON (None: it answers by itself); `status` the usual status and
    `also` further ones. `retryable` writes honour Idempotency-Key. `describe` adds to the OpenAPI
    document what the signature does not say.
    """

    def bind(view: View) -> View:
        for place in places:
            address = place + path
            bound = _answering(view, address, status, retries=retryable and method != "GET")
            bound.access_action = action  # type: ignore[attr-defined]
            guard = _guard(action, _query_names(view, address))
            name = view.__name__ + ("_in_project" if len(places) > 1 and place == PROJECT else "")
            ACTIONS[name] = method, action
            api.api_operation(
                [method],
                address,
                response=dict.fromkeys((status, *also), returns),
                operation_id=name,
                url_name=name,
                tags=[view.__module__.rpartition(".")[2]],
                openapi_extra=_described(method, retryable, describe or {}),
            )(decorate_view(guard)(bound))
        return view

    return bind


def read_json(request: HttpRequest) -> Any:
    """The body, which must call itself JSON. Raises Invalid, TooLarge, Unsupported."""
    if request.content_type != JSON:
        raise Unsupported(f"Send the body as Content-Type: {JSON}.")
    if "Content-Encoding" in request.headers:
        raise Unsupported("Send the body without Content-Encoding.")
    if (request.content_params or {}).get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise Unsupported("JSON is sent as UTF-8.")
    return parse(request.body)


def json_response(body: BaseModel, status: int = 200) -> HttpResponse:
    return HttpResponse(
        dump(body.model_dump()), status=status, content_type=f"{JSON}; charset=utf-8"
    )


def _guard(action: Action, query_names: frozenset[str]) -> Callable[[View], View]:
    """Before anything is parsed: who is asking, may they, and is it a question we know."""

    def guard(run: View) -> View:
        def answer(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
            unknown = request.GET.keys() - query_names
            if unknown:
                raise Invalid(
                    f"There is no parameter {min(unknown)[:100]!r} here.", field=min(unknown)
                )
            response: HttpResponseBase = run(request, **kwargs)
            return response

        checked = requires(action)(answer)

        def guarded(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
            try:
                if any("\x00" in str(value) for value in kwargs.values()):
                    raise NotFound("There is nothing at this address.")
                if action != Action.PUBLIC:
                    identify(request)
                response: HttpResponseBase = checked(request, **kwargs)
                return response
            except DomainError as error:
                return refuse(request, error)

        return guarded

    return guard


def _answering(view: View, address: str, status: int, *, retries: bool) -> View:
    """The function with its result turned into an answer, and repeats of writes recognised."""
    own = inspect.signature(view)
    # The team and the project are the guard's to read; the framework documents and drops them.
    elsewhere = [name for name in _PLACEHOLDER.findall(address) if name not in own.parameters]

    @wraps(view)
    def bound(request: HttpRequest, **values: Any) -> HttpResponseBase:
        for name in elsewhere:
            del values[name]

        def answer() -> Any:
            result = view(request, **values)
            if isinstance(result, HttpResponseBase):
                return result
            if not isinstance(result, Answer):
                result = Answer(result, status)
            response = json_response(result.body, result.status)
            for name, value in result.headers.items():
                response.headers[name] = value
            return response

        response: HttpResponseBase = once(request, answer) if retries else answer()
        return response

    extra = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=str)
        for name in elsewhere
    ]
    bound.__signature__ = own.replace(parameters=[*own.parameters.values(), *extra])  # type: ignore[attr-defined]
    return bound


def _query_names(view: View, address: str) -> frozenset[str]:
    """What may stand in the query: the parameters that are neither in the path nor the body."""
    elsewhere = {"request", "body", *_PLACEHOLDER.findall(address)}
    return frozenset(inspect.signature(view).parameters) - elsewhere


def _described(method: str, retryable: bool, more: dict[str, Any]) -> dict[str, Any]:
    """What the OpenAPI document says of an operation beyond its signature."""
    parameters: list[dict[str, Any]] = []
    if method != "GET" and retryable:
        parameters.append(
            {
                "in": "header",
                "name": "Idempotency-Key",
                "required": False,
                "schema": {"type": "string", "pattern": "^[ -~]{1,255}$"},
                "description": "Send the same key again to repeat a write without a second effect.",
            }
        )
    refused = {
        "description": "Refused; nothing was changed.",
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }
    return {
        "parameters": parameters + more.get("parameters", []),
        "responses": {"4XX": refused, "503": refused, **more.get("responses", {})},
        **{key: value for key, value in more.items() if key not in ("parameters", "responses")},
    }
