"""Walks a document over the declared types.

Lenient where the client runs ahead of us: a field, argument or input key that is not known is
noted and left out; a fragment on a type that is not known is looked into. Strict about work: a
document is within its limits already, and here the fields that it comes to are counted as they
are resolved, lists multiplied.

A refusal of the domain becomes an entry in `errors` and null in its place. Within a query,
what is not there, or not the caller's to see, is null without an error: so the client expects it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from graphql.language import (
    ArgumentNode,
    FieldNode,
    FragmentSpreadNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    ValueNode,
    VariableNode,
)

from apps.core.errors import DomainError, Invalid, NotFound
from apps.wandb_api import introspection
from apps.wandb_api.context import Context
from apps.wandb_api.documents import Document
from apps.wandb_api.schema import MUTATIONS, TYPES, Field, Node, is_a, plain

# A page of 5,000 files with ten fields each is a fifth of it.
MAX_RESOLVED = 300_000
# Lists are read at once, so an honest document takes some tens; lists within lists take more.
MAX_QUERIES = 1_000
# Refusals that pass by themselves: the whole request is answered with their status.
PASSING = (429, 503)


class TooMuch(Invalid):
    """The document would take more work than one request may."""

    def __init__(self) -> None:
        super().__init__("The document asks for too much at once; ask for shorter pages.")


class _Queries:
    """Counts what a document asks of the database, and ends it when that is too much."""

    def __init__(self) -> None:
        self.left = MAX_QUERIES

    def __call__(self, execute: Callable[..., Any], *query: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            raise TooMuch
        return execute(*query)


class _Absent:
    """A variable that was not given: its argument counts as not written."""


ABSENT = _Absent()


@dataclass
class Answer:
    data: dict[str, Any] | None
    errors: list[dict[str, Any]] = field(default_factory=list)


def execute(
    document: Document,
    context: Context,
    *,
    variables: Mapping[str, Any],
    operation_name: str | None = None,
) -> Answer:
    """Run one operation of the document. Raises Invalid for one that cannot run at all."""
    operation = document.operation(operation_name)
    walk = _Walk(document, context, _with_defaults(operation, variables))
    if operation.operation == OperationType.MUTATION:
        return Answer(walk.mutate(operation), walk.errors)
    root = TYPES["Query"](context)
    with connection.execute_wrapper(_Queries()):
        return Answer(walk.select(root, [operation], ()), walk.errors)


def _with_defaults(
    operation: OperationDefinitionNode, given: Mapping[str, Any]
) -> Mapping[str, Any]:
    values: dict[str, Any] = {}
    for definition in operation.variable_definitions or ():
        name = definition.variable.name.value
        if name in given:
            values[name] = given[name]
        elif definition.default_value is not None:
            values[name] = _value(definition.default_value, {})
    return values


def _has_nodes(value: Any) -> bool:
    """Whether there is something to select in a value; lists are of one kind."""
    if isinstance(value, list | tuple):
        return bool(value) and _has_nodes(value[0])
    if isinstance(value, Mapping):
        return any(map(_has_nodes, value.values()))
    return isinstance(value, Node)


def _value(node: ValueNode, variables: Mapping[str, Any]) -> Any:
    if isinstance(node, VariableNode):
        return variables.get(node.name.value, ABSENT)
    if isinstance(node, NullValueNode):
        return None
    if isinstance(node, ListValueNode):
        found = [_value(item, variables) for item in node.values]
        return [item for item in found if item is not ABSENT]
    if isinstance(node, ObjectValueNode):
        pairs = [(one.name.value, _value(one.value, variables)) for one in node.fields]
        return {name: value for name, value in pairs if value is not ABSENT}
    text = node.value  # type: ignore[attr-defined]
    kinds = {"int_value": int, "float_value": float}
    if node.kind in kinds:
        if len(text) > 400:
            raise Invalid("The document holds a number with too many digits.")
        return kinds[node.kind](text)
    return text


class _Walk:
    """One execution: its variables, its errors and how much was resolved."""

    def __init__(self, document: Document, context: Context, variables: Mapping[str, Any]) -> None:
        self.document = document
        self.context = context
        self.variables = variables
        self.errors: list[dict[str, Any]] = []
        self.resolved = 0
        # What to select of a type at a place, worked out once for all items of a list.
        self.plans: dict[Any, dict[str, list[FieldNode]]] = {}
        self.is_change = False

    # What stands at the root of a change is called, in order, like a field of no type.

    def mutate(self, operation: OperationDefinitionNode) -> dict[str, Any]:
        self.is_change = True
        data = {}
        for key, fields in self.plan(None, [operation]).items():
            data[key] = self.change(fields, (key,))
        return data

    def change(self, fields: list[FieldNode], path: tuple[Any, ...]) -> Any:
        name = fields[0].name.value
        if name == "__typename":
            return "Mutation"
        found = MUTATIONS.get(plain(name))
        if found is None:
            self.context.unknown.note("Mutation", name)
            # In these words old clients look for it, and do without.
            self.fail(Invalid(f'Cannot query field "{name}" on type "Mutation".'), path)
            return None
        given = self.arguments(fields[0])
        given = {**(given.pop("input", None) or {}), **given}
        payload = self.call(found, self.context, given, f"{name}Input", path)
        self.is_change = False
        return self.complete(payload, fields, path)

    def select(self, node: Any, owners: Sequence[Any], path: tuple[Any, ...]) -> dict[str, Any]:
        """The selected fields of a node, under the names that the document gives them."""
        data = {}
        for key, fields in self.plan(node, owners).items():
            self.resolved += 1
            if self.resolved > MAX_RESOLVED:
                raise TooMuch
            data[key] = self.resolve(node, fields, (*path, key))
        return data

    def resolve(self, node: Any, fields: list[FieldNode], path: tuple[Any, ...]) -> Any:
        name = fields[0].name.value
        if isinstance(node, Mapping):
            return self.complete(self.of_mapping(node, name), fields, path)
        if name == "__typename":
            return node.NAME
        if node.NAME == "Query" and name in introspection.FIELDS:
            found = introspection.FIELDS[name](self.arguments(fields[0]), self.context)
            return self.complete(found, fields, path)
        declared = node.FIELDS.get(plain(name))
        if declared is None:
            self.context.unknown.note(node.NAME, name)
            return None
        given = self.arguments(fields[0])
        where = f"{node.NAME}.{name}"
        return self.complete(self.call(declared, node, given, where, path), fields, path)

    def of_mapping(self, node: Mapping[str, Any], name: str) -> Any:
        if name not in node and name not in ("__typename", "clientMutationId"):
            self.context.unknown.note(str(node.get("__typename", "payload")), name)
        return node.get(name)

    def call(
        self, found: Field, node: Any, given: Mapping[str, Any], where: str, path: tuple[Any, ...]
    ) -> Any:
        try:
            return found.call(node, given, lambda name: self.context.unknown.note(where, name))
        except NotFound as error:
            if self.is_change:
                self.fail(error, path)
        except DomainError as error:
            if error.status in PASSING or isinstance(error, TooMuch):
                raise
            self.fail(error, path)
        return None

    def complete(self, value: Any, fields: list[FieldNode], path: tuple[Any, ...]) -> Any:
        """A value as the answer holds it: nodes and payloads by selection, the rest as it is."""
        owners = [one for one in fields if one.selection_set]
        if value is None or not owners:
            return None if _has_nodes(value) else value
        if isinstance(value, list | tuple):
            return [self.complete(one, fields, (*path, at)) for at, one in enumerate(value)]
        if isinstance(value, Node | Mapping):
            return self.select(value, owners, path)
        return value

    def fail(self, error: DomainError, path: tuple[Any, ...]) -> None:
        self.errors.append(
            {
                "message": error.message,
                "path": list(path),
                "extensions": {"code": error.code, "status": error.status},
            }
        )

    # Which fields -------------------------------------------------------------------------------

    def plan(self, node: Any, owners: Sequence[Any]) -> dict[str, list[FieldNode]]:
        kind = node.NAME if isinstance(node, Node) else None
        place = (kind, *map(id, owners))
        if place not in self.plans:
            planned: dict[str, list[FieldNode]] = {}
            self.plans[place] = planned
            for owner in owners:
                self.collect(node, owner.selection_set.selections, planned, set())
        return self.plans[place]

    def collect(
        self,
        node: Any,
        selections: Sequence[SelectionNode],
        planned: dict[str, list[FieldNode]],
        seen: set[str],
    ) -> None:
        for selection in selections:
            if not self.is_included(selection):
                continue
            if isinstance(selection, FieldNode):
                key = (selection.alias or selection.name).value
                planned.setdefault(key, []).append(selection)
                continue
            if isinstance(selection, FragmentSpreadNode):
                name = selection.name.value
                if name in seen:
                    continue
                seen.add(name)
                inner: Any = self.document.fragments[name]
            else:
                inner = selection
            condition = inner.type_condition
            if node is None or condition is None or is_a(node, condition.name.value):
                self.collect(node, inner.selection_set.selections, planned, seen)

    def is_included(self, selection: SelectionNode) -> bool:
        for directive in selection.directives or ():
            name = directive.name.value
            if name not in ("include", "skip"):
                continue
            condition = self.arguments(directive).get("if")
            if bool(condition) == (name == "skip"):
                return False
        return True

    def arguments(self, node: Any) -> dict[str, Any]:
        written: Sequence[ArgumentNode] = node.arguments or ()
        pairs = [(one.name.value, _value(one.value, self.variables)) for one in written]
        return {name: value for name, value in pairs if value is not ABSENT}
