"""Log some rows, a file and an artifact; with WANDB_MODE=offline, for later.

log_some.py ROWS
"""

import json
import sys

import wandb

with wandb.init(project="later", config={"rows": int(sys.argv[1])}, tags=["kept"]) as run:
    for step in range(int(sys.argv[1])):
        run.log({"loss": 1 / (step + 1), "step squared": step * step})
    print("logged with care")
    with open("weights.bin", "wb") as file:
        file.write(bytes(range(256)) * 100)
    artifact = wandb.Artifact("later_model", type="model", metadata={"rows": int(sys.argv[1])})
    artifact.add_file("weights.bin")
    artifact.add_reference("https://example.invalid/data", name="data", checksum=False)
    run.log_artifact(artifact)
    run.summary["done"] = 1
    answer = {"id": run.id, "folder": run.settings.sync_dir}

print(json.dumps(answer))
