"""Rows that are added and changed as `save` does it.

    insert(Event(kind="run.started", ...))
    update(head, "sequence", "hash")

For models without a `save` of their own and without multi-table inheritance; nothing here sends
the signals of a save, and nothing in this project listens to them.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from django.db import DatabaseError, connection
from django.db.models import AutoField, Field, Model

from apps.core.prepared.cursors import kept_cursor

# On PostgreSQL a text is kept for each number of rows up to this.
_FEW: Final = 16
Fields = Sequence["Field[Any, Any]"]


class _Statement(NamedTuple):
    sql: str
    fields: Fields


def insert(row: Model) -> None:
    """Add a row, as `save(force_insert=True)`: it gets the key that the database gives it."""
    sql, fields = _insertion(type(row), 1)
    # SQLite before 3.35 knows no RETURNING.
    returns = connection.features.can_return_columns_from_insert
    if returns:
        sql = f"{sql} RETURNING {_column(row._meta.pk)}"
    with kept_cursor() as cursor:
        cursor.execute(sql, _values(row, fields, add=True))
        row.pk = cursor.fetchone()[0] if returns else cursor.lastrowid
    row._state.adding, row._state.db = False, connection.alias


def insert_all(rows: Sequence[Model]) -> None:
    """Add rows of one model, as `bulk_create`, but they don't get their keys."""
    if not rows:
        return
    model = type(rows[0])
    if connection.vendor == "sqlite":
        # It takes rows one by one as fast as together, without a text for each number of them.
        sql, fields = _insertion(model, 1)
        with kept_cursor() as cursor:
            cursor.executemany(sql, [_values(row, fields, add=True) for row in rows])
    elif len(rows) > _FEW:
        model._default_manager.bulk_create(rows)
    else:
        sql, fields = _insertion(model, len(rows))
        with kept_cursor() as cursor:
            cursor.execute(sql, [value for row in rows for value in _values(row, fields, add=True)])


def put(row: Model, *, by: Sequence[str], changes: Sequence[str] = ()) -> None:
    """Add a row, or change these fields of the one that is the same in the fields `by`, for which
    there is a unique constraint; the row here does not get its key."""
    sql, fields = _insertion(type(row), 1)
    with kept_cursor() as cursor:
        cursor.execute(sql + _on_conflict(type(row), by, changes), _values(row, fields, add=True))


def update(row: Model, *names: str) -> None:
    """Save these fields of a row, as `save(update_fields=names)`. Raises DatabaseError when the row
    is gone."""
    sql, fields = _change(type(row), names)
    with kept_cursor() as cursor:
        cursor.execute(sql, [*_values(row, fields, add=False), row.pk])
        if not cursor.rowcount:
            raise DatabaseError(f"There was no {row._meta.model_name} {row.pk} to save.")


@lru_cache
def _insertion(model: type[Model], count: int) -> _Statement:
    fields = [
        field
        for field in model._meta.local_concrete_fields
        if not (isinstance(field, AutoField) or field.generated)
    ]
    columns = ", ".join(map(_column, fields))
    places = f"({', '.join(['%s'] * len(fields))})"
    values = ", ".join([places] * count)
    return _Statement(f"INSERT INTO {_table(model)} ({columns}) VALUES {values}", fields)  # noqa: S608


@lru_cache
def _change(model: type[Model], names: Sequence[str]) -> _Statement:
    fields = _named(model, names)
    places = ", ".join(f"{_column(field)} = %s" for field in fields)
    key = _column(model._meta.pk)
    return _Statement(f"UPDATE {_table(model)} SET {places} WHERE {key} = %s", fields)  # noqa: S608


@lru_cache
def _on_conflict(model: type[Model], by: Sequence[str], changes: Sequence[str]) -> str:
    unique = ", ".join(map(_column, _named(model, by)))
    columns = map(_column, _named(model, changes))
    changed = ", ".join(f"{column} = EXCLUDED.{column}" for column in columns)
    return f" ON CONFLICT ({unique}) DO " + (f"UPDATE SET {changed}" if changed else "NOTHING")


def _named(model: type[Model], names: Sequence[str]) -> Fields:
    by_name = {field.name: field for field in model._meta.local_concrete_fields}
    return [by_name[name] for name in names]


def _values(row: Model, fields: Fields, *, add: bool) -> list[Any]:
    return [
        field.get_db_prep_save(field.pre_save(row, add), connection=connection) for field in fields
    ]


def _table(model: type[Model]) -> str:
    return str(connection.ops.quote_name(model._meta.db_table))


def _column(field: "Field[Any, Any]") -> str:
    return str(connection.ops.quote_name(str(field.column)))
