"""What lists and pages say of a run's state and how long it took."""

from datetime import datetime

from apps.runs.choices import RunState
from apps.runs.models import Run

STATE_HUES = {
    RunState.RUNNING: "green",
    RunState.FINISHED: "blue",
    RunState.FAILED: "red",
    RunState.CRASHED: "red",
    RunState.KILLED: "amber",
}


def run_seconds(run: Run, state: RunState, now: datetime) -> float:
    """How long a run took, takes so far, or took until it fell silent."""
    end = run.ended_at or (now if state == RunState.RUNNING else run.heartbeat_at)
    return (end - run.started_at).total_seconds()
