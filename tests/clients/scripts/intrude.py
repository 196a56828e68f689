"""Try to read and to change what another team has.

intrude.py ENTITY PROJECT RUN COLLECTION
"""

import json
import sys

import wandb

entity, project, run, collection = sys.argv[1:]
refused = []


def refuse(what, action):
    """The action must end with an error."""
    try:
        action()
    except Exception as error:
        refused.append(f"{what}: {error}")
    else:
        raise AssertionError(f"{what} was allowed")


api = wandb.Api()
refuse("reading a run", lambda: api.run(f"{entity}/{project}/{run}"))
refuse("listing runs", lambda: list(api.runs(f"{entity}/{project}")))
refuse("reading an artifact", lambda: api.artifact(f"{entity}/{project}/{collection}:v0"))
refuse(
    "listing versions",
    lambda: list(api.artifact_versions("model", f"{entity}/{project}/{collection}")),
)
refuse("logging", lambda: wandb.init(entity=entity, project=project, id=run))
refuse("making a project", lambda: wandb.init(entity=entity, project="intrusion"))
print(json.dumps(refused))
