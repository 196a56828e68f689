"""A real browser for the tests that need one, and what every page shown in it must keep.

Chromium is found, not downloaded. Without one the tests are skipped with the reason; with
REQUIRE_BROWSER=1 (as `.ci/run` sets) they fail.
"""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect
from pytest_django.live_server_helper import LiveServer

# A busy machine is slow, not wrong: what a page shows in the end is what counts.
expect.set_options(timeout=30_000)

NAMES = ("chromium", "chromium-browser", "google-chrome")
WIDTHS = (1440, 390)
# Where the server of the tests listens.
OWN_HOSTS = ("localhost", "127.0.0.1")


def find_chromium() -> str | None:
    """CHROMIUM_PATH, or the first of the usual names on the PATH."""
    if given := os.environ.get("CHROMIUM_PATH"):
        return shutil.which(given)
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """How pytest-playwright starts the browser of its `page` and `context` fixtures."""
    path = find_chromium()
    if path is None:
        message = "no Chromium: install it, or set CHROMIUM_PATH"
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(message)
        pytest.skip(message)
    args = ["--disable-gpu", "--disable-dev-shm-usage"]
    # Chromium's own sandbox does not work for root.
    return {"executable_path": path, "args": args + ["--no-sandbox"] * (os.geteuid() == 0)}


@pytest.fixture
def page(page: Page) -> Iterator[Page]:
    """A page that fails its test when it complains."""
    with watched(page):
        yield page


@contextmanager
def watched(page: Page) -> Iterator[None]:
    """Fail when a script breaks, the content policy is violated, or a request leaves the site."""
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text or "Content-Security-Policy" in message.text:
            complaints.append(message.text)

    def follow(request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in ("http", "https") and address.hostname not in OWN_HOSTS:
            complaints.append(f"a request to {request.url}")

    page.on("console", listen)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", follow)
    yield
    assert complaints == []


class AxeCheck:
    """Fails with a readable list of what axe finds on a page."""

    # The rules about colours. A scheme changes nothing else, as tests/web/test_contrast.py holds.
    COLOURS = {"runOnly": ["color-contrast", "link-in-text-block"]}

    def __call__(self, page: Page) -> None:
        """In the scheme that the page has."""
        # What a click has brought may still be on its way: its address is there before its end.
        page.wait_for_load_state()
        page.evaluate(AXE_SCRIPT)
        self._run(page, {})

    def in_both_schemes(self, page: Page) -> None:
        """All rules in the light, those about colours in the dark; in the end it is light again."""
        # Without motion, so that no colour is caught on its way from one to the other.
        page.emulate_media(color_scheme="light", reduced_motion="reduce")
        self(page)
        page.emulate_media(color_scheme="dark")
        # Whoever listens for the change is told before the next frame: charts are drawn anew.
        page.evaluate("new Promise(requestAnimationFrame)")
        self._run(page, self.COLOURS)
        page.emulate_media(color_scheme="light")

    def _run(self, page: Page, options: dict[str, Any]) -> None:
        wanted = {"resultTypes": ["violations"], **options}
        results = AxeResults(page.evaluate("wanted => axe.run(wanted)", wanted))
        assert results.violations_count == 0, results.generate_report()


@pytest.fixture(scope="session")
def axe() -> AxeCheck:
    return AxeCheck()


@pytest.fixture
def bare_page(browser: Browser) -> Iterator[Page]:
    """A browser without scripts."""
    yield from _without_scripts(browser)


@pytest.fixture
def bare_phone(browser: Browser) -> Iterator[Page]:
    """A browser without scripts, as wide as a phone."""
    yield from _without_scripts(browser, viewport={"width": 390, "height": 800})


def _without_scripts(browser: Browser, **options: Any) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=False, **options)
    page = context.new_page()
    with watched(page):
        yield page
    context.close()


# Words that stand in a subtitle by themselves begin where it is cut off (css/base.css).
CUT_WORDS = """[...document.querySelectorAll(".subtitle")].flatMap(one => [...one.childNodes])
    .filter(node => node.nodeType === Node.TEXT_NODE).map(node => node.data.trim()).join("")"""


def each_is_sound_and_fits(
    page: Page, server: LiveServer, addresses: Iterable[str], axe: AxeCheck
) -> None:
    """Wide and narrow, light and dark: axe finds nothing, no page is too wide, no words cut."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for address in addresses:
            page.goto(server.url + address)
            axe.in_both_schemes(page)
            widest = page.evaluate("document.documentElement.scrollWidth")
            assert widest <= width, (address, width, widest)
            assert page.evaluate(CUT_WORDS) == "", address
