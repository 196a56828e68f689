"""Train on `mnist_ds:latest`, log curves, publish a version of `mnist_model_candidates`.

mnist_train.py SEED STEPS
"""

import json
import random
import sys

import wandb

seed, steps = int(sys.argv[1]), int(sys.argv[2])
random.seed(seed)
config = {"lr": 0.1 / seed, "seed": seed, "layers": [784, 10]}

with wandb.init(project="mnist", job_type="train", config=config, tags=["mnist"]) as run:
    dataset = run.use_artifact("mnist_ds:latest")
    examples = dataset.get("test")
    losses = []
    for step in range(steps):
        losses.append(2.5 / (1 + step) + random.random() / 10)
        run.log({"train/loss": losses[-1], "train/acc": 1 - losses[-1] / 3})
    with open("model.json", "w") as file:
        json.dump({"seed": seed, "weights": [random.random() for _ in range(100)]}, file)
    model = wandb.Artifact("mnist_model_candidates", type="model", metadata={"seed": seed})
    model.add_file("model.json")
    run.log_artifact(model)
    model.wait()
    answer = {
        "run": run.id,
        "name": run.name,
        "examples": len(examples.data),
        "dataset": dataset.version,
        "losses": losses,
        "version": model.version,
    }

print(json.dumps(answer))
