"""Conditions that searches of several kinds have in common, as fields of core.filtering."""

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from apps.core import filtering
from apps.core.filtering import Field, Op

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
# Of negated operators the one that is asked of the database.
_PLAIN: Mapping[str, Op] = {"!=": "=", "not in": "in", "not like": "like", "not ilike": "ilike"}


class Fields(Mapping[str, Field]):
    """The fields of one search: each is made when a filter names it."""

    def __init__(self, make: Callable[[str, str], Field]) -> None:
        self.make = make

    def __getitem__(self, name: str) -> Field:
        entity, _, key = name.partition(".")
        return self.make(entity, key)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def text_column(path: str) -> Field:
    """A text in a column of the row itself; a row without one matches no comparison."""

    def condition(op: Op, value: Any) -> Q:
        return filtering.column(path, "text").q(op, value) & Q(**{f"{path}__isnull": False})

    return Field("text", condition)


def rows_with_text(
    rows: QuerySet[Any], owner: str, column: str = "value", *, absent_differs: bool = False
) -> Field:
    """A text in rows of another table that name their owner: those owners whose row fits.

    One without such a row matches no comparison, not even !=; or with `absent_differs` it does.
    """

    def condition(op: Op, value: Any) -> Q:
        if op in ("is missing", "is not missing"):
            there = Q(pk__in=rows.values(owner))
            return ~there if op == "is missing" else there
        plain = _PLAIN.get(op, op)
        fits = filtering.column(column, "text").q(plain, value)
        if plain == op:
            return Q(pk__in=rows.filter(fits).values(owner))
        if absent_differs:
            return ~Q(pk__in=rows.filter(fits).values(owner))
        return Q(pk__in=rows.exclude(fits).values(owner))

    return Field("text", condition)


def time_column(path: str) -> Field:
    """A time that the client compares in milliseconds; a row without one matches nothing."""

    def condition(op: Op, value: Any) -> Q:
        # A stored time may be finer than a millisecond: it is the one in which it falls.
        whole = math.floor(value)
        start = _moment(whole)
        end = _moment(whole + 1)
        inside = Q(**{f"{path}__gte": start, f"{path}__lt": end})
        if value != whole:
            inside, start = Q(pk__in=[]), end
        there = Q(**{f"{path}__isnull": False})
        match op:
            case "=":
                return inside
            case "!=":
                return there & ~inside
            case "<":
                return Q(**{f"{path}__lt": start})
            case "<=":
                return Q(**{f"{path}__lt": end})
            case ">":
                return Q(**{f"{path}__gte": end})
            case _:
                return Q(**{f"{path}__gte": start})

    return Field("number", condition)


def _moment(milliseconds: int) -> datetime:
    """The moment, or the nearest one that there is."""
    try:
        return _EPOCH + milliseconds * _MILLISECOND
    except OverflowError:
        if milliseconds > 0:
            return datetime.max.replace(tzinfo=UTC)
        return datetime.min.replace(tzinfo=UTC)
