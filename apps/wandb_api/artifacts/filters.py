"""The client's Mongo-style filters and orders, on collections, versions and registries.

Every name is looked up in a table of what may be asked for; values are only ever parameters.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import Any, Generic, TypeVar

from django.db.models import Q

from apps.core.errors import Invalid
from apps.core.jsontext import parse
from apps.core.limits import MAX_FILTER_LIST, MAX_FILTER_TERMS
from apps.core.paging import Key
from apps.core.times import parse_time
from apps.wandb_api.regexes import GappedText, gapped_texts

# What a filter comes to: a condition of the database, or a fact about one thing that is at hand.
Found = TypeVar("Found", Q, "Fact")
# Of an operator without its $ and a value.
Condition = Callable[[str, Any], Found]

_ORDERS = {"gt": "gt", "gte": "gte", "lt": "lt", "lte": "lte"}


@dataclass(frozen=True)
class Fact:
    """Whether something is so; joined like conditions of the database."""

    holds: bool

    def __and__(self, other: "Fact") -> "Fact":
        return Fact(self.holds and other.holds)

    def __or__(self, other: "Fact") -> "Fact":
        return Fact(self.holds or other.holds)

    def __invert__(self) -> "Fact":
        return Fact(not self.holds)


def conditions(text: str | None, fields: Mapping[str, Condition[Q]]) -> Q:
    """The filter as a condition of the database. Raises Invalid for names and operators that are
    not known."""
    return _Reader(fields, Q(), Q(pk__in=())).whole(text)


def holds(text: str | None, values: Mapping[str, str | int]) -> bool:
    """Whether the filter is true of a thing with these values. Raises Invalid, as above."""
    fields = {name: _fact_about(value) for name, value in values.items()}
    return _Reader(fields, Fact(holds=True), Fact(holds=False)).whole(text).holds


def text_field(path: str) -> Condition[Q]:
    def compare(operator: str, value: Any) -> Q:
        if operator == "in":
            return Q(**{f"{path}__in": [_text(one) for one in _list(value)]})
        if operator == "eq":
            return Q(**{path: _text(value)})
        if operator == "contains":
            return Q(**{f"{path}__icontains": _text(value)})
        if operator == "regex":
            return reduce(or_, [_pattern_condition(path, one) for one in gapped_texts(value)])
        raise _not_here(operator)

    return compare


def number_field(path: str) -> Condition[Q]:
    def compare(operator: str, value: Any) -> Q:
        if operator == "in":
            return Q(**{f"{path}__in": [_number(one) for one in _list(value)]})
        if operator == "eq":
            return Q(**{path: _number(value)})
        if operator in _ORDERS:
            return Q(**{f"{path}__{_ORDERS[operator]}": _number(value)})
        raise _not_here(operator)

    return compare


def time_field(path: str) -> Condition[Q]:
    def compare(operator: str, value: Any) -> Q:
        if operator not in _ORDERS:
            raise _not_here(operator)
        return Q(**{f"{path}__{_ORDERS[operator]}": parse_time(_text(value))})

    return compare


def order(text: str | None, keys: Mapping[str, Key], default: Sequence[Key]) -> Sequence[Key]:
    """The order that `+name` or `-name` asks for, unique by primary key."""
    name = (text or "").lstrip("+-")
    if not name:
        return default
    key = keys.get(_plain(name))
    if key is None:
        raise Invalid(f"The order {text!r} is not known here.", field="order")
    descending = text is not None and text.startswith("-")
    first = Key(key.name, key.kind, descending=descending)
    return (first,) if key.name == "pk" else (first, Key("pk", "integer", descending=descending))


class _Reader(Generic[Found]):
    """One filter: its terms are counted, and the JSON parser has limited its depth."""

    def __init__(
        self, fields: Mapping[str, Condition[Found]], everything: Found, nothing: Found
    ) -> None:
        self.fields: Mapping[str, Condition[Found]] = fields
        self.everything: Found = everything
        self.nothing: Found = nothing
        self.terms = 0

    def whole(self, text: str | None) -> Found:
        tree = parse(text, max_bytes=100_000) if text else None
        return self.everything if tree is None else self.all_of(tree)

    def all_of(self, tree: Any) -> Found:
        if not isinstance(tree, Mapping):
            raise Invalid("A filter is an object of conditions.", field="filters")
        return self.joined([self.one(name, value) for name, value in tree.items()], and_)

    def joined(self, parts: Sequence[Found], how: Callable[[Found, Found], Found]) -> Found:
        return reduce(how, parts) if parts else self.everything

    def one(self, name: str, value: Any) -> Found:
        self.count(1)
        if name in ("$and", "$or", "$nor"):
            parts = [self.all_of(part) for part in _list(value)]
            if name == "$and":
                return self.joined(parts, and_)
            found = self.joined(parts, or_) if parts else self.nothing
            return ~found if name == "$nor" else found
        if name == "$not":
            return ~self.all_of(value)
        compare = self.fields.get(_plain(name))
        if compare is None:
            raise Invalid(f"There is no filter {name!r} here.", field="filters")
        return self.compared(compare, value)

    def compared(self, compare: Condition[Found], value: Any) -> Found:
        if not isinstance(value, Mapping):
            return compare("eq", value)
        parts = [self.operated(compare, name, operand) for name, operand in value.items()]
        return self.joined(parts, and_)

    def operated(self, compare: Condition[Found], name: str, operand: Any) -> Found:
        operator = name.removeprefix("$")
        if operator == "not":
            return ~self.compared(compare, operand)
        if operator == "ne":
            return ~compare("eq", operand)
        if operator == "nin":
            return ~compare("in", operand)
        if operator == "regex":
            # Each of its alternatives is a condition.
            self.count(len(gapped_texts(operand)) - 1)
        return compare(operator, operand)

    def count(self, terms: int) -> None:
        self.terms += terms
        if self.terms > MAX_FILTER_TERMS:
            raise Invalid(f"No more than {MAX_FILTER_TERMS} conditions.", field="filters")


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _fact_about(value: str | int) -> Condition[Fact]:
    def compare(operator: str, operand: Any) -> Fact:
        if operator == "in":
            return Fact(value in _list(operand))
        if operator == "eq":
            return Fact(value == operand)
        if isinstance(value, str) and operator == "contains":
            return Fact(_text(operand).lower() in value.lower())
        if isinstance(value, str) and operator == "regex":
            return Fact(any(one.fits(value) for one in gapped_texts(operand)))
        raise _not_here(operator)

    return compare


def _pattern_condition(path: str, pattern: GappedText) -> Q:
    found = Q(**{f"{path}__like": pattern.like})
    for text in pattern.exact:
        found &= Q(**{f"{path}__contains": text})
    return found


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > MAX_FILTER_LIST:
        raise Invalid(f"A list of at most {MAX_FILTER_LIST} is needed.", field="filters")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Invalid("Text is needed to compare with.", field="filters")
    return value


def _number(value: Any) -> int:
    if isinstance(value, str) and value.removeprefix("v").isascii():
        value = int(value.removeprefix("v")) if value.removeprefix("v").isdigit() else None
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**63:
        raise Invalid("A whole number is needed to compare with.", field="filters")
    return value


def _not_here(operator: str) -> Invalid:
    return Invalid(f"The operator ${operator} is not known for this name.", field="filters")
