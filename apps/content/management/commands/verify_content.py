"""`manage.py verify_content`: read everything that is stored and compare it with the database."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.content.models import Blob
from apps.content.verification import verify_all


class Command(BaseCommand):
    """Lists each problem on a line and ends with exit code 1 when there is one."""

    help = "Check every stored file: present, of the right size, with the right digest."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--quick", action="store_true", help="compare presence and sizes, read no bytes"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        count = 0
        for finding in verify_all(read_bytes=not options["quick"]):
            self.stdout.write(f"{finding.digest} {finding.problem}")
            count += 1
        if count:
            raise CommandError(f"{count} problem{'' if count == 1 else 's'} found.")
        self.stdout.write(f"{Blob.objects.count()} stored files, all as they should be.")
