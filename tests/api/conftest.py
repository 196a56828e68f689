"""A caller of the API: Django's test client with a key, and short words for requests."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from apps.accounts.choices import Role, Scope
from apps.accounts.models import User
from tests import build

BASE = "/api/v1/teams/main"
JSON = "application/json"


@dataclass
class Caller:
    """One person's key, used from one program."""

    user: User
    secret: str

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self.send("GET", path, None, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self.send("POST", path, body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self.send("PUT", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self.send("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> HttpResponse:
        return self.send("DELETE", path, None, **headers)

    def send(
        self, method: str, path: str, body: Any, content_type: str = JSON, **headers: str
    ) -> HttpResponse:
        """`path` is below the team, or whole when it begins with /api. Text is sent as it is."""
        address = path if path.startswith("/api") else f"{BASE}{path}"
        data = body if isinstance(body, str | bytes) else "" if body is None else json.dumps(body)
        return Client().generic(
            method,
            address,
            data,
            content_type=content_type if data else "",
            headers={"Authorization": f"Bearer {self.secret}", **headers},
        )


def caller(person: User, *, scope: Scope = Scope.WRITE) -> Caller:
    return Caller(person, build.api_key(person, scope=scope))


@pytest.fixture
def editor(db: None) -> Caller:
    return caller(build.user("editor", role=Role.EDITOR))


@pytest.fixture
def curator(db: None) -> Caller:
    return caller(build.user("curator", role=Role.CURATOR))


@pytest.fixture
def viewer(db: None) -> Caller:
    return caller(build.user("viewer", role=Role.VIEWER))
