"""Model cards, and the notes of models, projects and runs: written, kept, refused."""

import re
from typing import Any

import pytest
from django.test import Client

from apps.accounts.choices import Role
from apps.artifacts.cards import CardChanged, card_of, cards_of, write_card
from apps.artifacts.models import Collection, ModelCard
from apps.artifacts.services import delete_version
from apps.audit.models import Event
from apps.core.errors import Forbidden, Invalid, NotFound
from apps.projects.services import set_archived
from apps.registry.queries.history import history
from tests import build
from tests.web.visits import browser, text_of

pytestmark = pytest.mark.django_db

MODEL = "/main/digits/models/candidates"
CARD = f"{MODEL}/versions/1/card"


@pytest.fixture
def table() -> build.Table:
    return build.table()


def seen(client: Client, address: str) -> str:
    """The mark in the form, as a browser sends it back."""
    found = re.search(r'name="seen" value="(\w*)"', text_of(client.get(address)))
    assert found is not None
    return found[1]


def save(client: Client, address: str, text: str, **values: str) -> Any:
    data = {"seen": seen(client, address), "do": "save", "text": text, **values}
    return client.post(address, data)


class TestWritingACard:
    def test_it_is_shown_on_the_version(self, table: build.Table) -> None:
        client = browser(table.editor)
        answer = save(client, CARD, "# Use\r\n\r\nFor **digits** <script>x</script>")
        assert answer["Location"] == f"{MODEL}/versions/1"
        page = text_of(client.get(answer["Location"]))
        assert "<h3>Use</h3>" in page
        assert "For <strong>digits</strong> &lt;script&gt;" in page
        assert f"written by {table.editor.username}" in page

    def test_it_is_one_event_that_proves_the_text(self, table: build.Table) -> None:
        save(browser(table.editor), CARD, "Words")
        event = Event.objects.get(kind="card.written")
        assert '"characters":5' in event.payload
        assert "Words" not in event.payload
        assert {subject.kind for subject in event.subjects.all()} == {"version", "collection"}

    def test_the_first_starts_from_what_is_known(self, table: build.Table) -> None:
        page = text_of(browser(table.editor).get(CARD))
        assert "- **Model:** candidates v1" in page
        assert "| Loss | 10k | 0.5 " in page
        assert "## Intended use" in page
        assert not ModelCard.objects.exists()

    def test_a_private_data_set_is_not_filled_in(self, table: build.Table) -> None:
        """The text is for everybody who sees the version, whatever its writer sees."""
        admin = build.user(role=Role.ADMIN)
        secret = build.project(admin, "secret", private=True)
        data = build.version(admin, build.collection(admin, secret, "hidden-data", type="dataset"))
        golden = build.golden_set(admin, "hidden-set", title="hidden title")
        golden.artifact = data.artifact
        golden.save()
        build.result(admin, table.versions[0].artifact, 0.9, on=golden)
        assert "hidden title" not in text_of(browser(admin).get(CARD))

    def test_a_preview_saves_nothing(self, table: build.Table) -> None:
        client = browser(table.editor)
        answer = client.post(CARD, {"seen": "new", "do": "preview", "text": "**bold**"})
        page = text_of(answer)
        assert answer.status_code == 200
        assert "<strong>bold</strong>" in page
        assert ">**bold**</textarea>" in re.sub(r">\s+", ">", page)
        assert not ModelCard.objects.exists()

    def test_htmx_gets_the_preview_alone(self, table: build.Table) -> None:
        headers = {"HX-Request": "true", "HX-Target": "preview"}
        data = {"seen": "new", "do": "preview", "text": "x"}
        answer = browser(table.editor).post(CARD, data, headers=headers)
        assert text_of(answer).strip().startswith('<section class="panel" id="preview"')

    def test_the_slower_of_two_writers_sees_both_texts(self, table: build.Table) -> None:
        client = browser(table.editor)
        opened = seen(client, CARD)
        save(browser(table.curator), CARD, "The other text")
        answer = client.post(CARD, {"seen": opened, "do": "save", "text": "My text"})
        page = text_of(answer)
        assert answer.status_code == 409
        assert "<p>The other text</p>" in page
        assert "My text" in page
        again = re.search(r'name="seen" value="(\w*)"', page)
        assert again is not None
        answer = client.post(CARD, {"seen": again[1], "do": "save", "text": "Both texts"})
        assert answer.status_code == 302
        assert [card.text for card in cards_of(table.versions[0])] == [
            "Both texts",
            "The other text",
        ]

    def test_the_same_text_again_is_no_edit(self, table: build.Table) -> None:
        client = browser(table.editor)
        save(client, CARD, "Words")
        save(client, CARD, "Words")
        assert ModelCard.objects.count() == 1
        assert Event.objects.filter(kind="card.written").count() == 1

    def test_an_emptied_card_is_gone_from_the_page_but_kept(self, table: build.Table) -> None:
        client = browser(table.editor)
        save(client, CARD, "Words")
        save(client, CARD, "")
        page = text_of(client.get(f"{MODEL}/versions/1"))
        assert "Write a model card…" in page
        assert "Earlier texts" in page
        assert ModelCard.objects.count() == 2

    @pytest.mark.parametrize("text", ["x" * 20_001, "a\x00b"])
    def test_what_cannot_be_kept_is_refused_in_words(self, table: build.Table, text: str) -> None:
        answer = browser(table.editor).post(CARD, {"seen": "new", "do": "save", "text": text})
        assert answer.status_code == 400
        assert 'class="error"' in text_of(answer)
        assert not ModelCard.objects.exists()

    def test_readers_read_and_strangers_find_nothing(self, table: build.Table) -> None:
        stranger = build.user("stranger", team_name="others")
        data = {"seen": "new", "do": "save", "text": "x"}
        assert browser(table.viewer).get(CARD).status_code == 403
        assert browser(table.viewer).post(CARD, data).status_code == 403
        assert browser(stranger).post(CARD, data).status_code == 404
        assert "Write a model card" not in text_of(browser(table.viewer).get(f"{MODEL}/versions/1"))
        assert not ModelCard.objects.exists()


class TestTheService:
    def test_keeps_its_rules_whichever_door_asks(self, table: build.Table) -> None:
        version = table.versions[0]
        editor = build.access(table.editor, project=table.project)
        viewer = build.access(table.viewer, project=table.project)
        with pytest.raises(Forbidden):
            write_card(version=version, text="x", access=viewer, seen=None)
        with pytest.raises(Invalid):
            write_card(version=version, text="x" * 20_001, access=editor, seen=None)
        with pytest.raises(CardChanged):
            write_card(version=version, text="x", access=editor, seen=77)
        card = write_card(version=version, text="x", access=editor, seen=None)
        assert card is not None
        assert card_of(version) == card
        curator = build.access(table.curator, project=table.project)
        delete_version(version=version, reason="old", access=curator)
        with pytest.raises(NotFound):
            write_card(version=version, text="y", access=editor, seen=card.pk)

    def test_the_event_is_seen_by_those_who_see_the_version(self, table: build.Table) -> None:
        registry = build.collection(table.editor, None, "registered")
        secret = build.project(table.editor, "secret", private=True)
        hidden = build.version(table.editor, registry, place=secret)
        write_card(version=hidden, text="x", access=build.access(table.editor), seen=None)
        kinds = ["card.written"]
        team = build.team()
        assert len(history(team, table.editor, kinds=kinds).rows) == 1
        assert history(team, table.viewer, kinds=kinds).rows == []


class TestTheEditsOfACard:
    def test_say_who_changed_what(self, table: build.Table) -> None:
        save(browser(table.editor), CARD, "one\ntwo\nthree")
        save(browser(table.curator), CARD, "one\n2\nthree <b>")
        page = text_of(browser(table.viewer).get(f"{CARD}/history"))
        assert f"{table.curator.username} changed the card" in page
        assert f"{table.editor.username} wrote the card" in page
        assert '<span class="is-removed">-two' in page
        assert '<span class="is-added">+three &lt;b&gt;' in page

    def test_come_in_pages_that_cost_the_same(
        self, table: build.Table, django_assert_num_queries: Any
    ) -> None:
        allowed = build.access(table.editor, project=table.project)
        client = browser(table.viewer)
        newest: ModelCard | None = None
        for number in range(25):
            mark = newest.pk if newest else None
            newest = write_card(
                version=table.versions[0], text=f"text {number}", access=allowed, seen=mark
            )
            if number in (1, 24):
                # session, person, access, model, version, edits, the one before
                with django_assert_num_queries(7):
                    first = client.get(f"{CARD}/history")
        assert [edit.is_first for edit in first.context["edits"]] == [False] * 10
        last = client.get(
            client.get(first.context["pager"]["next_url"]).context["pager"]["next_url"]
        )
        assert [edit.is_first for edit in last.context["edits"]] == [False] * 4 + [True]

    def test_without_any_the_page_says_so(self, table: build.Table) -> None:
        page = browser(table.viewer).get(f"{CARD}/history")
        assert page.status_code == 200
        assert "No card yet" in text_of(page)

    def test_a_damaged_page_link_is_refused(self, table: build.Table) -> None:
        assert browser(table.viewer).get(f"{CARD}/history?cursor=x").status_code == 400


class TestNotes:
    @pytest.fixture
    def run(self, table: build.Table) -> str:
        return f"/main/digits/runs/{build.run(table.editor, table.project).key}"

    def test_of_a_model_stand_above_its_table(self, table: build.Table) -> None:
        client = browser(table.editor)
        answer = save(client, f"{MODEL}/notes", "Reads **digits**.", title="Digit reader")
        assert answer["Location"] == MODEL
        page = text_of(client.get(MODEL))
        assert "<h1><bdi>Digit reader</bdi></h1>" in page
        assert "Reads <strong>digits</strong>." in page
        event = Event.objects.get(kind="collection.changed")
        assert '"after":{"description":"changed","title":"Digit reader"}' in event.payload

    def test_of_a_project(self, table: build.Table) -> None:
        client = browser(table.editor)
        save(client, "/main/digits/notes", "All *digits*", title="Digits")
        page = text_of(client.get("/main/digits"))
        assert "<h1><bdi>Digits</bdi></h1>" in page
        assert "All <em>digits</em>" in page

    def test_of_a_run(self, table: build.Table, run: str) -> None:
        client = browser(table.editor)
        save(client, f"{run}/notes", "| a |\n|---|\n| 1 |")
        assert '<table class="table">' in text_of(client.get(run))

    def test_saving_what_is_there_changes_nothing(self, table: build.Table) -> None:
        client = browser(table.editor)
        events = Event.objects.count()
        assert save(client, f"{MODEL}/notes", "", title="").status_code == 302
        assert Event.objects.count() == events

    def test_the_slower_of_two_writers_sees_both_texts(self, table: build.Table) -> None:
        client = browser(table.editor)
        opened = seen(client, f"{MODEL}/notes")
        save(browser(table.curator), f"{MODEL}/notes", "The other", title="")
        data = {"seen": opened, "do": "save", "text": "Mine", "title": ""}
        answer = client.post(f"{MODEL}/notes", data)
        assert answer.status_code == 409
        assert "<p>The other</p>" in text_of(answer)
        assert Collection.objects.get(pk=table.collection.pk).description == "The other"

    def test_need_an_editor(self, table: build.Table, run: str) -> None:
        stranger = build.user("stranger", team_name="others")
        for address in (f"{MODEL}/notes", "/main/digits/notes", f"{run}/notes"):
            for person, status in ((table.viewer, 403), (stranger, 404)):
                client = browser(person)
                assert client.get(address).status_code == status
                assert client.post(address, {"text": "x", "title": ""}).status_code == status

    def test_an_archived_project_takes_none(self, table: build.Table) -> None:
        admin = build.user(role=Role.ADMIN)
        set_archived(archived=True, access=build.access(admin, project=table.project))
        client = browser(table.editor)
        assert client.post(f"{MODEL}/notes", {"text": "x", "title": ""}).status_code == 403
        assert "Add notes" not in text_of(client.get(MODEL))

    def test_long_ones_are_folded_and_a_clients_megabyte_is_cut(self, table: build.Table) -> None:
        Collection.objects.filter(pk=table.collection.pk).update(description="<b>word " * 100_000)
        page = text_of(browser(table.viewer).get(MODEL))
        assert '<details class="panel notes">' in page
        assert "&lt;b&gt;word" in page
        assert len(page) < 300_000

    @pytest.mark.parametrize(
        ("field", "value"), [("title", "x" * 257), ("title", "a\x00"), ("text", "x" * 20_001)]
    )
    def test_what_cannot_be_kept_is_refused_in_words(
        self, table: build.Table, field: str, value: str
    ) -> None:
        answer = save(browser(table.editor), f"{MODEL}/notes", **{"text": "", field: value})
        assert answer.status_code == 400
        assert 'class="error"' in text_of(answer)


def test_who_may_not_write_sees_no_link(table: build.Table) -> None:
    for address in (MODEL, "/main/digits"):
        assert "Add notes" in text_of(browser(table.editor).get(address))
        assert "Add notes" not in text_of(browser(table.viewer).get(address))
