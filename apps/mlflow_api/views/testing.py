"""For suites of tests that run against a live server; bound only where MODEL_STATUS_TEST_RESET is
set, which a server that others can reach refuses to start with."""

from apps.bin.services.emptying import empty_team
from apps.mlflow_api.call import Call
from apps.mlflow_api.endpoint import SITE, Message, endpoint
from apps.mlflow_api.services import ensure_default
from apps.projects.access import Action


@endpoint("POST", "test/reset", Action.DELETE, root=SITE, reads_body=False)
def reset(call: Call) -> Message:
    """Leave the caller's default team with the default experiment and nothing else."""
    access = call.home()
    empty_team(access=access)
    ensure_default(access.team)
    return {}
