"""The question before a deletion, the bin, and the way back, page by page."""

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from apps.accounts.choices import Role
from apps.accounts.models import User
from apps.artifacts.models import Collection, LabelHolding, Version
from apps.artifacts.services import begin_artifact, seal_artifact
from apps.bin.services.deletion import delete_run, delete_version
from apps.projects.models import Project
from apps.projects.services import set_archived, set_project_role
from apps.runs.models import Run
from tests import build
from tests.bin.builders import World, in_bin, silent, world

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> World:
    return world()


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def text_of(response: Any) -> str:
    """What a page says, without its marks."""
    page = re.sub(r"<[^>]+>", " ", response.content.decode())
    return re.sub(r"\s+", " ", page)


RUN = "/main/digits/runs/{}/delete"
VERSION = "/main/digits/models/candidates/versions/{}/delete"


class TestDeleting:
    def test_a_run_and_undoing_it(self, place: World) -> None:
        client = signed_in(place.table.editor)
        run = silent(place.trained)
        page = client.get(RUN.format(run.key))
        assert "Delete this run?" in text_of(page)
        assert "I have read what goes with it" not in text_of(page)

        answer = client.post(RUN.format(run.key), {"reason": "diverged"}, follow=True)

        assert answer.redirect_chain == [("/main/digits", 302)]
        assert "training is in the bin." in text_of(answer)
        assert not Run.objects.filter(pk=run.pk).exists()
        undo = f"/main/digits/bin/run-{run.pk}/restore"
        assert undo in answer.content.decode()

        back = client.post(undo, follow=True)

        assert back.redirect_chain == [(f"/main/digits/runs/{run.key}", 302)]
        assert "training is back, as it was." in text_of(back)

    def test_the_ticked_runs_go_together_and_come_back_together(self, place: World) -> None:
        runs = [silent(place.trained)]
        runs += [silent(build.run(place.table.editor, place.project, name="sweep"))]
        client = signed_in(place.table.editor)
        query = urlencode({"r": [f"main/digits/{run.key}" for run in runs]}, doseq=True)
        address = f"/main/digits/delete/runs?{query}"
        table = client.get("/main/digits/runs").content.decode()
        assert 'formaction="/main/digits/delete/runs"' in table

        asked = text_of(client.get(address))
        assert "Delete these 2 runs?" in asked
        assert "training" in asked
        assert "sweep" in asked
        done = client.post(address, {"reason": "wrong seed"}, follow=True)

        assert done.redirect_chain == [("/main/digits/runs", 302)]
        assert "2 runs are in the bin." in text_of(done)
        assert [item.reason for item in in_bin(place.access(place.admin))] == ["wrong seed"] * 2
        undo = re.findall(r'<input type="hidden" name="r" value="([^"]+)">', done.content.decode())
        back = client.post("/main/digits/restore/runs", {"r": undo})
        assert back.headers["Location"] == "/main/digits/runs"
        assert in_bin(place.access(place.admin)) == []

    @pytest.mark.parametrize("query", ["", "?r=main/digits/nothing", "?r=main/papers/{}", "?r={}"])
    def test_nothing_that_is_ticked_here_is_no_question(self, place: World, query: str) -> None:
        """The last two name a run of another project, and a run without its project."""
        client = signed_in(place.admin)
        key = place.user.key if "papers" in query else place.trained.key
        answer = client.post(f"/main/digits/delete/runs{query.format(key)}", follow=True)
        assert answer.redirect_chain == [("/main/digits/runs", 302)]
        assert "Tick the runs that are to be deleted" in text_of(answer)
        assert in_bin(place.access(place.admin, in_project=False)) == []

    def test_more_runs_than_a_page_has_are_refused(self, place: World) -> None:
        for number in range(101):
            build.run(place.table.editor, place.project, name=f"sweep {number}")
        keys = Run.objects.filter(project=place.project).values_list("key", flat=True)
        query = urlencode({"r": [f"main/digits/{key}" for key in keys]}, doseq=True)
        client = signed_in(place.admin)
        refused = client.post(
            f"/main/digits/delete/runs?{query}", {"accept": "on", "reason": "all of them"}
        )
        assert refused.status_code == 400
        assert "At most 100 runs" in text_of(refused)

    def test_viewers_are_offered_no_deletion_and_refused(self, place: World) -> None:
        client = signed_in(place.table.viewer)
        assert "delete/runs" not in client.get("/main/digits/runs").content.decode()
        query = f"?r=main/digits/{place.trained.key}"
        assert client.get(f"/main/digits/delete/runs{query}").status_code == 403
        assert client.post(f"/main/digits/delete/runs{query}", {"reason": "x"}).status_code == 403
        assert client.post("/main/digits/restore/runs").status_code == 403

    def test_what_goes_with_it_is_listed_and_must_be_accepted(self, place: World) -> None:
        client = signed_in(place.table.curator)
        address = "/main/models/Digits/versions/1/delete"

        asked = text_of(client.get(address))
        assert "1 version holds a status label" in asked
        assert "Digits v1 (production)" in asked
        refused = client.post(address, {"reason": "leaks"})
        assert refused.status_code == 400
        assert "Accept what goes with it" in text_of(refused)
        unsaid = client.post(address, {"accept": "on"})
        assert unsaid.status_code == 400
        assert "Say why" in text_of(unsaid)
        assert LabelHolding.objects.filter(held_until=None).exists()

        done = client.post(address, {"accept": "on", "reason": "leaks"})

        assert done.headers["Location"] == "/main/models/Digits"
        assert not LabelHolding.objects.filter(held_until=None).exists()
        assert Version.objects.get(pk=place.linked.pk).deleted_reason == "leaks"

    def test_what_comes_up_after_the_question_is_asked_again(
        self, place: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As if the run had begun to log between the page's look and the lock."""
        monkeypatch.setattr("apps.web.views.bin.consequences_of_run", lambda run, user: [])

        answer = signed_in(place.table.editor).post(RUN.format(place.trained.key), {"reason": "x"})

        assert answer.status_code == 409
        assert "1 run is going on" in text_of(answer)
        assert Run.objects.filter(pk=place.trained.pk).exists()

    @pytest.mark.parametrize(
        ("address", "above", "kind"),
        [
            ("/main/digits/delete", "/main/models", "project"),
            ("/main/digits/models/candidates/delete", "/main/digits", "model"),
            (VERSION.format(3), "/main/digits/models/candidates", "version"),
            ("/main/models/Digits/delete", "/main/models", "model"),
        ],
    )
    def test_everything_else(self, place: World, address: str, above: str, kind: str) -> None:
        client = signed_in(place.admin)
        assert f"Delete this {kind}?" in text_of(client.get(address))

        answer = client.post(address, {"accept": "on", "reason": "old"})

        assert (answer.status_code, answer.headers["Location"]) == (302, above)
        assert client.get(address).status_code == 404
        [item] = in_bin(place.registry_access(place.admin))
        assert item.reason == "old"

    def test_a_data_set_and_its_versions(self, place: World) -> None:
        allowed = place.access(place.table.editor)
        data = build.collection(place.table.editor, place.project, "images", type="dataset")
        for _ in range(2):
            artifact = begin_artifact(
                type="dataset", metadata={"n": data.next_number}, access=allowed
            )
            seal_artifact(artifact=artifact, collection=data, access=allowed)
            data.refresh_from_db()
        client = signed_in(place.table.curator)
        page = "/main/digits/artifacts/dataset/images"

        first = client.post(f"{page}/v1/delete")
        assert first.headers["Location"] == page
        assert client.get(f"{page}/v1").status_code == 404
        whole = client.post(f"{page}/delete")
        assert whole.headers["Location"] == "/main/digits/artifacts"
        assert client.get(page).status_code == 404
        assert Collection.with_deleted.get(pk=data.pk).deleted_at is not None

    def test_is_offered_to_whom_it_is_allowed(self, place: World) -> None:
        pages = {
            f"/main/digits/runs/{place.trained.key}": Role.EDITOR,
            "/main/digits/models/candidates": Role.CURATOR,
            "/main/digits/models/candidates/versions/1": Role.CURATOR,
            "/main/digits": Role.ADMIN,
        }
        people = {
            Role.VIEWER: place.table.viewer,
            Role.EDITOR: place.table.editor,
            Role.CURATOR: place.table.curator,
            Role.ADMIN: place.admin,
        }
        for role, person in people.items():
            client = signed_in(person)
            for page, needed in pages.items():
                offered = f'href="{page}/delete"' in client.get(page).content.decode()
                assert offered == role.at_least(needed), (role, page)

    def test_a_stranger_learns_nothing(self, place: World) -> None:
        stranger = signed_in(build.user(team_name="others", role=Role.ADMIN))

        for address in ("/main/digits/delete", RUN.format(place.trained.key), "/main/bin"):
            assert stranger.get(address).status_code == 404
            assert stranger.post(address).status_code in (404, 405)

    def test_an_archived_project_may_be_deleted(self, place: World) -> None:
        set_archived(archived=True, access=place.access(place.admin))

        answer = signed_in(place.admin).post(
            "/main/digits/delete", {"accept": "on", "reason": "over"}
        )

        assert answer.status_code == 302
        assert not Project.objects.filter(pk=place.project.pk).exists()


class TestBin:
    def test_says_who_when_why_and_until_when(self, place: World) -> None:
        delete_run(
            run=silent(place.trained), access=place.access(place.table.editor), reason="diverged"
        )

        for address in ("/main/bin", "/main/digits/bin"):
            page = text_of(signed_in(place.table.viewer).get(address))
            assert "waits here for 30 days" in page
            assert "run training" in page
            assert "diverged" in page
            assert str(place.table.editor) in page
            assert "in 30 d" in page or "in 29 d" in page

    def test_empty_says_what_it_is_for(self, place: World) -> None:
        assert "Nothing in the bin" in text_of(signed_in(place.table.viewer).get("/main/bin"))

    def test_offers_what_the_reader_may_do(self, place: World) -> None:
        delete_run(run=silent(place.trained), access=place.access(place.admin))
        delete_version(version=place.versions[0], access=place.access(place.admin), reason="old")

        def offers(person: User, address: str = "/main/bin") -> tuple[int, int]:
            page = signed_in(person).get(address).content.decode()
            return page.count("/restore"), page.count("/purge")

        assert offers(place.table.viewer) == (0, 0)
        assert offers(place.table.editor) == (1, 0)
        assert offers(place.table.curator) == (2, 0)
        assert offers(place.admin) == (2, 2)
        # Who is named for the project has the role there in it.
        set_project_role(user=place.table.viewer, role=Role.ADMIN, access=place.access(place.admin))
        assert offers(place.table.viewer) == (2, 2)
        set_archived(archived=True, access=place.access(place.admin))
        assert offers(place.admin) == (0, 2)

    def test_purging_asks_first(self, place: World) -> None:
        delete_run(run=silent(place.trained), access=place.access(place.admin))
        [item] = in_bin(place.access(place.admin))
        address = f"/main/digits/bin/{item.key}/purge"
        admin = signed_in(place.admin)

        assert "This cannot be undone." in text_of(admin.get(address))
        assert Run.with_deleted.filter(pk=place.trained.pk).exists()
        assert signed_in(place.table.curator).post(address).status_code == 403
        answer = admin.post(address, follow=True)

        assert answer.redirect_chain == [("/main/digits/bin", 302)]
        assert "training was removed for good." in text_of(answer)
        assert not Run.with_deleted.filter(pk=place.trained.pk).exists()
        assert admin.get(address).status_code == 404
        assert admin.post(f"/main/digits/bin/{item.key}/restore").status_code == 404

    def test_a_version_takes_a_curator_to_restore(self, place: World) -> None:
        delete_version(version=place.versions[0], access=place.access(place.admin), reason="old")
        [item] = in_bin(place.access(place.admin))
        address = f"/main/digits/bin/{item.key}/restore"

        assert signed_in(place.table.editor).post(address).status_code == 403
        assert signed_in(place.table.curator).get(address).status_code == 405
        answer = signed_in(place.table.curator).post(address)
        assert answer.headers["Location"] == "/main/digits/models/candidates/versions/1"

    def test_names_of_others_cannot_be_reached_through_it(self, place: World) -> None:
        """An item of one project is none of another's."""
        delete_run(run=silent(place.trained), access=place.access(place.admin))
        [item] = in_bin(place.access(place.admin))

        answer = signed_in(place.admin).post(f"/main/papers/bin/{item.key}/restore")

        assert answer.status_code == 404
        assert not Run.objects.filter(pk=place.trained.pk).exists()

    def test_the_queries_do_not_grow(self, place: World, django_assert_num_queries: Any) -> None:
        client = signed_in(place.table.curator)
        for count in (1, 5):
            for _ in range(count):
                run = silent(build.run(place.table.editor, place.project))
                delete_run(run=run, access=place.access(place.table.editor))
                version = build.version(place.table.editor, place.table.collection)
                delete_version(version=version, access=place.access(place.table.curator))
            # Session, person, access, four kinds, reasons, roles.
            with django_assert_num_queries(9):
                client.get("/main/bin")

    def test_of_many_is_paged(self, place: World) -> None:
        for _ in range(51):
            run = silent(build.run(place.table.editor, place.project))
            delete_run(run=run, access=place.access(place.table.editor))
        client = signed_in(place.table.viewer)

        page = client.get("/main/digits/bin").content.decode()
        [following] = re.findall(r'href="([^"]*cursor=[^"]*)" rel="next"', page)

        assert page.count("<tr>") == 51
        assert client.get(following.replace("&amp;", "&")).content.decode().count("<tr>") == 2
        assert client.get("/main/digits/bin?cursor=nonsense").status_code == 400


def test_a_deleted_run_or_version_says_where_it_is(place: World) -> None:
    delete_run(run=silent(place.trained), access=place.access(place.admin))
    delete_version(version=place.versions[0], access=place.access(place.admin), reason="old")
    client = signed_in(place.table.viewer)

    run = client.get(f"/main/digits/runs/{place.trained.key}")
    version = client.get("/main/digits/models/candidates/versions/1")

    assert (run.status_code, version.status_code) == (404, 404)
    assert "is in the bin of digits" in text_of(run)
    assert "v1 of candidates is in the bin" in text_of(version)
    assert client.get("/main/digits/models/candidates/versions/1/files/data.bin").status_code == 404


def test_lineage_says_what_is_in_the_bin(place: World) -> None:
    """A version that stays shows that its run is gone, and does not link to a page that is not."""
    page = "/main/digits/models/candidates/versions/4"
    client = signed_in(place.table.viewer)
    assert f"/main/digits/runs/{place.trained.key}" in client.get(page).content.decode()

    delete_run(run=silent(place.trained), access=place.access(place.admin))

    answer = client.get(page)
    assert f"/main/digits/runs/{place.trained.key}" not in answer.content.decode()
    assert "training (in the bin)" in text_of(answer)
    assert "run · training · in the bin" in text_of(answer)


PAGES = (
    "/",
    "/main/models",
    "/projects",
    "/main/digits",
    "/main/digits/runs",
    "/main/digits/artifacts",
    "/main/artifacts",
    "/main/golden-sets",
    "/main/golden-sets/digits-10k",
    "/main/models/Digits",
    "/search?q=candidates",
    "/search?q=training",
    "/search?q=digits",
)


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("/main/digits/models/candidates/delete", "/candidates"),
        ("/main/digits/runs/{run}/delete", "/runs/{run}"),
        ("/main/digits/delete", "/main/digits"),
    ],
)
def test_what_is_deleted_is_linked_from_no_page(place: World, address: str, word: str) -> None:
    client = signed_in(place.admin)
    address, word = address.format(run=place.trained.key), word.format(run=place.trained.key)

    def linking() -> set[str]:
        pages = {page: client.get(page) for page in PAGES}
        link = f'{word}(?![\\w-])[^"]*"'
        return {
            page
            for page, answer in pages.items()
            if answer.status_code == 200
            and re.search(rf'href="[^"]*{link}', answer.content.decode())
        }

    assert linking(), "or the test would prove nothing"
    client.post(address, {"accept": "on", "reason": "old"})
    client.get("/main/bin")  # takes the message with its way back

    assert linking() == set()
