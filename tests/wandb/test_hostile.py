"""Every change and every field with every kind of junk: refused or null, never a fault of ours.

What is declared says what is tried, so a new field or mutation is tried the moment it is there.
"""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from apps.artifacts.models import ArtifactVersion
from apps.runs.models import Run
from apps.wandb_api import ids, views  # noqa: F401  importing the view declares everything
from apps.wandb_api.schema import MUTATIONS, TYPES, Field, wire
from tests import build
from tests.api.conftest import rows
from tests.wandb.conftest import Caller

FINAL = (200, 400, 401, 403, 404, 409, 413, 422)
JUNK: list[Any] = [
    None,
    "",
    "x",
    "\ud800".encode("utf-16", "surrogatepass").decode("utf-16", "replace"),
    "../../etc/passwd",
    "x" * 100_000,
    "null",
    '{"a": {"$gt": {"$gt": 1}}}',
    "[[[[]]]]",
    ids.encode("Run", 1),
    ids.encode("Artifact", 1),
    ids.encode("Collection", 1),
    ids.encode("Run", "9" * 17),
    "MAIN",
    -1,
    0,
    2**62,
    2**70,
    1.5,
    1e308,
    True,
    [],
    [None],
    ["x"],
    [{}],
    [{"alias": 3, "name": [], "path": {}, "artifactID": "x"}],
    {},
    {"a": [{"b": {}}]},
]


# Inputs in one document; a field is asked for twice with each, and ten times at most.
AT_ONCE = 5


@pytest.fixture
def world(editor: Caller) -> Caller:
    """A project with a run and a version, so that some junk leads somewhere."""
    project = build.project(editor.user, "digits")
    run = build.run(editor.user, project, config={"lr": 0.1})
    build.version(editor.user, build.collection(editor.user, project), made_by=run)
    build.version(editor.user, build.collection(editor.user, None), place=project)
    return editor


def _inputs(found: Field) -> Iterator[dict[str, Any]]:
    """Each junk everywhere, and each argument alone with a plausible rest."""
    names = [wire(argument.name) for argument in found.arguments.values()]
    for junk in JUNK:
        yield dict.fromkeys(names, junk)
    plausible = {
        "entityName": "main",
        "projectName": "digits",
        "modelName": "digits",
        "runName": "abc",
        "id": ids.encode("Run", Run.objects.earliest("pk").pk),
        "artifactId": ids.encode("Artifact", ArtifactVersion.objects.earliest("pk").pk),
    }
    base = {name: plausible[name] for name in names if name in plausible}
    for name in names if len(names) > 1 else ():
        for junk in JUNK[4::9]:
            yield {**base, name: junk}


def _faults(caller: Caller, document: str, **variables: Any) -> list[str]:
    """What is wrong with the answer, if anything is. All of the document must have been run:
    a refusal of the whole would hide what comes after it."""
    answer = caller.send(document, **variables)
    if answer.status_code not in FINAL:
        return [f"{answer.status_code} for {document} {variables}"]
    body = answer.json()
    codes = {error["extensions"]["code"] for error in body.get("errors", ())}
    if "fault" in codes or body.get("data") is None:
        return [f"{codes} for {document} {variables}"]
    return []


def _parts(every: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """What is tried in one document: most of the time of a request is not in the field."""
    for start in range(0, len(every), AT_ONCE):
        yield every[start : start + AT_ONCE]


@pytest.mark.slow
def test_a_change_with_junk_is_no_fault(world: Caller) -> None:
    for change in MUTATIONS.values():
        called = wire(change.name)
        for part in _parts(list(_inputs(change))):
            heads = ", ".join(f"$i{at}: X!" for at in range(len(part)))
            calls = [f"c{at}: {called}(input: $i{at}) {{ __typename }}" for at in range(len(part))]
            document = f"mutation M({heads}) {{ {' '.join(calls)} }}"
            given = {f"i{at}": one for at, one in enumerate(part)}
            assert _faults(world, document, **given) == [], change.name


# Documents that lead to a node of a type; the field is put in for %s.
PLACES = {
    "Query": "%s",
    "Project": 'project(name: "digits", entityName: "main") { %s }',
    "Run": 'project(name: "digits", entityName: "main") { run(name: $run) { %s } }',
    "Entity": 'entity(name: "main") { %s }',
    "Organization": 'organization(name: "main") { %s }',
    "User": "viewer { %s }",
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", PLACES)
def test_a_field_with_junk_is_no_fault(world: Caller, kind: str) -> None:
    run = Run.objects.earliest("pk").key
    for asked in TYPES[kind].FIELDS.values():
        names = [wire(argument.name) for argument in asked.arguments.values()]
        for part in _parts(list(_inputs(asked)) if names else [{}]):
            calls, given = [], {"run": run}
            for at, junk in enumerate(part):
                given |= {f"{name}{at}": one for name, one in junk.items()}
                written = ", ".join(f"{name}: ${name}{at}" for name in junk)
                called = wire(asked.name) + (f"({written})" if written else "")
                # Also where a field is taken for a plain value, or the other way round.
                calls.append(f"a{at}: {called} b{at}: {called} {{ __typename }}")
            heads = ", ".join(f"${name}: X" for name in given)
            document = f"query Q({heads}) {{ {PLACES[kind] % ' '.join(calls)} }}"
            assert _faults(world, document, **given) == [], asked.name


def test_a_reading_stranger_changes_nothing(world: Caller, stranger: Caller) -> None:
    """Whatever a stranger sends with our ids in it."""
    stranger.send("{ viewer { id } }")
    before = {name: count for name, count in rows().items() if "audit" not in name}
    run = ids.encode("Run", Run.objects.earliest("pk").pk)
    artifact = ids.encode("Artifact", ArtifactVersion.objects.earliest("pk").pk)
    logging.disable(logging.CRITICAL)
    try:
        for found in MUTATIONS.values():
            if found.is_open or found.name in OWN:
                continue
            names = [wire(argument.name) for argument in found.arguments.values()]
            for id in (run, artifact):
                given = {
                    name: {"entityName": "main", "projectName": "digits"}.get(name, id)
                    for name in names
                }
                document = (
                    f"mutation M($input: X!) {{ {wire(found.name)}(input: $input) {{ id }} }}"
                )
                answer = stranger.send(document, input=given)
                assert answer.json().get("errors"), (found.name, answer.json())
    finally:
        logging.disable(logging.NOTSET)
    after = {name: count for name, count in rows().items() if "audit" not in name}
    changed = {name for name in after if after[name] != before[name]}
    assert changed <= {"wandb_api_unknownfield"}


# Changes of what is the caller's own, wherever the ids lead; and a new project in one's own team.
OWN = ("generate_api_key", "delete_api_key", "upsert_model")
