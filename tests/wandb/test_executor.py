"""Documents: what is answered, what is forgiven, and what is refused before it costs anything."""

import json
import sqlite3
from collections.abc import Iterator

import pytest
from django.db import OperationalError
from django.test import Client

from apps.wandb_api.context import Context
from apps.wandb_api.models import UnknownField
from apps.wandb_api.schema import MUTATIONS, mutation
from apps.wandb_api.unknown import _waiting
from tests import build
from tests.wandb.conftest import Caller

VIEWER = "query Viewer { viewer { id entity username flags teams { edges { node { name } } } } }"


@pytest.fixture(autouse=True)
def nothing_counted() -> None:
    _waiting.counts.clear()
    _waiting.written_at.clear()


class TestWalk:
    def test_the_viewer_is_the_owner_of_the_key(self, editor: Caller) -> None:
        assert editor.ask(VIEWER)["viewer"] == {
            "id": "VXNlcjox" if editor.user.pk == 1 else editor.ask(VIEWER)["viewer"]["id"],
            "entity": "main",
            "username": "editor",
            "flags": '{"code_saving_enabled":true}',
            "teams": {"edges": [{"node": {"name": "main"}}]},
        }

    def test_aliases_fragments_and_typename(self, editor: Caller) -> None:
        document = """
            query { me: viewer { ...Short __typename login: username } }
            fragment Short on User { entity ...Deeper }
            fragment Deeper on User { username }
        """
        assert editor.ask(document)["me"] == {
            "entity": "main",
            "username": "editor",
            "__typename": "User",
            "login": "editor",
        }

    def test_a_field_that_two_fragments_select_gets_what_both_want(self, editor: Caller) -> None:
        document = """
            query { viewer { ...A ...B } }
            fragment A on User { teams { edges { node { name } } } }
            fragment B on User { teams { edges { cursor } totalCount } }
        """
        teams = editor.ask(document)["viewer"]["teams"]
        assert teams["totalCount"] == 1
        assert set(teams["edges"][0]) == {"node", "cursor"}

    def test_a_fragment_on_another_type_is_left_out(self, editor: Caller) -> None:
        document = "query { viewer { username ... on Run { state } ... on User { entity } } }"
        assert editor.ask(document)["viewer"] == {"username": "editor", "entity": "main"}

    @pytest.mark.parametrize(
        ("directive", "is_there"),
        [
            ("@include(if: true)", True),
            ("@include(if: false)", False),
            ("@skip(if: true)", False),
            ("@include(if: $yes)", True),
            ("@include(if: $no)", False),
            ("@include(if: $left_out)", True),
        ],
    )
    def test_include_and_skip(self, editor: Caller, directive: str, is_there: bool) -> None:
        document = f"""
            query Q($yes: Boolean!, $no: Boolean!, $left_out: Boolean = true) {{
              viewer {{ username entity {directive} }}
            }}
        """
        viewer = editor.ask(document, yes=True, no=False)["viewer"]
        assert ("entity" in viewer) is is_there

    def test_what_is_not_there_and_what_is_hidden_are_null(
        self, editor: Caller, stranger: Caller
    ) -> None:
        build.project(editor.user, "digits")
        document = 'query Q($e: String) { project(name: "digits", entityName: $e) { name } }'
        assert editor.ask(document, e="main") == {"project": {"name": "digits"}}
        assert editor.ask(document, e="nowhere") == {"project": None}
        assert stranger.ask(document, e="main") == {"project": None}


class TestLeniency:
    def test_what_has_fields_is_null_where_none_is_selected(self, editor: Caller) -> None:
        answer = editor.ask("query { viewer { teams { edges } organizations } entity }")
        viewer = {"teams": {"edges": None}, "organizations": None}
        assert answer == {"viewer": viewer, "entity": None}

    def test_an_unknown_field_is_null_and_counted(self, editor: Caller) -> None:
        answer = editor.ask("query { viewer { username shoeSize { left } } soon(at: 3) { x } }")
        assert answer == {"viewer": {"username": "editor", "shoeSize": None}, "soon": None}
        assert set(UnknownField.objects.values_list("type", "field", "client", "count")) == {
            ("User", "shoeSize", "wandb-tests", 1),
            ("Query", "soon", "wandb-tests", 1),
        }

    def test_an_unknown_argument_is_ignored_and_counted(self, editor: Caller) -> None:
        document = 'query { entity(name: "main", colour: "red") { name } }'
        assert editor.ask(document) == {"entity": {"name": "main"}}
        assert UnknownField.objects.get().type == "Query.entity"

    def test_a_change_that_is_not_known_is_an_error(self, editor: Caller) -> None:
        message = editor.refused("mutation { paintItBlack(input: {}) { ok } }")
        assert message == 'Cannot query field "paintItBlack" on type "Mutation".'

    def test_introspection_lists_what_is_declared(self, editor: Caller) -> None:
        document = """
            query { a: __type(name: "Organization") { name fields { name } }
                    b: __type(name: "ServerSettings") { fields { name } inputFields { name } } }
        """
        answer = editor.ask(document)
        assert {"name": "orgEntity"} in answer["a"]["fields"]
        assert answer["b"] == {"fields": [], "inputFields": []}


def _nested(depth: int) -> str:
    return (
        "query { viewer " + "{ teams { edges { node " * depth + "{ name }" + "} } }" * depth + "}"
    )


def _fragment_bomb() -> str:
    fragments = [
        f"fragment F{at} on User {{ a: __typename ...F{at + 1} teams {{ ...F{at + 1} }} }}"
        for at in range(40)
    ]
    return "query { viewer { ...F0 } }\n" + "\n".join(fragments) + "fragment F40 on User { id }"


class TestHostileDocuments:
    @pytest.mark.parametrize(
        "document",
        [
            "",
            "{",
            "query { viewer }}}",
            "{" * 50_000,
            _nested(20),
            _nested(3_000),
            "query { viewer { ...F } } fragment F on User { ...F }",
            "query { viewer { ...F } } fragment F on User { teams { ...G } } "
            "fragment G on X { ...F }",
            "query { viewer { ...Missing } }",
            _fragment_bomb(),
            "query {" + " ".join(f"a{at}: viewer {{ id }}" for at in range(2_000)) + "}",
            "query { viewer { id } } # " + "x" * 200_000,
            "query { " + "id " * 20_000 + "}",
            "subscription { viewer { id } }",
            "query A { viewer { id } } query B { viewer { id } }",
            "type A { b: Int }",
            "mutation {" + " ".join(f"a{at}: deleteRun {{ x }}" for at in range(20)) + "}",
        ],
    )
    def test_is_refused_with_a_final_status(self, editor: Caller, document: str) -> None:
        answer = editor.send(document)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["message"]

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"null",
            b"[]",
            b'{"query": 3}',
            b'{"query": "{ viewer { id } }", "variables": [1]}',
            b'{"query": "{ viewer { id } }", "operationName": {}}',
            b"\xff\xfe",
            json.dumps({"query": "{ viewer { id } }", "variables": "x"}).encode(),
        ],
    )
    def test_a_body_that_is_no_request(self, editor: Caller, body: bytes) -> None:
        answer = Client().post(
            "/graphql", body, content_type="application/json", headers=editor.headers
        )
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["message"]

    def test_arguments_of_the_wrong_kind_are_refused(self, editor: Caller) -> None:
        document = "query Q($name: String) { entity(name: $name) { name } }"
        assert editor.refused(document, name=["main"]) == "name must be text."
        assert editor.refused(document, name={"a": 1}) == "name must be text."


class TestKeys:
    def test_a_wrong_key_is_told_at_once(self, db: None) -> None:
        headers = {"Authorization": "Basic YXBpOndyb25n"}
        answer = Client().post(
            "/graphql", '{"query": "{ viewer { id } }"}', "application/json", headers=headers
        )
        assert answer.status_code == 401
        assert "API key" in answer.json()["errors"][0]["message"]

    def test_a_bearer_does_as_well(self, editor: Caller) -> None:
        headers = {"Authorization": f"Bearer {editor.secret}"}
        answer = Client().post(
            "/graphql", json.dumps({"query": VIEWER}), "application/json", headers=headers
        )
        assert answer.json()["data"]["viewer"]["username"] == "editor"

    def test_no_method_is_answered_with_what_the_client_repeats(self, editor: Caller) -> None:
        for method in ("GET", "PUT", "DELETE"):
            answer = Client().generic(method, "/graphql", headers=editor.headers)
            assert answer.status_code == 400


@pytest.fixture
def broken() -> Iterator[None]:
    """Two changes that go wrong by our own fault, and one because the database is busy."""

    def break_down(context: Context) -> None:
        raise RuntimeError("a secret of ours")

    def be_busy(context: Context) -> None:
        cause = sqlite3.OperationalError("database is locked")
        cause.sqlite_errorcode = sqlite3.SQLITE_BUSY
        raise OperationalError("database is locked") from cause

    mutation(break_down)
    mutation(be_busy)
    yield
    del MUTATIONS["breakdown"], MUTATIONS["bebusy"]


@pytest.mark.usefixtures("broken")
class TestFaults:
    def test_a_fault_is_logged_and_not_worth_repeating(
        self, editor: Caller, caplog: pytest.LogCaptureFixture
    ) -> None:
        answer = editor.send("mutation { breakDown { ok } }")
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["extensions"] == {"code": "fault"}
        assert "secret" not in answer.content.decode()
        assert any(record.name == "fault" for record in caplog.records)

    def test_what_passes_by_itself_is_worth_repeating(self, editor: Caller) -> None:
        answer = editor.send("mutation { beBusy { ok } }")
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.json()["errors"][0]["extensions"] == {"code": "busy"}
