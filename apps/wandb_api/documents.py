"""GraphQL documents: parsed once, and refused before anything runs when they are hostile.

A client sends some sixty constant documents, so what was parsed is kept by its text. The limits
count what a document can make us walk: fragments are counted where they are used, by a sum that
is worked out once for each fragment.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from graphql import GraphQLError, parse
from graphql.language import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
)

from apps.core.errors import Invalid
from apps.core.text import one_line, truncate

# Of the 222 documents of the clients 0.25 and 0.31 the largest has 2.2 kB, 249 tokens, 72 fields
# and 11 levels. A document at the limits takes a tenth of a second to refuse.
MAX_BYTES = 50_000
MAX_TOKENS = 4_000
MAX_FIELDS = 1_500
MAX_DEPTH = 25
MAX_MUTATIONS = 10
# Repeating one field under other names is how a short document asks for much work.
MAX_ALIASES_OF_FIELD = 10
KEPT = 256


@dataclass(frozen=True)
class Document:
    """A document that may run: one operation chosen later, its fragments by name."""

    operations: dict[str, OperationDefinitionNode]
    fragments: dict[str, FragmentDefinitionNode]

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """The operation of that name; the only one when the name is empty. Raises Invalid."""
        if not name and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        found = self.operations.get(name or "")
        if found is None:
            raise Invalid("The document has no such operation.")
        return found


def read(text: str) -> Document:
    """The parsed document. Raises Invalid for what is not GraphQL or asks for too much."""
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise Invalid(f"The document is too large; {MAX_BYTES} bytes at most.")
    return _read(text)


@lru_cache(maxsize=KEPT)
def _read(text: str) -> Document:
    try:
        parsed = parse(text, no_location=True, max_tokens=MAX_TOKENS)
    except GraphQLError as error:
        message = truncate(one_line(error.message, 300), 300)
        raise Invalid(f"The document cannot be read: {message}") from None
    except RecursionError:
        raise _too_deep() from None
    document = _sorted(parsed)
    cost = _Cost(document.fragments)
    for operation in document.operations.values():
        cost.check(operation)
    return document


def _sorted(parsed: DocumentNode) -> Document:
    operations: dict[str, OperationDefinitionNode] = {}
    fragments: dict[str, FragmentDefinitionNode] = {}
    for definition in parsed.definitions:
        if isinstance(definition, OperationDefinitionNode):
            operations[definition.name.value if definition.name else ""] = definition
        elif isinstance(definition, FragmentDefinitionNode):
            fragments[definition.name.value] = definition
        else:
            raise Invalid("The document may only hold operations and fragments.")
    if not operations:
        raise Invalid("The document has no operation.")
    return Document(operations, fragments)


class _Cost:
    """How many fields a selection comes to, and how deep it goes, fragments included."""

    def __init__(self, fragments: dict[str, FragmentDefinitionNode]) -> None:
        self.fragments = fragments
        self.known: dict[str, tuple[int, int]] = {}
        self.open: set[str] = set()

    def check(self, operation: OperationDefinitionNode) -> None:
        if operation.operation == OperationType.SUBSCRIPTION:
            raise Invalid("There are no subscriptions here.")
        roots = operation.selection_set.selections
        if operation.operation == OperationType.MUTATION and len(roots) > MAX_MUTATIONS:
            raise Invalid(f"At most {MAX_MUTATIONS} changes at once.")
        fields, depth = self.of(operation.selection_set)
        if fields > MAX_FIELDS:
            raise Invalid(f"The document selects too many fields; {MAX_FIELDS} at most.")
        if depth > MAX_DEPTH:
            raise _too_deep()

    def of(self, selected: SelectionSetNode | None) -> tuple[int, int]:
        fields, depth = 0, 0
        counts: dict[str, int] = {}
        for selection in selected.selections if selected else ():
            if isinstance(selection, FieldNode):
                name = selection.name.value
                counts[name] = counts.get(name, 0) + 1
                if counts[name] > MAX_ALIASES_OF_FIELD:
                    raise Invalid(f"The same field more than {MAX_ALIASES_OF_FIELD} times.")
                inner = self.of(selection.selection_set)
                found = (inner[0] + 1, inner[1] + 1)
            elif isinstance(selection, FragmentSpreadNode):
                found = self.of_fragment(selection.name.value)
            elif isinstance(selection, InlineFragmentNode):
                found = self.of(selection.selection_set)
            else:
                raise Invalid("The document holds a selection of an unknown kind.")
            fields, depth = fields + found[0], max(depth, found[1])
        return fields, depth

    def of_fragment(self, name: str) -> tuple[int, int]:
        if name in self.known:
            return self.known[name]
        if name not in self.fragments:
            raise Invalid(f"There is no fragment {truncate(name, 80)!r}.")
        if name in self.open:
            raise Invalid(f"The fragment {truncate(name, 80)!r} contains itself.")
        self.open.add(name)
        self.known[name] = self.of(self.fragments[name].selection_set)
        self.open.discard(name)
        return self.known[name]


def root_fields(operation: OperationDefinitionNode) -> Iterator[Any]:
    """The names of what an operation asks first, for the log."""
    for selection in operation.selection_set.selections:
        if isinstance(selection, FieldNode):
            yield selection.name.value


def _too_deep() -> Invalid:
    return Invalid(f"The document is nested too deep; {MAX_DEPTH} levels at most.")
