"""Filters and orders as mlflow clients write them, read into the condition tree of core.filtering.

    metrics.loss < 0.2 and params.`learning rate` = '0.1' and tags."team" LIKE 'vis%'
    run_id IN ('a', 'b')      tag.note IS NOT NULL      dataset.name = 'digits'

    filter  = clause { AND clause }
    clause  = key ( = | != | < | <= | > | >= ) value | key ( LIKE | ILIKE ) text
            | key [ NOT ] IN "(" text { "," text } ")" | key IS [ NOT ] NULL
    key     = [ entity "." ] name            without an entity: an attribute
    value   = number | text                  text in single or double quotes, doubled inside

There is no OR and there are no brackets. Names with spaces or signs stand in back ticks or double
quotes. Which entities, attributes and comparisons there are depends on what is searched: see
`RUNS`, `EXPERIMENTS` and the others. A tree's fields are `metric.loss`, `param.lr`, `tag.team`,
`attribute.start_time`, `dataset.name`: a search turns it into a query with `filtering.to_q` and a
mapping of those fields.

Read by hand in one pass, without regular expressions on what clients send; length, number of
clauses and of values have limits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from apps.core.filtering import And, Comparison, Op, Scalar, Tree, Value
from apps.mlflow_api.errors import MlflowError, invalid
from apps.mlflow_api.wire import double

MAX_LENGTH: Final = 65_536
MAX_CLAUSES: Final = 100
MAX_VALUES: Final = 1_000
MAX_ORDERS: Final = 10

_SYMBOLS: Final[tuple[Op, ...]] = ("!=", "<=", ">=", "=", "<", ">")
_ORDERED: Final = frozenset(["=", "!=", "<", "<=", ">", ">="])
_TEXTUAL: Final = frozenset(["=", "!=", "like", "ilike"])
_WORD_MARKS: Final = "_.-/:@"
_OPERATORS: Final[dict[str, Op]] = {
    "like": "like",
    "ilike": "ilike",
    "in": "in",
    "not in": "not in",
    "is null": "is missing",
    "is not null": "is not missing",
}


@dataclass(frozen=True)
class Searched:
    """What can be asked about one kind of thing.

    `entities` leads from every spelling of an entity to the one in the tree. Attributes are `texts`
    or `numbers`; `aliases` are other spellings of them. Attributes in `lists` take IN, and so do
    entities in `listed`; entities in `nulls` take IS NULL. `orders` are the attributes to order by,
    None for all of them.
    """

    entities: Mapping[str, str]
    texts: frozenset[str]
    numbers: frozenset[str]
    lists: frozenset[str]
    listed: frozenset[str] = frozenset(["dataset"])
    nulls: frozenset[str] = frozenset()
    aliases: Mapping[str, str] = field(default_factory=dict)
    orders: frozenset[str] | None = None
    # What can be ordered by beside attributes.
    ordered_entities: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Order:
    """One key of an order: a field as in the tree."""

    field: str
    descending: bool = False

    @property
    def entity(self) -> str:
        return self.field.partition(".")[0]

    @property
    def key(self) -> str:
        return self.field.partition(".")[2]


def _spellings(**canonical: str) -> dict[str, str]:
    """Every spelling of some entities: `metric="metrics"` gives both words the meaning metric."""
    return {word: name for name, words in canonical.items() for word in [name, *words.split()]}


_ATTRIBUTES: Final = "attr attributes run"

RUNS: Final = Searched(
    entities=_spellings(
        metric="metrics",
        param="params parameter parameters",
        tag="tags",
        attribute=_ATTRIBUTES,
        dataset="datasets",
    ),
    texts=frozenset(["run_id", "run_name", "status", "user_id", "artifact_uri"]),
    numbers=frozenset(["start_time", "end_time"]),
    lists=frozenset(["run_id"]),
    nulls=frozenset(["param", "tag"]),
    aliases={
        "created": "start_time",
        "Created": "start_time",
        "run name": "run_name",
        "Run name": "run_name",
        "Run Name": "run_name",
    },
    ordered_entities=frozenset(["metric", "param", "tag"]),
)
EXPERIMENTS: Final = Searched(
    entities=_spellings(tag="tags", attribute=_ATTRIBUTES),
    texts=frozenset(["name", "experiment_id"]),
    numbers=frozenset(["creation_time", "last_update_time"]),
    lists=frozenset(["experiment_id"]),
    nulls=frozenset(["tag"]),
)
REGISTERED_MODELS: Final = Searched(
    entities=_spellings(tag="tags", attribute=_ATTRIBUTES),
    texts=frozenset(["name"]),
    numbers=frozenset(["creation_timestamp", "last_updated_timestamp"]),
    lists=frozenset(["name"]),
    aliases={"timestamp": "last_updated_timestamp"},
)
MODEL_VERSIONS: Final = Searched(
    entities=_spellings(tag="tags", attribute=_ATTRIBUTES),
    texts=frozenset(["name", "run_id", "source_path"]),
    numbers=frozenset(["version_number", "creation_timestamp", "last_updated_timestamp"]),
    lists=frozenset(["name", "run_id"]),
    orders=frozenset(["name", "version_number", "creation_timestamp", "last_updated_timestamp"]),
)
LOGGED_MODELS: Final = Searched(
    entities=_spellings(
        metric="metrics",
        param="params parameter parameters",
        tag="tags",
        attribute=_ATTRIBUTES,
    ),
    texts=frozenset(["name", "model_id", "model_type", "status", "source_run_id"]),
    numbers=frozenset(["creation_timestamp", "last_updated_timestamp"]),
    lists=frozenset(["name", "model_id", "model_type", "status", "source_run_id"]),
    listed=frozenset(["param", "tag"]),
    aliases={
        "creation_time": "creation_timestamp",
        "creation_timestamp_ms": "creation_timestamp",
        "last_updated_time": "last_updated_timestamp",
        "last_updated_timestamp_ms": "last_updated_timestamp",
    },
    ordered_entities=frozenset(["metric"]),
)

_DATASET_KEYS: Final = frozenset(["name", "digest", "context"])


def parse_filter(text: str, searched: Searched) -> Tree | None:
    """The condition in a filter, None when it is blank. Raises INVALID_PARAMETER_VALUE."""
    if len(text) > MAX_LENGTH:
        raise invalid(f"The filter is too long; {MAX_LENGTH} characters at most.")
    reader = _Reader(text, searched)
    return reader.whole()


def parse_orders(texts: Sequence[str], searched: Searched) -> list[Order]:
    """The keys of an order, each "<key> [ASC|DESC]". Raises INVALID_PARAMETER_VALUE."""
    if len(texts) > MAX_ORDERS:
        raise invalid(f"Order by {MAX_ORDERS} keys at most.")
    orders = [_parse_order(text, searched) for text in texts]
    fields = [order.field for order in orders]
    if len(set(fields)) < len(fields):
        raise invalid(f"`order_by` contains duplicate fields: {list(texts)}")
    return orders


def parse_order_key(text: str, searched: Searched) -> str:
    """The field that a key alone names, if it can be ordered by."""
    reader = _Reader(text, searched)
    found = reader.key()
    if reader.at < len(text):
        raise invalid(f"Invalid order_by clause '{_short(text)}'. Could not be parsed.")
    entity, _, key = found.partition(".")
    if entity == "attribute":
        orders = searched.texts | searched.numbers if searched.orders is None else searched.orders
        if key not in orders:
            raise invalid(f"Invalid order by key '{_short(key)}'. Valid keys: {sorted(orders)}")
    elif entity not in searched.ordered_entities:
        raise invalid(f"Invalid order_by entity: {entity}")
    return found


def _parse_order(text: str, searched: Searched) -> Order:
    if len(text) > MAX_LENGTH:
        raise invalid("The order_by clause is too long.")
    key = text.strip()
    head, _, last = key.rpartition(" ")
    direction = last.upper() if head else ""
    if direction in ("ASC", "DESC"):
        key = head.strip()
    if not key:
        raise invalid(f"Invalid order_by clause '{_short(text)}'. Could not be parsed.")
    return Order(parse_order_key(key, searched), descending=direction == "DESC")


class _Reader:
    """Goes through a text from left to right; `at` is what comes next."""

    def __init__(self, text: str, searched: Searched) -> None:
        self.text = text
        self.searched = searched
        self.at = 0

    def whole(self) -> Tree | None:
        self.blanks()
        if self.at == len(self.text):
            return None
        clauses = [self.clause()]
        self.blanks()
        while self.at < len(self.text):
            start = self.at
            if self.word().upper() != "AND":
                raise self.unreadable(start)
            clauses.append(self.clause())
            if len(clauses) > MAX_CLAUSES:
                raise invalid(f"The filter has more than {MAX_CLAUSES} clauses.")
            self.blanks()
        return clauses[0] if len(clauses) == 1 else And(tuple(clauses))

    def clause(self) -> Comparison:
        self.blanks()
        start = self.at
        name = self.key()
        if not name:
            raise self.unreadable(start)
        op = self.operator(start)
        self.check(name, op)
        return Comparison(name, op, self.value_for(name, op, start), start + 1)

    def key(self) -> str:
        """The field that a key names, in the spelling of the tree. Raises when there is none."""
        entity, key = self.identifier()
        if not entity and not key:
            return ""
        canonical = self.searched.entities.get(entity) if entity else "attribute"
        if canonical is None:
            words = sorted(set(self.searched.entities.values()))
            raise invalid(f"Invalid entity type '{_short(entity)}'. Valid values are {words}")
        if canonical == "attribute":
            key = self.searched.aliases.get(key, key)
            known = self.searched.texts | self.searched.numbers
            if key not in known:
                raise invalid(
                    f"Invalid attribute key '{_short(key)}' specified. Valid keys are "
                    f"'{sorted(known)}'"
                )
        elif canonical == "dataset" and key not in _DATASET_KEYS:
            raise invalid(
                f"Invalid dataset key '{_short(key)}' specified. Valid keys are "
                f"'{sorted(_DATASET_KEYS)}'"
            )
        elif not key:
            raise invalid(f"A key is missing after '{_short(entity)}.'.")
        return f"{canonical}.{key}"

    def identifier(self) -> tuple[str, str]:
        """An entity, if one is written, and a key; only a point outside quotes parts the two."""
        entity = ""
        parts: list[str] = []
        while self.at < len(self.text):
            character = self.text[self.at]
            if character in '`"':
                parts.append(self.quoted())
            elif _in_word(character):
                plain = self.word()
                if not entity and "." in plain:
                    head, _, plain = plain.partition(".")
                    entity = "".join([*parts, head])
                    parts = []
                parts.append(plain)
            else:
                break
        key = "".join(parts)
        return entity, self.two_words(key) if not entity else key

    def two_words(self, first: str) -> str:
        """`run name`, the one attribute that may be written in two words without quotes."""
        second = self.text[self.at : self.at + 5].lower()
        if first.lower() == "run" and second == " name":
            self.at += 5
            return "run name"
        return first

    def operator(self, start: int) -> Op:
        self.blanks()
        for symbol in _SYMBOLS:
            if self.text.startswith(symbol, self.at):
                self.at += len(symbol)
                return symbol
        words = self.word().lower()
        while words in ("not", "is", "is not"):
            words += f" {self.next_word()}"
        if words in _OPERATORS:
            return _OPERATORS[words]
        raise self.unreadable(start)

    def check(self, name: str, op: Op) -> None:
        """Refuse a comparison that there is not for such a field."""
        entity, _, key = name.partition(".")
        allowed: frozenset[str] = _ORDERED if self.is_number(name) else _TEXTUAL
        if op in ("in", "not in"):
            if entity in self.searched.listed:
                return
            if entity == "attribute" and key in self.searched.lists:
                return
            raise invalid(
                f"Only {sorted(self.searched.lists)} attributes support comparison with a list of "
                "quoted string values."
            )
        if op in ("is missing", "is not missing"):
            if entity in self.searched.nulls:
                return
            raise invalid(
                f"IS NULL / IS NOT NULL is only supported for {sorted(self.searched.nulls)}, not "
                f"for '{entity}' '{_short(key)}'"
            )
        if op not in allowed:
            raise invalid(f"Invalid comparator '{op.upper()}' not one of '{sorted(allowed)}'")

    def is_number(self, name: str) -> bool:
        entity, _, key = name.partition(".")
        return entity == "metric" or (entity == "attribute" and key in self.searched.numbers)

    def value_for(self, name: str, op: Op, start: int) -> Value:
        if op in ("is missing", "is not missing"):
            return None
        self.blanks()
        if op in ("in", "not in"):
            return self.values(start)
        is_text = self.at < len(self.text) and self.text[self.at] in "'\""
        if self.is_number(name):
            return self.number(name)
        if not is_text:
            raise invalid(
                f"Expected a quoted string value for {_short(name)} (e.g. 'my-value'). "
                f"Got value {_short(self.rest())}"
            )
        return self.quoted()

    def number(self, name: str) -> Scalar:
        start = self.at
        if self.at < len(self.text) and self.text[self.at] in "+-":
            self.at += 1
        while self.at < len(self.text) and self.is_in_number():
            self.at += 1
        digits = self.text[start : self.at]
        found = double(digits)
        if found is None or not digits:
            self.at = start
            raise invalid(
                f"Expected numeric value type for {_short(name)}. Found {_short(self.rest())}"
            )
        # Whole numbers stay whole: a time in milliseconds is compared exactly.
        return int(digits) if digits.lstrip("+-").isdigit() and len(digits) < 20 else found

    def is_in_number(self) -> bool:
        character = self.text[self.at]
        if character in "+-":
            return self.text[self.at - 1] in "eE"
        return character in "0123456789.eE"

    def values(self, start: int) -> tuple[str, ...]:
        if not self.text.startswith("(", self.at):
            raise self.unreadable(start)
        found: list[str] = []
        closing = ","
        while closing == ",":
            self.at += 1
            self.blanks()
            closing = self.text[self.at : self.at + 1]
            if found and closing == ")":
                # A tuple of Python's with one value ends in a comma, and scripts write it so.
                break
            if not closing or closing not in "'\"":
                raise invalid(
                    "While parsing a list in the query, expected a non-empty list of string values."
                )
            found.append(self.quoted())
            if len(found) > MAX_VALUES:
                raise invalid(f"The filter has a list of more than {MAX_VALUES} values.")
            self.blanks()
            closing = self.text[self.at : self.at + 1]
        if closing != ")":
            raise invalid("While parsing a list in the query, expected ',' or ')'.")
        self.at += 1
        return tuple(found)

    def quoted(self) -> str:
        """The text in quotes that begins here; a doubled quote stands for one."""
        quote = self.text[self.at]
        start = self.at + 1
        end = self.text.find(quote, start)
        while end != -1 and self.text.startswith(quote, end + 1):
            end = self.text.find(quote, end + 2)
        if end == -1:
            raise invalid(f"This quote is never closed: {_short(self.rest())}")
        self.at = end + 1
        found = self.text[start:end].replace(quote * 2, quote)
        if "\x00" in found or any("\ud800" <= letter <= "\udfff" for letter in found):
            raise invalid("The filter holds a character that is not allowed.")
        return found

    def word(self) -> str:
        """The word that begins here, perhaps an empty one."""
        start = self.at
        while self.at < len(self.text) and _in_word(self.text[self.at]):
            self.at += 1
        return self.text[start : self.at]

    def next_word(self) -> str:
        self.blanks()
        return self.word().lower()

    def blanks(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def rest(self) -> str:
        return self.text[self.at :]

    def unreadable(self, start: int) -> MlflowError:
        """Says what cannot be read, as mlflow does: by its first word."""
        clause = self.text[start:].split(maxsplit=1)[:1] or [""]
        return invalid(
            f"Invalid clause(s) in filter string: '{_short(clause[0])}'. Clauses are like "
            "metrics.loss < 0.5 AND tags.team = 'vision'; there is no OR and there are no brackets."
        )


def _in_word(character: str) -> bool:
    return character.isalnum() or character in _WORD_MARKS


def _short(text: str) -> str:
    """Client text inside a message: short, and with nothing invisible in it."""
    cut = text if len(text) <= 60 else text[:59] + "…"
    return "".join(c if c.isprintable() else f"U+{ord(c):04X}" for c in cut)
