"""The runs table as CSV: every matching run, a line at a time, numbers in full."""

from collections.abc import Iterator, Sequence
from itertools import chain

from apps.core.tables import TableQuery
from apps.core.text import csv_lines
from apps.core.times import to_text
from apps.projects.models import Project
from apps.runs.columns import RunColumn, RunKeys
from apps.runs.table import RunCell, RunRow, all_runs

# These always: a line without them could not be told from another.
_FIXED = ("run", "key", "state", "started", "duration", "by", "group", "job_type")


def run_lines(
    project: Project, query: TableQuery, *, columns: Sequence[RunColumn], keys: RunKeys
) -> Iterator[str]:
    """The lines of the file, head first, in the order of the page."""
    shown = [column for column in columns if column.name not in _FIXED]
    runs = all_runs(project, query, columns=shown, keys=keys)
    # What cannot be read is refused before the first line is on its way.
    first = next(runs, None)
    found = chain([] if first is None else [first], runs)
    head = [*_FIXED, *(column.name for column in shown)]
    return csv_lines(chain([head], (_cells(run, shown) for run in found)))


def _cells(run: RunRow, columns: Sequence[RunColumn]) -> list[object]:
    return [
        run.name,
        run.key,
        str(run.state),
        to_text(run.started_at),
        "" if run.seconds is None else round(run.seconds, 3),
        run.by,
        run.group,
        run.job_type,
        *(
            " ".join(run.tags) if column.name == "tags" else _value(run.cells.get(column.name))
            for column in columns
        ),
    ]


def _value(cell: RunCell | None) -> object:
    if cell is None:
        return ""
    if cell.number is None:
        return cell.text or "NaN"
    return cell.text or repr(cell.number)
