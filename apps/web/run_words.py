"""What lists and pages say of a run's state and how long it took."""

from datetime import datetime

from django.utils.translation import gettext as _

from apps.runs.choices import RunState
from apps.runs.models import Run
from apps.web.run_page import Show

STATE_HUES = {
    RunState.SCHEDULED: "slate",
    RunState.RUNNING: "green",
    RunState.FINISHED: "blue",
    RunState.FAILED: "red",
    RunState.CRASHED: "red",
    RunState.KILLED: "amber",
}


def show_words() -> tuple[tuple[Show, str], ...]:
    """The parts of a run's page in the order of their tabs."""
    return (
        ("curves", _("Curves")),
        ("system", _("System")),
        ("objects", _("Objects")),
        ("files", _("Files")),
        ("code", _("Code")),
        ("console", _("Console")),
    )


def run_seconds(run: Run, state: RunState, now: datetime) -> float | None:
    """How long a run took, takes so far, or took until it fell silent; None before it begins."""
    if state == RunState.SCHEDULED:
        return None
    end = run.ended_at or (now if state == RunState.RUNNING else run.heartbeat_at)
    return (end - run.started_at).total_seconds()
