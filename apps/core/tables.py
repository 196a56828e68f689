"""Pages of a table that can be sorted by anything: its query, and the cut of one page by key.

A table's order has parts. Sorted by a score, the rows that have one come first in the order of an
index, then those without, newest first. Each part is a `Segment`: rows that the database gives in
the order of an index and stops reading after a page. So a page costs the same wherever it lies.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from django.db.models import QuerySet

from apps.core import limits
from apps.core.errors import Invalid
from apps.core.paging import Cursor, Key, read_cursor, seek, write_cursor

PAGE_SIZES = (10, 25, 50, 100)
DEFAULT_SIZE = 25
MAX_SEARCH = 200
EXPORT_BLOCK = 500


@dataclass(frozen=True)
class TableQuery:
    """What of a table is asked for; the page's address says exactly this.

    `sort` is the name of a column, with "-" in front for descending; empty is the table's natural
    order. `where` is the text of the query box, `status` the words of which a row must have one,
    `search` words to look for.
    """

    sort: str = ""
    where: str = ""
    status: tuple[str, ...] = ()
    search: str = ""
    cursor: str = ""
    size: int = DEFAULT_SIZE

    @property
    def is_narrowed(self) -> bool:
        """Whether rows are left out."""
        return bool(self.where.strip() or self.status or self.search.strip())

    @property
    def sorts_by(self) -> str:
        return self.sort.removeprefix("-")

    @property
    def is_descending(self) -> bool:
        return self.sort.startswith("-")

    def scope(self, *place: object) -> str:
        """What a cursor depends on: one is taken only in the list where it was made."""
        return "\n".join(
            [*map(str, place), self.sort, self.where, self.search, *sorted(self.status)]
        )


@dataclass(frozen=True)
class Segment:
    """A part of a table with an order of its own; `scope` names it in cursors.

    `rows` are whatever an index has in this order; `row` is the field of theirs that names the
    row of the table. What else the table shows is read for the rows of a page only.
    """

    rows: QuerySet[Any]
    keys: tuple[Key, ...]
    scope: str
    row: str = "pk"

    def cursor(self, row: Mapping[str, Any], *, backwards: bool, position: int) -> str:
        values = tuple(row[key.name] for key in self.keys)
        return write_cursor(Cursor(values, backwards, position), self.keys, self.scope)


@dataclass(frozen=True)
class Cut:
    """One page: the rows by what names them, the place of the first one, and where to go on."""

    rows: list[Any]
    first: int
    next: str
    previous: str

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1


def cut(segments: Sequence[Segment], query: TableQuery) -> Cut:
    """One page, from the cursor on, over the segments in their order (or the reverse of it).

    Raises Invalid for a page size that is none and for a cursor of another list.
    """
    if not 1 <= query.size <= limits.MAX_PAGE_SIZE:
        raise Invalid(f"A page has 1 to {limits.MAX_PAGE_SIZE} rows.", field="size")
    at, place = _place(segments, query.cursor)
    backwards = place is not None and place.backwards
    before = place.position if place is not None else 0
    rows: list[tuple[Segment, dict[str, Any]]] = []
    ahead = segments[at::-1] if backwards else segments[at:]
    for segment in ahead:
        if place is None and backwards:
            place = Cursor(None, backwards=True, position=0)  # from the end of this segment
        names = (segment.row, *(key.name for key in segment.keys))
        wanted = seek(segment.rows, segment.keys, place).values(*names)
        rows += [(segment, values) for values in wanted[: query.size + 1 - len(rows)]]
        place = None
        if len(rows) > query.size:
            break
    has_more = len(rows) > query.size
    rows = rows[: query.size]
    if query.cursor and len(rows) < (query.size if backwards else 1):
        # Rows have gone since the link was made: the first page, rather than a short or empty one.
        return cut(segments, replace(query, cursor=""))
    if backwards:
        rows.reverse()
        before = max(before - len(rows), 0) if has_more else 0
    # Reading backwards, the page we came from lies ahead; reading on, the one before lies behind.
    has_next = backwards or has_more
    has_previous = has_more if backwards else bool(query.cursor)
    following = previous = ""
    if rows and has_next:
        segment, values = rows[-1]
        following = segment.cursor(values, backwards=False, position=before + len(rows))
    if rows and has_previous:
        segment, values = rows[0]
        previous = segment.cursor(values, backwards=True, position=before)
    shown = [values[segment.row] for segment, values in rows]
    return Cut(shown, before + 1 if rows else 0, following, previous)


def read_on(segments: Sequence[Segment], *, cursor: str, size: int) -> tuple[list[Any], str]:
    """The next rows from a cursor on, and the cursor that leads on from there ("" at the end).

    For clients that go through a list in one direction: whatever has gone meanwhile, no row comes
    twice. Raises Invalid for a cursor of another list.
    """
    at, place = _place(segments, cursor)
    rows: list[tuple[Segment, dict[str, Any]]] = []
    for segment in segments[at:]:
        names = (segment.row, *(key.name for key in segment.keys))
        wanted = seek(segment.rows, segment.keys, place).values(*names)
        rows += [(segment, values) for values in wanted[: size + 1 - len(rows)]]
        place = None
        if len(rows) > size:
            break
    following = ""
    if len(rows) > size:
        segment, values = rows[size - 1]
        following = segment.cursor(values, backwards=False, position=0)
    return [values[segment.row] for segment, values in rows[:size]], following


def blocks(segments: Sequence[Segment], *, size: int = EXPORT_BLOCK) -> Iterator[list[Any]]:
    """All rows in the table's order, some hundred at a time: for exports."""
    for segment in segments:
        names = seek(segment.rows, segment.keys, None).values_list(segment.row, flat=True)
        found = names.iterator(chunk_size=size)
        while block := list(islice(found, size)):
            yield block


def check_search(text: str) -> str:
    """The words to look for, without blanks around them. Raises Invalid when they are too many."""
    if len(text) > MAX_SEARCH:
        raise Invalid(f"Search for {MAX_SEARCH} characters at most.", field="q")
    return text.strip()


def _place(segments: Sequence[Segment], text: str) -> tuple[int, Cursor | None]:
    """Which segment a cursor lies in, and where. Raises Invalid when in none of them."""
    if not text:
        return 0, None
    for at, segment in enumerate(segments):
        with suppress(Invalid):
            return at, read_cursor(text, segment.keys, segment.scope)
    raise Invalid("This page link belongs to another list; start again.", field="cursor")
