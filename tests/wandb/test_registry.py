"""The registry: linking into it, reading it under the client's names for it, and unlinking."""

import base64
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from apps.accounts.choices import Role
from apps.artifacts.models import Collection, Version
from apps.audit.models import Event
from tests import build
from tests.wandb.artifact_client import Logging
from tests.wandb.conftest import Caller, caller
from tests.wandb.test_artifact_reads import ARTIFACT, MEMBERSHIP, named, words
from tests.wandb.test_artifacts import labels_of

pytestmark = pytest.mark.django_db

LINK = (
    """
mutation LinkArtifact($input: LinkArtifactInput!) {
  result: linkArtifact(input: $input) {
    versionIndex artifactMembership @include(if: true) { ...Membership }
  }
}
"""
    + MEMBERSHIP
    + ARTIFACT
)
CORE_LINK = """
mutation LinkArtifact ($artifactPortfolioName: String!, $entityName: String!,
    $projectName: String!, $aliases: [ArtifactAliasInput!], $clientId: ID, $artifactId: ID) {
  linkArtifact(input: {artifactPortfolioName: $artifactPortfolioName, entityName: $entityName,
      projectName: $projectName, aliases: $aliases, artifactID: $artifactId,
      clientID: $clientId}) { versionIndex }
}
"""
LINKED = """
query FetchLinkedArtifacts($artifactID: ID!) {
  artifact(id: $artifactID) { artifactMemberships { edges { node {
    versionIndex createdAt aliases { __typename id alias }
    artifactCollection { __typename name project { name } }
  } } } }
}
"""
UNLINK = """
mutation UnlinkArtifact($input: UnlinkArtifactInput!) {
  result: unlinkArtifact(input: $input) { success }
}
"""
ORG = """
query FetchOrgInfoFromEntity($entity: String!) {
  entity(name: $entity) {
    organization { name orgEntity { name } }
    user { organizations { name orgEntity { name } } }
  }
}
"""
ORGANIZATION = """
query FetchOrganization($org: String!) {
  organization(name: $org) {
    id name orgEntity { __typename id name entityType }
    advancedRegistryFeatures { advancedSearch }
  }
}
"""
REGISTRIES = """
query FetchRegistries($filters: JSONString, $order: String, $perPage: Int) {
  organization(name: "main") { orgEntity {
    projects(filters: $filters, first: $perPage, order: $order) {
      pageInfo { endCursor hasNextPage }
      edges { node {
        __typename id internalId name entity { name organization { name } } description createdAt
        updatedAt access allowAllArtifactTypes: allowAllArtifactTypesInRegistry
        artifactTypes(includeAll: true) { edges { node { name } } }
      } }
    }
  } }
}
"""
COLLECTIONS = """
query RegistryCollections($registryFilter: JSONString, $collectionFilter: JSONString,
    $collectionTypes: [ArtifactCollectionType!] = [PORTFOLIO], $order: String) {
  organization(name: "main") { orgEntity { name artifactCollections(
    projectFilters: $registryFilter, filters: $collectionFilter,
    collectionTypes: $collectionTypes, order: $order
  ) {
    totalCount pageInfo { endCursor hasNextPage }
    edges { node {
      __typename id name description createdAt updatedAt project { id internalId name }
      type: defaultArtifactType { name } tags { edges { node { name } } }
    } }
  } } }
}
"""
VERSIONS = (
    """
query RegistryVersions($registryFilter: JSONString, $collectionFilter: JSONString,
    $artifactFilter: JSONString, $order: String) {
  organization(name: "main") { orgEntity { name artifactMemberships(
    projectFilters: $registryFilter, collectionFilters: $collectionFilter,
    filters: $artifactFilter, order: $order
  ) { pageInfo { endCursor hasNextPage } edges { node { ...Membership } } } } }
}
"""
    + MEMBERSHIP
    + ARTIFACT
)
COLLECTION_ID = """
query($project: String!, $name: String!) {
  project(entityName: "main", name: $project) { artifactCollection(name: $name) {
    __typename id project { id internalId name }
  } }
}
"""
BAD_CHANGES = [
    'mutation { renameProject(input: {oldProjectName: "wandb-registry-model"}) { inserted } }',
    'mutation { deleteModel(input: {id: "UmVnaXN0cnk6MTp4"}) { success } }',
    'mutation { result: createProjectMembers(input: {userIds: ["x"]}) { success } }',
    'mutation { result: deleteProjectMembers(input: {userIds: ["x"]}) { success } }',
    'mutation { result: updateProjectMember(input: {userId: "x"}) { success } }',
    'mutation { result: updateProjectTeamMember(input: {teamId: "x"}) { success } }',
]


def linking(
    artifact_id: str | None, name: str, *aliases: str, project: str = "model-registry"
) -> dict[str, Any]:
    return {
        "artifactID": artifact_id,
        "artifactPortfolioName": name,
        "entityName": "main",
        "projectName": project,
        "aliases": [{"artifactCollectionName": name, "alias": alias} for alias in aliases],
    }


class TestLink:
    def test_a_registered_model_is_made_on_demand(self, editor: Caller) -> None:
        artifact_id = Logging(editor, "net", {"a": b"1"}).log()

        found = editor.ask(LINK, input=linking(artifact_id, "MNIST", "best", "latest"))["result"]

        model = Collection.objects.get(project=None)
        assert (model.name, model.type, model.next_number) == ("MNIST", "model", 1)
        assert labels_of(Version.objects.get(collection=model)) == ["best"]
        membership = found["artifactMembership"]
        assert (found["versionIndex"], words(membership)) == (0, ["latest", "best", "v0"])
        assert membership["artifactCollection"]["__typename"] == "ArtifactPortfolio"
        assert membership["artifactCollection"]["project"]["name"] == "model-registry"
        assert membership["artifact"]["artifactSequence"]["name"] == "net"

    def test_either_name_of_the_registry_leads_to_the_same_model(self, editor: Caller) -> None:
        first = Logging(editor, "net", {"a": b"1"}).log()
        second = Logging(editor, "net", {"a": b"2"}).log()

        editor.ask(LINK, input=linking(first, "MNIST"))
        editor.ask(LINK, input=linking(second, "MNIST", project="wandb-registry-model"))

        assert Collection.objects.filter(project=None).count() == 1
        for project in ("model-registry", "wandb-registry-model", "wandb-registry-mine"):
            found = named(editor, "MNIST:v1", project=project)
            assert found["artifact"]["id"] == second
            assert found["artifactCollection"]["project"]["name"] == project
            assert words(found) == ["latest", "v1"]

    def test_linking_twice_is_one_version_with_all_aliases(self, editor: Caller) -> None:
        artifact_id = Logging(editor, "net", {"a": b"1"}).log()

        editor.ask(LINK, input=linking(artifact_id, "MNIST", "one"))
        editor.ask(LINK, input=linking(artifact_id, "MNIST", "two"))

        assert labels_of(Version.objects.get(collection__project=None)) == ["one", "two"]

    def test_by_the_clients_own_id(self, editor: Caller) -> None:
        logging = Logging(editor, "net", {"a": b"1"})
        logging.log()

        found = editor.ask(
            CORE_LINK,
            artifactPortfolioName="MNIST",
            entityName="main",
            projectName="model-registry",
            aliases=None,
            clientId=logging.client_id,
            artifactId=None,
        )

        assert found == {"linkArtifact": {"versionIndex": 0}}

    def test_another_collection_of_the_same_project(self, editor: Caller) -> None:
        artifact_id = Logging(editor, "net", {"a": b"1"}).log()

        editor.ask(LINK, input=linking(artifact_id, "chosen", project="digits"))

        assert named(editor, "chosen:v0")["artifact"]["id"] == artifact_id
        assert named(editor, "chosen:v0")["artifact"]["artifactSequence"]["name"] == "net"

    def test_never_into_another_project(self, editor: Caller) -> None:
        build.project(editor.user, "other")
        build.project(editor.user, private=True)
        artifact_id = Logging(editor, "net", {"a": b"1"}).log()

        message = editor.refused(LINK, input=linking(artifact_id, "x", project="other"))

        assert "registry" in message
        assert not Collection.objects.filter(name="x").exists()

    def test_a_protected_alias_links_nothing(self, editor: Caller) -> None:
        artifact_id = Logging(editor, "net", {"a": b"1"}).log()

        message = editor.refused(LINK, input=linking(artifact_id, "MNIST", "production"))

        assert "role curator" in message
        assert not Collection.objects.filter(project=None).exists()

    def test_others_and_what_is_not_committed(
        self, editor: Caller, viewer: Caller, stranger: Caller
    ) -> None:
        artifact_id = Logging(editor, "net", {"a": b"1"}).log()
        begun = Logging(editor, "net", {"a": b"2"}).create()["id"]
        events = Event.objects.count()

        viewer.refused(LINK, input=linking(artifact_id, "MNIST"))
        stranger.refused(LINK, input=linking(artifact_id, "MNIST"))
        stranger.refused(LINK, input={**linking(artifact_id, "MNIST"), "entityName": "elsewhere"})
        editor.refused(LINK, input=linking(begun, "MNIST"))
        editor.refused(LINK, input=linking("QXJ0aWZhY3Q6OTk5", "MNIST"))
        editor.refused(LINK, input=linking(None, "MNIST"))
        editor.refused(LINK, input=linking(artifact_id, "a/b"))
        editor.refused(LINK, input=linking(artifact_id, "MNIST", *map(str, range(101))))

        assert Event.objects.count() == events


class TestRead:
    def test_a_version_of_a_private_project_is_for_who_sees_that(
        self, editor: Caller, viewer: Caller
    ) -> None:
        build.project(editor.user, private=True)
        artifact_id = Logging(editor, "net", {"a": b"1"}).log()
        editor.ask(LINK, input=linking(artifact_id, "MNIST", "best"))

        for alias in ("v0", "latest", "best"):
            assert named(editor, f"MNIST:{alias}", project="model-registry") is not None
            assert named(viewer, f"MNIST:{alias}", project="model-registry") is None
        page = viewer.ask(VERSIONS)["organization"]["orgEntity"]["artifactMemberships"]
        assert page["edges"] == []

    def test_where_it_is_linked(self, editor: Caller) -> None:
        artifact_id = Logging(editor, "net", {"a": b"1"}).log()
        editor.ask(LINK, input=linking(artifact_id, "MNIST", "best"))

        edges = editor.ask(LINKED, artifactID=artifact_id)["artifact"]["artifactMemberships"]

        found = [
            (
                edge["node"]["artifactCollection"]["__typename"],
                edge["node"]["artifactCollection"]["project"]["name"],
                words(edge["node"]),
            )
            for edge in edges["edges"]
        ]
        assert found == [
            ("ArtifactSequence", "digits", ["latest", "v0"]),
            ("ArtifactPortfolio", "wandb-registry-model", ["latest", "best", "v0"]),
        ]

    def test_one_name_for_two_types(self, editor: Caller) -> None:
        model = Logging(editor, "net", {"a": b"1"}).log()
        data = Logging(editor, "data", {"a": b"2"}, type="dataset").log()
        for artifact_id in (model, data):
            editor.ask(LINK, input=linking(artifact_id, "MNIST", project="wandb-registry-all"))

        found = {
            project: named(editor, "MNIST", project=project)["artifact"]["id"]
            for project in ("model-registry", "wandb-registry-model", "wandb-registry-dataset")
        }

        assert found == {
            "model-registry": model,
            "wandb-registry-model": model,
            "wandb-registry-dataset": data,
        }


class TestUnlink:
    def collection(self, asking: Caller) -> str:
        found = asking.ask(COLLECTION_ID, project="model-registry", name="MNIST")
        return str(found["project"]["artifactCollection"]["id"])

    def test_the_source_stays(self, editor: Caller) -> None:
        curator = caller(build.user(role=Role.CURATOR))
        artifact_id = Logging(editor, "net", {"a": b"1"}).log()
        editor.ask(LINK, input=linking(artifact_id, "MNIST"))
        asked = {"artifactID": artifact_id, "artifactPortfolioID": self.collection(editor)}

        assert "role curator" in editor.refused(UNLINK, input=asked)
        assert curator.ask(UNLINK, input=asked) == {"result": {"success": True}}

        assert named(editor, "MNIST:v0", project="model-registry") is None
        assert named(editor, "net:v0")["artifact"]["id"] == artifact_id
        curator.refused(UNLINK, input=asked)

    def test_not_while_it_holds_a_label(self, editor: Caller) -> None:
        curator = caller(build.user(role=Role.CURATOR))
        artifact_id = Logging(editor, "net", {"a": b"1"}).log()
        editor.ask(LINK, input=linking(artifact_id, "MNIST", "best"))
        asked = {"artifactID": artifact_id, "artifactPortfolioID": self.collection(editor)}

        assert "holds best" in curator.refused(UNLINK, input=asked)


class TestRegistries:
    def test_a_team_is_its_own_organisation(self, editor: Caller, stranger: Caller) -> None:
        assert editor.ask(ORG, entity="main")["entity"] == {
            "organization": {"name": "main", "orgEntity": {"name": "main"}},
            "user": None,
        }
        found = editor.ask(ORGANIZATION, org="main")["organization"]
        assert (found["name"], found["orgEntity"]["entityType"]) == ("main", "organization")
        assert found["advancedRegistryFeatures"] == {"advancedSearch": True}
        assert stranger.ask(ORG, entity="main") == {"entity": None}

    def test_one_registry_for_each_type(self, editor: Caller) -> None:
        artifact_id = Logging(editor, "loop", {"a": b"1"}, type="code").log()
        editor.ask(LINK, input=linking(artifact_id, "loop", project="wandb-registry-code"))

        def registries(**asked: Any) -> list[str]:
            edges = editor.ask(REGISTRIES, **asked)["organization"]["orgEntity"]["projects"]
            for edge in edges["edges"]:
                node = edge["node"]
                assert (node["__typename"], node["access"]) == ("Project", "PRIVATE")
                assert node["allowAllArtifactTypes"] is True
                assert len({one["node"]["id"] for one in edges["edges"]}) == len(edges["edges"])
            return [edge["node"]["name"] for edge in edges["edges"]]

        every = ["wandb-registry-code", "wandb-registry-dataset", "wandb-registry-model"]
        assert registries() == every
        assert registries(filters='{"name":"wandb-registry-model"}') == every[2:]
        assert registries(filters='{"name":{"$regex":"^wandb-registry-.*e"}}') == every
        assert registries(filters='{"name":{"$regex":"^wandb-registry-code$"}}') == every[:1]
        assert registries(filters='{"$not":{"name":{"$in":["wandb-registry-code"]}}}') == every[1:]
        editor.refused(REGISTRIES, filters='{"password":"x"}')

    def test_collections_and_versions(self, editor: Caller) -> None:
        model = Logging(editor, "net", {"a": b"1"}, tags=["t"]).log()
        data = Logging(editor, "data", {"a": b"2"}, type="dataset").log()
        editor.ask(LINK, input=linking(model, "MNIST", "best"))
        editor.ask(LINK, input=linking(data, "digits", project="wandb-registry-dataset"))
        found = editor.ask(COLLECTION_ID, project="wandb-registry-model", name="MNIST")
        number = _number(found["project"]["artifactCollection"]["project"]["internalId"])

        def collections(**asked: Any) -> list[str]:
            entity = editor.ask(COLLECTIONS, **asked)["organization"]["orgEntity"]
            return [edge["node"]["name"] for edge in entity["artifactCollections"]["edges"]]

        def versions(**asked: Any) -> list[str]:
            entity = editor.ask(VERSIONS, **asked)["organization"]["orgEntity"]
            nodes = [edge["node"] for edge in entity["artifactMemberships"]["edges"]]
            return [
                f"{node['artifactCollection']['name']}:v{node['versionIndex']}" for node in nodes
            ]

        assert collections(order="name") == ["digits", "MNIST"]
        assert collections(registryFilter=f'{{"project_id":{number}}}') == ["MNIST"]
        assert collections(collectionFilter='{"name":{"$contains":"NIS"}}') == ["MNIST"]
        assert versions() == ["digits:v0", "MNIST:v0"]
        assert versions(registryFilter='{"name":"wandb-registry-model"}') == ["MNIST:v0"]
        assert versions(collectionFilter='{"name":"digits"}') == ["digits:v0"]
        assert versions(artifactFilter='{"alias":"best"}') == ["MNIST:v0"]
        assert versions(artifactFilter='{"tag":"t"}') == ["MNIST:v0"]
        assert versions(artifactFilter='{"alias":"latest"}', order="+created_at") == [
            "MNIST:v0",
            "digits:v0",
        ]

    @pytest.mark.parametrize("document", BAD_CHANGES)
    def test_what_is_not_for_this_client_to_change(self, editor: Caller, document: str) -> None:
        events = Event.objects.count()

        assert editor.refused(document)

        assert Event.objects.count() == events

    @pytest.mark.parametrize("count", [1, 4])
    def test_a_list_costs_the_same_for_one_and_for_several(
        self, editor: Caller, count: int, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for n in range(count):
            artifact_id = Logging(editor, "net", {"a": str(n).encode()}, tags=["t"]).log()
            editor.ask(LINK, input=linking(artifact_id, f"M{n}", "best"))

        with django_assert_num_queries(QUERIES_OF_VERSIONS):
            editor.ask(VERSIONS)


QUERIES_OF_VERSIONS = 13


def _number(internal_id: str) -> int:
    return int(base64.b64decode(internal_id).decode().partition(":")[2])
