"""One's own account: API keys, teams, theme, and what the wandb client points at."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from apps.accounts.choices import Role, Scope
from apps.accounts.models import ApiKey, User
from apps.audit.models import Event
from tests import build
from tests.web.visits import browser, text_of

pytestmark = pytest.mark.django_db
KEY = re.compile(r"ms-[0-9A-Za-z]{40}")


@pytest.fixture
def ada() -> User:
    return build.user("ada")


class TestMakingAKey:
    FORM = {"name": "cluster", "scope": "write", "lifetime": "90"}

    def test_it_is_shown_with_what_to_paste(self, ada: User) -> None:
        page = text_of(browser(ada).post("/settings/keys", self.FORM))
        (secret,) = set(KEY.findall(page))
        assert f"export WANDB_BASE_URL={settings.BASE_URL}" in page
        assert f"export WANDB_API_KEY={secret}" in page
        assert f"export MLFLOW_TRACKING_URI={settings.BASE_URL}" in page
        assert f"export MLFLOW_TRACKING_TOKEN={secret}" in page
        assert f"Authorization: Bearer {secret}" in page

    def test_it_works(self, ada: User) -> None:
        page = text_of(browser(ada).post("/settings/keys", self.FORM))
        headers = {"Authorization": f"Bearer {KEY.findall(page)[0]}"}
        assert browser().get("/api/v1/me", headers=headers).status_code == 200

    def test_it_is_shown_only_once_and_kept_nowhere(self, ada: User) -> None:
        client = browser(ada)
        secret = KEY.findall(text_of(client.post("/settings/keys", self.FORM)))[0]
        assert not KEY.search(text_of(client.get("/settings/keys")))
        assert ApiKey.objects.get().digest not in ("", secret)
        assert not any(secret in event.payload for event in Event.objects.all())

    def test_name_scope_and_expiry_are_as_asked(self, ada: User) -> None:
        form = {"name": "board", "scope": "read", "lifetime": "30"}
        browser(ada).post("/settings/keys", form)
        key = ApiKey.objects.get()
        assert (key.user, key.name, key.scope) == (ada, "board", Scope.READ)
        assert key.expires_at is not None
        assert abs(key.expires_at - timezone.now() - timedelta(days=30)) < timedelta(minutes=1)

    def test_it_may_never_expire(self, ada: User) -> None:
        browser(ada).post("/settings/keys", {**self.FORM, "lifetime": "never"})
        assert ApiKey.objects.get().expires_at is None

    def test_the_same_form_sent_twice_makes_one_key_and_shows_it_twice(self, ada: User) -> None:
        client = browser(ada)
        once = re.search(r'name="once" value="([^"]+)"', text_of(client.get("/settings/keys")))
        assert once is not None
        form = {**self.FORM, "once": once[1]}
        first, second = (
            set(KEY.findall(text_of(client.post("/settings/keys", form)))) for _ in "12"
        )
        assert first == second
        assert len(first) == ApiKey.objects.count() == 1
        assert Event.objects.filter(kind="key.created").count() == 1

    def test_two_people_never_get_the_same_key(self, ada: User) -> None:
        form = {**self.FORM, "once": "x"}
        browser(ada).post("/settings/keys", form)
        browser(build.user("other")).post("/settings/keys", form)
        assert ApiKey.objects.values("digest").distinct().count() == 2

    @pytest.mark.parametrize("change", [{"revoked_at": "now"}, {"created_at": "long ago"}])
    def test_a_used_form_shows_no_key_later(self, ada: User, change: dict[str, str]) -> None:
        client = browser(ada)
        form = {**self.FORM, "once": "x"}
        client.post("/settings/keys", form)
        moment = timezone.now() - timedelta(days=1)
        ApiKey.objects.update(**dict.fromkeys(change, moment))
        answer = client.post("/settings/keys", form)
        assert answer.status_code == 409
        assert not KEY.search(text_of(answer))
        assert "has made its key already" in text_of(answer)
        assert ApiKey.objects.count() == 1

    @pytest.mark.parametrize(
        "wrong",
        [
            {"name": ""},
            {"name": "a/b"},
            {"name": "x" * 129},
            {"name": "a\x00b"},
            {"scope": "admin"},
            {"lifetime": "-1"},
            {"lifetime": "999999"},
        ],
    )
    def test_a_wrong_form_comes_back_and_makes_nothing(
        self, ada: User, wrong: dict[str, str]
    ) -> None:
        answer = browser(ada).post("/settings/keys", {**self.FORM, **wrong})
        assert answer.status_code == 400
        assert "error" in text_of(answer)
        assert not ApiKey.objects.exists()

    def test_other_fields_change_nothing(self, ada: User) -> None:
        other = build.user("other")
        browser(ada).post("/settings/keys", {**self.FORM, "user": other.pk, "digest": "x"})
        assert ApiKey.objects.get().user == ada


class TestTheListOfKeys:
    def test_it_holds_ones_own_alone(self, ada: User) -> None:
        build.api_key(build.user("other"))
        build.api_key(ada)
        (row,) = browser(ada).get("/settings/keys").context["keys"]
        assert row["pk"] == ApiKey.objects.get(user=ada).pk

    def test_a_name_that_is_code_stays_text(self, ada: User) -> None:
        client = browser(ada)
        client.post("/settings/keys", {**TestMakingAKey.FORM, "name": "<script>x<"})
        page = text_of(client.get("/settings/keys"))
        assert "<script>x<" not in page
        assert "&lt;script&gt;x&lt;" in page

    def test_the_queries_do_not_grow(self, ada: User, django_assert_num_queries: Any) -> None:
        client = browser(ada)
        for count in (1, 30):
            while ApiKey.objects.count() < count:
                build.api_key(ada)
            with django_assert_num_queries(3):  # session, person, keys
                client.get("/settings/keys")


class TestRevoking:
    def test_it_asks_first(self, ada: User) -> None:
        build.api_key(ada)
        key = ApiKey.objects.get()
        page = text_of(browser(ada).get(f"/settings/keys/{key.pk}/revoke"))
        assert "Revoke this key?" in page
        key.refresh_from_db()
        assert key.revoked_at is None

    def test_then_the_key_is_dead(self, ada: User) -> None:
        secret = build.api_key(ada)
        key = ApiKey.objects.get()
        client = browser(ada)
        assert client.post(f"/settings/keys/{key.pk}/revoke")["Location"] == "/settings/keys"
        assert "is revoked" in text_of(client.get("/settings/keys"))
        headers = {"Authorization": f"Bearer {secret}"}
        assert browser().get("/api/v1/me", headers=headers).status_code == 401

    def test_another_persons_key_is_not_there(self, ada: User) -> None:
        build.api_key(build.user("other", role=Role.ADMIN))
        key = ApiKey.objects.get()
        for method in ("get", "post"):
            answer = getattr(browser(ada), method)(f"/settings/keys/{key.pk}/revoke")
            assert answer.status_code == 404
        key.refresh_from_db()
        assert key.revoked_at is None


class TestAuthorize:
    def test_it_leads_to_the_keys(self, ada: User) -> None:
        page = text_of(browser(ada).get("/authorize"))
        assert 'href="/settings/keys"' in page
        assert "WANDB_API_KEY" in page

    def test_signed_out_it_asks_to_sign_in_and_comes_back(self) -> None:
        assert browser().get("/authorize")["Location"] == "/sign-in?next=%2Fauthorize"


class TestTheme:
    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_it_is_kept_in_a_cookie(self, theme: str) -> None:
        client = browser()
        answer = client.post("/settings/theme", {"theme": theme, "next": "/sign-in"})
        assert answer["Location"] == "/sign-in"
        cookie = answer.cookies["model_status_theme"]
        assert (cookie["samesite"], bool(cookie["httponly"])) == ("Lax", True)
        assert f'data-theme="{theme}"' in text_of(client.get("/sign-in"))

    def test_back_to_that_of_the_system(self) -> None:
        client = browser()
        client.post("/settings/theme", {"theme": "dark"})
        client.post("/settings/theme", {"theme": ""})
        assert "data-theme=" not in text_of(client.get("/sign-in"))

    @pytest.mark.parametrize("theme", ["pink", '"><script>', "x" * 5000])
    def test_anything_else_is_none(self, theme: str) -> None:
        client = browser()
        client.cookies["model_status_theme"] = "pink"
        answer = client.post("/settings/theme", {"theme": theme, "next": "//evil.example"})
        assert answer["Location"] == "/"
        assert "data-theme=" not in text_of(client.get("/sign-in"))


def test_the_account_names_teams_and_roles(ada: User) -> None:
    page = text_of(browser(ada).get("/settings"))
    assert ">main<" in page
    assert "editor" in page
    # Neither is an editor's.
    assert "/main/settings" not in page
    assert "/admin/" not in page


def test_curators_find_the_settings_of_their_team_and_the_admin(ada: User) -> None:
    page = text_of(browser(build.user("cura", role=Role.CURATOR)).get("/settings"))
    assert 'href="/main/settings"' in page
    assert 'href="/admin/"' in page


def test_a_key_of_the_command_line_is_the_same(
    ada: User, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("create_api_key", user="ada")
    assert KEY.fullmatch(capsys.readouterr().out.strip())
