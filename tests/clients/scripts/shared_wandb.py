"""One model for two clients, the wandb side: shared_wandb.py log | read | move NUMBER."""

import hashlib
import json
import os
import sys
from pathlib import Path

import wandb

MODEL = "shared"
LABEL = "champion"


def log() -> None:
    """Two versions, each by a run of its own; the first holds the label."""
    digests = []
    for number in range(2):
        with wandb.init(project="both") as run:
            run.log({"loss": 1.0 / (number + 1)})
            path = Path(f"model-{number}.bin")
            path.write_bytes(os.urandom(20_000))
            digests.append(hashlib.sha256(path.read_bytes()).hexdigest())
            aliases = [LABEL] if number == 0 else []
            run.link_model(path=str(path), registered_model_name=MODEL, aliases=aliases)
    print(json.dumps({"digests": digests}))


def read() -> None:
    found = wandb.Api().artifact(f"model-registry/{MODEL}:{LABEL}")
    folder = Path(found.download(root=f"read-{found.version}"))
    digests = [hashlib.sha256(one.read_bytes()).hexdigest() for one in sorted(folder.iterdir())]
    print(json.dumps({"version": found.version, "digests": digests}))


def move(number: str) -> None:
    found = wandb.Api().artifact(f"model-registry/{MODEL}:v{number}")
    found.aliases.append(LABEL)
    found.save()
    print(json.dumps({"version": found.version}))


{"log": log, "read": read, "move": move}[sys.argv[1]](*sys.argv[2:])
