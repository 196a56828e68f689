"""The status table as CSV.

One header and one line a version, so that every reader of CSV takes it. What a sheet must carry to
be understood alone stands in columns of its own: the model's name, the moment of the export, and
in each score's header the golden set by name and digest.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from django.utils import timezone

from apps.artifacts.models import Collection
from apps.core.text import safe_cell, short_digest
from apps.registry.models import Column
from apps.registry.queries.table import Row
from apps.web.present.people import day, exact

_FIXED = ("model", "version", "digest", "status", "logged_at", "logged_by", "run", "note")


def csv_rows(
    collection: Collection, columns: Sequence[Column], rows: Iterable[Row]
) -> Iterator[list[object]]:
    """The header, then the rows; no cell of which a spreadsheet runs as a formula."""
    now = exact(timezone.now())
    header: list[object] = [*_FIXED]
    for column in columns:
        name = column.title + _golden_set(column)
        header += [name, f"{column.title} standard error", f"{column.title} n"]
    yield [safe_cell(cell) for cell in [*header, "exported_at"]]
    for row in rows:
        cells: list[object] = [
            collection.name,
            row.number,
            row.digest,
            " ".join(row.labels),
            exact(row.linked_at),
            row.by,
            row.run_name,
            row.note,
        ]
        for column in columns:
            cell = row.cells.get(column.pk)
            if cell is None:
                cells += ["", "", ""]
            else:
                value = "NaN" if cell.value is None else repr(cell.value)
                cells += [_Number(value), cell.stderr, cell.n]
        yield [cell if isinstance(cell, _Number) else safe_cell(cell) for cell in [*cells, now]]


def file_name(collection: Collection) -> str:
    """A name that every system takes: letters, digits, dashes, and the day."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", collection.name).strip("-") or "model"
    return f"{name[:80]}-status-{day(timezone.now())}.csv"


class _Number(str):
    """The exact text of a number of ours, such as -0.25: it needs no guard against formulas."""

    __slots__ = ()


def _golden_set(column: Column) -> str:
    """The golden set by name and digest, in brackets; nothing for a score of the training run."""
    golden_set = column.golden_set
    if golden_set is None:
        return ""
    digest = f" {short_digest(golden_set.digest, 12)}" if golden_set.digest else ""
    return f" [{golden_set.name}{digest}]"
