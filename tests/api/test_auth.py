"""Who is asking: a key as Bearer or as the password of Basic, and nothing else."""

import base64
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.choices import Role, Scope
from apps.accounts.models import ApiKey
from apps.accounts.services import revoke_api_key, set_active
from tests import build
from tests.api.conftest import Caller, caller, refused, rows

ME = "/api/v1/me"


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def ask(header: str | None) -> int:
    headers = {} if header is None else {"Authorization": header}
    return Client().get(ME, headers=headers).status_code


def test_bearer_and_basic(editor: Caller) -> None:
    assert ask(f"Bearer {editor.secret}") == 200
    assert ask(f"bearer {editor.secret}") == 200
    assert ask(basic("api", editor.secret)) == 200
    assert ask(basic("anybody", editor.secret)) == 200


def test_who_am_i(editor: Caller) -> None:
    body = editor.get(ME).json()

    assert body["username"] == "editor"
    assert body["key"]["scope"] == "write"
    assert body["teams"] == [{"name": "main", "title": "", "role": "editor"}]
    assert editor.secret not in str(body)


def test_no_key_is_told_how(db: None) -> None:
    answer = Client().get(ME)

    assert refused(answer, 401)["code"] == "not_signed_in"
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="Model Status"'


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: "",
        lambda key: "Bearer",
        lambda key: "Bearer ",
        lambda key: f"Token {key}",
        lambda key: f"Bearer {key[:-1]}",
        lambda key: f"Bearer {key}x",
        lambda key: f"Bearer {key} {key}",
        lambda key: f"Bearer {key.swapcase()}",
        lambda key: "Bearer " + key.replace(key[5], "１"),
        lambda key: "Bearer " + "x" * 5_000,
        lambda key: "Basic not base64!",
        lambda key: "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(),
        lambda key: "Basic " + base64.b64encode(key.encode()).decode(),
        lambda key: basic(key, ""),
    ],
)
def test_anything_else_is_refused(editor: Caller, spoil: object) -> None:
    assert ask(spoil(editor.secret)) == 401  # type: ignore[operator]


def test_a_session_cookie_is_no_key(editor: Caller) -> None:
    browser = Client()
    browser.force_login(editor.user)

    assert browser.get(ME).status_code == 401


def test_a_key_in_the_address_is_not_looked_at(editor: Caller) -> None:
    assert Client().get(f"{ME}?api_key={editor.secret}").status_code == 401
    assert refused(editor.get(f"{ME}?api_key=x"), 400, "api_key")


def test_revoked_expired_and_inactive(editor: Caller) -> None:
    expiring, other = caller(editor.user), caller(editor.user)
    revoke_api_key(key=ApiKey.objects.order_by("pk")[0], actor=build.SYSTEM)
    ApiKey.objects.filter(hint=expiring.secret[-4:]).update(
        expires_at=timezone.now() - timedelta(seconds=1)
    )

    assert ask(f"Bearer {editor.secret}") == 401
    assert ask(f"Bearer {expiring.secret}") == 401
    assert ask(f"Bearer {other.secret}") == 200

    set_active(user=editor.user, is_active=False, actor=build.SYSTEM)
    assert ask(f"Bearer {other.secret}") == 401


def test_a_read_key_only_reads(editor: Caller) -> None:
    reader = caller(editor.user, scope=Scope.READ)
    before = rows()

    assert reader.get("/projects").status_code == 200
    body = refused(reader.post("/projects", {"name": "digits"}), 403)
    assert "only read" in body["detail"]
    assert rows() == before


def test_the_use_of_a_key_is_noted(editor: Caller) -> None:
    editor.get(ME)

    assert ApiKey.objects.get().last_used_at is not None


def test_lowering_the_role_lowers_the_key(db: None) -> None:
    from apps.accounts.services import set_role

    person = build.user("fallen", role=Role.EDITOR)
    key = caller(person)
    assert key.post("/projects", {"name": "one"}).status_code == 201

    set_role(user=person, team=build.team(), role=Role.VIEWER, actor=build.SYSTEM)

    refused(key.post("/projects", {"name": "two"}), 403)
