"""Queries with arguments.

    runs_tags = Prepared(lambda run: RunTag.objects.filter(run=run).order_by("name"), int)
    runs_tags.rows(run.pk)

Only for whole numbers and texts that the query hands to the database as they are, and with the
kind `list` for lists of whole numbers behind `__in`: an argument may decide nothing else.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import QuerySet
from django.db.models.query import ModelIterable, get_related_populators

from apps.core.prepared.cursors import kept_cursor

Row = TypeVar("Row")

# In the range of every field; Django answers by itself what is compared with a number beyond it.
_NUMBER = 2_046_029_254
_TEXT = "\ue000 argument "


class ArgumentLostError(RuntimeError):
    """An argument is not handed to the database as it is, so it cannot be replaced."""


@dataclass(frozen=True)
class _Written:
    """A query in words. `texts` stand around its parameters; `slots` says which parameter is which
    argument."""

    texts: Sequence[str]
    params: tuple[Any, ...]
    slots: Sequence[tuple[int, int]]
    converters: Mapping[int, Any]
    read: Callable[[Iterator[Any]], Iterator[Any]]


class Prepared(Generic[Row]):
    """A query of so many arguments; `kinds` are their types: int, str, or list (of int)."""

    def __init__(
        self,
        build: Callable[..., QuerySet[Any, Row]],
        *kinds: type[int] | type[str] | type[list[Any]],
    ) -> None:
        self.build = build
        self.kinds = kinds
        # Threads that come here at once may write it twice, and the same.
        self.written: _Written | None = None

    def rows(self, *arguments: int | str | Sequence[int]) -> list[Row]:
        """What the query finds with these arguments: what its queryset would give."""
        written = self.written
        if written is None:
            written = self.written = self._write()
        sql, params = _filled_in(written, arguments)
        with kept_cursor() as cursor:
            cursor.execute(sql, params)
            found = iter(cursor.fetchall())
        if written.converters:
            found = _converted(found, written.converters)
        return list(written.read(found))

    def first(self, *arguments: int | str | Sequence[int]) -> Row | None:
        return next(iter(self.rows(*arguments)), None)

    def _write(self) -> _Written:
        marks = [
            f"{_TEXT}{at}" if kind is str else _NUMBER + at for at, kind in enumerate(self.kinds)
        ]
        queryset = self.build(
            *(
                [mark] if kind is list else mark
                for mark, kind in zip(marks, self.kinds, strict=True)
            )
        )
        compiler = queryset.query.get_compiler(DEFAULT_DB_ALIAS)
        sql, params = compiler.as_sql()
        slots = [(at, marks.index(param)) for at, param in enumerate(params) if param in marks]
        texts = sql.split("%s")
        is_lost = {argument for _at, argument in slots} != set(range(len(marks)))
        if is_lost or len(texts) != len(params) + 1:
            raise ArgumentLostError(f"Not every argument is a parameter of: {sql}")
        for at, argument in slots:
            if self.kinds[argument] is list:
                _open_list(texts, at)
        fields = [found[0] for found in compiler.select[: compiler.col_count]]
        makes_models = queryset._iterable_class is ModelIterable
        return _Written(
            texts,
            tuple(params),
            slots,
            compiler.get_converters(fields),
            _reader_of_models(compiler) if makes_models else _as_tuples,
        )


def _open_list(texts: list[str], at: int) -> None:
    """Make room for any number of values where Django wrote a list of one. PostgreSQL takes a list
    as one parameter, so its text, and with it the plan, stays the same for any length."""
    if not texts[at].endswith(" IN (") or not texts[at + 1].startswith(")"):
        raise ArgumentLostError(f"A list is no list in: {'%s'.join(texts)}")
    if connection.vendor == "postgresql":
        texts[at] = f"{texts[at].removesuffix(' IN (')} = ANY("
        texts[at + 1] = f"::bigint[]{texts[at + 1]}"


def _filled_in(written: _Written, arguments: Sequence[Any]) -> tuple[str, list[Any]]:
    """The text and the parameters for these arguments."""
    given = dict(written.slots)
    words, params = [written.texts[0]], []
    for at, param in enumerate(written.params):
        value = arguments[given[at]] if at in given else param
        if isinstance(value, int | str):
            words.append("%s")
            params.append(value)
        elif connection.vendor == "postgresql":
            words.append("%s")
            params.append(f"{{{','.join(map(str, value))}}}")
        else:
            words.append(", ".join(["%s"] * len(value)))
            params += value
        words.append(written.texts[at + 1])
    return "".join(words), params


def _converted(rows: Iterator[Any], converters: Mapping[int, Any]) -> Iterator[Any]:
    """As the compiler of a queryset does it, whose own connection is that of one thread."""
    for row in map(list, rows):
        for place, (convert, expression) in converters.items():
            for one in convert:
                row[place] = one(row[place], expression, connection)
        yield row


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
