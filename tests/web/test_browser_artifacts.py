"""Stored things in a real browser: from the list down to a line, and a golden set's leaderboard.

Once with scripts and once without, by the same steps and through the same links and forms.
"""

import re
from collections.abc import Callable
from io import BytesIO

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from apps.artifacts.models import Version
from apps.artifacts.services import FileSpec, begin_artifact, note_use, seal_artifact
from apps.content.services import store
from tests import build
from tests.browser import AxeCheck, each_is_sound_and_fits
from tests.web.test_browser_site import take_session
from tests.web.test_files import png

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Story = Callable[[Page, LiveServer], None]
LIST = "/main/digits/artifacts"


def logged(table: build.Table, files: dict[str, bytes]) -> Version:
    """The next version of a data set with these files."""
    access = build.access(table.editor, project=table.project)
    specs = []
    for path, data in files.items():
        blob = store(owner_id=table.project.pk, stream=BytesIO(data), max_bytes=10**6)
        specs.append(FileSpec(path, digest=blob.digest))
    shelf = build.collection(table.editor, table.project, "letters", type="dataset")
    artifact = begin_artifact(type="dataset", files=specs, metadata={"a": {"b": 1}}, access=access)
    return seal_artifact(artifact=artifact, collection=shelf, access=access)


@pytest.fixture
def table() -> build.Table:
    """A scored model, and a data set of two versions that a run used."""
    table = build.table((0.5, 0.3))
    pictures = {f"images/{n:03}.png": png() for n in range(120)}
    logged(table, {"notes/read me.txt": b"one\ntwo\n", **pictures})
    data = logged(table, {"notes/read me.txt": b"one\nthree\n", **pictures})
    run = build.run(table.editor, table.project, name="training")
    access = build.access(table.editor, project=table.project)
    note_use(run=run, artifact=data.artifact, access=access)
    return table


def read_a_data_set(page: Page, server: LiveServer) -> None:
    # From the list to the newest version.
    page.goto(f"{server.url}{LIST}")
    page.get_by_role("link", name="letters").click()
    page.locator("#versions").get_by_role("link", name="v2").click()

    # Into a folder, to its second page, to a picture.
    page.get_by_role("link", name="images/").click()
    expect(page).to_have_url(re.compile(r"\?folder=images"))
    page.get_by_role("link", name="Next").click()
    page.get_by_role("link", name="119.png").first.click()
    expect(page.locator(".picture img")).to_be_visible()
    # Without scripts a page cannot be asked how large the picture is, but whether it is there.
    expect(page.get_by_role("heading", name="119.png")).to_be_visible()

    # Back to the version, and to what changed since the first.
    page.get_by_role("navigation", name="Breadcrumbs").get_by_role("link", name="v2").click()
    page.get_by_role("link", name="Changes").click()
    expect(page.get_by_role("heading", name="Changes from v1 to v2")).to_be_visible()
    page.get_by_role("link", name="Lines of notes/read me.txt that differ").click()
    expect(page.locator(".lines .is-removed")).to_have_text("-two")
    expect(page.locator(".lines .is-added")).to_have_text("+three")

    # Who used it: one step along the lineage, and back.
    page.get_by_role("navigation", name="Breadcrumbs").get_by_role("link", name="v2").click()
    page.get_by_role("link", name="Walk the graph").click()
    page.locator("svg.lineage a", has_text="training").click()
    expect(page.get_by_text("Used", exact=True)).to_be_visible()
    expect(page.locator("svg.lineage .is-current")).to_contain_text("training")


def use_it_as_golden_set(page: Page, server: LiveServer) -> None:
    page.goto(f"{server.url}{LIST}/dataset/letters/v2")
    page.get_by_role("link", name="Use as golden set…").click()
    page.get_by_label("Title").fill("Letters")
    page.get_by_role("button", name="Use as golden set").click()
    expect(page.get_by_text("Letters is a golden set now.")).to_be_visible()
    expect(page.get_by_text("Nothing was measured on it yet")).to_be_visible()

    # Another has a leaderboard.
    page.get_by_role("link", name="Golden sets").click()
    page.get_by_role("link", name="10k", exact=True).click()
    rows = page.locator(".board tbody tr")
    expect(rows).to_have_count(1)
    page.get_by_role("link", name="Every version").click()
    expect(rows).to_have_count(2)
    expect(page).to_have_url(re.compile(r"\?models=all"))
    expect(rows.first).to_contain_text("v2")

    # Retired, and brought back at once.
    page.get_by_role("link", name="Edit…").click()
    page.get_by_label("Reason").fill("It leaked.")
    page.get_by_role("button", name="Retire it").click()
    expect(page.get_by_text("10k is retired.")).to_be_visible()
    page.get_by_role("button", name="Undo").first.click()
    expect(page.get_by_text("10k is in use again.")).to_be_visible()


@pytest.mark.parametrize("story", [read_a_data_set, use_it_as_golden_set])
def test_with_scripts(
    page: Page, live_server: LiveServer, table: build.Table, story: Story
) -> None:
    take_session(page, live_server, table.curator)
    story(page, live_server)


@pytest.mark.parametrize("story", [read_a_data_set, use_it_as_golden_set])
def test_without_scripts(
    bare_page: Page, live_server: LiveServer, table: build.Table, story: Story
) -> None:
    take_session(bare_page, live_server, table.curator)
    story(bare_page, live_server)


def test_files_are_found_while_one_types(
    page: Page, live_server: LiveServer, table: build.Table
) -> None:
    take_session(page, live_server, table.viewer)
    page.goto(f"{live_server.url}{LIST}/dataset/letters/v2")
    page.get_by_label("Find a file").press_sequentially("read")
    expect(page.locator("#files .path")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"\?find=read$"))
    expect(page.get_by_label("Find a file")).to_be_focused()


def test_a_picture_is_drawn_and_the_lineage_opens_at_its_centre(
    page: Page, live_server: LiveServer, table: build.Table
) -> None:
    take_session(page, live_server, table.viewer)
    page.goto(f"{live_server.url}{LIST}/dataset/letters/v2/view/images/001.png")
    assert page.locator(".picture img").evaluate("image => image.naturalWidth") == 2

    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(f"{live_server.url}{LIST}/dataset/letters/v2/lineage")
    expect(page.locator("svg.lineage .is-current")).to_be_in_viewport(ratio=0.9)


def test_every_page_is_sound_and_fits(
    page: Page, live_server: LiveServer, table: build.Table, axe: AxeCheck
) -> None:
    take_session(page, live_server, table.curator)
    data = f"{LIST}/dataset/letters"
    addresses = [
        *(LIST, data, f"{data}/v2", f"{data}/v2?folder=images", f"{data}/v2/golden-set"),
        *(f"{data}/v2/view/notes/read%20me.txt", f"{data}/v2/view/images/001.png"),
        *(f"{data}/v2/diff", f"{data}/v2/diff?file=notes/read%20me.txt", f"{data}/v2/lineage"),
        *("/main/golden-sets", "/main/golden-sets/digits-10k", "/main/artifacts"),
        *("/main/golden-sets/digits-10k?models=all", "/main/settings/golden-sets/digits-10k"),
    ]
    each_is_sound_and_fits(page, live_server, addresses, axe)
