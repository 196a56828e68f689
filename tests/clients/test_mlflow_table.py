"""The status table from what an mlflow client logs alone, as people see and move it."""

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser import WIDTHS, watched
from tests.clients.conftest import NewSdk
from tests.clients.reading import cell_of, shows_value, sign_in

pytestmark = pytest.mark.slow


def test_a_table_of_golden_sets_and_labels_that_mlflow_reads_back(
    sdk: NewSdk, page: Page, browser: Browser
) -> None:
    # The client of MLflow 2 cannot log a metric for a model and a data set.
    client = sdk("mlflow-3")
    installation = client.installation
    seat = installation.seat("curator")
    logged = client.run("mlflow_model", seat).answer
    sign_in(page, installation, seat)
    signed_in = page.context.storage_state()
    address = f"{installation.url}/{seat.team}/models/{logged['name']}"

    promoted = 0
    for has_scripts in (True, False):
        for width in WIDTHS:
            promoted = promoted % 2 + 1
            context = browser.new_context(
                java_script_enabled=has_scripts,
                viewport={"width": width, "height": 900},
                storage_state=signed_in,
            )
            shown = context.new_page()
            with watched(shown):
                shown.goto(address)
                shows_what_was_logged(shown, logged["accuracy"])
                promote(shown, promoted, f"Seen at {width} px.")
            context.close()
            holder = client.run("mlflow_holder", seat, logged["name"], "production").answer
            assert holder["version"] == str(promoted)
            assert "production" in holder["aliases"]


def shows_what_was_logged(page: Page, accuracies: list[float]) -> None:
    """Two golden-set columns with the metrics, the alias and the stage as labels, all of it within
    the width of the window."""
    heads = [text.strip() for text in page.locator("#versions thead th").all_text_contents()]
    assert [head for head in heads if head.endswith("@ iris-150")] == [
        "Accuracy @ iris-150",
        "Error @ iris-150",
    ]
    for number, accuracy in enumerate(accuracies, 1):
        row = row_of_version(page, number)
        shows_value(cell_of(row, "Accuracy @ iris-150"), accuracy)
        shows_value(cell_of(row, "Error @ iris-150"), 1 - accuracy)
    assert "staging" in row_of_version(page, 1).inner_text()
    assert "champion" in row_of_version(page, 2).inner_text()
    widest = page.evaluate("document.documentElement.scrollWidth")
    assert widest <= page.viewport_size["width"]  # type: ignore[index]


def promote(page: Page, number: int, reason: str) -> None:
    page.get_by_role("link", name=f"Promote version {number}", exact=True).click()
    page.get_by_role("radio", name="production").check()
    page.get_by_label("Reason").fill(reason)
    page.get_by_role("button", name=f"Promote version {number}").click()
    expect(page.get_by_text(f"v{number} holds production now")).to_be_visible()


def row_of_version(page: Page, number: int) -> Locator:
    link = page.locator(f'a[href$="/versions/{number}"]')
    row = page.locator("#versions tbody tr").filter(has=link)
    expect(row).to_have_count(1)
    return row
