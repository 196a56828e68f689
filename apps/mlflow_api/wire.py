"""Parameters as the mlflow client writes them, and answers as it reads them.

The client writes JSON as protocol buffers do: 64-bit numbers may be strings, numbers that JSON does
not know are the strings "NaN", "Infinity" and "-Infinity", an enum is its name. Fields that nobody
knows are ignored. In a GET the same fields stand in the query: a list as a repeated name.

A parameter is read by saying what it is: `params.text("run_id")`. What is absent is what the
protocol takes for it (no text, no list), and a refusal where it is `required`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, QueryDict, UnreadablePostError

from apps.core.errors import TooLarge
from apps.core.jsontext import dump, parse
from apps.core.limits import MAX_INTEGER, MIN_INTEGER
from apps.mlflow_api.errors import MlflowError, invalid, invalid_value, missing_value

JSON: Final = "application/json"
# A data set's profile may have 16 MiB by itself; what is over is refused while it is read.
MAX_BODY_BYTES: Final = 16 * 1024 * 1024

_NONFINITE: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class Params:
    """The parameters of a request, or of a message inside one (`place` says of which)."""

    def __init__(self, values: Mapping[str, Any], place: str = "") -> None:
        self.values = values
        self.place = place

    def has(self, name: str) -> bool:
        return self.values.get(name) is not None

    def name(self, name: str) -> str:
        """What a message calls a parameter: `metrics[3].key`."""
        return f"{self.place}.{name}" if self.place else name

    def text(self, name: str, *, required: bool = False, max_length: int | None = None) -> str:
        """A text; what is required may not be empty."""
        value = self.values.get(name)
        if value is None or value == "":
            if required:
                raise missing_value(self.name(name))
            return ""
        if not isinstance(value, str):
            raise self._wrong(name, f"it is no text but of type '{_kind(value)}'.")
        if max_length is not None and len(value) > max_length:
            raise invalid(
                f"'{self.name(name)}' exceeds the maximum length of {max_length} characters; "
                f"it has {len(value)}."
            )
        return value

    def optional_text(self, name: str, *, max_length: int | None = None) -> str | None:
        """A text that may be empty; None where it is absent."""
        if self.values.get(name) is None:
            return None
        return self.text(name, max_length=max_length)

    def integer(
        self,
        name: str,
        default: int | None = None,
        *,
        minimum: int = MIN_INTEGER,
        maximum: int = MAX_INTEGER,
    ) -> int:
        """A whole number, as a number or in digits; required where there is no default."""
        value = self.values.get(name)
        if value is None:
            if default is None:
                raise missing_value(self.name(name))
            return default
        found = _whole(value)
        if found is None:
            raise self._wrong(name, "it is no whole number.")
        if not minimum <= found <= maximum:
            raise self._wrong(name, f"it must be between {minimum} and {maximum}.")
        return found

    def number(self, name: str) -> float:
        """A double, as a number, in digits, or as one of the words for what is not finite."""
        value = self.values.get(name)
        if value is None:
            raise missing_value(self.name(name))
        found = double(value)
        if found is None:
            raise self._wrong(name, "it is no number (64-bit floating point).")
        return found

    def boolean(self, name: str, default: bool = False) -> bool:
        value = self.values.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self._wrong(name, "it must be true or false.")
        return value

    def choice(self, name: str, choices: Sequence[str], default: str | None = None) -> str:
        """The name of an enum's value; required where there is no default."""
        value = self.values.get(name)
        if value is None or value == "":
            if default is None:
                raise missing_value(self.name(name))
            return default
        if value not in choices:
            raise self._wrong(name, f"it must be one of {', '.join(choices)}.")
        return str(value)

    def texts(self, name: str, *, most: int = 10_000) -> list[str]:
        """A list of texts."""
        found = self._list(name, most)
        for value in found:
            if not isinstance(value, str):
                raise self._wrong(name, f"it holds a value of type '{_kind(value)}', no text.")
        return found

    def messages(self, name: str, *, most: int = 10_000) -> list["Params"]:
        """A list of messages."""
        found = self._list(name, most)
        return [self._inner(f"{name}[{at}]", value) for at, value in enumerate(found)]

    def message(self, name: str) -> "Params":
        """A message; required."""
        value = self.values.get(name)
        if value is None:
            raise missing_value(self.name(name))
        return self._inner(name, value)

    def _list(self, name: str, most: int) -> list[Any]:
        value = self.values.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._wrong(name, f"it is no list but of type '{_kind(value)}'.")
        if len(value) > most:
            raise invalid(f"'{self.name(name)}' has {len(value)} items; {most} at most.")
        return value

    def _inner(self, name: str, value: Any) -> "Params":
        if not isinstance(value, dict):
            raise self._wrong(name, f"it is no message but of type '{_kind(value)}'.", value)
        return Params(value, self.name(name))

    def _wrong(self, name: str, why: str, value: Any = None) -> MlflowError:
        shown = self.values.get(name) if value is None else value
        return invalid_value(self.name(name), shown, why)


class QueryParams(Params):
    """The parameters in a query: every value a text, and a list the name given repeatedly."""

    def __init__(self, query: QueryDict) -> None:
        if any("\x00" in text for _name, texts in query.lists() for text in texts):
            raise invalid("The query contains a NUL character.")
        super().__init__(query.dict())
        self.query = query

    def boolean(self, name: str, default: bool = False) -> bool:
        value = self.values.get(name)
        if value is None:
            return default
        if value not in ("true", "false"):
            raise self._wrong(name, "it must be true or false.")
        return bool(value == "true")

    def _list(self, name: str, most: int) -> list[Any]:
        found = self.query.getlist(name)
        if len(found) > most:
            raise invalid(f"'{name}' is given {len(found)} times; {most} at most.")
        return list(found)


def read_params(request: HttpRequest, *, max_bytes: int = MAX_BODY_BYTES) -> Params:
    """The parameters of a request: from its query if it is a GET, else from its JSON body.

    An empty body has none. Bare NaN and Infinity are numbers here: mlflow's own server answers 200
    to them and stores 0 at the time 0.
    """
    if request.method in ("GET", "HEAD"):
        return QueryParams(request.GET)
    try:
        body = request.body
    except RequestDataTooBig:
        raise TooLarge("The request body is too large.") from None
    except UnreadablePostError:
        raise invalid("The request body ended before it was complete.") from None
    if not body:
        return Params({})
    if request.content_type != JSON:
        raise invalid(f"Bad Request. Content-Type must be one of ['{JSON}'].")
    if len(body) > max_bytes:
        raise invalid(f"The request must be at most {max_bytes} bytes; it has {len(body)}.")
    value = parse(body, max_bytes=max_bytes, allow_nonfinite=True)
    if not isinstance(value, dict):
        raise invalid("The request body must be a JSON object.")
    return Params(value)


def answer(body: Mapping[str, Any], status: int = 200) -> HttpResponse:
    """A message on the wire: what has no value is left out at the top, numbers stay numbers."""
    return HttpResponse(dump(present(body)), status=status, content_type=JSON)


def present(message: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a message that have a value; None, "" and empty lists are not written."""
    return {name: value for name, value in message.items() if value not in (None, "", [], ())}


def double(value: object) -> float | None:
    """The double that a value is, None if it is none. Booleans count as 1 and 0, as in mlflow."""
    if isinstance(value, float):
        return value
    if isinstance(value, str):
        return _NONFINITE[value] if value in _NONFINITE else _finite(value)
    if isinstance(value, int):
        try:
            return float(value)
        except OverflowError:
            return None
    return None


def _finite(text: str) -> float | None:
    """Digits only: `float` takes underscores, spaces and words besides."""
    if len(text) > 400 or not set(text) <= set("0123456789+-.eE"):
        return None
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _whole(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str) and len(value) <= 20:
        digits = value.removeprefix("-")
        return int(value) if digits.isascii() and digits.isdigit() else None
    return None


def _kind(value: object) -> str:
    return "null" if value is None else type(value).__name__
