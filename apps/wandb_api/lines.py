"""What the client streams, as our own rows, lines and summary.

A body is JSON, and each line in it is a text that holds JSON again, with bare NaN and Infinity.
Numbers become points, anything else objects; a nested object that is no media (it says no `_type`)
comes apart into dotted keys, as the client's own pages show it. What a client logged as null is
nothing. Names that begin with `_wandb` are the client's own notes and left out.
"""

import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from apps.core.errors import Invalid, TooLarge
from apps.core.jsontext import parse
from apps.core.limits import MAX_INTEGER, MAX_SAFE_INTEGER, MIN_INTEGER
from apps.core.times import parse_time
from apps.runs.choices import Stream
from apps.runs.history import SECONDS, STEP, TIME
from apps.runs.streams import ConsoleText, Portion, Row, Stretch, series_key

# The client gathers 10 MiB of lines, which grow when they are written as JSON.
MAX_BODY_BYTES = 32 * 1024 * 1024
# Different metrics in one request.
MAX_KEYS = 20_000
# The end of the year 9999; a time beyond that is none.
_LAST_TIME = 253_402_300_799
_ERROR = "ERROR "
_ISO = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]{5,18}(?:Z|[+-]\d\d:?\d\d)? ?")

_T = TypeVar("_T")


def read_portion(body: bytes) -> Portion:
    """What one request streams. Raises Invalid, TooLarge; then none of it is to be stored."""
    found = parse(body, max_bytes=MAX_BODY_BYTES, allow_nonfinite=True, mend_texts=True)
    if not isinstance(found, Mapping):
        raise Invalid("The body must be one JSON object.")
    files = found.get("files") or {}
    if not isinstance(files, Mapping):
        raise Invalid("files must be an object.", field="files")
    now = time.time()
    history = _stretch(files, "wandb-history.jsonl", lambda text, at: _row(text, at, now))
    events = _stretch(files, "wandb-events.jsonl", lambda text, at: _row(text, at, now))
    _check_keys(history)
    _check_keys(events)
    return Portion(
        history=history,
        events=events,
        console=_stretch(files, "output.log", lambda text, _at: console_text(text)),
        summary=_summary(files),
        is_complete=bool(found.get("complete")),
        exit_code=_exit_code(found.get("exitcode")),
    )


def console_text(line: str) -> ConsoleText:
    """A line of output: `[ERROR ]<ISO time> <text>`."""
    is_error = line.startswith(_ERROR)
    text = line.removeprefix(_ERROR)
    stream = Stream.ERROR if is_error else Stream.OUT
    written = _ISO.match(text)
    if written is None:
        return ConsoleText(line, Stream.OUT)
    try:
        at = parse_time(written[0].strip())
    except Invalid:
        return ConsoleText(text, stream)
    return ConsoleText(text[written.end() :], stream, at)


def _stretch(
    files: Mapping[str, Any], name: str, read: Callable[[str, int], _T]
) -> Stretch[_T] | None:
    """The lines of one stream, each with its number."""
    if files.get(name) is None:
        return None
    offset, lines = _chunk(files, name)
    return Stretch(offset, [read(line, offset + place) for place, line in enumerate(lines)])


def _chunk(files: Mapping[str, Any], name: str) -> tuple[int, Sequence[str]]:
    chunk = files[name]
    if not isinstance(chunk, Mapping):
        raise Invalid(f"files.{name} must be an object.", field=name)
    offset, lines = chunk.get("offset", 0), chunk.get("content", [])
    if not _is_whole(offset) or not 0 <= offset <= MAX_SAFE_INTEGER:
        raise Invalid(f"files.{name}.offset must be a line number.", field=name)
    if isinstance(lines, str):
        lines = [lines]
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise Invalid(f"files.{name}.content must be a list of lines.", field=name)
    return offset, lines


def _summary(files: Mapping[str, Any]) -> Mapping[str, object] | None:
    name = "wandb-summary.json"
    if files.get(name) is None:
        return None
    _offset, lines = _chunk(files, name)
    return _object(lines[-1]) if lines else None


def _exit_code(value: Any) -> int:
    """As the client's system has it: 32 bits, signed or not."""
    if value is None:
        return 0
    if not _is_whole(value) or not -(2**31) <= value < 2**32:
        raise Invalid("exitcode must be a 32-bit whole number.", field="exitcode")
    return int(value) - 2**32 if value >= 2**31 else int(value)


def _row(line: str, number: int, now: float) -> Row:
    values = _object(line)
    at, seconds = values.pop(TIME, None), values.pop(SECONDS, None)
    step = values.pop(STEP, number)
    if isinstance(step, float) and step.is_integer():
        step = int(step)
    if not _is_whole(step) or not MIN_INTEGER <= step <= MAX_INTEGER:
        raise Invalid("_step must be a 64-bit whole number.", field=STEP)
    numbers: dict[str, float] = {}
    objects: dict[str, object] = {}
    for key, value in _leaves(values):
        number_of = _number(value)
        if number_of is None:
            objects[series_key(key)] = value
        else:
            numbers[series_key(key)] = number_of
    at = float(at) if _is_time(at) else now
    return Row(step, at, float(seconds) if _is_time(seconds) else None, numbers, objects)


def _leaves(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if value is None or key.startswith("_wandb"):
            continue
        if isinstance(value, Mapping) and value and "_type" not in value:
            for inner, leaf in _leaves(value):
                yield f"{key}.{inner}", leaf
        else:
            yield key, value


def _number(value: Any) -> float | None:
    """True and False are 1 and 0; a whole number too large for a double is no number here."""
    if not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_time(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value <= _LAST_TIME and math.isfinite(value)


def _object(line: str) -> dict[str, Any]:
    found = parse(line, max_bytes=MAX_BODY_BYTES, allow_nonfinite=True, mend_texts=True)
    if not isinstance(found, dict):
        raise Invalid("A line must be one JSON object.")
    return found


def _check_keys(stretch: Stretch[Row] | None) -> None:
    keys: set[str] = set()
    for row in stretch.lines if stretch else ():
        keys.update(row.numbers, row.objects)
        if len(keys) > MAX_KEYS:
            raise TooLarge(f"More than {MAX_KEYS} different metrics in one request.")
