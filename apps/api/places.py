"""Cursors into the history of a series, which is not a table that core.paging could page."""

import base64
import binascii
import hashlib
import math

from apps.core.errors import Invalid
from apps.core.jsontext import canonical, integer, number, parse
from apps.core.limits import MAX_CURSOR_LENGTH
from apps.series.queries import Cursor

_STALE = "This cursor is damaged or belongs to another list; start again without it."


def write_place(place: Cursor, scope: str) -> str:
    raw = canonical([_mark(scope), place.step, place.at, place.skip])
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def read_place(text: str, scope: str) -> Cursor | None:
    """The place that a cursor names; None for no cursor. Raises Invalid for any other text."""
    if not text:
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        mark, step, at, skip = parse(raw, max_bytes=MAX_CURSOR_LENGTH, max_depth=1)
        place = Cursor(integer(step, "step"), number(at, "at"), integer(skip, "skip", 0))
        if mark == _mark(scope) and math.isfinite(place.at):
            return place
    except (Invalid, binascii.Error, TypeError, ValueError):
        pass
    raise Invalid(_STALE, field="cursor")


def _mark(scope: str) -> str:
    return hashlib.sha256(scope.encode()).hexdigest()[:12]
