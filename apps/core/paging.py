"""Keyset paging: the next page starts after the values of this page's last row.

Any page costs the same, and rows that others add or remove meanwhile are neither shown twice nor
skipped. The cursor holds those values and nothing secret. It is not signed: a forged one can only
start a list elsewhere, inside the rows that the query lets the reader see anyway; but everything
in it is checked before it reaches the database.
"""

import base64
import binascii
import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Generic, Literal, TypeVar

from django.db.models import F, Q, QuerySet
from django.db.models.expressions import OrderBy

from apps.core.errors import Invalid
from apps.core.jsontext import canonical, integer, number, parse
from apps.core.limits import MAX_CURSOR_LENGTH, MAX_PAGE_SIZE, MAX_SAFE_INTEGER, PAGE_SIZE
from apps.core.times import parse_time, to_text

Row = TypeVar("Row")

_STALE: Final = "This page link is damaged or belongs to another list; start from the first page."


@dataclass(frozen=True, slots=True)
class Key:
    """One part of an order: a field or annotation of the rows, the kind of its values, direction.

    Rows without a value come last in both directions. The last key of an order must be unique.
    """

    name: str
    kind: Literal["integer", "number", "text", "time"]
    descending: bool = False
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place between two rows: read on after it, or back from before it."""

    values: tuple[Any, ...] | None  # of the row beside the place; None: the end of the list
    backwards: bool
    position: int  # how many rows come before the place, as far as was known


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows of a list, and the cursors that lead on."""

    rows: list[Row]
    size: int
    first: int  # number of the first row in the whole list, from 1; 0 when there are no rows
    next: str | None
    previous: str | None
    total: int | None = None

    @property
    def last(self) -> int:
        """Number of the last row: "1-10 of 21" is first, last and total."""
        return self.first + len(self.rows) - 1 if self.rows else 0

    def with_rows(self, rows: Iterable[Any]) -> "Page[Any]":
        """The same page with other rows: what was read for them, or their wire shape."""
        return replace(self, rows=list(rows))


def parse_size(
    text: str | None, *, default: int = PAGE_SIZE, maximum: int = MAX_PAGE_SIZE, field: str = "size"
) -> int:
    """A page size from a request; anything but a whole number from 1 to `maximum` is refused."""
    if text is None or text == "":
        return default
    if text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= maximum:
        return int(text)
    raise Invalid(f"{field} must be a whole number from 1 to {maximum}.", field=field)


def paginate(
    queryset: QuerySet[Any],
    keys: Sequence[Key],
    *,
    cursor: str | None = None,
    size: int = PAGE_SIZE,
    scope: str = "",
    total: int | None = None,
) -> Page[Any]:
    """One page of the queryset in the order of `keys`; the queryset's own order is replaced.

    `scope` names what else the list depends on (its filter): a cursor is taken only by the order
    and scope that made it. One query, or two on the way back to the first page when it changed.
    """
    place = read_cursor(cursor, keys, scope)
    rows = list(seek(queryset, keys, place)[: size + 1])
    if place and place.backwards and len(rows) < size:
        # Rows before this place have gone: show a whole first page instead of a short one.
        place = None
        rows = list(seek(queryset, keys, None)[: size + 1])
    return make_page(rows, keys, place, size=size, scope=scope, total=total)


def read_cursor(text: str | None, keys: Sequence[Key], scope: str = "") -> Cursor | None:
    """The place that a cursor names, or None for the start. Invalid when it is not one of ours."""
    if not text:
        return None
    if len(text) > MAX_CURSOR_LENGTH:
        raise Invalid(_STALE, field="cursor")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        mark, backwards, position, values = parse(raw, max_bytes=MAX_CURSOR_LENGTH, max_depth=2)
        if mark != _fingerprint(keys, scope) or not isinstance(backwards, bool):
            raise Invalid(_STALE)
        integer(position, "position", 0, MAX_SAFE_INTEGER)
        if values is None:
            if not backwards:
                raise Invalid(_STALE)
            return Cursor(None, backwards, position)
        pairs = zip(keys, values, strict=True)
        return Cursor(tuple(_stored(key, value) for key, value in pairs), backwards, position)
    except (Invalid, binascii.Error, TypeError, ValueError):
        raise Invalid(_STALE, field="cursor") from None


def write_cursor(cursor: Cursor, keys: Sequence[Key], scope: str = "") -> str:
    """The cursor as text for a link."""
    values = None if cursor.values is None else [_portable(value) for value in cursor.values]
    raw = canonical([_fingerprint(keys, scope), cursor.backwards, cursor.position, values])
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def seek(queryset: QuerySet[Any], keys: Sequence[Key], cursor: Cursor | None) -> QuerySet[Any]:
    """The rows from a place on, nearest first: in reverse order when the cursor leads back."""
    backwards = cursor is not None and cursor.backwards
    if cursor is not None and cursor.values is not None:
        queryset = queryset.filter(_beyond(keys, cursor.values, backwards=backwards))
    return queryset.order_by(*order_by(keys, backwards=backwards))


def order_by(keys: Sequence[Key], *, backwards: bool = False) -> list[OrderBy]:
    """The order as Django takes it."""
    terms = []
    for key in keys:
        descending = key.descending != backwards
        if not key.nullable:
            terms.append(OrderBy(F(key.name), descending=descending))
        elif backwards:
            terms.append(OrderBy(F(key.name), descending=descending, nulls_first=True))
        else:
            terms.append(OrderBy(F(key.name), descending=descending, nulls_last=True))
    return terms


def make_page(
    rows: list[Any],
    keys: Sequence[Key],
    cursor: Cursor | None,
    *,
    size: int,
    scope: str = "",
    total: int | None = None,
) -> Page[Any]:
    """A page from rows that were read at `cursor`, one more than `size` where there are more."""
    has_more = len(rows) > size
    rows = rows[:size]
    if cursor is None:
        before, has_next, has_previous = 0, has_more, False
    elif cursor.backwards:
        rows.reverse()
        before = max(0, cursor.position - len(rows)) if has_more else 0
        has_next, has_previous = cursor.values is not None, has_more
    else:
        before, has_next, has_previous = cursor.position, has_more, True

    def link(row: Any, *, backwards: bool, position: int) -> str:
        values = tuple(_value(row, key.name) for key in keys)
        return write_cursor(Cursor(values, backwards, position), keys, scope)

    following = previous = None
    if rows and has_next:
        following = link(rows[-1], backwards=False, position=before + len(rows))
    if rows and has_previous:
        previous = link(rows[0], backwards=True, position=before)
    elif has_previous:
        # Everything after the place has gone: lead back to what is the end by now.
        previous = write_cursor(Cursor(None, backwards=True, position=before), keys, scope)
    return Page(rows, size, before + 1 if rows else 0, following, previous, total)


def _beyond(keys: Sequence[Key], values: Sequence[Any], *, backwards: bool) -> Q:
    """The condition of the rows past a place: beyond in the first key, or equal and so on."""
    condition = Q(pk__in=[])
    equal = Q()
    for key, value in zip(keys, values, strict=True):
        condition |= equal & _past(key, value, backwards=backwards)
        equal &= Q(**{f"{key.name}__isnull": True}) if value is None else Q(**{key.name: value})
    first, edge = keys[0], values[0]
    if not first.nullable and len(keys) > 1:
        # Says nothing new, but it is a plain range, and a database can start an index scan there.
        falling = first.descending != backwards
        condition = Q(**{f"{first.name}__{'lte' if falling else 'gte'}": edge}) & condition
    return condition


def _past(key: Key, value: Any, *, backwards: bool) -> Q:
    """Beyond one value of one key, with missing values at the end of the list."""
    if value is None:
        return Q(**{f"{key.name}__isnull": False}) if backwards else Q(pk__in=[])
    comparison = "lt" if key.descending != backwards else "gt"
    past = Q(**{f"{key.name}__{comparison}": value})
    if key.nullable and not backwards:
        past |= Q(**{f"{key.name}__isnull": True})
    return past


def _value(row: Any, name: str) -> Any:
    if isinstance(row, Mapping):
        return row[name]
    for part in name.split("__") if not hasattr(row, name) else [name]:
        row = getattr(row, part)
    return row


def _portable(value: Any) -> Any:
    return to_text(value) if isinstance(value, datetime) else value


def _stored(key: Key, value: Any) -> Any:
    """A value from a cursor, of the type that the column compares with."""
    if value is None and key.nullable:
        return None
    if key.kind == "integer":
        return integer(value, key.name)
    if key.kind == "number":
        found = number(value, key.name)
        if math.isnan(found):
            raise Invalid(_STALE)
        return found
    if not isinstance(value, str):
        raise Invalid(_STALE)
    return parse_time(value) if key.kind == "time" else value


def _fingerprint(keys: Sequence[Key], scope: str) -> str:
    """Which list a cursor belongs to, in eight characters."""
    order = [[key.name, key.kind, key.descending, key.nullable] for key in keys]
    digest = hashlib.sha256(canonical([order, scope]).encode()).digest()
    return base64.urlsafe_b64encode(digest[:6]).decode()
