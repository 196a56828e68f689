"""Restore a backup into an empty installation."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from registry_site.backups.archive import BackupDamagedError
from registry_site.backups.databases import DatabaseToolError
from registry_site.backups.services import RestoreRefusedError, restore_backup


class Command(BaseCommand):
    help = "Check a backup whole, then restore it. Stop the server first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--force", action="store_true", help="replace an installation in use")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            restored = restore_backup(file=options["file"], force=options["force"])
        except BackupDamagedError as error:
            raise CommandError(f"Nothing was restored. {error}") from None
        except (RestoreRefusedError, DatabaseToolError, OSError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(
            f"Restored the database and {restored.files} stored files. Everybody signs in anew."
        )
        if restored.former_database:
            self.stdout.write(f"The former database is {restored.former_database}.")
        if restored.missing:
            raise CommandError(
                f"{len(restored.missing)} files are not in the bucket: restore it as well, then "
                "run manage.py verify_content."
            )
