"""The status table on the wire."""

from collections.abc import Sequence

from pydantic import Field

from apps.api.wire.base import Moment, Number, Out
from apps.api.wire.models import ColumnOut, column_out, score_value
from apps.registry.models import Column
from apps.registry.queries.table import Cell, Row, StatusTable


class ScoreOut(Out):
    value: Number
    stderr: float | None
    n: int | None
    low: Number | None
    high: Number | None
    created_at: Moment


class RowOut(Out):
    version: int
    labels: list[str]
    digest: str
    project: str
    run: str | None
    by: str
    note: str
    linked_at: Moment
    scores: dict[str, ScoreOut] = Field(description="By the column's slug; no score, no entry.")


class TableOut(Out):
    """A page of the status table. Rows `first` and on, of `matching` ones, of `total` versions."""

    items: list[RowOut]
    next: str | None
    previous: str | None
    first: int
    matching: int
    total: int
    columns: list[ColumnOut]
    best: dict[str, Number] = Field(description="The best value of each column with a direction.")
    baseline: RowOut | None = Field(description="Who holds the team's first label.")


def table_out(table: StatusTable) -> TableOut:
    columns = table.columns
    slugs = {column.pk: column.slug for column in columns}
    return TableOut(
        items=[row_out(row, columns) for row in table.rows],
        next=table.next or None,
        previous=table.previous or None,
        first=table.first,
        matching=table.matching,
        total=table.total,
        columns=[column_out(column) for column in columns],
        best={slugs[pk]: value for pk, value in table.best.items()},
        baseline=row_out(table.baseline, columns) if table.baseline else None,
    )


def row_out(row: Row, columns: Sequence[Column]) -> RowOut:
    cells = row.cells
    return RowOut(
        version=row.number,
        labels=list(row.labels),
        digest=row.digest,
        project=row.run_project,
        run=row.run_key or None,
        by=row.by,
        note=row.note,
        linked_at=row.linked_at,
        scores={
            column.slug: score_out(cells[column.pk]) for column in columns if column.pk in cells
        },
    )


def score_out(cell: Cell) -> ScoreOut:
    return ScoreOut(
        value=score_value(cell.value),
        stderr=cell.stderr,
        n=cell.n,
        low=cell.low,
        high=cell.high,
        created_at=cell.created_at,
    )
