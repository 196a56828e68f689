"""Refusals as people and htmx see them."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.choices import Role
from apps.accounts.models import User
from tests import build
from tests.web.visits import browser, text_of

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true", "HX-Target": "models"}


@pytest.fixture
def viewer() -> User:
    return build.user("vera", role=Role.VIEWER)


class TestPages:
    def test_nothing_here_is_said_in_the_frame_of_the_site(self, viewer: User) -> None:
        answer = browser(viewer).get("/main/nowhere")
        assert answer.status_code == 404
        assert "Nothing here" in text_of(answer)
        assert "Menu of vera" in text_of(answer)

    @pytest.mark.parametrize("path", ["/main/x/y/z/w", "/.env", "/.git/config", "/db.sqlite3"])
    def test_an_address_of_nothing_is_not_found_by_anybody(self, path: str) -> None:
        assert browser().get(path).status_code == 404

    @pytest.mark.parametrize(
        "path", ["/settings/keys/{}/revoke", "/main/digits/models/candidates/versions/{}"]
    )
    def test_no_number_is_too_large(self, path: str) -> None:
        viewer = build.table().viewer
        for number in (2**31, 2**63, 10**40):
            assert browser(viewer).get(path.format(number)).status_code == 404

    def test_what_cannot_be_meant_is_refused(self, viewer: User) -> None:
        answer = browser(viewer).get("/", {"cursor": "broken"})
        assert answer.status_code == 400
        assert "damaged" in text_of(answer)

    def test_the_way_to_sign_in_keeps_what_was_asked_for(self) -> None:
        answer = browser().get("/main/digits?cursor=x&q=a b")
        assert answer["Location"] == "/sign-in?next=%2Fmain%2Fdigits%3Fcursor%3Dx%26q%3Da%2520b"

    def test_but_not_what_was_to_be_changed(self) -> None:
        assert browser().post("/settings/keys", {"name": "x"})["Location"] == "/sign-in"

    def test_a_stale_form_is_told_from_a_lack_of_rights(self, viewer: User) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(viewer)
        answer = client.post("/settings/keys", {"name": "x"})
        assert answer.status_code == 403
        assert "form has expired" in text_of(answer)


class TestInPlace:
    def test_a_refusal_goes_to_the_region_for_messages(self, viewer: User) -> None:
        answer = browser(viewer).get("/main/nowhere", headers=HTMX)
        assert answer.status_code == 404
        assert answer["HX-Retarget"] == answer["HX-Reselect"] == "#messages"
        assert text_of(answer).startswith('<div class="messages" id="messages" role="status">')
        assert "<html" not in text_of(answer)

    def test_words_of_the_request_stay_text(self, viewer: User) -> None:
        answer = browser(viewer).get("/main/<img src=x>", headers=HTMX)
        assert "<img" not in text_of(answer)

    def test_the_way_to_sign_in_is_ours_alone(self) -> None:
        answer = browser().get("/?next=//evil.example", headers=HTMX)
        assert (answer.status_code, answer["HX-Redirect"]) == (401, "/sign-in")


class TestHeaders:
    @pytest.mark.parametrize("path", ["/", "/sign-in", "/main/nowhere", "/settings/keys"])
    def test_nothing_is_kept_by_caches(self, viewer: User, path: str) -> None:
        headers = browser(viewer).get(path).headers
        assert "no-store" in headers["Cache-Control"]
        assert "Cookie" in headers["Vary"]

    @pytest.mark.parametrize("path", ["/", "/sign-in", "/main/nowhere"])
    def test_pages_hold_no_inline_script_or_style(self, viewer: User, path: str) -> None:
        page = text_of(browser(viewer).get(path))
        assert "style=" not in page
        assert "onclick" not in page
        assert "<style" not in page
        assert all("src=" in part for part in page.split("<script")[1:])


class TestReadingChangesNothing:
    def test_no_get_writes(self, viewer: User) -> None:
        build.table()
        client = browser(viewer)
        paths = ["/", "/projects", "/search?q=d", "/main/models", "/main/digits"]
        paths += ["/settings", "/settings/keys", "/settings/password", "/authorize", "/sign-in"]
        for path in paths:
            with CaptureQueriesContext(
                connection,
            ) as queries:
                client.get(path)
            # PostgreSQL's unions begin with a parenthesis.
            asked = [query["sql"].lstrip("(") for query in queries]
            written = [sql for sql in asked if not sql.startswith("SELECT")]
            assert written == [], path
