"""What filters of registered models, versions and logged models ask about, as conditions.

Times are compared in the milliseconds that the client sees. A tag, a param or a metric is a row
beside the thing: `!=` finds what has none of that name too for tags, and only what has one for
params and metrics, as in mlflow.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.core.filtering import And, Comparison, Field, Op, Tree, column, to_q

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OPPOSITES: dict[Op, Op] = {"!=": "=", "not like": "like", "not ilike": "ilike", "not in": "in"}

# For an entity such as "tag": the field that a key of it is.
Fields = Mapping[str, Callable[[str], Field]]


def condition(tree: Tree | None, attributes: Mapping[str, Field], entities: Fields) -> Q:
    """A filter as a condition on rows."""
    fields = {f"attribute.{name}": field for name, field in attributes.items()}
    for name in _names(tree):
        entity, _, key = name.partition(".")
        if entity in entities:
            fields[name] = entities[entity](key)
    return to_q(tree, fields)


def millis_field(path: str) -> Field:
    """A time, compared as whole milliseconds."""

    def q(op: Op, value: object) -> Q:
        at = float(value)  # type: ignore[arg-type]  # the kind says that it is a number
        first, last = _moment(math.ceil(at)), _moment(math.floor(at))
        after = last + timedelta(milliseconds=1) if last < _LATEST else last
        match op:
            case "<":
                return Q(**{f"{path}__lt": first})
            case ">=":
                return Q(**{f"{path}__gte": first})
            case "<=":
                return Q(**{f"{path}__lt": after})
            case ">":
                return Q(**{f"{path}__gte": after})
        same = Q(**{f"{path}__gte": first, f"{path}__lt": after})
        return same if op == "=" else ~same

    return Field("number", q)


def tag_field(rows: QuerySet[Any]) -> Callable[[str], Field]:
    """Tags in rows that name their owner by `OuterRef`; what has no such tag is different from
    every value."""

    def of(key: str) -> Field:
        def q(op: Op, value: object) -> Q:
            opposite = _OPPOSITES.get(op)
            found = Q(
                Exists(rows.filter(column("value", "text").q(opposite or op, value), name=key))
            )
            return ~found if opposite else found

        return Field("text", q)

    return of


def row_field(rows: QuerySet[Any], kind: Any) -> Callable[[str], Field]:
    """Params or metrics in rows that name their owner by `OuterRef`."""

    def of(key: str) -> Field:
        def q(op: Op, value: object) -> Q:
            return Q(Exists(rows.filter(column("value", kind).q(op, value), key=key)))

        return Field(kind, q)

    return of


def owned_by(owner: str, rows: QuerySet[Any]) -> QuerySet[Any]:
    """Rows beside the thing that is asked about."""
    return rows.filter(**{owner: OuterRef("pk")})


def _names(tree: Tree | None) -> Iterator[str]:
    match tree:
        case And(parts):
            for part in parts:
                yield from _names(part)
        case Comparison(name):
            yield name


_LATEST = datetime(9999, 12, 31, tzinfo=UTC)


def _moment(millis: int) -> datetime:
    """A moment by its milliseconds, or the nearest one that there is."""
    try:
        return min(_EPOCH + timedelta(milliseconds=millis), _LATEST)
    except OverflowError:
        return _LATEST if millis > 0 else datetime(1, 1, 2, tzinfo=UTC)
