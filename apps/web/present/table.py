"""The status table in words: its head, its rows, and the links that lead to its other states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from apps.artifacts.models import Collection
from apps.core import filtering
from apps.core.names import name_key
from apps.core.numbers import format_count
from apps.core.text import short_digest, truncate_middle
from apps.core.times import ago
from apps.projects.access import Access, Action
from apps.registry.models import Column, StatusLabel
from apps.registry.queries.table import PAGE_SIZES, Row, StatusTable, filter_fields
from apps.web.addresses import model_url, rollback_url
from apps.web.listing import Listing, next_sort
from apps.web.present.people import exact
from apps.web.present.scores import Score, Style, show_score, style_of

# More score columns than this and the table scrolls in its own box.
MANY_COLUMNS = 5
# Up to this many score columns fit side by side with their ± and differences in one line.
LOOSE_COLUMNS = 3


@dataclass(frozen=True, slots=True)
class Pill:
    """A status label, or `latest`, which is hollow because nobody gives it."""

    text: str
    hue: str
    is_hollow: bool = False


@dataclass(frozen=True, slots=True)
class Head:
    """A header that sorts. `order` is what aria-sort says."""

    label: str
    url: str
    order: str
    note: str = ""
    is_number: bool = True


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table."""

    number: int
    url: str
    digest: str
    note: str
    pills: Sequence[Pill]
    scores: Sequence[Score]
    by: str
    logged: str
    logged_exact: str
    action: str
    action_url: str
    action_label: str
    compare_label: str
    is_held: bool


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
class Hint:
    """A line of the help on the query box."""

    code: str
    words: str


@dataclass(frozen=True)
class TableView:
    """Everything that the fragment of the table says.

    `shown` is its "1–10 of 21", `reading` how to read its numbers.
    """

    name: str
    version_head: Head
    logged_head: Head
    heads: Sequence[Head]
    lines: Sequence[Line]
    shown: str
    previous_url: str
    next_url: str
    statuses: Sequence[Choice]
    columns: Sequence[Choice]
    sizes: Sequence[Choice]
    csv_url: str
    all_url: str
    default_columns_url: str
    find_fields: Sequence[tuple[str, str]]
    column_fields: Sequence[tuple[str, str]]
    example: str
    hints: Sequence[Hint]
    fields: Sequence[str]
    is_wide: bool
    is_tight: bool
    is_empty: bool
    reading: str


@dataclass(frozen=True)
class _Writer:
    """What every row needs to know."""

    collection: Collection
    path: str
    table: StatusTable
    labels: Mapping[str, StatusLabel]
    can_move: Mapping[str, bool]
    reference: str
    styles: Mapping[int, Style]
    now: datetime


def show_table(
    collection: Collection,
    table: StatusTable,
    listing: Listing,
    known: Sequence[Column],
    access: Access,
) -> TableView:
    """The page of the table that was read for this state of the listing."""
    path = model_url(collection)
    labels = {label.name_key: label for label in table.labels}
    writer = _Writer(
        collection=collection,
        path=path,
        table=table,
        labels=labels,
        can_move={key: may_move(label, access) for key, label in labels.items()},
        reference=_("production") if table.baseline is None else _baseline_name(table),
        styles={
            column.pk: style_of(
                column,
                [row.cells[column.pk] for row in table.rows if column.pk in row.cells],
                is_compared=table.baseline is not None and column.pk in table.baseline.cells,
            )
            for column in table.columns
        },
        now=timezone.now(),
    )
    return TableView(
        name=truncate_middle(collection.name, 48),
        version_head=_fixed_head(_("Version"), "version", listing, path),
        logged_head=_fixed_head(_("Logged"), "logged", listing, path, is_number=False),
        heads=[_score_head(column, listing, path) for column in table.columns],
        lines=[_line(row, writer) for row in table.rows],
        shown=_shown(table, listing),
        previous_url=listing.at(table.previous).address(path) if table.previous else "",
        next_url=listing.at(table.next).address(path) if table.next else "",
        statuses=_statuses(table, listing, path),
        columns=_column_choices(table.columns, known, listing, path),
        sizes=[
            Choice(str(size), listing.sized(size).address(path), size == listing.query.size)
            for size in PAGE_SIZES
        ],
        csv_url=listing.at("").address(f"{path}/table.csv"),
        all_url=listing.filtered().address(path),
        default_columns_url=listing.showing(()).address(path),
        find_fields=_others(listing, "filter", "q"),
        column_fields=_others(listing, "columns"),
        example=_example(known),
        hints=_hints(known),
        fields=[_quoted(name) for name in filter_fields(known)],
        is_wide=len(table.columns) > MANY_COLUMNS,
        is_tight=len(table.columns) > LOOSE_COLUMNS,
        is_empty=table.total == 0,
        reading=_reading(table),
    )


def may_move(label: StatusLabel | None, access: Access) -> bool:
    """Whether the reader may move a label; None: one outside the vocabulary."""
    if access.project is not None and access.project.archived_at is not None:
        return False
    is_protected = label is not None and label.is_protected
    return access.allows(Action.MOVE_PROTECTED_LABEL if is_protected else Action.MOVE_LABEL)


def pills_of(
    names: Sequence[str], labels: Mapping[str, StatusLabel], *, is_latest: bool
) -> list[Pill]:
    """The labels in the order of the vocabulary, then those outside it, then `latest`."""
    found = [(labels.get(name_key(name)), name) for name in names]
    found.sort(key=lambda pair: (pair[0].position if pair[0] else 10_000, pair[1]))
    pills = [Pill(name, str(label.colour) if label else "slate") for label, name in found]
    return pills + ([Pill(_("latest"), "slate", is_hollow=True)] if is_latest else [])


def _others(listing: Listing, *names: str) -> list[tuple[str, str]]:
    """The state without these parts, from the first page on: hidden fields of a form."""
    return [pair for pair in listing.at("").parameters() if pair[0] not in names]


def _quoted(name: str) -> str:
    """A field as the query box takes it: in back ticks when it is not one plain word."""
    tree = filtering.Comparison(name, "is missing")
    return filtering.unparse(tree).removesuffix(" is missing")


def _example(known: Sequence[Column]) -> str:
    score = f" or {_quoted(known[0].slug)} < 0.2" if known else ""
    return f'status = "production"{score}'


def _hints(known: Sequence[Column]) -> list[Hint]:
    slug = _quoted(known[0].slug) if known else "version"
    return [
        Hint(f"{slug} < 0.2", _("compare with = != < <= > >=")),
        Hint(f'{slug} < 0.2 and status != "archived"', _("join with and, or, not and brackets")),
        Hint('note ~ "first"', _("contains; !~ is the opposite")),
        Hint("status in (production, staging)", _("one of several")),
        Hint(f"{slug} is missing", _("not evaluated, or NaN")),
        Hint("logged >= 2026-01-31", _("a day or a quoted time, in UTC")),
    ]


def _baseline_name(table: StatusTable) -> str:
    first = next(label for label in table.labels if label.is_exclusive)
    return first.name


def _fixed_head(
    label: str, name: str, listing: Listing, path: str, *, is_number: bool = True
) -> Head:
    """Newest first, then oldest first, then the natural order."""
    sort = listing.query.sort
    following = {f"-{name}": name, name: ""}.get(sort, f"-{name}")
    url = listing.sorted_by(following).address(path)
    return Head(label, url, _order(name, sort), is_number=is_number)


def _score_head(column: Column, listing: Listing, path: str) -> Head:
    sort = listing.query.sort
    url = listing.sorted_by(next_sort(column, sort)).address(path)
    return Head(column.title, url, _order(column.slug, sort), column_note(column))


def column_note(column: Column) -> str:
    """What a column measures, for its tooltip."""
    if column.golden_set is None:
        return _("%(metric)s at the end of the training run") % {"metric": column.metric.name}
    return _("%(metric)s on %(golden_set)s") % {
        "metric": column.metric.name,
        "golden_set": column.golden_set.name,
    }


def _order(name: str, sort: str) -> str:
    return {name: "ascending", f"-{name}": "descending"}.get(sort, "none")


def _line(row: Row, writer: _Writer) -> Line:
    table = writer.table
    base = table.baseline
    is_held = base is not None and row.id == base.id
    url = f"{writer.path}/versions/{row.number}"
    action, action_url, action_label = _action(row, url, writer, is_held=is_held)
    return Line(
        number=row.number,
        url=url,
        digest=short_digest(row.digest),
        note=row.note,
        pills=pills_of(row.labels, writer.labels, is_latest=row.number == table.latest),
        scores=[
            show_score(
                column,
                row.cells.get(column.pk),
                base=base.cells.get(column.pk) if base is not None and not is_held else None,
                reference=writer.reference,
                best=table.best.get(column.pk),
                style=writer.styles[column.pk],
            )
            for column in table.columns
        ],
        by=row.by,
        logged=ago(row.linked_at, writer.now),
        logged_exact=exact(row.linked_at),
        action=action,
        action_url=action_url,
        action_label=action_label,
        compare_label=_("Compare version %(number)d") % {"number": row.number},
        is_held=is_held,
    )


def _action(row: Row, url: str, writer: _Writer, *, is_held: bool) -> tuple[str, str, str]:
    """The one thing that is most likely wanted of a row: words, address, and words in full."""
    held = next(
        (held for held in writer.table.holdings if held.version_id == row.id and is_held), None
    )
    if held is not None and writer.can_move.get(held.label_key):
        if held.former_id is None:
            return "", "", ""
        label = _("Roll back %(label)s from version %(number)d") % {
            "label": held.label,
            "number": row.number,
        }
        return _("Roll back…"), rollback_url(writer.collection, held.label), label
    if is_held or not any(writer.can_move.values()):
        return "", "", ""
    return _("Promote…"), f"{url}/promote", _("Promote version %(number)d") % {"number": row.number}


def _shown(table: StatusTable, listing: Listing) -> str:
    if not table.rows:
        return _("no version")
    words = {
        "first": format_count(table.first),
        "last": format_count(table.last),
        "matching": format_count(table.matching),
        "total": format_count(table.total),
    }
    if listing.is_narrowed:
        return _("%(first)s–%(last)s of %(matching)s matching, %(total)s in all") % words
    return _("%(first)s–%(last)s of %(total)s") % words


def _reading(table: StatusTable) -> str:
    """What ± and the differences mean, as far as the table has them."""
    parts = []
    if table.baseline is not None and table.columns:
        words = {"label": _baseline_name(table), "number": table.baseline.number}
        parts.append(_("Differences are to %(label)s (v%(number)d)") % words)
    cells = [cell for row in table.rows for cell in row.cells.values()]
    if any(cell.stderr is not None for cell in cells):
        parts.append(_("± is the standard error of each, not paired"))
    return ", ".join(parts)


def _statuses(table: StatusTable, listing: Listing, path: str) -> list[Choice]:
    """The vocabulary, and what is held or asked for outside it."""
    labels = {label.name_key: (label.name, str(label.colour)) for label in table.labels}
    for name in [*(held.label for held in table.holdings), *listing.query.status]:
        labels.setdefault(name_key(name), (name, "slate"))
    return [
        Choice(
            name,
            listing.with_status(name).address(path),
            name in listing.query.status,
            value=name,
            hue=hue,
        )
        for name, hue in labels.values()
    ]


def _column_choices(
    shown: Sequence[Column], known: Sequence[Column], listing: Listing, path: str
) -> list[Choice]:
    """The shown columns in their order, each with the ways to move it, then the others."""
    slugs = [column.slug for column in shown]
    choices = []
    for at, column in enumerate(shown):
        earlier = _swapped(slugs, at - 1) if at else None
        later = _swapped(slugs, at) if at + 1 < len(slugs) else None
        choices.append(
            Choice(
                column.title,
                "",
                True,
                value=column.slug,
                earlier=listing.showing(earlier).address(path) if earlier else "",
                later=listing.showing(later).address(path) if later else "",
            )
        )
    hidden = [column for column in known if column.slug not in set(slugs)]
    return choices + [Choice(column.title, "", False, value=column.slug) for column in hidden]


def _swapped(slugs: Sequence[str], at: int) -> tuple[str, ...]:
    """The slugs with the one at this place and the next exchanged."""
    return (*slugs[:at], slugs[at + 1], slugs[at], *slugs[at + 2 :])
