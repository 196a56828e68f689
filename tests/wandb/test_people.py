"""Who asks, teams as entities and organisations, projects, keys, and what is not here."""

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.choices import Role, Scope
from apps.accounts.models import ApiKey
from apps.accounts.queries import key_holder
from apps.projects.models import Project
from apps.wandb_api import ids
from apps.wandb_api.features import ENABLED
from apps.wandb_api.models import UnknownField
from tests import build
from tests.wandb.conftest import Caller, caller
from tests.wandb.documents import CREATE_PROJECT, PROJECTS

ORG = """
query FetchOrgInfoFromEntity($entity: String!) {
  entity(name: $entity) {
    organization { name orgEntity { name } }
    user { organizations { name orgEntity { name } } }
  }
}
"""
USERS = """
query SearchUsers($query: String) {
  users(query: $query) { edges { node { username email } } }
}
"""
NEW_KEY = """
mutation GenerateApiKey($description: String) {
  result: generateApiKey(input: {description: $description}) { apiKey { id name description } }
}
"""
END_KEY = """
mutation DeleteApiKey($id: String!) { result: deleteApiKey(input: {id: $id}) { success } }
"""


class TestServer:
    def test_says_what_it_can_do(self, editor: Caller) -> None:
        document = "query ServerFeaturesQuery { serverInfo { features { name isEnabled } } }"
        features = editor.ask(document)["serverInfo"]["features"]
        assert {one["name"] for one in features if one["isEnabled"]} == set(ENABLED)

    def test_asks_no_old_client_to_upgrade(self, editor: Caller) -> None:
        document = """
            query ServerInfo { serverInfo { cliVersionInfo
                latestLocalVersionInfo { outOfDate latestVersionString } } }
        """
        info = editor.ask(document)["serverInfo"]
        assert info["cliVersionInfo"]["max_cli_version"]
        assert info["latestLocalVersionInfo"] is None


class TestTeams:
    def test_a_team_is_its_own_organisation(self, editor: Caller) -> None:
        entity = editor.ask(ORG, entity="main")["entity"]
        assert entity == {
            "organization": {"name": "main", "orgEntity": {"name": "main"}},
            "user": None,
        }

    def test_another_team_is_hidden(self, editor: Caller) -> None:
        build.team("elsewhere")
        assert editor.ask(ORG, entity="elsewhere") == {"entity": None}
        document = 'query { organization(name: "elsewhere") { name } }'
        assert editor.ask(document) == {"organization": None}

    def test_an_organisation_s_entity_says_that_it_is_one(self, editor: Caller) -> None:
        document = 'query { organization(name: "main") { orgEntity { name entityType } } }'
        entity = editor.ask(document)["organization"]["orgEntity"]
        assert entity == {"name": "main", "entityType": "organization"}

    def test_people_of_one_s_teams_are_found(self, editor: Caller, stranger: Caller) -> None:
        build.user("edda")
        found = editor.ask(USERS, query="ed")["users"]["edges"]
        assert [one["node"]["username"] for one in found] == ["edda", "editor"]
        assert stranger.ask(USERS, query="ed")["users"]["edges"] == []


class TestProjects:
    def test_are_listed_as_far_as_they_are_visible(self, editor: Caller) -> None:
        admin = build.user("admin", role=Role.ADMIN)
        build.project(editor.user, "open")
        build.project(admin, "secret", private=True)
        edges = editor.ask(PROJECTS, entity="main")["models"]["edges"]
        assert [one["node"]["name"] for one in edges] == ["open"]
        assert editor.ask(PROJECTS, entity=None)["models"]["edges"] == edges

    def test_cost_the_same_however_many(self, editor: Caller) -> None:
        def count() -> int:
            with CaptureQueriesContext(connection) as captured:
                editor.ask(PROJECTS, entity="main")
            return len(captured)

        build.project(editor.user, "a")
        count()  # the first use of a key is noted
        first = count()
        build.project(build.user(), "b")
        build.project(editor.user, "c")
        assert count() == first

    def test_are_made_once(self, editor: Caller) -> None:
        given = {"entityName": "main", "name": "digits", "description": "small"}
        first = editor.ask(CREATE_PROJECT, input=given)["result"]
        again = editor.ask(CREATE_PROJECT, input=given)["result"]
        assert (first["inserted"], again["inserted"]) == (True, False)
        assert first["project"]["id"] == again["model"]["id"]
        assert Project.objects.get().description == "small"

    def test_are_not_made_by_viewers_nor_elsewhere(self, editor: Caller, viewer: Caller) -> None:
        build.team("elsewhere")
        assert viewer.refused(CREATE_PROJECT, input={"entityName": "main", "name": "digits"})
        assert editor.refused(CREATE_PROJECT, input={"entityName": "elsewhere", "name": "digits"})
        assert not Project.objects.exists()

    def test_a_registry_is_there_without_being_a_project(self, editor: Caller) -> None:
        document = """
            query { project(name: "wandb-registry-model", entityName: "main") {
                id internalId name access runCount runs { edges { node { id } } } } }
        """
        found = editor.ask(document)["project"]
        assert (found["name"], found["access"]) == ("wandb-registry-model", "PRIVATE")
        number = ids.decode("ProjectInternalId", found["internalId"])
        assert number is not None
        assert number > ids.REGISTRY_NUMBERS_FROM
        assert (found["runCount"], found["runs"]) == (0, None)


class TestKeys:
    def test_a_new_one_is_shown_once(self, editor: Caller) -> None:
        made = editor.ask(NEW_KEY, description="for CI")["result"]["apiKey"]
        assert key_holder(made["name"]).user == editor.user
        listed = editor.ask("query { viewer { apiKeys { edges { node { id name } } } } }")
        keys = [edge["node"] for edge in listed["viewer"]["apiKeys"]["edges"]]
        names = {key["id"]: key["name"] for key in keys}
        assert names[made["id"]] == f"…{made['name'][-4:]}"

    def test_a_reading_key_makes_none_and_ends_none(self, editor: Caller) -> None:
        reader = caller(editor.user, scope=Scope.READ)
        assert reader.refused(NEW_KEY, description="more")
        assert reader.refused(END_KEY, id=ids.encode("ApiKey", ApiKey.objects.earliest("pk").pk))
        assert not ApiKey.objects.exclude(revoked_at=None).exists()

    def test_one_s_own_are_ended_and_no_others(self, editor: Caller, stranger: Caller) -> None:
        foreign = ApiKey.objects.get(user=stranger.user)
        assert editor.refused(END_KEY, id=ids.encode("ApiKey", foreign.pk))
        made = editor.ask(NEW_KEY)["result"]["apiKey"]
        assert editor.ask(END_KEY, id=made["id"])["result"] == {"success": True}
        assert set(ApiKey.objects.exclude(revoked_at=None)) == {
            ApiKey.objects.get(pk=ids.decode("ApiKey", made["id"]) or 0)
        }


class TestAbsent:
    @pytest.mark.parametrize(
        ("name", "what"),
        [
            ("upsertSweep", "Sweeps"),
            ("createAgent", "Sweeps"),
            ("pushToRunQueueByName", "Launch queues"),
            ("createFilterTrigger", "Automations"),
            ("upsertView", "Reports"),
            ("createCustomChart", "Custom chart"),
            ("createTeam", "Accounts"),
        ],
    )
    def test_changes_are_refused_in_words(self, editor: Caller, name: str, what: str) -> None:
        document = f'mutation {{ {name}(input: {{a: 1, b: "x"}}) {{ id }} }}'
        assert editor.refused(document).startswith(what)

    def test_lists_are_empty(self, editor: Caller) -> None:
        build.project(editor.user, "digits")
        document = """
            query { project(name: "digits", entityName: "main") {
                totalSweeps sweeps(first: 5) { edges { node { id } } pageInfo { hasNextPage } }
                sweep(sweepName: "x") { id } runQueues { id }
                allViews(viewType: "runs") { edges { node { id } } } } }
        """
        assert editor.ask(document)["project"] == {
            "totalSweeps": 0,
            "sweeps": {"edges": [], "pageInfo": {"hasNextPage": False}},
            "sweep": None,
            "runQueues": [],
            "allViews": {"edges": []},
        }


def test_wishes_are_listed(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("wandb_wishes")
    assert "anything that is not known" in capsys.readouterr().out
    UnknownField.objects.create(
        type="Run", field="shoeSize", client="wandb-core", count=3, last_seen_at=timezone.now()
    )
    call_command("wandb_wishes")
    assert "Run.shoeSize  wandb-core" in capsys.readouterr().out
