"""Registered models and their versions: names, numbers, aliases, stages, sources, who may."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.choices import Role, Scope
from apps.artifacts.models import ArtifactVersion, Collection, LabelHolding, Version
from apps.artifacts.queries import files_of
from apps.audit.models import Event
from apps.bin.services.restoring import restore_collection
from apps.content.models import Blob
from apps.projects.models import Project
from apps.registry.services.promotion import promote_version
from apps.runs.files import NewFile, put_files
from apps.runs.models import Run
from apps.runs.services import finish_run, log_points
from apps.series.services import Batch
from tests import build
from tests.mlflow.conftest import Caller

NAME = "MNIST"


@pytest.fixture
def curator(calling: Callable[..., Caller]) -> Caller:
    return calling(Role.CURATOR)


@pytest.fixture
def run(caller: Caller) -> Run:
    return build.run(caller.user, build.project(caller.user))


def make(caller: Caller, name: str = NAME, **said: Any) -> Any:
    return caller.post("registered-models/create", name=name, **said)["registered_model"]


def register(
    caller: Caller, name: str = NAME, source: str = "s3://bucket/model", **said: Any
) -> Any:
    body = {"name": name, "source": source} | said
    return caller.post("model-versions/create", **body)["model_version"]


def sealed(name: str, number: int = 1) -> Version:
    """A version of a registered model."""
    return Version.objects.get(collection__name=name, collection__project=None, number=number)


def keep(run: Run, caller: Caller, files: dict[str, bytes]) -> None:
    new = [
        NewFile(path, Blob.objects.get(pk=build.content(run.project_id, data).digest))
        for path, data in files.items()
    ]
    put_files(run=run, files=new, access=build.access(caller.user, project=run.project))


def get(caller: Caller, name: str = NAME) -> Any:
    return caller.get("registered-models/get", name=name)["registered_model"]


def version(caller: Caller, number: int, name: str = NAME) -> Any:
    found = caller.get("model-versions/get", name=name, version=str(number))
    return found["model_version"]


class TestNames:
    def test_a_model_is_made_described_and_found(self, caller: Caller) -> None:
        made = make(caller, description="digits", tags=[{"key": "team", "value": "vision"}])

        assert made == {
            "name": NAME,
            "creation_timestamp": made["creation_timestamp"],
            "last_updated_timestamp": made["last_updated_timestamp"],
            "description": "digits",
            "tags": [{"key": "team", "value": "vision"}],
        }
        assert get(caller) == made
        changed = caller.patch("registered-models/update", name=NAME, description="ten digits")
        assert changed["registered_model"]["description"] == "ten digits"
        collection = Collection.objects.get(name=NAME)
        assert (collection.project, collection.type) == (None, "model")

    def test_a_second_of_the_name_is_refused_in_the_word_that_clients_act_on(
        self, caller: Caller
    ) -> None:
        make(caller)

        for name in (NAME, NAME.lower()):
            assert caller.refused("POST", "registered-models/create", {"name": name}) == (
                400,
                "RESOURCE_ALREADY_EXISTS",
            )

    @pytest.mark.parametrize("name", ["", " ", "a/b", "a:b", "..", "x" * 257, 7, "a\x00"])
    def test_what_is_no_name(self, caller: Caller, name: object) -> None:
        assert caller.refused("POST", "registered-models/create", {"name": name}) == (
            400,
            "INVALID_PARAMETER_VALUE",
        )

    def test_a_long_name(self, caller: Caller) -> None:
        make(caller, "x" * 256)

        assert get(caller, "x" * 256)["name"] == "x" * 256

    def test_one_that_is_not_there(self, caller: Caller) -> None:
        missing = (404, "RESOURCE_DOES_NOT_EXIST")
        body = {"name": NAME}

        assert caller.refused("GET", "registered-models/get", **body) == missing
        assert caller.refused("PATCH", "registered-models/update", body) == missing
        renaming = body | {"new_name": "b"}
        assert caller.refused("POST", "registered-models/rename", renaming) == missing
        assert caller.refused("POST", "registered-models/get-latest-versions", body) == missing
        tag = body | {"key": "a", "value": "b"}
        assert caller.refused("POST", "registered-models/set-tag", tag) == missing
        assert caller.refused("GET", "registered-models/alias", name=NAME, alias="a") == missing

    def test_renaming(self, caller: Caller) -> None:
        make(caller)
        make(caller, "other")
        register(caller)

        renamed = caller.post("registered-models/rename", name=NAME, new_name="digits")

        assert renamed["registered_model"]["name"] == "digits"
        assert version(caller, 1, "digits")["name"] == "digits"
        body = {"name": "digits", "new_name": "other"}
        assert caller.refused("POST", "registered-models/rename", body) == (
            400,
            "RESOURCE_ALREADY_EXISTS",
        )

    def test_a_deleted_name_is_free_and_the_deleted_model_is_restored_under_another(
        self, caller: Caller, curator: Caller
    ) -> None:
        make(caller)
        register(caller)
        first = Collection.objects.get(name=NAME)

        status = caller.refused("DELETE", "registered-models/delete", {"name": NAME})
        assert status == (403, "PERMISSION_DENIED")
        curator.delete("registered-models/delete", name=NAME)
        assert caller.refused("GET", "registered-models/get", name=NAME)[0] == 404
        make(caller)

        assert register(caller)["version"] == "1"
        restore_collection(collection=first, access=build.access(curator.user))
        names = set(Collection.objects.values_list("name", flat=True))
        assert names == {NAME, f"{NAME} (deleted 1)"}
        assert version(caller, 1, f"{NAME} (deleted 1)")["version"] == "1"

    def test_renaming_to_a_deleted_name(self, caller: Caller, curator: Caller) -> None:
        make(caller)
        make(caller, "other")
        curator.delete("registered-models/delete", name=NAME)

        caller.post("registered-models/rename", name="other", new_name=NAME)

        assert get(caller)["name"] == NAME


class TestVersions:
    def test_a_version_says_what_was_registered(self, caller: Caller) -> None:
        make(caller)

        made = register(
            caller,
            run_id="run_1",
            run_link="http://host/run",
            description="the first",
            tags=[{"key": "a", "value": "1"}],
        )

        assert made == {
            "name": NAME,
            "version": "1",
            "creation_timestamp": made["creation_timestamp"],
            "last_updated_timestamp": made["last_updated_timestamp"],
            "user_id": caller.user.username,
            "current_stage": "None",
            "description": "the first",
            "source": "s3://bucket/model",
            "run_id": "run_1",
            "run_link": "http://host/run",
            "status": "READY",
            "tags": [{"key": "a", "value": "1"}],
        }
        assert version(caller, 1) == made
        assert self.uri(caller, 1) == "s3://bucket/model"

    @staticmethod
    def uri(caller: Caller, number: int) -> str:
        path = "model-versions/get-download-uri"
        return str(caller.get(path, name=NAME, version=str(number))["artifact_uri"])

    def test_numbers_are_never_used_twice(self, caller: Caller, curator: Caller) -> None:
        make(caller)
        for number in ("1", "2", "3"):
            assert register(caller)["version"] == number

        curator.delete("model-versions/delete", name=NAME, version="3")

        assert register(caller)["version"] == "4"
        assert caller.refused("GET", "model-versions/get", name=NAME, version="3") == (
            404,
            "RESOURCE_DOES_NOT_EXIST",
        )
        body = {"name": NAME, "version": "1"}
        assert caller.refused("DELETE", "model-versions/delete", body) == (403, "PERMISSION_DENIED")

    def test_a_version_that_holds_labels_is_deleted_with_them(
        self, caller: Caller, curator: Caller
    ) -> None:
        make(caller)
        register(caller)
        curator.post("registered-models/alias", name=NAME, alias="production", version="1")
        curator.post("model-versions/transition-stage", name=NAME, version="1", stage="Production")

        curator.delete("model-versions/delete", name=NAME, version="1")

        assert not LabelHolding.objects.filter(held_until=None).exists()

    @pytest.mark.parametrize(
        "source",
        [
            "/etc/passwd",
            "model",
            "file:///etc/passwd",
            "mlflow-artifacts:/1/../2/artifacts",
            "https://host/a/%2e%2e/b",
            "http://host/..%252f..%252fb",
            "s3://bucket/../b",
            "dbfs:/a/../b",
            "runs:/abc/../b",
            "",
            7,
        ],
    )
    def test_sources_that_are_refused(self, caller: Caller, source: object) -> None:
        make(caller)

        assert caller.refused(
            "POST", "model-versions/create", {"name": NAME, "source": source}
        ) == (400, "INVALID_PARAMETER_VALUE")
        assert not Version.objects.exists()

    def test_a_prompt_needs_no_source(self, caller: Caller) -> None:
        make(caller, tags=[{"key": "mlflow.prompt.is_prompt", "value": "true"}])

        tags = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
        assert register(caller, source="dummy-source", tags=tags)["version"] == "1"

    @pytest.mark.parametrize("spelling", ["runs:/{run}/model", "mlflow-artifacts:/{exp}/{run}"])
    def test_a_folder_of_a_run_is_sealed_as_it_is_now(
        self, caller: Caller, run: Run, spelling: str
    ) -> None:
        make(caller)
        keep(run, caller, {"model/MLmodel": b"one", "other.txt": b"no"})
        source = spelling.format(run=run.key, exp=run.project_id)
        if source.startswith("mlflow"):
            source += "/artifacts/model"

        made = register(caller, source=source)
        keep(run, caller, {"model/MLmodel": b"two"})

        found = sealed(NAME)
        assert [(file.path, file.blob_id) for file in files_of(found.artifact)] == [
            ("MLmodel", build.content(run.project_id, b"one").digest)
        ]
        assert (made["source"], made["run_id"]) == (source, run.key)
        assert self.uri(caller, 1) == (
            f"mlflow-artifacts:/{run.project_id}/models/m-{found.artifact.key}/artifacts"
        )

    def test_the_same_source_is_another_version(self, caller: Caller, run: Run) -> None:
        make(caller)
        keep(run, caller, {"model/MLmodel": b"one"})
        register(caller, source=f"runs:/{run.key}/model")
        first = sealed(NAME).artifact
        build.result(caller.user, first, 0.25, on=None)

        assert register(caller, source=f"runs:/{run.key}/model")["version"] == "2"

        second = sealed(NAME, 2).artifact
        assert second != first
        assert [file.blob_id for file in files_of(second)] == [
            file.blob_id for file in files_of(first)
        ]
        assert [one.value for one in second.results.all()] == [0.25]

    def test_the_last_metrics_of_the_run_are_results_of_training(
        self, caller: Caller, run: Run
    ) -> None:
        make(caller)
        keep(run, caller, {"model/MLmodel": b"one"})
        access = build.access(caller.user, project=run.project)
        log_points(run=run, batches=[Batch("loss", [0, 1], [1.0, 2.0], [0.5, 0.25])], access=access)
        register(caller, source=f"runs:/{run.key}/model")
        assert not sealed(NAME).artifact.results.exists()

        finish_run(run=run, access=access)
        register(caller, source=f"runs:/{run.key}/model")

        for number in (1, 2):
            results = sealed(NAME, number).artifact.results.filter(is_current=True)
            assert [(one.metric.name, one.value) for one in results] == [("loss", 0.25)]

    def test_an_empty_folder_is_taken_as_mlflow_takes_it(self, caller: Caller, run: Run) -> None:
        make(caller)

        made = register(caller, source=f"runs:/{run.key}/model", run_id=run.key)

        assert (made["source"], made["run_id"]) == (f"runs:/{run.key}/model", run.key)
        assert self.uri(caller, 1) == made["source"]

    def test_a_hidden_run_is_text_like_one_that_never_was(
        self, caller: Caller, curator: Caller
    ) -> None:
        make(caller)
        hidden = build.run(curator.user, build.project(curator.user, "secret", private=True))
        keep(hidden, curator, {"model/MLmodel": b"one"})

        for run_id in (hidden.key, "nothing"):
            made = register(caller, source=f"runs:/{run_id}/model", run_id=run_id)
            assert self.uri(caller, int(made["version"])) == f"runs:/{run_id}/model"
        assert not ArtifactVersion.objects.filter(project=hidden.project).exists()

    def test_a_logged_model_is_linked_as_it_is(self, caller: Caller, run: Run) -> None:
        make(caller)
        model = build.version(
            caller.user, build.collection(caller.user, run.project), made_by=run
        ).artifact

        made = register(caller, source=f"models:/m-{model.key}", model_id=f"m-{model.key}")

        assert sealed(NAME).artifact == model
        assert (made["model_id"], made["run_id"]) == (f"m-{model.key}", run.key)
        info = caller.get(f"logged-models/m-{model.key}")["model"]["info"]
        assert info["registrations"] == [{"name": NAME, "version": "1"}]
        missing = {"name": NAME, "source": "models:/m-" + "0" * 32}
        assert caller.refused("POST", "model-versions/create", missing)[0] == 404

    def test_a_version_is_copied_to_another_model(self, caller: Caller, run: Run) -> None:
        make(caller)
        make(caller, "copy")
        keep(run, caller, {"model/MLmodel": b"one"})
        register(caller, source=f"runs:/{run.key}/model")

        first = register(caller, "copy", source=f"models:/{NAME}/1")
        second = register(caller, "copy", source=f"models:/{NAME}/1")

        assert (first["version"], second["version"]) == ("1", "2")
        copies = Version.objects.filter(collection__name="copy").order_by("number")
        assert [one.artifact.file_count for one in copies] == [1, 1]
        missing = {"name": NAME, "source": f"models:/{NAME}/9"}
        assert caller.refused("POST", "model-versions/create", missing)[0] == 404

    def test_a_copy_is_of_what_has_the_word_now(
        self, caller: Caller, curator: Caller, run: Run
    ) -> None:
        make(caller)
        make(caller, "copy")
        for data in (b"one", b"two"):
            keep(run, caller, {"model/MLmodel": data})
            register(caller, source=f"runs:/{run.key}/model")
        said = {"name": NAME, "version": "1", "archive_existing_versions": False}
        curator.post("model-versions/transition-stage", stage="Staging", **said)
        caller.post("registered-models/alias", name=NAME, alias="champion", version="1")

        for word in ("/latest", "@latest", "/staging", "@champion", "/None"):
            register(caller, "copy", source=f"models:/{NAME}{word}")

        registered = Version.objects.filter(collection__project=None).order_by("number")
        digests = registered.values_list("artifact__files__blob", flat=True)
        one, two = digests.filter(collection__name=NAME)
        files = list(digests.filter(collection__name="copy"))
        assert files == [two, two, one, one, two]
        for word, status in (("/Production", 404), ("@none", 400), ("/walking", 400)):
            missing = {"name": "copy", "source": f"models:/{NAME}{word}"}
            assert caller.refused("POST", "model-versions/create", missing)[0] == status

    def test_describing_and_tagging(self, caller: Caller) -> None:
        make(caller)
        register(caller)
        one = {"name": NAME, "version": "1"}

        caller.patch("model-versions/update", **one, description="better")
        caller.post("model-versions/set-tag", **one, key="a", value="1")
        caller.post("model-versions/set-tag", **one, key="b", value="")
        caller.delete("model-versions/delete-tag", **one, key="a")
        caller.delete("model-versions/delete-tag", **one, key="none")

        found = version(caller, 1)
        assert found["description"] == "better"
        assert found["tags"] == [{"key": "b", "value": ""}]
        assert found["last_updated_timestamp"] >= found["creation_timestamp"]

    @pytest.mark.parametrize("number", ["x", "-1", "1.5", "", "99999999999999999999", None])
    def test_what_is_no_number(self, caller: Caller, number: object) -> None:
        make(caller)
        body = {"name": NAME, "version": number, "key": "a", "value": "b"}

        assert caller.refused("POST", "model-versions/set-tag", body) == (
            400,
            "INVALID_PARAMETER_VALUE",
        )


class TestAliases:
    def test_an_alias_is_a_status_label(self, caller: Caller) -> None:
        make(caller)
        register(caller)
        register(caller)

        caller.post("registered-models/alias", name=NAME, alias="champion", version="1")
        caller.post("registered-models/alias", name=NAME, alias="champion", version="2")

        found = caller.get("registered-models/alias", name=NAME, alias="champion")
        assert found["model_version"]["version"] == "2"
        assert found["model_version"]["aliases"] == ["champion"]
        assert get(caller)["aliases"] == [{"alias": "champion", "version": "2"}]
        assert "aliases" not in version(caller, 1)
        event = Event.objects.latest("sequence")
        assert (event.kind, event.actor_name) == ("label.moved", caller.user.username)

    def test_a_protected_label_takes_a_curator(self, caller: Caller, curator: Caller) -> None:
        make(caller)
        register(caller)
        body = {"name": NAME, "alias": "production", "version": "1"}

        response = caller.send("POST", "registered-models/alias", body)
        assert response.status_code == 403
        assert response.json()["error_code"] == "PERMISSION_DENIED"
        assert "curator" in response.json()["message"]
        assert "aliases" not in get(caller)

        curator.post("registered-models/alias", **body)
        assert get(caller)["aliases"] == [{"alias": "production", "version": "1"}]
        alias = {"name": NAME, "alias": "production"}
        assert caller.refused("DELETE", "registered-models/alias", alias)[0] == 403

    def test_one_that_nobody_has(self, caller: Caller) -> None:
        make(caller)

        assert caller.refused("GET", "registered-models/alias", name=NAME, alias="none") == (
            400,
            "INVALID_PARAMETER_VALUE",
        )
        assert caller.delete("registered-models/alias", name=NAME, alias="none") == {}

    def test_deleting_one_leaves_the_stage_alone(self, caller: Caller) -> None:
        make(caller)
        register(caller)
        one = {"name": NAME, "version": "1"}
        caller.post("registered-models/alias", **one, alias="staging")
        caller.post("model-versions/transition-stage", **one, stage="Staging")

        caller.delete("registered-models/alias", name=NAME, alias="staging")

        assert "aliases" not in version(caller, 1)
        assert version(caller, 1)["current_stage"] == "Staging"

    @pytest.mark.parametrize(
        "alias", ["latest", "Latest", "v1", "V22", "a b", "a/b", "", "x" * 256]
    )
    def test_words_that_are_none(self, caller: Caller, alias: str) -> None:
        make(caller)
        register(caller)

        assert caller.refused(
            "POST", "registered-models/alias", {"name": NAME, "alias": alias, "version": "1"}
        ) == (400, "INVALID_PARAMETER_VALUE")

    def test_a_long_one(self, caller: Caller) -> None:
        make(caller)
        register(caller)

        caller.post("registered-models/alias", name=NAME, alias="x" * 255, version="1")

        found = caller.get("registered-models/alias", name=NAME, alias="x" * 255)
        assert found["model_version"]["version"] == "1"


class TestStages:
    def move(self, caller: Caller, number: int, stage: str, *, archive: bool = False) -> Any:
        return caller.post(
            "model-versions/transition-stage",
            name=NAME,
            version=str(number),
            stage=stage,
            archive_existing_versions=archive,
        )["model_version"]

    def newest(self, caller: Caller, *stages: str) -> dict[str, str]:
        found = caller.post("registered-models/get-latest-versions", name=NAME, stages=list(stages))
        return {one["current_stage"]: one["version"] for one in found.get("model_versions", [])}

    def test_moving_through_stages(self, caller: Caller, curator: Caller) -> None:
        make(caller)
        for _ in range(4):
            register(caller)

        assert self.move(curator, 1, "production")["current_stage"] == "Production"
        self.move(curator, 2, "Production")
        self.move(caller, 3, "STAGING")
        assert self.newest(caller) == {"None": "4", "Staging": "3", "Production": "2"}
        assert self.newest(caller, "Production", "archived") == {"Production": "2"}
        caller.post("registered-models/alias", name=NAME, alias="champion", version="2")
        asked = {"name": NAME, "stages": ["Production", "production"]}
        (latest,) = caller.post("registered-models/get-latest-versions", **asked)["model_versions"]
        assert (latest["version"], latest["aliases"]) == ("2", ["champion"])
        self.move(curator, 3, "Production", archive=True)

        stages = {number: version(caller, number)["current_stage"] for number in range(1, 5)}
        assert stages == {1: "Archived", 2: "Archived", 3: "Production", 4: "None"}
        found = get(caller)["latest_versions"]
        assert {one["current_stage"]: one["version"] for one in found} == {
            "None": "4",
            "Production": "3",
            "Archived": "2",
        }
        assert self.move(curator, 3, "None")["current_stage"] == "None"

    def test_a_protected_stage_takes_a_curator(self, caller: Caller) -> None:
        make(caller)
        register(caller)
        body = {"name": NAME, "version": "1", "stage": "Production"}

        response = caller.send("POST", "model-versions/transition-stage", body)

        assert response.status_code == 403
        assert "curator" in response.json()["message"]
        assert version(caller, 1)["current_stage"] == "None"

    def test_a_promotion_on_the_page_takes_the_stage(self, caller: Caller, curator: Caller) -> None:
        make(caller)
        register(caller)
        register(caller)
        self.move(curator, 1, "Production")

        promote_version(
            version=sealed(NAME, 2),
            label="production",
            access=build.access(curator.user),
        )

        assert version(caller, 1)["current_stage"] == "None"
        assert version(caller, 2)["aliases"] == ["production"]

    @pytest.mark.parametrize("stage", ["Live", "", 7])
    def test_what_is_no_stage(self, caller: Caller, stage: object) -> None:
        make(caller)
        register(caller)
        body = {"name": NAME, "version": "1", "stage": stage}

        assert caller.refused("POST", "model-versions/transition-stage", body) == (
            400,
            "INVALID_PARAMETER_VALUE",
        )

    def test_archiving_belongs_to_the_stages_that_are_in_use(self, caller: Caller) -> None:
        make(caller)
        register(caller)
        for stage in ("None", "Archived"):
            body = {"name": NAME, "version": "1", "stage": stage}
            body_with = body | {"archive_existing_versions": True}
            assert caller.refused("POST", "model-versions/transition-stage", body_with)[0] == 400


class TestWhoMay:
    def test_a_stranger_sees_a_registry_of_his_own(
        self, caller: Caller, calling: Callable[..., Caller]
    ) -> None:
        make(caller)
        register(caller)
        stranger = calling(team_name="elsewhere")

        for path in ("registered-models/get", "model-versions/get"):
            asked = {"name": NAME, "version": "1"}
            assert stranger.refused("GET", path, **asked) == (404, "RESOURCE_DOES_NOT_EXIST")
        assert stranger.get("registered-models/search") == {}
        assert stranger.get("model-versions/search") == {}

    def test_versions_from_a_hidden_project_are_not_there(
        self, caller: Caller, curator: Caller
    ) -> None:
        make(caller)
        register(caller)
        hidden = build.run(curator.user, build.project(curator.user, "secret", private=True))
        keep(hidden, curator, {"model/MLmodel": b"one"})
        made = register(curator, source=f"runs:/{hidden.key}/model")
        curator.post("registered-models/alias", name=NAME, alias="champion", version="2")
        assert made["version"] == "2"

        assert caller.refused("GET", "model-versions/get", name=NAME, version="2")[0] == 404
        assert [one["version"] for one in get(caller)["latest_versions"]] == ["1"]
        assert "aliases" not in get(caller)
        alias = {"name": NAME, "alias": "champion"}
        assert caller.refused("GET", "registered-models/alias", **alias)[0] == 400
        found = caller.get("model-versions/search")["model_versions"]
        assert [one["version"] for one in found] == ["1"]
        assert caller.refused("DELETE", "registered-models/alias", alias)[0] in (403, 404)

    def test_a_viewer_and_a_reading_key_change_nothing(
        self, caller: Caller, calling: Callable[..., Caller]
    ) -> None:
        make(caller)
        register(caller)
        one = {"name": NAME, "version": "1"}
        writes: list[tuple[str, str, dict[str, Any]]] = [
            ("POST", "registered-models/create", {"name": "new"}),
            ("PATCH", "registered-models/update", {"name": NAME, "description": "x"}),
            ("POST", "registered-models/rename", {"name": NAME, "new_name": "x"}),
            ("DELETE", "registered-models/delete", {"name": NAME}),
            ("POST", "registered-models/set-tag", {"name": NAME, "key": "a", "value": "b"}),
            ("DELETE", "registered-models/delete-tag", {"name": NAME, "key": "a"}),
            ("POST", "registered-models/alias", one | {"alias": "a"}),
            ("DELETE", "registered-models/alias", {"name": NAME, "alias": "a"}),
            ("POST", "model-versions/create", {"name": NAME, "source": "s3://a/b"}),
            ("PATCH", "model-versions/update", one | {"description": "x"}),
            ("DELETE", "model-versions/delete", one),
            ("POST", "model-versions/transition-stage", one | {"stage": "Staging"}),
            ("POST", "model-versions/set-tag", one | {"key": "a", "value": "b"}),
            ("DELETE", "model-versions/delete-tag", one | {"key": "a"}),
        ]
        events = Event.objects.count()
        for other in (calling(Role.VIEWER), calling(scope=Scope.READ)):
            for method, path, body in writes:
                assert other.refused(method, path, body) == (403, "PERMISSION_DENIED"), path
        added = Event.objects.count() - events
        kinds = Event.objects.order_by("-sequence").values_list("kind", flat=True)[:added]
        assert not {"collection.changed", "label.moved", "tags.changed"} & set(kinds)


def test_reading_costs_the_same_for_few_and_many(caller: Caller, curator: Caller) -> None:
    def count(path: str, **query: Any) -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            caller.get(path, **query)
        return len(queries)

    def fill(name: str, versions: int) -> None:
        make(caller, name, tags=[{"key": "a", "value": "1"}])
        for number in range(1, versions + 1):
            register(caller, name, tags=[{"key": "a", "value": "1"}])
            caller.post(
                "registered-models/alias", name=name, alias=f"a{number}", version=str(number)
            )

    paths: list[tuple[str, dict[str, Any]]] = [
        ("registered-models/get", {"name": "one"}),
        ("registered-models/alias", {"name": "one", "alias": "a1"}),
        ("registered-models/search", {}),
        ("model-versions/search", {}),
        ("model-versions/get-download-uri", {"name": "one", "version": "1"}),
    ]
    fill("one", 1)
    for path, query in paths:
        count(path, **query)
    before = [count(path, **query) for path, query in paths]
    register(caller, "one")
    fill("two", 3)
    for number, stage in ((1, "Production"), (2, "Staging")):
        curator.post(
            "model-versions/transition-stage", name="two", version=str(number), stage=stage
        )

    assert [count(path, **query) for path, query in paths] == before
    assert before == [9, 6, 9, 6, 4]


def test_the_default_project_takes_versions_that_no_run_made(caller: Caller) -> None:
    make(caller)

    register(caller)

    artifact = ArtifactVersion.objects.get()
    assert artifact.project == Project.objects.get(experiment__is_default=True)
