"""What a stored file holds, as far as a page may show it.

Nothing in a file is ever active here: text is escaped, SVG and HTML are text like any other, and a
picture is sent only when its first bytes say that it is a raster image. At most the first 256 kB
are read; a picture up to 8 MB, which is also what is verified whole before it is handed out.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpResponse
from django.utils.translation import gettext as _

from apps.content.delivery import INERT
from apps.content.queries import VERIFIED_FIRST_BYTES, open_blob
from apps.core import jsontext
from apps.core.errors import Conflict, Invalid, Unsupported
from apps.core.numbers import format_bytes
from apps.core.text import truncate
from apps.web.stored import Stored, reference_of

MAX_TEXT_BYTES = 256 * 1024
# What indenting may make of that: deep JSON would grow to thirty times its size.
MAX_INDENTED = 4 * MAX_TEXT_BYTES
MAX_PATCH_LINES, MAX_LINE = 4_000, 500
MAX_IMAGE_BYTES = VERIFIED_FIRST_BYTES

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


@dataclass(frozen=True, slots=True)
class PatchLine:
    """A line of a difference; `kind` is added, removed, place or, for any other, empty."""

    kind: str
    text: str


@dataclass(frozen=True)
class Preview:
    """What to show of a file: a picture, text or a difference; else `note` says why nothing is.

    `note` also says what was left out. `hidden` is how many unseen characters are spelled out.
    """

    kind: str
    text: str = ""
    lines: Sequence["PatchLine"] = ()
    note: str = ""
    hidden: int = 0


def preview_of(file: Stored) -> Preview:
    """Raises ContentDamaged."""
    if file.blob_id is None:
        return Preview("reference", text=reference_of(file))
    if image_type(file):
        return Preview("image")
    head = _read(file, MAX_TEXT_BYTES)
    is_whole = file.size_bytes <= len(head)
    text = _decoded(head, is_whole=is_whole)
    if text is None:
        return Preview("none", note=_("Binary data, which has no preview. Download it to use it."))
    left_out = "" if is_whole else _left_out(file)
    if is_whole and file.path.lower().endswith(".json"):
        return _json(text)
    if file.path.lower().endswith((".patch", ".diff")):
        return _patch(text, left_out)
    return _plain(text, left_out)


def text_of(file: Stored) -> str | None:
    """The whole text of a small file; None for any other."""
    if file.blob_id is None or file.size_bytes > MAX_TEXT_BYTES:
        return None
    return _decoded(_read(file, MAX_TEXT_BYTES), is_whole=True)


def image_type(file: Stored) -> str:
    """The media type of a picture that may be shown; empty for anything else."""
    if file.blob_id is None or not 0 < file.size_bytes <= MAX_IMAGE_BYTES:
        return ""
    head = _read(file, _IMAGE_HEAD)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return next((type for start, type in _IMAGES if head.startswith(start)), "")


def send_image(file: Stored) -> HttpResponse:
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


def _read(file: Stored, limit: int) -> bytes:
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


def _left_out(file: Stored) -> str:
    return _("The first %(shown)s of %(size)s.") % {
        "shown": format_bytes(MAX_TEXT_BYTES),
        "size": format_bytes(file.size_bytes),
    }


def _plain(text: str, note: str) -> Preview:
    shown, hidden = visible(text.removeprefix("\ufeff"))
    return Preview("text" if text else "empty", text=shown, note=note, hidden=hidden)


def _patch(text: str, note: str) -> Preview:
    """A difference line by line, as far as a page can hold it."""
    shown, hidden = visible(text)
    lines = shown.splitlines()
    if len(lines) > MAX_PATCH_LINES:
        note = _("The first %(count)d lines.") % {"count": MAX_PATCH_LINES}
    found = [
        PatchLine(_patch_kind(line), truncate(line, MAX_LINE)) for line in lines[:MAX_PATCH_LINES]
    ]
    return Preview("diff" if found else "empty", lines=found, note=note, hidden=hidden)


def _patch_kind(line: str) -> str:
    if line.startswith(("diff ", "index ", "--- ", "+++ ", "@@")):
        return "place"
    return {"+": "added", "-": "removed"}.get(line[:1], "")


def _json(text: str) -> Preview:
    """Indented. What is broken is shown as it stands."""
    try:
        value = jsontext.parse(text, allow_nonfinite=True)
    except Invalid as error:
        return _plain(text, error.message)
    indented = json.dumps(value, indent=2, ensure_ascii=False)
    if len(indented) > MAX_INDENTED:
        return _plain(text, _("Shown as it stands: indented, it would be too long."))
    return _plain(indented, "")
