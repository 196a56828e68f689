"""Every call of the mlflow client that the server promises to answer, with what must come back.

Runs on 2.22 and on 3.x; what only 3.x has is left out on the other. Ends by printing what was
made, as JSON.
"""

import json
import math
import tempfile
import time
import uuid
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowClient, MlflowException
from mlflow.entities import Metric, Param, RunStatus, RunTag, ViewType

IS_3 = int(mlflow.__version__.split(".")[0]) >= 3
client = MlflowClient()
made = {"version": mlflow.__version__}


def refused(code, call, *arguments, **more):
    """The call must be refused under this name."""
    try:
        call(*arguments, **more)
    except MlflowException as error:
        found = error
    else:
        raise AssertionError(f"{call.__name__} was not refused")
    assert found.error_code == code, (found.error_code, found.message)
    return found.message


def wait_for(found, what):
    for _ in range(100):
        if found():
            return
        time.sleep(0.1)
    raise AssertionError(what)


def experiments():
    default = client.get_experiment("0")
    assert (default.name, default.lifecycle_stage) == ("Default", "active")
    assert client.get_experiment_by_name("none") is None
    name = "tour / of: all 100% 😀"
    key = client.create_experiment(name, tags={"team": "vision"})
    refused("RESOURCE_ALREADY_EXISTS", client.create_experiment, name)
    found = client.get_experiment(key)
    assert (found.name, found.tags["team"]) == (name, "vision"), found
    assert mlflow.set_experiment(name).experiment_id == key
    client.set_experiment_tag(key, "stage", "one")
    if hasattr(client, "delete_experiment_tag"):
        client.set_experiment_tag(key, "gone", "x")
        client.delete_experiment_tag(key, "gone")
    assert client.get_experiment(key).tags == {"team": "vision", "stage": "one"}
    other = client.create_experiment("tour other")
    client.rename_experiment(other, "tour renamed")
    assert client.get_experiment(other).name == "tour renamed"
    assert client.get_experiment_by_name("tour renamed").experiment_id == other
    refused("RESOURCE_DOES_NOT_EXIST", client.get_experiment, "999999999")
    client.delete_experiment(other)
    assert client.get_experiment(other).lifecycle_stage == "deleted"
    named = {one.name for one in client.search_experiments()}
    assert name in named, named
    assert "tour renamed" not in named, named
    gone = client.search_experiments(view_type=ViewType.DELETED_ONLY)
    assert [one.name for one in gone] == ["tour renamed"], gone
    client.restore_experiment(other)
    assert client.get_experiment(other).lifecycle_stage == "active"
    found = client.search_experiments(
        filter_string="name LIKE 'tour%' AND tags.team = 'vision'", order_by=["name DESC"]
    )
    assert [one.name for one in found] == [name], found
    paged = client.search_experiments(max_results=1, order_by=["name ASC"])
    assert len(paged) == 1
    assert paged.token
    more = client.search_experiments(max_results=1, order_by=["name ASC"], page_token=paged.token)
    assert more[0].experiment_id != paged[0].experiment_id
    made["experiment"] = key
    return key


def runs(experiment):
    with mlflow.start_run(run_name="parent", description="a *note*", tags={"kind": "outer"}) as run:
        assert run.info.experiment_id == experiment
        mlflow.log_param("lr", 0.1)
        mlflow.log_params({"depth": 3, "model/name": "tree", "none": None})
        mlflow.log_metric("loss", 0.5, step=0)
        mlflow.log_metrics({"loss": 0.25, "acc": 0.75}, step=1)
        mlflow.set_tag("one", "1")
        mlflow.set_tags({"two": 2, "gone": "x"})
        mlflow.delete_tag("gone")
        for depth in (1, 2):
            with mlflow.start_run(nested=True, run_name=f"child {depth}") as child:
                mlflow.log_param("depth", depth)
                mlflow.log_metric("loss", 1 / depth)
    key = run.info.run_id
    again = mlflow.get_run(key)
    assert again.info.status == "FINISHED"
    assert again.info.run_name == "parent"
    assert again.info.end_time >= again.info.start_time > 0
    assert again.data.params == {
        "lr": "0.1",
        "depth": "3",
        "model/name": "tree",
        "none": "None",
    }, again.data.params
    assert again.data.metrics == {"loss": 0.25, "acc": 0.75}
    tags = again.data.tags
    assert (tags["kind"], tags["one"], tags["two"]) == ("outer", "1", "2")
    assert tags["mlflow.runName"] == "parent"
    assert tags["mlflow.note.content"] == "a *note*"
    assert "gone" not in tags
    assert mlflow.get_run(child.info.run_id).data.tags["mlflow.parentRunId"] == key
    assert mlflow.get_parent_run(child.info.run_id).info.run_id == key

    refused("INVALID_PARAMETER_VALUE", client.log_param, key, "lr", "0.2")
    client.log_param(key, "lr", "0.1")
    refused("RESOURCE_DOES_NOT_EXIST", client.get_run, uuid.uuid4().hex)

    plain = client.create_run(experiment, run_name="plain", start_time=1_600_000_000_000)
    other = plain.info.run_id
    now = 1_600_000_001_000
    points = [Metric("curve", 1 / (step + 1), now + step, step) for step in range(2500)]
    for start in range(0, len(points), 1000):
        client.log_batch(other, metrics=points[start : start + 1000])
    client.log_batch(other, params=[Param("a", "1")], tags=[RunTag("t", "v")])
    for value in (math.nan, math.inf, -math.inf):
        client.log_metric(other, "odd", value, timestamp=now, step=0)
    history = client.get_metric_history(other, "curve")
    assert len(history) == 2500
    assert [(one.step, one.value, one.timestamp) for one in history[:3]] == [
        (step, 1 / (step + 1), now + step) for step in range(3)
    ], history[:3]
    assert client.get_metric_history(other, "none") == []
    odd = sorted(str(one.value) for one in client.get_metric_history(other, "odd"))
    assert len(odd) == 3, odd
    assert "nan" in odd, odd
    assert client.get_run(other).data.metrics["curve"] == 1 / 2500
    client.update_run(other, status="FAILED", name="plainer")
    assert client.get_run(other).info.run_name == "plainer"
    assert client.get_run(other).data.tags["mlflow.runName"] == "plainer"
    assert client.get_run(other).info.status == "FAILED"
    client.set_terminated(other, RunStatus.to_string(RunStatus.KILLED), end_time=now + 5000)
    ended = client.get_run(other).info
    assert (ended.status, ended.start_time, ended.end_time) == (
        "KILLED",
        1_600_000_000_000,
        now + 5000,
    ), ended
    with mlflow.start_run(run_id=other):
        mlflow.log_metric("late", 1.0)
    assert client.get_run(other).info.status == "FINISHED"

    client.delete_run(other)
    assert client.get_run(other).info.lifecycle_stage == "deleted"
    refused("INVALID_PARAMETER_VALUE", client.log_metric, other, "x", 1.0)
    deleted = client.search_runs([experiment], run_view_type=ViewType.DELETED_ONLY)
    assert [one.info.run_id for one in deleted] == [other]
    client.restore_run(other)
    assert client.get_run(other).info.lifecycle_stage == "active"
    made["run"], made["plain"] = key, other
    return key


def searches(experiment):
    def names(filter_string="", order_by=None, **more):
        found = client.search_runs([experiment], filter_string, order_by=order_by, **more)
        return [one.info.run_name for one in found]

    assert names("metrics.loss < 0.6", ["metrics.loss ASC"]) == ["parent", "child 2"]
    assert names("metrics.loss > 0.4 and params.depth = '2'") == ["child 2"]
    assert names("params.`model/name` LIKE 'tr%'") == ["parent"]
    assert names("tags.kind = 'outer' AND attributes.status = 'FINISHED'") == ["parent"]
    assert names("tags.mlflow.parentRunId IS NULL", ["attributes.run_name DESC"]) == [
        "plainer",
        "parent",
    ]
    assert names("run_name ILIKE 'CHILD%'", ["params.depth DESC"]) == ["child 2", "child 1"]
    assert names("", ["metrics.loss DESC", "start_time ASC"]) == [
        "child 1",
        "child 2",
        "parent",
        "plainer",
    ]
    one = client.get_run(made["run"])
    assert names(f"run_id IN ('{made['run']}')") == ["parent"]
    assert names(f"start_time >= {one.info.start_time}", ["start_time ASC"])[0] == "parent"
    refused("INVALID_PARAMETER_VALUE", names, "metrics.loss < 1 OR metrics.acc > 0")
    refused("INVALID_PARAMETER_VALUE", names, "metrics.loss ~ 1")
    first = client.search_runs([experiment], max_results=3, order_by=["metrics.loss ASC"])
    rest = client.search_runs(
        [experiment], max_results=3, order_by=["metrics.loss ASC"], page_token=first.token
    )
    assert [one.info.run_name for one in [*first, *rest]] == [
        "parent",
        "child 2",
        "child 1",
        "plainer",
    ]
    assert not rest.token
    frame = mlflow.search_runs([experiment], order_by=["metrics.loss"])
    assert list(frame["metrics.loss"][:3]) == [0.25, 0.5, 1.0]
    everywhere = mlflow.search_runs(search_all_experiments=True, output_format="list")
    assert len(everywhere) >= 4


def artifacts(run_id):
    folder = Path(tempfile.mkdtemp())
    (folder / "sub").mkdir()
    (folder / "notes with space & ümlaut.txt").write_text("notes")
    (folder / "sub" / "data.bin").write_bytes(bytes(range(256)) * 10)
    (folder / "sub" / "empty.txt").write_text("")
    with mlflow.start_run(run_id=run_id):
        mlflow.log_artifact(str(folder / "sub" / "data.bin"))
        mlflow.log_artifacts(str(folder), artifact_path="all")
        mlflow.log_text("hello", "texts/hello.txt")
        mlflow.log_dict({"a": [1, 2]}, "dicts/a.json")
        mlflow.log_dict({"a": [1, 2]}, "dicts/a.yaml")
        figure, axes = plt.subplots()
        axes.plot([0, 1], [1, 0])
        mlflow.log_figure(figure, "figures/line.png")
        picture = np.zeros((8, 8, 3), dtype=np.uint8)
        picture[:, :4] = 255
        mlflow.log_image(picture, "images/half.png")
        mlflow.log_image(picture, key="validation", step=10)
        mlflow.log_table({"question": ["1+1", "2+2"], "answer": [2, 4]}, "tables/sums.json")
        mlflow.log_table(pd.DataFrame({"question": ["3+3"], "answer": [6]}), "tables/sums.json")
        mlflow.flush_artifact_async_logging()
    listed = {one.path: one for one in client.list_artifacts(run_id)}
    assert {"all", "data.bin", "dicts", "figures", "images", "tables", "texts"} <= set(listed)
    assert (listed["data.bin"].is_dir, listed["data.bin"].file_size) == (False, 2560)
    assert listed["all"].is_dir
    inner = [one.path for one in client.list_artifacts(run_id, "all")]
    assert inner == ["all/notes with space & ümlaut.txt", "all/sub"], inner
    assert client.list_artifacts(run_id, "none") == []
    wait_for(lambda: len(client.list_artifacts(run_id, "images")) >= 3, "images")
    back = Path(client.download_artifacts(run_id, "all", tempfile.mkdtemp()))
    assert (back / "sub" / "data.bin").read_bytes() == bytes(range(256)) * 10
    assert (back / "sub" / "empty.txt").read_bytes() == b""
    assert (back / "notes with space & ümlaut.txt").read_text() == "notes"
    assert mlflow.artifacts.load_text(f"runs:/{run_id}/texts/hello.txt") == "hello"
    assert mlflow.artifacts.load_dict(f"runs:/{run_id}/dicts/a.json") == {"a": [1, 2]}
    assert mlflow.artifacts.load_image(f"runs:/{run_id}/images/half.png").size == (8, 8)
    table = mlflow.load_table("tables/sums.json", run_ids=[run_id])
    assert list(table["answer"]) == [2, 4, 6], table
    client.log_text(run_id, "x", "gone/x.txt")
    repo = mlflow.store.artifact.artifact_repository_registry.get_artifact_repository(
        client.get_run(run_id).info.artifact_uri
    )
    repo.delete_artifacts("gone")
    assert "gone" not in {one.path for one in client.list_artifacts(run_id)}
    refused_path = None
    try:
        client.download_artifacts(run_id, "none.txt", tempfile.mkdtemp())
    except Exception as error:
        refused_path = str(error)
    assert refused_path


def datasets(run_id):
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": [0, 1]})
    train = mlflow.data.from_pandas(frame, name="train", targets="y")
    with mlflow.start_run(run_id=run_id):
        mlflow.log_input(train, context="training")
        mlflow.log_input(train, context="training")
    (found,) = mlflow.get_run(run_id).inputs.dataset_inputs
    assert (found.dataset.name, found.dataset.digest) == ("train", train.digest)
    assert [(tag.key, tag.value) for tag in found.tags] == [("mlflow.data.context", "training")]
    assert json.loads(found.dataset.schema)
    found = client.search_runs(
        [made["experiment"]], "dataset.name = 'train' AND dataset.context = 'training'"
    )
    assert [one.info.run_id for one in found] == [run_id]


def registry(run_id):
    name = "tour-model"
    client.create_registered_model(name, tags={"task": "sums"}, description="adds")
    refused("RESOURCE_ALREADY_EXISTS", client.create_registered_model, name)
    client.update_registered_model(name, description="adds numbers")
    client.set_registered_model_tag(name, "owner", "me")
    client.set_registered_model_tag(name, "gone", "x")
    client.delete_registered_model_tag(name, "gone")
    found = client.get_registered_model(name)
    assert found.description == "adds numbers"
    assert found.tags == {"task": "sums", "owner": "me"}, found.tags
    refused("RESOURCE_DOES_NOT_EXIST", client.get_registered_model, "none")

    client.log_text(run_id, "flavors: {}", "model/MLmodel")
    client.log_text(run_id, "one", "model/weights.txt")
    source = client.get_run(run_id).info.artifact_uri + "/model"
    one = client.create_model_version(
        name, source, run_id, tags={"by": "tour"}, description="the first"
    )
    assert (one.version, one.status, one.run_id) in [("1", "READY", run_id), (1, "READY", run_id)]
    client.log_text(run_id, "two", "model/weights.txt")
    two = client.create_model_version(name, f"runs:/{run_id}/model", run_id)
    assert int(two.version) == 2
    again = client.get_model_version(name, "1")
    assert (again.description, again.tags["by"], again.current_stage) == (
        "the first",
        "tour",
        "None",
    )
    client.update_model_version(name, "1", "the very first")
    client.set_model_version_tag(name, "1", "checked", "yes")
    client.set_model_version_tag(name, "1", "gone", "x")
    client.delete_model_version_tag(name, "1", "gone")
    again = client.get_model_version(name, "1")
    assert again.description == "the very first"
    assert again.tags == {"by": "tour", "checked": "yes"}, again.tags
    folder = mlflow.artifacts.download_artifacts(f"models:/{name}/1")
    sealed = (Path(folder) / "weights.txt").read_text()
    folder = mlflow.artifacts.download_artifacts(f"models:/{name}/2")
    assert (Path(folder) / "weights.txt").read_text() == "two"
    made["sealed"] = sealed

    client.set_registered_model_alias(name, "champion", "1")
    assert client.get_model_version_by_alias(name, "champion").version in ("1", 1)
    client.set_registered_model_alias(name, "champion", "2")
    assert client.get_registered_model(name).aliases == {"champion": "2"}
    assert client.get_model_version(name, "2").aliases == ["champion"]
    assert client.get_model_version(name, "1").aliases == []
    client.delete_registered_model_alias(name, "champion")
    refused("INVALID_PARAMETER_VALUE", client.get_model_version_by_alias, name, "champion")

    client.transition_model_version_stage(name, "1", "Staging")
    client.transition_model_version_stage(name, "2", "Staging")
    assert client.get_model_version(name, "1").current_stage == "Staging"
    client.transition_model_version_stage(name, "2", "Production", archive_existing_versions=True)
    client.transition_model_version_stage(name, "1", "production", archive_existing_versions=True)
    assert client.get_model_version(name, "2").current_stage == "Archived"
    (latest,) = client.get_latest_versions(name, ["Production"])
    assert int(latest.version) == 1
    stages = {one.current_stage: int(one.version) for one in client.get_latest_versions(name)}
    assert stages == {"Archived": 2, "Production": 1}, stages
    client.transition_model_version_stage(name, "2", "None")
    refused("INVALID_PARAMETER_VALUE", client.transition_model_version_stage, name, "1", "Odd")

    copied = client.copy_model_version(f"models:/{name}/1", "tour-copy")
    assert (copied.name, int(copied.version)) == ("tour-copy", 1)
    folder = mlflow.artifacts.download_artifacts("models:/tour-copy/1")
    assert (Path(folder) / "weights.txt").read_text() == sealed

    found = client.search_registered_models("name LIKE 'tour%'", order_by=["name DESC"])
    assert [one.name for one in found] == ["tour-model", "tour-copy"]
    assert [one.name for one in client.search_registered_models("tags.task = 'sums'")] == [name]
    paged = client.search_registered_models(max_results=1)
    assert len(paged) == 1
    assert paged.token
    found = client.search_model_versions(f"name = '{name}'", order_by=["version_number DESC"])
    assert [int(one.version) for one in found] == [2, 1]
    found = client.search_model_versions(f"name = '{name}' AND tags.by = 'tour'")
    assert [int(one.version) for one in found] == [1]
    assert len(client.search_model_versions(f"run_id = '{run_id}'")) >= 2

    three = client.create_model_version(name, f"runs:/{run_id}/texts", run_id)
    assert int(three.version) == 3
    client.delete_model_version(name, "3")
    refused("RESOURCE_DOES_NOT_EXIST", client.get_model_version, name, "3")
    four = client.create_model_version(name, f"runs:/{run_id}/dicts", run_id)
    assert int(four.version) == 4, "a number was used twice"
    client.rename_registered_model("tour-copy", "tour-copied")
    assert client.get_registered_model("tour-copied").name == "tour-copied"
    client.delete_registered_model("tour-copied")
    refused("RESOURCE_DOES_NOT_EXIST", client.get_registered_model, "tour-copied")
    made["model"] = name


def main():
    experiment = experiments()
    run_id = runs(experiment)
    searches(experiment)
    artifacts(run_id)
    datasets(run_id)
    registry(run_id)
    if IS_3:
        logged_models(experiment)
    print(json.dumps(made))


def logged_models(experiment):
    with mlflow.start_run(run_name="external") as run:
        model = mlflow.initialize_logged_model("tour-logged", params={"width": 4}, tags={"a": "b"})
        assert model.status.name == "PENDING"
        client.log_model_params(model.model_id, {"depth": "2"})
        mlflow.set_logged_model_tags(model.model_id, {"c": "d", "gone": "x"})
        mlflow.delete_logged_model_tag(model.model_id, "gone")
        frame = pd.DataFrame({"x": [1.0, 2.0]})
        golden = mlflow.data.from_pandas(frame, name="golden-2")
        mlflow.log_metric("accuracy", 0.75, model_id=model.model_id, dataset=golden)
        mlflow.log_metrics({"plain": 0.5}, model_id=model.model_id)
        model = mlflow.finalize_logged_model(model.model_id, "READY")
        assert model.status.name == "READY"
    found = mlflow.get_logged_model(model.model_id)
    assert found.name == "tour-logged"
    assert found.source_run_id == run.info.run_id
    assert found.params == {"width": "4", "depth": "2"}, found.params
    assert (found.tags["a"], found.tags["c"]) == ("b", "d")
    assert "gone" not in found.tags
    scores = {(one.key, one.dataset_name): one.value for one in found.metrics}
    assert scores[("accuracy", "golden-2")] == 0.75, scores
    assert scores[("plain", None)] == 0.5, scores
    listed = mlflow.search_logged_models(
        [experiment], filter_string="name = 'tour-logged'", output_format="list"
    )
    assert [one.model_id for one in listed] == [model.model_id]
    listed = mlflow.search_logged_models(
        [experiment],
        filter_string="metrics.accuracy > 0.5",
        datasets=[{"dataset_name": "golden-2", "dataset_digest": golden.digest}],
        order_by=[{"field_name": "metrics.accuracy", "ascending": False}],
        output_format="list",
    )
    assert [one.model_id for one in listed] == [model.model_id]
    outside = mlflow.create_external_model("tour-external", params={"where": "elsewhere"})
    assert mlflow.get_logged_model(outside.model_id).params == {"where": "elsewhere"}
    client.delete_logged_model(outside.model_id)
    refused("RESOURCE_DOES_NOT_EXIST", client.get_logged_model, outside.model_id)
    made["logged_model"] = model.model_id


main()
