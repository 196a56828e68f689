"""What holds for each operation alike, tried on all of them: found by walking the addresses."""

import re
from collections.abc import Iterator
from typing import Any

from django.test import Client
from django.urls import URLPattern
from pytest import Subtests  # noqa: PT013

from apps.accounts.choices import Scope
from apps.api.operations import ACTIONS
from apps.api.urls import openapi_text, urlpatterns
from apps.core.jsontext import parse
from apps.projects.access import POLICY
from tests.api.conftest import JSON, World, bytes_of, caller, refused, rows

PLACE = re.compile(r"{(\w+)}")
DIGEST = "ab" * 32
DOCUMENT = parse(openapi_text())


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for address, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), address, operation


ALL = list(operations())
WRITES = [one for one in ALL if one[0] != "GET"]
WITH_BODY = [one for one in WRITES if JSON in one[2].get("requestBody", {}).get("content", {})]


def filled(address: str, world: World) -> str:
    """The address of something that is there."""
    names = {
        "team": "main",
        "project": world.table.project.name,
        "run": world.run.key,
        "collection": world.table.collection.name,
        "number": "1",
        "label": "staging",
        "digest": DIGEST,
        "name": "loss",
        "path": "data.bin",
        "result": "1",
        "item": "run-1",
    }
    is_key = "key" in address and "/artifacts/" in address
    names["key"] = world.artifact if is_key else "loss"
    return PLACE.sub(lambda found: names[found[1]], address)


def test_all_addresses_are_known() -> None:
    found = [one for one in urlpatterns[1].url_patterns if isinstance(one, URLPattern)]  # type: ignore[attr-defined]

    names = {operation["operationId"] for _, _, operation in ALL}
    assert {one.name for one in found} == set(ACTIONS) == names
    for pattern in found:
        assert pattern.callback.access_actions  # type: ignore[attr-defined]


def test_writing_takes_more_than_reading() -> None:
    for method, action in ACTIONS.values():
        assert (method == "GET") == (POLICY[action].scope == Scope.READ)


def test_each_takes_a_key(world: World, subtests: Subtests) -> None:
    for method, address, operation in ALL:
        with subtests.test(operation["operationId"]):
            answer = Client().generic(method, filled(address, world))
            assert refused(answer, 401)["code"] == "not_signed_in"


def test_another_team_sees_nothing(world: World, subtests: Subtests) -> None:
    for method, address, operation in ALL:
        if "{team}" not in address:
            continue
        with subtests.test(operation["operationId"]):
            path = filled(address, world)
            here = world.stranger.send(method, path)
            nowhere = world.stranger.send(method, path.replace("/teams/main", "/teams/niam"))
            told = refused(here, 404)["detail"].replace("main", "niam")
            assert told == refused(nowhere, 404)["detail"]


def test_a_read_key_and_a_viewer_change_nothing(world: World, subtests: Subtests) -> None:
    reader = caller(world.table.curator, scope=Scope.READ)
    before = rows()
    for method, address, operation in WRITES:
        with subtests.test(operation["operationId"]):
            path = filled(address, world)
            # Before anything of the request is read: a broken body makes no difference.
            refused(reader.send(method, path, "{"), 403)
            refused(world.viewer.send(method, path, "{"), 403)

    assert rows() == before


BROKEN = [
    (b"{", JSON, 400),
    (b"[]", JSON, 400),
    (b"null", JSON, 400),
    (b"1", JSON, 400),
    (b'"text"', JSON, 400),
    (b"\xff\xfe{\x00}\x00", JSON, 400),
    (b"\xef\xbb\xbf{}", JSON, 400),
    (b'{"no_such_field": 1}', JSON, 400),
    (b'{"a": 1, "a": 2}', JSON, 400),
    (b'{"a": NaN}', JSON, 400),
    (b'{"a": "\\u0000"}', JSON, 400),
    (b'{"a": "\\ud800"}', JSON, 400),
    (b"[" * 100_000, JSON, 400),
    (b'{"a":' * 100_000, JSON, 400),
    (b"{}", "text/plain", 415),
    (b"{}", "application/x-www-form-urlencoded", 415),
    (b"{}", "application/json; charset=utf-16", 415),
    (b"<a/>", "application/xml", 415),
]


def test_broken_bodies_change_nothing(world: World, subtests: Subtests) -> None:
    before = rows()
    for place, (method, address, operation) in enumerate(WITH_BODY):
        # One parser reads them all, so one operation tries everything and the rest a few.
        for body, content_type, status in BROKEN if place == 0 else BROKEN[::4]:
            with subtests.test(operation["operationId"], body=body[:20]):
                path = filled(address, world)
                refused(world.curator.send(method, path, body, content_type), status)

    assert rows() == before


def test_unknown_doubled_and_unstorable_parameters(world: World, subtests: Subtests) -> None:
    numbers = ("", "1.5", "1_0", "%201", "１", "all", "-1e3", "9" * 30)
    tried: set[str] = set()
    before = rows()
    for method, address, operation in ALL:
        path = filled(address, world)
        with subtests.test(operation["operationId"]):
            refused(world.admin.send(method, f"{path}?no_such=1"), 400, "no_such")
        for parameter in operation["parameters"]:
            name, kind = parameter["name"], parameter["schema"].get("type")
            if parameter["in"] != "query":
                continue
            with subtests.test(operation["operationId"], parameter=name):
                refused(world.admin.send(method, f"{path}?{name}=a%00b"), 400)
                if kind != "array":
                    refused(world.admin.send(method, f"{path}?{name}=1&{name}=1"), 400, name)
                for value in numbers if kind == "integer" and name not in tried else ():
                    refused(world.admin.send(method, f"{path}?{name}={value}"), 400, name)
            tried.add(name)

    assert rows() == before


def test_hostile_names_are_not_found(world: World, subtests: Subtests) -> None:
    hostile = ("a%00b", "..%2f..%2fetc%2fpasswd", "x" * 5000)
    for method, address, operation in ALL:
        for found in PLACE.finditer(address):
            if operation["operationId"] == "describe_metric" and found[1] == "name":
                continue  # what a metric is called is up to the code that logs it
            # The team's and the project's name are read in one place for all.
            for name in hostile if found[1] not in ("team", "project") else hostile[:1]:
                with subtests.test(operation["operationId"], place=found[1], name=name[:20]):
                    path = filled(address.replace(found[0], "@@"), world).replace("@@", name)
                    answer = world.admin.send(method, path, {})
                    assert answer.status_code in (400, 404, 411, 415)
                    assert answer.headers["Content-Type"] == "application/problem+json"


def test_head_is_get_without_the_body(world: World, subtests: Subtests) -> None:
    for method, address, operation in ALL:
        if method != "GET":
            continue
        with subtests.test(operation["operationId"]):
            path = filled(address, world)
            got, head = world.curator.get(path), world.curator.send("HEAD", path)
            assert head.status_code == got.status_code
            assert head.headers.get("ETag") == got.headers.get("ETag")
            assert bytes_of(head) == b""


def test_methods_that_an_address_does_not_take(world: World) -> None:
    answer = world.curator.delete("/projects")

    assert refused(answer, 405)["code"] == "method_not_allowed"
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "POST"}


def test_addresses_that_are_not_there(world: World) -> None:
    for path in ("/api/", "/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v2/me"):
        assert refused(world.curator.get(path), 404)["code"] == "not_found"
