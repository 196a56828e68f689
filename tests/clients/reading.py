"""What a person reads in a real browser after a client has logged."""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, expect

from apps.core.numbers import format_value
from tests.clients.installation import Installation, Seat


def sign_in(page: Page, installation: Installation, seat: Seat) -> None:
    address = (
        installation.url + urlsplit(installation.manage("login_link", "--user", seat.user)).path
    )
    page.goto(address)
    page.get_by_role("main").get_by_role("button").first.click()
    expect(page).not_to_have_url(address)


def shows_figures(page: Page, metric: str, values: Sequence[float]) -> None:
    """The page of a run says where a metric ended, its bounds, and how many points it has."""
    cells = row_of(page.locator(".run-values"), metric).locator("td")
    figures = [text.split()[0] for text in cells.all_inner_texts()]
    bounds = [values[-1], min(values), max(values)]
    assert figures == [*map(format_value, bounds), str(len(values))], metric


def shows_points(page: Page, metric: str, values: Sequence[float]) -> None:
    """The data table of the metric's chart has each of its points."""
    named = page.locator("th", has_text=re.compile(f"^{re.escape(metric)}$"))
    chart = page.locator("figure.chart").filter(has=named)
    column = chart.locator("thead th").all_text_contents().index(metric) + 1
    points = chart.locator(f"tbody tr > :nth-child({column})").all_text_contents()
    assert points == list(map(format_value, values)), metric


def row_of(place: Locator, head: str) -> Locator:
    """The row of a table with exactly this head."""
    row = place.locator("tbody tr").filter(
        has=place.page.get_by_role("rowheader", name=head, exact=True)
    )
    expect(row).to_have_count(1)
    return row


def cell_of(row: Locator, column: str) -> Locator:
    """The cell of a table's row in the column of this name, which a phone shows beside it."""
    return row.locator(f'td[data-label="{column}"]')


def shows_value(cell: Locator, value: float) -> None:
    """The number in a cell is this one, to the digits that its column has: at least three."""
    expect(cell).to_have_text(re.compile(r"\d"))
    shown = re.search(r"-?\d[\d,]*(\.(\d+))?", cell.inner_text())
    assert shown, cell.inner_text()
    decimals = len(shown[2] or "")
    assert decimals >= 3 or abs(value) >= 10, cell.inner_text()
    assert float(shown[0].replace(",", "")) == round(value, decimals)
