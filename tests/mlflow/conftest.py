"""A caller of the mlflow door: requests as the client makes them, answers as it reads them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from apps.accounts.choices import Role, Scope
from apps.accounts.models import User
from tests import build

ROOT = "/api/2.0/mlflow/"


@dataclass
class Caller:
    """Somebody with an API key."""

    user: User
    key: str
    root: str = ROOT

    def send(self, method: str, path: str, body: object = None, /, **query: Any) -> Any:
        """The response to one request; a body is sent as JSON."""
        data = b"" if body is None else json.dumps(body).encode()
        return Client().generic(
            method,
            self.root + path,
            data,
            content_type="application/json" if data else "application/octet-stream",
            headers={"Authorization": f"Bearer {self.key}"},
            query_params=query or None,
        )

    def get(self, path: str, /, **query: Any) -> Any:
        return answered(self.send("GET", path, **query))

    def post(self, path: str, /, **body: Any) -> Any:
        return answered(self.send("POST", path, body))

    def patch(self, path: str, /, **body: Any) -> Any:
        return answered(self.send("PATCH", path, body))

    def delete(self, path: str, /, **body: Any) -> Any:
        return answered(self.send("DELETE", path, body))

    def refused(
        self, method: str, path: str, body: object = None, /, **query: Any
    ) -> tuple[int, str]:
        """The status and the name of a refusal."""
        response = self.send(method, path, body, **query)
        assert response.status_code >= 400, response.content
        assert response.json()["message"]
        return response.status_code, response.json()["error_code"]


def answered(response: Any) -> Any:
    """The message of an answer, which must be a good one."""
    assert response.status_code == 200, response.content
    return response.json()


@pytest.fixture
def calling(db: None) -> Callable[..., Caller]:
    """Makes callers: a new person with a role and a key."""

    def make(
        role: Role = Role.EDITOR,
        *,
        name: str = "",
        team_name: str = "main",
        scope: Scope = Scope.WRITE,
    ) -> Caller:
        person = build.user(name, role=role, team_name=team_name)
        return Caller(person, build.api_key(person, scope=scope))

    return make


@pytest.fixture
def caller(calling: Callable[..., Caller]) -> Caller:
    """An editor of the team main."""
    return calling()
