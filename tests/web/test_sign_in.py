"""Signing in with a password or a one-time link, and out again."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from apps.accounts.models import LoginLink, User
from apps.accounts.services import create_login_link, set_active, set_password
from apps.audit.models import Event
from tests import build
from tests.web.visits import PASSWORD, browser, text_of, with_password

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return with_password(build.user("ada"))


def sign_in(client: Client, username: str = "ada", password: str = PASSWORD, **more: str) -> Any:
    return client.post("/sign-in", {"username": username, "password": password, **more})


class TestPassword:
    def test_the_right_one_lets_in(self, ada: User) -> None:
        client = browser()
        answer = sign_in(client)
        assert answer["Location"] == "/"
        assert "ada" in text_of(client.get("/settings"))

    def test_the_page_shows_no_way_to_itself(self) -> None:
        link = '<a class="button push" href="/sign-in">'
        assert link not in text_of(browser().get("/sign-in"))
        assert link in text_of(browser().get("/main/x/y/z/w"))

    def test_letter_case_of_the_name_does_not_matter(self, ada: User) -> None:
        assert sign_in(browser(), username="ADA").status_code == 302

    def test_one_goes_on_to_where_one_wanted_to_be(self, ada: User) -> None:
        client = browser()
        asked = client.get("/main/models?q=x")
        assert asked["Location"] == "/sign-in?next=%2Fmain%2Fmodels%3Fq%3Dx"
        page = text_of(client.get(asked["Location"]))
        assert 'name="next" value="/main/models?q=x"' in page
        assert sign_in(client, next="/main/models?q=x")["Location"] == "/main/models?q=x"

    @pytest.mark.parametrize(
        "target", ["//evil.example", "https://evil.example", "/\\evil.example"]
    )
    def test_but_never_to_another_site(self, ada: User, target: str) -> None:
        assert sign_in(browser(), next=target)["Location"] == "/"
        assert "evil" not in text_of(browser().get("/sign-in", {"next": target}))

    @pytest.mark.parametrize(
        ("username", "password"),
        [("ada", "wrong"), ("nobody", PASSWORD), ("inactive", PASSWORD), ("linked", PASSWORD)],
    )
    def test_every_refusal_is_the_same(self, ada: User, username: str, password: str) -> None:
        inactive = with_password(build.user("inactive"))
        set_active(user=inactive, is_active=False, actor=build.SYSTEM)
        build.user("linked")
        answer = sign_in(browser(), username=username, password=password)
        assert answer.status_code == 401
        assert "That name and password do not go together." in text_of(answer)
        assert settings.SESSION_COOKIE_NAME not in answer.cookies

    def test_what_was_typed_is_shown_again_but_the_password(self, ada: User) -> None:
        page = text_of(sign_in(browser(), password="wrong-one"))
        assert 'value="ada"' in page
        assert "wrong-one" not in page

    def test_guessing_is_slowed_down(self, ada: User) -> None:
        client = browser()
        for _ in range(10):
            assert sign_in(client, password="guess").status_code == 401
        answer = sign_in(client)
        assert answer.status_code == 429
        assert answer["Retry-After"] == "60"
        assert "Too many failed sign-ins" in text_of(answer)
        elsewhere = client.post(
            "/sign-in", {"username": "ada", "password": PASSWORD}, REMOTE_ADDR="192.0.2.7"
        )
        assert elsewhere.status_code == 302

    def test_a_huge_password_is_refused_before_any_hashing(self, ada: User) -> None:
        assert sign_in(browser(), password="x" * 1_000_000).status_code == 400

    def test_nul_is_refused(self, ada: User) -> None:
        assert sign_in(browser(), username="ada\x00").status_code == 400

    def test_the_session_changes_with_the_person(self, ada: User) -> None:
        client = browser()
        sign_in(client)
        first = client.cookies[settings.SESSION_COOKIE_NAME].value
        sign_in(client)
        assert client.cookies[settings.SESSION_COOKIE_NAME].value != first
        old = Client()
        old.cookies[settings.SESSION_COOKIE_NAME] = first
        assert old.get("/").status_code == 302

    def test_a_form_of_another_site_is_refused(self, ada: User) -> None:
        client = Client(enforce_csrf_checks=True)
        assert sign_in(client).status_code == 403

    def test_who_is_shut_out_is_so_at_once(self, ada: User) -> None:
        client = browser(ada)
        assert client.get("/").status_code == 200
        set_active(user=ada, is_active=False, actor=build.SYSTEM)
        assert client.get("/").status_code == 302


class TestOneTimeLink:
    def test_looking_at_it_spends_nothing(self, ada: User) -> None:
        token = create_login_link(user=ada, actor=build.SYSTEM)
        for _ in range(3):
            page = text_of(browser().get(f"/sign-in/{token}"))
            assert "Sign in as ada" in page
        assert LoginLink.objects.get().used_at is None

    def test_its_button_signs_in_once(self, ada: User) -> None:
        token = create_login_link(user=ada, actor=build.SYSTEM)
        first, second = browser(), browser()
        assert first.post(f"/sign-in/{token}")["Location"] == "/"
        assert first.get("/").status_code == 200
        assert second.post(f"/sign-in/{token}").status_code == 404
        assert second.get("/").status_code == 302
        assert Event.objects.filter(kind="login_link.used").count() == 1

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_an_unknown_one_is_not_found(self, ada: User, method: str) -> None:
        assert getattr(browser(), method)("/sign-in/made-up").status_code == 404

    def test_the_one_of_a_person_who_is_shut_out_is_dead(self, ada: User) -> None:
        token = create_login_link(user=ada, actor=build.SYSTEM)
        set_active(user=ada, is_active=False, actor=build.SYSTEM)
        assert browser().post(f"/sign-in/{token}").status_code == 404


class TestSigningOut:
    def test_it_ends_the_session_and_clears_the_browser(self, ada: User) -> None:
        client = browser(ada)
        cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
        answer = client.post("/sign-out")
        assert answer["Location"] == "/sign-in"
        assert answer["Clear-Site-Data"] == '"cache", "cookies", "storage"'
        assert "no-store" in answer["Cache-Control"]
        old = Client()
        old.cookies[settings.SESSION_COOKIE_NAME] = cookie
        assert old.get("/").status_code == 302

    def test_a_link_cannot_do_it(self, ada: User) -> None:
        client = browser(ada)
        assert client.get("/sign-out").status_code == 405
        assert client.get("/").status_code == 200


class TestFirstRun:
    def test_an_empty_installation_says_how_to_begin(self) -> None:
        page = text_of(browser().get("/sign-in"))
        assert "<code>manage.py create_user ada --role admin</code>" in page
        assert "<code>manage.py login_link --user ada</code>" in page

    def test_later_it_does_not(self, ada: User) -> None:
        assert "create_user" not in text_of(browser().get("/sign-in"))

    @pytest.mark.parametrize("path", ["/setup", "/signup", "/sign-up", "/admin", "/register"])
    def test_there_is_no_way_in_by_the_web(self, path: str) -> None:
        assert browser().post(path).status_code in (302, 404)
        assert not User.objects.exists()

    @pytest.mark.parametrize(
        ("username", "password"), [("admin", "admin"), ("admin", "password"), ("root", "root")]
    )
    def test_there_is_no_account_to_guess(self, username: str, password: str) -> None:
        assert sign_in(browser(), username, password).status_code == 401


class TestChangingThePassword:
    NEW = "another long password"

    def change(self, client: Client, current: str = PASSWORD, new: str = NEW) -> Any:
        fields = {"current_password": current, "password": new, "repeated": new}
        return client.post("/settings/password", fields)

    def test_this_browser_stays_and_the_others_go(self, ada: User) -> None:
        here, there = browser(), browser()
        sign_in(here)
        sign_in(there)
        assert self.change(here).status_code == 302
        assert here.get("/").status_code == 200
        assert there.get("/").status_code == 302
        assert sign_in(browser(), password=self.NEW).status_code == 302

    def test_the_present_one_is_needed(self, ada: User) -> None:
        answer = self.change(browser(ada), current="wrong")
        assert answer.status_code == 400
        assert "That is not your present password." in text_of(answer)
        assert sign_in(browser()).status_code == 302

    def test_and_guessing_it_is_slowed_down(self, ada: User) -> None:
        client = browser(ada)
        answers = [self.change(client, current=f"guess {i}").status_code for i in range(11)]
        assert answers == [400] * 10 + [429]

    @pytest.mark.parametrize("new", ["short", "password123", "1234567890"])
    def test_a_weak_one_is_refused(self, ada: User, new: str) -> None:
        assert self.change(browser(ada), new=new).status_code == 400
        assert sign_in(browser()).status_code == 302

    def test_so_is_the_user_name(self) -> None:
        client = browser(with_password(build.user("ada-lovelace")))
        assert self.change(client, new="ada-lovelace").status_code == 400

    @pytest.mark.parametrize("new", ["x1y2" * 16, "pässwörd 🔑 with spaces " * 5])
    def test_long_ones_are_taken_byte_for_byte(self, ada: User, new: str) -> None:
        assert self.change(browser(ada), new=new).status_code == 302
        assert sign_in(browser(), password=new).status_code == 302
        assert sign_in(browser(), password=new.strip() + "?").status_code == 401

    def test_two_that_differ_are_refused(self, ada: User) -> None:
        fields = {"current_password": PASSWORD, "password": self.NEW, "repeated": self.NEW + "x"}
        answer = browser(ada).post("/settings/password", fields)
        assert "The two new passwords differ." in text_of(answer)

    def test_who_came_by_a_link_sets_the_first_one_without(self) -> None:
        linked = build.user("linked")
        client = browser(linked)
        assert "current_password" not in text_of(client.get("/settings/password"))
        fields = {"password": self.NEW, "repeated": self.NEW}
        assert client.post("/settings/password", fields).status_code == 302
        assert sign_in(browser(), username="linked", password=self.NEW).status_code == 302

    def test_a_set_password_is_asked_for_even_if_the_form_leaves_it_out(self, ada: User) -> None:
        fields = {"password": self.NEW, "repeated": self.NEW}
        assert browser(ada).post("/settings/password", fields).status_code == 400

    def test_keys_go_on_working(self, ada: User) -> None:
        key = build.api_key(ada)
        set_password(user=ada, password=self.NEW, actor=build.SYSTEM)
        answer = browser().get("/api/v1/me", headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 200
