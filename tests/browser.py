"""A real browser for the tests that need one, and what every page shown in it must keep.

Chromium is found, not downloaded. Without one the tests are skipped with the reason; with
REQUIRE_BROWSER=1 (as `.ci/run` sets) they fail.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect
from pytest_django.live_server_helper import LiveServer

# A busy machine is slow, not wrong: what a page shows in the end is what counts.
expect.set_options(timeout=30_000)

NAMES = ("chromium", "chromium-browser", "google-chrome")
AxeCheck = Callable[[Page], None]
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


@pytest.fixture(scope="session")
def axe() -> AxeCheck:
    """Call with a page: fails with a readable list of what axe finds on it."""
    runner = Axe()

    def check(page: Page) -> None:
        results = runner.run(page)
        assert results.violations_count == 0, results.generate_report()

    return check


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
    """On a screen and on a phone: axe finds nothing, no page scrolls sideways, no words are cut."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for address in addresses:
            page.goto(server.url + address)
            axe(page)
            widest = page.evaluate("document.documentElement.scrollWidth")
            assert widest <= width, (address, width, widest)
            assert page.evaluate(CUT_WORDS) == "", address
