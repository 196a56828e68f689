"""Conditions on rows: a tree, the grammar of the query box, and the way to a database query.

    status = "production" or loss@10k < 0.2
    not (owner ~ "ana" and `Loss @ 1k` >= 1e-3) and tag in ("a", "b") and stage is missing

    either      = all { "or" all }
    all         = one { "and" one }
    one         = "not" one | "(" either ")" | comparison
    comparison  = field ( = | != | < | <= | > | >= ) value
                | field ( ~ | !~ ) value                       contains, case does not count
                | field [ "not" ] "in" "(" value { "," value } ")"
                | field "is" [ "not" ] "missing"
    field       = word | `anything in back ticks`
    value       = number | "text" | 'text' | word

A word is made of letters, digits and _ . @ - / and holds no space. In quotes and back ticks a
backslash makes the next character an ordinary one. The words and, or, not, in, is and missing may
be written in any case.

Rows without a value: a missing number, time or choice with an order matches no comparison at all,
not even != or one under `not`. A missing text counts as empty text, so `status != "production"`
finds what has no status. Only `is missing` asks for the missing themselves.

Read by hand in one pass, without regular expressions: time grows with the length of the text, and
length, depth and number of terms have limits.
"""

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime
from typing import Final, Literal

from django.db.models import Q
from django.utils.translation import gettext as _

from apps.core.errors import Invalid
from apps.core.limits import (
    MAX_FILTER_DEPTH,
    MAX_FILTER_LENGTH,
    MAX_FILTER_LIST,
    MAX_FILTER_TERMS,
    MAX_INTEGER,
    MIN_INTEGER,
)
from apps.core.patterns import Like  # noqa: F401  importing registers the look-ups
from apps.core.times import parse_time

# The query box has no word for a pattern (core.patterns); filters of client protocols have.
PatternOp = Literal["like", "not like", "ilike", "not ilike"]
BoxOp = Literal[
    "=", "!=", "<", "<=", ">", ">=", "~", "!~", "in", "not in", "is missing", "is not missing"
]
Op = BoxOp | PatternOp
Scalar = str | int | float
Value = Scalar | tuple[Scalar, ...] | None
FieldKind = Literal["number", "integer", "text", "time", "choice", "either"]

_OPPOSITES: Final[dict[Op, Op]] = {
    "=": "!=",
    "<": ">=",
    "<=": ">",
    "~": "!~",
    "in": "not in",
    "is missing": "is not missing",
    "like": "not like",
    "ilike": "not ilike",
}
_OPPOSITES.update({opposite: op for op, opposite in list(_OPPOSITES.items())})
_ON_TEXT: Final[tuple[Op, ...]] = ("~", "!~", "like", "not like", "ilike", "not ilike")
_OPS_OF_KIND: Final[dict[FieldKind, frozenset[Op]]] = {
    "number": frozenset(["=", "!=", "<", "<=", ">", ">=", "in", "not in"]),
    "integer": frozenset(["=", "!=", "<", "<=", ">", ">=", "in", "not in"]),
    # A time is never equal to what a person would type; ask for >= and < instead.
    "time": frozenset(["<", "<=", ">", ">="]),
    "text": frozenset(["=", "!=", *_ON_TEXT, "in", "not in"]),
    "choice": frozenset(["=", "!=", *_ON_TEXT, "in", "not in"]),
    # A number in some rows and text in others: what is asked for says which.
    "either": frozenset(["=", "!=", "<", "<=", ">", ">=", *_ON_TEXT, "in", "not in"]),
}
_ORDERS: Final[frozenset[Op]] = frozenset(["<", "<=", ">", ">="])
_KEYWORDS: Final = frozenset(["and", "or", "not", "in", "is", "missing"])
_WORD_MARKS: Final = "_.@-/"
_DIGITS: Final = "0123456789"
_SYMBOLS: Final = ("!=", "<=", ">=", "!~", "=", "<", ">", "~", "(", ")", ",")


class FilterError(Invalid):
    """The query cannot be read or does not fit the fields. `position` counts from 1; 0: nowhere."""

    def __init__(self, message: str, position: int = 0) -> None:
        at = _("at %(position)d: ") % {"position": position} if position else ""
        super().__init__(at + message, field="filter")
        self.position = position


# The tree -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Comparison:
    """One field against a value (a tuple for in, None for is missing)."""

    field: str
    op: Op
    value: Value = None
    position: int = dataclass_field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple["Tree", ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple["Tree", ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: "Tree"


Tree = Comparison | And | Or | Not


# Text to tree -------------------------------------------------------------------------------------


def parse(text: str) -> Tree | None:
    """The condition in the text, None when it is blank, or FilterError with the position."""
    if len(text) > MAX_FILTER_LENGTH:
        raise FilterError(
            _("the query is too long; %(limit)d characters at most") % {"limit": MAX_FILTER_LENGTH}
        )
    tokens = _tokens(text)
    if tokens[0].kind == "end":
        return None
    return _Reader(tokens).whole()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: Literal["word", "quoted", "ticked", "number", "symbol", "end"]
    text: str
    position: int
    number: int | float = 0

    @property
    def keyword(self) -> str:
        """The word in lower case if it is one of the grammar's own."""
        word = self.text.lower() if self.kind == "word" else ""
        return word if word in _KEYWORDS else ""


def _tokens(text: str) -> list[_Token]:
    tokens = []
    at = 0
    while at < len(text):
        character = text[at]
        if character.isspace():
            at += 1
            continue
        if character in "\"'`":
            token, at = _quoted(text, at)
        elif _starts_word(character) or character in "+-." or character in _DIGITS:
            token, at = _word_or_number(text, at)
        else:
            symbol = next((found for found in _SYMBOLS if text.startswith(found, at)), None)
            if symbol is None:
                raise FilterError(_("unexpected %(text)s") % {"text": _shown(character)}, at + 1)
            token = _Token("symbol", symbol, at + 1)
            at += len(symbol)
        tokens.append(token)
    tokens.append(_Token("end", "", len(text) + 1))
    return tokens


def _quoted(text: str, start: int) -> tuple[_Token, int]:
    quote = text[start]
    characters = []
    at = start + 1
    while at < len(text) and text[at] != quote:
        if text[at] == "\\" and at + 1 < len(text):
            at += 1
        if text[at] == "\x00" or "\ud800" <= text[at] <= "\udfff":
            raise FilterError(_("this character is not allowed"), at + 1)
        characters.append(text[at])
        at += 1
    if at >= len(text):
        raise FilterError(_("this quote is never closed"), start + 1)
    kind: Literal["quoted", "ticked"] = "ticked" if quote == "`" else "quoted"
    return _Token(kind, "".join(characters), start + 1), at + 1


def _word_or_number(text: str, start: int) -> tuple[_Token, int]:
    end = start
    while end < len(text) and (_in_word(text[end]) or _is_sign_of_number(text, start, end)):
        end += 1
    word = text[start:end]
    number = _number(word, start + 1)
    if number is not None:
        return _Token("number", word, start + 1, number), end
    if not word or word[0] in "+-.":
        raise FilterError(
            _("unexpected %(text)s") % {"text": _shown(word or text[start])}, start + 1
        )
    return _Token("word", word, start + 1), end


def _starts_word(character: str) -> bool:
    return character.isalpha() or character in "_@"


def _in_word(character: str) -> bool:
    return character.isalnum() or character in _WORD_MARKS


def _is_sign_of_number(text: str, start: int, at: int) -> bool:
    """A plus is no part of words, but it leads a number (+1) and its exponent (1e+5)."""
    if text[at] != "+":
        return False
    return at == start or (text[start] in "+-." + _DIGITS and text[at - 1] in "eE")


def _number(word: str, position: int) -> int | float | None:
    """The number that a word is, if it is one: ASCII digits, one point, an exponent."""
    digits = word[1:] if word[0] in "+-" else word
    mantissa, mark, exponent = digits.lower().partition("e")
    whole, _point, fraction = mantissa.partition(".")
    if exponent[:1] in ("+", "-"):
        exponent = exponent[1:]
    groups = [part for part in (whole, fraction, exponent) if part]
    if not (whole or fraction) or (mark and not exponent):
        return None
    if not all(part.isascii() and part.isdigit() for part in groups):
        return None
    if not mark and "." not in mantissa and len(digits) <= 19:
        number = int(word)
        if MIN_INTEGER <= number <= MAX_INTEGER:
            return number
    value = float(word)
    if math.isinf(value):
        raise FilterError(_("this number is too large"), position)
    return value


class _Reader:
    """Recursive descent over the tokens; depth is capped far below what Python allows."""

    def __init__(self, tokens: Sequence[_Token]) -> None:
        self.tokens = tokens
        self.at = 0
        self.depth = 0
        self.terms = 0

    @property
    def token(self) -> _Token:
        return self.tokens[self.at]

    def whole(self) -> Tree:
        tree = self.either()
        if self.token.kind != "end":
            raise self.expected(_("and, or, or the end"))
        return tree

    def either(self) -> Tree:
        parts = [self.all()]
        while self.take_keyword("or"):
            parts.append(self.all())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def all(self) -> Tree:
        parts = [self.one()]
        while self.take_keyword("and"):
            parts.append(self.one())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def one(self) -> Tree:
        start = self.token.position
        if self.take_keyword("not"):
            self.enter(start)
            tree: Tree = Not(self.one())
        elif self.take_symbol("("):
            self.enter(start)
            tree = self.either()
            self.need_symbol(")")
        else:
            return self.comparison()
        self.depth -= 1
        return tree

    def enter(self, position: int) -> None:
        self.depth += 1
        if self.depth > MAX_FILTER_DEPTH:
            raise FilterError(
                _("nested too deep; %(limit)d levels at most") % {"limit": MAX_FILTER_DEPTH},
                position,
            )

    def comparison(self) -> Comparison:
        name = self.token
        if name.kind not in ("word", "ticked") or name.keyword:
            raise self.expected(_("a field name"))
        if not name.text.strip():
            raise FilterError(_("a field name is empty"), name.position)
        self.at += 1
        self.terms += 1
        if self.terms > MAX_FILTER_TERMS:
            raise FilterError(
                _("too many conditions; %(limit)d at most") % {"limit": MAX_FILTER_TERMS},
                name.position,
            )
        op, value = self.rest(name)
        return Comparison(name.text, op, value, name.position)

    def rest(self, name: _Token) -> tuple[Op, Value]:
        """What follows a field name."""
        token = self.token
        if self.take_keyword("is"):
            absent: Op = "is not missing" if self.take_keyword("not") else "is missing"
            if not self.take_keyword("missing"):
                raise self.expected(_("the word missing"))
            return absent, None
        if self.take_keyword("in"):
            return "in", self.values()
        if self.take_keyword("not"):
            if not self.take_keyword("in"):
                raise self.expected(_("the word in"))
            return "not in", self.values()
        if token.kind == "symbol" and token.text not in "(),":
            self.at += 1
            op: Op = token.text  # type: ignore[assignment]  # the remaining symbols are operators
            return op, self.value(after=op)
        raise self.expected(
            _("a comparison such as = or < after %(name)s") % {"name": _shown(name.text)}
        )

    def values(self) -> tuple[Scalar, ...]:
        self.need_symbol("(")
        values = [self.value(after="(")]
        while self.take_symbol(","):
            if len(values) >= MAX_FILTER_LIST:
                raise FilterError(
                    _("too many values in one list; %(limit)d at most")
                    % {"limit": MAX_FILTER_LIST},
                    self.token.position,
                )
            values.append(self.value(after=","))
        self.need_symbol(")")
        return tuple(values)

    def value(self, *, after: str) -> Scalar:
        token = self.token
        if token.kind == "number":
            self.at += 1
            return token.number
        if token.kind == "quoted" or (token.kind == "word" and not token.keyword):
            self.at += 1
            return token.text
        raise self.expected(_("a value after %(symbol)s") % {"symbol": after})

    def take_keyword(self, word: str) -> bool:
        if self.token.keyword != word:
            return False
        self.at += 1
        return True

    def take_symbol(self, symbol: str) -> bool:
        if self.token.kind != "symbol" or self.token.text != symbol:
            return False
        self.at += 1
        return True

    def need_symbol(self, symbol: str) -> None:
        if not self.take_symbol(symbol):
            raise self.expected(symbol)

    def expected(self, what: str) -> FilterError:
        return FilterError(_("expected %(what)s") % {"what": what}, self.token.position)


# Tree to text -------------------------------------------------------------------------------------


def unparse(tree: Tree | None) -> str:
    """The text of a tree; `parse` reads the same tree from it."""
    match tree:
        case None:
            return ""
        case Or(parts):
            return " or ".join(_part(part, (Or,)) for part in parts)
        case And(parts):
            return " and ".join(_part(part, (Or, And)) for part in parts)
        case Not(part):
            return f"not {_part(part, (Or, And))}"
        case Comparison(name, op, value):
            return f"{_name(name)} {op}{_values(value)}"


def _part(tree: Tree, in_brackets: tuple[type, ...]) -> str:
    return f"({unparse(tree)})" if isinstance(tree, in_brackets) else unparse(tree)


def _name(name: str) -> str:
    is_word = name != "" and _starts_word(name[0]) and all(map(_in_word, name))
    return name if is_word and name.lower() not in _KEYWORDS else _in_quotes(name, "`")


def _values(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return f" ({', '.join(map(_scalar, value))})"
    return f" {_scalar(value)}"


def _scalar(value: Scalar) -> str:
    return _in_quotes(value, '"') if isinstance(value, str) else repr(value)


def _in_quotes(text: str, quote: str) -> str:
    escaped = text.replace("\\", "\\\\").replace(quote, "\\" + quote)
    return f"{quote}{escaped}{quote}"


# Tree to query ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Field:
    """What a query may ask about: the kind of its values, and the condition for one comparison.

    `q` gets an operator that fits the kind and a value of its type: int or float, int, str, aware
    datetime, or number or str; a tuple of them for in; None for is missing. It never sees `not`:
    that arrives as the opposite operator. Client text never becomes a look-up.
    """

    kind: FieldKind
    q: Callable[[Op, object], Q]
    choices: tuple[str, ...] = ()  # of kind choice: what may be asked for; empty means anything


def to_q(tree: Tree | None, fields: Mapping[str, Field]) -> Q:
    """The tree as a condition; FilterError for unknown fields and values of the wrong type."""
    return Q() if tree is None else _q(tree, fields, negated=False)


def column(path: str, kind: FieldKind, *, choices: tuple[str, ...] = ()) -> Field:
    """A field that is one column or annotation, with the rules for missing values kept."""

    def condition(op: Op, value: object) -> Q:
        is_text = kind in ("text", "choice")
        missing = Q(**{f"{path}__isnull": True})
        if op in ("is missing", "is not missing"):
            absent = missing | Q(**{path: ""}) if is_text else missing
            return absent if op == "is missing" else ~absent
        if op in ("!=", "!~", "not in", "not like", "not ilike"):
            # Spelled out, because a plain NOT treats missing values differently in every shape.
            without = ~_look_up(path, _OPPOSITES[op], value)
            return missing | without if is_text else ~missing & without
        return _look_up(path, op, value)

    return Field(kind, condition, choices)


_LOOK_UPS: Final = {
    "=": "exact",
    "<": "lt",
    "<=": "lte",
    ">": "gt",
    ">=": "gte",
    "~": "icontains",
    "in": "in",
    "like": "like",
    "ilike": "ilike",
}


def _look_up(path: str, op: Op, value: object) -> Q:
    return Q(**{f"{path}__{_LOOK_UPS[op]}": value})


def _q(tree: Tree, fields: Mapping[str, Field], *, negated: bool) -> Q:
    """Negation is carried down to the comparisons, where missing values are known."""
    match tree:
        case Not(part):
            return _q(part, fields, negated=not negated)
        case And(parts) | Or(parts):
            joint = Q.OR if isinstance(tree, Or) != negated else Q.AND
            combined = Q(_connector=joint)
            for part in parts:
                combined.add(_q(part, fields, negated=negated), joint)
            return combined
        case Comparison():
            found = _field(tree, fields)
            value = _typed(tree, found)
            return found.q(_OPPOSITES[tree.op] if negated else tree.op, value)


def _field(comparison: Comparison, fields: Mapping[str, Field]) -> Field:
    exact = fields.get(comparison.field)
    if exact is not None:
        return exact
    by_case = {name.casefold(): found for name, found in fields.items()}
    found = by_case.get(comparison.field.casefold())
    if found is not None:
        return found
    known = sorted(fields, key=str.casefold)
    near = difflib.get_close_matches(comparison.field[:100], known, n=3)
    message = _("there is no field %(name)s") % {"name": _shown(comparison.field)}
    if near:
        message += _("; did you mean %(names)s?") % {"names": _listed(near)}
    elif known:
        message += _("; the fields are %(names)s") % {"names": _listed(known)}
    raise FilterError(message, comparison.position)


def _typed(comparison: Comparison, found: Field) -> object:
    """The value in the type of the field, or FilterError."""
    op, value = comparison.op, comparison.value
    if op in ("is missing", "is not missing"):
        return None
    if op not in _OPS_OF_KIND[found.kind]:
        raise FilterError(
            _("%(name)s is a %(kind)s; it cannot be compared with %(op)s")
            % {"name": _shown(comparison.field), "kind": _kind_word(found.kind), "op": op},
            comparison.position,
        )
    if isinstance(value, tuple):
        return tuple(_typed_one(comparison, found, item) for item in value)
    return _typed_one(comparison, found, value)


def _typed_one(comparison: Comparison, found: Field, value: Scalar | None) -> object:
    if found.kind in ("number", "integer"):
        # An integer column would round 0.5 to 0 and find it.
        if isinstance(value, int if found.kind == "integer" else int | float):
            return value
        raise FilterError(
            (
                _("%(name)s is a number; %(value)s is not")
                if found.kind == "number"
                else _("%(name)s is a whole number; %(value)s is not")
            )
            % {"name": _shown(comparison.field), "value": _shown(str(value))},
            comparison.position,
        )
    if found.kind == "either":
        return _number_or_text(comparison, value)
    if not isinstance(value, str):
        # tag = 2024 means the tag "2024".
        value = repr(value)
    if found.kind == "time":
        return _time(comparison, value)
    if found.kind == "choice" and found.choices and comparison.op not in _ON_TEXT:
        return _choice(comparison, found, value)
    return value


def _number_or_text(comparison: Comparison, value: Scalar | None) -> object:
    if comparison.op in _ON_TEXT and not isinstance(value, str):
        return repr(value)
    if comparison.op in _ORDERS and isinstance(value, str):
        raise FilterError(
            _("%(op)s compares with a number; %(value)s is not one")
            % {"op": comparison.op, "value": _shown(value)},
            comparison.position,
        )
    return value


def _time(comparison: Comparison, value: str) -> datetime:
    try:
        return parse_time(value)
    except Invalid:
        raise FilterError(
            _('%(name)s is a time; write it like 2026-01-31 or "2026-01-31T12:00:00Z"')
            % {"name": _shown(comparison.field)},
            comparison.position,
        ) from None


def _choice(comparison: Comparison, found: Field, value: str) -> str:
    for choice in found.choices:
        if choice.casefold() == value.casefold():
            return choice
    raise FilterError(
        _("%(name)s is never %(value)s; it is one of %(names)s")
        % {
            "name": _shown(comparison.field),
            "value": _shown(value),
            "names": _listed(found.choices),
        },
        comparison.position,
    )


def _kind_word(kind: FieldKind) -> str:
    return {
        "number": _("number"),
        "integer": _("number"),
        "text": _("text"),
        "time": _("time"),
        "choice": _("choice"),
        "either": _("value"),
    }[kind]


def _listed(names: Sequence[str]) -> str:
    listed = ", ".join(_shown(name) for name in names[:20])
    return listed if len(names) <= 20 else listed + ", …"


def _shown(text: str) -> str:
    """User text inside a message: short, and with nothing invisible in it."""
    cut = text if len(text) <= 60 else text[:59] + "…"
    return "".join(c if c.isprintable() else f"U+{ord(c):04X}" for c in cut)
