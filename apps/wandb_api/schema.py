"""How types, fields and mutations are declared; the registry that executor and introspection read.

Names are matched without letter case and underscores, so `artifact_id` is `artifactID` and
`artifactId`: the client's own spelling is not regular.
"""

import inspect
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

from apps.core.errors import Invalid

if TYPE_CHECKING:
    from apps.wandb_api.context import Context

Function = TypeVar("Function", bound=Callable[..., Any])

KINDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
# Arguments that the client may always send and nobody reads.
IGNORED = frozenset({"clientmutationid"})


def plain(name: str) -> str:
    """The form in which two spellings of a name are the same."""
    return name.replace("_", "").lower()


def wire(name: str) -> str:
    """The usual spelling on the wire of a name of ours."""
    first, *rest = name.strip("_").split("_")
    return first + "".join(word.capitalize() for word in rest)


@dataclass(frozen=True)
class Argument:
    name: str
    annotation: Any

    def read(self, value: Any) -> Any:
        """The value when it is of the annotated kind. Raises Invalid."""
        return _checked(value, self.annotation, wire(self.name))


@dataclass(frozen=True)
class Field:
    """One field: what computes it, and its arguments by plain name."""

    name: str
    function: Callable[..., Any]
    arguments: Mapping[str, Argument]
    required: frozenset[str]
    # What takes whatever comes, because it refuses it all.
    is_open: bool = False

    def call(self, node: Any, given: Mapping[str, Any], note: Callable[[str], None]) -> Any:
        """The field's value for these arguments. `note` hears of those that are not known."""
        if self.is_open:
            return self.function(node)
        values = {}
        for name, value in given.items():
            argument = self.arguments.get(plain(name))
            if argument is not None:
                values[argument.name] = argument.read(value)
            elif plain(name) not in IGNORED:
                note(name)
        missing = self.required - values.keys()
        if missing:
            raise Invalid(f"{wire(self.name)} needs {wire(sorted(missing)[0])}.")
        return self.function(node, **values)


TYPES: dict[str, type["Node"]] = {}
MUTATIONS: dict[str, Field] = {}
# Further input types that old clients ask about by introspection, by name.
INPUTS: dict[str, tuple[str, ...]] = {}


class Peers:
    """The rows of one list, and what was read for all of them at once."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self.rows = rows
        self.read: dict[Any, Mapping[Any, Any]] = {}


class Node:
    """A value with fields. `row` is what it stands for, mostly a row of the database."""

    NAME: ClassVar[str] = ""
    # The names of interfaces and unions by which fragments may ask for it.
    INTERFACES: ClassVar[tuple[str, ...]] = ()
    FIELDS: ClassVar[dict[str, Field]] = {}

    def __init__(self, context: "Context", row: Any = None, peers: Peers | None = None) -> None:
        self.context = context
        self.row = row
        self.peers = peers or Peers([row])

    def __init_subclass__(cls) -> None:
        cls.FIELDS = dict(cls.FIELDS)
        for name, value in vars(cls).items():
            if getattr(value, "is_field", False):
                cls.FIELDS[plain(name)] = _field(name, value)
        if cls.NAME:
            TYPES[cls.NAME] = cls

    def together(
        self, load: Callable[[Sequence[Any]], Mapping[Any, Any]], default: Any = None
    ) -> Any:
        """This row's part of what `load` reads for the rows of the whole list, by primary key."""
        if load not in self.peers.read:
            self.peers.read[load] = load(self.peers.rows)
        return self.peers.read[load].get(self.row.pk, default)


NodeClass = TypeVar("NodeClass", bound=Node)


def nodes(of: type[NodeClass], context: "Context", rows: Iterable[Any]) -> list[NodeClass]:
    """A node for each row; they read together what they need."""
    rows = list(rows)
    peers = Peers(rows)
    return [of(context, row, peers) for row in rows]


def field(function: Function) -> Function:
    """Mark a method of a Node as a field of its type."""
    function.is_field = True  # type: ignore[attr-defined]
    return function


def field_of(type_name: str) -> Callable[[Function], Function]:
    """Add a function as a field to a type that stands elsewhere (and is imported before)."""

    def add(function: Function) -> Function:
        TYPES[type_name].FIELDS[plain(function.__name__)] = _field(function.__name__, function)
        return function

    return add


def mutation(function: Function) -> Function:
    """Register a function as a mutation; the keys of `input` are its keyword arguments."""
    MUTATIONS[plain(function.__name__)] = _field(function.__name__, function)
    return function


def is_a(node: Any, name: str) -> bool:
    """Whether a fragment on a type of this name applies. Names that nobody declared always do:
    the fields that are meant will then be there, and others are noted."""
    if isinstance(node, Node) and node.NAME:
        known = (node.NAME, *node.INTERFACES)
        return name in known or name not in TYPES
    return True


def _field(name: str, function: Callable[..., Any]) -> Field:
    parameters = list(inspect.signature(function).parameters.values())[1:]
    if any(found.kind == found.VAR_KEYWORD for found in parameters):
        return Field(name, function, {}, frozenset(), is_open=True)
    arguments = {plain(found.name): Argument(found.name, found.annotation) for found in parameters}
    required = frozenset(
        found.name for found in parameters if found.default is inspect.Parameter.empty
    )
    return Field(name, function, arguments, required)


def _checked(value: Any, annotation: Any, name: str) -> Any:
    """The value, or Invalid when it is of another kind than the annotation says."""
    if annotation is Any:
        return value
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        if value is None and types.NoneType in inner:
            return None
        return _checked(value, next(one for one in inner if one is not types.NoneType), name)
    if origin in (list, Sequence) or annotation is list:
        if not isinstance(value, list):
            raise Invalid(f"{name} must be a list.", field=name)
        return [_checked(item, inner[0] if inner else Any, name) for item in value]
    if origin is Mapping or origin is dict or annotation in (dict, Mapping):
        if not isinstance(value, dict):
            raise Invalid(f"{name} must be an object.", field=name)
        return value
    return _scalar(value, annotation, name)


def _scalar(value: Any, wanted: type, name: str) -> Any:
    """JSON has no one number, and clients write ids as numbers: these are taken for each other."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if wanted is str and is_whole:
        return str(value)
    if wanted is float and is_whole and abs(value) < 2**53:
        return float(value)
    if wanted is int and isinstance(value, float) and value.is_integer():
        value, is_whole = int(value), True
    fits = is_whole and abs(value) < 2**63 if wanted is int else isinstance(value, wanted)
    if not fits:
        raise Invalid(f"{name} must be {KINDS[wanted]}.", field=name)
    if wanted is str and "\x00" in value:
        raise Invalid(f"{name} contains a NUL character.", field=name)
    return value
