"""How parameters are read and answers written, before any endpoint has a say."""

import base64
import math
from typing import Any

import pytest
from django.http import HttpRequest, QueryDict
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from apps.core.errors import DomainError
from apps.mlflow_api.wire import Params, QueryParams, double, present, read_params
from tests.mlflow.conftest import Caller


def refusal(read: Any) -> str:
    with pytest.raises(DomainError) as caught:
        read()
    return caught.value.message


def body(data: bytes, content_type: str = "application/json") -> HttpRequest:
    request = HttpRequest()
    request.method = "POST"
    request.META["CONTENT_TYPE"] = content_type
    request.content_type, request.content_params = content_type.partition(";")[0], {}
    request._body = data
    return request


class TestReading:
    def test_a_required_text_may_not_be_absent_or_empty(self) -> None:
        for values in ({}, {"key": None}, {"key": ""}):
            message = refusal(lambda values=values: Params(values).text("key", required=True))
            assert message.startswith(
                "Missing value for required parameter 'key'. See the API docs"
            )

    def test_a_wrong_type_is_said_as_json(self) -> None:
        message = refusal(lambda: Params({"run_id": 31}).text("run_id"))
        assert message.startswith("Invalid value 31 for parameter 'run_id' supplied: ")

    def test_a_long_value_is_not_said_back_whole(self) -> None:
        assert len(refusal(lambda: Params({"x": ["a" * 10_000]}).text("x"))) < 500

    @pytest.mark.parametrize("value", [5, 5.0, "5"])
    def test_a_whole_number_may_come_as_digits(self, value: object) -> None:
        assert Params({"step": value}).integer("step") == 5

    @pytest.mark.parametrize("value", [True, 5.5, "five", "5_0", "٥", "", [], {}, 2**63, "1" * 30])
    def test_what_is_no_whole_number_is_refused(self, value: object) -> None:
        assert "'step'" in refusal(lambda: Params({"step": value}).integer("step"))

    @pytest.mark.parametrize(
        ("value", "number"),
        [(1, 1.0), (1.5, 1.5), ("1.5", 1.5), ("Infinity", math.inf), ("-Infinity", -math.inf)],
    )
    def test_a_number_may_come_as_text(self, value: object, number: float) -> None:
        assert Params({"value": value}).number("value") == number

    def test_nan_may_come_as_text_or_bare(self) -> None:
        params = read_params(body(b'{"a": "NaN", "b": NaN, "c": -Infinity}'))
        assert math.isnan(params.number("a"))
        assert math.isnan(params.number("b"))
        assert params.number("c") == -math.inf

    @pytest.mark.parametrize("value", ["nan", "inf", " 1", "1_0", "0x1", "", [], 10**400, "1e999"])
    def test_what_is_no_number_is_refused(self, value: object) -> None:
        assert "'value'" in refusal(lambda: Params({"value": value}).number("value"))

    @pytest.mark.parametrize("value", ["true", 1, 0, [], "yes"])
    def test_a_boolean_in_json_is_a_boolean(self, value: object) -> None:
        assert "'flag'" in refusal(lambda: Params({"flag": value}).boolean("flag"))

    def test_a_query_repeats_the_name_of_a_list(self) -> None:
        params = QueryParams(QueryDict("order_by=a&order_by=b&flag=true&max_results=5"))
        assert params.texts("order_by") == ["a", "b"]
        assert params.boolean("flag") is True
        assert params.integer("max_results") == 5
        assert params.texts("absent") == []

    def test_messages_know_their_place(self) -> None:
        (metric,) = Params({"metrics": [{"key": 3}]}).messages("metrics")
        assert "'metrics[0].key'" in refusal(lambda: metric.text("key"))
        assert "'metrics[0]'" in refusal(lambda: Params({"metrics": [3]}).messages("metrics"))
        assert "'metrics'" in refusal(lambda: Params({"metrics": 3}).messages("metrics"))

    def test_fields_that_nobody_knows_are_ignored(self) -> None:
        assert read_params(body(b'{"run_id": "a", "new": {}}')).text("run_id") == "a"

    def test_an_empty_body_has_no_parameters(self) -> None:
        assert read_params(body(b"", "text/plain")).values == {}

    @pytest.mark.parametrize("kind", ["text/plain", "", "application/x-www-form-urlencoded"])
    def test_a_body_must_call_itself_json(self, kind: str) -> None:
        message = refusal(lambda: read_params(body(b"{}", kind)))
        assert message == "Bad Request. Content-Type must be one of ['application/json']."

    @pytest.mark.parametrize("data", [b"[]", b"3", b"{", b"\xff", b'{"a":"\\u0000"}', b'"x"'])
    def test_a_body_that_is_no_object_is_refused(self, data: bytes) -> None:
        assert refusal(lambda: read_params(body(data)))

    @given(st.floats(allow_nan=False, allow_infinity=False))
    def test_any_double_survives_as_text(self, value: float) -> None:
        assert double(repr(value)) == value


class TestWriting:
    def test_what_is_empty_is_left_out_but_not_zero_and_false(self) -> None:
        message: dict[str, object] = {"a": "", "b": [], "c": None, "d": 0, "e": False, "f": "x"}
        assert present(message) == {"d": 0, "e": False, "f": "x"}


class TestTheDoor:
    def test_every_spelling_is_the_same(self, caller: Caller) -> None:
        answers = []
        for root in ("api/2.0", "api/3.0", "ajax-api/2.0", "ajax-api/3.0"):
            caller.root = f"/{root}/mlflow/"
            answers.append(caller.get("server-info"))
        assert len(answers) == 4
        assert all(one == answers[0] for one in answers)
        assert answers[0]["store_type"] == "SqlStore"

    def test_health_and_version_are_plain_text(self) -> None:
        assert Client().get("/health").content == b"OK"
        assert Client().get("/version").content.startswith(b"3.")

    @pytest.mark.django_db
    @pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic !!", "Digest a"])
    def test_nobody_is_told_so(self, header: str) -> None:
        headers = {"Authorization": header} if header else {}
        response = Client().get("/api/3.0/mlflow/server-info", headers=headers)
        assert (response.status_code, response.json()["error_code"]) == (401, "UNAUTHENTICATED")
        # Whoever sends no key is told where the client takes it from.
        assert ("MLFLOW_TRACKING_TOKEN" in response.json()["message"]) == (not header)

    def test_the_key_may_be_a_password(self, caller: Caller) -> None:
        secret = base64.b64encode(f"anybody:{caller.key}".encode()).decode()
        response = Client().get(
            "/api/3.0/mlflow/server-info", headers={"Authorization": f"Basic {secret}"}
        )
        assert response.status_code == 200

    def test_an_unknown_endpoint_is_refused_at_once(self, caller: Caller) -> None:
        for path in ("nothing", "server-info/", "runs/explode"):
            assert caller.refused("GET", path) == (404, "ENDPOINT_NOT_FOUND")
            assert caller.refused("POST", path, {}) == (404, "ENDPOINT_NOT_FOUND")

    def test_a_wrong_method_is_refused_for_good(self, caller: Caller) -> None:
        response = caller.send("DELETE", "server-info")
        assert (response.status_code, response.headers["Allow"]) == (405, "GET")
        assert response.json()["error_code"] == "BAD_REQUEST"

    def test_head_is_get_without_the_body(self, caller: Caller) -> None:
        response = caller.send("HEAD", "server-info")
        assert (response.status_code, response.content) == (200, b"")
        assert int(response.headers["Content-Length"]) > 0
