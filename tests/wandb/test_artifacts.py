"""Logging artifacts: from CreateArtifact to CommitArtifact, also again, together and in parts."""

import hashlib
import json
from itertools import product
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from apps.accounts.choices import Role
from apps.artifacts.models import ArtifactVersion, Collection, RunArtifact, Version
from apps.artifacts.tags import tags_of
from apps.audit.models import Event
from apps.projects.models import Project
from tests import build
from tests.wandb.artifact_client import (
    COMMIT,
    CREATE,
    FILES,
    UPDATE_MANIFEST,
    Logging,
    digest_of,
    get,
    manifest_text,
    md5_of,
    put,
)
from tests.wandb.conftest import Caller, caller

pytestmark = pytest.mark.django_db

MANIFEST_OF = """
query FetchArtifactManifest($id: ID!) {
  artifact(id: $id) { digest currentManifest { file { directUrl } } }
}
"""
# The key, what was begun, the place; what is held of the files, and that it stays.
QUERIES_OF_ASKING = 5
# The same; then the manifest, what it names, the version with its number and its event.
QUERIES_OF_SEALING = 37
CLIENT_ID = (
    "query ClientIDMapping($clientID: ID!) { clientIDMapping(clientID: $clientID) { serverID } }"
)


def manifest_of(asking: Caller, artifact_id: str) -> dict[str, Any]:
    found = asking.ask(MANIFEST_OF, id=artifact_id)
    text = get(found["artifact"]["currentManifest"]["file"]["directUrl"])
    manifest: dict[str, Any] = json.loads(text)
    return manifest


def labels_of(version: Version) -> list[str]:
    held = version.holdings.filter(held_until=None).order_by("label")
    return list(held.values_list("label", flat=True))


class TestOne:
    def test_what_is_logged_is_sealed_as_version_0(self, editor: Caller) -> None:
        place = build.project(editor.user)
        run = build.run(editor.user, place)
        logging = Logging(
            editor,
            "net",
            {"model.h5": b"weights", "notes/a.txt": b"words"},
            run=run.key,
            aliases=["latest", "best", "v7"],
            tags=["fast"],
            metadata='{"acc": 0.9, "odd": NaN}',
            step=7,
        )

        artifact_id = logging.log()

        version = Version.objects.get()
        assert (version.number, version.collection.name) == (0, "net")
        artifact = version.artifact
        assert (artifact.type, artifact.file_count, artifact.size_bytes) == ("model", 2, 12)
        assert json.loads(artifact.metadata) == {"acc": 0.9, "odd": "NaN"}
        assert tags_of(artifact) == {"fast": ""}
        assert labels_of(version) == ["best"]
        edge = RunArtifact.objects.get()
        assert (edge.run, edge.direction, edge.step) == (run, "made", 7)
        served = manifest_of(editor, artifact_id)
        assert {path: entry["digest"] for path, entry in served["contents"].items()} == {
            "model.h5": md5_of(b"weights"),
            "notes/a.txt": md5_of(b"words"),
        }

    def test_types_and_names_of_files_are_as_people_give_them(self, editor: Caller) -> None:
        files = {"take #3; final?.wav": b"1", "100%/%41 & more.txt": b"2"}

        artifact_id = Logging(editor, "net", files, type="raw data").log()

        assert set(manifest_of(editor, artifact_id)["contents"]) == set(files)
        assert Collection.objects.get().type == "raw data"

    def test_the_project_is_made_and_numbers_go_up(self, editor: Caller) -> None:
        Logging(editor, "net", {"a": b"1"}).log()
        Logging(editor, "net", {"a": b"2"}).log()

        assert Project.objects.get().name == "digits"
        assert list(Version.objects.order_by("number").values_list("number", flat=True)) == [0, 1]

    def test_what_the_project_holds_is_not_sent_again(self, editor: Caller) -> None:
        Logging(editor, "net", {"a": b"same", "b": b"other"}).log()
        again = Logging(editor, "net", {"c": b"new", "a": b"same"})

        created = again.create()
        nodes = again.ask_files(created["id"])

        assert [bool(node["uploadUrl"]) for node in nodes] == [True, False]
        assert [node["artifact"]["id"] for node in nodes] == [created["id"]] * 2
        assert created["artifactSequence"]["latestArtifact"]["versionIndex"] == 0

    @pytest.mark.parametrize("count", [1, 4])
    def test_asking_for_many_files_takes_no_more_queries(
        self, editor: Caller, count: int, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        logging = Logging(editor, "net", {f"f{n}": str(n).encode() for n in range(count)})
        artifact_id = logging.create()["id"]

        with django_assert_num_queries(QUERIES_OF_ASKING):
            nodes = logging.ask_files(artifact_id)

        assert len(nodes) == count

    @pytest.mark.parametrize("count", [1, 4])
    def test_sealing_many_files_takes_no_more_queries(
        self, editor: Caller, count: int, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        logging = Logging(editor, "net", {f"f{n}": str(n).encode() for n in range(count)})
        artifact_id = logging.send()

        with django_assert_num_queries(QUERIES_OF_SEALING):
            logging.commit(artifact_id)

    def test_other_projects_contents_must_be_sent(self, editor: Caller) -> None:
        Logging(editor, "net", {"a": b"secret"}, project="one").log()
        elsewhere = Logging(editor, "net", {"a": b"secret"}, project="two")

        created = elsewhere.create()

        assert created["state"] == "PENDING"
        assert elsewhere.ask_files(created["id"])[0]["uploadUrl"] is not None

    def test_references_are_kept_as_text_and_handed_back(self, editor: Caller) -> None:
        reference = {
            "digest": "etag-1",
            "size": 5,
            "ref": "s3://bucket/x",
            "extra": {"etag": "etag-1", "versionID": "7"},
            "local_path": "/home/ana/x",
        }
        logging = Logging(editor, "data", {"a": b"1"}, {"x": reference}, type="dataset")

        artifact_id = logging.log()

        entries = manifest_of(editor, artifact_id)["contents"]
        assert entries["x"] == {
            "digest": "etag-1",
            "size": 5,
            "ref": "s3://bucket/x",
            "extra": {"etag": "etag-1", "versionID": "7"},
        }
        assert entries["a"]["birthArtifactID"] == artifact_id

    def test_an_empty_artifact(self, editor: Caller) -> None:
        artifact_id = Logging(editor, "empty").log()

        assert manifest_of(editor, artifact_id)["contents"] == {}


class TestAgain:
    def test_the_same_client_id_is_the_same_artifact(self, editor: Caller) -> None:
        logging = Logging(editor, "net", {"a": b"1"}, client_id="c" * 128)

        first, second = logging.create(), logging.create()

        assert first["id"] == second["id"]
        assert ArtifactVersion.objects.count() == 1

    def test_a_second_commit_changes_nothing(self, editor: Caller) -> None:
        logging = Logging(editor, "net", {"a": b"1"}, aliases=["best"])
        artifact_id = logging.log()
        events = Event.objects.count()

        assert logging.commit(artifact_id)["id"] == artifact_id
        assert (Version.objects.count(), Event.objects.count()) == (1, events)

    def test_the_same_content_is_the_same_version(self, editor: Caller) -> None:
        first = Logging(editor, "net", {"a": b"1"}).log()
        again = Logging(editor, "net", {"a": b"1"}, aliases=["latest", "best"], client_id="again")

        created = again.create()

        assert (created["id"], created["state"]) == (first, "COMMITTED")
        assert labels_of(Version.objects.get()) == ["best"]
        assert editor.ask(CLIENT_ID, clientID="again") == {"clientIDMapping": {"serverID": first}}

    def test_an_older_version_is_found_again_but_never_latest(self, editor: Caller) -> None:
        first = Logging(editor, "net", {"a": b"1"}).log()
        Logging(editor, "net", {"a": b"2"}).log()

        without = Logging(editor, "net", {"a": b"1"}, aliases=["old"]).create()
        third = Logging(editor, "net", {"a": b"1"}, aliases=["latest"]).log()

        assert (without["id"], without["state"]) == (first, "COMMITTED")
        assert third != first
        newest = Version.objects.latest("number")
        assert newest.number == 2
        assert newest.artifact.files.get().blob_id == hashlib.sha256(b"1").hexdigest()

    def test_what_the_domain_finds_to_be_the_same_keeps_the_clients_id(
        self, editor: Caller
    ) -> None:
        place = build.project(editor.user)
        into = build.collection(editor.user, place, "net")
        standing = build.version(editor.user, into, data=b"1").artifact
        logging = Logging(editor, "net", {"data.bin": b"1"})

        artifact_id = logging.log()

        assert Version.objects.count() == 1
        assert editor.ask(MANIFEST_OF, id=artifact_id)["artifact"]["digest"] == digest_of(
            logging.contents
        )
        assert ArtifactVersion.objects.get() == standing


class TestTogether:
    def test_writers_with_one_distributed_id_fill_one_version(self, editor: Caller) -> None:
        one = Logging(
            editor,
            "shards",
            {"a": b"1"},
            type="dataset",
            distributed_id="together",
            manifest_type="PATCH",
        )
        two = Logging(
            editor,
            "shards",
            {"b": b"2"},
            type="dataset",
            distributed_id="together",
            manifest_type="PATCH",
        )

        assert one.send() == two.send()
        artifact_id = two.log()

        entries = manifest_of(editor, artifact_id)["contents"]
        assert sorted(entries) == ["a", "b"]
        assert Version.objects.count() == 1
        found = editor.ask(MANIFEST_OF, id=artifact_id)["artifact"]["digest"]
        assert found == digest_of(entries)

    def test_an_incremental_version_adds_to_the_newest(self, editor: Caller) -> None:
        Logging(editor, "data", {"a": b"1", "b": b"1"}, type="dataset").log()
        added = Logging(
            editor, "data", {"b": b"2", "c": b"3"}, type="dataset", manifest_type="INCREMENTAL"
        )

        artifact_id = added.log()

        entries = manifest_of(editor, artifact_id)["contents"]
        assert {path: entry["digest"] for path, entry in entries.items()} == {
            "a": md5_of(b"1"),
            "b": md5_of(b"2"),
            "c": md5_of(b"3"),
        }
        assert Version.objects.count() == 2


class TestRefused:
    def test_a_collection_of_another_type(self, editor: Caller) -> None:
        Logging(editor, "net", {"a": b"1"}).log()
        other = Logging(editor, "net", {"a": b"2"}, type="dataset")

        message = editor.refused(CREATE, input=other.input)

        assert "type model" in message
        assert ArtifactVersion.objects.count() == 1

    def test_a_protected_alias_says_who_may_before_anything_is_sent(self, editor: Caller) -> None:
        logging = Logging(editor, "net", {"a": b"1"}, aliases=["latest", "production"])

        message = editor.refused(CREATE, input=logging.input)

        assert "role curator" in message
        assert not Collection.objects.exists()

    def test_a_curator_may_log_straight_to_production(self, db: None) -> None:
        curator = caller(build.user("curator", role=Role.CURATOR))

        Logging(curator, "net", {"a": b"1"}, aliases=["latest", "production"]).log()

        assert labels_of(Version.objects.get()) == ["production"]

    def test_too_many_aliases(self, editor: Caller) -> None:
        logging = Logging(editor, "net", {"a": b"1"}, aliases=[f"a{n}" for n in range(101)])

        assert "100 aliases" in editor.refused(CREATE, input=logging.input)
        assert not ArtifactVersion.objects.exists()

    def test_a_file_that_was_never_sent(self, editor: Caller) -> None:
        logging = Logging(editor, "net", {"model.h5": b"weights"})
        artifact_id = logging.create()["id"]
        logging.send_manifest(artifact_id)

        message = editor.refused(COMMIT, artifactID=artifact_id)

        assert "model.h5" in message
        assert not Version.objects.exists()

    def test_a_file_of_another_project_by_its_md5(self, editor: Caller) -> None:
        Logging(editor, "net", {"a": b"secret"}, project="one").log()
        thief = Logging(editor, "net", {"a": b"secret"}, project="two")
        artifact_id = thief.create()["id"]
        thief.send_manifest(artifact_id)

        assert "have not arrived" in editor.refused(COMMIT, artifactID=artifact_id)

    def test_no_manifest(self, editor: Caller) -> None:
        logging = Logging(editor, "net", {"a": b"1"})
        artifact_id = logging.create()["id"]
        logging.announce(artifact_id)

        assert "No manifest" in editor.refused(COMMIT, artifactID=artifact_id)

    def test_a_manifest_that_was_announced_and_never_sent(self, editor: Caller) -> None:
        logging = Logging(editor, "net", {"a": b"1"})
        artifact_id = logging.create()["id"]
        logging.announce(artifact_id, md5_of(b"something"))

        assert "not arrived" in editor.refused(COMMIT, artifactID=artifact_id)

    def test_a_manifest_that_is_not_the_one_announced_at_the_beginning(
        self, editor: Caller
    ) -> None:
        logging = Logging(editor, "net", {"a": b"1"})
        artifact_id = logging.create()["id"]
        logging.send_files(artifact_id)
        text = manifest_text({"b": {"digest": md5_of(b"1"), "size": 1}})
        logging.send_manifest(artifact_id, text)

        assert "not " in editor.refused(COMMIT, artifactID=artifact_id)
        assert not Version.objects.exists()

    @pytest.mark.parametrize(
        "path",
        ["../x", "/etc/passwd", "a/../../b", "a\\b", "C:/x", "file:///etc/passwd", "a//b", "x%00"],
    )
    def test_paths_that_lead_elsewhere(self, editor: Caller, path: str) -> None:
        logging = Logging(editor, "net", {"ok": b"1"})
        artifact_id = logging.create()["id"]
        logging.send_files(artifact_id)
        logging.send_manifest(
            artifact_id, manifest_text({path: {"digest": md5_of(b"1"), "size": 1}})
        )

        assert "path" in editor.refused(COMMIT, artifactID=artifact_id)
        assert not Version.objects.exists()

    def test_a_path_is_refused_at_the_end_only(self, editor: Caller) -> None:
        """0.17 asks in a thread, and waits for ever when that ends with a refusal."""
        logging = Logging(editor, "net", {"../x": b"1"})

        (node,) = logging.ask_files(logging.create()["id"])

        assert put(node["uploadUrl"], b"1").status_code == 200

    @pytest.mark.parametrize(
        "text",
        [
            b"{",
            b"[]",
            b'"x"',
            b'{"version": 2, "contents": {}}',
            b'{"version": 1}',
            b'{"version": 1, "contents": []}',
            b'{"version": 1, "contents": {"a": 1}}',
            b'{"version": 1, "contents": {"a": {"digest": 1}}}',
            b'{"version": 1, "contents": {"a": {"digest": "short"}}}',
            b'{"version": 1, "contents": {"a": {"digest": "x", "ref": 1}}}',
            b'{"version": 1, "contents": {"a": {"digest": "x", "ref": "y", "size": -1}}}',
            b'{"version": 1, "contents": {"a": {"digest": "x", "ref": "y", "size": 1e400}}}',
            b'{"version": 1, "contents": {"a": {"digest": "\\u0000", "ref": "y"}}}',
            b'{"version": 1, "contents": ' + b'{"a":' * 200 + b"1" + b"}" * 201,
            b"\xff\xfe",
        ],
    )
    def test_manifests_that_are_none(self, editor: Caller, text: bytes) -> None:
        logging = Logging(editor, "net", {"a": b"1"})
        artifact_id = logging.create()["id"]
        logging.send_manifest(artifact_id, text)

        editor.refused(COMMIT, artifactID=artifact_id)

        assert not Version.objects.exists()

    def test_bytes_that_are_not_what_was_announced(self, editor: Caller) -> None:
        logging = Logging(editor, "net", {"a": b"1"})
        artifact_id = logging.create()["id"]
        address = logging.ask_files(artifact_id)[0]["uploadUrl"]

        assert put(address, b"something else").status_code in (400, 422)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            *product(("md5", "artifactID"), (None, 7, "", "../x", [], {"a": 1})),
            *product(("name",), (None, 7, [], {"a": 1})),
        ],
    )
    def test_files_that_are_none(self, editor: Caller, field: str, value: object) -> None:
        artifact_id = Logging(editor, "net", {"a": b"1"}).create()["id"]
        asked = {"artifactID": artifact_id, "name": "a", "md5": md5_of(b"1"), field: value}

        editor.refused(FILES, input={"artifactFiles": [asked]})

    def test_a_sealed_artifact_takes_no_more(self, editor: Caller) -> None:
        logging = Logging(editor, "net", {"a": b"1"})
        artifact_id = logging.log()
        asked = {"artifactID": artifact_id, "name": "b", "md5": md5_of(b"2")}

        assert "sealed" in editor.refused(FILES, input={"artifactFiles": [asked]})


class TestRights:
    def test_viewers_strangers_and_readers_log_nothing(
        self, editor: Caller, viewer: Caller, stranger: Caller
    ) -> None:
        build.project(editor.user)
        for other in (viewer, stranger):
            other.refused(CREATE, input=Logging(other, "net", {"a": b"1"}).input)

        assert not Collection.objects.exists()

    def test_what_was_begun_is_hidden_from_others(self, editor: Caller, stranger: Caller) -> None:
        logging = Logging(editor, "net", {"a": b"1"}, client_id="mine")
        artifact_id = logging.send()
        manifest_id = logging.announce(artifact_id)["id"]
        missing = stranger.refused(COMMIT, artifactID="QXJ0aWZhY3Q6OTk5OTk5")
        asked = {"artifactID": artifact_id, "name": "b", "md5": md5_of(b"2")}

        assert stranger.refused(COMMIT, artifactID=artifact_id) == missing
        assert stranger.refused(FILES, input={"artifactFiles": [asked]}) == missing
        stranger.refused(
            UPDATE_MANIFEST,
            artifactManifestID=manifest_id,
            digest=md5_of(b"x"),
            baseArtifactID=None,
            includeUpload=True,
        )
        assert stranger.ask(CLIENT_ID, clientID="mine") == {"clientIDMapping": None}
        assert stranger.ask(MANIFEST_OF, id=artifact_id) == {"artifact": None}
        assert not Version.objects.exists()

    def test_a_viewer_reads_what_was_committed(self, editor: Caller, viewer: Caller) -> None:
        artifact_id = Logging(editor, "net", {"a": b"1"}).log()
        begun = Logging(editor, "net", {"a": b"2"}).create()["id"]

        assert list(manifest_of(viewer, artifact_id)["contents"]) == ["a"]
        assert viewer.ask(MANIFEST_OF, id=begun) == {"artifact": None}

    def test_a_link_to_a_manifest_dies_with_the_right_to_read(
        self, editor: Caller, viewer: Caller
    ) -> None:
        artifact_id = Logging(editor, "net", {"a": b"1"}).log()
        found = viewer.ask(MANIFEST_OF, id=artifact_id)
        address = found["artifact"]["currentManifest"]["file"]["directUrl"]
        viewer.user.is_active = False
        viewer.user.save()

        assert Client().get(urlsplit(address).path).status_code == 403
