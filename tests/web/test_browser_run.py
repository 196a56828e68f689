"""The page of a run in a real browser: live charts that keep what a person did, and no scripts."""

import time

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from apps.projects.access import Access
from apps.runs.models import Run
from apps.runs.services import Line, finish_run, log_console, log_points
from apps.series.choices import SeriesKind
from apps.series.services import Batch, ObjectValue
from tests import build
from tests.browser import AxeCheck
from tests.web.test_browser_site import take_session

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def table() -> build.Table:
    return build.table()


@pytest.fixture
def allowed(table: build.Table) -> Access:
    return build.access(table.editor, project=table.project)


@pytest.fixture
def run(table: build.Table, allowed: Access) -> Run:
    """A live run that logs everything there is, under names that do not end."""
    name = "ein-sehr-langer-Name-" * 10
    run = build.run(table.editor, table.project, name=name, config={"a" * 80: {"b": "c" * 200}})
    log(run, allowed, [2.0, 1.5, 1.0])
    cpu = Batch("system/cpu", [0, 1], [1.0, 2.0], [40, 50])
    log_points(run=run, batches=[cpu], kind=SeriesKind.SYSTEM, access=allowed)
    histogram = {"_type": "histogram", "values": [1, 2, 1], "bins": [0, 1, 2, 3]}
    log_points(run=run, objects=[ObjectValue("gradients/" * 20, 1, 1.0, histogram)], access=allowed)
    lines = [Line(number, f"line {number} of the output") for number in range(300)]
    log_console(run=run, lines=lines, access=allowed)
    return run


def log(run: Run, allowed: Access, values: list[float], first: int = 0) -> None:
    steps = list(range(first, first + len(values)))
    batches = [
        Batch(key, steps, [1.0 + step for step in steps], values)
        for key in ("train/loss", "layer/norm")
    ]
    log_points(run=run, batches=batches, access=allowed)


def address(server: LiveServer, run: Run) -> str:
    return f"{server.url}/main/digits/runs/{run.key}"


def test_live_charts_stay_as_they_were_put(
    page: Page, live_server: LiveServer, table: build.Table, run: Run, allowed: Access
) -> None:
    take_session(page, live_server, table.viewer)
    page.goto(address(live_server, run))
    chart = page.locator("#curve-1")
    expect(chart.locator(".chart-live .main-svg").first).to_be_visible()
    chart.get_by_text("Data table").click()
    page.evaluate("document.querySelector('#curve-1-live').seen = true")
    page.evaluate("document.querySelector('#console-lines').scrollTop = -200")

    log(run, allowed, [0.25], first=3)

    expect(page.locator("#live .run-values")).to_contain_text("0.25")
    # The same drawing with a point more, not a new one; what was open or scrolled still is.
    assert page.evaluate("document.querySelector('#curve-1-live').seen") is True
    expect(chart.locator(".chart-live .main-svg").first).to_be_visible()
    expect(chart.locator(".chart-drawn")).to_be_hidden()
    expect(chart.locator(".chart-data")).to_have_attribute("open", "")
    assert page.evaluate("document.querySelector('#console-lines').scrollTop") == -200
    page.wait_for_function("() => document.querySelector('#curve-1-live').data[0].x.length === 4")

    finish_run(run=run, access=allowed)
    expect(page.locator("#state .pill")).to_have_text("finished")
    expect(page.locator("#live[hx-trigger]")).to_have_count(0)
    chart.scroll_into_view_if_needed()
    expect(page.locator("#curve-1-live .main-svg").first).to_be_visible()


def test_a_quiet_run_is_asked_less_often(
    page: Page, live_server: LiveServer, table: build.Table, run: Run
) -> None:
    take_session(page, live_server, table.viewer)
    page.clock.install()
    page.goto(address(live_server, run))
    page.clock.pause_at(time.time() + 60)
    asked: list[str] = []
    page.on(
        "request", lambda request: asked.append(request.url) if "seen=" in request.url else None
    )

    for _ in range(30):
        page.clock.run_for(1000)
        expect(page.locator("#live.htmx-request")).to_have_count(0)

    # Each second at first, then each other one: about 20 times, and never just 10.
    assert 15 <= len(asked) <= 25


def test_curves_are_drawn_otherwise_and_found(
    page: Page, live_server: LiveServer, table: build.Table, run: Run
) -> None:
    take_session(page, live_server, table.viewer)
    page.goto(address(live_server, run))
    page.evaluate("window.stayed = true")
    page.get_by_role("group", name="x axis").get_by_role("link", name="Relative").click()
    expect(page).to_have_url(f"{address(live_server, run)}?x=relative")
    page.get_by_label("Metrics").fill("norm")
    page.get_by_role("button", name="Find", exact=True).click()
    expect(page.locator(".chart")).to_have_count(1)
    expect(page.locator("#curve-1 h2")).to_have_text("layer/norm")
    expect(page.locator("#curve-1-live .main-svg").first).to_be_visible()
    expect(page).to_have_url(f"{address(live_server, run)}?metric=norm&x=relative")
    assert page.evaluate("window.stayed") is True


def test_everything_without_scripts(
    bare_page: Page, live_server: LiveServer, table: build.Table, run: Run
) -> None:
    take_session(bare_page, live_server, table.viewer)
    bare_page.goto(address(live_server, run))
    expect(bare_page.locator(".chart-drawn svg:visible").first).to_be_visible()
    bare_page.get_by_role("group", name="Smoothing").get_by_role(
        "link", name="0.9", exact=True
    ).click()
    expect(bare_page.locator("#curve-1 desc").first).to_contain_text("smoothed by 0.9")
    bare_page.get_by_label("Metrics").fill("norm")
    bare_page.get_by_role("button", name="Find", exact=True).click()
    expect(bare_page.locator(".chart")).to_have_count(1)
    tabs = bare_page.get_by_role("navigation", name="Parts of the run")
    tabs.get_by_role("link", name="System").click()
    expect(bare_page.locator("#curve-1 h2")).to_have_text("system/cpu")
    tabs.get_by_role("link", name="Objects").click()
    expect(bare_page.get_by_text("4 values in 3 bins from 0 to 3")).to_be_visible()
    tabs.get_by_role("link", name="Console").click()
    bare_page.get_by_label("Lines").fill("line 29 of")
    bare_page.get_by_role("button", name="Find", exact=True).click()
    expect(bare_page.locator("#console")).to_contain_text("line 29 of the output")
    expect(bare_page.locator("#console")).to_contain_text("1 line with these words")


def test_every_part_is_sound_and_fits(
    page: Page,
    live_server: LiveServer,
    table: build.Table,
    run: Run,
    axe: AxeCheck,
) -> None:
    take_session(page, live_server, table.viewer)
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for query in ("", "?show=system", "?show=objects", "?show=console", "?metric=nothing"):
            page.goto(address(live_server, run) + query)
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            axe.in_both_schemes(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (query, width)
