"""Walking the lineage: from a version to a run, to what it used, and on."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.choices import Role
from apps.artifacts.lineage import lineage_of, lineage_of_run
from apps.artifacts.models import ArtifactVersion, RunArtifact
from apps.artifacts.services import note_use
from apps.runs.models import Run
from tests import build
from tests.web.test_version_page import section, words
from tests.web.visits import browser, text_of

pytestmark = pytest.mark.django_db

DATA = "/main/digits/artifacts/dataset/data/v1"
MODEL = "/main/digits/models/candidates/versions/1"


@pytest.fixture
def table() -> build.Table:
    """raw -> prepare -> data -> train -> model -> evaluate."""
    table = build.table(())
    editor, place = table.editor, table.project
    access = build.access(editor, project=place)
    raw = build.version(editor, build.collection(editor, place, "raw", type="dataset"))
    prepare = build.run(editor, place, name="prepare")
    note_use(run=prepare, artifact=raw.artifact, access=access)
    data_set = build.collection(editor, place, "data", type="dataset")
    data = build.version(editor, data_set, made_by=prepare)
    train = build.run(editor, place, name="train")
    note_use(run=train, artifact=data.artifact, access=access, use_as="training data")
    model = build.version(editor, table.collection, made_by=train)
    evaluate = build.run(editor, place, name="evaluate")
    note_use(run=evaluate, artifact=model.artifact, access=access)
    return table


def run_page(name: str) -> str:
    return f"/main/digits/runs/{Run.objects.get(name=name).key}"


def test_a_run_is_a_centre_like_any_other(table: build.Table) -> None:
    train = Run.objects.get(name="train")

    near = lineage_of_run(train, table.viewer, steps=1)
    far = lineage_of_run(train, table.viewer, steps=2)

    assert {one.type for one in near.artifacts.values()} == {"dataset", "model"}
    assert {one.name for one in near.runs.values()} == {"train"}
    assert {one.name for one in far.runs.values()} == {"prepare", "train", "evaluate"}
    assert len(far.artifacts) == 3


def test_the_walk_goes_as_far_as_asked(table: build.Table) -> None:
    model = ArtifactVersion.objects.get(type="model")

    runs = [
        {run.name for run in lineage_of(model, table.viewer, steps=steps).runs.values()}
        for steps in (1, 2)
    ]

    assert runs == [{"train", "evaluate"}, {"prepare", "train", "evaluate"}]


def test_every_box_leads_to_the_graph_around_itself(table: build.Table) -> None:
    text = text_of(browser(table.viewer).get(f"{MODEL}/lineage"))

    assert f'href="{run_page("train")}/lineage"' in text
    assert f'href="{DATA}/lineage"' in text
    assert section(text, "made").startswith("Made by train run Open")
    assert section(text, "used").startswith("Used by evaluate run Open")
    assert f'href="{MODEL}"' in text
    assert 'class="role-accent is-current"' in text
    for page in (MODEL, run_page("train")):
        assert f'href="{page}/lineage"' in text_of(browser(table.viewer).get(page))


def test_one_can_walk_on_from_a_run(table: build.Table) -> None:
    text = text_of(browser(table.viewer).get(f"{run_page('train')}/lineage?depth=1"))

    assert section(text, "used").startswith("Used data:v1 dataset as training data Open")
    assert section(text, "made").startswith("Made candidates:v1 model Open")
    assert "evaluate" not in text
    assert f'href="{MODEL}/lineage"' in text


def test_what_stands_alone_says_so(table: build.Table) -> None:
    build.version(
        table.editor, build.collection(table.editor, table.project, "lone", type="dataset")
    )
    build.run(table.editor, table.project, name="idle")
    client = browser(table.viewer)

    for address in ("/main/digits/artifacts/dataset/lone/v1", run_page("idle")):
        assert "It stands alone" in words(text_of(client.get(f"{address}/lineage")))


def test_what_is_hidden_is_no_step(table: build.Table) -> None:
    owner = build.user(role=Role.ADMIN)
    secret = build.project(owner, "secret", private=True)
    hidden = build.run(owner, secret, name="canary")
    data = ArtifactVersion.objects.get(versions__collection__name="data")
    RunArtifact.objects.create(run=hidden, artifact=data, direction="used", at=hidden.started_at)

    assert "canary" not in text_of(browser(table.viewer).get(f"{DATA}/lineage"))
    assert "canary" in text_of(browser(owner).get(f"{DATA}/lineage"))
    assert browser(table.viewer).get(f"/main/secret/runs/{hidden.key}/lineage").status_code == 404


def test_a_run_in_the_bin_is_named_and_leads_nowhere(table: build.Table) -> None:
    train = Run.objects.get(name="train")
    address = run_page("train")
    Run.objects.filter(pk=train.pk).update(deleted_at=train.started_at)

    text = text_of(browser(table.viewer).get(f"{MODEL}/lineage"))

    assert section(text, "made") == "Made by train run, in the bin"
    assert address not in text
    assert browser(table.viewer).get(f"{address}/lineage").status_code == 404


@pytest.mark.parametrize("depth", ["0", "7", "x", "-1", "²"])
def test_a_depth_that_makes_no_sense_is_refused(table: build.Table, depth: str) -> None:
    assert browser(table.viewer).get(f"{DATA}/lineage?depth={depth}").status_code == 400


def test_strangers_see_no_graph(table: build.Table) -> None:
    stranger = browser(build.user(role=Role.ADMIN, team_name="others"))

    for page in (DATA, MODEL, run_page("train")):
        assert stranger.get(f"{page}/lineage").status_code == 404


def test_many_runs_cost_the_queries_of_few(table: build.Table) -> None:
    client = browser(table.viewer)

    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            assert client.get(f"{DATA}/lineage").status_code == 200
        return len(found)

    before = queries()
    access = build.access(table.editor, project=table.project)
    data = ArtifactVersion.objects.get(versions__collection__name="data")
    for _ in range(15):
        run = build.run(table.editor, table.project)
        note_use(run=run, artifact=data, access=access)
        build.version(table.editor, table.collection, made_by=run)
    assert queries() == before
