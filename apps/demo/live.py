"""A run that goes on while the server runs: real training, an epoch every two seconds.

It keeps one epoch in memory. Each start of the server begins a run of its own, and ends it when it
stops; one that was killed is shown as crashed, as any run is that falls silent.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event
from types import FrameType

from django.db import InterfaceError, OperationalError, close_old_connections, transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps.core.errors import DomainError
from apps.demo.candidates import Reading, describe, log_readings, start_training
from apps.demo.measuring import Meter, one_thread
from apps.demo.network import Settings, Training
from apps.demo.scene import Scene
from apps.demo.story import ENGINEER
from apps.projects.access import Access
from apps.runs.choices import RunState
from apps.runs.models import Run
from apps.runs.services import Line, RunEnded, finish_run, log_console

SECONDS_PER_EPOCH = 2.0
# A live run that was heard of within this time belongs to a process that is still there.
ALIVE = timedelta(seconds=30)
PREFIX = "live-"


class Stop:
    """Whether to stop: a signal came, or the process that started us has gone."""

    def __init__(self) -> None:
        self._asked = Event()
        self._parent = os.getppid()

    def ask(self, number: int = 0, frame: FrameType | None = None) -> None:
        self._asked.set()

    def __call__(self) -> bool:
        return self._asked.is_set() or os.getppid() != self._parent

    def wait(self, seconds: float) -> bool:
        """Wait for so long, or less if asked to stop meanwhile; whether to stop."""
        self._asked.wait(seconds)
        return self()


@contextmanager
def stopping_on_signals() -> Iterator[Stop]:
    """SIGTERM and Ctrl-C become a wish to stop, so that what is begun is finished."""
    stop = Stop()
    former = {each: signal.signal(each, stop.ask) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for each, handler in former.items():
            signal.signal(each, handler)


def train_live(
    scene: Scene,
    *,
    stop: Stop,
    say: Callable[[str], None] = lambda text: None,
    seconds_per_epoch: float = SECONDS_PER_EPOCH,
) -> None:
    """Begin a live run and log to it until asked to stop, then finish it.

    Waits while another process is at it. Ends by itself when the run was ended or deleted by
    somebody else, and after the last epoch.
    """
    while _another_is_at_it(scene):
        if stop.wait(5):
            return
    candidate = scene.story.live
    access = scene.access(ENGINEER)
    with transaction.atomic():
        run = start_training(scene, candidate, _next_key(scene), access, None)
    say(f"The run {run.name} ({run.key}) goes on until the server stops")
    parts = scene.data.split
    with one_thread():
        training = Training(candidate.settings, parts.training, parts.validation)
        try:
            _log_epochs(run, access, training, stop, seconds_per_epoch)
            finish_run(run=run, access=access, exit_code=0)
        except RunEnded:
            say(f"The run {run.key} was ended by somebody else")
        except DomainError as error:
            say(f"The run {run.key} cannot go on: {error.message}")


def _log_epochs(
    run: Run, access: Access, training: Training, stop: Stop, seconds_per_epoch: float
) -> None:
    meter = Meter()
    waiting: list[Reading] = []
    for epoch in training.epochs():
        waiting.append(Reading(epoch, meter.elapsed, meter.read()))
        # A database that is away or busy for a moment loses nothing; for longer, the oldest.
        del waiting[:-500]
        if _log(run, access, waiting, training.settings):
            waiting.clear()
        due = epoch.number * seconds_per_epoch
        if stop.wait(max(due - meter.elapsed, 0.05)):
            return


def _log(run: Run, access: Access, readings: list[Reading], settings: Settings) -> bool:
    """Log some epochs; False when the database cannot take them just now."""
    lines = [
        Line(reading.epoch.number - 1, describe(reading.epoch, settings)) for reading in readings
    ]
    try:
        with transaction.atomic():
            log_console(run=run, access=access, lines=lines)
            log_readings(run, access, readings, run.started_at, heard_at=timezone.now())
    except (OperationalError, InterfaceError):
        close_old_connections()
        return False
    return True


def _another_is_at_it(scene: Scene) -> bool:
    since = timezone.now() - ALIVE
    return _live_runs(scene).filter(state=RunState.RUNNING, heartbeat_at__gte=since).exists()


def _next_key(scene: Scene) -> str:
    return f"{PREFIX}{_live_runs(scene).count() + 1}"


def _live_runs(scene: Scene) -> QuerySet[Run]:
    # Also those in the bin, which keep their keys.
    return Run.with_deleted.filter(project=scene.project, key__startswith=PREFIX)
