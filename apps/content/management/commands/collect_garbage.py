"""`manage.py collect_garbage`: remove stored bytes that nothing names."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand

from apps.content.services import GRACE, collect_garbage


class Command(BaseCommand):
    """Says of each thing why it goes. Safe beside a running server."""

    help = "Remove stored content that nothing names any more, and partial uploads."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would go, keep it")
        parser.add_argument(
            "--grace-hours",
            type=float,
            default=GRACE / timedelta(hours=1),
            help="keep what was used this recently (default: %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        dry_run = options["dry_run"]
        verb = "would remove" if dry_run else "removed"
        count = size_bytes = 0
        grace = timedelta(hours=options["grace_hours"])
        for removal in collect_garbage(dry_run=dry_run, grace=grace):
            self.stdout.write(
                f"{verb} {removal.what} {removal.name} "
                f"({removal.size_bytes} bytes): {removal.reason}"
            )
            count += 1
            size_bytes += removal.size_bytes
        self.stdout.write(f"{verb} {count} things, {size_bytes} bytes.")
