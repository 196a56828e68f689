"""Search: everything by its name, each kind by itself, nothing that the reader may not see."""

import re
from typing import Any

import pytest

from apps.accounts.choices import Role
from apps.accounts.services import set_role
from apps.registry.services.promotion import promote_version
from tests import build
from tests.web.visits import browser, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def table() -> build.Table:
    table = build.table()
    access = build.access(table.curator, project=table.project)
    promote_version(version=table.versions[1], label="production", access=access)
    return table


def found(table: build.Table, words: str) -> dict[str, list[str]]:
    """The names that were found, by kind."""
    groups = browser(table.viewer).get("/search", {"q": words}).context["groups"]
    return {str(group.title): [hit.name for hit in group.hits] for group in groups}


class TestWhatIsFound:
    @pytest.mark.parametrize("words", ["candidates v2", "candidates:v2", "CANDIDATES 2", "candi:2"])
    def test_a_version_by_its_number(self, table: build.Table, words: str) -> None:
        assert found(table, words)["Versions"] == ["candidates v2"]

    def test_a_version_by_the_beginning_of_its_digest(self, table: build.Table) -> None:
        digest = table.versions[2].artifact.digest
        assert found(table, digest[:8].upper())["Versions"] == ["candidates v3"]
        assert "Versions" not in found(table, digest[1:9])

    def test_who_holds_a_label(self, table: build.Table) -> None:
        assert found(table, "produc") == {"Labels": ["production: candidates v2"]}

    def test_a_golden_set_and_a_collection_that_is_no_model(self, table: build.Table) -> None:
        build.collection(table.editor, table.project, "digits data", type="dataset")
        assert found(table, "digits") == {
            "Projects": ["digits"],
            "Golden sets": ["10k"],
            "Artifacts": ["digits data"],
        }

    def test_the_people_of_ones_teams_with_what_they_did(self, table: build.Table) -> None:
        build.user("ana-elsewhere", team_name="others")
        ana = build.user("ana", role=Role.CURATOR)
        answer = browser(table.viewer).get("/search", {"q": "ANA"})
        (group,) = answer.context["groups"]
        assert [(hit.name, hit.url, hit.note) for hit in group.hits] == [
            ("ana", "/main/activity?by=ana", "curator · main")
        ]
        assert browser(ana).get(group.hits[0].url).status_code == 200

    def test_what_has_the_same_name_in_two_teams_is_told_apart(self, table: build.Table) -> None:
        reader = build.user("of-both", role=Role.VIEWER)
        owner = build.user("owner", role=Role.CURATOR, team_name="others")
        set_role(user=reader, team=build.team("others"), role=Role.VIEWER, actor=build.SYSTEM)
        other = build.project(owner, "digits", team_name="others")
        version = build.version(owner, build.collection(owner, other, "candidates"))
        build.run(owner, other, name="candidates run")
        groups = browser(reader).get("/search", {"q": "candidates"}).context["groups"]
        assert [hit.note for hit in groups[0].hits] == ["main / digits", "others / digits"]
        (run,) = groups[1].hits
        assert run.note.startswith("others / digits · ")
        groups = browser(reader).get("/search", {"q": "candidates v1"}).context["groups"]
        digests = [table.versions[0].artifact.short_digest, version.artifact.short_digest]
        assert sorted(hit.note for hit in groups[0].hits) == sorted(
            [f"{digests[0]} · main / digits", f"{digests[1]} · others / digits"]
        )

    def test_what_begins_with_the_words_stands_first(self, table: build.Table) -> None:
        for name in ("a mnist", "mnist", "z mnist"):
            build.collection(table.editor, table.project, name)
        assert found(table, "mnist")["Models"] == ["mnist", "a mnist", "z mnist"]

    def test_a_kind_that_has_more_says_so(self, table: build.Table) -> None:
        for number in range(11):
            build.collection(table.editor, table.project, f"mnist {number:02}")
        page = text_of(browser(table.viewer).get("/search", {"q": "mnist"}))
        assert "write more of the name" in page
        assert "mnist 09" in page
        assert "mnist 10" not in page

    @pytest.mark.parametrize("words", ["v" * 200, "x 999999999", ":", "v2", "ｃａｎｄｉ", "%_\\"])
    def test_odd_words_are_no_fault(self, table: build.Table, words: str) -> None:
        assert browser(table.viewer).get("/search", {"q": words}).status_code == 200


class TestWhatIsHidden:
    @pytest.mark.parametrize("words", ["hidden", "hidden v1", "staging", "hidden data"])
    def test_of_a_private_project_nothing_is_found(self, table: build.Table, words: str) -> None:
        owner = build.user("owner", role=Role.ADMIN)
        secret = build.project(owner, "hidden", private=True)
        version = build.version(owner, build.collection(owner, secret, "hidden"))
        build.collection(owner, secret, "hidden data", type="dataset")
        build.run(owner, secret, name="hidden run")
        promote_version(
            version=version, label="staging", access=build.access(owner, project=secret)
        )
        assert found(table, words) == {}
        assert found(table, version.artifact.digest) == {}
        answer = browser(owner).get("/search", {"q": words})
        assert answer.context["groups"] != []

    def test_a_stranger_finds_nothing(self, table: build.Table) -> None:
        stranger = build.user("stranger", role=Role.ADMIN, team_name="others")
        for words in ("candidates", "candidates v2", "digits", "production", "10k"):
            assert browser(stranger).get("/search", {"q": words}).context["groups"] == []


class TestTheDialog:
    def test_it_asks_for_the_part_that_the_page_has(self, table: build.Table) -> None:
        client = browser(table.viewer)
        headers = {"HX-Request": "true", "HX-Target": "found"}
        part = text_of(client.get("/search", {"q": "candi"}, headers=headers))
        assert part.strip().startswith('<div class="found')
        assert "<html" not in part
        assert part.strip() in text_of(client.get("/search", {"q": "candi"}))

    def test_every_page_has_it_but_the_search_page_and_those_of_strangers(
        self, table: build.Table
    ) -> None:
        assert 'id="finder"' in text_of(browser(table.viewer).get("/projects"))
        assert 'id="finder"' not in text_of(browser(table.viewer).get("/search"))
        assert 'id="finder"' not in text_of(browser().get("/sign-in"))

    def test_ids_stand_once(self, table: build.Table) -> None:
        page = text_of(browser(table.viewer).get("/search", {"q": "candi"}))
        ids = re.findall(r' id="([^"]+)"', page)
        assert sorted(ids) == sorted(set(ids))


def test_the_queries_do_not_grow(table: build.Table, django_assert_num_queries: Any) -> None:
    client = browser(table.viewer)
    for number in range(8):
        if number in (1, 7):
            with django_assert_num_queries(9):
                client.get("/search", {"q": "digits"})
        build.collection(table.editor, table.project, f"digits {number}")
        build.collection(table.editor, table.project, f"digits data {number}", type="dataset")
        build.run(table.editor, table.project, name=f"digits {number}")
        build.golden_set(table.curator, name=f"digits_{number}")
