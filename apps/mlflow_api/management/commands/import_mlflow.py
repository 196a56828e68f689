"""Copy experiments, runs and models from a running MLflow server, or another Model Status."""

import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.accounts.queries import user_named
from apps.core.errors import DomainError
from apps.mlflow_api.importing import KINDS, Import
from apps.mlflow_api.source import Source

TOKEN = "MLFLOW_TRACKING_TOKEN"  # noqa: S105 (the name of a variable)


class Command(BaseCommand):
    help = (
        "Copy experiments, runs, metrics, files, logged and registered models, aliases and stages "
        "from a running MLflow server. Can be broken off and repeated; nothing is copied twice."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="url", required=True, metavar="URL")
        parser.add_argument("--user", required=True, help="who imports, into their default team")
        parser.add_argument(
            "--token",
            default="",
            help=f"the other server's token; better given as the variable {TOKEN}",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            source = Source(options["url"], token=options["token"] or os.environ.get(TOKEN, ""))
            tally = Import(source, user_named(options["user"]), self._say).run()
        except DomainError as error:
            raise CommandError(f"{error.message} Run it again to go on.") from None
        self._say(f"{'':20}{'there':>10}{'here':>10}")
        for kind in KINDS:
            self._say(f"{kind:20}{tally.there[kind]:>10}{tally.here[kind]:>10}")
        if not tally.is_whole:
            faults = "".join(f"\n  {fault}" for fault in tally.faults[:50])
            raise CommandError(f"Not everything could be copied.{faults}")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
