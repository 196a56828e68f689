"""One model for two clients, the mlflow side: shared_mlflow.py read | move NUMBER | add."""

import hashlib
import json
import os
import sys
from pathlib import Path

import mlflow
from mlflow import MlflowClient

MODEL = "shared"
LABEL = "champion"
client = MlflowClient()


def read() -> None:
    found = client.get_model_version_by_alias(MODEL, LABEL)
    folder = Path(mlflow.artifacts.download_artifacts(f"models:/{MODEL}@{LABEL}"))
    digests = [
        hashlib.sha256(one.read_bytes()).hexdigest()
        for one in sorted(folder.rglob("*"))
        if one.is_file()
    ]
    everything = client.search_model_versions(f"name = '{MODEL}'")
    print(
        json.dumps(
            {
                "version": found.version,
                "digests": digests,
                "all": sorted(int(one.version) for one in everything),
            }
        )
    )


def move(number: str) -> None:
    client.set_registered_model_alias(MODEL, LABEL, number)
    print(json.dumps({"version": number}))


def add() -> None:
    """A further version out of a run's file, which gets the label."""
    content = os.urandom(20_000)
    Path("weights.bin").write_bytes(content)
    mlflow.set_experiment("both")
    with mlflow.start_run() as run:
        mlflow.log_artifact("weights.bin", "model")
    made = client.create_model_version(MODEL, f"runs:/{run.info.run_id}/model", run.info.run_id)
    client.set_registered_model_alias(MODEL, LABEL, made.version)
    digest = hashlib.sha256(content).hexdigest()
    print(json.dumps({"version": made.version, "digests": [digest]}))


{"read": read, "move": move, "add": add}[sys.argv[1]](*sys.argv[2:])
