"""What a stored file holds, as far as a page may show it.

Nothing in a file is ever active here: text is escaped, SVG and HTML are text like any other, and a
picture is sent only when its first bytes say that it is a raster image. At most the first 256 kB
are read; a picture up to 8 MB, which is also what is verified whole before it is handed out.
"""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.http import HttpResponse
from django.utils.translation import gettext as _

from apps.artifacts.models import ArtifactFile
from apps.content.delivery import INERT
from apps.content.queries import VERIFIED_FIRST_BYTES, open_blob
from apps.core import jsontext
from apps.core.errors import Conflict, Invalid, Unsupported
from apps.core.numbers import format_bytes, format_value
from apps.core.text import truncate

MAX_TEXT_BYTES = 256 * 1024
# What indenting may make of that: deep JSON would grow to thirty times its size.
MAX_INDENTED = 4 * MAX_TEXT_BYTES
MAX_IMAGE_BYTES = VERIFIED_FIRST_BYTES
MAX_ROWS, MAX_CELLS, MAX_CELL = 200, 50, 200

# By what the file begins with, never by its name: what a browser is told must be true.
_IMAGES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_IMAGE_HEAD = 16

# Characters that reorder the text around them or cannot be seen, which hide code in plain sight.
_HIDDEN = {
    code: f"⟨U+{code:04X}⟩"
    for code in (0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF)
}


@dataclass(frozen=True)
class Preview:
    """What to show of a file: a picture, a table, or text; else `note` says why there is nothing.

    `note` also says what was left out. `hidden` is how many unseen characters are spelled out.
    """

    kind: str
    text: str = ""
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = field(default_factory=tuple)
    note: str = ""
    hidden: int = 0


def preview_of(file: ArtifactFile) -> Preview:
    """Raises ContentDamaged."""
    if file.blob_id is None:
        return Preview("reference", text=file.reference)
    if image_type(file):
        return Preview("image")
    head = _read(file, MAX_TEXT_BYTES)
    is_whole = file.size_bytes <= len(head)
    text = _decoded(head, is_whole=is_whole)
    if text is None:
        return Preview("none", note=_("Binary data, which has no preview. Download it to use it."))
    left_out = "" if is_whole else _left_out(file)
    path = file.path.lower()
    if is_whole and path.endswith(".json"):
        return _json(text)
    if path.endswith((".csv", ".tsv")):
        return _table(text, is_whole=is_whole, left_out=left_out) or _plain(text, left_out)
    return _plain(text, left_out)


def text_of(file: ArtifactFile) -> str | None:
    """The whole text of a small file; None for any other."""
    if file.blob_id is None or file.size_bytes > MAX_TEXT_BYTES:
        return None
    return _decoded(_read(file, MAX_TEXT_BYTES), is_whole=True)


def image_type(file: ArtifactFile) -> str:
    """The media type of a picture that may be shown; empty for anything else."""
    if file.blob_id is None or not 0 < file.size_bytes <= MAX_IMAGE_BYTES:
        return ""
    head = _read(file, _IMAGE_HEAD)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return next((type for start, type in _IMAGES if head.startswith(start)), "")


def send_image(file: ArtifactFile) -> HttpResponse:
    """The picture for an <img>. Raises Unsupported for what is none, Conflict for a reference."""
    if file.blob_id is None:
        raise Conflict(_("This file is a reference: it is stored elsewhere."))
    media_type = image_type(file)
    if not media_type:
        raise Unsupported(
            _("Only PNG, JPEG, GIF and WebP pictures up to %(size)s are shown.")
            % {"size": format_bytes(MAX_IMAGE_BYTES)}
        )
    response = HttpResponse(b"".join(open_blob(file.blob_id)), content_type=media_type)
    response.headers["Content-Security-Policy"] = INERT
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["ETag"] = f'"{file.blob_id}"'
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def visible(text: str) -> tuple[str, int]:
    """The text with hidden characters spelled out, and how many there were."""
    count = sum(text.count(chr(code)) for code in _HIDDEN)
    return (text.translate(_HIDDEN) if count else text), count


def _read(file: ArtifactFile, limit: int) -> bytes:
    assert file.blob_id is not None  # noqa: S101 (callers have asked)
    return b"".join(open_blob(file.blob_id, length=limit))


def _decoded(head: bytes, *, is_whole: bool) -> str | None:
    """The text, or None for bytes that are none."""
    if b"\0" in head:
        return None
    # A letter may have been cut in two at the end of what was read.
    for cut in (0,) if is_whole else (0, 1, 2, 3):
        try:
            return head[: len(head) - cut].decode()
        except UnicodeDecodeError:
            continue
    return None


def _left_out(file: ArtifactFile) -> str:
    return _("The first %(shown)s of %(size)s.") % {
        "shown": format_bytes(MAX_TEXT_BYTES),
        "size": format_bytes(file.size_bytes),
    }


def _plain(text: str, note: str) -> Preview:
    shown, hidden = visible(text.removeprefix("\ufeff"))
    return Preview("text" if text else "empty", text=shown, note=note, hidden=hidden)


def _json(text: str) -> Preview:
    """Indented; a table where it is one as W&B logs them. What is broken is shown as it stands."""
    try:
        value = jsontext.parse(text, allow_nonfinite=True)
    except Invalid as error:
        return _plain(text, error.message)
    if isinstance(value, dict):
        columns, data = value.get("columns"), value.get("data")
        if isinstance(columns, list) and columns and isinstance(data, list):
            rows = [row if isinstance(row, list) else [row] for row in data[:MAX_ROWS]]
            return _tabled(
                [_cell(name) for name in columns],
                [[_cell(one) for one in row] for row in rows],
                more=len(data) > MAX_ROWS,
                note="",
            )
    indented = json.dumps(value, indent=2, ensure_ascii=False)
    if len(indented) > MAX_INDENTED:
        return _plain(text, _("Shown as it stands: indented, it would be too long."))
    return _plain(indented, "")


def _cell(value: object) -> str:
    if isinstance(value, float):
        return format_value(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _table(text: str, *, is_whole: bool, left_out: str) -> Preview | None:
    """Comma, semicolon or tab, whichever the first line has most of."""
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    if not is_whole:
        text = text.rpartition("\n")[0]
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=delimiter):
            if row:
                rows.append(row)
            if len(rows) > MAX_ROWS + 1:
                break
    except csv.Error:
        return None
    if not rows:
        return None
    return _tabled(rows[0], rows[1:], more=len(rows) > MAX_ROWS + 1, note=left_out)


def _tabled(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, more: bool, note: str
) -> Preview:
    width = min(max(len(head), *(len(row) for row in rows), 1), MAX_CELLS)
    cut = more or any(len(row) > MAX_CELLS for row in [head, *rows])
    if cut:
        note = _("The first %(rows)d rows and %(columns)d columns at most.") % {
            "rows": MAX_ROWS,
            "columns": MAX_CELLS,
        }
    return Preview(
        "table",
        head=_cells(head, width),
        rows=[_cells(row, width) for row in rows[:MAX_ROWS]],
        note=note,
    )


def _cells(row: Sequence[str], width: int) -> list[str]:
    """As many cells as the table is wide, each short enough to be read."""
    cells = [truncate(visible(cell)[0], MAX_CELL) for cell in row[:width]]
    return cells + [""] * (width - len(cells))
