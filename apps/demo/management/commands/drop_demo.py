"""Remove the demo, and nothing else."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.core.errors import DomainError
from apps.demo.removal import drop


class Command(BaseCommand):
    help = (
        "Remove everything that load_demo made. The audit log keeps its events: it is never "
        "shortened. What others made stays; if it stands inside the demo, nothing is removed."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            removed = drop()
        except DomainError as error:
            raise CommandError(error.message) from None
        if removed is None:
            self.stdout.write("There is no demo here.")
            return
        self.stdout.write(f"Removed the demo: {removed}.")
        self.stdout.write(
            "Its events stay in the audit log, which is never shortened. Its files go with the "
            "next: manage.py collect_garbage"
        )
