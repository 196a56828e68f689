"""Offline runs: the folders `wandb/offline-run-*` that the client leaves for `wandb sync`.

The numbers are those of the fields in the client's messages.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from apps.core.errors import Invalid
from apps.core.jsontext import dump_bare, parse
from apps.core.times import from_seconds
from apps.runs.choices import CONSOLE, EVENTS, HISTORY
from apps.wandb_api.importing.messages import Message, read_message
from apps.wandb_api.importing.saved import (
    SavedAlert,
    SavedArtifact,
    SavedEntry,
    SavedLine,
    SavedRun,
    UnreadableFolder,
    files_in,
)
from apps.wandb_api.importing.transaction_log import DamagedLog, read_records

# What a record is.
_HISTORY, _SUMMARY, _OUTPUT, _CONFIG, _STATS, _ARTIFACT = 2, 3, 4, 5, 7, 8
_ALERT, _METRIC, _OUTPUT_RAW, _RUN, _EXIT, _USE, _ENVIRONMENT = 10, 12, 13, 17, 18, 25, 26
_NOISE = 200_000


def read_offline(folder: Path) -> SavedRun:
    """The run in an offline folder. Raises UnreadableFolder."""
    logs = sorted(folder.glob("run-*.wandb"))
    if len(logs) != 1:
        raise UnreadableFolder(f"{folder} is no offline run: it has no file run-….wandb.")
    run = SavedRun(folder, key=logs[0].stem.removeprefix("run-"))
    metrics: list[object] = []
    last_row: dict[str, Any] = {}
    try:
        for record in _records(logs[0]):
            if record.has(_RUN):
                _read_run(run, record.message(_RUN))
            elif record.has(_CONFIG):
                _apply(run.config, record.message(_CONFIG))
            elif record.has(_SUMMARY):
                _apply(run.summary, record.message(_SUMMARY))
            elif record.has(_HISTORY):
                last_row |= _items(record.message(_HISTORY).messages(1))
            elif record.has(_METRIC):
                metrics.append(_metric(record.message(_METRIC)))
            elif record.has(_ARTIFACT):
                run.artifacts.append(_artifact(record.message(_ARTIFACT)))
            elif record.has(_USE):
                run.used.append(record.message(_USE).text(3))
            elif record.has(_ALERT):
                alert = record.message(_ALERT)
                run.alerts.append(SavedAlert(alert.text(1), alert.text(2), alert.text(3)))
            elif record.has(_ENVIRONMENT):
                program = record.message(_ENVIRONMENT).text(6)
                run.code = replace(run.code, program=program or run.code.program)
            elif record.has(_EXIT):
                code = record.message(_EXIT).number(1)
                run.exit_code = code - 2**32 if code >= 2**31 else code
    except DamagedLog as error:
        run.warnings.append(f"{error} What stands before that is taken.")
    if not run.summary:
        # One that was killed has told none: the last of everything is what it would have told.
        run.summary = last_row
    own = run.config.get("_wandb")
    run.config["_wandb"] = {**(own if isinstance(own, Mapping) else {}), "m": metrics}
    run.files = files_in(folder / "files")
    run.read_lines = lambda: _lines(logs[0])
    return run


def _records(log: Path) -> Iterator[Message]:
    for record in read_records(log):
        yield read_message(record)


def _read_run(run: SavedRun, told: Message) -> None:
    """A client tells of the run more than once; what it leaves out stays."""
    run.key = told.text(1) or run.key
    run.project = told.text(3) or run.project
    run.group = told.text(6) or run.group
    run.job_type = told.text(7) or run.job_type
    run.name = told.text(8) or run.name
    run.notes = told.text(9) or run.notes
    run.tags = told.texts(10) or run.tags
    run.host = told.text(13) or run.host
    git = told.message(21)
    run.code = replace(
        run.code, remote=git.text(1) or run.code.remote, commit=git.text(2) or run.code.commit
    )
    seconds = told.seconds(17)
    if seconds and run.started_at is None:
        run.started_at = from_seconds(seconds)
    _apply(run.config, told.message(4))
    _apply(run.summary, told.message(5))


def _apply(values: dict[str, Any], change: Message) -> None:
    """Set what a change of config or summary sets, and remove what it removes."""
    for item in change.messages(1):
        _put(values, _path(item), _value(item))
    for item in change.messages(2):
        path = _path(item)
        place: Any = values
        for part in path[:-1]:
            place = place.get(part) if isinstance(place, dict) else None
        if isinstance(place, dict) and path:
            place.pop(path[-1], None)


def _items(items: list[Message]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for item in items:
        _put(values, _path(item), _value(item))
    return values


def _path(item: Message) -> list[str]:
    return item.texts(2) or [item.text(1)]


def _put(values: dict[str, Any], path: list[str], value: Any) -> None:
    for part in path[:-1]:
        inner = values.get(part)
        if not isinstance(inner, dict):
            inner = values[part] = {}
        values = inner
    values[path[-1]] = value


def _value(item: Message) -> Any:
    try:
        return parse(item.text(16) or "null", allow_nonfinite=True)
    except Invalid:
        return None


def _metric(told: Message) -> dict[str, object]:
    """As the client writes it into a run's config: fields by number."""
    entry: dict[str, object] = {str(number): told.text(number) for number in (1, 2, 4)}
    for number in (6, 7):
        entry[str(number)] = sorted(told.message(number).found)
    if told.number(8):
        entry["8"] = told.number(8)
    return {key: value for key, value in entry.items() if value}


def _artifact(told: Message) -> SavedArtifact:
    try:
        metadata = parse(told.text(8) or "{}", allow_nonfinite=True)
    except Invalid:
        metadata = {}
    manifest = told.message(12)
    return SavedArtifact(
        collection=told.text(5),
        type=told.text(4),
        client_id=told.text(15),
        digest=told.text(6),
        description=told.text(7),
        metadata=metadata if isinstance(metadata, dict) else {},
        aliases=told.texts(11),
        tags=told.texts(19),
        entries=[_entry(entry) for entry in manifest.messages(4)],
    )


def _entry(told: Message) -> SavedEntry:
    file = told.text(6)
    return SavedEntry(
        path=told.text(1),
        digest=told.text(2),
        reference=told.text(3),
        size_bytes=told.number(4),
        file=Path(file) if file else None,
    )


def _lines(log: Path) -> Iterator[SavedLine]:
    """Rows, system figures and output in their order."""
    output = _Output()
    row = 0
    try:
        for record in _records(log):
            if record.has(_HISTORY):
                yield SavedLine(HISTORY, _row(record.message(_HISTORY), row))
                row += 1
            elif record.has(_STATS):
                yield SavedLine(EVENTS, _stats(record.message(_STATS)))
            elif record.has(_OUTPUT_RAW):
                yield from output.take(record.message(_OUTPUT_RAW))
            elif record.has(_OUTPUT):
                yield from output.take(record.message(_OUTPUT))
    except DamagedLog:
        # Told when the run was read.
        pass
    yield from output.rest()


def _row(told: Message, number: int) -> str:
    values = _items(told.messages(1))
    step = told.message(2).number(1) if told.has(2) else number
    values.setdefault("_step", step)
    return dump_bare(values)


def _stats(told: Message) -> str:
    values: dict[str, Any] = {
        f"system.{item.text(1)}": _value(item) for item in told.messages(3) if item.text(1)
    }
    return dump_bare({**values, "_timestamp": told.seconds(2)})


class _Output:
    """Pieces of output put together into lines, one stream apart from the other."""

    def __init__(self) -> None:
        self.open = {True: "", False: ""}

    def take(self, told: Message) -> Iterator[SavedLine]:
        is_error = told.number(1) == 0
        *lines, self.open[is_error] = (self.open[is_error] + told.text(3))[-_NOISE:].split("\n")
        for line in lines:
            yield self._line(is_error, line, told.seconds(2))

    def rest(self) -> Iterator[SavedLine]:
        for is_error, line in self.open.items():
            if line:
                yield self._line(is_error, line, None)

    def _line(self, is_error: bool, text: str, seconds: float | None) -> SavedLine:
        # Of a line that was written anew in its place, as progress bars do, the last writing.
        text = text.rstrip("\r").rpartition("\r")[2]
        at = f"{from_seconds(seconds):%Y-%m-%dT%H:%M:%S.%f} " if seconds else ""
        return SavedLine(CONSOLE, f"{'ERROR ' * is_error}{at}{text}")
