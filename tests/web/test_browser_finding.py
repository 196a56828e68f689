"""Finding and telling in a real browser: the search dialog, and messages that can be taken back."""

import re

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from apps.accounts.models import User
from apps.registry.services.promotion import promote_version
from tests import build
from tests.browser import AxeCheck

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

MODEL = "/main/digits/models/candidates"


@pytest.fixture
def table() -> build.Table:
    """Three versions, the first of them in production."""
    table = build.table()
    access = build.access(table.curator, project=table.project)
    promote_version(version=table.versions[0], label="production", access=access)
    return table


def take_session(page: Page, server: LiveServer, person: User) -> None:
    """Signed in without the form, for tests that are about something else."""
    client = Client()
    client.force_login(person)
    name = settings.SESSION_COOKIE_NAME
    value = client.cookies[name].value
    page.context.add_cookies([{"name": name, "value": value, "url": server.url}])


def test_names_of_any_length_stay_inside(
    page: Page, live_server: LiveServer, table: build.Table
) -> None:
    build.run(table.editor, table.project, name="y" * 150)
    build.collection(table.editor, table.project, "x" * 120)
    build.collection(table.editor, table.project, "נתונים " * 15 + "y", type="dataset")
    take_session(page, live_server, table.viewer)
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for address in ("/", "/main/models", "/search?q=y", "/search?q=x"):
            page.goto(live_server.url + address)
            widest = page.evaluate("document.documentElement.scrollWidth")
            assert widest <= width, (address, width, widest)


class TestTheSearchDialog:
    def test_by_keyboard_alone(
        self, page: Page, live_server: LiveServer, table: build.Table, axe: AxeCheck
    ) -> None:
        take_session(page, live_server, table.viewer)
        page.goto(f"{live_server.url}/projects")
        dialog = page.get_by_role("dialog", name="Search everything")
        expect(dialog).to_be_hidden()

        page.keyboard.press("Control+k")
        page.keyboard.type("candidates v2")
        hit = dialog.get_by_role("link", name="candidates v2")
        expect(hit).to_be_visible()
        axe(page)
        page.keyboard.press("ArrowDown")
        expect(hit).to_be_focused()
        page.keyboard.press("ArrowUp")
        expect(page.locator("#finder-words")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(rf"{MODEL}/versions/2$"))
        # The address changes before the page's scripts have run, and a key is pressed only once.
        page.wait_for_load_state()

        page.keyboard.press("Meta+k")
        expect(dialog).to_be_visible()
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()

    def test_without_scripts_the_box_in_the_bar_leads_to_the_page(
        self, bare_page: Page, live_server: LiveServer, table: build.Table
    ) -> None:
        take_session(bare_page, live_server, table.viewer)
        bare_page.goto(f"{live_server.url}/projects")
        bare_page.get_by_label("Search", exact=True).fill("candidates v2")
        bare_page.keyboard.press("Enter")
        bare_page.locator("#found").get_by_role("link", name="candidates v2").click()
        expect(bare_page).to_have_url(re.compile(rf"{MODEL}/versions/2$"))


def promote_and_undo(page: Page, server: LiveServer) -> None:
    page.goto(f"{server.url}{MODEL}/versions/2/promote")
    page.get_by_label("production").check()
    page.get_by_label("Reason").fill("Better.")
    page.get_by_role("button", name="Promote version 2").click()
    expect(page.locator("#messages")).to_contain_text("v2 holds production now; v1 has lost it.")
    expect(page.locator(".card").first).to_contain_text("Version 2")

    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#messages")).to_contain_text("v1 holds production now; v2 has lost it.")
    expect(page.locator(".card").first).to_contain_text("Version 1")


class TestUndo:
    def test_a_promotion_is_taken_back_and_the_message_dismissed(
        self, page: Page, live_server: LiveServer, table: build.Table, axe: AxeCheck
    ) -> None:
        take_session(page, live_server, table.curator)
        promote_and_undo(page, live_server)
        axe(page)
        page.get_by_role("button", name="Dismiss").click()
        expect(page.locator("#messages")).to_be_hidden()

    def test_without_scripts(
        self, bare_page: Page, live_server: LiveServer, table: build.Table
    ) -> None:
        take_session(bare_page, live_server, table.curator)
        promote_and_undo(bare_page, live_server)
        expect(bare_page.get_by_role("button", name="Dismiss")).to_be_hidden()


class TestTheQuestion:
    def test_a_promotion_is_asked_in_a_dialog(
        self, page: Page, live_server: LiveServer, table: build.Table, axe: AxeCheck
    ) -> None:
        take_session(page, live_server, table.curator)
        page.goto(live_server.url + MODEL)
        promote = page.get_by_role("link", name="Promote version 2")
        promote.click()
        dialog = page.get_by_role("dialog", name="Promote version 2")
        expect(dialog).to_contain_text("v2 becomes production, v1 loses it.")
        axe(page)
        dialog.get_by_role("link", name="Cancel").click()
        expect(dialog).to_be_hidden()
        expect(page).to_have_url(live_server.url + MODEL)

        promote.click()
        dialog.get_by_label("production").check()
        dialog.get_by_label("Reason").fill("Better.")
        dialog.get_by_role("button", name="Promote version 2").click()
        expect(page.locator("#messages")).to_contain_text("v2 holds production now")
        expect(page.locator(".card").first).to_contain_text("Better.")

    def test_what_is_wrong_is_said_in_it(
        self, page: Page, live_server: LiveServer, table: build.Table
    ) -> None:
        take_session(page, live_server, table.curator)
        page.goto(live_server.url + MODEL)
        page.get_by_role("link", name="Promote version 2").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Reason").fill("   ")
        dialog.get_by_role("button", name="Promote version 2").click()
        expect(dialog).to_contain_text("Say why, for those who ask in a year.")
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()


class TestViews:
    def test_a_state_is_kept_and_found_again(
        self, page: Page, live_server: LiveServer, table: build.Table, axe: AxeCheck
    ) -> None:
        take_session(page, live_server, table.editor)
        page.goto(live_server.url + MODEL)
        page.locator("#versions thead").get_by_role("link", name="Loss @ 10k").click()
        expect(page.locator("#versions th[aria-sort=ascending]")).to_contain_text("Loss @ 10k")
        page.locator(".views summary").click()
        axe(page)
        page.get_by_label("Name of the view").fill("Best first")
        page.get_by_label("for the team").check()
        page.get_by_role("button", name="Save this view").click()
        expect(page.locator(".views summary")).to_have_text("View: Best first")

        page.locator("#versions thead").get_by_role("link", name="Version").click()
        expect(page.locator(".views summary")).to_contain_text("changed")
        page.locator(".views summary").click()
        page.get_by_role("link", name="All views").click()
        expect(page).to_have_url(f"{live_server.url}{MODEL}/views")
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 900})
            axe(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.get_by_role("main").get_by_role("link", name="Best first").click()
        expect(page.locator("#versions tbody tr").first).to_contain_text("0.3")

    def test_without_scripts(
        self, bare_page: Page, live_server: LiveServer, table: build.Table
    ) -> None:
        take_session(bare_page, live_server, table.viewer)
        bare_page.goto(f"{live_server.url}{MODEL}?sort=loss@10k")
        bare_page.locator(".views summary").click()
        bare_page.get_by_label("Name of the view").fill("Mine")
        bare_page.get_by_role("button", name="Save this view").click()
        expect(bare_page.locator(".views summary")).to_have_text("View: Mine")
        expect(bare_page.locator("#versions tbody tr").first).to_contain_text("0.3")
