"""What the API says when something of ours breaks."""

import pytest
from django.db.utils import OperationalError
from django.test import Client

from tests.api.conftest import Caller, refused


class Broken:
    """Stands for a query: raises what it was made with."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __call__(self, *args: object, **kwargs: object) -> None:
        raise self.error


def ask(editor: Caller) -> object:
    client = Client(raise_request_exception=False)
    return client.get("/api/v1/me", headers={"Authorization": f"Bearer {editor.secret}"})


def test_a_fault_tells_nothing_of_itself(editor: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    error = RuntimeError("the secret is /etc/secret")
    monkeypatch.setattr("apps.api.views.people.teams_of", Broken(error))

    body = refused(ask(editor), 500)

    assert body["code"] == "fault"
    assert "secret" not in str(body)
    assert "Traceback" not in str(body)


def test_a_busy_database_is_worth_another_try(
    editor: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.api.views.people.teams_of", Broken(OperationalError("locked")))

    answer = ask(editor)

    assert refused(answer, 503)["code"] == "busy"
    assert int(answer.headers["Retry-After"]) > 0  # type: ignore[attr-defined]


def test_a_large_body(editor: Caller, settings: object) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100  # type: ignore[attr-defined]

    refused(editor.post("/projects", {"name": "x" * 200}), 413)


def test_no_other_site_is_let_in(editor: Caller) -> None:
    for origin in ("https://evil.example", "null"):
        answer = editor.get("/api/v1/me", Origin=origin)
        assert not [name for name in answer.headers if name.startswith("Access-Control")]
        preflight = Client().options("/api/v1/me", headers={"Origin": origin})
        assert preflight.status_code == 405
        assert not [name for name in preflight.headers if name.startswith("Access-Control")]
