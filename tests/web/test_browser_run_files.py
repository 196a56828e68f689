"""What clients log, in a real browser: from a run to its pictures, tables, figures and code.

Once with scripts and once without, by the same steps and through the same links.
"""

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from apps.projects.access import Access
from apps.runs.alerts import raise_alert
from apps.runs.choices import AlertLevel
from apps.runs.models import Run
from apps.runs.services import log_points
from apps.series.services import Batch, ObjectValue
from tests import build
from tests.browser import AxeCheck, each_is_sound_and_fits
from tests.web.test_browser_site import take_session
from tests.web.test_files import png
from tests.web.test_run_files import keep

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Story = Callable[[Page, LiveServer, Run], None]
TABLE = "media/table/preds.table.json"
FIGURE = "media/plotly/fig.plotly.json"
EVIL = '<script>document.title = "hacked"</script><img src=x onerror="document.title=\'hacked\'">'


@pytest.fixture
def table() -> build.Table:
    return build.table()


@pytest.fixture
def allowed(table: build.Table) -> Access:
    return build.access(table.editor, project=table.project)


@pytest.fixture
def run(table: build.Table, allowed: Access) -> Run:
    """A run with one of everything that a client can log, hostile words among it."""
    machine = {"os": "Linux", "host": "h" * 100, "args": ["x" * 200]}
    config = {"lr": 0.1, "_wandb": {"e": {"w": machine}, "visualize": {EVIL: {}}}}
    run = build.run(table.editor, table.project, name="logged", config=config)
    cells = [
        [{"_type": "image-file", "path": f"media/{n % 3}.png"}, n, EVIL, "word " * 100]
        for n in range(60)
    ]
    files = {
        TABLE: json.dumps({"columns": ["image", "score", EVIL, "text"], "data": cells}).encode(),
        FIGURE: json.dumps(
            {
                "data": [{"type": "scatter", "x": [1, 2, 3], "y": [3, 1, 2], "name": EVIL}],
                "layout": {"title": "Loss", "images": [{"source": "https://evil.example/x.png"}]},
            }
        ).encode(),
        "media/html/page.html": EVIL.encode(),
        "diff.patch": b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+" + b"new " * 100,
        "requirements.txt": b"numpy==2.0\n",
        "code/train.py": b"print()\n",
    }
    keep(run, allowed, files | {f"media/{n}.png": png() for n in range(3)})
    objects = {
        "preds": {"_type": "table-file", "path": TABLE, "nrows": 60, "ncols": 4},
        "fig": {"_type": "plotly-file", "path": FIGURE},
        "page": {"_type": "html-file", "path": "media/html/page.html"},
        "pics": {"_type": "images/separated", "filenames": [f"media/{n}.png" for n in range(3)]},
    }
    log_points(
        run=run,
        objects=[ObjectValue(key, 1, 1.0, value) for key, value in objects.items()],
        batches=[Batch("loss", [0, 1], [1.0, 2.0], [2.0, 1.0])],
        access=allowed,
    )
    raise_alert(run=run, access=allowed, title=EVIL, text="t" * 300, level=AlertLevel.ERROR)
    return run


def address(server: LiveServer, run: Run) -> str:
    return f"{server.url}/main/digits/runs/{run.key}"


def read_what_was_logged(page: Page, server: LiveServer, run: Run) -> None:
    # From the objects to a table; by a column, to the second page.
    page.goto(address(server, run))
    parts = page.get_by_role("navigation", name="Parts of the run")
    parts.get_by_role("link", name="Objects").click()
    expect(page.locator(".thumb img")).to_have_count(3)
    page.get_by_role("link", name="preds.table.json").click()
    rows = page.locator("#grid tbody tr")
    expect(rows).to_have_count(50)
    for order in ("2", "-2"):
        page.get_by_role("link", name="score").click()
        # Before the answer the link still asks for the former order.
        expect(page).to_have_url(re.compile(rf"\?sort={order}$"))
    expect(rows.first.locator("td").nth(1)).to_have_text("59")
    page.get_by_role("link", name="Next").click()
    expect(rows).to_have_count(10)
    expect(rows.first.locator("td").nth(1)).to_have_text("9")

    # A long text opens; a picture leads to its file, and the file back to its folder.
    rows.first.locator("details").first.click()
    expect(rows.first.locator("details .whole").first).to_be_visible()
    rows.first.locator(".thumb").click()
    expect(page.locator(".picture img")).to_be_visible()
    page.get_by_role("link", name="media/").click()
    expect(page.locator("#files")).to_contain_text("0.png")
    expect(page.locator("#files .folders")).to_contain_text("media")

    # The code.
    parts.get_by_role("link", name="Code").click()
    expect(page.locator(".line.is-removed")).to_have_text("-old")
    expect(page.get_by_text("numpy==2.0")).to_be_visible()
    assert page.title() != "hacked"


def test_with_scripts(page: Page, live_server: LiveServer, table: build.Table, run: Run) -> None:
    take_session(page, live_server, table.viewer)
    read_what_was_logged(page, live_server, run)


def test_without_scripts(
    bare_page: Page, live_server: LiveServer, table: build.Table, run: Run
) -> None:
    take_session(bare_page, live_server, table.viewer)
    read_what_was_logged(bare_page, live_server, run)
    bare_page.goto(f"{address(live_server, run)}/view/{FIGURE}")
    expect(bare_page.get_by_text("A browser draws this figure with scripts")).to_be_visible()
    bare_page.get_by_text("Data table").click()
    expect(bare_page.locator(".chart-data tbody tr")).to_have_count(3)


def test_the_open_part_is_in_sight_on_a_phone(
    page: Page, live_server: LiveServer, table: build.Table, run: Run
) -> None:
    take_session(page, live_server, table.viewer)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{address(live_server, run)}?show=console")
    parts = page.get_by_role("navigation", name="Parts of the run")
    expect(parts.get_by_role("link", name="Console")).to_be_in_viewport(ratio=1)
    expect(parts.get_by_role("link", name="Curves")).not_to_be_in_viewport(ratio=1)


def test_a_figure_is_drawn_and_loads_nothing(
    page: Page, live_server: LiveServer, table: build.Table, run: Run
) -> None:
    take_session(page, live_server, table.viewer)
    page.goto(f"{address(live_server, run)}/view/{FIGURE}")
    expect(page.locator("#figure-live .main-svg").first).to_be_visible()
    expect(page.locator("#figure .chart-drawn")).to_be_hidden()
    # `page` fails on any request that leaves the site.
    assert page.title() != "hacked"


def test_what_mlflow_prints_leads_to_the_run(
    page: Page, live_server: LiveServer, table: build.Table, run: Run
) -> None:
    take_session(page, live_server, table.viewer)
    page.goto(f"{live_server.url}/#/experiments/{table.project.pk}/runs/{run.key}")
    expect(page).to_have_url(address(live_server, run))
    page.goto(f"{live_server.url}/#/models/nothing")
    expect(page.get_by_text("There is nothing at this address")).to_be_visible()


def test_every_part_is_sound_and_fits(
    page: Page,
    live_server: LiveServer,
    table: build.Table,
    run: Run,
    axe: AxeCheck,
) -> None:
    take_session(page, live_server, table.curator)
    below = f"/main/digits/runs/{run.key}"
    addresses = [
        *(below, f"{below}?show=objects", f"{below}?show=files", f"{below}?show=code"),
        *(f"{below}/view/{TABLE}", f"{below}/view/{FIGURE}", f"{below}/view/media/0.png"),
        *(f"{below}/view/diff.patch", "/words", "/main/digits"),
    ]
    each_is_sound_and_fits(page, live_server, addresses, axe)
