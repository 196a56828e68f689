"""Lists as GraphQL pages them: edges with nodes and cursors, read on by key."""

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.db.models import QuerySet

from apps.core.errors import Invalid
from apps.core.paging import Cursor, Key, make_page, read_cursor, seek, write_cursor
from apps.wandb_api.context import Context
from apps.wandb_api.schema import Node, field, nodes

MAX_FIRST = 5_000
DEFAULT_FIRST = 50
BY_AGE = (Key("pk", "integer"),)
NEWEST_FIRST = (Key("pk", "integer", descending=True),)


class Connection(Node):
    """One page of a list. The total is counted only when it is asked for."""

    def __init__(
        self,
        context: Context,
        items: Sequence[Any],
        *,
        cursors: Sequence[str],
        has_next: bool = False,
        count: Callable[[], int] | None = None,
    ) -> None:
        super().__init__(context)
        self.items = items
        self.cursors = cursors
        self.has_next = has_next
        self.count = count or (lambda: len(items))

    @field
    def edges(self) -> list[dict[str, Any]]:
        pairs = zip(self.items, self.cursors, strict=True)
        return [{"node": node, "cursor": cursor} for node, cursor in pairs]

    @field
    def nodes(self) -> Sequence[Any]:
        return self.items

    @field
    def page_info(self) -> dict[str, Any]:
        return {
            "__typename": "PageInfo",
            "endCursor": self.cursors[-1] if self.cursors else None,
            "startCursor": self.cursors[0] if self.cursors else None,
            "hasNextPage": self.has_next,
            "hasPreviousPage": False,
        }

    @field
    def total_count(self) -> int:
        return self.count()


def connect(
    context: Context,
    of: type[Node],
    rows: QuerySet[Any],
    *,
    first: int | None = None,
    after: str | None = None,
    keys: Sequence[Key] = BY_AGE,
    scope: str = "",
) -> Connection:
    """A page of the queryset in the order of `keys` (the last one unique)."""
    size = page_size(first)
    place = read_cursor(after, keys, scope)
    page = make_page(list(seek(rows, keys, place)[: size + 1]), keys, place, size=size, scope=scope)
    start = place.position if place else 0
    cursors = [
        write_cursor(Cursor(_values(row, keys), False, start + at), keys, scope)
        for at, row in enumerate(page.rows, 1)
    ]
    return Connection(
        context,
        nodes(of, context, page.rows),
        cursors=cursors,
        has_next=page.next is not None,
        count=rows.order_by().count,
    )


def whole(context: Context, of: type[Node], rows: Iterable[Any]) -> Connection:
    """A short list in one page."""
    found = nodes(of, context, rows)
    return Connection(context, found, cursors=[_at(number) for number in range(1, len(found) + 1)])


def slice_of(
    context: Context, items: Sequence[Any], *, first: int | None = None, after: str | None = None
) -> Connection:
    """A page of nodes or payloads that are all at hand, by position."""
    size, start = page_size(first), _position(after)
    part = items[start : start + size]
    return Connection(
        context,
        part,
        cursors=[_at(start + number) for number in range(1, len(part) + 1)],
        has_next=start + size < len(items),
        count=lambda: len(items),
    )


def page_size(first: int | None) -> int:
    if first is None:
        return DEFAULT_FIRST
    if first < 0:
        raise Invalid("first must not be negative.", field="first")
    return min(first, MAX_FIRST) or 1


def _values(row: Any, keys: Sequence[Key]) -> tuple[Any, ...]:
    found = []
    for key in keys:
        value = row
        for part in key.name.split("__") if not hasattr(row, key.name) else [key.name]:
            value = getattr(value, part)
        found.append(value)
    return tuple(found)


def _at(position: int) -> str:
    return base64.b64encode(f"at:{position}".encode()).decode()


def _position(after: str | None) -> int:
    if not after:
        return 0
    try:
        word, _, number = base64.b64decode(after, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        word, number = "", ""
    if word != "at" or not (number.isascii() and number.isdigit()) or len(number) > 9:
        raise Invalid("This cursor belongs to another list; start from the first page.")
    return int(number)
