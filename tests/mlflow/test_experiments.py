"""Experiments are projects: named, searched, tagged, deleted and restored as mlflow has it."""

from collections.abc import Callable

import pytest

from apps.accounts.choices import Role
from apps.audit.models import Event
from apps.mlflow_api.models import Experiment
from apps.projects.models import Project
from tests import build
from tests.mlflow.conftest import Caller

pytestmark = pytest.mark.django_db

Calling = Callable[..., Caller]
ABSENT = (404, "RESOURCE_DOES_NOT_EXIST")
INVALID = (400, "INVALID_PARAMETER_VALUE")
TAKEN = (400, "RESOURCE_ALREADY_EXISTS")
DENIED = (403, "PERMISSION_DENIED")


def create(caller: Caller, name: str, **more: object) -> str:
    return str(caller.post("experiments/create", name=name, **more)["experiment_id"])


def get(caller: Caller, experiment_id: str) -> dict[str, object]:
    found: dict[str, object] = caller.get("experiments/get", experiment_id=experiment_id)
    return found["experiment"]  # type: ignore[return-value]


def names(caller: Caller, **query: object) -> list[str]:
    found = caller.post("experiments/search", **query)
    return [one["name"] for one in found.get("experiments", [])]


class TestMaking:
    def test_an_experiment_is_a_project(self, caller: Caller) -> None:
        key = create(caller, "MNIST / first try", tags=[{"key": "team", "value": "vision"}])
        project = Project.objects.get(pk=key)
        assert (project.name, project.title) == ("MNIST-first-try", "MNIST / first try")
        experiment = get(caller, key)
        assert experiment["name"] == "MNIST / first try"
        assert experiment["artifact_location"] == f"mlflow-artifacts:/{key}"
        assert experiment["lifecycle_stage"] == "active"
        assert experiment["tags"] == [{"key": "team", "value": "vision"}]
        assert isinstance(experiment["creation_time"], int)

    def test_a_name_is_taken_once(self, caller: Caller) -> None:
        create(caller, "a")
        assert caller.refused("POST", "experiments/create", {"name": "a"}) == TAKEN

    def test_names_that_make_the_same_address_live_side_by_side(self, caller: Caller) -> None:
        keys = {create(caller, name) for name in ("a b", "a/b", "A B", "日本", "中国", "runs")}
        assert len(keys) == 6
        assert Project.objects.get(experiment__name="runs").name == "runs-2"

    @pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": 5}, {"name": "x" * 501}])
    def test_a_wrong_name_is_refused(self, caller: Caller, body: dict[str, object]) -> None:
        assert caller.refused("POST", "experiments/create", body) == INVALID
        assert not Project.objects.exclude(experiment__is_default=True).exists()

    def test_a_project_made_elsewhere_is_an_experiment(self, caller: Caller) -> None:
        place = build.project(caller.user, "digits")
        found = caller.get("experiments/get-by-name", experiment_name="digits")["experiment"]
        assert found["experiment_id"] == str(place.pk)
        assert caller.refused("POST", "experiments/create", {"name": "digits"}) == TAKEN

    def test_a_viewer_may_not(self, calling: Calling) -> None:
        viewer = calling(Role.VIEWER)
        assert viewer.refused("POST", "experiments/create", {"name": "a"}) == DENIED


class TestTheDefault:
    def test_it_is_there_from_the_start(self, caller: Caller) -> None:
        experiment = get(caller, "0")
        assert (experiment["experiment_id"], experiment["name"]) == ("0", "Default")
        assert names(caller) == ["Default"]

    def test_each_team_has_its_own(self, calling: Calling) -> None:
        ours, theirs = calling(), calling(team_name="others")
        get(ours, "0")
        get(theirs, "0")
        assert Experiment.objects.filter(is_default=True).count() == 2

    def test_a_viewer_sees_it(self, calling: Calling) -> None:
        assert get(calling(Role.VIEWER), "0")["name"] == "Default"

    def test_it_cannot_be_deleted(self, calling: Calling) -> None:
        admin = calling(Role.ADMIN)
        assert admin.refused("POST", "experiments/delete", {"experiment_id": "0"}) == INVALID


class TestFinding:
    def test_by_name(self, caller: Caller) -> None:
        key = create(caller, "a b")
        found = caller.get("experiments/get-by-name", experiment_name="a b")["experiment"]
        assert found["experiment_id"] == key
        for name in ("a-b", "A b", "nothing"):
            assert caller.refused("GET", "experiments/get-by-name", experiment_name=name) == ABSENT

    @pytest.mark.parametrize("key", ["999999", "x", "-1", "1" * 30, "٣", "0x1", "1.0"])
    def test_what_is_not_there(self, caller: Caller, key: str) -> None:
        assert caller.refused("GET", "experiments/get", experiment_id=key) == ABSENT

    def test_strangers_see_nothing(self, calling: Calling) -> None:
        owner, stranger = calling(Role.ADMIN), calling(Role.ADMIN, team_name="others")
        key = create(owner, "secret")
        assert stranger.refused("GET", "experiments/get", experiment_id=key) == ABSENT
        assert names(stranger) == ["Default"]
        body = {"experiment_id": key, "key": "a", "value": "b"}
        assert stranger.refused("POST", "experiments/set-experiment-tag", body) == ABSENT

    def test_a_private_project_is_seen_by_its_people(self, calling: Calling) -> None:
        owner, other = calling(), calling()
        place = build.project(owner.user, "secret", private=True)
        assert "secret" in names(owner)
        assert "secret" not in names(other)
        assert other.refused("GET", "experiments/get", experiment_id=str(place.pk)) == ABSENT


class TestSearching:
    def test_newest_first_and_by_pages(self, caller: Caller) -> None:
        for name in "abcde":
            create(caller, name)
        first = caller.post("experiments/search", max_results=4)
        assert [one["name"] for one in first["experiments"]] == ["e", "d", "c", "b"]
        second = caller.get(
            "experiments/search", max_results=4, page_token=first["next_page_token"]
        )
        assert [one["name"] for one in second["experiments"]] == ["a", "Default"]
        assert "next_page_token" not in second

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("name = 'a'", ["a"]),
            ("attribute.name != 'a'", ["b", "Default"]),
            ("name LIKE '_'", ["b", "a"]),
            ("name ILIKE 'DEF%'", ["Default"]),
            ("tags.team = 'vision'", ["a"]),
            ("tags.team != 'vision'", ["b"]),
            ("tags.team IS NULL", ["Default"]),
            ("tag.`team` IS NOT NULL AND name = 'b'", ["b"]),
            ("tags.team LIKE 'vis%'", ["a"]),
            ("creation_time > 0", ["b", "a", "Default"]),
            ("creation_time > 99999999999999999", []),
            ("last_update_time >= 1.5", ["b", "a", "Default"]),
            ("experiment_id = '0'", ["Default"]),
            ("experiment_id IN ('0', 'x')", ["Default"]),
            ("experiment_id NOT IN ('0')", ["b", "a"]),
            ("experiment_id LIKE '%z%'", []),
            ("tags.`mlflow.note.content` = 'about b'", ["b"]),
            ("tags.`mlflow.note.content` IS NULL", ["a", "Default"]),
        ],
    )
    def test_filters(self, caller: Caller, text: str, found: list[str]) -> None:
        get(caller, "0")
        create(caller, "a", tags=[{"key": "team", "value": "vision"}])
        note = {"key": "mlflow.note.content", "value": "about b"}
        create(caller, "b", tags=[{"key": "team", "value": "text"}, note])
        assert names(caller, filter=text) == found

    @pytest.mark.parametrize(
        ("order", "found"),
        [
            (["name"], ["Default", "e1", "e2"]),
            (["name DESC"], ["e2", "e1", "Default"]),
            (["experiment_id"], ["Default", "e1", "e2"]),
            (["creation_time ASC"], ["Default", "e1", "e2"]),
            (["last_update_time DESC", "name ASC"], ["e1", "e2", "Default"]),
        ],
    )
    def test_orders(self, caller: Caller, order: list[str], found: list[str]) -> None:
        get(caller, "0")
        key = create(caller, "e1")
        create(caller, "e2")
        tag = {"experiment_id": key, "key": "x", "value": "y"}
        caller.post("experiments/set-experiment-tag", **tag)
        assert names(caller, order_by=order) == found

    @pytest.mark.parametrize(
        "body",
        [
            {"filter": "metrics.a > 1"},
            {"filter": 5},
            {"order_by": ["nothing"]},
            {"order_by": "name"},
            {"max_results": 0},
            {"max_results": 50_001},
            {"max_results": -1},
            {"max_results": "many"},
            {"page_token": "garbage"},
            {"page_token": "eyJvZmZzZXQiOiAxfQ=="},
            {"view_type": "SOME"},
        ],
    )
    def test_what_cannot_be_meant_is_refused(self, caller: Caller, body: dict[str, object]) -> None:
        assert caller.refused("POST", "experiments/search", body) == INVALID


class TestChanging:
    def test_a_new_name_leaves_the_address(self, caller: Caller) -> None:
        key = create(caller, "a")
        caller.post("experiments/update", experiment_id=key, new_name="b / c")
        assert get(caller, key)["name"] == "b / c"
        project = Project.objects.get(pk=key)
        assert (project.name, project.title) == ("a", "b / c")

    def test_a_project_made_elsewhere_can_be_renamed(self, caller: Caller) -> None:
        place = build.project(caller.user, "digits")
        caller.post("experiments/update", experiment_id=str(place.pk), new_name="Digits!")
        assert names(caller, filter="name LIKE 'D%!'") == ["Digits!"]

    def test_not_to_no_name(self, caller: Caller) -> None:
        body = {"experiment_id": create(caller, "a")}
        for name in ({}, {"new_name": ""}):
            assert caller.refused("POST", "experiments/update", body | name)[0] == 400

    def test_not_to_a_name_that_is_taken(self, caller: Caller) -> None:
        create(caller, "a")
        body = {"experiment_id": create(caller, "b"), "new_name": "a"}
        assert caller.refused("POST", "experiments/update", body) == TAKEN

    def test_tags(self, caller: Caller) -> None:
        key = create(caller, "a")
        for value in ("1", "2", ""):
            caller.post("experiments/set-experiment-tag", experiment_id=key, key="k", value=value)
        assert get(caller, key)["tags"] == [{"key": "k", "value": ""}]
        caller.post("experiments/delete-experiment-tag", experiment_id=key, key="k")
        assert "tags" not in get(caller, key)
        body = {"experiment_id": key, "key": "k"}
        assert caller.refused("POST", "experiments/delete-experiment-tag", body) == ABSENT

    def test_the_description_is_the_projects(self, caller: Caller) -> None:
        key = create(caller, "a")
        note = {"key": "mlflow.note.content", "value": "about *a*"}
        caller.post("experiments/set-experiment-tag", experiment_id=key, **note)
        assert Project.objects.get(pk=key).description == "about *a*"
        assert get(caller, key)["tags"] == [note]

    def test_every_change_is_an_event(self, caller: Caller) -> None:
        key = create(caller, "a")
        before = Event.objects.count()
        caller.post("experiments/set-experiment-tag", experiment_id=key, key="k", value="v")
        assert Event.objects.count() == before + 1

    @pytest.mark.parametrize("key", ["", "a" * 251, "../a", "/a", "a//b", "a\nb", "a=b", "."])
    def test_a_key_has_a_form(self, caller: Caller, key: str) -> None:
        body = {"experiment_id": create(caller, "a"), "key": key, "value": "v"}
        assert caller.refused("POST", "experiments/set-experiment-tag", body) == INVALID


class TestDeleting:
    def test_into_the_bin_and_back(self, calling: Calling) -> None:
        admin = calling(Role.ADMIN)
        key = create(admin, "a")
        admin.post("experiments/delete", experiment_id=key)
        assert get(admin, key)["lifecycle_stage"] == "deleted"
        assert names(admin) == ["Default"]
        assert names(admin, view_type="DELETED_ONLY") == ["a"]
        assert names(admin, view_type="ALL") == ["a", "Default"]
        found = admin.get("experiments/get-by-name", experiment_name="a")["experiment"]
        assert found["lifecycle_stage"] == "deleted"
        assert admin.refused("POST", "experiments/create", {"name": "a"}) == TAKEN
        body = {"experiment_id": key, "key": "a", "value": "b"}
        assert admin.refused("POST", "experiments/set-experiment-tag", body) == INVALID
        assert admin.refused("POST", "runs/create", {"experiment_id": key}) == INVALID
        assert admin.refused("POST", "experiments/delete", {"experiment_id": key}) == ABSENT

        admin.post("experiments/restore", experiment_id=key)
        assert get(admin, key)["lifecycle_stage"] == "active"
        assert admin.refused("POST", "experiments/restore", {"experiment_id": key}) == ABSENT

    def test_only_who_administers_may(self, calling: Calling) -> None:
        editor = calling()
        key = create(editor, "a")
        assert editor.refused("POST", "experiments/delete", {"experiment_id": key}) == DENIED
        assert get(editor, key)["lifecycle_stage"] == "active"

    def test_not_what_has_versions_in_the_registry(self, calling: Calling) -> None:
        admin = calling(Role.ADMIN)
        place = build.project(admin.user, "digits")
        build.version(admin.user, build.collection(admin.user, None), place=place)
        body = {"experiment_id": str(place.pk)}
        assert admin.refused("POST", "experiments/delete", body) == INVALID
        assert Project.objects.filter(pk=place.pk).exists()
