"""What may change after sealing, on pages: tags everywhere, metadata beside what was sealed."""

import pytest

from apps.artifacts.services import change_metadata
from apps.artifacts.tags import change_tags
from apps.registry.services.stages import move_to_stage
from tests import build
from tests.web.test_version_page import section, words
from tests.web.visits import browser, text_of

pytestmark = pytest.mark.django_db

MODEL = "/main/digits/models/candidates"


@pytest.fixture
def table() -> build.Table:
    return build.table((0.5, 0.3))


def page(table: build.Table, address: str) -> str:
    return text_of(browser(table.viewer).get(address))


class TestTags:
    def test_on_a_model_its_version_and_its_artifact(self, table: build.Table) -> None:
        version = table.collection.versions.get(number=1)
        allowed = build.access(table.curator, project=table.project)
        change_tags(tagged=table.collection, access=allowed, put={"task": "<digits>"})
        change_tags(tagged=version, access=allowed, put={"reviewed": ""})
        change_tags(
            tagged=version.artifact, access=allowed, put={"framework": "torch", "mlflow.x": "1"}
        )
        assert '<bdi>task</bdi><span class="muted">:&nbsp;</span><bdi>&lt;digits&gt;</bdi>' in page(
            table, MODEL
        )
        about = section(page(table, f"{MODEL}/versions/1"), "about")
        assert "reviewed" in about
        assert "framework" in about
        assert "mlflow.x" not in about
        assert "reviewed" not in section(page(table, f"{MODEL}/versions/2"), "about")

    def test_on_a_collection_that_is_no_model(self, table: build.Table) -> None:
        shelf = build.collection(table.editor, table.project, "letters", type="dataset")
        build.version(table.editor, shelf)
        allowed = build.access(table.curator, project=table.project)
        change_tags(tagged=shelf, access=allowed, put={"licence": "CC0"})
        assert "licence" in page(table, "/main/digits/artifacts/dataset/letters")

    def test_a_tag_without_end_is_cut(self, table: build.Table) -> None:
        allowed = build.access(table.curator, project=table.project)
        change_tags(tagged=table.collection, access=allowed, put={"k" * 255: "v" * 90_000})
        assert "v" * 2_000 not in page(table, MODEL)


class TestLaterMetadata:
    def test_what_it_is_now_and_what_was_sealed(self, table: build.Table) -> None:
        shelf = table.collection
        version = build.version(table.editor, shelf, metadata={"a": 1, "gone": "x", "same": 7})
        allowed = build.access(table.editor, project=table.project)
        change_metadata(
            artifact=version.artifact, metadata={"a": 2, "same": 7, "new": "<b>"}, access=allowed
        )
        text = section(page(table, f"{MODEL}/versions/{version.number}"), "metadata")
        assert "changed since" in text
        for said in ("a 1 → 2", "gone x → –", "new – →"):
            assert said in words(text), said
        assert "same 7 →" not in words(text)

    def test_metadata_that_was_left_alone_says_nothing(self, table: build.Table) -> None:
        version = build.version(table.editor, table.collection, metadata={"a": 1})
        text = page(table, f"{MODEL}/versions/{version.number}")
        assert "changed since" not in section(text, "metadata")


def test_a_stage_is_said_to_be_one(table: build.Table) -> None:
    version = table.collection.versions.get(number=1)
    move_to_stage(version=version, stage="staging", access=build.access(table.curator))
    text = page(table, f"{MODEL}/versions/1")
    assert words(section(text, "why")).count("staging") == 1
    assert "stage" in words(section(text, "why")).split()
