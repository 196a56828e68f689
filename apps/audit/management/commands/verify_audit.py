"""`manage.py verify_audit`: prove that the history is as it was recorded."""

import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.audit.verification import inspect_chain


class Command(BaseCommand):
    help = (
        "Check every event of the audit history against its hash. Exits with 1 and names the first"
        " bad event if one was changed, removed, reordered or added."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--checkpoint",
            type=Path,
            metavar="FILE",
            help=(
                "also compare with the hashes in FILE and note the present one there; kept on"
                " another machine, it shows even that the newest events were cut off"
            ),
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path | None = options["checkpoint"]
        witnesses = _read(path) if path else {}
        report = inspect_chain(witnesses=witnesses)
        if report.fault:
            raise CommandError(
                f"Bad event {report.fault.sequence}: {report.fault.problem}.", returncode=1
            )
        if path and report.sequence and report.sequence not in witnesses:
            _append(path, f"{report.sequence} {report.hash}\n")
        self.stdout.write(f"{report.sequence} events verified; the last hash is {report.hash}.")


def _read(path: Path) -> dict[int, str]:
    """The witnessed hashes by sequence; a file that does not exist yet holds none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"Cannot read {path}: {error}", returncode=2) from error
    witnesses: dict[int, str] = {}
    for number, line in enumerate(lines, start=1):
        sequence, _space, digest = line.partition(" ")
        if not (sequence.isascii() and sequence.isdigit() and len(digest) == 64):
            raise CommandError(
                f"{path}, line {number}: expected a number and a hash.", returncode=2
            )
        if witnesses.setdefault(int(sequence), digest) != digest:
            raise CommandError(
                f"{path}, line {number}: event {sequence} has two hashes.", returncode=2
            )
    return witnesses


def _append(path: Path, line: str) -> None:
    """Add a line that survives a power cut; the file is private."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError as error:
        raise CommandError(f"Cannot write {path}: {error}", returncode=2) from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
