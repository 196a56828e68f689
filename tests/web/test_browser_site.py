"""The pages of the site in a real browser: with scripts, without, by keyboard, for axe."""

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from apps.accounts.models import User
from apps.accounts.services import create_login_link
from apps.projects.access import Access
from apps.registry.services.promotion import promote_version
from apps.runs.models import Run
from apps.runs.services import Line, finish_run, log_console, log_points
from apps.series.services import Batch
from tests import build
from tests.browser import AxeCheck, each_is_sound_and_fits
from tests.web.visits import PASSWORD, with_password

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def table() -> build.Table:
    table = build.table()
    with_password(table.curator)
    allowed = build.access(table.curator, project=table.project)
    for version, reason in ((table.versions[0], "First."), (table.versions[1], "Better.")):
        promote_version(version=version, label="production", reason=reason, access=allowed)
    return table


@pytest.fixture
def allowed(table: build.Table) -> Access:
    return build.access(table.editor, project=table.project)


@pytest.fixture
def run(table: build.Table, allowed: Access) -> Run:
    """A live run with two curves."""
    run = build.run(table.editor, table.project, name="going on", config={"lr": 0.1})
    log(run, allowed, [2.0, 1.5, 1.0])
    log_console(run=run, lines=[Line(0, "epoch 0 <b>")], access=allowed)
    return run


def log(run: Run, allowed: Access, values: list[float], first: int = 0) -> None:
    steps = list(range(first, first + len(values)))
    times = [1.0] * len(values)
    batches = [Batch(f"{part}/loss", steps, times, values) for part in ("train", "val")]
    log_points(run=run, batches=batches, access=allowed)


def sign_in(page: Page, server: LiveServer, person: User) -> None:
    page.goto(f"{server.url}/sign-in")
    page.get_by_label("User name").fill(person.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Models")).to_be_visible()


def take_session(page: Page, server: LiveServer, person: User) -> None:
    """Signed in without the form, for tests that are about something else."""
    client = Client()
    client.force_login(person)
    name = settings.SESSION_COOKIE_NAME
    value = client.cookies[name].value
    page.context.add_cookies([{"name": name, "value": value, "url": server.url}])


class TestEveryPage:
    def test_is_sound_and_fits(
        self,
        page: Page,
        live_server: LiveServer,
        table: build.Table,
        run: Run,
        axe: AxeCheck,
    ) -> None:
        """axe finds nothing, the content policy is kept, and nothing sticks out sideways."""
        build.api_key(table.curator)
        shelf = build.collection(table.editor, table.project, "train", type="dataset")
        build.version(table.editor, shelf)
        build.version(table.editor, shelf, metadata={"a": {"b": 1}})
        data = "/main/digits/artifacts/dataset/train"
        page.goto(f"{live_server.url}/sign-in")
        axe.in_both_schemes(page)
        take_session(page, live_server, table.curator)
        addresses = [
            "/",
            "/main/models",
            "/projects",
            "/main/digits",
            f"/main/digits/runs/{run.key}",
        ]
        addresses += ["/main/digits/runs", "/main/digits/runs?group=state", "/authorize"]
        addresses += ["/settings", "/settings/keys", "/settings/password"]
        addresses += ["/main/digits/artifacts", "/main/artifacts", data]
        addresses += [f"{data}/v2", f"{data}/v2/diff", f"{data}/v1/view/data.bin"]
        addresses += ["/main/digits/models/candidates/views"]
        addresses += ["/main/bin", "/main/digits/bin"]
        addresses += [f"/main/digits/runs/{run.key}/delete", f"{data}/v2/delete"]
        addresses += ["/search?q=digits", "/?q=zzz", "/main/nowhere"]
        each_is_sound_and_fits(page, live_server, addresses, axe)


class TestSigningIn:
    def test_with_a_password_and_out_again(
        self, page: Page, live_server: LiveServer, table: build.Table
    ) -> None:
        sign_in(page, live_server, table.curator)
        page.get_by_label("Menu of").click()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        page.goto(f"{live_server.url}/projects")
        expect(page).to_have_url(f"{live_server.url}/sign-in?next=%2Fprojects")

    def test_with_a_link_and_no_scripts(
        self, bare_page: Page, live_server: LiveServer, table: build.Table
    ) -> None:
        token = create_login_link(user=table.viewer, actor=build.SYSTEM)
        bare_page.goto(f"{live_server.url}/sign-in/{token}")
        bare_page.get_by_role("button", name=f"Sign in as {table.viewer.username}").click()
        expect(bare_page.get_by_role("heading", name="Models")).to_be_visible()


class TestKeys:
    def test_one_is_made_copied_and_revoked(
        self, page: Page, live_server: LiveServer, table: build.Table
    ) -> None:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        take_session(page, live_server, table.curator)
        page.goto(f"{live_server.url}/settings/keys")
        page.get_by_label("Name").fill("laptop")
        page.get_by_role("button", name="Make the key").click()
        expect(page.locator("#secret")).to_be_visible()
        page.wait_for_load_state()  # only a script copies
        page.get_by_role("button", name="Copy the key").click()
        page.wait_for_function("async () => await navigator.clipboard.readText() !== ''")
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied.startswith("ms-")
        expect(page.locator("#secret")).to_contain_text(f"WANDB_API_KEY={copied}")
        page.get_by_role("link", name="Revoke… laptop").click()
        page.get_by_role("button", name="Revoke the key").click()
        expect(page.get_by_role("status")).to_contain_text("is revoked")
        expect(page.get_by_text("No key yet")).to_be_visible()


class TestFindingModels:
    def test_while_one_types(self, page: Page, live_server: LiveServer, table: build.Table) -> None:
        build.collection(table.editor, table.project, "cifar")
        take_session(page, live_server, table.viewer)
        page.goto(live_server.url)
        page.get_by_label("Find a model").press_sequentially("cif")
        expect(page.get_by_role("link", name="candidates")).to_have_count(2)  # the moves below
        expect(page.locator("#models").get_by_role("link", name="candidates")).to_have_count(0)
        expect(page).to_have_url(f"{live_server.url}/?q=cif")
        expect(page.get_by_label("Find a model")).to_be_focused()

    def test_without_scripts(
        self, bare_page: Page, live_server: LiveServer, table: build.Table
    ) -> None:
        build.collection(table.editor, table.project, "cifar")
        take_session(bare_page, live_server, table.viewer)
        bare_page.goto(live_server.url)
        bare_page.get_by_label("Find a model").fill("cif")
        bare_page.get_by_role("button", name="Find").click()
        expect(bare_page.locator("#models").get_by_role("link", name="cifar")).to_be_visible()
        expect(bare_page.locator("#models").get_by_role("link", name="candidates")).to_have_count(0)


class TestRuns:
    def test_a_live_one_is_followed_to_its_end(
        self, page: Page, live_server: LiveServer, table: build.Table, run: Run, allowed: Access
    ) -> None:
        take_session(page, live_server, table.viewer)
        page.goto(f"{live_server.url}/main/digits/runs/{run.key}")
        values = page.get_by_role("row", name="train/loss")
        expect(values).to_contain_text("3")
        log(run, allowed, [0.25], first=3)
        expect(values).to_contain_text("0.25", timeout=30_000)
        finish_run(run=run, access=allowed)
        expect(page.locator("#state .pill")).to_have_text("finished", timeout=30_000)
        expect(page.locator("#live[hx-trigger]")).to_have_count(0)

    def test_without_scripts_curves_and_console_are_there(
        self, bare_page: Page, live_server: LiveServer, table: build.Table, run: Run
    ) -> None:
        take_session(bare_page, live_server, table.viewer)
        bare_page.goto(f"{live_server.url}/main/digits/runs/{run.key}")
        expect(bare_page.locator(".chart-drawn svg:visible").first).to_be_visible()
        expect(bare_page.locator("#console")).to_contain_text("epoch 0 <b>")


class TestTheme:
    def test_the_choice_holds(
        self, page: Page, live_server: LiveServer, table: build.Table
    ) -> None:
        take_session(page, live_server, table.viewer)
        page.goto(f"{live_server.url}/settings")
        main = page.get_by_role("main")
        with page.expect_response("**/settings/theme"):
            main.get_by_role("button", name="Dark").click()
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        page.reload()
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")

    def test_without_scripts(
        self, bare_page: Page, live_server: LiveServer, table: build.Table
    ) -> None:
        take_session(bare_page, live_server, table.viewer)
        bare_page.goto(f"{live_server.url}/settings")
        bare_page.get_by_role("main").get_by_role("button", name="Light").click()
        expect(bare_page).to_have_url(f"{live_server.url}/settings")
        expect(bare_page.locator("html")).to_have_attribute("data-theme", "light")
