"""The live run: goes on, stops when asked, and gives way."""

import os
import signal

from django.utils import timezone

from apps.demo.live import Stop, stopping_on_signals, train_live
from apps.demo.story import ENGINEER
from apps.runs.models import Run
from apps.runs.services import RunDescription, finish_run, start_run
from apps.series.models import Series
from tests.demo.loaded import LoadedTestCase


def points(run: Run) -> int:
    return Series.objects.get(owner_id=run.pk, key="validation/loss").count


class TestLiveRun(LoadedTestCase):
    """Beside the story, as the server runs it."""

    def test_it_logs_every_epoch_and_finishes(self) -> None:
        said: list[str] = []

        train_live(self.scene, stop=Stop(), say=said.append, seconds_per_epoch=0)

        run = Run.objects.get(key="live-1")
        assert run.state == "finished"
        assert run.exit_code == 0
        assert points(run) == 3
        assert run.console.count() == 3
        assert said == ["The run live (live-1) goes on until the server stops"]

    def test_asked_to_stop_it_finishes_what_it_began(self) -> None:
        stop = Stop()
        stop.ask()

        train_live(self.scene, stop=stop, seconds_per_epoch=60)

        run = Run.objects.get(key="live-1")
        assert run.state == "finished"
        assert points(run) == 1

    def test_each_start_begins_a_run_of_its_own(self) -> None:
        for _ in range(2):
            train_live(self.scene, stop=Stop(), seconds_per_epoch=0)
        keys = Run.objects.filter(key__startswith="live-").values_list("key", flat=True)
        assert sorted(keys) == ["live-1", "live-2"]

    def test_it_gives_way_to_one_that_is_alive(self) -> None:
        start_run(
            description=RunDescription(key="live-1"),
            access=self.scene.access(ENGINEER),
            at=timezone.now(),
        )
        stop = Stop()
        stop.ask()

        train_live(self.scene, stop=stop)

        assert Run.objects.filter(key__startswith="live-").count() == 1

    def test_it_ends_when_somebody_ends_its_run(self) -> None:
        said: list[str] = []

        def say(text: str) -> None:
            said.append(text)
            run = Run.objects.get(key="live-1")
            finish_run(run=run, access=self.scene.access(ENGINEER))

        train_live(self.scene, stop=Stop(), say=say, seconds_per_epoch=0)

        assert said[-1] == "The run live-1 was ended by somebody else"


def test_a_signal_is_a_wish_to_stop() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stopping_on_signals() as stop:
        assert not stop()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(5)
    assert signal.getsignal(signal.SIGTERM) == before
