"""Which version an alias names: mlflow_holder.py NAME ALIAS."""

import json
import sys

from mlflow import MlflowClient

found = MlflowClient().get_model_version_by_alias(sys.argv[1], sys.argv[2])
print(json.dumps({"version": found.version, "aliases": list(found.aliases)}))
