"""Traces of language models, which are not kept here: said at once, so that no client waits."""

from apps.mlflow_api.call import Call
from apps.mlflow_api.endpoint import Message, endpoint
from apps.mlflow_api.errors import MlflowError
from apps.projects.access import Action


@endpoint("POST", "traces", Action.SIGNED_IN)
def start_trace(call: Call) -> Message:
    raise MlflowError("NOT_IMPLEMENTED", "Model Status keeps no traces; runs and models it does.")


@endpoint("POST", "traces/search", Action.SIGNED_IN)
def search_traces(call: Call) -> Message:
    return {}


@endpoint("GET", "traces/batchGet", Action.SIGNED_IN)
def get_traces(call: Call) -> Message:
    return {}
