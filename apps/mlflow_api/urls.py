"""The addresses that the unmodified `mlflow` client asks.

The client calls 2.0 (traces and the server's own facts 3.0); browsers of mlflow's own pages say the
same with `/ajax-api`. All spellings are one view, so they share its check.
"""

from collections.abc import Iterator
from typing import Final

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from apps.mlflow_api.endpoint import ARTIFACTS, ENDPOINTS, MLFLOW, methods_of
from apps.mlflow_api.views import (  # noqa: F401  importing a module binds its endpoints
    artifacts,
    experiments,
    history,
    inputs,
    logged_models,
    logging,
    model_versions,
    registered_models,
    runs,
    server,
    traces,
)

ROOTS: Final = ("api/2.0/", "api/3.0/", "ajax-api/2.0/", "ajax-api/3.0/")


def _patterns(of_client: bool) -> Iterator[URLPattern]:
    """The addresses below the roots, or those that stand at the top of the site."""
    for address in sorted(ENDPOINTS, key=_most_particular_first):
        if address.startswith((MLFLOW, ARTIFACTS)) == of_client:
            yield path(address, methods_of(address))


def _most_particular_first(address: str) -> tuple[bool, bool, str]:
    """A whole word before a parameter, and what takes any path last."""
    return "<path:" in address, "<" in address, address


urlpatterns: list[URLPattern | URLResolver] = [
    path("health", server.health),
    path("version", server.version),
    *_patterns(of_client=False),
]
# Below each root, so that an address is compared with those of its own root alone.
below = list(_patterns(of_client=True))
urlpatterns += [path(root, include(below)) for root in ROOTS]

if settings.TEST_RESET:
    from apps.mlflow_api.views import testing

    urlpatterns.append(path("test/reset", testing.reset))
