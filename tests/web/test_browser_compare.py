"""Comparing in a real browser: settings, scores, examples and curves, with scripts and without."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from apps.evaluations.services import mark_golden_set
from apps.runs.models import Run
from apps.runs.services import RunDescription, finish_run, log_points, start_run
from apps.series.services import Batch
from tests import build
from tests.browser import AxeCheck, each_is_sound_and_fits
from tests.web.test_browser_site import take_session
from tests.web.test_compare_examples import answer
from tests.web.test_files import holding, png

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Story = Callable[[Page, LiveServer], None]
MODEL = "/main/digits/models/candidates"
EXAMPLES = 30


def trained(table: build.Table, number: int, *, name: str = "") -> Run:
    access = build.access(table.editor, project=table.project)
    config = {"lr": 0.1 / number, "batch": 8 * number, "layers": 2}
    run = start_run(description=RunDescription(name=name, config=config), access=access)
    steps = [0, 1, 2, 3]
    losses = [1.0 / (number + step) for step in steps]
    times = [100.0 * number + step for step in steps]
    log_points(run=run, access=access, batches=[Batch("val/loss", steps, times, losses)])
    finish_run(run=run, access=access)
    return run


@pytest.fixture
def table() -> build.Table:
    """Three trained versions with answers on a golden set with pictures, and a run."""
    table = build.table(())
    golden_set = mark_golden_set(
        name="pictured",
        title="pictured",
        artifact=holding(table, {f"images/e{n}.png": png() for n in range(EXAMPLES)}).artifact,
        access=build.access(table.curator, project=table.project),
    )
    right, wrong = ["7"] * EXAMPLES, ["1"] * (EXAMPLES - 1) + ["7"]
    for number, said in enumerate((right, wrong, right), 1):
        version = build.version(
            table.editor, table.collection, made_by=trained(table, number, name=f"run {number}")
        )
        answer(table, version, said, on=golden_set)
        build.result(table.editor, version.artifact, 0.5 / number, on=table.golden_set, stderr=0.01)
    trained(table, 4, name="by itself")
    return table


def compare(page: Page, server: LiveServer) -> None:
    # What differs comes first; the rest of the settings on demand.
    page.goto(f"{server.url}{MODEL}/compare?v=1&v=2&v=3")
    expect(page.get_by_text("differences to v1", exact=True)).to_be_visible()
    settings = page.get_by_role("region", name="Settings side by side")
    expect(settings.get_by_role("rowheader")).to_have_text(["batch", "lr"])
    page.get_by_role("link", name="Show all settings").click()
    expect(settings.get_by_role("rowheader")).to_have_text(["batch", "lr", "layers"])

    # Another base, and one item less.
    page.get_by_role("link", name="Make base v2").click()
    expect(page.get_by_text("differences to v2", exact=True)).to_be_visible()
    page.get_by_role("link", name="Remove v3").click()
    expect(page.get_by_text("2 items")).to_be_visible()

    # Against the second version the first has much right, one page after the other.
    examples = page.locator("#examples")
    expect(examples.locator(".outcomes [aria-current]")).to_contain_text("Newly right")
    expect(examples.locator(".cases > li")).to_have_count(24)
    examples.get_by_role("link", name="Next").click()
    expect(examples.locator(".cases > li")).to_have_count(EXAMPLES - 1 - 24)
    expect(page).to_have_url(re.compile("show=newly-right&page=2"))
    examples.get_by_role("link", name="1 Both right").click()
    expect(examples.locator(".cases > li")).to_have_count(1)
    expect(page).to_have_url(re.compile("show=both-right"))
    expect(page.get_by_text("differences to v2", exact=True)).to_be_visible()

    # Curves another way.
    page.get_by_role("link", name="Relative", exact=True).click()
    expect(page).to_have_url(re.compile("x=relative"))
    expect(examples.locator(".outcomes [aria-current]")).to_contain_text("Both right")


def add_a_run(page: Page, server: LiveServer) -> None:
    run = Run.objects.get(name="by itself")
    page.goto(f"{server.url}{MODEL}/compare?v=1")
    expect(page.get_by_text("Nothing to compare yet")).to_be_visible()
    page.get_by_label("Add a version or a run").fill(f"{server.url}/main/digits/runs/{run.key}")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_text("2 items")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/compare\?m=main/digits/candidates/1&r=main/digits/"))

    # Any numbers against each other.
    page.get_by_label("Up").select_option("last.val/loss")
    page.get_by_label("Across").select_option("config.batch")
    page.get_by_role("button", name="Draw", exact=True).click()
    expect(page.get_by_role("heading", name="val/loss by batch")).to_be_visible()


@pytest.mark.parametrize("story", [compare, add_a_run])
def test_with_scripts(
    page: Page, live_server: LiveServer, table: build.Table, story: Story
) -> None:
    take_session(page, live_server, table.viewer)
    story(page, live_server)


@pytest.mark.parametrize("story", [compare, add_a_run])
def test_without_scripts(
    bare_page: Page, live_server: LiveServer, table: build.Table, story: Story
) -> None:
    take_session(bare_page, live_server, table.viewer)
    story(bare_page, live_server)


def test_a_choice_shows_at_once_and_the_share_link_says_so(
    page: Page, live_server: LiveServer, table: build.Table
) -> None:
    take_session(page, live_server, table.viewer)
    page.goto(f"{live_server.url}{MODEL}/compare?v=1&v=2&v=3&base=main/digits/candidates/1")
    # The pictures of the golden set are drawn.
    page.locator("#examples img").first.scroll_into_view_if_needed()
    expect(page.locator("#examples img").first).to_have_js_property("naturalWidth", 2)

    page.locator("#examples").get_by_role("link", name="1 Both right").click()
    expect(page.locator("#examples .case-name")).to_have_text([f"e{EXAMPLES - 1}"])
    page.locator("#examples").get_by_label("v1 against").select_option("v3")

    expect(page).to_have_url(
        re.compile(r"on=accuracy%40pictured&to=main%2Fdigits%2Fcandidates%2F3")
    )
    expect(page.locator("#examples .outcomes [aria-current]")).to_contain_text(
        f"{EXAMPLES} Both right"
    )
    expect(page.locator("[data-copy*='accuracy']")).to_have_count(1)


def test_two_and_twenty_are_sound_and_fit(
    page: Page, live_server: LiveServer, table: build.Table, axe: AxeCheck
) -> None:
    take_session(page, live_server, table.viewer)
    runs = [trained(table, n, name=f"{n} " + "ש🙂" * 50 + "x" * 80) for n in range(1, 18)]
    versions = "".join(f"m=main/digits/candidates/{n}&" for n in (1, 2, 3))
    crowd = versions + "&".join(f"r=main/digits/{run.key}" for run in runs)
    addresses = ("/compare", f"{MODEL}/compare?v=1&v=2", f"/compare?{crowd}&settings=all")
    each_is_sound_and_fits(page, live_server, addresses, axe)


def test_tables_of_many_items_scroll_inside_their_box_on_a_phone(
    page: Page, live_server: LiveServer, table: build.Table
) -> None:
    take_session(page, live_server, table.viewer)
    page.set_viewport_size({"width": 390, "height": 900})
    page.goto(f"{live_server.url}{MODEL}/compare?v=1&v=2&v=3&settings=all")

    for name in ("Settings side by side", "Logged values side by side"):
        box = page.get_by_role("region", name=name)
        assert box.evaluate("box => getComputedStyle(box).overflowY") == "auto"
        key = box.locator("tbody .is-key").first
        assert key.evaluate("key => key.offsetWidth") >= 100
