"""The one JSON parser, with limits, and strict JSON on the way out.

Every body, cursor and stored text that came from outside is read here. A caller gets a value that
both databases can store and that cannot be read in two ways, or `Invalid`; never another error.
"""

import json
import math
import re
from typing import Any, Final

from apps.core.errors import Invalid, TooLarge
from apps.core.limits import MAX_INTEGER, MAX_JSON_BYTES, MAX_JSON_DEPTH, MIN_INTEGER

_BRACKETS_AS_ROUND: Final = bytes.maketrans(b"[{]}", b"(())")
_ALL_BUT_MARKS: Final = bytes(set(range(256)) - set(b'[]{}"'))
_DIGITS_AS_ZERO: Final = bytes.maketrans(b"123456789E", b"000000000e")
# A double holds at most 309 digits before the point, and three digits of exponent.
_LONG_NUMBER: Final = b"0" * 300

# NUL, and halves of characters: a pair of them that belongs together is one character by then.
_NOT_STORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_NONFINITE: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def parse(
    data: bytes | str,
    *,
    max_bytes: int = MAX_JSON_BYTES,
    max_depth: int = MAX_JSON_DEPTH,
    allow_nonfinite: bool = False,
    mend_texts: bool = False,
) -> Any:
    """The value in the text, or Invalid (TooLarge when over `max_bytes`).

    Refused besides broken JSON: other encodings than UTF-8, a byte order mark, keys given twice,
    depth over `max_depth`, NUL and lone surrogates in any string, and, unless `allow_nonfinite`,
    the words NaN and Infinity and numbers too large for a double. With `mend_texts` NUL and lone
    surrogates are not refused but become U+FFFD: a program's output is never at fault.
    """
    raw = _utf8(data) if isinstance(data, str) else bytes(data)
    if len(raw) > max_bytes:
        raise TooLarge(f"The JSON is too large; {max_bytes} bytes at most.")
    text = data if isinstance(data, str) else _decoded(raw)
    _check_depth(raw, max_depth)
    # A Python call for each number is slow, so only where one could be too large.
    checks_floats = not allow_nonfinite and _may_overflow(raw)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique_keys,
            parse_constant=None if allow_nonfinite else _refuse_constant,
            parse_float=_finite_float if checks_floats else None,
        )
    except json.JSONDecodeError as error:
        raise Invalid(
            f"Not valid JSON at line {error.lineno}, column {error.colno}: {error.msg}."
        ) from None
    except RecursionError:
        raise _too_deep(max_depth) from None
    except ValueError:
        # An integer of more digits than Python converts.
        raise Invalid("The JSON holds a number with too many digits.") from None
    if b"\\u" in raw:
        if mend_texts:
            return _mended(value)
        _check_strings(value)
    return value


def dump(value: object) -> str:
    """Strict JSON; numbers that JSON cannot hold become "NaN", "Infinity" and "-Infinity"."""
    try:
        return _encode(value, sort_keys=False)
    except ValueError:
        return _encode(_spelled_out(value), sort_keys=False)


def dump_bare(value: object) -> str:
    """JSON but for the bare words NaN and Infinity, as Python's clients write and read it."""
    return json.dumps(value, ensure_ascii=False, check_circular=False, separators=(",", ":"))


def canonical(value: object) -> str:
    """The one text of a value: sorted keys, no spaces; for hashing and comparing."""
    try:
        return _encode(value, sort_keys=True)
    except ValueError:
        return _encode(_spelled_out(value), sort_keys=True)


def number(value: object, field: str) -> float:
    """A number as a double: a JSON number, or one of the strings "NaN" and "[-]Infinity"."""
    if isinstance(value, str) and value in _NONFINITE:
        return _NONFINITE[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Invalid(
            f'{field} must be a number, or "NaN", "Infinity" or "-Infinity".', field=field
        )
    try:
        return float(value)
    except OverflowError:
        raise Invalid(f"{field} is too large a number.", field=field) from None


def integer(
    value: object, field: str, minimum: int = MIN_INTEGER, maximum: int = MAX_INTEGER
) -> int:
    """A whole number within bounds. 3.0 is refused too: whoever sends it may send 3.5 next."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise Invalid(f"{field} must be a whole number.", field=field)
    if not minimum <= value <= maximum:
        raise Invalid(f"{field} must be between {minimum} and {maximum}.", field=field)
    return value


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Invalid("The JSON contains a lone surrogate.") from None


def _decoded(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise Invalid(f"The JSON is not UTF-8 (byte {error.start}).") from None
    if text.startswith("\ufeff"):
        raise Invalid("The JSON begins with a byte order mark; leave it out.")
    return text


def _check_depth(raw: bytes, max_depth: int) -> None:
    """Refuse deep nesting before the recursive parser sees it.

    Reduces the text to its brackets outside strings, then removes innermost pairs once for each
    permitted level. Only C-speed passes over shrinking text.
    """
    if raw.count(b"[") + raw.count(b"{") <= max_depth:
        return
    if b"\\" in raw:
        raw = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    marks = raw.translate(_BRACKETS_AS_ROUND, _ALL_BUT_MARKS).replace(b'""', b"")
    brackets = b"".join(marks.split(b'"')[::2])
    for _ in range(max_depth):
        brackets = brackets.replace(b"()", b"")
    depth = 0
    for bracket in brackets:
        depth += 1 if bracket == ord("(") else -1
        if depth > max_depth:
            raise _too_deep(max_depth)
    if brackets and depth == 0 and brackets.startswith(b"("):
        raise _too_deep(max_depth)


def _too_deep(max_depth: int) -> Invalid:
    return Invalid(f"The JSON is nested too deep; {max_depth} levels at most.")


def _may_overflow(raw: bytes) -> bool:
    """Whether some number could be too large for a double. May be wrong only by saying yes."""
    plain = raw.translate(_DIGITS_AS_ZERO)
    return b"e000" in plain or b"e+000" in plain or _LONG_NUMBER in plain


def _finite_float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise Invalid(f"The JSON holds a number too large for a double: {text[:40]}.")
    return value


def _refuse_constant(word: str) -> float:
    raise Invalid(f'The JSON holds the bare word {word}; write it as a string, "{word}".')


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise Invalid(f"The JSON holds the key {json.dumps(key[:100])} twice.")
            seen.add(key)
    return unique


def _check_strings(value: Any) -> None:
    """Refuse NUL and lone surrogates; both can only come from \\u escapes by now."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, str):
            if "\x00" in found:
                raise Invalid("The JSON contains a NUL character in a string.")
            _utf8(found)
        elif isinstance(found, dict):
            waiting.extend(found)
            waiting.extend(found.values())
        elif isinstance(found, list):
            waiting.extend(found)


def _mended(value: Any) -> Any:
    """The value without NUL and lone surrogates in any text. It is no deeper than `parse` takes."""
    if isinstance(value, str):
        return _storable(value)
    if isinstance(value, dict):
        return {_storable(key): _mended(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_mended(item) for item in value]
    return value


def _storable(text: str) -> str:
    return _NOT_STORABLE.sub("\ufffd", text)


def _encode(value: object, *, sort_keys: bool) -> str:
    return json.dumps(
        value,
        allow_nan=False,
        ensure_ascii=False,
        check_circular=False,
        sort_keys=sort_keys,
        separators=(",", ":"),
    )


def _spelled_out(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return nonfinite_word(value)
    if isinstance(value, dict):
        return {key: _spelled_out(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_spelled_out(item) for item in value]
    return value


def nonfinite_word(value: float) -> str:
    """The string that stands for a number which JSON cannot hold."""
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
