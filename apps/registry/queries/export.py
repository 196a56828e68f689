"""The status table as CSV: every matching row, a line at a time.

One head and one line a version, so that every reader of CSV takes it. What a sheet must carry to be
understood alone stands in columns of its own at the end: the golden set of each score by name and
digest, the model's name, and the moment of the export.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import chain

from django.utils import timezone

from apps.accounts.models import User
from apps.artifacts.models import Collection
from apps.core.jsontext import nonfinite_word
from apps.core.tables import TableQuery
from apps.core.text import csv_lines
from apps.core.times import to_text
from apps.evaluations.models import GoldenSet, Result
from apps.registry.models import Column
from apps.registry.queries.table import Cell, Row, all_rows

_FIXED = ("version", "status", "logged", "by", "run", "digest", "note")


def table_lines(
    collection: Collection, query: TableQuery, user: User | None, *, columns: Sequence[Column]
) -> Iterator[str]:
    """The lines of the file, head first. The order and filter are those of the page.

    Each score has a column for its value, its standard error and its number of examples. Numbers
    are given in full; text that a spreadsheet would take for a formula is defused (core.text).
    """
    constant = [
        *(named_with_digest(column.golden_set) for column in columns),
        collection.name,
        to_text(timezone.now()),
    ]
    # An unknown column or broken filter must be refused before the first line is on its way.
    rows = all_rows(collection, query, user, columns=columns)
    first = next(rows, None)

    found = chain([] if first is None else [first], rows)
    return csv_lines(chain([_head(columns)], ([*_cells(row, columns), *constant] for row in found)))


def _head(columns: Sequence[Column]) -> list[str]:
    names = list(_FIXED)
    for column in columns:
        names += [column.title, f"{column.title} (standard error)", f"{column.title} (n)"]
    names += [f"{column.title} (golden set)" for column in columns]
    return [*names, "model", "exported_at"]


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
        cells += score_cells(row.cells.get(column.pk))
    return cells


def named_with_digest(golden_set: GoldenSet | None) -> str:
    """What a score was measured on: `mnist_10k sha256:1f0c…`; empty for one of the training run."""
    if golden_set is None:
        return ""
    return f"{golden_set.name} sha256:{golden_set.digest}" if golden_set.digest else golden_set.name


def score_cells(cell: Cell | Result | None) -> list[object]:
    """A value in full, its standard error and its number of examples."""
    if cell is None:
        return ["", "", ""]
    value = math.nan if cell.value is None else cell.value
    return [
        repr(value) if math.isfinite(value) else nonfinite_word(value),
        "" if cell.stderr is None else repr(cell.stderr),
        "" if cell.n is None else cell.n,
    ]
