"""Log a version of the data set `mnist_ds`: tables of images and labels.

mnist_dataset.py ROWS
"""

import json
import sys

import numpy as np
import wandb

rows = int(sys.argv[1])
numbers = np.random.default_rng(rows)

with wandb.init(project="mnist", job_type="upload-dataset") as run:
    artifact = wandb.Artifact("mnist_ds", type="dataset", metadata={"rows": rows})
    for split in ("train", "test"):
        table = wandb.Table(columns=["image", "label"])
        for label in range(rows):
            pixels = numbers.integers(0, 255, (28, 28), dtype=np.uint8)
            table.add_data(wandb.Image(pixels, caption=f"digit {label % 10}"), label % 10)
        artifact.add(table, split)
    run.log_artifact(artifact)
    artifact.wait()
    print(json.dumps({"version": artifact.version, "digest": artifact.digest}))
