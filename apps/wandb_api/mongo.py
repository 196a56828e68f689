"""The client's Mongo-style filters, read into the condition tree of core.filtering.

    {"$and": [{"config.lr": {"$gt": 0.1}}, {"tags": {"$in": ["a", "b"]}}, {"state": "finished"}]}

What a name means is for the fields to say that the tree is turned into a query with. Patterns
(`$regex`) are taken as far as they are text with gaps: no pattern of a user runs here or in the
database.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from apps.core.errors import Invalid
from apps.core.filtering import And, Comparison, Not, Op, Or, Scalar, Tree
from apps.core.jsontext import parse
from apps.core.limits import MAX_FILTER_LIST, MAX_FILTER_TERMS
from apps.core.text import one_line

MAX_BYTES = 100_000
MAX_PATTERN = 200

_COMPARED: Final[dict[str, Op]] = {
    "$eq": "=",
    "$ne": "!=",
    "$gt": ">",
    "$gte": ">=",
    "$lt": "<",
    "$lte": "<=",
    "$in": "in",
    "$nin": "not in",
}
# Letters, and characters that mean themselves in a pattern; behind a backslash any does.
_PLAIN = re.compile(r"(?:[^\\.^$*+?()\[\]{}|]|\\\W|\.\*\??|\.(?![*+?{]))*")
# A gap of any length, a gap of one character, or something escaped.
_PIECE = re.compile(r"(\.\*\??|\.)|\\(.)")


def read(text: str | None, name_of: Callable[[str], str]) -> Tree | None:
    """The filter as a tree, None when there is none; `name_of` leads from the client's names to
    those of the fields. Raises Invalid."""
    value = parse(text, max_bytes=MAX_BYTES) if text and text.strip() else None
    if not value:
        return None
    return _Reader(name_of).whole(value)


class _Reader:
    """One filter. `parse` has limited its depth; here its terms are counted."""

    def __init__(self, name_of: Callable[[str], str]) -> None:
        self.name_of = name_of
        self.terms = 0

    def whole(self, value: Any) -> Tree:
        if not isinstance(value, Mapping):
            raise Invalid("A filter is an object of conditions.", field="filters")
        return And(tuple(self.one(name, inner) for name, inner in value.items()))

    def one(self, name: str, value: Any) -> Tree:
        if name in ("$and", "$or", "$nor"):
            parts = tuple(self.whole(part) for part in _list(value))
            if name == "$and":
                return And(parts)
            return Or(parts) if name == "$or" else Not(Or(parts))
        if name == "$not":
            return Not(self.whole(value))
        if name.startswith("$"):
            raise Invalid(f"The operator {_shown(name)} is not known.", field="filters")
        return self.compared(self.name_of(name), value)

    def compared(self, field: str, value: Any) -> Tree:
        if not isinstance(value, Mapping):
            return self.comparison(field, "$eq", value)
        return And(tuple(self.comparison(field, op, inner) for op, inner in value.items()))

    def comparison(self, field: str, op: str, value: Any) -> Tree:
        self.terms += 1
        if self.terms > MAX_FILTER_TERMS:
            raise Invalid(f"More than {MAX_FILTER_TERMS} conditions.", field="filters")
        if op == "$not":
            return Not(self.compared(field, value))
        if op == "$exists":
            return Comparison(field, "is not missing" if value else "is missing")
        if op == "$regex":
            return _pattern(field, value)
        if op == "$contains":
            return Comparison(field, "~", _scalar(value))
        if op not in _COMPARED:
            raise Invalid(f"The operator {_shown(op)} is not known.", field="filters")
        if op in ("$in", "$nin"):
            return _among(field, _COMPARED[op], _list(value))
        if value is None:
            return Comparison(field, "is not missing" if op == "$ne" else "is missing")
        return Comparison(field, _COMPARED[op], _scalar(value))


def _among(field: str, op: Op, values: list[Any]) -> Tree:
    """One of several values; null among them stands for none at all."""
    found = Comparison(field, op, tuple(_scalar(one) for one in values if one is not None))
    if None not in values:
        return found
    if op == "in":
        return Or((found, Comparison(field, "is missing")))
    return And((found, Comparison(field, "is not missing")))


def _pattern(field: str, pattern: Any) -> Tree:
    """Text with gaps: `^`, `$`, `.*`, `.` and plain characters."""
    if not isinstance(pattern, str) or len(pattern) > MAX_PATTERN:
        raise Invalid(f"A pattern is text of {MAX_PATTERN} characters at most.", field="filters")
    starts = pattern.startswith("^")
    ends = pattern.endswith("$") and not pattern.endswith("\\$")
    middle = pattern[starts : len(pattern) - ends]
    if _PLAIN.fullmatch(middle) is None:
        message = "Patterns here may hold text, . and .* , ^ at the start and $ at the end."
        raise Invalid(message, field="filters")
    like, texts = "", [""]
    for plain, gap, escaped in _pieces(middle):
        like += plain + escaped
        texts[-1] += plain + escaped
        if gap:
            like += "_" if gap == "." else "%"
            texts.append("")
    like = ("" if starts else "%") + like + ("" if ends else "%")
    # A % or _ in the text would stand for others as well: so it must be in there itself.
    exact = [Comparison(field, "~", text) for text in texts if "_" in text or "%" in text]
    return And((Comparison(field, "like", like), *exact))


def _pieces(pattern: str) -> Iterator[tuple[str, str, str]]:
    """Plain text, then the gap or the escaped character behind it, until the end."""
    place = 0
    for found in _PIECE.finditer(pattern):
        yield pattern[place : found.start()], found[1] or "", found[2] or ""
        place = found.end()
    yield pattern[place:], "", ""


def _scalar(value: Any) -> Scalar:
    """A value to compare with. Truth is compared as the text that JSON has for it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return value
    raise Invalid("Compare with text, a number, true or false.", field="filters")


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > MAX_FILTER_LIST:
        raise Invalid(f"Give a list of {MAX_FILTER_LIST} at most.", field="filters")
    return value


def _shown(text: str) -> str:
    return one_line(text, 40)
