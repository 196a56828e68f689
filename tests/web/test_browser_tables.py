"""The runs table in a real browser, with scripts and without; and walking through rows by keys."""

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from tests import build
from tests.browser import AxeCheck
from tests.runs.test_runs_table import Story
from tests.web.test_browser_models import take_session

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

RUNS = "/main/digits/runs"


@pytest.fixture
def story() -> Story:
    story = Story()
    for at in range(6):
        group = "wide" if at % 2 else "narrow"
        story.run(
            f"run {at}", config={"lr": 0.1 / (at + 1)}, loss=[1 / (at + 1)], took=9, group=group
        )
    return story


def first_run(page: Page) -> str:
    return page.locator("#runs tbody tr .is-key").first.inner_text()


def find_the_best_run(page: Page, server: LiveServer) -> None:
    """By links and forms alone: sort, filter, group, open a group, tick, choose a column."""
    page.goto(f"{server.url}/main/digits")
    page.get_by_role("link", name="Runs", exact=True).click()
    expect(page.locator("#runs tbody tr")).to_have_count(6)
    page.locator("#runs thead a", has_text="loss").click()
    expect(page.locator('#runs th[aria-sort="ascending"]')).to_contain_text("loss")
    assert first_run(page) == "run 5"
    page.get_by_label("Filter", exact=True).fill("config.lr > 0.03 and loss < 0.9")
    page.get_by_role("button", name="Find").click()
    expect(page.locator("#runs tbody tr")).to_have_count(2)
    assert first_run(page) == "run 2"
    page.get_by_role("link", name="Show all runs").click()
    expect(page.locator("#runs tbody tr")).to_have_count(6)
    page.locator("summary", has_text="Group").click()
    page.get_by_role("link", name="Group", exact=True).click()
    expect(page.locator("#runs tbody tr")).to_have_count(2)
    page.get_by_role("link", name="wide").click()
    expect(page.locator("#runs tbody tr")).to_have_count(3)
    page.locator("summary", has_text="Columns").click()
    page.get_by_label("Another one, by its name").fill("max.loss")
    page.get_by_role("button", name="Show these").click()
    expect(page.locator("#runs thead")).to_contain_text("loss, highest")


def test_the_best_run_is_found_with_scripts(
    page: Page, live_server: LiveServer, story: Story, axe: AxeCheck
) -> None:
    take_session(page, live_server, story.owner)

    find_the_best_run(page, live_server)

    axe(page)


def test_and_without_scripts_on_a_phone(
    bare_phone: Page, live_server: LiveServer, story: Story
) -> None:
    take_session(bare_phone, live_server, story.owner)

    find_the_best_run(bare_phone, live_server)


def test_keys_walk_through_rows_tick_and_open(
    page: Page, live_server: LiveServer, story: Story, axe: AxeCheck
) -> None:
    take_session(page, live_server, story.owner)
    page.goto(f"{live_server.url}{RUNS}?sort=run")
    links = page.locator("#runs tbody .is-key a")
    boxes = page.locator("#runs tbody [type=checkbox]")

    page.keyboard.press("j")
    expect(links.nth(0)).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    expect(links.nth(2)).to_be_focused()
    page.keyboard.press("x")
    expect(boxes.nth(2)).to_be_checked()
    page.keyboard.press("k")
    page.keyboard.press("x")
    expect(page.get_by_role("button", name="Compare")).to_contain_text("2")
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_be_visible()
    axe(page)
    page.keyboard.press("j")  # the keys of the page rest meanwhile
    page.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()
    expect(links.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="run 1", level=1)).to_be_visible()


def test_keys_are_letters_where_one_writes(
    page: Page, live_server: LiveServer, story: Story
) -> None:
    take_session(page, live_server, story.owner)
    page.goto(f"{live_server.url}{RUNS}")

    page.get_by_label("Search in runs").press_sequentially("jkx?")

    expect(page.get_by_label("Search in runs")).to_have_value("jkx?")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_tick_stays_when_rows_of_live_runs_come_again(
    page: Page, live_server: LiveServer, story: Story
) -> None:
    run = build.run(story.owner, story.project, name="live")
    take_session(page, live_server, story.owner)
    page.goto(f"{live_server.url}{RUNS}")
    page.get_by_label("Compare the run run 3").check()

    run.name = "live, renamed"
    run.state = "failed"
    run.ended_at = run.started_at
    run.save()

    expect(page.locator("#runs tbody tr").first).to_contain_text("live, renamed")
    expect(page.get_by_label("Compare the run run 3")).to_be_checked()
    expect(page.locator("[hx-trigger='every 5s']")).to_have_count(0)
