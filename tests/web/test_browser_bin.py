"""Into the bin and back in a real browser: with scripts and without, at both widths, for axe."""

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from apps.bin.services.deletion import delete_run
from apps.runs.models import Run
from tests import build
from tests.bin.builders import World, silent, world
from tests.browser import AxeCheck, each_is_sound_and_fits
from tests.web.test_browser_site import take_session

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# What people call things, at its worst: long, right to left, and not in any alphabet.
NAMES = ("x" * 200, "تجربة التعلم العميق بلا نهاية", "run 🚀🔥 that went wrong 🧪")


@pytest.fixture
def place(db: None) -> World:
    return world()


@pytest.fixture(params=["with scripts", "without"])
def visitor(request: pytest.FixtureRequest, browser: Browser, page: Page) -> Page:
    """A browser that runs scripts, and one that does not."""
    if request.param == "with scripts":
        return page
    return browser.new_context(java_script_enabled=False).new_page()


def test_a_slip_is_taken_back(visitor: Page, live_server: LiveServer, place: World) -> None:
    run = silent(place.trained)
    take_session(visitor, live_server, place.admin)
    visitor.goto(f"{live_server.url}/main/digits/runs/{run.key}")
    visitor.get_by_role("link", name="Delete…").click()
    visitor.get_by_label("Reason").fill("diverged")
    visitor.get_by_role("button", name="Put it into the bin").click()
    expect(visitor.get_by_text("training is in the bin.")).to_be_visible()

    visitor.get_by_role("button", name="Undo").click()
    expect(visitor.get_by_text("training is back, as it was.")).to_be_visible()
    expect(visitor.get_by_role("heading", name="training")).to_be_visible()
    assert Run.objects.filter(pk=run.pk).exists()


def test_ticked_runs_are_deleted_together_and_taken_back(
    visitor: Page, live_server: LiveServer, place: World
) -> None:
    runs = [silent(place.trained), silent(build.run(place.admin, place.project, name="sweep"))]
    take_session(visitor, live_server, place.admin)
    visitor.goto(f"{live_server.url}/main/digits/runs")
    for run in runs:
        visitor.get_by_label(f"Compare the run {run.name}").check()
    visitor.get_by_role("button", name="Delete…").click()
    expect(visitor.get_by_role("heading", name="Delete these 2 runs?")).to_be_visible()
    visitor.get_by_label("Reason").fill("wrong seed")
    visitor.get_by_role("button", name="Put them into the bin").click()
    expect(visitor.get_by_text("2 runs are in the bin.")).to_be_visible()

    visitor.get_by_role("button", name="Undo").click()
    expect(visitor.get_by_text("2 runs are back.")).to_be_visible()
    assert Run.objects.filter(pk__in=[run.pk for run in runs]).count() == 2


def test_what_goes_with_it_and_the_way_through_the_bin(
    visitor: Page, live_server: LiveServer, place: World
) -> None:
    take_session(visitor, live_server, place.admin)
    visitor.goto(f"{live_server.url}/main/models/Digits/versions/1")
    visitor.get_by_role("link", name="Delete…").click()
    expect(visitor.get_by_text("1 version holds a status label")).to_be_visible()
    visitor.get_by_label("Reason").fill("leaks")
    visitor.get_by_label("I have read what goes with it").check()
    visitor.get_by_role("button", name="Put it into the bin").click()
    expect(visitor.get_by_text("Digits v1 is in the bin.")).to_be_visible()

    visitor.goto(f"{live_server.url}/main/models")
    visitor.get_by_role("link", name="Bin").click()
    row = visitor.get_by_role("row").filter(has_text="Digits v1")
    expect(row).to_contain_text("leaks")
    row.get_by_role("link", name="Delete for good").click()
    expect(visitor.get_by_text("This cannot be undone.")).to_be_visible()
    visitor.get_by_role("link", name="Leave it in the bin").click()
    row.get_by_role("button", name="Restore").click()
    expect(visitor.get_by_text("Digits v1 is back, as it was.")).to_be_visible()


def test_a_crowded_bin_is_sound_and_fits(
    page: Page, live_server: LiveServer, place: World, axe: AxeCheck
) -> None:
    allowed = place.access(place.admin)
    for name in NAMES:
        run = silent(build.run(place.table.editor, place.project, name=name))
        delete_run(run=run, access=allowed, reason=name * 3)
    take_session(page, live_server, place.admin)
    purge = f"/main/digits/bin/run-{run.pk}/purge"
    long_run = build.run(place.table.editor, place.project, name="y" * 200)
    ask = f"/main/digits/runs/{long_run.key}/delete"
    addresses = ["/main/bin", "/main/digits/bin", purge, ask, "/main/digits/delete"]
    each_is_sound_and_fits(page, live_server, addresses, axe)
