"""Cards, notes, activity and settings in a real browser: with scripts, without, for axe."""

import re

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from apps.accounts.choices import Role
from apps.accounts.models import Membership, User
from apps.artifacts.cards import write_card
from apps.artifacts.models import ModelCard
from apps.evaluations.models import MetricDefinition
from apps.projects.services import set_project_role
from apps.registry.models import StatusLabel
from apps.registry.services.promotion import promote_version
from tests import build
from tests.browser import AxeCheck, each_is_sound_and_fits
from tests.web.test_browser_site import take_session

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

MODEL = "/main/digits/models/candidates"
CARD = f"{MODEL}/versions/1/card"
TEXT = """# Use
Reads **digits**, not `letters`. هذا نص 🎉

| Metric | A very long name of a column that is wide | Value |
|---|---|---:|
| loss | x | 0.0999 |

```
a long line of code that goes on and on and on and on and on and on and on and on and on and on
```
"""


@pytest.fixture
def table() -> build.Table:
    table = build.table()
    allowed = build.access(table.curator, project=table.project)
    promote_version(version=table.versions[0], label="production", reason="First.", access=allowed)
    card = write_card(version=table.versions[0], text=TEXT, access=allowed, seen=None)
    assert card is not None
    write_card(version=table.versions[0], text=f"{TEXT}\nMore.", access=allowed, seen=card.pk)
    return table


@pytest.fixture
def admin(table: build.Table) -> User:
    admin = build.user("chief", role=Role.ADMIN)
    long_name = build.user("x" * 60, role=Role.VIEWER)
    allowed = build.access(admin, project=table.project)
    set_project_role(user=long_name, role=Role.EDITOR, access=allowed)
    build.api_key(admin)
    return admin


def test_every_page_is_sound_and_fits(
    page: Page,
    live_server: LiveServer,
    table: build.Table,
    admin: User,
    axe: AxeCheck,
) -> None:
    run = build.run(table.editor, table.project, name="name " * 40)
    metric = MetricDefinition.objects.get(name="loss")
    take_session(page, live_server, admin)
    addresses = [f"{MODEL}/versions/1", CARD, f"{CARD}/history", f"{MODEL}/notes"]
    addresses += ["/main/digits/notes", f"/main/digits/runs/{run.key}/notes"]
    addresses += ["/main/activity", "/main/activity?what=people&since=2000-01-01"]
    addresses += ["/main/activity?since=x", "/main/digits/settings", f"{MODEL}/columns"]
    settings = ["", "/members", "/members/chief", "/labels", "/labels/staging/edit"]
    settings += ["/metrics", f"/metrics/{metric.pk}", "/keys"]
    addresses += [f"/main/settings{part}" for part in settings]
    each_is_sound_and_fits(page, live_server, addresses, axe)


def test_a_card_is_previewed_in_place_and_saved(
    page: Page, live_server: LiveServer, table: build.Table
) -> None:
    take_session(page, live_server, table.editor)
    page.goto(f"{live_server.url}{MODEL}/versions/2")
    page.get_by_role("link", name="Write a model card…").click()
    expect(page.get_by_label("Text")).to_have_value(re.compile("## Intended use"))
    page.get_by_label("Text").fill("## Why\n\nIt is **best**. ![x](https://evil.example/x.png)")
    page.get_by_role("button", name="Preview").click()
    preview = page.locator("#preview")
    expect(preview.get_by_role("heading", name="Why")).to_be_visible()
    expect(preview.get_by_role("link", name="x")).to_be_visible()
    expect(page.get_by_label("Text")).to_have_value(re.compile("## Why"))
    page.get_by_role("button", name="Save").click()
    expect(page).to_have_url(f"{live_server.url}{MODEL}/versions/2")
    expect(page.get_by_text("It is best.")).to_be_visible()


def test_without_scripts_a_card_is_written_and_its_edits_are_read(
    bare_phone: Page, live_server: LiveServer, table: build.Table
) -> None:
    page = bare_phone
    take_session(page, live_server, table.editor)
    page.goto(f"{live_server.url}{CARD}")
    page.get_by_label("Text").fill("Short.")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview")).to_contain_text("Short.")
    assert ModelCard.objects.count() == 2
    page.get_by_role("button", name="Save").click()
    expect(page).to_have_url(f"{live_server.url}{MODEL}/versions/1")
    page.get_by_role("link", name="Earlier texts").click()
    expect(page.locator(".diff .is-added").first).to_have_text("+Short.")


def test_activity_is_narrowed_in_place_and_followed(
    page: Page, live_server: LiveServer, table: build.Table
) -> None:
    take_session(page, live_server, table.viewer)
    page.goto(f"{live_server.url}/main/activity")
    page.get_by_label("Kind").select_option("labels")
    page.get_by_role("button", name="Find").click()
    expect(page).to_have_url(re.compile("what=labels"))
    expect(page.locator(".timeline > li")).to_have_count(1)
    page.get_by_role("link", name="candidates:v1").click()
    expect(page).to_have_url(f"{live_server.url}{MODEL}/versions/1")


def test_without_scripts_a_person_is_added_and_comes_in(
    bare_phone: Page, live_server: LiveServer, admin: User
) -> None:
    page = bare_phone
    take_session(page, live_server, admin)
    page.goto(f"{live_server.url}/main/settings/members")
    page.get_by_label("User name").fill("eve")
    page.get_by_label("editor: logs").check()
    page.get_by_role("button", name="Add to the team").click()
    link = page.locator(".code code").inner_text()
    assert Membership.objects.get(user__username="eve").role == Role.EDITOR
    page.context.clear_cookies()
    page.goto(live_server.url + link[link.index("/sign-in/") :])
    page.get_by_role("button", name="Sign in as eve").click()
    expect(page.get_by_role("heading", name="Models").first).to_be_visible()


def test_labels_are_ordered_made_and_taken_back(
    page: Page, live_server: LiveServer, table: build.Table
) -> None:
    take_session(page, live_server, table.curator)
    page.goto(f"{live_server.url}/main/settings/labels")
    page.get_by_role("button", name="Move staging up").click()
    expect(page.get_by_role("row").nth(1)).to_contain_text("staging")
    page.get_by_role("link", name="Change… archived").click()
    page.get_by_role("button", name="Delete archived").click()
    expect(page.get_by_role("row", name="archived")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("row", name="archived")).to_have_count(1)
    assert StatusLabel.objects.filter(name="archived").exists()
