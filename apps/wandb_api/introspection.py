"""What clients before 0.28 ask of the schema: which fields a type and which keys an input has.

Answered from the declared types. A name that is not known has no fields, but is never null: those
clients stumble over a null.
"""

from collections.abc import Callable, Mapping
from typing import Any

from apps.wandb_api.context import Context
from apps.wandb_api.schema import INPUTS, MUTATIONS, TYPES, Field, plain, wire

# A client that finds fields here asks for messages of the vendor's with every run.
EMPTY = frozenset({"ServerSettings"})


def describe_type(given: Mapping[str, Any], context: Context) -> dict[str, Any]:
    name = str(given.get("name", ""))[:200]
    fields = _fields(name)
    inputs = _inputs(name)
    if not fields and not inputs and name not in EMPTY:
        context.unknown.note("__type", name)
    return {
        "__typename": "__Type",
        "name": name,
        "kind": "INPUT_OBJECT" if inputs else "OBJECT",
        "fields": fields,
        "inputFields": inputs,
        "enumValues": [],
        "interfaces": [],
        "possibleTypes": [],
    }


def describe_schema(given: Mapping[str, Any], context: Context) -> dict[str, Any]:
    return {
        "__typename": "__Schema",
        "queryType": {"name": "Query"},
        "mutationType": {"name": "Mutation"},
        "subscriptionType": None,
        "types": [{"name": name, "kind": "OBJECT"} for name in sorted(TYPES)],
        "directives": [],
    }


FIELDS: dict[str, Callable[[Mapping[str, Any], Context], Any]] = {
    "__type": describe_type,
    "__schema": describe_schema,
}


def _fields(name: str) -> list[dict[str, Any]]:
    if name == "Mutation":
        declared = list(MUTATIONS.values())
    elif name in TYPES:
        declared = list(TYPES[name].FIELDS.values())
    else:
        declared = []
    return [
        {
            "__typename": "__Field",
            "name": spelling,
            "args": [{"name": one} for one in _arguments(found)],
            "type": {"name": None, "kind": "SCALAR"},
        }
        for found in declared
        for spelling in _spellings(found.name)
    ]


def _inputs(name: str) -> list[dict[str, Any]]:
    if name in INPUTS:
        names = list(INPUTS[name])
    else:
        found = MUTATIONS.get(plain(name.removesuffix("Input"))) if name.endswith("Input") else None
        names = _arguments(found) if found else []
    return [{"__typename": "__InputValue", "name": one} for one in names]


def _arguments(found: Field) -> list[str]:
    return [one for each in found.arguments.values() for one in _spellings(each.name)]


def _spellings(name: str) -> list[str]:
    """`run_id` goes as runID and as runId; which one a client looks for, only it knows."""
    usual = wire(name)
    return [usual, f"{usual[:-2]}ID"] if usual.endswith("Id") else [usual]
