"""Aliases, metadata, tags, names, deletion: what may be changed, and by whom."""

import json
from typing import Any

import pytest

from apps.accounts.choices import Role
from apps.artifacts.models import ArtifactVersion, Collection, CollectionTag, Version
from apps.artifacts.queries import metadata_of
from apps.artifacts.tags import tags_of
from apps.audit.models import Event
from tests import build
from tests.wandb.artifact_client import Logging
from tests.wandb.conftest import Caller, caller
from tests.wandb.test_artifacts import labels_of

pytestmark = pytest.mark.django_db

ADD = """
mutation AddAliases($input: AddAliasesInput!) { result: addAliases(input: $input) { success } }
"""
DELETE_ALIASES = """
mutation DeleteAliases($input: DeleteAliasesInput!) {
  result: deleteAliases(input: $input) { success }
}
"""
UPDATE = """
mutation UpdateArtifact($input: UpdateArtifactInput!) {
  result: updateArtifact(input: $input) {
    artifact { id description metadata ttlDurationSeconds ttlIsInherited tags { name }
      aliases { alias artifactCollection { name } } }
  }
}
"""
CORE_UPDATE = """
mutation UpdateArtifact ($artifactID: ID!, $metadata: JSONString) {
  updateArtifact(input: {artifactID: $artifactID, metadata: $metadata}) { artifact { id } }
}
"""
DELETE = """
mutation DeleteArtifact($input: DeleteArtifactInput!) {
  result: deleteArtifact(input: $input) { artifact { id } }
}
"""
RENAME = """
mutation UpdateArtifactSequence($input: UpdateArtifactSequenceInput!) {
  result: updateArtifactSequence(input: $input) {
    artifactCollection { __typename id name description tags { edges { node { name } } } }
  }
}
"""
MOVE = """
mutation UpdateArtifactSequenceType($input: MoveArtifactSequenceInput!) {
  result: moveArtifactSequence(input: $input) { artifactCollection { __typename name } }
}
"""
DROP = """
mutation DeleteArtifactSequence($id: ID!) {
  result: deleteArtifactSequence(input: {artifactSequenceID: $id}) {
    artifactCollection { __typename state }
  }
}
"""
TAG = """
mutation AddArtifactCollectionTags($input: CreateArtifactCollectionTagAssignmentsInput!) {
  result: createArtifactCollectionTagAssignments(input: $input) { tags { __typename id name } }
}
"""
UNTAG = """
mutation DeleteArtifactCollectionTags($input: DeleteArtifactCollectionTagAssignmentsInput!) {
  result: deleteArtifactCollectionTagAssignments(input: $input) { success }
}
"""
COLLECTION_ID = """
{ project(entityName: "main", name: "digits") { artifactCollection(name: "net") { id } } }
"""


def aliases(artifact_id: str, *words: str, name: str = "net", project: str = "digits") -> Any:
    return {
        "artifactID": artifact_id,
        "aliases": [
            {
                "entityName": "main",
                "projectName": project,
                "artifactCollectionName": name,
                "alias": word,
            }
            for word in words
        ],
    }


@pytest.fixture
def curator(db: None) -> Caller:
    return caller(build.user("curator", role=Role.CURATOR))


class TestAliases:
    def test_an_alias_is_a_promotion(self, editor: Caller) -> None:
        first = Logging(editor, "net", {"a": b"1"}).log()
        second = Logging(editor, "net", {"a": b"2"}).log()

        editor.ask(ADD, input=aliases(first, "best", "latest", "v5"))
        editor.ask(ADD, input=aliases(second, "best"))

        versions = list(Version.objects.order_by("number"))
        assert [labels_of(one) for one in versions] == [[], ["best"]]
        moves = Event.objects.filter(kind="label.moved")
        assert [(event.actor_name, event.key_id is not None) for event in moves] == [
            ("editor", True)
        ] * 2

    def test_taking_one_away_twice(self, editor: Caller) -> None:
        artifact_id = Logging(editor, "net", {"a": b"1"}, aliases=["best", "other"]).log()

        for _ in range(2):
            assert editor.ask(DELETE_ALIASES, input=aliases(artifact_id, "best")) == {
                "result": {"success": True}
            }

        assert labels_of(Version.objects.get()) == ["other"]

    def test_a_protected_one_is_for_curators(self, editor: Caller, curator: Caller) -> None:
        artifact_id = Logging(editor, "net", {"a": b"1"}).log()

        message = editor.refused(ADD, input=aliases(artifact_id, "fine", "production"))
        assert "role curator" in message
        assert labels_of(Version.objects.get()) == []

        curator.ask(ADD, input=aliases(artifact_id, "production"))
        editor.refused(DELETE_ALIASES, input=aliases(artifact_id, "production"))
        assert labels_of(Version.objects.get()) == ["production"]

    def test_old_clients_send_all_of_them(self, editor: Caller) -> None:
        artifact_id = Logging(editor, "net", {"a": b"1"}, aliases=["one", "two"]).log()
        sent = [{"artifactCollectionName": "net", "alias": word} for word in ("two", "three")]

        found = editor.ask(UPDATE, input={"artifactID": artifact_id, "aliases": sent})

        assert labels_of(Version.objects.get()) == ["three", "two"]
        words = [alias["alias"] for alias in found["result"]["artifact"]["aliases"]]
        assert words == ["latest", "three", "two", "v0"]

    def test_what_is_wrong_changes_nothing(self, editor: Caller, stranger: Caller) -> None:
        artifact_id = Logging(editor, "net", {"a": b"1"}).log()
        Logging(editor, "other", {"a": b"2"}).log()
        events = Event.objects.count()

        for wrong in (
            aliases(artifact_id, *(f"a{n}" for n in range(101))),
            aliases(artifact_id, "a/b"),
            aliases(artifact_id, "a:b"),
            aliases(artifact_id, "x" * 300),
            aliases(artifact_id, "best", name="other"),
            aliases(artifact_id, "best", name="missing"),
            aliases(artifact_id, "best", project="missing"),
            {"artifactID": artifact_id, "aliases": ["best"]},
            {"artifactID": artifact_id, "aliases": "best"},
            {"artifactID": "QXJ0aWZhY3Q6OTk5", "aliases": []},
        ):
            editor.refused(ADD, input=wrong)
        stranger.refused(ADD, input=aliases(artifact_id, "best"))

        assert Event.objects.count() == events


class TestUpdate:
    def test_metadata_description_tags_and_ttl(self, editor: Caller) -> None:
        logging = Logging(editor, "net", {"a": b"1"}, metadata='{"acc": 1}', tags=["old"])
        artifact_id = logging.log()

        changed = {
            "artifactID": artifact_id,
            "description": "words",
            "metadata": '{"acc": 2, "loss": NaN}',
            "tagsToAdd": [{"tagName": "new"}],
            "tagsToDelete": [{"tagName": "old"}],
            "ttlDurationSeconds": 3600,
        }
        found = editor.ask(UPDATE, input=changed)["result"]["artifact"]

        assert (found["description"], json.loads(found["metadata"])) == (
            "words",
            {"acc": 2, "loss": "NaN"},
        )
        assert (found["ttlDurationSeconds"], found["ttlIsInherited"]) == (3600, False)
        assert [tag["name"] for tag in found["tags"]] == ["new"]
        artifact = ArtifactVersion.objects.get()
        assert json.loads(artifact.metadata) == {"acc": 1}
        assert metadata_of(artifact) == {"acc": 2, "loss": "NaN"}
        assert tags_of(artifact) == {"new": ""}

    def test_what_is_not_given_stays(self, editor: Caller) -> None:
        artifact_id = Logging(editor, "net", {"a": b"1"}, metadata='{"acc": 1}', tags=["t"]).log()
        editor.ask(UPDATE, input={"artifactID": artifact_id, "description": "words"})

        editor.ask(CORE_UPDATE, artifactID=artifact_id, metadata='{"acc": 3}')

        artifact = ArtifactVersion.objects.get()
        assert (artifact.description, metadata_of(artifact)) == ("words", {"acc": 3})
        assert tags_of(artifact) == {"t": ""}

    @pytest.mark.parametrize("metadata", ["{", "[]", "7", '{"a":' * 100])
    def test_metadata_that_are_none(self, editor: Caller, metadata: str) -> None:
        artifact_id = Logging(editor, "net", {"a": b"1"}).log()

        editor.refused(UPDATE, input={"artifactID": artifact_id, "metadata": metadata})

        assert ArtifactVersion.objects.get().later_metadata == ""

    def test_what_no_text_can_hold_is_mended_in_metadata(self, editor: Caller) -> None:
        artifact_id = Logging(editor, "net", {"a": b"1"}, metadata='{"raw": "a\\u0000"}').log()
        assert metadata_of(ArtifactVersion.objects.get()) == {"raw": "a\ufffd"}

        editor.ask(CORE_UPDATE, artifactID=artifact_id, metadata='{"half": "\\ud800"}')

        assert metadata_of(ArtifactVersion.objects.get()) == {"half": "\ufffd"}

    def test_viewers_and_strangers_change_nothing(
        self, editor: Caller, viewer: Caller, stranger: Caller
    ) -> None:
        artifact_id = Logging(editor, "net", {"a": b"1"}).log()
        events = Event.objects.count()

        for other in (viewer, stranger):
            for change in (
                {"metadata": "{}"},
                {"description": "x"},
                {"tagsToAdd": [{"tagName": "x"}]},
                {"ttlDurationSeconds": 5},
                {"aliases": [{"alias": "x"}]},
            ):
                other.refused(UPDATE, input={"artifactID": artifact_id, **change})
            other.refused(DELETE, input={"artifactID": artifact_id, "deleteAliases": True})

        assert Event.objects.count() == events


class TestDelete:
    def test_into_the_bin(self, curator: Caller) -> None:
        artifact_id = Logging(curator, "net", {"a": b"1"}).log()

        curator.ask(DELETE, input={"artifactID": artifact_id, "deleteAliases": False})

        assert Version.objects.get().deleted_at is not None

    def test_one_with_aliases_only_when_they_may_go(self, curator: Caller) -> None:
        artifact_id = Logging(curator, "net", {"a": b"1"}, aliases=["best"]).log()
        asked = {"artifactID": artifact_id, "deleteAliases": False}

        assert "holds best" in curator.refused(DELETE, input=asked)
        assert Version.objects.get().deleted_at is None

        curator.ask(DELETE, input={**asked, "deleteAliases": True})
        assert Version.objects.get().deleted_at is not None

    def test_editors_may_not(self, editor: Caller) -> None:
        artifact_id = Logging(editor, "net", {"a": b"1"}).log()

        message = editor.refused(DELETE, input={"artifactID": artifact_id, "deleteAliases": True})

        assert "role curator" in message
        assert Version.objects.get().deleted_at is None


class TestCollections:
    def test_rename_describe_and_tag(self, editor: Caller) -> None:
        Logging(editor, "net", {"a": b"1"}).log()
        found = editor.ask(COLLECTION_ID)["project"]["artifactCollection"]["id"]
        where = {"entityName": "main", "projectName": "digits", "artifactCollectionName": "better"}
        changed = {"artifactSequenceID": found, "name": "better", "description": "words"}

        editor.ask(RENAME, input=changed)
        tagged = editor.ask(TAG, input={**where, "tags": [{"tagName": "a"}, {"tagName": "b"}]})
        editor.ask(UNTAG, input={**where, "tags": [{"tagName": "a"}, {"tagName": "none"}]})

        collection = Collection.objects.get()
        assert (collection.name, collection.description) == ("better", "words")
        assert [tag["name"] for tag in tagged["result"]["tags"]] == ["a", "b"]
        assert list(CollectionTag.objects.values_list("name", flat=True)) == ["b"]
        # The client logs on under the new name, and numbers go on.
        Logging(editor, "better", {"a": b"2"}).log()
        assert Version.objects.latest("number").number == 1

    def test_names_that_are_taken_or_none(self, editor: Caller) -> None:
        Logging(editor, "net", {"a": b"1"}).log()
        Logging(editor, "other", {"a": b"1"}).log()
        found = editor.ask(COLLECTION_ID)["project"]["artifactCollection"]["id"]

        for name in ("other", "OTHER", "a/b", "", "x" * 300):
            editor.refused(RENAME, input={"artifactSequenceID": found, "name": name})

        assert Collection.objects.filter(name="net").exists()

    def test_the_type_stays(self, editor: Caller) -> None:
        Logging(editor, "net", {"a": b"1"}).log()
        found = editor.ask(COLLECTION_ID)["project"]["artifactCollection"]["id"]
        asked = {"artifactSequenceID": found, "destinationArtifactTypeName": "dataset"}

        assert "stays of type model" in editor.refused(MOVE, input=asked)

    def test_deleting_one(self, editor: Caller, curator: Caller) -> None:
        Logging(editor, "net", {"a": b"1"}, aliases=["best"]).log()
        found = editor.ask(COLLECTION_ID)["project"]["artifactCollection"]["id"]

        assert "role curator" in editor.refused(DROP, id=found)
        answer = curator.ask(DROP, id=found)

        assert answer["result"]["artifactCollection"] == {
            "__typename": "ArtifactSequence",
            "state": "DELETED",
        }
        assert not Collection.objects.exists()
        # In the bin it keeps its name, and the client is told.
        editor_again = Logging(editor, "net", {"a": b"2"})
        assert "bin" in editor.refused(
            "mutation($input: X!) { createArtifact(input: $input) { artifact { id } } }",
            input=editor_again.input,
        )
