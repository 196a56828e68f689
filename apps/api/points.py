"""Reading a batch of points by hand.

The hot path: a client sends a thousand points a second. Checking each number as a value of its own
would cost more than storing it, so columns are checked whole, by the set of their types.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apps.core.errors import Invalid, TooLarge
from apps.core.jsontext import integer, number
from apps.core.limits import MAX_BATCH_POINTS, MAX_INTEGER, MIN_INTEGER
from apps.series.choices import LOGGED_KINDS, SeriesKind
from apps.series.services import Batch, ObjectValue

_FIELDS = {"metrics", "rows", "objects", "kind"}
_COLUMNS = {"steps", "times", "values"}
_ROW = {"step", "time", "values"}
_WORDS: dict[type[object], str] = {dict: "an object", list: "a list", str: "text"}
_OBJECT = {"key", "step", "time", "value"}

_NUMBERS = {
    "type": "array",
    "items": {
        "anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}],
    },
}
_STEP = {"type": "integer", "minimum": MIN_INTEGER, "maximum": MAX_INTEGER}


def _closed(required: list[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required,
        "properties": properties,
    }


# The body for the OpenAPI document.
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": _closed(
                    [],
                    kind={"enum": [str(kind) for kind in LOGGED_KINDS]},
                    metrics={
                        "type": "object",
                        "additionalProperties": _closed(
                            ["steps", "values"],
                            steps={"type": "array", "items": _STEP},
                            times={"type": "array", "items": {"type": "number"}},
                            values=_NUMBERS,
                        ),
                    },
                    rows={
                        "type": "array",
                        "items": _closed(
                            ["step", "values"],
                            step=_STEP,
                            time={"type": "number"},
                            values={
                                "type": "object",
                                "additionalProperties": _NUMBERS["items"],
                            },
                        ),
                    },
                    objects={
                        "type": "array",
                        "items": _closed(
                            ["key", "step", "value"],
                            key={"type": "string"},
                            step=_STEP,
                            time={"type": "number"},
                            value={},
                        ),
                    },
                ),
                "example": {
                    "metrics": {"loss": {"steps": [1, 2], "values": [0.5, 0.25]}},
                },
            }
        },
    }
}


@dataclass(frozen=True)
class Points:
    """What one request logs."""

    batches: Sequence[Batch]
    objects: Sequence[ObjectValue]
    kind: SeriesKind
    count: int


def read_points(body: Any) -> Points:
    """The points in a parsed body, in either form or both. Raises Invalid, TooLarge.

    {"metrics": {"loss": {"steps": […], "times": […], "values": […]}}}
    {"rows": [{"step": 1, "time": 1.7e9, "values": {"loss": 0.1}}]}
    {"objects": [{"key": "sample", "step": 1, "time": 1.7e9, "value": {…}}]}

    Times are seconds since the epoch; where they are left out, the points are of now.
    """
    _check_fields(body, _FIELDS, "")
    kind = body.get("kind", SeriesKind.METRIC)
    if kind not in LOGGED_KINDS:
        raise Invalid('kind is "metric" or "system".', field="kind")
    now = time.time()
    batches = _columns(_field(body, "metrics", dict), now)
    batches += _rows(_field(body, "rows", list), now)
    objects = [
        _object(found, place, now) for place, found in enumerate(_field(body, "objects", list))
    ]
    count = sum(len(batch.steps) for batch in batches) + len(objects)
    if count > MAX_BATCH_POINTS:
        raise TooLarge(f"{count} points at once; {MAX_BATCH_POINTS} at most.")
    return Points(batches, objects, SeriesKind(kind), count)


def _columns(metrics: dict[str, Any], now: float) -> list[Batch]:
    batches = []
    for key, columns in metrics.items():
        place = f"metrics.{key}"
        _check_fields(columns, _COLUMNS, place)
        steps = _whole_numbers(_field(columns, "steps", list, place), f"{place}.steps")
        values = _numbers(_field(columns, "values", list, place), f"{place}.values")
        times = (
            _numbers(_field(columns, "times", list, place), f"{place}.times")
            if "times" in columns
            else [now] * len(steps)
        )
        if not len(steps) == len(times) == len(values):
            raise Invalid(f"{place}: as many times and values as steps are needed.", field=place)
        batches.append(Batch(key, steps, times, values))
    return batches


def _rows(rows: list[Any], now: float) -> list[Batch]:
    columns: dict[str, tuple[list[int], list[float], list[float]]] = {}
    for place, row in enumerate(rows):
        where = f"rows.{place}"
        _check_fields(row, _ROW, where)
        step = integer(row.get("step"), f"{where}.step")
        at = number(row["time"], f"{where}.time") if "time" in row else now
        for key, value in _field(row, "values", dict, where).items():
            steps, times, values = columns.setdefault(key, ([], [], []))
            steps.append(step)
            times.append(at)
            values.append(number(value, f"{where}.values.{key}"))
    return [Batch(key, *found) for key, found in columns.items()]


def _object(found: Any, place: int, now: float) -> ObjectValue:
    where = f"objects.{place}"
    _check_fields(found, _OBJECT, where)
    if "value" not in found:
        raise Invalid(f"{where}.value is missing.", field=f"{where}.value")
    return ObjectValue(
        key=_field(found, "key", str, where),
        step=integer(found.get("step"), f"{where}.step"),
        at=number(found["time"], f"{where}.time") if "time" in found else now,
        value=found["value"],
    )


def _numbers(column: list[Any], field: str) -> list[Any]:
    """The column with its words turned into numbers; anything else but numbers is refused."""
    if set(map(type, column)) <= {int, float}:
        return column
    return [number(value, f"{field}.{place}") for place, value in enumerate(column)]


def _whole_numbers(column: list[Any], field: str) -> list[int]:
    if set(map(type, column)) <= {int}:
        return column
    return [integer(value, f"{field}.{place}") for place, value in enumerate(column)]


def _check_fields(found: Any, known: set[str], place: str) -> None:
    if not isinstance(found, dict):
        raise Invalid(f"{place or 'The body'} must be an object.", field=place)
    unknown = found.keys() - known
    if unknown:
        name = ".".join(filter(None, [place, min(unknown)]))
        raise Invalid(f"{name[:200]}: there is no such field.", field=name)


def _field(found: dict[str, Any], name: str, kind: type, place: str = "") -> Any:
    """A field of the given type; where it is left out at the top of the body, an empty one."""
    value = found.get(name, None if place else kind())
    if not isinstance(value, kind):
        where = ".".join(filter(None, [place, name]))
        raise Invalid(f"{where[:200]} must be {_WORDS[kind]}.", field=where)
    return value
