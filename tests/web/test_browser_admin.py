"""The admin in a real browser: a curator promotes, filters and adds, with scripts and without."""

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from apps.artifacts.models import LabelHolding
from apps.audit.models import Event
from apps.registry.models import StatusLabel
from tests.admin.world import World, browser, list_url, make, row_url
from tests.browser import AxeCheck, each_is_sound_and_fits

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LONG = "a-name-of-two-hundred-letters-" * 6 + "and-twenty-more-here"
HEBREW = "שלום עולם 🎉"


@pytest.fixture
def world() -> World:
    return make()


def enter(page: Page, server: LiveServer, world: World) -> None:
    client = browser(world.admin)
    name = settings.SESSION_COOKIE_NAME
    cookie = {"name": name, "value": client.cookies[name].value, "url": server.url}
    page.context.add_cookies([cookie])  # type: ignore[list-item]


def promote(page: Page, server: LiveServer, world: World) -> None:
    """Tick a version, choose the action, give the reason."""
    version = world.open.versions[1]
    page.goto(server.url + list_url(version))
    page.locator(f'input[name="_selected_action"][value="{version.pk}"]').check()
    page.get_by_label("With the ticked rows").select_option("promote")
    page.get_by_role("button", name="Go").click()
    expect(page.get_by_role("heading", name="Promote")).to_be_visible()
    page.get_by_label("Label").select_option("production")
    page.get_by_label("Reason").fill("Better in every way.")
    page.get_by_role("button", name="Promote").click()
    expect(page.get_by_text("1 version promoted to production.")).to_be_visible()
    holding = LabelHolding.objects.get(label="production", held_until=None)
    assert (holding.version, holding.reason) == (version, "Better in every way.")


def test_every_page_is_sound_and_fits(
    page: Page, live_server: LiveServer, world: World, axe: AxeCheck
) -> None:
    """axe finds nothing, the content policy is kept, and nothing sticks out sideways."""
    world.open.run.name = LONG
    world.open.run.notes = f"{LONG} {HEBREW}"
    world.open.run.save(update_fields=["name", "notes"])
    world.open.model.title = HEBREW
    world.open.model.save(update_fields=["title"])
    label = StatusLabel.objects.filter(team=world.team).earliest("pk")
    event = Event.objects.filter(team_id=world.team.pk).latest("pk")
    addresses = ["/admin/", *(list_url(model) for model in _models())]
    addresses += [f"{list_url(label)}add/", row_url(label), row_url(label, "history")]
    addresses += [row_url(world.open.run), row_url(world.open.versions[0].artifact)]
    addresses += [row_url(world.open.model), row_url(event), f"{list_url(label)}?q=zzz"]
    enter(page, live_server, world)
    each_is_sound_and_fits(page, live_server, addresses, axe)


def test_a_curator_at_work(
    page: Page, live_server: LiveServer, world: World, axe: AxeCheck
) -> None:
    enter(page, live_server, world)
    promote(page, live_server, world)
    # All rows at once, which takes scripts; and what goes with a deletion is said.
    page.get_by_label("Select all").check()
    expect(page.locator(".action-counter")).to_contain_text("6 of 6 selected")
    page.get_by_label("With the ticked rows").select_option("remove")
    page.get_by_role("button", name="Go").click()
    expect(page.get_by_text("holds a status label").first).to_be_visible()
    axe(page)
    page.get_by_role("link", name="Cancel").click()
    # A filter, a search, a row.
    page.locator("summary", has_text="Project").click()
    page.get_by_role("link", name="main/open").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(2)
    page.get_by_label("Search in this list").fill("nothing like it")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    page.get_by_role("link", name="Clear filters").click()


def test_a_curator_at_work_without_scripts(
    bare_page: Page, live_server: LiveServer, world: World
) -> None:
    page = bare_page
    enter(page, live_server, world)
    promote(page, live_server, world)
    # A label, refused once and then taken.
    page.goto(f"{live_server.url}{list_url(StatusLabel)}add/")
    page.get_by_label("Name").fill("not this one")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("may not contain spaces")).to_be_visible()
    page.get_by_label("Name").fill("canary")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("link", name="canary").first).to_be_visible()
    assert StatusLabel.objects.filter(name="canary").exists()


def _models() -> list[type]:
    from apps.admin.site import site

    return list(site._registry)
