"""A chart in a real browser under the site's own content policy: drawn, taken over, private."""

import pytest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template import engines
from django.urls import path
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from apps.web.charts import ChartSpec, Line, Marker, Point, line_chart
from tests.browser import AxeCheck

PAGE = """{% extends "base.html" %}{% block main %}<h1>Charts</h1>
<a href="/" hx-get="/" hx-target="#loss" hx-select="#loss" hx-swap="outerHTML">Again</a>
{% include "components/chart.html" %}{% endblock %}"""


def chart_page(request: HttpRequest) -> HttpResponse:
    losses = [Point(i, 2 / (i + 1), 1.8 / (i + 1), 2.2 / (i + 1), f"v{i}") for i in range(9)]
    spec = ChartSpec(
        "loss",
        "Loss by version",
        [Line("<b>10k</b>", losses), Line("1k", losses, style="dashed", role="muted")],
        x_label="<i>Version</i>",
        y_label="Loss",
        markers=[Marker(3, "<a href='x'>production</a>")],
        log_y=True,
    )
    template = engines["django"].from_string(PAGE)
    return HttpResponse(template.render({"chart": line_chart(spec)}, request))


def failed_page(request: HttpRequest) -> HttpResponse:
    return render(request, "500.html")


urlpatterns = [path("", chart_page), path("failed", failed_page)]
pytestmark = [
    pytest.mark.urls(__name__),
    pytest.mark.django_db(transaction=True),
    pytest.mark.browser,
]


def open_chart(page: Page, url: str) -> None:
    """Open the page and wait for Plotly, which is 1.5 MB to read on a machine that may be busy."""
    page.goto(url)
    expect(page.locator(".chart-live .nsewdrag")).to_be_visible(timeout=30_000)


def test_plotly_takes_over_without_breaking_the_policy(
    page: Page, live_server: LiveServer, axe: AxeCheck
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    open_chart(page, live_server.url)
    page.locator(".chart-live .nsewdrag").hover(position={"x": 300, "y": 120})
    expect(page.locator(".chart-live .hoverlayer text").first).to_be_visible()

    expect(page.locator(".chart-drawn")).to_be_hidden()
    # Names are words there too, and nothing offers to send the data away.
    expect(page.locator(".chart-live .xtitle")).to_have_text("<i>Version</i>")
    expect(page.locator(".chart-live a")).to_have_count(0)
    expect(page.locator(".modebar-btn")).to_have_count(0)
    expect(page.get_by_text("Share chart")).to_have_count(0)
    own = (live_server.url, "blob:", "data:")
    assert [url for url in asked if not url.startswith(own)] == []
    axe(page)


def test_plotly_follows_the_theme(page: Page, live_server: LiveServer) -> None:
    page.emulate_media(color_scheme="light")
    open_chart(page, live_server.url)
    line = page.locator(".chart-live .scatterlayer .js-line").first
    before = line.evaluate("line => getComputedStyle(line).stroke")

    page.emulate_media(color_scheme="dark")
    page.wait_for_function(
        "old => getComputedStyle(document.querySelector('.scatterlayer .js-line')).stroke !== old",
        arg=before,
    )


def test_a_chart_that_htmx_brings_is_taken_over_too(page: Page, live_server: LiveServer) -> None:
    open_chart(page, live_server.url)
    page.evaluate("document.querySelector('#loss').dataset.old = 'yes'")

    page.get_by_text("Again").click()

    expect(page.locator("#loss:not([data-old]) .nsewdrag")).to_be_visible(timeout=30_000)
    expect(page.locator(".chart-live .nsewdrag")).to_have_count(1)


def test_without_scripts_the_drawing_and_the_table_stay(
    browser: Browser, live_server: LiveServer
) -> None:
    for width, drawing in ((390, "narrow"), (800, "medium"), (1440, "wide")):
        context = browser.new_context(
            java_script_enabled=False, viewport={"width": width, "height": 900}
        )
        page = context.new_page()
        page.goto(live_server.url)

        expect(page.locator(".chart-drawn > svg:visible")).to_have_count(1)
        expect(page.locator(f".chart-drawn > .is-{drawing}")).to_be_visible()
        page.get_by_text("Data table").click()
        expect(page.get_by_role("cell", name="0.5 (0.45 – 0.55)").first).to_be_visible()
        context.close()


def test_paper_gets_the_drawing(page: Page, live_server: LiveServer) -> None:
    open_chart(page, live_server.url)

    page.emulate_media(media="print")

    expect(page.locator(".chart-drawn")).to_be_visible()
    expect(page.locator(".chart-live")).to_be_hidden()


def test_the_failure_page_needs_nothing_and_reads_well(
    page: Page, live_server: LiveServer, axe: AxeCheck
) -> None:
    page.goto(f"{live_server.url}/failed")

    expect(page.get_by_role("heading")).to_have_text("Something went wrong here")
    axe(page)
