"""Export folders: what a script writes that reads runs with the client's public API.

A folder with a `run.json` is a run. Beside it may lie `history.jsonl` or `history.csv`,
`events.jsonl`, `output.log` and a folder `files` (docs/import-wandb.md has the script).
"""

import csv
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from apps.core.errors import Invalid
from apps.core.jsontext import dump_bare, parse
from apps.core.times import parse_time
from apps.runs.choices import CONSOLE, EVENTS, HISTORY
from apps.runs.services import CodeVersion
from apps.wandb_api.importing.saved import SavedLine, SavedRun, UnreadableFolder, files_in

DESCRIPTION = "run.json"
_MAX_BYTES = 64 * 1024 * 1024
# States in which a run has ended, and the exit code that says so.
_ENDED = {"finished": 0, "failed": 1, "crashed": 1, "killed": 255}


def read_exported(folder: Path) -> SavedRun:
    """The run in an export folder. Raises UnreadableFolder."""
    try:
        told = parse(
            (folder / DESCRIPTION).read_bytes(), max_bytes=_MAX_BYTES, allow_nonfinite=True
        )
    except (OSError, Invalid) as error:
        raise UnreadableFolder(f"{folder / DESCRIPTION} cannot be read: {error}") from None
    if not isinstance(told, dict) or not _text(told, "id"):
        raise UnreadableFolder(f"{folder / DESCRIPTION} is no object with the id of a run.")
    return SavedRun(
        folder,
        key=_text(told, "id"),
        project=_text(told, "project"),
        name=_text(told, "name"),
        group=_text(told, "group"),
        job_type=_text(told, "job_type"),
        notes=_text(told, "notes"),
        host=_text(told, "host"),
        tags=[tag for tag in told.get("tags") or [] if isinstance(tag, str)],
        config=_object(told, "config"),
        summary=_object(told, "summary"),
        code=CodeVersion(_text(told, "commit"), _text(told, "remote"), _text(told, "program")),
        started_at=_time(told, "created_at"),
        exit_code=_ENDED.get(_text(told, "state")),
        files=files_in(folder / "files"),
        read_lines=lambda: _lines(folder),
    )


def _lines(folder: Path) -> Iterator[SavedLine]:
    rows, table = folder / "history.jsonl", folder / "history.csv"
    if rows.exists():
        yield from _texts(HISTORY, rows)
    elif table.exists():
        yield from _rows_of_table(table)
    yield from _texts(EVENTS, folder / "events.jsonl")
    yield from _texts(CONSOLE, folder / "output.log")


def _texts(stream: str, path: Path) -> Iterator[SavedLine]:
    if path.exists():
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                yield SavedLine(stream, line.rstrip("\n"))


def _rows_of_table(path: Path) -> Iterator[SavedLine]:
    """A table of all metrics has a gap where a row has no value; a word stays a word."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            values = {key: _cell(text) for key, text in row.items() if key and text}
            yield SavedLine(HISTORY, dump_bare(values))


def _cell(text: str) -> Any:
    try:
        value = parse(text, allow_nonfinite=True)
    except Invalid:
        value = text
    if text.lower() in ("nan", "inf", "-inf"):
        value = float(text)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _text(told: Mapping[str, Any], key: str) -> str:
    value = told.get(key)
    return value if isinstance(value, str) else ""


def _object(told: Mapping[str, Any], key: str) -> dict[str, object]:
    value = told.get(key)
    return value if isinstance(value, dict) else {}


def _time(told: Mapping[str, Any], key: str) -> datetime | None:
    try:
        return parse_time(_text(told, key)) if _text(told, key) else None
    except Invalid:
        return None
