"""Log a model and ask for a label that the caller may not give."""

import json

import wandb

with wandb.init(project="careful") as run:
    with open("model.bin", "wb") as file:
        file.write(b"weights")
    artifact = wandb.Artifact("guarded", type="model")
    artifact.add_file("model.bin")
    run.log_artifact(artifact, aliases=["mine"])
    artifact.wait()
    path = f"{run.entity}/{run.project}/guarded"

version = wandb.Api().artifact(f"{path}:mine")
version.aliases.append("production")
try:
    version.save()
except Exception as error:
    refused = str(error)
else:
    raise AssertionError("an editor has put a version into production")
held = wandb.Api().artifact(f"{path}:v0").aliases
assert "production" not in held and "mine" in held, held
print(json.dumps({"refused": refused}))
