"""The state of a table as its address says it, and the addresses of other states.

    ?filter=loss@10k < 0.2      the query box (core.filtering)
    &q=first try                words to look for
    &status=production          as often as statuses are wanted
    &columns=loss@10k,loss@1k   what to show in which order; absent: as the table has it
    &sort=-loss@10k             a column, with - for descending
    &size=10 &cursor=…          which page
    &scale=log                  whatever else a page has to choose: its options
    &view=7                     the saved view that this is, or comes from (apps/web/saved_views.py)

A state has one address: what is as usual is left out, and what is not known is not repeated.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

from django.http import QueryDict

from apps.core.errors import Invalid
from apps.core.names import clean_text
from apps.core.tables import PAGE_SIZES, TableQuery

MAX_STATUSES = 50
MAX_COLUMNS = 200
MAX_COLUMN_NAME = 300
# As a view: the table without any.
NO_VIEW = "none"
# So that what stands above a table is seen together with it; its foot offers more.
DEFAULT_SIZE = 10


@dataclass(frozen=True)
class Listing:
    """One state of a table. `chosen` are names of columns; none: those that it shows by itself.

    `options` are what else the page lets its reader choose, by name, in a fixed order.
    """

    query: TableQuery
    chosen: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    usual_size: int = DEFAULT_SIZE
    # The saved view that it comes from; and whether the bare address shows the default one, so that
    # a state without anything in it has to say that it is no view.
    view: str = ""
    has_default: bool = False

    @property
    def is_narrowed(self) -> bool:
        return self.query.is_narrowed

    def option(self, name: str) -> str:
        """What was chosen, or empty."""
        return dict(self.options).get(name, "")

    @property
    def state(self) -> str:
        """What a saved view keeps: the query of the address, but for the page and the view."""
        return urlencode(self.at("")._stated(), safe="@,", quote_via=quote)

    def parameters(self) -> list[tuple[str, str]]:
        """The state as pairs for an address or for hidden fields."""
        stated = self._stated()
        is_bare = all(name == "cursor" for name, _ in stated)
        view = (NO_VIEW if self.has_default else "") if is_bare else self.view
        return [*stated, ("view", view)] if view else stated

    def _stated(self) -> list[tuple[str, str]]:
        query = self.query
        pairs = [("filter", query.where), ("q", query.search)]
        pairs += [("status", word) for word in query.status]
        pairs += _columns(self.chosen)
        pairs += [("sort", query.sort)]
        pairs += [("size", str(query.size))] if query.size != self.usual_size else []
        pairs += [*self.options, ("cursor", query.cursor)]
        return [(name, value) for name, value in pairs if value]

    def others(self, *names: str) -> list[tuple[str, str]]:
        """The state without these parts, from the first page on: hidden fields of a form."""
        return [pair for pair in self.at("").parameters() if pair[0] not in names]

    def address(self, path: str) -> str:
        """The address of this state."""
        query = urlencode(self.parameters(), safe="@,", quote_via=quote)
        return f"{path}?{query}" if query else path

    def at(self, cursor: str) -> "Listing":
        return replace(self, query=replace(self.query, cursor=cursor))

    def filtered(
        self, where: str = "", search: str = "", status: tuple[str, ...] = ()
    ) -> "Listing":
        """Other rows, from their first page on."""
        query = replace(self.query, where=where, search=search, status=status, cursor="")
        return replace(self, query=query)

    def with_status(self, word: str) -> "Listing":
        """The status wanted where it was not, or no longer where it was."""
        wanted = self.query.status
        others = tuple(one for one in wanted if one != word)
        status = others if word in wanted else (*wanted, word)
        return replace(self, query=replace(self.query, status=status, cursor=""))

    def sorted_by(self, sort: str) -> "Listing":
        return replace(self, query=replace(self.query, sort=sort, cursor=""))

    def sized(self, size: int) -> "Listing":
        return replace(self, query=replace(self.query, size=size, cursor=""))

    def showing(self, chosen: tuple[str, ...]) -> "Listing":
        return replace(self, chosen=chosen)

    def opting(self, name: str, value: str) -> "Listing":
        """The same rows with another option."""
        options = tuple((one, value if one == name else now) for one, now in self.options)
        return replace(self, options=options)


def read_listing(
    params: QueryDict,
    *,
    columns: Collection[str] | None = None,
    options: Mapping[str, Collection[str] | None] | None = None,
    usual_size: int = DEFAULT_SIZE,
) -> Listing:
    """The state that an address asks for. Raises Invalid for what it cannot mean.

    `columns` are the names that may be chosen, `options` the words of each option; None leaves
    them to the table. Whether the filter, the order and the cursor make sense is for it to say.
    """
    query = TableQuery(
        sort=_text(params, "sort"),
        where=_text(params, "filter").strip(),
        status=_statuses(params),
        search=_text(params, "q").strip(),
        cursor=_text(params, "cursor"),
        size=_size(_text(params, "size"), usual_size),
    )
    chosen = _chosen(params.getlist("columns"), columns)
    taken = tuple((name, _option(params, name, known)) for name, known in (options or {}).items())
    return Listing(query, chosen, taken, usual_size)


def next_sort(name: str, sort: str, *, descending_first: bool = False) -> str:
    """What the header of a column sorts by next: one way, then the other, then not at all."""
    first, second = (f"-{name}", name) if descending_first else (name, f"-{name}")
    return {first: second, second: ""}.get(sort, first)


def _text(params: QueryDict, name: str) -> str:
    return clean_text(params.get(name, ""), field=name, max_length=5_000)


def _statuses(params: QueryDict) -> tuple[str, ...]:
    words = [clean_text(word, field="status", max_length=200) for word in params.getlist("status")]
    if len(words) > MAX_STATUSES:
        raise Invalid(f"Ask for {MAX_STATUSES} statuses at most.", field="status")
    return tuple(dict.fromkeys(word for word in words if word))


def _size(text: str, usual: int) -> int:
    if not text:
        return usual
    if text not in {str(size) for size in PAGE_SIZES}:
        sizes = ", ".join(map(str, PAGE_SIZES))
        raise Invalid(f"A page has one of these numbers of rows: {sizes}.", field="size")
    return int(text)


def _option(params: QueryDict, name: str, known: Collection[str] | None) -> str:
    value = _text(params, name)
    if value and known is not None and value not in known:
        raise Invalid(f"{name} is one of: {', '.join(known)}.", field=name)
    return value


def _chosen(values: Sequence[str], known: Collection[str] | None) -> tuple[str, ...]:
    """Names, one a value or several with commas between; see `column_value`."""
    chosen: dict[str, None] = {}
    for value in values[:MAX_COLUMNS]:
        is_one = value.endswith(",") or (known is not None and value in known)
        for name in [value.removesuffix(",")] if is_one else value.split(","):
            shown = clean_text(name, field="columns", max_length=MAX_COLUMN_NAME)
            if shown and known is not None and shown not in known:
                raise Invalid(f"There is no column {shown[:160]!r}.", field="columns")
            if shown:
                chosen[shown] = None
    return tuple(chosen)[:MAX_COLUMNS]


def column_value(name: str) -> str:
    """One column as a value of `columns`: a name with a comma in it has another one behind it."""
    return f"{name}," if "," in name else name


def _columns(chosen: Sequence[str]) -> list[tuple[str, str]]:
    if any("," in name for name in chosen):
        return [("columns", column_value(name)) for name in chosen]
    return [("columns", ",".join(chosen))]
