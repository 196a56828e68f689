"""Load the demo: train on real digits, evaluate, promote; and keep a live run going."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.core.errors import DomainError
from apps.demo.live import Stop, stopping_on_signals, train_live
from apps.demo.loading import StoppedError, load
from apps.demo.scene import find_scene
from apps.demo.story import COLLECTION, PROJECT, STORY, TEAM


class Command(BaseCommand):
    help = (
        "Load the demo: 21 models trained on scikit-learn's handwritten digits, with their "
        "evaluations and promotions. A second call changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--live",
            action="store_true",
            help="then go on training and logging to a live run until stopped",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with stopping_on_signals() as stop:
            try:
                self._load(stop)
                if options["live"]:
                    self._go_on(stop)
            except StoppedError:
                self._say("Stopped; load_demo goes on from here")
            except DomainError as error:
                raise CommandError(error.message) from None

    def _load(self, stop: Stop) -> None:
        if load(STORY, say=self._say, should_stop=stop):
            self._say(f"Complete: see /{TEAM}/{PROJECT}/models/{COLLECTION}")
        else:
            self._say("Here already; nothing changed")

    def _go_on(self, stop: Stop) -> None:
        scene = find_scene(STORY)
        if scene is not None:
            train_live(scene, stop=stop, say=self._say)

    def _say(self, text: str) -> None:
        self.stdout.write(f"  Demo: {text}")
        self.stdout.flush()
