"""Queries that are put into SQL once and then asked again and again, for the hottest paths.

Django writes the SQL of a query anew each time. For a query with several tables that takes longer
than the database needs to answer it: of the 16 ms of reading a run, 11 went into words (measured).
Here the text is kept, for each thread, and only the arguments change: 3 ms.

    runs_tags = Prepared(lambda run: RunTag.objects.filter(run=run).order_by("name"), int)
    runs_tags.rows(run.pk)

Only for whole numbers and texts that the query hands to the database as they are: an argument may
decide nothing else (no lists, no slices).
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import QuerySet
from django.db.models.query import ModelIterable, get_related_populators

Row = TypeVar("Row")

_NUMBER = -7_046_029_254_386_353_131
_TEXT = "\ue000 argument "


class ArgumentLostError(RuntimeError):
    """An argument is not handed to the database as it is, so it cannot be replaced."""


@dataclass(frozen=True)
class _Written:
    """A query in words. `slots` says which parameter is which argument."""

    sql: str
    params: tuple[Any, ...]
    slots: Sequence[tuple[int, int]]
    compiler: Any
    converters: Any
    read: Callable[[Iterator[Any]], Iterator[Any]]


class Prepared(Generic[Row]):
    """A query of so many arguments; `kinds` are their types, int or str."""

    def __init__(
        self, build: Callable[..., QuerySet[Any, Row]], *kinds: type[int] | type[str]
    ) -> None:
        self.build = build
        self.kinds = kinds
        self.local = threading.local()

    def rows(self, *arguments: int | str) -> list[Row]:
        """What the query finds with these arguments: what its queryset would give."""
        written = getattr(self.local, "written", None)
        if written is None:
            written = self.local.written = self._write()
        params = list(written.params)
        for at, argument in written.slots:
            params[at] = arguments[argument]
        with connection.cursor() as cursor:
            cursor.execute(written.sql, params)
            found = iter(cursor.fetchall())
        if written.converters:
            found = written.compiler.apply_converters(found, written.converters)
        return list(written.read(found))

    def first(self, *arguments: int | str) -> Row | None:
        return next(iter(self.rows(*arguments)), None)

    def _write(self) -> _Written:
        marks = [
            _NUMBER + at if kind is int else f"{_TEXT}{at}" for at, kind in enumerate(self.kinds)
        ]
        queryset = self.build(*marks)
        compiler = queryset.query.get_compiler(DEFAULT_DB_ALIAS)
        sql, params = compiler.as_sql()
        slots = [(at, marks.index(param)) for at, param in enumerate(params) if param in marks]
        if {argument for _at, argument in slots} != set(range(len(marks))):
            raise ArgumentLostError(f"Not every argument is a parameter of: {sql}")
        fields = [found[0] for found in compiler.select[: compiler.col_count]]
        makes_models = queryset._iterable_class is ModelIterable
        return _Written(
            sql,
            tuple(params),
            slots,
            compiler,
            compiler.get_converters(fields),
            _reader_of_models(compiler) if makes_models else _as_tuples,
        )


def _as_tuples(rows: Iterator[Any]) -> Iterator[Any]:
    return map(tuple, rows)


def _reader_of_models(compiler: Any) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """Makes model instances of rows, as the iteration of a queryset does."""
    klass = compiler.klass_info
    first, last = klass["select_fields"][0], klass["select_fields"][-1] + 1
    names = [column[0].target.attname for column in compiler.select[first:last]]
    # The type stubs are those of a later Django, which takes one argument more.
    related = get_related_populators(klass, compiler.select, DEFAULT_DB_ALIAS)  # type: ignore[call-arg]
    annotations = (compiler.annotation_col_map or {}).items()

    def read(rows: Iterator[Any]) -> Iterator[Any]:
        for row in rows:
            found = klass["model"].from_db(DEFAULT_DB_ALIAS, names, row[first:last])
            for populator in related:
                populator.populate(row, found)
            for name, place in annotations:
                setattr(found, name, row[place])
            yield found

    return read
