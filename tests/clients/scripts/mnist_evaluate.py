"""Evaluate all versions of `mnist_model_candidates` and put the best into production.

    mnist_evaluate.py DATASET...

Each loss goes into the version's metadata, under the name of the data set artifact.
"""

import json
import sys

import wandb


def loss_of(model, dataset):
    """What the version's model would score: any number that follows from both."""
    with open(model.get_entry("model.json").download()) as file:
        weights = json.load(file)["weights"]
    rows = dataset.metadata["rows"]
    return sum(weights[:rows]) / rows


losses = {}
with wandb.init(project="mnist", job_type="evaluate") as run:
    datasets = [run.use_artifact(name) for name in sys.argv[1:]]
    name = f"{run.entity}/{run.project}/mnist_model_candidates"
    versions = list(wandb.Api().artifact_versions("model", name))
    for model in versions:
        for dataset in datasets:
            key = f"{dataset.name}-ce_loss"
            model.metadata[key] = loss_of(model, dataset)
            losses.setdefault(model.version, {})[dataset.version] = model.metadata[key]
        model.save()
    best = min(versions, key=lambda model: losses[model.version][datasets[0].version])
    best.aliases.append("production")
    best.save()
    names = [dataset.name for dataset in datasets]

again = wandb.Api().artifact(f"{name}:production")
assert again.version == best.version, (again.version, best.version)
assert "production" in again.aliases, again.aliases
print(json.dumps({"losses": losses, "best": best.version, "names": names}))
