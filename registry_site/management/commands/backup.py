"""Write the whole installation to one file, while the server runs."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from registry_site.backups.databases import DatabaseToolError
from registry_site.backups.services import write_backup
from registry_site.readiness import NotReadyError, check_schema


class Command(BaseCommand):
    help = "Write the database and the stored content to one new private file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            check_schema()
            backup = write_backup(file=options["file"])
        except (NotReadyError, DatabaseToolError, OSError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(
            f"{options['file']}: the database and {backup.files} stored files, "
            f"{backup.size_bytes / 1e6:.1f} MB."
        )
        if backup.elsewhere:
            self.stdout.write(
                f"{backup.elsewhere} files are in the bucket and are only listed: back it up with "
                "its own means (versioning, replication)."
            )
        if backup.lost:
            raise CommandError(
                f"The backup is whole but for {len(backup.lost)} stored files that are damaged or "
                "gone; manage.py verify_content lists them."
            )
