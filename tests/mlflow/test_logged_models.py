"""Logged models: begun, finished, described, scored and deleted by a client."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from apps.accounts.choices import Role, Scope
from apps.artifacts.choices import ArtifactState
from apps.artifacts.models import ArtifactVersion, Collection, Version
from apps.artifacts.services import FileSpec, add_files
from apps.core.tables import TableQuery
from apps.evaluations.models import GoldenSet, Result
from apps.mlflow_api.model_metrics import ModelMetric, record_model_metrics
from apps.mlflow_api.models import LoggedModel
from apps.projects.models import Project
from apps.registry.queries.table import columns_of, status_table
from apps.runs.models import Run
from apps.runs.services import finish_run, log_points
from apps.series.services import Batch
from tests import build
from tests.mlflow.conftest import Caller

READY = "LOGGED_MODEL_READY"


@pytest.fixture
def project(caller: Caller) -> Project:
    return build.project(caller.user)


@pytest.fixture
def run(caller: Caller, project: Project) -> Run:
    return build.run(caller.user, project)


def begin(caller: Caller, project: Project, name: str = "digits", **said: Any) -> str:
    """Begin a model; its id."""
    body = {"experiment_id": str(project.pk), "name": name} | said
    model = caller.post("logged-models", **body)["model"]
    return str(model["info"]["model_id"])


def put(caller: Caller, model_id: str, data: bytes = b"weights") -> None:
    """Give a model a file, as the proxy does."""
    artifact = ArtifactVersion.objects.get(key=model_id.removeprefix("m-"))
    spec = build.content(artifact.project_id, data)
    access = build.access(caller.user, project=artifact.project)
    add_files(artifact=artifact, files=[FileSpec("MLmodel", spec.digest)], access=access)


def finish(caller: Caller, model_id: str, status: str = READY) -> Any:
    return caller.patch(f"logged-models/{model_id}", model_id=model_id, status=status)["model"]


def test_a_model_is_begun(caller: Caller, project: Project, run: Run) -> None:
    model = caller.post(
        "logged-models",
        experiment_id=str(project.pk),
        name="digits",
        model_type="agent",
        source_run_id=run.key,
        params=[{"key": "lr", "value": "0.1"}],
        tags=[{"key": "team", "value": "vision"}],
    )["model"]

    model_id = model["info"]["model_id"]
    assert model_id.startswith("m-")
    assert len(model_id) == 34
    assert model["info"] == {
        "model_id": model_id,
        "experiment_id": str(project.pk),
        "name": "digits",
        "creation_timestamp_ms": model["info"]["creation_timestamp_ms"],
        "last_updated_timestamp_ms": model["info"]["last_updated_timestamp_ms"],
        "artifact_uri": f"mlflow-artifacts:/{project.pk}/models/{model_id}/artifacts",
        "status": "LOGGED_MODEL_PENDING",
        "model_type": "agent",
        "source_run_id": run.key,
        "tags": [{"key": "team", "value": "vision"}],
    }
    assert model["data"] == {"params": [{"key": "lr", "value": "0.1"}]}
    assert caller.get(f"logged-models/{model_id}")["model"] == model
    # Nobody sees it on the pages before it is sealed.
    assert not Collection.objects.filter(project=project).exists()


def test_being_ready_seals_it_into_the_projects_model(
    caller: Caller, project: Project, run: Run
) -> None:
    model_id = begin(caller, project, source_run_id=run.key, params=[{"key": "lr", "value": "1"}])
    put(caller, model_id)

    model = finish(caller, model_id)

    assert model["info"]["status"] == READY
    version = Version.objects.get(collection__project=project, collection__name="digits")
    assert f"m-{version.artifact.key}" == model_id
    assert version.number == 1
    assert version.artifact.state == ArtifactState.SEALED
    assert version.artifact.made_by == run
    assert '"lr": "1"' in version.artifact.metadata or '"lr":"1"' in version.artifact.metadata
    again = finish(caller, model_id)
    assert again == model


def test_models_of_one_name_are_versions_of_one_model_even_when_nothing_differs(
    caller: Caller, project: Project
) -> None:
    for _ in range(3):
        model_id = begin(caller, project)
        put(caller, model_id, b"the same")
        finish(caller, model_id)

    numbers = Version.objects.filter(collection__name="digits").values_list("number", flat=True)
    assert sorted(numbers) == [1, 2, 3]
    assert LoggedModel.objects.count() == 3


def test_a_failed_upload_is_said_and_can_still_become_ready(
    caller: Caller, project: Project
) -> None:
    model_id = begin(caller, project)

    assert finish(caller, model_id, "LOGGED_MODEL_UPLOAD_FAILED")["info"]["status"] == (
        "LOGGED_MODEL_UPLOAD_FAILED"
    )
    assert not Version.objects.exists()
    assert finish(caller, model_id)["info"]["status"] == READY
    assert caller.refused(
        "PATCH",
        f"logged-models/{model_id}",
        {"model_id": model_id, "status": "LOGGED_MODEL_UPLOAD_FAILED"},
    ) == (409, "RESOURCE_CONFLICT")


@pytest.mark.parametrize("name", ["a/b", "a:b", "a.b", "50%", 'say "a"', "it's", 7, " x"])
def test_names_that_no_model_may_have(caller: Caller, project: Project, name: object) -> None:
    body = {"experiment_id": str(project.pk), "name": name}

    assert caller.refused("POST", "logged-models", body) == (400, "INVALID_PARAMETER_VALUE")
    assert not ArtifactVersion.objects.exists()


def test_a_client_may_leave_the_name_to_the_server(caller: Caller, project: Project) -> None:
    for said in ({}, {"name": ""}):
        model = caller.post("logged-models", experiment_id=str(project.pk), **said)["model"]
        assert re.fullmatch(r"[a-z]+-[a-z]+-\d+", model["info"]["name"])


def test_a_name_of_something_else_is_refused_at_once(caller: Caller, project: Project) -> None:
    build.collection(caller.user, project, "digits", type="dataset")
    body = {"experiment_id": str(project.pk), "name": "digits"}

    assert caller.refused("POST", "logged-models", body) == (409, "RESOURCE_CONFLICT")


def test_tags_and_params(caller: Caller, project: Project) -> None:
    model_id = begin(caller, project)
    path = f"logged-models/{model_id}"

    caller.patch(f"{path}/tags", model_id=model_id, tags=[{"key": "a/b", "value": "1"}])
    assert caller.patch(f"{path}/tags", tags=[{"key": "c", "value": ""}]) == {}
    caller.post(f"{path}/params", model_id=model_id, params=[{"key": "depth", "value": "3"}])
    caller.post(f"{path}/params", params=[{"key": "depth", "value": "3"}])
    caller.delete(f"{path}/tags/a/b")
    assert caller.refused("DELETE", f"{path}/tags/a/b") == (404, "RESOURCE_DOES_NOT_EXIST")

    model = caller.get(path)["model"]
    assert model["info"]["tags"] == [{"key": "c", "value": ""}]
    assert model["data"]["params"] == [{"key": "depth", "value": "3"}]
    changed = {"params": [{"key": "depth", "value": "4"}]}
    assert caller.refused("POST", f"{path}/params", changed) == (400, "INVALID_PARAMETER_VALUE")
    bad = {"tags": [{"key": "../x", "value": "1"}]}
    assert caller.refused("PATCH", f"{path}/tags", bad) == (400, "INVALID_PARAMETER_VALUE")


def metric(model_id: str, value: float, **said: Any) -> ModelMetric:
    fields: dict[str, Any] = {"key": "loss", "step": 0, "timestamp": 1} | said
    return ModelMetric(model_id, value=value, **fields)


def record(caller: Caller, run: Run, *metrics: ModelMetric) -> None:
    access = build.access(caller.user, project=run.project)
    record_model_metrics(run=run, metrics=metrics, access=access)


def test_metrics_with_a_data_set_are_results_on_a_golden_set(
    caller: Caller, project: Project, run: Run
) -> None:
    model_id = begin(caller, project)
    finish(caller, model_id)
    on_10k = {"dataset_name": "10k", "dataset_digest": "abc"}

    record(caller, run, metric(model_id, 0.5, **on_10k), metric(model_id, 0.7))
    record(caller, run, metric(model_id, 0.25, step=2, **on_10k))
    record(caller, run, metric(model_id, 0.9, step=1, **on_10k))

    golden_set = GoldenSet.objects.get()
    assert (golden_set.name, golden_set.digest) == ("10k", "abc")
    results = Result.objects.order_by("pk")
    assert [(one.golden_set, one.value, one.is_current) for one in results] == [
        (golden_set, 0.5, False),
        (None, 0.7, True),
        (golden_set, 0.25, True),
    ]
    data = caller.get(f"logged-models/{model_id}")["model"]["data"]
    assert data["metrics"] == [
        {
            "key": "loss",
            "value": 0.25,
            "timestamp": 1,
            "step": 2,
            "model_id": model_id,
            "run_id": run.key,
            "dataset_name": "10k",
            "dataset_digest": "abc",
        },
        {
            "key": "loss",
            "value": 0.7,
            "timestamp": 1,
            "step": 0,
            "model_id": model_id,
            "run_id": run.key,
        },
    ]
    collection = Collection.objects.get(project=project, name="digits")
    columns = columns_of(collection, caller.user)
    assert {column.golden_set for column in columns} == {golden_set, None}


def test_metrics_that_come_before_the_end_are_results_from_then_on(
    caller: Caller, project: Project, run: Run
) -> None:
    model_id = begin(caller, project)

    record(caller, run, metric(model_id, 0.5, dataset_name="10k", dataset_digest="abc"))
    assert not Result.objects.exists()
    finish(caller, model_id)

    assert [(one.value, one.run) for one in Result.objects.all()] == [(0.5, run)]


def test_two_data_sets_of_one_name_are_two_golden_sets(
    caller: Caller, project: Project, run: Run
) -> None:
    model_id = begin(caller, project)
    finish(caller, model_id)

    for digest in ("abc", "def", "abc"):
        record(caller, run, metric(model_id, 0.5, dataset_name="10k", dataset_digest=digest))

    sets = GoldenSet.objects.order_by("pk").values_list("name", "digest")
    assert list(sets) == [("10k", "abc"), ("10k (def)", "def")]


def test_a_result_that_is_no_number(caller: Caller, project: Project, run: Run) -> None:
    model_id = begin(caller, project)
    finish(caller, model_id)

    record(caller, run, metric(model_id, float("nan")))
    record(caller, run, metric(model_id, float("nan")))

    assert [one.value for one in Result.objects.all()] == [None]
    data = caller.get(f"logged-models/{model_id}")["model"]["data"]
    assert data["metrics"][0]["value"] == "NaN"


def test_the_source_runs_last_metrics_are_results_of_training(
    caller: Caller, project: Project, run: Run, django_capture_on_commit_callbacks: Any
) -> None:
    model_id = begin(caller, project, source_run_id=run.key)
    finish(caller, model_id)
    access = build.access(caller.user, project=project)
    record(caller, run, metric(model_id, 0.1, key="own"))
    on_10k = {"dataset_name": "10k", "dataset_digest": "abc"}
    other = begin(caller, project, name="other", source_run_id=run.key)
    record(caller, run, metric(other, 0.7, key="accuracy", **on_10k))
    loss = Batch("loss", [0, 1], [1.0, 2.0], [0.5, 0.25])
    # What the run measured on a data set is none of its training.
    log_points(run=run, batches=[loss, Batch("accuracy", [0], [1.0], [0.7])], access=access)

    with django_capture_on_commit_callbacks(execute=True):
        finish_run(run=run, access=access)

    values = Result.objects.filter(is_current=True).values_list("metric__name", "value")
    assert dict(values) == {"own": 0.1, "loss": 0.25}
    collection = Collection.objects.get(project=project, name="digits")
    columns = columns_of(collection, caller.user)
    table = status_table(collection, TableQuery(), caller.user, columns=columns)
    assert sorted(cell.value or 0 for cell in table.rows[0].cells.values()) == [0.1, 0.25]


def test_a_model_in_the_wrong_place_is_not_scored(
    caller: Caller, calling: Callable[..., Caller], run: Run
) -> None:
    stranger = calling(team_name="elsewhere")
    theirs = build.project(stranger.user, "theirs", team_name="elsewhere")
    model_id = begin(stranger, theirs)

    for wrong in (model_id, "m-" + "0" * 32, "nothing"):
        with pytest.raises(Exception, match="not found"):
            record(caller, run, metric(wrong, 0.5))


def test_deleting(calling: Callable[..., Caller], caller: Caller, project: Project) -> None:
    pending, sealed = begin(caller, project, "a"), begin(caller, project, "b")
    finish(caller, sealed)

    caller.delete(f"logged-models/{pending}")
    status, code = caller.refused("DELETE", f"logged-models/{sealed}")
    assert (status, code) == (403, "PERMISSION_DENIED")
    calling(Role.CURATOR).delete(f"logged-models/{sealed}")

    for gone in (pending, sealed):
        assert caller.refused("GET", f"logged-models/{gone}") == (404, "RESOURCE_DOES_NOT_EXIST")


def test_who_may(calling: Callable[..., Caller], caller: Caller) -> None:
    private = build.project(caller.user, "secret", private=True)
    build.project(caller.user)
    model_id = begin(caller, private)
    path = f"logged-models/{model_id}"

    for other in (calling(), calling(team_name="elsewhere")):
        assert other.refused("GET", path) == (404, "RESOURCE_DOES_NOT_EXIST")
        assert other.refused("PATCH", path, {"status": READY})[0] == 404
        assert other.refused("DELETE", path)[0] == 404
    reader = calling(scope=Scope.READ)
    assert reader.refused("PATCH", path, {"status": READY}) == (403, "PERMISSION_DENIED")
    viewer = calling(Role.VIEWER)
    body = {"experiment_id": str(Project.objects.get(name="digits").pk), "name": "m"}
    assert viewer.refused("POST", "logged-models", body) == (403, "PERMISSION_DENIED")
