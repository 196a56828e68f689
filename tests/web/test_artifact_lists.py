"""The lists of what is stored: a project's collections, the registry's, and one's versions."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.choices import Role
from apps.artifacts.models import Collection
from apps.artifacts.services import (
    begin_artifact,
    delete_version,
    link_version,
    note_use,
    seal_artifact,
)
from apps.projects.models import Project
from apps.registry.services.promotion import promote_version
from tests import build
from tests.web.test_version_page import words
from tests.web.visits import browser, text_of

pytestmark = pytest.mark.django_db

LIST = "/main/digits/artifacts"
SET = f"{LIST}/dataset/digits_train"


@pytest.fixture
def world() -> build.Table:
    """A model, a data set of two versions that a run used, and some code."""
    table = build.table((0.5, 0.3))
    editor = table.editor
    data = build.collection(editor, table.project, "digits_train", type="dataset")
    build.version(editor, data, data=b"one")
    second = build.version(editor, data, data=b"twice")
    run = build.run(editor, table.project, name="mlp")
    access = build.access(editor, project=table.project)
    note_use(run=run, artifact=second.artifact, access=access)
    promote_version(version=second, label="staging", access=access)
    build.version(editor, build.collection(editor, table.project, "train.py", type="code"))
    return table


def rows_of(text: str, fragment: str) -> list[str]:
    """The words of each body row of the table in this fragment."""
    body = text.partition(f'id="{fragment}"')[2].partition("<tbody>")[2].partition("</tbody>")[0]
    return [words(row) for row in body.split("<tr>")[1:]]


# --- all of a project ---------------------------------------------------------------------------


def test_the_collections_of_a_project_stand_by_type_and_name(world: build.Table) -> None:
    text = text_of(browser(world.viewer).get(LIST))

    rows = rows_of(text, "collections")
    assert [row.split()[:3] for row in rows] == [
        ["train.py", "code", "1"],
        ["digits_train", "dataset", "2"],
        ["candidates", "model", "2"],
    ]
    assert " v2 " in rows[1]
    assert "5 B" in rows[1]
    assert f'href="{SET}"' in text
    assert f'href="{SET}/v2"' in text
    assert 'href="/main/digits/models/candidates"' in text
    assert f'href="{LIST}" aria-current="page"' in text  # the tab


def test_what_is_being_uploaded_is_shown_until_it_is_sealed(world: build.Table) -> None:
    access = build.access(world.editor, project=world.project)
    run = build.run(world.editor, world.project, name="writer")
    pending = begin_artifact(
        type="dataset",
        files=[build.content(world.project.pk, b"12345")],
        made_by=run,
        access=access,
    )
    client = browser(world.viewer)
    of_htmx = {"HX-Request": "true", "HX-Target": "uploads"}

    during = client.get(LIST, headers=of_htmx)
    seal_artifact(
        artifact=pending,
        collection=Collection.objects.get(name="digits_train"),
        access=access,
    )
    after = client.get(LIST, headers=of_htmx)

    assert "1 file, 5 B so far" in words(text_of(during))
    assert "writer" in text_of(during)
    assert "HX-Refresh" not in during.headers
    # Sealed: the page asks for itself once more, and then it asks no longer.
    assert after.headers["HX-Refresh"] == "true"
    assert "Being uploaded" not in text_of(client.get(LIST))


def test_an_upload_that_was_given_up_is_not_shown(world: build.Table) -> None:
    begin_artifact(
        type="dataset",
        access=build.access(world.editor, project=world.project),
        at=timezone.now() - timedelta(days=2),
    )

    assert "Being uploaded" not in text_of(browser(world.viewer).get(LIST))


def test_one_type_or_a_name_narrows_the_list(world: build.Table) -> None:
    client = browser(world.viewer)

    by_type = rows_of(text_of(client.get(f"{LIST}/dataset")), "collections")
    by_name = rows_of(text_of(client.get(f"{LIST}?q=TRAIN.")), "collections")
    nothing = text_of(client.get(f"{LIST}?q=zzz"))

    assert [row.split()[0] for row in by_type] == ["digits_train"]
    assert [row.split()[0] for row in by_name] == ["train.py"]
    assert "No artifact has such a name" in nothing


def test_htmx_gets_the_table_alone(world: build.Table) -> None:
    headers = {"HX-Request": "true", "HX-Target": "collections"}

    text = text_of(browser(world.viewer).get(LIST, headers=headers))

    assert text.strip().startswith('<section class="panel busy-dim" id="collections">')
    assert "<html" not in text


def test_an_empty_project_teaches_how_to_log(world: build.Table) -> None:
    build.project(world.editor, "empty")

    text = text_of(browser(world.viewer).get("/main/empty/artifacts"))

    assert "Nothing is stored here yet" in text
    assert "WANDB_BASE_URL" in text


@pytest.mark.parametrize("query", ["cursor=x", "q=%00", f"q={'x' * 300}", "cursor=%ff"])
def test_an_address_that_makes_no_sense_is_refused(world: build.Table, query: str) -> None:
    assert browser(world.viewer).get(f"{LIST}?{query}").status_code == 400


def test_it_costs_the_same_for_many_collections(world: build.Table) -> None:
    client = browser(world.viewer)

    def queries(address: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as found:
            assert client.get(address).status_code == 200
        return len(found)

    before = queries(LIST), queries(SET)
    first = Collection.objects.get(name="digits_train")
    for number in range(12):
        data = build.collection(world.editor, world.project, f"more {number}", type="dataset")
        build.version(world.editor, data)
        build.version(world.editor, first)
    assert (queries(LIST), queries(SET)) == before


# --- one collection -----------------------------------------------------------------------------


def test_the_versions_of_a_data_set_say_who_used_them(world: build.Table) -> None:
    text = text_of(browser(world.viewer).get(SET))

    rows = rows_of(text, "versions")
    assert [row.split()[0] for row in rows] == ["v2", "v1"]
    assert "staging latest 1 5 B 1 " in rows[0]
    assert " 1 3 B 0 " in rows[1]
    assert f'href="{SET}/v1"' in text


def test_a_removed_version_is_not_among_them(world: build.Table) -> None:
    first = Collection.objects.get(name="digits_train").versions.get(number=1)
    access = build.access(world.curator, project=world.project)
    delete_version(version=first, reason="wrong", access=access)

    text = text_of(browser(world.viewer).get(SET))

    assert [row.split()[0] for row in rows_of(text, "versions")] == ["v2"]


def test_a_model_is_shown_by_its_status_table(world: build.Table) -> None:
    answer = browser(world.viewer).get(f"{LIST}/model/candidates")

    assert answer.status_code == 302
    assert answer.headers["Location"] == "/main/digits/models/candidates"


def test_a_collection_of_another_type_is_not_there(world: build.Table) -> None:
    assert browser(world.viewer).get(f"{LIST}/model/digits_train").status_code == 404


# --- the registry -------------------------------------------------------------------------------


def linked(world: build.Table, place: Project, name: str = "Digits") -> None:
    """A version of a data set of that project, linked into the registry."""
    data = build.collection(world.editor, place, "shared", type="dataset")
    version = build.version(world.editor, data)
    shelf = build.collection(world.editor, None, name, type="dataset")
    link_version(artifact=version.artifact, collection=shelf, access=build.access(world.curator))


def test_a_data_set_in_the_registry_has_its_pages(world: build.Table) -> None:
    linked(world, world.project)
    client = browser(world.viewer)

    assert rows_of(text_of(client.get("/main/artifacts")), "collections")[0].startswith("Digits")
    assert "v1" in rows_of(text_of(client.get("/main/artifacts/dataset/Digits")), "versions")[0]
    page = "/main/artifacts/dataset/Digits/v1"
    assert "Digits v1 dataset" in words(text_of(client.get(page)))
    assert client.get(f"{page}/files/data.bin").status_code == 200
    from_project = text_of(client.get("/main/digits/artifacts/dataset/shared/v1"))
    assert f'href="{page}"' in from_project


def test_what_comes_from_a_hidden_project_is_not_in_the_registry(world: build.Table) -> None:
    owner = build.user(role=Role.ADMIN)
    secret = build.project(owner, "secret", private=True)
    data = build.collection(owner, secret, "canary", type="dataset")
    version = build.version(owner, data)
    shelf = build.collection(owner, None, "Digits", type="dataset")
    link_version(artifact=version.artifact, collection=shelf, access=build.access(owner))
    client = browser(world.viewer)

    listed = rows_of(text_of(client.get("/main/artifacts")), "collections")
    assert listed[0].startswith("Digits dataset 0 –")
    assert "No version stands here" in text_of(client.get("/main/artifacts/dataset/Digits"))
    assert client.get("/main/artifacts/dataset/Digits/v1").status_code == 404
    assert client.get("/main/secret/artifacts").status_code == 404


def test_another_team_sees_nothing(world: build.Table) -> None:
    stranger = build.user(role=Role.ADMIN, team_name="others")

    for address in (LIST, SET, f"{SET}/v1", "/main/artifacts"):
        assert browser(stranger).get(address).status_code == 404
