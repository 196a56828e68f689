"""The API against its own description: input made from the OpenAPI document, good and bad.

In the suite a handful of examples for each operation; API_EXAMPLES=200 tries more by hand.
"""

import os
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, Phase, settings
from pytest import Subtests  # noqa: PT013
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

from apps.api.urls import openapi_text
from apps.core.jsontext import parse
from registry_site.wsgi import application
from tests.api.conftest import World

EXAMPLES = int(os.environ.get("API_EXAMPLES", "2"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def test_everybody_may_read_the_document(db: None) -> None:
    answer = Client().get("/api/v1/openapi.json")

    assert answer.status_code == 200
    assert parse(answer.content)["openapi"] == "3.1.0"


def test_the_document_is_complete() -> None:
    document = parse(openapi_text())

    for address, methods in document["paths"].items():
        for operation in methods.values():
            assert operation["description"], address
            named = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
            assert named == {part[1:-1] for part in address.split("/") if part.startswith("{")}
    text = openapi_text()
    for name in document["components"]["schemas"]:
        assert f'"#/components/schemas/{name}"' in text


def places(world: World) -> dict[str, str]:
    """Names of things that are there, so that requests reach beyond 404."""
    return {
        "team": "main",
        "project": world.table.project.name,
        "run": world.run.key,
        "collection": world.table.collection.name,
        "key": world.artifact,
        "number": "2",
        "label": "staging",
        "name": "loss",
        "path": "data.bin",
        "result": "1",
        "digest": "ab" * 32,
    }


@pytest.fixture
def _one_connection() -> Iterator[None]:
    """The application runs inside the test's transaction: it must not close the connection."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.slow
@pytest.mark.usefixtures("_one_connection")
def test_nothing_breaks_it(world: World, subtests: Subtests) -> None:
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", application)
    # The WSGI transport does not unpack what is compressed.
    headers = {
        "Authorization": f"Bearer {world.curator.secret}",
        "Accept-Encoding": "identity",
    }
    known = places(world)
    tried = 0

    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]
        wanted = {one.name for one in operation.path_parameters}
        here = {name: value for name, value in known.items() if name in wanted}
        for mode in GenerationMode:
            # First about things that are there, then about anything.
            for chosen in (here, None):
                try_operation(operation, mode, chosen, headers, subtests)
                tried += 1

    assert tried >= 200


def try_operation(
    operation: Any,
    mode: GenerationMode,
    path_parameters: dict[str, str] | None,
    headers: dict[str, str],
    subtests: Subtests,
) -> None:
    try:
        strategy = operation.as_strategy(generation_mode=mode, path_parameters=path_parameters)
    except hypothesis.errors.InvalidArgument:
        return  # there is nothing that could be wrong about it

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(case=strategy)
    def try_it(case: Any) -> None:
        case.call_and_validate(headers=headers, checks=CHECKS)

    with subtests.test(operation.label, mode=mode):
        try:
            try_it()
        except (hypothesis.errors.Unsatisfiable, hypothesis.errors.InvalidArgument):
            return
