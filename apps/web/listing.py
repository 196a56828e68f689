"""The state of the status table as its address says it, and the addresses of other states.

    ?filter=loss@10k < 0.2      the query box (core.filtering)
    &q=first try                words to look for
    &status=production          as often as labels are wanted
    &columns=loss@10k,loss@1k   what to show in which order; absent: as the curators set it
    &sort=-loss@10k             a column, with - for descending
    &size=10 &cursor=…          which page
    &scale=log                  the axis of the chart; absent: as the values suggest

A state has one address: what is as usual is left out, and what is not known is not repeated.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

from django.http import QueryDict

from apps.core.errors import Invalid
from apps.core.names import clean_text
from apps.evaluations.choices import Better
from apps.registry.models import Column
from apps.registry.queries.table import PAGE_SIZES, TableQuery, better_of

# The first leaves the choice to the values.
SCALES = ("", "linear", "log")
MAX_STATUSES = 50
# So that cards, chart and table are seen together; the foot of the table offers more.
DEFAULT_SIZE = 10


@dataclass(frozen=True)
class Listing:
    """One state of the table. `chosen` are slugs of columns; none: those that curators show."""

    query: TableQuery
    chosen: tuple[str, ...] = ()
    scale: str = ""

    @property
    def is_narrowed(self) -> bool:
        query = self.query
        return bool(query.where or query.search or query.status)

    def parameters(self) -> list[tuple[str, str]]:
        """The state as pairs for an address or for hidden fields."""
        query = self.query
        pairs = [("filter", query.where), ("q", query.search)]
        pairs += [("status", label) for label in query.status]
        pairs += _columns(self.chosen)
        pairs += [("sort", query.sort)]
        pairs += [("size", str(query.size))] if query.size != DEFAULT_SIZE else []
        pairs += [("scale", self.scale), ("cursor", query.cursor)]
        return [(name, value) for name, value in pairs if value]

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

    def with_status(self, label: str) -> "Listing":
        """The label wanted where it was not, or no longer where it was."""
        wanted = self.query.status
        others = tuple(one for one in wanted if one != label)
        status = others if label in wanted else (*wanted, label)
        return replace(self, query=replace(self.query, status=status, cursor=""))

    def sorted_by(self, sort: str) -> "Listing":
        return replace(self, query=replace(self.query, sort=sort, cursor=""))

    def sized(self, size: int) -> "Listing":
        return replace(self, query=replace(self.query, size=size, cursor=""))

    def scaled(self, scale: str) -> "Listing":
        return replace(self, scale=scale)

    def showing(self, chosen: tuple[str, ...]) -> "Listing":
        return replace(self, chosen=chosen)

    def columns(self, known: Sequence[Column]) -> list[Column]:
        """The columns to show, in order."""
        if not self.chosen:
            return [column for column in known if column.is_visible]
        by_slug = {column.slug: column for column in known}
        return [by_slug[slug] for slug in self.chosen]


def read_listing(params: QueryDict, known: Sequence[Column]) -> Listing:
    """The state that an address asks for. Raises Invalid for what it cannot mean.

    Whether the filter, the order and the cursor make sense is for the table to say.
    """
    query = TableQuery(
        sort=_text(params, "sort"),
        where=_text(params, "filter").strip(),
        status=_statuses(params),
        search=_text(params, "q").strip(),
        cursor=_text(params, "cursor"),
        size=_size(_text(params, "size")),
    )
    return Listing(query, _chosen(params.getlist("columns"), known), _scale(params))


def next_sort(column: Column, sort: str) -> str:
    """What the header of a column sorts by next: best first, then worst first, then not at all."""
    first = f"-{column.slug}" if better_of(column) == Better.HIGHER else column.slug
    second = column.slug if first.startswith("-") else f"-{column.slug}"
    return {first: second, second: ""}.get(sort, first)


def _text(params: QueryDict, name: str) -> str:
    return clean_text(params.get(name, ""), field=name, max_length=5_000)


def _statuses(params: QueryDict) -> tuple[str, ...]:
    labels = [
        clean_text(label, field="status", max_length=200) for label in params.getlist("status")
    ]
    if len(labels) > MAX_STATUSES:
        raise Invalid(f"Ask for {MAX_STATUSES} labels at most.", field="status")
    return tuple(dict.fromkeys(label for label in labels if label))


def _size(text: str) -> int:
    if not text:
        return DEFAULT_SIZE
    if text not in {str(size) for size in PAGE_SIZES}:
        sizes = ", ".join(map(str, PAGE_SIZES))
        raise Invalid(f"A page has one of these numbers of rows: {sizes}.", field="size")
    return int(text)


def _scale(params: QueryDict) -> str:
    scale = _text(params, "scale")
    if scale not in SCALES:
        raise Invalid("The scale is linear or log.", field="scale")
    return scale


def _chosen(values: Sequence[str], known: Sequence[Column]) -> tuple[str, ...]:
    """Slugs, one a value or several with commas between; titles may hold commas themselves."""
    slugs = {column.slug for column in known}
    chosen: dict[str, None] = {}
    for value in values[:200]:
        for slug in [value] if value in slugs else value.split(","):
            if slug and slug not in slugs:
                shown = clean_text(slug[:160], field="columns", max_length=160)
                raise Invalid(f"There is no column {shown!r}.", field="columns")
            if slug:
                chosen[slug] = None
    return tuple(chosen)


def _columns(chosen: Sequence[str]) -> list[tuple[str, str]]:
    if any("," in slug for slug in chosen):
        return [("columns", slug) for slug in chosen]
    return [("columns", ",".join(chosen))]
