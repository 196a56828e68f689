"""Data sets and models that runs used and made."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.choices import Role
from apps.artifacts.choices import Direction
from apps.artifacts.models import Collection, RunArtifact
from apps.mlflow_api.models import Dataset, DatasetInput
from apps.projects.models import Project
from apps.runs.models import Run
from tests import build
from tests.mlflow.conftest import Caller

pytestmark = pytest.mark.django_db

Calling = Callable[..., Caller]
INVALID = (400, "INVALID_PARAMETER_VALUE")
ABSENT = (404, "RESOURCE_DOES_NOT_EXIST")
DATASET = {
    "name": "digits",
    "digest": "abc123",
    "source_type": "local",
    "source": '{"uri": "/data/digits.csv"}',
    "schema": '{"a": "long"}',
    "profile": '{"num_rows": 5}',
}


@pytest.fixture
def run(caller: Caller) -> str:
    key = caller.post("experiments/create", name="e")["experiment_id"]
    return new_run(caller, key)


def new_run(caller: Caller, experiment: str) -> str:
    created = caller.post("runs/create", experiment_id=experiment)
    return str(created["run"]["info"]["run_id"])


def used(context: str = "", **changes: object) -> dict[str, Any]:
    tags = [{"key": "mlflow.data.context", "value": context}] if context else []
    return {"dataset": {**DATASET, **changes}, "tags": tags}


def inputs(caller: Caller, run: str) -> Any:
    return caller.get("runs/get", run_id=run)["run"]["inputs"]


def new_model(caller: Caller, run: str) -> str:
    experiment = caller.get("runs/get", run_id=run)["run"]["info"]["experiment_id"]
    made = caller.post("logged-models", experiment_id=experiment, name="net")
    return str(made["model"]["info"]["model_id"])


class TestDatasets:
    def test_one_comes_back_as_it_went(self, caller: Caller, run: str) -> None:
        caller.post("runs/log-inputs", run_id=run, datasets=[used("train")])
        assert inputs(caller, run) == {"dataset_inputs": [used("train")]}

    def test_it_is_an_artifact_that_the_run_used(self, caller: Caller, run: str) -> None:
        caller.post("runs/log-inputs", run_id=run, datasets=[used("train")])
        edge = RunArtifact.objects.get()
        assert (edge.direction, edge.use_as) == (Direction.USED, "train")
        assert edge.artifact.type == "dataset"
        assert edge.artifact.files.get().reference == "/data/digits.csv"
        assert Collection.objects.get().name == "digits"

    def test_it_is_known_by_name_and_digest(self, caller: Caller, run: str) -> None:
        other = new_run(caller, caller.get("runs/get", run_id=run)["run"]["info"]["experiment_id"])
        for one in (run, other, other):
            caller.post("runs/log-inputs", run_id=one, datasets=[used("train", source="s")])
        caller.post("runs/log-inputs", run_id=run, datasets=[used("test", digest="d2")])
        assert Dataset.objects.count() == 2
        assert DatasetInput.objects.count() == 3
        assert len(inputs(caller, run)["dataset_inputs"]) == 2

    def test_new_tags_are_added(self, caller: Caller, run: str) -> None:
        caller.post("runs/log-inputs", run_id=run, datasets=[used()])
        caller.post("runs/log-inputs", run_id=run, datasets=[used("train")])
        assert inputs(caller, run)["dataset_inputs"] == [used("train")]

    @pytest.mark.parametrize("name", ["net", "日本", "a/b:c", " ", "../x", "x" * 500, "🦆" * 200])
    def test_any_name_will_do(self, caller: Caller, run: str, name: str) -> None:
        build.collection(caller.user, _project(run), name="net")
        caller.post("runs/log-inputs", run_id=run, datasets=[used(name=name)])
        (found,) = inputs(caller, run)["dataset_inputs"]
        assert found["dataset"]["name"] == name

    @pytest.mark.parametrize(
        "change",
        [
            {"name": ""},
            {"name": "x" * 501},
            {"digest": ""},
            {"digest": "x" * 37},
            {"source_type": ""},
            {"source": ""},
            {"source": "x" * 65_536},
            {"schema": "x" * 1_048_576},
            {"schema": {}},
        ],
    )
    def test_what_is_no_dataset(self, caller: Caller, run: str, change: dict[str, Any]) -> None:
        body = {"run_id": run, "datasets": [used(), used(**change)]}
        assert caller.refused("POST", "runs/log-inputs", body) == INVALID
        assert not Dataset.objects.exists()

    @pytest.mark.parametrize("datasets", [[{}], [5], {"a": 1}, [{"dataset": 5}], [used()] * 1_001])
    def test_what_is_no_list_of_them(self, caller: Caller, run: str, datasets: object) -> None:
        body = {"run_id": run, "datasets": datasets}
        assert caller.refused("POST", "runs/log-inputs", body) == INVALID

    @pytest.mark.parametrize(
        ("text", "names"),
        [
            ("dataset.name = 'digits'", {"a", "b"}),
            ("datasets.digest = 'abc123'", {"a"}),
            ("dataset.context = 'train'", {"a"}),
            ("dataset.context != 'train'", {"b"}),
            ("dataset.name IN ('digits', 'x')", {"a", "b"}),
            ("dataset.digest NOT IN ('abc123')", {"b"}),
            ("dataset.name ILIKE 'DIG%'", {"a", "b"}),
            ("dataset.name = 'other'", set()),
        ],
    )
    def test_runs_are_found_by_them(self, caller: Caller, text: str, names: set[str]) -> None:
        for name, one in {"a": used("train"), "b": used("test", digest="d2"), "c": None}.items():
            key = new_run(caller, "0")
            caller.post("runs/update", run_id=key, run_name=name)
            if one:
                caller.post("runs/log-inputs", run_id=key, datasets=[one])
        found = caller.post("runs/search", experiment_ids=["0"], filter=text)
        assert {run["info"]["run_name"] for run in found.get("runs", [])} == names

    def test_reading_costs_the_same_for_many(self, caller: Caller, run: str) -> None:
        caller.post("runs/log-inputs", run_id=run, datasets=[used()])
        with CaptureQueriesContext(connection) as few:
            inputs(caller, run)
        more = [used(digest=f"d{n}") for n in range(5)]
        caller.post("runs/log-inputs", run_id=run, datasets=more)
        with CaptureQueriesContext(connection) as many:
            assert len(inputs(caller, run)["dataset_inputs"]) == 6
        assert len(many) == len(few)


class TestModels:
    def test_made_at_a_step(self, caller: Caller, run: str) -> None:
        model = new_model(caller, run)
        models = [{"model_id": model, "step": "3"}]
        caller.post("runs/outputs", run_id=run, models=models)
        outputs = caller.get("runs/get", run_id=run)["run"]["outputs"]
        assert outputs == {"model_outputs": [{"model_id": model, "step": 3}]}

    def test_used_even_before_it_is_ready(self, caller: Caller, run: str) -> None:
        model = new_model(caller, run)
        caller.post("runs/log-inputs", run_id=run, models=[{"model_id": model}])
        assert inputs(caller, run) == {"model_inputs": [{"model_id": model}]}
        caller.patch(f"logged-models/{model}", model_id=model, status="LOGGED_MODEL_READY")
        assert inputs(caller, run) == {"model_inputs": [{"model_id": model}]}

    def test_anothers_model_is_not_there(self, caller: Caller, calling: Calling, run: str) -> None:
        stranger = calling(Role.ADMIN, team_name="others")
        model = new_model(stranger, new_run(stranger, "0"))
        for path in ("runs/outputs", "runs/log-inputs"):
            body = {"run_id": run, "models": [{"model_id": model}]}
            assert caller.refused("POST", path, body) == ABSENT

    def test_a_stranger_is_not_told_what_is_wrong_with_a_question(
        self, caller: Caller, calling: Calling, run: str
    ) -> None:
        path = f"logged-models/{new_model(caller, run)}"
        stranger = calling(Role.ADMIN, team_name="others")
        assert stranger.refused("PATCH", path, {}) == ABSENT
        assert caller.refused("PATCH", path, {}) == INVALID

    def test_what_a_2_x_client_logs(self, caller: Caller, run: str) -> None:
        for name in ("one", "two"):
            model: dict[str, Any] = {
                "run_id": run,
                "artifact_path": name,
                "utc_time_created": "2026-01-01 00:00:00",
                "flavors": {},
            }
            caller.post("runs/log-model", run_id=run, model_json=json.dumps(model))
        tags = caller.get("runs/get", run_id=run)["run"]["data"]["tags"]
        history = next(one for one in tags if one["key"] == "mlflow.log-model.history")
        assert history["value"].index("one") < history["value"].index("two")

    @pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"run_id": 1}', "5"])
    def test_what_is_no_model(self, caller: Caller, run: str, text: str) -> None:
        body = {"run_id": run, "model_json": text}
        assert caller.refused("POST", "runs/log-model", body) == INVALID


class TestTraces:
    def test_they_are_refused_for_good(self, caller: Caller) -> None:
        caller.root = "/api/3.0/mlflow/"
        assert caller.refused("POST", "traces", {"trace": {}}) == (501, "NOT_IMPLEMENTED")
        assert caller.post("traces/search", locations=[]) == {}
        assert caller.get("traces/batchGet", trace_ids=["x"]) == {}


def _project(run: str) -> Project:
    return Run.objects.select_related("project__team").get(key=run).project
