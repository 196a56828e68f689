"""A stored file read as a table: what W&B and MLflow log as tables, and CSV.

`wandb.Table` and MLflow's `log_table` both write {"columns": [...], "data": [[...], ...]}; what
else the clients put beside it (types, counts) says nothing that the values do not.
"""

import csv
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from apps.content.queries import VERIFIED_FIRST_BYTES, open_blob
from apps.core import jsontext
from apps.core.errors import Invalid
from apps.core.numbers import format_bytes
from apps.web.stored import Stored

# What is read whole for one page. Parsing it takes a few tenths of a second.
MAX_BYTES = VERIFIED_FIRST_BYTES
# Of a longer CSV, the beginning.
HEAD_BYTES = 256 * 1024
# Each list or object takes fifty times the memory of its two brackets.
MAX_PARTS = 1_000_000
MAX_DEPTH = 32

_NUMBER = re.compile(r"[+-]?(\d{1,300}(\.\d{0,300})?|\.\d{1,300})([eE][+-]?\d{1,3})?")

Cell = object


@dataclass(frozen=True)
class Grid:
    """Names of columns and rows of values; a row may be shorter than the names, or longer."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


def read_json(file: Stored) -> object:
    """What a JSON file holds; None where it is no JSON, or too large or too deep to be read."""
    if not file.path.lower().endswith(".json") or not _is_readable(file):
        return None
    raw = _bytes(file)
    if raw.count(b"[") + raw.count(b"{") > MAX_PARTS:
        return None
    try:
        value: object = jsontext.parse(
            raw, max_bytes=MAX_BYTES, max_depth=MAX_DEPTH, allow_nonfinite=True
        )
    except Invalid:
        return None
    return value


def grid_in(value: object) -> Grid | None:
    """The table that a JSON value is; None where it is none."""
    if not isinstance(value, Mapping):
        return None
    columns, data = value.get("columns"), value.get("data")
    if not isinstance(columns, list) or not columns or not isinstance(data, list):
        return None
    names = [one if isinstance(one, str) else json.dumps(one) for one in columns]
    return Grid(names, [row if isinstance(row, list) else [row] for row in data])


def read_csv(file: Stored) -> Grid | None:
    """A CSV file, by whatever its first line has most of: comma, semicolon or tab."""
    if not file.path.lower().endswith((".csv", ".tsv")) or file.blob_id is None:
        return None
    is_whole = file.size_bytes <= MAX_BYTES
    text = _decoded(_bytes(file, None if is_whole else HEAD_BYTES), is_whole=is_whole)
    if not text:
        return None
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    try:
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if row]
    except csv.Error:
        return None
    return Grid(rows[0], rows[1:], "" if is_whole else _left_out(file)) if rows else None


def is_too_large(file: Stored) -> bool:
    """Whether a table of this size is only to be downloaded."""
    return file.path.lower().endswith(".json") and file.size_bytes > MAX_BYTES


def sorted_rows(grid: Grid, column: int, *, descending: bool) -> list[tuple[int, Sequence[Cell]]]:
    """The rows with their numbers, in the order of a column: numbers, then texts; missing last."""
    keyed = [(_order(row, column), number, row) for number, row in enumerate(grid.rows, 1)]
    known = [one for one in keyed if one[0] is not None]
    known.sort(key=lambda one: one[0] or (), reverse=descending)
    return [(number, row) for _key, number, row in [*known, *(o for o in keyed if o[0] is None)]]


def number_of(value: Cell) -> float | int | None:
    """The number that a value is or, in CSV, spells."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return float(value)
    return None


def is_missing(value: Cell) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _order(row: Sequence[Cell], column: int) -> tuple[int, float | str] | None:
    value = row[column] if column < len(row) else None
    if is_missing(value):
        return None
    number = number_of(value)
    if number is not None:
        return (0, number)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return (1, text.casefold())


def _is_readable(file: Stored) -> bool:
    return file.blob_id is not None and 0 < file.size_bytes <= MAX_BYTES


def _bytes(file: Stored, length: int | None = None) -> bytes:
    assert file.blob_id is not None  # noqa: S101 (callers have asked)
    return b"".join(open_blob(file.blob_id, length=length))


def _decoded(raw: bytes, *, is_whole: bool) -> str | None:
    if b"\0" in raw:
        return None
    raw = raw if is_whole else raw.rpartition(b"\n")[0]
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def _left_out(file: Stored) -> str:
    return _("The first %(shown)s of %(size)s.") % {
        "shown": format_bytes(HEAD_BYTES),
        "size": format_bytes(file.size_bytes),
    }
