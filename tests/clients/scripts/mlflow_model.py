"""Autologging, a registered model under an alias, and loading it by that with equal predictions.

Ends by printing where the model stands.
"""

import json

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.models import infer_signature
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

IS_3 = int(mlflow.__version__.split(".")[0]) >= 3
NAME = "iris"
client = MlflowClient()


def autolog(features, target):
    """What fitting inside a run says by itself."""
    mlflow.sklearn.autolog(log_datasets=True)
    with mlflow.start_run(run_name="autologged") as run:
        LogisticRegression(max_iter=200, C=0.5).fit(features, target)
    mlflow.sklearn.autolog(disable=True)
    found = mlflow.get_run(run.info.run_id)
    assert found.info.status == "FINISHED"
    assert found.data.params["C"] == "0.5", found.data.params
    assert 0.9 < found.data.metrics["training_accuracy_score"] <= 1, found.data.metrics
    assert found.data.tags["estimator_name"] == "LogisticRegression"
    assert found.inputs.dataset_inputs, "autologging says the data set"
    files = {one.path for one in client.list_artifacts(run.info.run_id)}
    assert "estimator.html" in files, files
    assert "training_confusion_matrix.png" in files, files
    loaded = mlflow.sklearn.load_model(f"runs:/{run.info.run_id}/model")
    assert loaded.predict(features).shape == target.shape
    return run.info.run_id


def register(features, target, quality):
    """Log a model under a name, as a script of a team would."""
    model = LogisticRegression(max_iter=200, C=quality).fit(features, target)
    place = {"name": "classifier"} if IS_3 else {"artifact_path": "classifier"}
    with mlflow.start_run(run_name=f"C={quality}") as run:
        mlflow.log_param("C", quality)
        info = mlflow.sklearn.log_model(
            model,
            **place,
            registered_model_name=NAME,
            # Finding them out takes the client a minute on a busy machine.
            pip_requirements=["scikit-learn"],
            signature=infer_signature(features, model.predict(features)),
            input_example=features[:2],
        )
        mlflow.log_metric("training_accuracy", model.score(features, target))
    return model, run.info.run_id, info


def main():
    features, target = load_iris(return_X_y=True)
    experiment = mlflow.set_experiment("iris")
    autologged = autolog(features, target)
    models = []
    for quality in (0.01, 1.0):
        model, run_id, info = register(features, target, quality)
        models.append(model)
        number = str(len(models))
        version = client.get_model_version(NAME, number)
        assert version.run_id == run_id, version
        golden = mlflow.data.from_numpy(features, targets=target, name="iris-150")
        # The client of MLflow 2 knows neither.
        more = {"model_id": info.model_id, "dataset": golden} if IS_3 else {}
        with mlflow.start_run(run_id=run_id):
            mlflow.log_metric("accuracy", model.score(features, target), **more)
            error = 1 - model.score(features, target)
            mlflow.log_metric("error", error, **more)

    again = mlflow.register_model(f"runs:/{run_id}/classifier", NAME)
    assert int(again.version) == 3, again
    client.set_registered_model_alias(NAME, "champion", "2")
    client.transition_model_version_stage(NAME, "1", "Staging")
    for address in (f"models:/{NAME}@champion", f"models:/{NAME}/2", f"runs:/{run_id}/classifier"):
        loaded = mlflow.sklearn.load_model(address)
        assert np.array_equal(loaded.predict(features), models[1].predict(features)), address
        assert np.array_equal(loaded.predict_proba(features), models[1].predict_proba(features))
    loaded = mlflow.pyfunc.load_model(f"models:/{NAME}/Staging")
    assert np.array_equal(loaded.predict(features), models[0].predict(features))
    loaded = mlflow.pyfunc.load_model(f"models:/{NAME}/latest")
    assert np.array_equal(loaded.predict(features), models[1].predict(features))
    answer = {
        "experiment": experiment.experiment_id,
        "autologged": autologged,
        "run": run_id,
        "name": NAME,
        "accuracy": [float(model.score(features, target)) for model in models],
    }
    print(json.dumps(answer))


main()
