"""Words that runs are described with."""

from typing import Final

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

# The streams of a client that numbers its lines, by the names of their positions. The first two are
# keys of SeriesKind.ROWS as well.
HISTORY = "history"
EVENTS = "events"
CONSOLE = "console"


class RunState(TextChoices):
    """Where a run stands. A running one whose heart has stopped is shown as crashed; a scheduled
    one has not begun, so that nobody listens for its heart."""

    SCHEDULED = "scheduled", _("scheduled")
    RUNNING = "running", _("running")
    FINISHED = "finished", _("finished")
    FAILED = "failed", _("failed")
    CRASHED = "crashed", _("crashed")
    KILLED = "killed", _("killed")

    @property
    def has_ended(self) -> bool:
        return self not in OPEN_STATES


# What comes before the end, the usual one first.
OPEN_STATES: Final = (RunState.RUNNING, RunState.SCHEDULED)


class Stream(TextChoices):
    """Which output a console line was written to."""

    OUT = "out", _("output")
    ERROR = "error", _("error")


class AlertLevel(TextChoices):
    """How much an alert of a run's code matters."""

    INFO = "info", _("note")
    WARN = "warn", _("warning")
    ERROR = "error", _("error")
