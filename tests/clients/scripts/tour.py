"""Log a bit of everything.

tour.py LR
"""

import json
import math
import sys

import numpy as np
import wandb

lr = float(sys.argv[1])
config = {"lr": lr, "net": {"layers": [4, 2], "act": "relu"}, "note": "ünï ☃"}
with open("notes.txt", "w") as file:
    file.write("notes to keep\n")

run = wandb.init(
    project="tour",
    config=config,
    tags=["first", "second"],
    notes="what this is about",
    group="a group",
    job_type="tour",
    name=f"tour {lr}",
)
run.define_metric("epoch")
run.define_metric("val/loss", step_metric="epoch", summary="min")
for step in range(10):
    run.log({"loss": 1 / (step + 1), "epoch": step // 2, "val/loss": 10 - step, "odd": math.nan})
run.log({"odd": math.inf, "nested": {"a": 1, "b": {"c": 2.5}}, "word": "text", "flag": True})
run.log({"odd": -math.inf, "key with/slash.dot": 1e-300})
pixels = np.arange(28 * 28, dtype=np.uint8).reshape(28, 28)
table = wandb.Table(columns=["guess", "image"], data=[[7, wandb.Image(pixels)]])
run.log(
    {
        "picture": wandb.Image(pixels, caption="a gradient"),
        "predictions": table,
        "weights": wandb.Histogram(np.arange(100)),
        "page": wandb.Html("<p>hello</p><script>alert(1)</script>"),
    }
)
print("a line on the console")
run.alert("Too hot", "The temperature is 95 °C.", level=wandb.AlertLevel.WARN)
run.save("notes.txt")
run.log_code(".", include_fn=lambda path: path.endswith("tour.py"))
run.summary["best"] = lr * 2
run.summary["deep"] = {"er": 3}
answer = {"id": run.id, "path": f"{run.entity}/{run.project}/{run.id}", "name": run.name}
run.finish()
print(json.dumps(answer))
