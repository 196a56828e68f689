"""Finding registered models, versions and logged models: filters, orders, pages."""

from collections.abc import Callable
from typing import Any

import pytest

from apps.accounts.choices import Role
from apps.artifacts.services import link_version
from apps.mlflow_api.model_metrics import ModelMetric, record_model_metrics
from apps.mlflow_api.registry import models_of
from apps.projects.models import Project
from apps.runs.models import Run
from tests import build
from tests.mlflow.conftest import Caller

NO_PROMPTS = "tag.`mlflow.prompt.is_prompt` != 'true'"
PROMPTS = "tags.`mlflow.prompt.is_prompt` = 'true'"


def make(caller: Caller, name: str, **tags: str) -> None:
    said = [{"key": key, "value": value} for key, value in tags.items()]
    caller.post("registered-models/create", name=name, tags=said)


def register(caller: Caller, name: str, source: str = "s3://b/m", **said: Any) -> str:
    body = {"name": name, "source": source} | said
    return str(caller.post("model-versions/create", **body)["model_version"]["version"])


class TestModels:
    @pytest.fixture(autouse=True)
    def models(self, caller: Caller) -> None:
        make(caller, "cats", team="vision")
        make(caller, "Dogs", team="vision", kind="big")
        make(caller, "fish", team="water")
        make(caller, "birds")

    def names(self, caller: Caller, **query: Any) -> list[str]:
        found = caller.get("registered-models/search", **query)
        return [one["name"] for one in found.get("registered_models", [])]

    @pytest.mark.parametrize(
        ("where", "names"),
        [
            ("", ["birds", "cats", "Dogs", "fish"]),
            ("name = 'cats'", ["cats"]),
            ("name != 'cats'", ["birds", "Dogs", "fish"]),
            ("name LIKE '%s'", ["birds", "cats", "Dogs"]),
            ("name LIKE 'dog_'", []),
            ("name ILIKE 'dog_'", ["Dogs"]),
            ("name IN ('cats', 'fish', 'none')", ["cats", "fish"]),
            ("tags.team = 'vision'", ["cats", "Dogs"]),
            ("tag.team = 'vision' AND tag.kind = 'big'", ["Dogs"]),
            ("tag.team != 'vision'", ["fish"]),
            ("tag.none != 'x'", []),
            ("tag.team LIKE 'v%'", ["cats", "Dogs"]),
            (NO_PROMPTS, ["birds", "cats", "Dogs", "fish"]),
            (f"name = 'cats' AND {NO_PROMPTS}", ["cats"]),
        ],
    )
    def test_filters(self, caller: Caller, where: str, names: list[str]) -> None:
        assert self.names(caller, filter=where) == names

    @pytest.mark.parametrize("where", ["", NO_PROMPTS])
    def test_prompts_are_found_only_by_their_tag(self, caller: Caller, where: str) -> None:
        make(caller, "prompt", **{"mlflow.prompt.is_prompt": "true"})

        assert self.names(caller, filter=where) == ["birds", "cats", "Dogs", "fish"]
        assert self.names(caller, filter=PROMPTS) == ["prompt"]

    def test_orders(self, caller: Caller) -> None:
        register(caller, "cats")

        assert self.names(caller, order_by="name DESC") == ["fish", "Dogs", "cats", "birds"]
        assert self.names(caller, order_by="last_updated_timestamp DESC")[0] == "cats"
        assert self.names(caller, order_by=["timestamp ASC", "name"])[-1] == "cats"

    def test_pages(self, caller: Caller) -> None:
        seen: list[str] = []
        token = ""
        for _ in range(10):
            page = caller.get(
                "registered-models/search", max_results="3", page_token=token, filter=NO_PROMPTS
            )
            seen += [one["name"] for one in page["registered_models"]]
            token = page.get("next_page_token", "")
            if not token:
                break

        assert seen == ["birds", "cats", "Dogs", "fish"]

    @pytest.mark.parametrize(
        "query",
        [
            {"filter": "name = 'a' OR name = 'b'"},
            {"filter": "nonsense"},
            {"filter": "name > 'a'"},
            {"filter": "metrics.x > 1"},
            {"order_by": "colour"},
            {"order_by": ["name", "name DESC"]},
            {"max_results": "1001"},
            {"max_results": "0"},
            {"max_results": "many"},
            {"page_token": "garbage"},
        ],
    )
    def test_what_cannot_be_asked(self, caller: Caller, query: dict[str, Any]) -> None:
        assert caller.refused("GET", "registered-models/search", **query) == (
            400,
            "INVALID_PARAMETER_VALUE",
        )


class TestVersions:
    @pytest.fixture(autouse=True)
    def filled(self, caller: Caller) -> None:
        make(caller, "cats")
        make(caller, "dogs")
        register(caller, "cats", "s3://b/one", run_id="r1")
        register(caller, "cats", "s3://b/two", tags=[{"key": "ok", "value": "yes"}])
        register(caller, "dogs", "s3://c/three", run_id="r1")

    def found(self, caller: Caller, **query: Any) -> list[str]:
        page = caller.get("model-versions/search", **query)
        return [f"{one['name']}/{one['version']}" for one in page.get("model_versions", [])]

    @pytest.mark.parametrize(
        ("where", "versions"),
        [
            ("", ["dogs/1", "cats/2", "cats/1"]),
            ("name = 'cats'", ["cats/2", "cats/1"]),
            ("name IN ('dogs')", ["dogs/1"]),
            ("run_id = 'r1'", ["dogs/1", "cats/1"]),
            ("run_id IN ('r1', 'r2') AND name = 'cats'", ["cats/1"]),
            ("source_path LIKE 's3://b/%'", ["cats/2", "cats/1"]),
            ("version_number > 1", ["cats/2"]),
            ("version_number != 2 AND name = 'cats'", ["cats/1"]),
            ("tag.ok = 'yes'", ["cats/2"]),
            ("tags.ok != 'no'", ["cats/2"]),
            ("tags.ok != 'yes'", []),
            ("last_updated_timestamp > 0", ["dogs/1", "cats/2", "cats/1"]),
            ("creation_timestamp < 5", []),
        ],
    )
    def test_filters(self, caller: Caller, where: str, versions: list[str]) -> None:
        assert self.found(caller, filter=where) == versions

    def test_orders_and_pages(self, caller: Caller) -> None:
        assert self.found(caller, order_by=["name ASC", "version_number DESC"]) == [
            "cats/2",
            "cats/1",
            "dogs/1",
        ]
        seen: list[str] = []
        token = ""
        for _ in range(3):
            page = caller.get("model-versions/search", max_results="1", page_token=token)
            seen += [one["name"] + one["version"] for one in page["model_versions"]]
            token = page.get("next_page_token", "")
        assert (seen, token) == (["dogs1", "cats2", "cats1"], "")

    def test_prompts_are_found_only_by_their_tag(self, caller: Caller) -> None:
        make(caller, "prompt")
        register(caller, "prompt", tags=[{"key": "mlflow.prompt.is_prompt", "value": "true"}])

        assert "prompt/1" not in self.found(caller)
        assert "prompt/1" not in self.found(caller, filter=NO_PROMPTS)
        assert self.found(caller, filter=PROMPTS) == ["prompt/1"]

    def test_aliases_are_left_out(self, caller: Caller) -> None:
        caller.post("registered-models/alias", name="cats", alias="best", version="1")

        page = caller.get("model-versions/search", filter="name = 'cats'")

        assert all("aliases" not in one for one in page["model_versions"])

    def test_the_run_of_a_version_that_another_client_linked(
        self, caller: Caller, calling: Callable[..., Caller]
    ) -> None:
        run = build.run(caller.user, build.project(caller.user))
        home = build.collection(caller.user, run.project)
        artifact = build.version(caller.user, home, made_by=run).artifact
        access = build.access(caller.user)
        cats = models_of(access).get(name="cats")
        link_version(artifact=artifact, collection=cats, access=access)

        assert self.found(caller, filter=f"run_id = '{run.key}'") == ["cats/3"]

    @pytest.mark.parametrize(
        "query",
        [
            {"filter": "stage = 'Production'"},
            {"filter": "version_number LIKE '1'"},
            {"order_by": "source_path"},
            {"max_results": "200001"},
            {"page_token": "garbage"},
        ],
    )
    def test_what_cannot_be_asked(self, caller: Caller, query: dict[str, Any]) -> None:
        assert caller.refused("GET", "model-versions/search", **query)[0] == 400


class TestLogged:
    @pytest.fixture
    def project(self, caller: Caller) -> Project:
        return build.project(caller.user)

    @pytest.fixture
    def run(self, caller: Caller, project: Project) -> Run:
        return build.run(caller.user, project)

    @pytest.fixture(autouse=True)
    def models(self, caller: Caller, project: Project, run: Run) -> None:
        for name, lr, loss in (("a", "0.1", 0.5), ("b", "0.2", 0.25), ("c", "0.1", None)):
            model = caller.post(
                "logged-models",
                experiment_id=str(project.pk),
                name=name,
                model_type="tree",
                source_run_id=run.key,
                params=[{"key": "lr", "value": lr}],
                tags=[{"key": "team", "value": f"t{name}"}],
            )["model"]
            model_id = model["info"]["model_id"]
            if name != "c":
                caller.patch(f"logged-models/{model_id}", status="LOGGED_MODEL_READY")
            if loss is not None:
                record_model_metrics(
                    run=run,
                    metrics=[
                        ModelMetric(model_id, "loss", loss, 0, 1, "10k", "d1"),
                        ModelMetric(model_id, "loss", 1 - loss, 0, 1, "1k", "d2"),
                    ],
                    access=build.access(caller.user, project=project),
                )

    def names(self, caller: Caller, project: Project, **body: Any) -> list[str]:
        found = caller.post("logged-models/search", experiment_ids=[str(project.pk)], **body)
        return [one["info"]["name"] for one in found.get("models", [])]

    @pytest.mark.parametrize(
        ("where", "names"),
        [
            ("", ["c", "b", "a"]),
            ("name = 'a'", ["a"]),
            ("status = 'LOGGED_MODEL_READY'", ["b", "a"]),
            ("model_type = 'tree' AND params.lr = '0.1'", ["c", "a"]),
            ("tags.team = 'tb'", ["b"]),
            ("tags.team != 'tb'", ["c", "a"]),
            ("tags.none != 'x'", []),
            ("tags.team IN ('tb', 'tc')", ["c", "b"]),
            ("params.lr NOT IN ('0.1')", ["b"]),
            ("metrics.loss < 0.3", ["b"]),
            ("metrics.none > 0", []),
            ("name IN ('a', 'c')", ["c", "a"]),
            ("creation_timestamp > 0", ["c", "b", "a"]),
        ],
    )
    def test_filters(self, caller: Caller, project: Project, where: str, names: list[str]) -> None:
        assert self.names(caller, project, filter=where) == names

    def test_a_data_set_narrows_metrics(self, caller: Caller, project: Project) -> None:
        where = "metrics.loss < 0.6"

        assert self.names(caller, project, filter=where) == ["b", "a"]
        for dataset, names in (("10k", ["b", "a"]), ("1k", ["a"]), ("none", [])):
            asked = [{"dataset_name": dataset}]
            assert self.names(caller, project, filter=where, datasets=asked) == names
        wrong = [{"dataset_name": "10k", "dataset_digest": "d2"}]
        assert self.names(caller, project, filter=where, datasets=wrong) == []

    def test_orders(self, caller: Caller, project: Project) -> None:
        def by(field: str, ascending: bool, **said: str) -> list[str]:
            order = {"field_name": field, "ascending": ascending} | said
            return self.names(caller, project, order_by=[order])

        assert by("name", True) == ["a", "b", "c"]
        assert by("creation_timestamp", True) == ["a", "b", "c"]
        assert by("metrics.loss", True, dataset_name="10k") == ["b", "a", "c"]
        # What has no value comes last in both directions.
        assert by("metrics.loss", False, dataset_name="10k") == ["a", "b", "c"]
        assert by("metrics.loss", False, dataset_name="1k") == ["b", "a", "c"]

    def test_pages(self, caller: Caller, project: Project) -> None:
        seen: list[str] = []
        token = ""
        order = [{"field_name": "metrics.loss", "ascending": True}]
        for _ in range(3):
            page = caller.post(
                "logged-models/search",
                experiment_ids=[str(project.pk)],
                max_results=1,
                order_by=order,
                page_token=token,
            )
            seen += [one["info"]["name"] for one in page["models"]]
            token = page.get("next_page_token", "")

        assert (sorted(seen), token) == (["a", "b", "c"], "")

    @pytest.mark.parametrize(
        "body",
        [
            {"experiment_ids": "1"},
            {"filter": "metrics.loss = 'x'"},
            {"filter": "params.lr > 3"},
            {"order_by": [{"field_name": "params.lr"}]},
            {"order_by": [{"ascending": True}]},
            {"order_by": "name"},
            {"datasets": [{"dataset_digest": "x"}]},
            {"max_results": -1},
            {"page_token": "garbage"},
        ],
    )
    def test_what_cannot_be_asked(
        self, caller: Caller, project: Project, body: dict[str, Any]
    ) -> None:
        whole = {"experiment_ids": [str(project.pk)]} | body
        assert caller.refused("POST", "logged-models/search", whole) == (
            400,
            "INVALID_PARAMETER_VALUE",
        )

    def test_a_hidden_experiment_is_not_there(
        self, caller: Caller, calling: Callable[..., Caller]
    ) -> None:
        owner = calling(Role.CURATOR)
        hidden = build.project(owner.user, "secret", private=True)

        model = owner.post("logged-models", experiment_id=str(hidden.pk), name="m")["model"]
        for asked, seen in ((owner, [model]), (caller, [])):
            found = asked.post("logged-models/search", experiment_ids=[str(hidden.pk)])
            assert found.get("models", []) == seen
        assert caller.post("logged-models/search", experiment_ids=[]) == {}
        assert caller.post("logged-models/search", experiment_ids=["none", "999"]) == {}
