"""The edits of a model card: who wrote when, and what changed, line by line."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import unified_diff
from itertools import islice

from apps.artifacts.models import ModelCard
from apps.web.present.people import Moment, moment, name_of

# Lines of one edit that are shown; and of a text, beyond which comparing takes too long.
SHOWN_LINES = 200
MAX_LINES = 2_000
_KINDS = {"+": "is-added", "-": "is-removed", "@": "is-place"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a difference; the sign stands in the text too, for those who see no colour."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Edit:
    by: str
    written: Moment | None
    lines: Sequence[Line]
    is_cut: bool
    is_first: bool


def show_edits(cards: Sequence[ModelCard], before: ModelCard | None) -> list[Edit]:
    """Each card of a page against the one before it; `before` is the one that the page ends at."""
    older = [*cards[1:], before]
    return [_edit(card, former) for card, former in zip(cards, older, strict=False)]


def _edit(card: ModelCard, former: ModelCard | None) -> Edit:
    lines, is_cut = _difference(former.text if former else "", card.text)
    return Edit(name_of(card.written_by), moment(card.written_at), lines, is_cut, former is None)


def _difference(before: str, after: str) -> tuple[list[Line], bool]:
    old, new = before.splitlines(), after.splitlines()
    if len(old) + len(new) > MAX_LINES:
        return [], True
    # Without the two lines that would name files.
    changed = islice(unified_diff(old, new, lineterm="", n=2), 2, SHOWN_LINES + 3)
    lines = [Line(_KINDS.get(line[:1], ""), line) for line in changed]
    return lines[:SHOWN_LINES], len(lines) > SHOWN_LINES
