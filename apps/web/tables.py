"""What every table of the site has around its rows: toolbar, heads, foot, and their links.

A page fills in a `TableView` and includes components/table.html; its cells come from
`apps.web.cells`. The status table (present/table.py) is the example.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.core import filtering
from apps.core.errors import Invalid
from apps.core.filtering import FilterError
from apps.core.numbers import format_count
from apps.core.tables import PAGE_SIZES
from apps.web.listing import Listing, column_value, next_sort

# More columns of numbers than this and the table scrolls in its own box.
MANY_COLUMNS = 5
# Up to this many fit side by side with their ± and differences in one line.
LOOSE_COLUMNS = 3


@dataclass(frozen=True, slots=True)
class Head:
    """A header. With an address it sorts, and `order` is what aria-sort says."""

    label: str
    url: str = ""
    order: str = ""
    note: str = ""
    kind: str = ""  # its class: is-number, is-key, is-check, is-actions
    is_hidden: bool = False  # its words are for screen readers


@dataclass(frozen=True, slots=True)
class Choice:
    """An entry of a menu; `earlier` and `later` move a shown column."""

    label: str
    url: str
    is_chosen: bool
    value: str = ""
    hue: str = ""
    earlier: str = ""
    later: str = ""


@dataclass(frozen=True, slots=True)
class Menu:
    """A menu of links in the toolbar; `count` says how many of them are in force."""

    label: str
    choices: Sequence[Choice]
    count: int = 0


@dataclass(frozen=True, slots=True)
class Hint:
    """A line of the help on the query box."""

    code: str
    words: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Why the table could not be read as asked; `before` is the query up to the place."""

    message: str
    before: str = ""
    rest: str = ""


@dataclass(frozen=True, slots=True)
class Compare:
    """Where ticked rows go to be compared, and the name of their boxes."""

    url: str
    name: str


@dataclass(frozen=True, slots=True)
class Refresh:
    """Where the rows are asked for again while something goes on; `seen` names what they say."""

    url: str
    seen: str


@dataclass(frozen=True, slots=True)
class Span:
    """Which rows are shown of how many, and the cursors of the neighbouring pages."""

    first: int
    last: int
    matching: int
    total: int
    next: str = ""
    previous: str = ""


@dataclass(frozen=True)
class Words:
    """What a table calls its rows: "Show all versions", "No version matches"."""

    rows: str
    search: str
    all: str
    none: str
    note: str = ""  # what the query box takes, for screen readers


@dataclass(frozen=True)
class TableView:
    """Everything that components/table.html says. `target` is the id of the part that htmx swaps.

    `columns` are the entries of the menu of columns, `fields` what the query box knows; `reading`
    says how to read the numbers.
    """

    target: str
    path: str
    listing: Listing
    span: Span
    words: Words
    heads: Sequence[Head]
    rows: Sequence[SafeString]
    caption: str = ""
    menus: Sequence[Menu] = ()
    columns: Sequence[Choice] = ()
    columns_note: str = ""
    example: str = ""
    hints: Sequence[Hint] = ()
    fields: Sequence[str] = ()
    compare: Compare | None = None
    delete_url: str = ""  # where ticked rows go to be deleted, for those who may
    refresh: Refresh | None = None
    can_name_columns: bool = False  # the menu offers some only; others by their name
    csv_path: str = ""
    problem: Problem | None = None
    reading: str = ""
    number_columns: int = 0
    says: str = ""  # what is shown, where it is no page of a longer list

    @property
    def is_empty(self) -> bool:
        """Nothing is there, whatever is asked for."""
        return self.span.total == 0

    @property
    def is_wide(self) -> bool:
        return self.number_columns > MANY_COLUMNS

    @property
    def is_tight(self) -> bool:
        return self.number_columns > LOOSE_COLUMNS

    @property
    def rows_id(self) -> str:
        """The element that holds the rows alone."""
        return f"{self.target}-rows"

    @property
    def shown(self) -> str:
        return self.says or shown_words(self.span, self.words, is_narrowed=self.listing.is_narrowed)

    @property
    def previous_url(self) -> str:
        return self._at(self.span.previous)

    @property
    def next_url(self) -> str:
        return self._at(self.span.next)

    @property
    def sizes(self) -> list[Choice]:
        present = self.listing.query.size
        return [
            Choice(str(size), self.listing.sized(size).address(self.path), size == present)
            for size in PAGE_SIZES
        ]

    @property
    def csv_url(self) -> str:
        return self.listing.at("").address(self.csv_path) if self.csv_path else ""

    @property
    def all_url(self) -> str:
        return self.listing.filtered().address(self.path)

    @property
    def usual_columns_url(self) -> str:
        return self.listing.showing(()).address(self.path)

    @property
    def find_fields(self) -> list[tuple[str, str]]:
        return self.listing.others("filter", "q")

    @property
    def column_fields(self) -> list[tuple[str, str]]:
        return self.listing.others("columns")

    def _at(self, cursor: str) -> str:
        return self.listing.at(cursor).address(self.path) if cursor else ""


def sort_head(
    label: str,
    name: str,
    listing: Listing,
    path: str,
    *,
    descending_first: bool = False,
    kind: str = "is-number",
    note: str = "",
) -> Head:
    """A header whose link sorts by a column: one way, the other way, not at all."""
    sort = listing.query.sort
    following = next_sort(name, sort, descending_first=descending_first)
    order = {name: "ascending", f"-{name}": "descending"}.get(sort, "none")
    return Head(label, listing.sorted_by(following).address(path), order, note, kind)


def status_menu(
    label: str, statuses: Iterable[tuple[str, str, str]], listing: Listing, path: str
) -> Menu:
    """Statuses to filter by: each one's value, words and hue."""
    wanted = listing.query.status
    choices = [
        Choice(
            words, listing.with_status(value).address(path), value in wanted, value=value, hue=hue
        )
        for value, words, hue in statuses
    ]
    return Menu(label, choices, len(wanted))


def column_choices(
    shown: Sequence[tuple[str, str]],
    others: Iterable[tuple[str, str]],
    listing: Listing,
    path: str,
) -> list[Choice]:
    """The shown columns (name, title) in order, each with the ways to move it, then the others."""
    names = [name for name, _title in shown]

    def moved(at: int) -> str:
        """The address with the column at this place and the next exchanged."""
        if not 0 <= at < len(names) - 1:
            return ""
        order = (*names[:at], names[at + 1], names[at], *names[at + 2 :])
        return listing.showing(order).address(path)

    choices = [
        Choice(title, "", True, value=column_value(name), earlier=moved(at - 1), later=moved(at))
        for at, (name, title) in enumerate(shown)
    ]
    return choices + [Choice(title, "", False, value=column_value(name)) for name, title in others]


def problem_of(error: Invalid, listing: Listing) -> Problem:
    """What is wrong, with the query box's text cut at the place where it is wrong."""
    if not isinstance(error, FilterError):
        return Problem(error.message)
    query = listing.query.where
    place = max(error.position - 1, 0) if error.position else len(query)
    return Problem(error.message, query[:place], query[place:])


def quoted(name: str) -> str:
    """A field as the query box takes it: in back ticks when it is not one plain word."""
    tree = filtering.Comparison(name, "is missing")
    return filtering.unparse(tree).removesuffix(" is missing")


def shown_words(span: Span, words: Words, *, is_narrowed: bool) -> str:
    """`1–10 of 21`."""
    if span.last < span.first or not span.first:
        return words.none
    figures = {
        "first": format_count(span.first),
        "last": format_count(span.last),
        "matching": format_count(span.matching),
        "total": format_count(span.total),
    }
    if is_narrowed:
        return _("%(first)s–%(last)s of %(matching)s matching, %(total)s in all") % figures
    return _("%(first)s–%(last)s of %(total)s") % figures
