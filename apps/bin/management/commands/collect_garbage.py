"""`manage.py collect_garbage`: empty the bin of what is over, then remove what nothing names."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand

from apps.audit.actors import Actor
from apps.bin.services.purging import UNSEALED_FOR, drop_unsealed, empty_bin
from apps.content.services import GRACE, collect_garbage, kept_content

ACTOR = Actor.system("collect_garbage")


class Command(BaseCommand):
    """Says of each thing why it goes, or why it stays. Safe beside a running server."""

    help = (
        "Remove for good what has been in a bin for longer than its team keeps things, then stored "
        "content that nothing names any more, and partial uploads."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would go, keep it")
        parser.add_argument(
            "--grace-hours",
            type=float,
            default=GRACE / timedelta(hours=1),
            help="keep content that was used this recently (default: %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        dry_run = options["dry_run"]
        self.verb = "would remove" if dry_run else "removed"
        self.count = self.size_bytes = 0
        self._empty_bins(dry_run=dry_run)
        self._drop_unsealed(dry_run=dry_run)
        self._collect(timedelta(hours=options["grace_hours"]), dry_run=dry_run)
        self.stdout.write(f"{self.verb} {self.count} things, {self.size_bytes} bytes.")

    def _empty_bins(self, *, dry_run: bool) -> None:
        for fate in empty_bin(actor=ACTOR, dry_run=dry_run):
            item = fate.item
            place = "/".join(
                part for part in (item.team.name, item.project and item.project.name) if part
            )
            what = f"{item.kind} {item.name} of {place}"
            self.stdout.write(f"{self.verb if fate.goes else 'keeps'} {what}: {fate.why}")
            self.count += fate.goes

    def _drop_unsealed(self, *, dry_run: bool) -> None:
        for artifact in drop_unsealed(dry_run=dry_run):
            self.stdout.write(
                f"{self.verb} artifact {artifact.key} of {artifact.project.name}: begun "
                f"{artifact.created_at:%Y-%m-%d} and not sealed in {UNSEALED_FOR.days} days"
            )
            self.count += 1

    def _collect(self, grace: timedelta, *, dry_run: bool) -> None:
        for removal in collect_garbage(dry_run=dry_run, grace=grace):
            self.stdout.write(
                f"{self.verb} {removal.what} {removal.name} "
                f"({removal.size_bytes} bytes): {removal.reason}"
            )
            self.count += 1
            self.size_bytes += removal.size_bytes
        for kept in kept_content(grace=grace):
            self.stdout.write(f"keeps {kept.count} contents ({kept.size_bytes} bytes): {kept.why}")
