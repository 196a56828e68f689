"""The client's Mongo-style filters, read into the condition tree of core.filtering.

    {"$and": [{"config.lr": {"$gt": 0.1}}, {"tags": {"$in": ["a", "b"]}}, {"state": "finished"}]}

What a name means is for the fields to say that the tree is turned into a query with. Patterns
(`$regex`) are taken as far as a few texts with gaps say the same (`regexes.py`).
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from apps.core.errors import Invalid
from apps.core.filtering import And, Comparison, Not, Op, Or, Scalar, Tree
from apps.core.jsontext import parse
from apps.core.limits import MAX_FILTER_LIST, MAX_FILTER_TERMS
from apps.core.text import one_line
from apps.wandb_api.regexes import GappedText, gapped_texts

MAX_BYTES = 100_000

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

    def pattern(self, field: str, value: Any) -> Tree:
        """Any of the texts with gaps that a pattern comes to."""
        found = gapped_texts(value)
        self.count(len(found) - 1)
        return Or(tuple(_fitting(field, one) for one in found))

    def count(self, terms: int) -> None:
        self.terms += terms
        if self.terms > MAX_FILTER_TERMS:
            raise Invalid(f"More than {MAX_FILTER_TERMS} conditions.", field="filters")

    def comparison(self, field: str, op: str, value: Any) -> Tree:
        self.count(1)
        if op == "$not":
            return Not(self.compared(field, value))
        if op == "$exists":
            return Comparison(field, "is not missing" if value else "is missing")
        if op == "$regex":
            return self.pattern(field, value)
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


def _fitting(field: str, text: GappedText) -> Tree:
    exact = [Comparison(field, "~", one) for one in text.exact]
    return And((Comparison(field, "like", text.like), *exact))


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
