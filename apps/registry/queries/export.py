"""The status table as CSV: every matching row, a line at a time."""

import csv
import math
from collections.abc import Iterator, Sequence

from apps.accounts.models import User
from apps.artifacts.models import Collection
from apps.core.jsontext import nonfinite_word
from apps.core.text import safe_cell
from apps.core.times import to_text
from apps.registry.models import Column
from apps.registry.queries.table import Cell, Row, TableQuery, all_rows

_FIXED = ("version", "status", "logged", "by", "run", "digest", "note")


class _Line:
    """What csv.writer writes to: keeps the one line it was given."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text


def table_lines(
    collection: Collection, query: TableQuery, user: User | None, *, columns: Sequence[Column]
) -> Iterator[str]:
    """The lines of the file, head first. The order and filter are those of the page.

    Each score has a column for its value, its standard error and its number of examples. Numbers
    are given in full; text that a spreadsheet would take for a formula is defused (core.text).
    """
    line = _Line()
    writer = csv.writer(line)
    # An unknown column or broken filter must be refused before the first line is on its way.
    rows = all_rows(collection, query, user, columns=columns)
    first = next(rows, None)

    def lines() -> Iterator[str]:
        writer.writerow(map(safe_cell, _head(columns)))
        yield line.text
        if first is not None:
            writer.writerow(map(safe_cell, _cells(first, columns)))
            yield line.text
        for row in rows:
            writer.writerow(map(safe_cell, _cells(row, columns)))
            yield line.text

    return lines()


def _head(columns: Sequence[Column]) -> list[str]:
    names = list(_FIXED)
    for column in columns:
        names += [column.title, f"{column.title} (standard error)", f"{column.title} (n)"]
    return names


def _cells(row: Row, columns: Sequence[Column]) -> list[object]:
    cells: list[object] = [
        row.number,
        " ".join(row.labels),
        to_text(row.linked_at),
        row.by,
        row.run_name,
        row.digest,
        row.note,
    ]
    for column in columns:
        cells += _score(row.cells.get(column.pk))
    return cells


def _score(cell: Cell | None) -> list[object]:
    if cell is None:
        return ["", "", ""]
    value = math.nan if cell.value is None else cell.value
    return [
        repr(value) if math.isfinite(value) else nonfinite_word(value),
        "" if cell.stderr is None else repr(cell.stderr),
        "" if cell.n is None else cell.n,
    ]
