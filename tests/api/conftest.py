"""A caller of the API: Django's test client with a key, and short words for requests."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from apps.accounts.choices import Role, Scope
from apps.accounts.models import User
from apps.runs.models import Run
from tests import build

TEAM = "/api/v1/teams/main"
JSON = "application/json"
BYTES = "application/octet-stream"


@dataclass
class Caller:
    """One person's key, used from one program."""

    user: User
    secret: str

    def get(self, path: str, **headers: str) -> Any:
        return self.send("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("POST", path, body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("PUT", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self.send("DELETE", path, **headers)

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        content_type: str = JSON,
        **headers: str,
    ) -> Any:
        """`path` is below the team, or whole when it begins with /api. Text is sent as it is."""
        address = path if path.startswith("/api") else f"{TEAM}{path}"
        data = body if isinstance(body, str | bytes) else "" if body is None else json.dumps(body)
        length: Any = {"CONTENT_LENGTH": str(len(data))} if isinstance(data, bytes) else {}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Client().generic(
            method,
            address,
            data,
            content_type=content_type if data else "",
            headers={"Authorization": f"Bearer {self.secret}", **named},
            **length,
        )


def caller(person: User, *, scope: Scope = Scope.WRITE) -> Caller:
    return Caller(person, build.api_key(person, scope=scope))


def bytes_of(answer: Any) -> bytes:
    """The body, streamed or not."""
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def refused(answer: Any, status: int, field: str | None = None) -> dict[str, Any]:
    """The problem document of a refusal, its shape checked."""
    body: dict[str, Any] = answer.json()
    assert answer.status_code == status, body
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert body["status"] == status
    assert body["request_id"] == answer.headers["X-Request-ID"]
    if field is not None:
        assert body["field"] == field, body
    return body


def rows() -> Mapping[str, int]:
    """How many rows each of our tables has: equal before and after what changes nothing."""
    with connection.cursor() as cursor:
        names = connection.introspection.table_names(cursor)
        counts = {}
        for name in names:
            cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(name)}")  # noqa: S608
            counts[name] = cursor.fetchone()[0]
    return counts


@dataclass
class World:
    """A model with three scored versions and a run, a private project, and who calls."""

    table: build.Table
    run: Run
    admin: Caller
    curator: Caller
    editor: Caller
    viewer: Caller
    stranger: Caller
    secret: build.Table

    @property
    def project(self) -> str:
        return f"/projects/{self.table.project.name}"

    @property
    def artifact(self) -> str:
        return self.table.versions[0].artifact.key


@pytest.fixture
def world(db: None) -> World:
    table = build.table()
    owner = build.user("owner", role=Role.ADMIN)
    hidden = build.project(owner, "secret", private=True)
    collection = build.collection(owner, hidden, "hidden-model")
    secret = build.Table(
        owner,
        owner,
        owner,
        hidden,
        collection,
        table.golden_set,
        [build.version(owner, collection, data=b"hidden weights")],
    )
    return World(
        table=table,
        run=build.run(table.editor, table.project, name="first"),
        admin=caller(owner),
        curator=caller(table.curator),
        editor=caller(table.editor),
        viewer=caller(table.viewer),
        stranger=caller(build.user("stranger", role=Role.ADMIN, team_name="elsewhere")),
        secret=secret,
    )


@pytest.fixture
def editor(db: None) -> Caller:
    return caller(build.user("editor", role=Role.EDITOR))


@pytest.fixture
def curator(db: None) -> Caller:
    return caller(build.user("curator", role=Role.CURATOR))
