"""Regular expressions of the client, taken apart into texts with gaps, which databases read alike.

    ^(lstm|gru)-v[12].+$   is any of   lstm-v1_%   lstm-v2_%   gru-v1_%   gru-v2_%

No pattern of a client runs here or in the database: one could be made to take for ever, and Python
and PostgreSQL read many differently. What a few patterns of LIKE say as well is spelled out
instead; everything else is refused with words.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from apps.core.errors import Invalid

MAX_PATTERN = 200
MAX_ALTERNATIVES = 64
_DIGITS = "0123456789"
_SPECIAL = frozenset("\\.^$*+?()[]{}|")
# A gap of any length, a gap of one character, something escaped, or a character.
_PIECE = re.compile(r"(\.\*)|(\.)|\\(.)|([^.\\])", re.DOTALL)


@dataclass(frozen=True)
class GappedText:
    """A pattern as LIKE has it, without escapes; `exact` are texts that must be in there beside
    that, because a % or _ of theirs would stand for others as well."""

    like: str
    exact: Sequence[str]

    def fits(self, text: str) -> bool:
        """Whether the whole text does, in as many steps as both lengths multiplied at most: only
        the last gap is ever made longer."""
        at = place = 0
        gap, behind = -1, 0
        while place < len(text):
            if at < len(self.like) and self.like[at] == "%":
                gap, behind = at, place
                at += 1
            elif at < len(self.like) and self.like[at] in ("_", text[place]):
                at, place = at + 1, place + 1
            elif gap >= 0:
                behind += 1
                at, place = gap + 1, behind
            else:
                return False
        return not self.like[at:].strip("%") and all(one in text for one in self.exact)


def gapped_texts(pattern: object) -> Sequence[GappedText]:
    """Texts of which one at least fits wherever the pattern does, and nowhere else. Raises
    Invalid."""
    if not isinstance(pattern, str) or len(pattern) > MAX_PATTERN:
        raise Invalid(f"A pattern is text of {MAX_PATTERN} characters at most.", field="filters")
    reader = _Reader(pattern)
    found = reader.alternation()
    if reader.place < len(pattern):
        raise _refused()
    return [_gapped(one) for one in found]


def _gapped(pattern: str) -> GappedText:
    """Of one with plain or escaped characters, `.` and `.*`, and `^` and `$` at its ends."""
    starts = pattern.startswith("^")
    ends = pattern.endswith("$") and not pattern.endswith("\\$")
    like, texts = "", [""]
    for any_length, one, escaped, plain in _PIECE.findall(pattern[starts : len(pattern) - ends]):
        if plain in ("^", "$"):
            raise _refused()
        like += "%" if any_length else "_" if one else escaped + plain
        if any_length or one:
            texts.append("")
        else:
            texts[-1] += escaped + plain
    like = ("" if starts else "%") + like + ("" if ends else "%")
    return GappedText(like, [text for text in texts if "_" in text or "%" in text])


class _Reader:
    """Reads a pattern from `place` on into patterns of plain or escaped characters, `.` and `.*`,
    with `^` and `$` where they stood. A group calls `alternation` again, 100 deep at most:
    each has two characters."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.place = 0

    def alternation(self) -> list[str]:
        found = self.sequence()
        while self.take("|"):
            found = _bounded([*found, *self.sequence()])
        return found

    def sequence(self) -> list[str]:
        found = [""]
        while self.place < len(self.pattern) and self.pattern[self.place] not in "|)":
            item = self.item()
            if len(found) * len(item) > MAX_ALTERNATIVES:
                raise _refused()
            found = [head + tail for head in found for tail in item]
        return found

    def item(self) -> list[str]:
        if self.take("."):
            return self.gap()
        found = self.atom()
        if self.take("?"):
            # Whether it is there or rather not comes to the same.
            self.take("?")
            return _bounded([*found, ""])
        return found

    def gap(self) -> list[str]:
        for sign, meant in (("*", [".*"]), ("+", ["..*"]), ("?", [".", ""])):
            if self.take(sign):
                self.take("?")
                return meant
        return ["."]

    def atom(self) -> list[str]:
        if self.take("("):
            if self.take("?") and not self.take(":"):
                raise _refused()
            found = self.alternation()
            if not self.take(")"):
                raise _refused()
            return found
        if self.take("["):
            return [_literal(one) for one in self.members()]
        if self.take("\\"):
            return self.escaped()
        for sign in "^$":
            if self.take(sign):
                return [sign]
        return [_literal(self.next())]

    def escaped(self) -> list[str]:
        character = self.next(special=True)
        if character == "d":
            return list(_DIGITS)
        if re.match(r"\w", character):
            raise _refused()
        return [_literal(character)]

    def members(self) -> list[str]:
        """The characters of a class: single ones and ranges, none that mean more in there."""
        found: list[str] = []
        while not self.take("]"):
            first = self.next()
            last = self.next() if self.take("-") else first
            if "-" in (first, last) or ord(last) < ord(first):
                raise _refused()
            if ord(last) - ord(first) >= MAX_ALTERNATIVES:
                raise _refused()
            found += map(chr, range(ord(first), ord(last) + 1))
        if not found:
            raise _refused()
        return _bounded(found)

    def next(self, *, special: bool = False) -> str:
        if self.place >= len(self.pattern):
            raise _refused()
        character = self.pattern[self.place]
        if character in _SPECIAL and not special:
            raise _refused()
        self.place += 1
        return character

    def take(self, sign: str) -> bool:
        if not self.pattern.startswith(sign, self.place):
            return False
        self.place += 1
        return True


def _bounded(found: list[str]) -> list[str]:
    if len(found) > MAX_ALTERNATIVES:
        raise _refused()
    return found


def _literal(character: str) -> str:
    return f"\\{character}" if character in _SPECIAL else character


def _refused() -> Invalid:
    return Invalid(
        "Patterns here may hold text, . .* .+ , groups with | , classes like [a-c] or \\d , "
        "? behind one of these, ^ at the start and $ at the end, and come to "
        f"{MAX_ALTERNATIVES} alternatives at most.",
        field="filters",
    )
