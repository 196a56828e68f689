"""The kinds of values that all shapes are made of, and pages of them."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from apps.core import jsontext, paging
from apps.core.errors import Invalid
from apps.core.limits import (
    MAX_CURSOR_LENGTH,
    MAX_INTEGER,
    MAX_PAGE_SIZE,
    MIN_INTEGER,
    PAGE_SIZE,
)
from apps.core.times import parse_time, to_text

Item = TypeVar("Item")
Row = TypeVar("Row")

MAX_POSITIVE = 2**31 - 1


class In(BaseModel):
    """A request body. What it does not know, it refuses: a misspelt field must not be lost."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Out(BaseModel):
    """An answer."""


class Problem(Out):
    """Why a request was refused (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    field: str | None = None
    errors: list[dict[str, str]] | None = None
    missing: list[str] | None = None


class ListOf(Out, Generic[Item]):
    """Some items of a list. `next` is the cursor of those that follow; null on the last page."""

    items: list[Item]
    next: str | None


def _number(value: Any) -> float:
    try:
        return jsontext.number(value, "this")
    except Invalid as error:
        raise ValueError(error.message) from None


def _whole(value: Any) -> Any:
    """Whole numbers in a query: ASCII digits only, where pydantic would take `1_0` and ` 1.0`."""
    if isinstance(value, str):
        digits = value.removeprefix("-")
        if not (digits.isascii() and digits.isdigit()) or len(value) > 20:
            raise ValueError("must be a whole number")
        return int(value)
    return value


def _moment(value: Any) -> datetime:
    if not isinstance(value, str):
        raise ValueError("must be a time such as 2026-01-31T12:00:00Z")
    try:
        return parse_time(value)
    except Invalid as error:
        raise ValueError(error.message) from None


_NUMBER = {
    "anyOf": [{"type": "number"}, {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]}]
}

# A double; the three values that JSON has no word for are strings, in both directions.
Number = Annotated[float, BeforeValidator(_number), WithJsonSchema(_NUMBER)]
# A time on its way out, and one on its way in.
Moment = Annotated[
    datetime,
    PlainSerializer(to_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Time = Annotated[
    datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})
]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$", title="SHA-256")]

# Parameters that many operations take. WHOLE stands last: the limits are then part of the schema.
WHOLE = BeforeValidator(_whole)
Whole = Annotated[int, Field(ge=0, le=2**53 - 1), WHOLE]
VersionNumber = Annotated[int, Field(ge=0, le=MAX_POSITIVE), WHOLE]
Step = Annotated[int, Field(ge=MIN_INTEGER, le=MAX_INTEGER), WHOLE]
Size = Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE), WHOLE]
CursorText = Annotated[str, Field(max_length=MAX_CURSOR_LENGTH)]
DEFAULT_SIZE = PAGE_SIZE


def listed(
    page: "paging.Page[Row]", shape: Callable[[Row], Any], model: type[Item]
) -> "ListOf[Item]":
    """A page as it is sent."""
    return ListOf[model](items=[shape(row) for row in page.rows], next=page.next)  # type: ignore[valid-type]


def whole_list(items: Iterable[Any], model: type[Item]) -> "ListOf[Item]":
    """A list that is short by nature, all of it."""
    return ListOf[model](items=list(items), next=None)  # type: ignore[valid-type]
