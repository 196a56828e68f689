"""The main job in a real browser: read, sort, promote, see it in the history, roll back.

Once with scripts and once without, by the same steps and through the same links and forms. Then
what every page must keep at every width: axe finds nothing, nothing scrolls sideways, and no
policy is violated (the `page` fixture looks for that).
"""

import re

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from apps.accounts.models import User
from tests import build
from tests.browser import AxeCheck
from tests.registry.builders import Story, make_story
from tests.web.visits import PASSWORD, with_password

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

MODEL = "/main/digits/models/mnist_model_candidates"


@pytest.fixture
def story() -> Story:
    """Eleven versions; v9 held production before v10, which is not the best."""
    story = make_story()
    for number in range(1, 9):
        story.version({"loss@10k": (1 / number, 0.01), "loss@1k": (0.9 / number, 0.03)})
    story.promote(story.version({"loss@10k": (0.3, 0.01)}), reason="First below 0.35.")
    story.promote(
        story.version({"loss@10k": (0.2, 0.01), "loss@1k": (0.25, 0.03)}), reason="Best on both."
    )
    story.version({"loss@10k": (0.08, 0.01)})
    with_password(story.curator)
    return story


def take_session(page: Page, server: LiveServer, person: User) -> None:
    """Signed in without the form, for tests that are about something else."""
    client = Client()
    client.force_login(person)
    name = settings.SESSION_COOKIE_NAME
    page.context.add_cookies(
        [{"name": name, "value": client.cookies[name].value, "url": server.url}]
    )


def first_version(page: Page) -> str:
    return page.locator("#versions tbody tr").first.locator("td").nth(1).inner_text()


def do_the_main_job(page: Page, server: LiveServer) -> None:
    # Sign in, and find what is in production.
    page.goto(f"{server.url}/sign-in")
    page.get_by_label("User name").fill("main_curator")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="mnist_model_candidates", exact=True).first.click()
    card = page.locator(".card", has_text="production").first
    expect(card).to_contain_text("Version 10")
    expect(card).to_contain_text("Best on both.")

    # Sort by Loss @ 10k: the address says so.
    page.locator("#versions thead").get_by_role("link", name="Loss @ 10k").click()
    expect(page.locator("#versions th[aria-sort=ascending]")).to_contain_text("Loss @ 10k")
    expect(page).to_have_url(re.compile(r"\?sort=loss@10k$"))
    assert first_version(page) == "11"

    # Promote the best with a reason.
    page.get_by_role("link", name="Promote version 11", exact=True).click()
    expect(page.get_by_text("v11 becomes production, v10 loses it.")).to_be_visible()
    page.get_by_label("Reason").fill("Less than half the loss of v10.")
    page.get_by_role("button", name="Promote version 11").click()
    expect(page.get_by_text("v11 holds production now; v10 has lost it.")).to_be_visible()
    expect(page.locator(".card", has_text="production").first).to_contain_text("Version 11")

    # See it in the history.
    page.locator(".message").get_by_role("link", name="History").click()
    row = page.locator("#history tbody tr").first
    expect(row).to_contain_text("v11")
    expect(row).to_contain_text("Less than half the loss of v10.")
    expect(page.locator("#history tbody tr")).to_have_count(3)

    # Open the version, and roll back from there.
    row.get_by_role("link", name="v11").click()
    page.get_by_role("link", name="Roll back production…").click()
    expect(page.get_by_text("v10 becomes production again, v11 loses it.")).to_be_visible()
    page.get_by_label("Reason").fill("It fails on sevens.")
    page.get_by_role("button", name="Roll back to version 10").click()
    expect(page.get_by_text("v10 holds production now; v11 has lost it.")).to_be_visible()
    expect(page.locator(".card", has_text="production").first).to_contain_text(
        "It fails on sevens."
    )


def test_the_main_job_with_scripts(page: Page, live_server: LiveServer, story: Story) -> None:
    do_the_main_job(page, live_server)


def test_the_main_job_without_scripts(
    bare_page: Page, live_server: LiveServer, story: Story
) -> None:
    do_the_main_job(bare_page, live_server)


def test_htmx_swaps_the_table_and_keeps_the_page(
    page: Page, live_server: LiveServer, story: Story
) -> None:
    take_session(page, live_server, story.curator)
    page.goto(f"{live_server.url}{MODEL}")
    page.evaluate("window.stayed = true")
    shown = page.locator("#versions .panel-foot")
    expect(shown).to_contain_text("1–10 of 11")

    page.get_by_role("link", name="Next ›").click()
    expect(shown).to_contain_text("11–11 of 11")
    page.get_by_role("link", name="‹ Previous").click()
    expect(shown).to_contain_text("1–10 of 11")
    page.get_by_label("Filter").fill('status = "production" or loss@10k < 0.15')
    page.get_by_role("button", name="Find").click()
    expect(page.locator("#versions tbody tr")).to_have_count(4)
    page.locator("#versions thead").get_by_role("link", name="Loss @ 10k").click()
    expect(page.locator("#versions th[aria-sort=ascending]")).to_be_visible()

    assert page.evaluate("window.stayed") is True
    state = page.url
    assert "filter=" in state
    assert state.endswith("&sort=loss@10k")
    # The links of the chart carry the new state, and the address shows the same to anybody.
    expect(page.locator("#scale a").first).to_have_attribute(
        "href", re.compile(r"sort=loss@10k&scale=log$")
    )
    table = page.locator("#versions tbody").inner_text()
    page.goto(state)
    assert page.locator("#versions tbody").inner_text() == table

    page.get_by_label("Filter").fill("loss@10k <")
    page.get_by_role("button", name="Find").click()
    expect(page.locator("#filter-note")).to_contain_text("expected a value after <")


def test_going_back_shows_the_former_state(
    page: Page, live_server: LiveServer, story: Story
) -> None:
    take_session(page, live_server, story.viewer)
    page.goto(f"{live_server.url}{MODEL}")
    page.locator("#versions thead").get_by_role("link", name="Loss @ 10k").click()
    expect(page.locator("#versions th[aria-sort=ascending]")).to_be_visible()

    page.go_back()

    expect(page.locator("#versions th[aria-sort=ascending]")).to_have_count(0)
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_ticked_versions_are_compared(page: Page, live_server: LiveServer, story: Story) -> None:
    take_session(page, live_server, story.viewer)
    page.goto(f"{live_server.url}{MODEL}")
    page.get_by_label("Compare version 11").check()
    page.get_by_label("Compare version 9", exact=True).check()
    button = page.get_by_role("button", name="Compare")
    expect(button).to_contain_text("2")

    button.click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Compare versions")
    expect(page.locator(".comparison thead")).to_contain_text("v11")
    expect(page.locator(".comparison thead")).to_contain_text("v9")


def test_axe_finds_nothing(
    page: Page, live_server: LiveServer, story: Story, axe: AxeCheck
) -> None:
    take_session(page, live_server, story.curator)
    page.emulate_media(reduced_motion="reduce")

    for path in (
        MODEL,
        f"{MODEL}?filter=nonsense",
        f"{MODEL}/versions/10",
        f"{MODEL}/versions/11/promote",
        f"{MODEL}/labels/production/rollback",
        f"{MODEL}/versions/10/labels/production/remove",
        f"{MODEL}/history",
        f"{MODEL}/history?show=events",
        f"{MODEL}/columns",
        f"{MODEL}/compare?v=9&v=10",
    ):
        page.goto(f"{live_server.url}{path}")
        axe.in_both_schemes(page)


def test_nothing_scrolls_sideways_on_a_phone(
    page: Page, live_server: LiveServer, story: Story
) -> None:
    take_session(page, live_server, story.curator)
    page.set_viewport_size({"width": 390, "height": 844})
    story.model.title = "Ein-sehr-langer-Titel-ohne-Leerzeichen-" * 5
    story.model.save()

    for path in (
        "",
        "?columns=loss@1k,loss@10k&size=100",
        "/versions/10",
        "/versions/11/promote",
        "/versions/11/promote?label=production",
        "/versions/10/labels/production/remove",
        "/labels/production/rollback",
        "/history",
        "/columns",
        "/compare?v=9&v=10",
        "/compare?v=4&v=5&v=6&v=7&v=8&v=9&v=10",
    ):
        page.goto(f"{live_server.url}{MODEL}{path}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path


def test_menus_fit_on_a_phone(page: Page, live_server: LiveServer, story: Story) -> None:
    take_session(page, live_server, story.curator)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{live_server.url}{MODEL}")

    for name in ("Status", "Columns", "Help"):
        page.locator(".toolbar summary", has_text=name).click()
        body = page.locator(".toolbar .menu[open] .menu-body")
        box = body.bounding_box()
        assert box is not None
        assert (box["x"] >= 0, box["x"] + box["width"] <= 390) == (True, True), name
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
        page.keyboard.press("Escape")


def test_many_columns_scroll_in_their_own_box(
    page: Page, live_server: LiveServer, story: Story
) -> None:
    metrics = ("accuracy", "f1", "auc", "ece_loss", "latency")
    version = story.model.versions.get(number=10)
    story.score(version, {f"{metric}@{one}": 0.5 for metric in metrics for one in ("10k", "1k")})
    take_session(page, live_server, story.viewer)
    page.set_viewport_size({"width": 1280, "height": 900})

    page.goto(f"{live_server.url}{MODEL}")

    assert page.evaluate("document.documentElement.scrollWidth") == 1280
    box = page.locator("#versions .table-scroll")
    assert box.evaluate("box => box.scrollWidth > box.clientWidth")


def test_paper_has_the_whole_table(page: Page, live_server: LiveServer, story: Story) -> None:
    """On A4 with its margins, with four score columns, names that stay words, and no controls."""
    numbers = {"loss@10k": (0.07, 0.01), "loss@1k": (0.08, 0.01)}
    story.version(numbers | {"accuracy@10k": (0.971, 0.005), "accuracy@1k": (0.985, 0.004)})
    take_session(page, live_server, story.curator)
    page.set_viewport_size({"width": 703, "height": 1000})
    page.emulate_media(media="print")
    for address in (MODEL, "/"):
        page.goto(f"{live_server.url}{address}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 703, address
        rows = page.locator(".table tbody tr")
        heights = rows.evaluate_all("rows => rows.map(row => row.offsetHeight)")
        assert 0 < max(heights) < 90, address
        expect(page.locator(".topbar")).to_be_hidden()


def test_paper_cuts_nothing_off(page: Page, live_server: LiveServer, story: Story) -> None:
    """What is wide wraps between words; many items stand across the paper."""
    story.promote(story.version({"loss@10k": (0.07, 0.01)}), reason="As it was before. " * 20)
    config = {f"optimizer.group_{number}": "adam with warmup" for number in range(7)}
    build.run(story.editor, story.project, name="a run with long settings", config=config)
    take_session(page, live_server, story.curator)
    page.emulate_media(media="print")
    columns = "&".join(f"columns=config.{name}" for name in config)
    many = "&".join(f"v={number}" for number in range(1, 13))
    for address, width in (
        (f"{MODEL}/history", 703),
        (f"/main/digits/runs?{columns}", 703),
        (f"{MODEL}/compare?{many}", 1046),
    ):
        page.set_viewport_size({"width": width, "height": 1000})
        page.goto(f"{live_server.url}{address}")
        expect(page.locator(".table tbody tr").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
