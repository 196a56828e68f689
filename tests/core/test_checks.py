"""The start-up check that no route goes without a policy."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.http import HttpRequest, HttpResponse
from django.urls import clear_url_caches, include, path

from apps.core.checks import Route, check_routes, routes
from apps.projects.access import Action, requires

OURS = "tests.core.test_checks"


@requires(Action.READ)
def bound(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def unbound(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def by_method(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


by_method.access_actions = {"GET": Action.READ, "POST": Action.LOG}  # type: ignore[attr-defined]

inner = [path("bound", bound, name="bound"), path("unbound", unbound)]
urlpatterns = [path("inner/", include((inner, "inner"))), path("methods", by_method)]


@pytest.fixture(autouse=True)
def fresh_resolver() -> Iterator[None]:
    yield
    clear_url_caches()


def test_the_site_has_no_route_without_a_policy() -> None:
    assert check_routes(None) == []


@pytest.mark.urls(OURS)
def test_a_view_without_one_is_an_error_that_names_it() -> None:
    (error,) = check_routes(None)
    assert error.id == "core.E001"
    assert "/inner/unbound" in error.msg
    assert error.obj == f"{OURS}.unbound"


@pytest.mark.urls(OURS)
def test_then_no_command_runs() -> None:
    with pytest.raises(SystemCheckError, match="inner/unbound"):
        call_command("check")


@pytest.mark.urls(OURS)
def test_routes_know_their_whole_address_and_action() -> None:
    found = [(route.pattern, route.method, route.action) for route in routes()]
    assert found == [
        ("inner/bound", "", Action.READ),
        ("inner/unbound", "", None),
        ("methods", "GET", Action.READ),
        ("methods", "POST", Action.LOG),
    ]


def test_every_bound_action_is_one_of_the_policy() -> None:
    assert {type(route.action) for route in routes()} == {Action}


def test_a_route_is_told_by_address_and_method() -> None:
    found = [(route.pattern, route.method) for route in routes()]
    assert len(found) == len(set(found))
    assert isinstance(next(routes()), Route)


@pytest.mark.slow
def test_the_server_does_not_start(tmp_path: Path) -> None:
    """With the settings of the site and one view more, as a plug-in would add it."""
    (tmp_path / "extended_urls.py").write_text(
        "from django.http import HttpResponse\n"
        "from django.urls import path\n"
        "from registry_site.urls import urlpatterns as ours\n"
        "urlpatterns = [path('open', lambda request: HttpResponse()), *ours]\n"
    )
    (tmp_path / "extended_settings.py").write_text(
        "from registry_site.settings import *\nROOT_URLCONF = 'extended_urls'\n"
    )
    answer = subprocess.run(
        [sys.executable, Path(settings.BASE_DIR) / "manage.py", "serve", "--port", "1"],
        env={
            "DJANGO_SETTINGS_MODULE": "extended_settings",
            "PYTHONPATH": str(tmp_path),
            "MODEL_STATUS_DATA_DIR": str(tmp_path / "data"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode != 0
    assert "The route /open is bound to no action of the access policy." in answer.stderr
