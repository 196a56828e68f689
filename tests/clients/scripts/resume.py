"""Log, stop, and go on with the same run; and refuse to go on with one that is not there."""

import json

import wandb

with wandb.init(project="resumes", id="the-run", resume="allow", config={"lr": 0.1}) as run:
    for step in range(3):
        run.log({"loss": 3 - step})
    print("first part")

with wandb.init(project="resumes", id="the-run", resume="must") as run:
    assert run.resumed
    assert run.config["lr"] == 0.1
    for step in range(2):
        run.log({"loss": -step})
    print("second part")
    path = f"{run.entity}/{run.project}/{run.id}"

rows = [(row["_step"], row["loss"]) for row in wandb.Api().run(path).scan_history()]
assert rows == [(0, 3), (1, 2), (2, 1), (3, 0), (4, -1)], rows

try:
    wandb.init(project="resumes", id="nobody", resume="must")
except wandb.errors.UsageError as error:
    print(json.dumps({"path": path, "refused": str(error)}))
else:
    raise AssertionError("a run that is not there was resumed")
