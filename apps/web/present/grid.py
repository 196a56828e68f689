"""A stored table in words: one page of its rows in the order asked for, with pictures in cells.

?sort=2     by the second column, ?sort=-2 the other way round; absent: as it was logged
?page=3     which rows
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpRequest
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.core.errors import Invalid
from apps.core.numbers import format_count, format_value
from apps.core.text import truncate
from apps.web.grid_file import Cell, Grid, is_missing, number_of, sorted_rows
from apps.web.preview import visible
from apps.web.references import Meant, files_meant
from apps.web.stored import Shelf, reference_of
from apps.web.views.account import person

PAGE_SIZE = 50
MAX_COLUMNS = 60
MAX_PICTURES = 2_000
# What a cell shows at once, and when it is opened.
SHORT, LONG = 120, 5_000
MAX_NAME = 120
MAX_PATH = 1024
# Whole numbers of more digits are shown by their size.
MAX_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Head:
    """A column; `url` sorts by it, and the other way when it is sorted so already."""

    name: str
    url: str
    is_number: bool
    order: str


@dataclass(frozen=True, slots=True)
class ShownGrid:
    """What templates/files/grid.html shows. `body` is the rows as markup."""

    heads: Sequence[Head]
    body: SafeString
    text: str
    previous_url: str
    next_url: str
    as_logged_url: str
    note: str


@dataclass(frozen=True, slots=True)
class _Asked:
    path: str
    sort: int
    page: int

    def url(self, *, sort: int, page: int = 1) -> str:
        pairs = [("sort", sort)] * bool(sort) + [("page", page)] * (page > 1)
        return f"{self.path}?{urlencode(pairs)}" if pairs else self.path


def show_grid(request: HttpRequest, grid: Grid, shelf: Shelf) -> ShownGrid:
    """One query where cells name files, two where some are in other artifacts.

    Raises Invalid for an order that makes no sense.
    """
    width = min(max(len(grid.columns), 1), MAX_COLUMNS)
    asked = _asked(request, width)
    rows = (
        sorted_rows(grid, abs(asked.sort) - 1, descending=asked.sort < 0)
        if asked.sort
        else list(enumerate(grid.rows, 1))
    )
    pages = max(-(-len(rows) // PAGE_SIZE), 1)
    page = min(asked.page, pages)
    first = (page - 1) * PAGE_SIZE
    shown = rows[first : first + PAGE_SIZE]
    numeric = [_is_numeric(column, [row for _number, row in shown]) for column in range(width)]
    files = _Files(shelf, (cell for _number, row in shown for cell in row[:width]), person(request))
    return ShownGrid(
        heads=[
            _head(place, grid.columns[place - 1], asked, is_number=numeric[place - 1])
            for place in range(1, width + 1)
        ],
        body=SafeString("".join(_row(number, row, numeric, files) for number, row in shown)),
        text=_span(first, len(shown), len(rows)),
        previous_url=asked.url(sort=asked.sort, page=page - 1) if page > 1 else "",
        next_url=asked.url(sort=asked.sort, page=page + 1) if page < pages else "",
        as_logged_url=asked.url(sort=0) if asked.sort else "",
        note=" ".join(filter(None, [grid.note, _cut_columns(len(grid.columns))])),
    )


def _asked(request: HttpRequest, width: int) -> _Asked:
    sort = _whole(request.GET.get("sort", ""), "sort")
    if abs(sort) > width:
        raise Invalid(_("The table has no such column."), field="sort")
    return _Asked(request.path, sort, max(_whole(request.GET.get("page", ""), "page"), 1))


def _whole(text: str, field: str) -> int:
    digits = text.removeprefix("-")
    if not text:
        return 0
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise Invalid(_("%(field)s must be a number.") % {"field": field}, field=field)
    return int(text)


def _head(place: int, name: str, asked: _Asked, *, is_number: bool) -> Head:
    order = {place: "ascending", -place: "descending"}.get(asked.sort, "")
    return Head(
        name=truncate(visible(name)[0], MAX_NAME) or _("(no name)"),
        url=asked.url(sort=-place if asked.sort == place else place),
        is_number=is_number,
        order=order,
    )


def _span(first: int, shown: int, total: int) -> str:
    if not total:
        return ""
    words = {"first": format_count(first + 1), "last": format_count(first + shown)}
    return _("Rows %(first)s–%(last)s of %(total)s") % {**words, "total": format_count(total)}


def _cut_columns(count: int) -> str:
    if count <= MAX_COLUMNS:
        return ""
    words = {"shown": MAX_COLUMNS, "count": format_count(count)}
    return _("The first %(shown)s of %(count)s columns; download the file for all.") % words


def _is_numeric(column: int, rows: Sequence[Sequence[Cell]]) -> bool:
    cells = [row[column] for row in rows if column < len(row) and not is_missing(row[column])]
    return bool(cells) and all(number_of(cell) is not None for cell in cells)


# --- cells --------------------------------------------------------------------------------------


class _Files:
    """Where the files are that cells name, by path: here, or in another artifact."""

    def __init__(self, shelf: Shelf, cells: Iterable[Cell], user: User | None) -> None:
        wanted = sorted({path for cell in cells for path in _paths(cell)})[:MAX_PICTURES]
        found = list(shelf.files.filter(path__in=wanted)) if wanted else []
        meant = files_meant(filter(None, map(reference_of, found)), user)
        self._at = {
            file.path: Meant(file.path, shelf.view_url(file.path), shelf.image_url(file.path))
            if file.blob_id
            else meant.get(reference_of(file))
            for file in found
        }

    def first(self, paths: Sequence[str]) -> Meant | None:
        return next((at for path in paths if (at := self._at.get(path))), None)


def _paths(value: Cell) -> list[str]:
    """The files that a cell names, the best to show first: W&B's `path`, MLflow's `filepath`."""
    if not isinstance(value, Mapping):
        return []
    named = [value.get(key) for key in ("compressed_filepath", "path", "filepath")]
    return [one for one in named if isinstance(one, str) and 0 < len(one) <= MAX_PATH]


def _row(number: int, row: Sequence[Cell], numeric: Sequence[bool], files: _Files) -> str:
    cells = "".join(
        _cell(row[place] if place < len(row) else None, is_number, files)
        for place, is_number in enumerate(numeric)
    )
    return f'<tr><th scope="row" class="row-number">{number}</th>{cells}</tr>'


def _cell(value: Cell, is_number: bool, files: _Files) -> str:
    if is_missing(value):
        shown = "NaN" if isinstance(value, float) else "–"
        return f'<td class="is-missing{" is-number" * is_number}">{shown}</td>'
    if is_number:
        return f'<td class="is-number">{_number(value)}</td>'
    return f"<td>{_shown(value, files)}</td>"


def _number(value: Cell) -> str:
    """As everywhere else, with all digits beside it; CSV as it is written."""
    if isinstance(value, str):
        return escape(truncate(value.strip(), 40))
    if isinstance(value, int):
        text = str(value) if abs(value) < 10**MAX_DIGITS else f"≈1e{len(str(abs(value))) - 1}"
        return escape(text)
    assert isinstance(value, float)  # noqa: S101 (number_of has said so)
    return format_html('<span title="{}">{}</span>', repr(value), format_value(value))


def _shown(value: Cell, files: _Files) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, Mapping) and (at := files.first(_paths(value))):
        return _file(value, at)
    return _nested(value)


def _file(value: Mapping[str, Cell], at: Meant) -> str:
    """A picture small, anything else as a link to its page; never the thing itself."""
    caption = value.get("caption")
    words = caption if isinstance(caption, str) and caption else at.name.rpartition("/")[2]
    name = visible(truncate(words, SHORT))[0]
    if is_picture(value):
        return format_html(
            '<a class="thumb" href="{}"><img src="{}" alt="{}" loading="lazy"></a>',
            at.url,
            at.image_url,
            name,
        )
    return format_html('<a href="{}"><bdi>{}</bdi></a>', at.url, name)


def is_picture(value: Mapping[str, Cell]) -> bool:
    """Whether a logged value says that it is a picture; what is sent for it says its bytes."""
    return value.get("_type") == "image-file" or value.get("type") == "image"


def _text(text: str) -> str:
    text = truncate(text, LONG)
    if len(text) <= SHORT and "\n" not in text:
        return format_html("<bdi>{}</bdi>", visible(text)[0])
    return _long(text.partition("\n")[0], text, "")


def _nested(value: Cell) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    if len(text) <= SHORT:
        return format_html("<code>{}</code>", visible(text)[0])
    return _long(text, json.dumps(value, indent=1, ensure_ascii=False, default=str), "mono")


def _long(start: str, whole: str, classes: str) -> SafeString:
    return format_html(
        '<details class="long {}"><summary><bdi>{}</bdi></summary><div class="whole"><bdi>{}</bdi>'
        "</div></details>",
        classes,
        visible(truncate(start, SHORT - 1).removesuffix("…") + "…")[0],
        visible(truncate(whole, LONG))[0],
    )
