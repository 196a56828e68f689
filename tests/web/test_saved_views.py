"""Saved views of a table: what an address shows, the menu, and the forms behind it."""

import html
import re
from typing import Any

import pytest
from django.test import Client

from apps.accounts.choices import Role
from apps.accounts.models import User
from apps.evaluations.services import mark_golden_set
from apps.registry.choices import Sharing
from apps.registry.models import SavedView
from apps.registry.services.views import save_view, set_default_view
from tests import build
from tests.web.visits import browser, text_of

pytestmark = pytest.mark.django_db

MODEL = "/main/digits/models/candidates"
BEST = "sort=loss@10k"


@pytest.fixture
def table() -> build.Table:
    """Three versions with the losses 0.5, 0.3 and 0.4."""
    return build.table()


def save(
    person: User,
    table: build.Table,
    name: str = "Best first",
    state: str = BEST,
    sharing: Sharing = Sharing.TEAM,
) -> SavedView:
    access = build.access(person, project=table.project)
    viewed = table.collection
    return save_view(viewed=viewed, name=name, state=state, sharing=sharing, access=access)


def make_default(table: build.Table, view: SavedView) -> None:
    access = build.access(table.curator, project=table.project)
    set_default_view(viewed=table.collection, view=view, access=access)


def numbers(page: str) -> list[int]:
    """The versions in the table, from the top."""
    return [int(number) for number in re.findall(r'name="v" value="(\d+)"', page)]


def menu(page: str) -> str:
    """What the button of the menu says."""
    found = re.search(r'<details class="menu views".*?<summary[^>]*>(.*?)</summary>', page, re.S)
    assert found is not None
    return " ".join(re.sub(r"<[^>]+>", " ", found[1]).split())


def post(client: Client, address: str, **fields: str) -> str:
    return text_of(client.post(address, fields, follow=True))


class TestWhatAnAddressShows:
    def test_a_view_by_its_number(self, table: build.Table) -> None:
        view = save(table.editor, table)
        page = text_of(browser(table.viewer).get(f"{MODEL}?view={view.pk}"))
        assert numbers(page) == [2, 3, 1]
        assert menu(page) == "View: Best first"

    def test_its_links_keep_what_it_is(self, table: build.Table) -> None:
        view = save(table.editor, table)
        page = text_of(browser(table.viewer).get(f"{MODEL}?view={view.pk}"))
        assert f'href="{MODEL}?sort=-loss@10k&amp;view={view.pk}"' in page
        assert f'<input type="hidden" name="view" value="{view.pk}">' in page

    def test_another_state_of_it_says_that_it_was_changed(self, table: build.Table) -> None:
        view = save(table.editor, table)
        client = browser(table.viewer)
        page = text_of(client.get(f"{MODEL}?sort=-loss@10k&view={view.pk}"))
        assert menu(page) == "View: Best first changed"
        page = text_of(client.get(f"{MODEL}?{BEST}&view={view.pk}"))
        assert menu(page) == "View: Best first"

    def test_the_bare_address_shows_the_default(self, table: build.Table) -> None:
        view = save(table.editor, table)
        client = browser(table.viewer)
        assert numbers(text_of(client.get(MODEL))) == [3, 2, 1]
        make_default(table, view)
        page = text_of(client.get(MODEL))
        assert numbers(page) == [2, 3, 1]
        assert menu(page) == "View: Best first"

    def test_no_view_can_be_asked_for(self, table: build.Table) -> None:
        make_default(table, save(table.editor, table))
        page = text_of(browser(table.viewer).get(f"{MODEL}?view=none"))
        assert numbers(page) == [3, 2, 1]
        assert menu(page) == "Views"

    def test_without_a_filter_a_default_with_one_is_left(self, table: build.Table) -> None:
        """The way back to all versions must not lead to the default, which has a filter."""
        make_default(table, save(table.editor, table, state="filter=version = 1"))
        client = browser(table.viewer)
        page = text_of(client.get(MODEL))
        assert numbers(page) == [1]
        everything = re.search(r'href="([^"]+)"[^>]*>Show all versions', page)
        assert everything is not None
        assert numbers(text_of(client.get(html.unescape(everything[1])))) == [3, 2, 1]

    def test_a_state_by_itself_is_no_view(self, table: build.Table) -> None:
        make_default(table, save(table.editor, table))
        page = text_of(browser(table.viewer).get(f"{MODEL}?q=first"))
        assert menu(page) == "Views"

    def test_a_csv_of_a_view_has_its_rows(self, table: build.Table) -> None:
        view = save(table.editor, table, state="filter=version = 1")
        answer = browser(table.viewer).get(f"{MODEL}/table.csv?view={view.pk}")
        assert b"".join(answer).decode().count("\n") == 2

    @pytest.mark.parametrize(
        ("word", "status"), [("x", 400), ("-1", 400), ("999999", 404), ("²", 400), ("9" * 99, 404)]
    )
    def test_a_view_that_is_none_is_refused(
        self, table: build.Table, word: str, status: int
    ) -> None:
        assert browser(table.viewer).get(MODEL, {"view": word}).status_code == status

    def test_somebody_elses_own_is_not_there(self, table: build.Table) -> None:
        view = save(table.editor, table, sharing=Sharing.PRIVATE)
        client = browser(table.curator)
        assert client.get(f"{MODEL}?view={view.pk}").status_code == 404
        assert "Best first" not in text_of(client.get(MODEL))
        assert "Best first" not in text_of(client.get(f"{MODEL}/views"))

    def test_columns_that_are_gone_are_left_out(self, table: build.Table) -> None:
        view = save(table.editor, table, state="columns=gone@10k,loss@10k")
        answer = browser(table.viewer).get(f"{MODEL}?view={view.pk}")
        assert answer.status_code == 200
        assert "gone@10k" not in text_of(answer)

    def test_the_queries_do_not_grow(
        self, table: build.Table, django_assert_num_queries: Any
    ) -> None:
        client = browser(table.viewer)
        view = save(table.editor, table)
        client.get(f"{MODEL}?view={view.pk}")
        with django_assert_num_queries(19):
            client.get(f"{MODEL}?view={view.pk}")
        for number in range(9):
            save(table.editor, table, f"view {number}")
        with django_assert_num_queries(19):
            client.get(f"{MODEL}?view={view.pk}")


class TestKeeping:
    def test_a_reader_keeps_what_is_shown(self, table: build.Table) -> None:
        client = browser(table.viewer)
        shown = text_of(client.get(f"{MODEL}?{BEST}"))
        state = re.search(r'name="state" value="([^"]*)"', shown)
        assert state is not None

        page = post(client, f"{MODEL}/views", name="Mine", state=html.unescape(state[1]))

        assert menu(page) == "View: Mine"
        assert numbers(page) == [2, 3, 1]
        assert "“Mine” is saved." in page

    def test_a_viewer_is_not_offered_to_share_and_may_not(self, table: build.Table) -> None:
        client = browser(table.viewer)
        assert 'name="sharing"' not in text_of(client.get(MODEL))
        fields = {"name": "x", "state": "", "sharing": "team"}
        assert client.post(f"{MODEL}/views", fields).status_code == 403

    def test_a_taken_name_is_said_so(self, table: build.Table) -> None:
        save(table.editor, table, "Taken", sharing=Sharing.PRIVATE)
        answer = browser(table.editor).post(f"{MODEL}/views", {"name": "taken", "state": ""})
        assert answer.status_code == 409
        assert "You have a view" in text_of(answer)

    @pytest.mark.parametrize(
        "fields",
        [
            {},
            {"name": ""},
            {"name": "x" * 65},
            {"name": "x", "state": "size=7"},
            {"name": "x", "state": "columns=nothing"},
            {"name": "x", "state": "filter=%00"},
            {"name": "x", "sharing": "everybody"},
        ],
    )
    def test_what_makes_no_sense_is_refused_in_words(
        self, table: build.Table, fields: dict[str, str]
    ) -> None:
        answer = browser(table.editor).post(f"{MODEL}/views", fields)
        assert answer.status_code == 400
        assert 'role="alert"' in text_of(answer)
        assert not SavedView.objects.exists()


class TestChanging:
    def test_the_changes_are_kept(self, table: build.Table) -> None:
        view = save(table.editor, table)
        client = browser(table.editor)
        address = f"{MODEL}/views/{view.pk}"
        page = text_of(client.get(f"{MODEL}?sort=-loss@10k&view={view.pk}"))
        assert "Save the changes to “Best first”" in page

        page = post(client, address, do="keep", state="sort=-loss@10k", next=f"{MODEL}?view=none")

        assert numbers(text_of(client.get(f"{MODEL}?view={view.pk}"))) == [1, 3, 2]
        assert "is saved." in page

    def test_whoever_may_not_is_not_offered_to(self, table: build.Table) -> None:
        view = save(table.editor, table)
        other = build.user(role=Role.EDITOR)
        client = browser(other)
        assert "Save the changes" not in text_of(client.get(f"{MODEL}?q=x&view={view.pk}"))
        for do in ("keep", "rename", "share", "unshare", "default", "delete"):
            fields = {"do": do, "name": "x"}
            assert client.post(f"{MODEL}/views/{view.pk}", fields).status_code == 403

    def test_it_becomes_the_default_and_is_no_longer(self, table: build.Table) -> None:
        view = save(table.editor, table)
        client = browser(table.curator)
        post(client, f"{MODEL}/views/{view.pk}", do="default")
        assert numbers(text_of(client.get(MODEL))) == [2, 3, 1]
        post(client, f"{MODEL}/views/{view.pk}", do="undefault")
        assert numbers(text_of(client.get(MODEL))) == [3, 2, 1]

    def test_it_is_shared_and_taken_back(self, table: build.Table) -> None:
        view = save(table.editor, table, sharing=Sharing.PRIVATE)
        client, other = browser(table.editor), browser(table.viewer)
        post(client, f"{MODEL}/views/{view.pk}", do="share")
        assert other.get(f"{MODEL}?view={view.pk}").status_code == 200
        post(client, f"{MODEL}/views/{view.pk}", do="unshare")
        assert other.get(f"{MODEL}?view={view.pk}").status_code == 404

    @pytest.mark.parametrize(
        ("fields", "there"),
        [
            ({"do": "rename", "name": "other"}, ("Best first", BEST, "team")),
            ({"do": "keep", "state": "q=x"}, ("Best first", BEST, "team")),
            ({"do": "unshare"}, ("Best first", BEST, "team")),
            ({"do": "delete"}, ("Best first", BEST, "team")),
        ],
    )
    def test_each_can_be_undone(
        self, table: build.Table, fields: dict[str, str], there: tuple[str, str, str]
    ) -> None:
        view = save(table.editor, table)
        client = browser(table.editor)
        page = post(client, f"{MODEL}/views/{view.pk}", **fields)
        assert facts() != there

        form = page[page.index("<form", page.index('id="messages"')) :]
        form = form[: form.index("</form>")]
        action = re.search(r'action="([^"]+)"', form)
        assert action is not None
        sent = re.findall(r'name="(\w+)" value="([^"]*)"', form)
        post(client, action[1], **{name: html.unescape(value) for name, value in sent})

        assert facts() == there

    @pytest.mark.parametrize("do", ["", "explode"])
    def test_a_form_that_says_nothing_is_refused(self, table: build.Table, do: str) -> None:
        view = save(table.editor, table)
        answer = browser(table.editor).post(f"{MODEL}/views/{view.pk}", {"do": do})
        assert answer.status_code == 400

    def test_it_leads_nowhere_else(self, table: build.Table) -> None:
        view = save(table.editor, table)
        fields = {"do": "rename", "name": "x", "next": "https://evil.example/"}
        answer = browser(table.editor).post(f"{MODEL}/views/{view.pk}", fields)
        assert answer["Location"] == f"{MODEL}/views"


class TestThePageOfViews:
    def test_names_them_with_whose_they_are(self, table: build.Table) -> None:
        save(table.editor, table, "<b>Team's")
        save(table.viewer, table, "Mine", sharing=Sharing.PRIVATE)
        page = text_of(browser(table.viewer).get(f"{MODEL}/views"))
        assert "&lt;b&gt;Team&#x27;s" in page
        assert f"<bdi>{table.editor.username}</bdi>" in page
        assert page.index("The team’s") < page.index("Only yours")

    def test_an_empty_one_says_how(self, table: build.Table) -> None:
        assert "No view yet" in text_of(browser(table.viewer).get(f"{MODEL}/views"))

    def test_an_archived_project_offers_nothing(self, table: build.Table) -> None:
        save(table.editor, table)
        table.project.archived_at = table.project.created_at
        table.project.save()
        page = text_of(browser(table.editor).get(MODEL))
        assert menu(page) == "Views"
        assert "Save this view" not in page


class TestViewsOfRuns:
    RUNS = "/main/digits/runs"
    VIEWS = "/main/digits/views"

    @pytest.fixture
    def runs(self, table: build.Table) -> build.Table:
        for name in ("beta", "alpha", "gamma"):
            build.run(table.editor, table.project, name=name)
        return table

    @staticmethod
    def names(page: str) -> list[str]:
        table = page[page.index("<tbody") : page.index("</tbody>")]
        return re.findall(r">(alpha|beta|gamma)<", table)

    def test_one_is_kept_shown_and_made_the_default(self, runs: build.Table) -> None:
        client = browser(runs.curator)
        fields = {"name": "Live", "state": "q=alpha", "sharing": "team"}
        page = post(client, self.VIEWS, **fields)
        assert menu(page) == "View: Live"
        assert self.names(page) == ["alpha"]

        view = SavedView.objects.get()
        assert view.project == runs.project
        post(client, f"{self.VIEWS}/{view.pk}", do="default")

        other = browser(runs.viewer)
        assert self.names(text_of(other.get(self.RUNS))) == ["alpha"]
        assert len(self.names(text_of(other.get(f"{self.RUNS}?view=none")))) == 3
        assert b"".join(other.get("/main/digits/runs.csv")).count(b"alpha") == 1

    def test_a_poll_for_news_keeps_to_the_view(self, runs: build.Table) -> None:
        client = browser(runs.curator)
        fields = {"name": "Live", "state": "q=alpha", "sharing": "team"}
        post(client, self.VIEWS, **fields)
        pk = SavedView.objects.get().pk
        page = text_of(client.get(f"{self.RUNS}?view={pk}&seen=old"))
        assert menu(page) == "View: Live"
        assert self.names(page) == ["alpha"]

    @pytest.mark.parametrize("state", ["size=7", "q=%00"])
    def test_what_makes_no_sense_is_refused(self, runs: build.Table, state: str) -> None:
        answer = browser(runs.viewer).post(self.VIEWS, {"name": "x", "state": state})
        assert answer.status_code == 400
        assert not SavedView.objects.exists()

    def test_a_viewer_shares_nothing(self, runs: build.Table) -> None:
        fields = {"name": "x", "state": "", "sharing": "team"}
        assert browser(runs.viewer).post(self.VIEWS, fields).status_code == 403

    def test_of_a_hidden_project_there_are_none(self, runs: build.Table) -> None:
        owner = build.user("owner", role=Role.ADMIN)
        build.project(owner, "secret", private=True)
        assert browser(runs.curator).get("/main/secret/views").status_code == 404


def facts() -> tuple[str, str, str] | None:
    view = SavedView.objects.first()
    return (view.name, view.state, str(view.sharing)) if view else None


class TestColumnsThatAreHidden:
    """A curator sees a column of a golden set in a private project; the viewer does not."""

    STATE = "columns=loss@10k,loss@hush&sort=loss@hush"

    @pytest.fixture
    def view(self, table: build.Table) -> SavedView:
        admin = build.user(role=Role.ADMIN)
        secret = build.project(admin, "secret", private=True)
        data = build.version(admin, build.collection(admin, secret, "data")).artifact
        golden_set = mark_golden_set(
            name="hush", title="hush", artifact=data, access=build.access(admin)
        )
        build.result(admin, table.versions[0].artifact, 0.7, on=golden_set)
        view = save(admin, table, name="With all", state=self.STATE)
        access = build.access(admin, project=table.project)
        set_default_view(viewed=table.collection, view=view, access=access)
        return view

    @pytest.mark.parametrize("address", [MODEL, f"{MODEL}/views"])
    def test_they_are_named_nowhere(
        self, table: build.Table, view: SavedView, address: str
    ) -> None:
        answer = browser(table.viewer).get(address)
        assert answer.status_code == 200
        assert "hush" not in text_of(answer)
        assert "hush" in text_of(browser(view.owner).get(address))

    def test_nor_in_the_export_of_the_activity(self, table: build.Table, view: SavedView) -> None:
        def export(person: User) -> str:
            answer = browser(person).get("/main/activity/export.csv")
            return b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]

        assert "hush" not in export(table.viewer)
        assert view.owner is not None
        assert "columns=loss@10k,loss@hush" in export(view.owner)
