"""Read with the public API what `tour.py` logged, change it, and delete it.

read_back.py ENTITY/PROJECT/RUN
"""

import json
import math
import sys

import wandb

path = sys.argv[1]
project = path.rpartition("/")[0]
api = wandb.Api()

run = api.run(path)
assert run.state == "finished", run.state
assert run.config["net"] == {"layers": [4, 2], "act": "relu"}, run.config
assert run.config["note"] == "ünï ☃"
assert sorted(run.tags) == ["first", "second"]
assert run.notes == "what this is about"
assert (run.group, run.job_type) == ("a group", "tour"), (run.group, run.job_type)
summary = run.summary
assert math.isclose(summary["loss"], 0.1), dict(summary)
assert summary["val/loss"]["min"] == 1, dict(summary)
assert summary["deep"]["er"] == 3

rows = list(run.scan_history())
assert [row["_step"] for row in rows] == list(range(13)), rows
assert [round(1 / row["loss"]) for row in rows[:10]] == list(range(1, 11))
assert all(math.isnan(float(row["odd"])) for row in rows[:10])
assert float(rows[10]["odd"]) == math.inf and float(rows[11]["odd"]) == -math.inf
assert rows[11]["key with/slash.dot"] == 1e-300
only = list(run.scan_history(keys=["val/loss", "epoch"], page_size=3))
assert [row["val/loss"] for row in only] == list(range(10, 0, -1)), only
some = run.history(samples=4, keys=["loss"], pandas=False)
assert 1 <= len(some) <= 10 and all("loss" in row for row in some), some
system = run.history(stream="system", pandas=False)
assert isinstance(system, list)

files = {file.name: file for file in run.files()}
assert "notes.txt" in files, sorted(files)
assert "config.yaml" in files and "wandb-summary.json" in files, sorted(files)
assert any(name.startswith("media/images/picture") for name in files), sorted(files)
files["notes.txt"].download(root="fetched", replace=True)
with open("fetched/notes.txt") as file:
    assert file.read() == "notes to keep\n"
logged = sorted(artifact.name for artifact in run.logged_artifacts())
assert any("predictions" in name for name in logged), logged
(predictions,) = [one for one in run.logged_artifacts() if "predictions" in one.name]
assert predictions.get("predictions").data[0][0] == 7

high = api.runs(project, filters={"config.lr": {"$gt": 0.15}})
assert [one.config["lr"] for one in high] == [0.2]
order = [one.config["lr"] for one in api.runs(project, order="-summary_metrics.best")]
assert order == sorted(order, reverse=True) and len(order) == 2, order
tagged = api.runs(project, filters={"$and": [{"tags": "first"}, {"state": "finished"}]})
assert len(tagged) == 2
assert len(api.runs(project, filters={"display_name": {"$regex": "^tour 0.1"}})) == 1
assert len(api.runs(project, filters={"config.lr": 99})) == 0

run.tags.append("third")
run.notes = "changed"
run.config["extra"] = {"a": 1}
run.name = "renamed"
run.update()
run.summary["later"] = 4.5
run.summary.update()
again = wandb.Api().run(path)
assert sorted(again.tags) == ["first", "second", "third"]
assert (again.notes, again.name) == ("changed", "renamed")
assert again.config["extra"] == {"a": 1} and again.config["lr"] == run.config["lr"]
assert again.summary["later"] == 4.5 and again.summary["deep"]["er"] == 3

again.delete()
try:
    wandb.Api().run(path)
except (wandb.errors.CommError, ValueError) as error:
    print(json.dumps({"gone": str(error)}))
else:
    raise AssertionError("the run is still there")
