"""Reading artifacts: by name and id, in lists, their files, manifests and lineage.

The documents are the client's, shortened where a fragment says nothing new.
"""

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from apps.artifacts.choices import Direction
from apps.artifacts.models import RunArtifact, Version
from apps.artifacts.services import note_use
from apps.projects.models import Project
from tests import build
from tests.wandb.artifact_client import Logging, digest_of, get, md5_of
from tests.wandb.conftest import Caller

pytestmark = pytest.mark.django_db

PROJECT = "fragment ProjectInfo on Project { id internalId name entity { name } }"
COLLECTION = """
fragment CollectionInfo on ArtifactCollection { __typename name project { ...ProjectInfo } }
"""
ARTIFACT = (
    """
fragment ArtifactFragment on Artifact {
  __typename id artifactSequence { __typename name project { ...ProjectInfo } } versionIndex
  artifactType { name } description metadata ttlDurationSeconds ttlIsInherited
  tags { __typename id name } historyStep state size digest digestAlgorithm commitHash fileCount
  createdAt updatedAt
  aliases { artifactCollection { ...CollectionInfo } __typename id alias }
}
"""
    + COLLECTION
    + PROJECT
)
MEMBERSHIP = """
fragment Membership on ArtifactCollectionMembership {
  __typename id versionIndex createdAt aliases { __typename id alias }
  artifactCollection { ...CollectionInfo } artifact { ...ArtifactFragment }
}
"""
BY_NAME = (
    """
query ArtifactMembershipByName($entity: String!, $project: String!, $name: String!) {
  project(name: $project, entityName: $entity) {
    artifactCollectionMembership(name: $name) { ...Membership }
  }
}
"""
    + MEMBERSHIP
    + ARTIFACT
)
OLD_BY_NAME = (
    """
query ArtifactByName($entity: String!, $project: String!, $name: String!) {
  project(name: $project, entityName: $entity) { artifact(name: $name) { ...ArtifactFragment } }
}
"""
    + ARTIFACT
)
BY_ID = "query ArtifactByID($id: ID!) { artifact(id: $id) { ...ArtifactFragment } }" + ARTIFACT
FILES = """
query ArtifactMembershipFiles($project: String!, $collection: String!, $alias: String!,
    $names: [String!], $cursor: String, $perPage: Int = 50) {
  project(name: $project, entityName: "main") {
    artifactCollection(name: $collection) {
      __typename
      artifactMembership(aliasName: $alias) {
        files(names: $names, after: $cursor, first: $perPage) {
          totalCount pageInfo { __typename endCursor hasNextPage }
          edges { node {
            __typename id name: displayName url sizeBytes storagePath mimetype updatedAt digest md5
            directUrl
          } }
        }
      }
    }
  }
}
"""
BY_ENTRIES = """
query ArtifactFileURLsByManifestEntries($id: ID!, $entries: [ArtifactManifestEntryInput!]) {
  artifact(id: $id) {
    filesByManifestEntries(storageLayout: "V2", manifestVersion: "1", entries: $entries) {
      pageInfo { hasNextPage endCursor } edges { node { name directUrl } }
    }
  }
}
"""
LINEAGE = (
    """
query ArtifactLineage($id: ID!) {
  artifact(id: $id) {
    usedBy { edges { node { __typename name project { name entityName } } } }
    createdBy { __typename ... on Run { name project { ...ProjectInfo } } }
  }
}
"""
    + PROJECT
)
OF_RUN = (
    """
query RunOutputArtifacts($run: String!, $perPage: Int, $cursor: String) {
  project(entityName: "main", name: "digits") {
    run(name: $run) {
      made: outputArtifacts(after: $cursor, first: $perPage) {
        totalCount pageInfo { endCursor hasNextPage } edges { node { ...ArtifactFragment } }
      }
      used: inputArtifacts(first: 100) { totalCount edges { node { id } } }
    }
  }
}
"""
    + ARTIFACT
)
IN_COLLECTION = (
    """
query ProjectArtifacts($type: String!, $collection: String!, $cursor: String, $perPage: Int = 50,
    $order: String, $filters: JSONString) {
  project(entityName: "main", name: "digits") {
    artifactType(name: $type) {
      artifactCollection(name: $collection) {
        __typename
        artifacts(after: $cursor, first: $perPage, order: $order, filters: $filters) {
          totalCount pageInfo { endCursor hasNextPage }
          edges { version node { ...ArtifactFragment } }
        }
      }
    }
  }
}
"""
    + ARTIFACT
)
COLLECTIONS = """
query ProjectArtifactCollections($filters: JSONString, $order: String, $perPage: Int,
    $cursor: String) {
  project(entityName: "main", name: "digits") {
    artifactTypes { edges { node { __typename id name description createdAt } } }
    artifactCollections(after: $cursor, first: $perPage, filters: $filters, order: $order) {
      totalCount pageInfo { endCursor hasNextPage }
      edges { node {
        __typename id name description createdAt updatedAt
        project { id internalId name entity { name } }
        type: defaultArtifactType { name } tags { edges { node { __typename id name } } }
      } }
    }
  }
}
"""


def named(asking: Caller, name: str, *, project: str = "digits") -> Any:
    found = asking.ask(BY_NAME, entity="main", project=project, name=name)["project"]
    return found and found["artifactCollectionMembership"]


def words(of: Any) -> list[str]:
    return [alias["alias"] for alias in of["aliases"]]


class TestByName:
    def test_number_alias_latest_digest_and_id(self, editor: Caller) -> None:
        first = Logging(editor, "net", {"a": b"1"}, aliases=["latest", "best"])
        first_id = first.log()
        second_id = Logging(editor, "net", {"a": b"2"}).log()
        digest = digest_of(first.contents)

        found = {
            name: named(editor, f"net:{name}")["artifact"]["id"]
            for name in ("v0", "v1", "latest", "best", digest, first_id)
        }

        assert found == {
            "v0": first_id,
            "v1": second_id,
            "latest": second_id,
            "best": first_id,
            digest: first_id,
            first_id: first_id,
        }
        assert named(editor, "net")["artifact"]["id"] == second_id

    def test_everything_that_the_client_insists_on(self, editor: Caller) -> None:
        Logging(editor, "net", {"a": b"123"}, aliases=["best"], tags=["t"], metadata="{}").log()

        found = named(editor, "net:v0")

        assert (found["__typename"], found["versionIndex"]) == ("ArtifactCollectionMembership", 0)
        assert words(found) == ["latest", "best", "v0"]
        artifact = found["artifact"]
        place = Project.objects.get()
        assert {key: artifact[key] for key in artifact if key not in ("id", "aliases", "tags")} == {
            "__typename": "Artifact",
            "artifactSequence": {
                "__typename": "ArtifactSequence",
                "name": "net",
                "project": {
                    "id": artifact["artifactSequence"]["project"]["id"],
                    "internalId": artifact["artifactSequence"]["project"]["internalId"],
                    "name": place.name,
                    "entity": {"name": "main"},
                },
            },
            "versionIndex": 0,
            "artifactType": {"name": "model"},
            "description": None,
            "metadata": "{}",
            "ttlDurationSeconds": -2,
            "ttlIsInherited": True,
            "historyStep": None,
            "state": "COMMITTED",
            "size": 3,
            "digest": digest_of({"a": {"digest": md5_of(b"123")}}),
            "digestAlgorithm": "MANIFEST_MD5",
            "commitHash": artifact["commitHash"],
            "fileCount": 1,
            "createdAt": artifact["createdAt"],
            "updatedAt": artifact["updatedAt"],
        }
        assert [tag["name"] for tag in artifact["tags"]] == ["t"]
        assert words(artifact) == ["latest", "best", "v0"]
        assert len(artifact["createdAt"]) == len("2026-01-31T12:00:00Z")

    @pytest.mark.parametrize(
        "name",
        ["None:latest", "net:v9", "net:nothing", "net:v01", "net:v999999999999", ":", "net:", ""],
    )
    def test_nothing_is_null_and_no_error(self, editor: Caller, name: str) -> None:
        Logging(editor, "other", {"a": b"1"}).log()

        assert named(editor, name) is None
        assert editor.ask(OLD_BY_NAME, entity="main", project="digits", name=name) == {
            "project": {"artifact": None}
        }

    def test_a_hidden_project_is_as_if_missing(self, editor: Caller, viewer: Caller) -> None:
        build.project(editor.user, private=True)
        artifact_id = Logging(editor, "net", {"a": b"1"}).log()

        assert viewer.ask(BY_NAME, entity="main", project="digits", name="net:v0") == viewer.ask(
            BY_NAME, entity="main", project="missing", name="net:v0"
        )
        assert viewer.ask(BY_ID, id=artifact_id) == {"artifact": None}

    def test_what_is_in_the_bin_is_gone(self, editor: Caller) -> None:
        artifact_id = Logging(editor, "net", {"a": b"1"}).log()
        Version.objects.update(deleted_at="2026-01-01T00:00:00Z")

        assert named(editor, "net:v0") is None
        assert editor.ask(BY_ID, id=artifact_id) == {"artifact": None}

    @pytest.mark.parametrize(
        "artifact_id", ["", "x", "QXJ0aWZhY3Q6", "QXJ0aWZhY3Q6OTk5", "UnVuOjE="]
    )
    def test_ids_of_nothing(self, editor: Caller, artifact_id: str) -> None:
        assert editor.ask(BY_ID, id=artifact_id) == {"artifact": None}

    def test_what_another_door_has_made_has_the_digest_of_its_manifest(
        self, editor: Caller
    ) -> None:
        place = build.project(editor.user)
        build.version(editor.user, build.collection(editor.user, place, "net"), data=b"1")

        artifact = named(editor, "net:v1")["artifact"]

        assert artifact["digest"] == digest_of({"data.bin": {"digest": md5_of(b"1")}})


class TestFiles:
    def test_pages_of_files_with_addresses_that_need_no_key(self, editor: Caller) -> None:
        files = {f"f{n}.txt": str(n).encode() for n in range(3)}
        Logging(editor, "data", files, type="dataset").log()

        def page(cursor: str | None) -> Any:
            asked = {"project": "digits", "collection": "data", "alias": "v0"}
            found = editor.ask(FILES, **asked, cursor=cursor, perPage=2)
            return found["project"]["artifactCollection"]["artifactMembership"]["files"]

        first = page(None)
        second = page(first["pageInfo"]["endCursor"])

        assert first["totalCount"] == 3
        assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (
            True,
            False,
        )
        found = [edge["node"] for edge in first["edges"] + second["edges"]]
        assert {file["name"]: get(file["directUrl"]) for file in found} == files
        assert (found[0]["md5"], found[0]["sizeBytes"], found[0]["mimetype"]) == (
            md5_of(b"0"),
            1,
            "text/plain",
        )

    def test_references_are_listed_for_the_client_to_follow(self, editor: Caller) -> None:
        reference = {"x": {"digest": "e", "size": 1, "ref": "wandb-artifact://41/a"}}
        Logging(editor, "data", {}, reference, type="dataset").log()

        found = editor.ask(FILES, project="digits", collection="data", alias="v0")

        page = found["project"]["artifactCollection"]["artifactMembership"]["files"]
        file = page["edges"][0]["node"]
        assert (file["name"], file["directUrl"], file["digest"]) == ("x", "", "e")

    def test_by_name_and_by_entry(self, editor: Caller) -> None:
        artifact_id = Logging(editor, "data", {"a": b"1", "b": b"2"}).log()
        asked = {"project": "digits", "collection": "data", "alias": "latest", "names": ["b"]}

        found = editor.ask(FILES, **asked)["project"]["artifactCollection"]
        entries = [{"name": "a", "digest": md5_of(b"1"), "birthArtifactID": artifact_id}]
        by_entry = editor.ask(BY_ENTRIES, id=artifact_id, entries=entries)["artifact"]

        assert [e["node"]["name"] for e in found["artifactMembership"]["files"]["edges"]] == ["b"]
        assert [edge["node"]["name"] for edge in by_entry["filesByManifestEntries"]["edges"]] == [
            "a"
        ]


class TestLineage:
    def test_who_used_and_who_made(self, editor: Caller, viewer: Caller) -> None:
        place = build.project(editor.user)
        maker, user = build.run(editor.user, place), build.run(editor.user, place)
        artifact_id = Logging(editor, "data", {"a": b"1"}, run=maker.key).log()
        used = """mutation($id: ID!, $run: String!) { useArtifact(input: {
            artifactID: $id, entityName: "main", projectName: "digits", runName: $run,
            usedAs: "training data"
        }) { artifact { id digest description state createdAt metadata } } }"""

        answer = editor.ask(used, id=artifact_id, run=user.key)["useArtifact"]["artifact"]
        editor.ask(used, id=artifact_id, run=user.key)

        assert (answer["id"], answer["state"]) == (artifact_id, "COMMITTED")
        edge = RunArtifact.objects.get(direction=Direction.USED)
        assert (edge.run, edge.use_as) == (user, "training data")
        lineage = viewer.ask(LINEAGE, id=artifact_id)["artifact"]
        assert [one["node"]["name"] for one in lineage["usedBy"]["edges"]] == [user.key]
        assert (lineage["createdBy"]["__typename"], lineage["createdBy"]["name"]) == (
            "Run",
            maker.key,
        )
        assert viewer.refused(used, id=artifact_id, run=user.key)

    def test_runs_of_hidden_projects_are_not_told(self, editor: Caller, viewer: Caller) -> None:
        artifact_id = Logging(editor, "data", {"a": b"1"}).log()
        secret = build.project(editor.user, "secret", private=True)
        run = build.run(editor.user, secret)
        note_use(
            run=run,
            artifact=Version.objects.get().artifact,
            access=build.access(editor.user, project=secret),
        )

        asked = [one.ask(LINEAGE, id=artifact_id)["artifact"] for one in (editor, viewer)]

        assert [len(one["usedBy"]["edges"]) for one in asked] == [1, 0]

    def test_what_a_run_made_and_used(self, editor: Caller) -> None:
        place = build.project(editor.user)
        run = build.run(editor.user, place)
        for n in range(3):
            Logging(editor, f"net-{n}", {"a": str(n).encode()}, run=run.key).log()

        first = editor.ask(OF_RUN, run=run.key, perPage=2)["project"]["run"]["made"]
        cursor = first["pageInfo"]["endCursor"]
        second = editor.ask(OF_RUN, run=run.key, perPage=2, cursor=cursor)["project"]["run"]

        assert (first["totalCount"], second["used"]["totalCount"]) == (3, 0)
        found = [
            edge["node"]["artifactSequence"]["name"]
            for edge in first["edges"] + second["made"]["edges"]
        ]
        assert found == ["net-0", "net-1", "net-2"]


class TestLists:
    def test_the_versions_of_a_collection(self, editor: Caller) -> None:
        for n in range(3):
            tags = ["even"] if n % 2 == 0 else []
            Logging(editor, "net", {"a": str(n).encode()}, tags=tags).log()

        def versions(**asked: Any) -> list[str]:
            found = editor.ask(IN_COLLECTION, type="model", collection="net", **asked)
            page = found["project"]["artifactType"]["artifactCollection"]["artifacts"]
            assert page["totalCount"] >= len(page["edges"])
            return [edge["version"] for edge in page["edges"]]

        assert versions(filters='{"state":"COMMITTED"}') == ["v2", "v1", "v0"]
        assert versions(order="+createdAt") == ["v0", "v1", "v2"]
        assert versions(filters='{"$or":[{"tag":"even"}]}') == ["v2", "v0"]
        assert versions(filters='{"alias":"latest"}') == ["v2"]
        assert versions(filters='{"alias":{"$in":["v0","latest"]}}') == ["v2", "v0"]
        assert versions(filters='{"version":{"$gte":1}}') == ["v2", "v1"]
        assert versions(filters='{"state":"DELETED"}') == []

    def test_collections_and_types(self, editor: Caller) -> None:
        Logging(editor, "net", {"a": b"1"}).log()
        Logging(editor, "mnist", {"a": b"1"}, type="dataset").log()

        def collections(**asked: Any) -> list[tuple[str, str]]:
            page = editor.ask(COLLECTIONS, **asked)["project"]["artifactCollections"]
            nodes = [edge["node"] for edge in page["edges"]]
            return [(node["name"], node["type"]["name"]) for node in nodes]

        assert collections(order="name") == [("mnist", "dataset"), ("net", "model")]
        assert collections(order="-name", perPage=1) == [("net", "model")]
        assert collections(filters='{"name":{"$regex":"^mn.*"}}') == [("mnist", "dataset")]
        assert collections(filters='{"name":{"$regex":"^(mni.t|x)$"}}') == [("mnist", "dataset")]
        assert collections(filters='{"name":{"$regex":"t.*mnis"}}') == []
        assert collections(filters='{"name":{"$not":{"$in":["net"]}}}') == [("mnist", "dataset")]
        types = editor.ask(COLLECTIONS)["project"]["artifactTypes"]["edges"]
        assert [edge["node"]["name"] for edge in types] == ["dataset", "model"]

    @pytest.mark.parametrize(
        "filters",
        [
            "{",
            "[]",
            '{"owner__password":"x"}',
            '{"team__memberships__user__password":{"$contains":"x"}}',
            '{"name":{"$where":"1"}}',
            '{"name":{"$regex":"(a+)+$"}}',
            '{"$or":[{"name":{"$regex":"[a-z][01]"}},{"name":{"$regex":"[a-z]_[01]"}}]}',
            '{"name":{"$in":"x"}}',
            '{"name":7}',
            '{"created_at":{"$gt":"yesterday"}}',
            '{"$or":{}}',
            '{"$and":' * 40 + "[]" + "}" * 40,
            '{"$or":[' + ",".join(['{"name":"x"}'] * 101) + "]}",
        ],
    )
    def test_filters_that_are_none(self, editor: Caller, filters: str) -> None:
        Logging(editor, "net", {"a": b"1"}).log()

        editor.refused(COLLECTIONS, filters=filters)

    def test_orders_and_cursors_that_are_none(self, editor: Caller) -> None:
        Logging(editor, "net", {"a": b"1"}).log()

        editor.refused(COLLECTIONS, order="-team__name")
        editor.refused(COLLECTIONS, cursor="x")
        editor.refused(COLLECTIONS, perPage=-1)


class TestQueries:
    """A list costs the same number of queries for one row and for several."""

    @pytest.mark.parametrize("count", [1, 4])
    def test_of_a_run(
        self, editor: Caller, count: int, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        run = build.run(editor.user, build.project(editor.user))
        for n in range(count):
            Logging(editor, f"n{n}", {"a": str(n).encode()}, run=run.key, aliases=["best"]).log()

        with django_assert_num_queries(QUERIES_OF_RUN):
            editor.ask(OF_RUN, run=run.key)

    @pytest.mark.parametrize("count", [1, 4])
    def test_of_a_collection(
        self, editor: Caller, count: int, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for n in range(count):
            Logging(editor, "net", {"a": str(n).encode()}, tags=["t"]).log()

        with django_assert_num_queries(QUERIES_OF_COLLECTION):
            editor.ask(IN_COLLECTION, type="model", collection="net")

    @pytest.mark.parametrize("count", [1, 4])
    def test_of_a_project(
        self, editor: Caller, count: int, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for n in range(count):
            Logging(editor, f"net{n}", {"a": b"1"}).log()

        with django_assert_num_queries(QUERIES_OF_PROJECT):
            editor.ask(COLLECTIONS)


# The key, the place, the rows, their count; then what their nodes show, once for all of them.
QUERIES_OF_RUN = 14
QUERIES_OF_COLLECTION = 13
QUERIES_OF_PROJECT = 7
