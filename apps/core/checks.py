"""The start-up check that no route goes without a policy.

Every view carries the action of the access policy that it is bound to: `access_action`, which
`projects.access.requires` leaves on it, or `access_actions` where each method has one of its own. A
route without is an error, and with an error no command runs and no server starts. Whether the
action is kept is for the access matrix test.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.urls import URLPattern, URLResolver, get_resolver

# The method of a route whose view decides by itself which methods it takes.
ANY = ""


@dataclass(frozen=True)
class Route:
    """One address pattern, one method (or ANY), and the action that it is bound to, if any."""

    pattern: str
    name: str
    method: str
    action: Any
    view: Callable[..., Any]


@register("urls")
def check_routes(app_configs: object, **_options: object) -> list[CheckMessage]:
    """An error for each route that is bound to no action."""
    return [
        Error(
            f"The route /{route.pattern} is bound to no action of the access policy.",
            hint="Decorate its view with projects.access.requires(Action.…).",
            obj=f"{route.view.__module__}.{getattr(route.view, '__qualname__', route.view)}",
            id="core.E001",
        )
        for route in routes()
        if route.action is None
    ]


def routes(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[Route]:
    """Every route below a resolver (None: of the whole site), in order of trial."""
    seen = set()
    for pattern in (resolver or get_resolver()).url_patterns:
        whole = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, whole)
            continue
        for method, action in _actions_of(pattern).items():
            # One address may stand there several times, under the name of each of its operations.
            if (whole, method) not in seen:
                seen.add((whole, method))
                yield Route(whole, pattern.name or "", method, action, pattern.callback)


def _actions_of(pattern: URLPattern) -> dict[str, Any]:
    """What each method is bound to. An empty table binds nothing."""
    by_method = getattr(pattern.callback, "access_actions", None)
    return by_method or {ANY: getattr(pattern.callback, "access_action", None)}
