"""Give a version an alias, and say what came of it: mlflow_promote.py ALIAS."""

import json
import sys

import mlflow
from mlflow import MlflowClient, MlflowException

NAME = "guarded"
client = MlflowClient()
try:
    client.get_registered_model(NAME)
except MlflowException:
    client.create_registered_model(NAME)
    with mlflow.start_run() as run:
        mlflow.log_text("x", "model/x.txt")
    client.create_model_version(NAME, f"runs:/{run.info.run_id}/model", run.info.run_id)
try:
    client.set_registered_model_alias(NAME, sys.argv[1], "1")
except MlflowException as error:
    print(json.dumps({"code": error.error_code, "message": str(error)}))
else:
    print(json.dumps({"aliases": list(client.get_model_version(NAME, "1").aliases)}))
