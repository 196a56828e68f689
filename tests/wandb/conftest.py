"""A caller of the W&B door: Django's test client with a key, and short words for requests."""

import base64
import json
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from apps.accounts.choices import Role, Scope
from apps.accounts.models import User
from tests import build


@dataclass
class Caller:
    """One person's key, used from one program."""

    user: User
    secret: str

    @property
    def headers(self) -> dict[str, str]:
        basic = base64.b64encode(f"api:{self.secret}".encode()).decode()
        return {"Authorization": f"Basic {basic}", "User-Agent": "wandb-tests"}

    def send(self, document: str, **variables: Any) -> Any:
        """The answer to a document, whatever it is."""
        body = json.dumps({"query": document, "variables": variables, "operationName": ""})
        return Client().post(
            "/graphql", body, content_type="application/json", headers=self.headers
        )

    def ask(self, document: str, **variables: Any) -> Any:
        """The data of an answer without errors."""
        answer = self.send(document, **variables)
        assert answer.status_code == 200, answer.content
        assert "errors" not in answer.json(), answer.json()["errors"]
        return answer.json()["data"]

    def refused(self, document: str, **variables: Any) -> str:
        """The first message of an answer with errors, whose status the client takes as final."""
        answer = self.send(document, **variables)
        assert answer.status_code in (200, 400, 401, 403, 404, 409, 413, 422), answer.content
        return str(answer.json()["errors"][0]["message"])


def caller(person: User, *, scope: Scope = Scope.WRITE) -> Caller:
    return Caller(person, build.api_key(person, scope=scope))


@pytest.fixture
def editor(db: None) -> Caller:
    return caller(build.user("editor", role=Role.EDITOR))


@pytest.fixture
def viewer(db: None) -> Caller:
    return caller(build.user("viewer", role=Role.VIEWER))


@pytest.fixture
def stranger(db: None) -> Caller:
    return caller(build.user("stranger", role=Role.ADMIN, team_name="elsewhere"))
