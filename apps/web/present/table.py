"""The status table in words: its head, its rows, and the links that lead to its other states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.artifacts.models import Collection
from apps.core.names import name_key
from apps.core.text import short_digest, truncate_middle
from apps.core.times import ago
from apps.evaluations.choices import Better
from apps.projects.access import Access, Action
from apps.registry.models import Column, StatusLabel
from apps.registry.queries.table import Row, StatusTable, better_of, filter_fields
from apps.web.addresses import model_url, rollback_url
from apps.web.cells import (
    Pill,
    action_cell,
    check_cell,
    key_cell,
    number_cell,
    pills_cell,
    score_cell,
    who_cell,
)
from apps.web.cells import row as html_row
from apps.web.listing import Listing
from apps.web.present.people import exact
from apps.web.present.scores import Style, show_score, style_of
from apps.web.tables import (
    Compare,
    Head,
    Hint,
    Problem,
    Span,
    TableView,
    Words,
    column_choices,
    quoted,
    shown_words,
    sort_head,
    status_menu,
)

FRAGMENT = "versions"


@dataclass(frozen=True)
class _CellWords:
    """The captions of the cells, translated once for a page and not for each row."""

    version: str
    status: str
    logged: str
    compare: str

    @classmethod
    def read(cls) -> "_CellWords":
        return cls(_("Version"), _("Status"), _("Logged"), _("Compare version %(number)d"))


@dataclass(frozen=True)
class _Writer:
    """What every row needs to know."""

    collection: Collection
    path: str
    name: str
    table: StatusTable
    labels: Mapping[str, StatusLabel]
    can_move: Mapping[str, bool]
    reference: str
    styles: Mapping[int, Style]
    now: datetime
    words: _CellWords


def columns_to_show(listing: Listing, known: Sequence[Column]) -> list[Column]:
    """Those that the reader chose, in that order, else those that curators show."""
    if not listing.chosen:
        return [column for column in known if column.is_visible]
    by_slug = {column.slug: column for column in known}
    return [by_slug[slug] for slug in listing.chosen]


def show_table(
    collection: Collection,
    table: StatusTable,
    listing: Listing,
    known: Sequence[Column],
    access: Access,
    problem: Problem | None = None,
) -> TableView:
    """The page of the table that was read for this state of the listing."""
    path = model_url(collection)
    labels = {label.name_key: label for label in table.labels}
    name = truncate_middle(collection.name, 48)
    writer = _Writer(
        collection=collection,
        path=path,
        name=name,
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
        words=_CellWords.read(),
    )
    shown = [(column.slug, column.title) for column in table.columns]
    slugs = {column.slug for column in table.columns}
    hidden = [(column.slug, column.title) for column in known if column.slug not in slugs]
    reading = _reading(table)
    span = Span(table.first, table.last, table.matching, table.total, table.next, table.previous)
    words = Words(
        rows=_("Status table"),
        search=_("Search in versions"),
        all=_("Show all versions"),
        none=_("No version matches") if table.total else _("no version"),
        note=_("Conditions on status, version, logged, by, run, note and the score columns."),
    )
    caption = _("Versions of %(name)s, %(shown)s") % {
        "name": name,
        "shown": shown_words(span, words, is_narrowed=listing.is_narrowed),
    }
    return TableView(
        target=FRAGMENT,
        path=path,
        listing=listing,
        span=span,
        words=words,
        heads=_heads(table.columns, listing, path),
        rows=[_line(row, writer) for row in table.rows],
        caption=f"{caption}. {reading}",
        menus=[status_menu(_("Status"), _statuses(table, listing), listing, path)],
        columns=column_choices(shown, hidden, listing, path),
        columns_note=_("Columns appear with the first scores."),
        example=_example(known),
        hints=_hints(known),
        fields=[quoted(field) for field in filter_fields(known)],
        compare=Compare(f"{path}/compare", "v"),
        csv_path=f"{path}/table.csv",
        problem=problem,
        reading=reading,
        number_columns=len(table.columns),
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


def _example(known: Sequence[Column]) -> str:
    score = f" or {quoted(known[0].slug)} < 0.2" if known else ""
    return f'status = "production"{score}'


def _hints(known: Sequence[Column]) -> list[Hint]:
    slug = quoted(known[0].slug) if known else "version"
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


def _heads(columns: Sequence[Column], listing: Listing, path: str) -> list[Head]:
    """Dates and numbers newest first, scores best first."""
    return [
        Head(_("Compare"), kind="is-check", is_hidden=True),
        Head(_("Model link"), kind="is-key"),
        sort_head(_("Version"), "version", listing, path, descending_first=True),
        Head(_("Status")),
        *(
            sort_head(
                column.title,
                column.slug,
                listing,
                path,
                descending_first=better_of(column) == Better.HIGHER,
                note=column_note(column),
            )
            for column in columns
        ),
        sort_head(_("Logged"), "logged", listing, path, descending_first=True, kind=""),
        Head(_("Action"), kind="is-actions", is_hidden=True),
    ]


def column_note(column: Column) -> str:
    """What a column measures, for its tooltip."""
    if column.golden_set is None:
        return _("%(metric)s at the end of the training run") % {"metric": column.metric.name}
    return _("%(metric)s on %(golden_set)s") % {
        "metric": column.metric.name,
        "golden_set": column.golden_set.name,
    }


def _line(row: Row, writer: _Writer) -> SafeString:
    """One version as a row of the table."""
    table, words = writer.table, writer.words
    base = table.baseline
    is_held = base is not None and row.id == base.id
    url = f"{writer.path}/versions/{row.number}"
    labels = pills_of(row.labels, writer.labels, is_latest=row.number == table.latest)
    scores = [
        show_score(
            column,
            row.cells.get(column.pk),
            base=base.cells.get(column.pk) if base is not None and not is_held else None,
            reference=writer.reference,
            best=table.best.get(column.pk),
            style=writer.styles[column.pk],
        )
        for column in table.columns
    ]
    digest = short_digest(row.digest)
    cells = [
        check_cell("v", row.number, words.compare % {"number": row.number}),
        key_cell(url, writer.name, digest=digest, title=row.note),
        number_cell(words.version, row.number),
        pills_cell(words.status, labels),
        *map(score_cell, scores),
        who_cell(words.logged, row.by, ago(row.linked_at, writer.now), exact(row.linked_at)),
        action_cell(*_action(row, url, writer, is_held=is_held)),
    ]
    return html_row(cells, classes="is-held" if is_held else "")


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


def _statuses(table: StatusTable, listing: Listing) -> list[tuple[str, str, str]]:
    """The vocabulary, and what is held or asked for outside it: value, words, hue."""
    labels = {label.name_key: (label.name, str(label.colour)) for label in table.labels}
    for name in [*(held.label for held in table.holdings), *listing.query.status]:
        labels.setdefault(name_key(name), (name, "slate"))
    return [(name, name, hue) for name, hue in labels.values()]
