"""Searching runs: every condition, every order, page by page."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.accounts.choices import Role
from apps.mlflow_api.run_search import _fits
from tests import build
from tests.mlflow.conftest import Caller

pytestmark = pytest.mark.django_db

Calling = Callable[..., Caller]
INVALID = (400, "INVALID_PARAMETER_VALUE")


def start(caller: Caller, name: str, at: int, **said: Any) -> str:
    """A run with params, tags and metrics; a metric is one value."""
    metrics = [{"key": k, "value": v, "timestamp": at} for k, v in said.get("metrics", {}).items()]
    run: str = caller.post(
        "runs/create",
        experiment_id=said.get("experiment", "0"),
        run_name=name,
        start_time=at,
        tags=[{"key": k, "value": v} for k, v in said.get("tags", {}).items()],
    )["run"]["info"]["run_id"]
    params = [{"key": k, "value": v} for k, v in said.get("params", {}).items()]
    caller.post("runs/log-batch", run_id=run, metrics=metrics, params=params)
    return run


def found(caller: Caller, **query: Any) -> list[str]:
    query.setdefault("experiment_ids", ["0"])
    runs = caller.post("runs/search", **query).get("runs", [])
    return [run["info"]["run_name"] for run in runs]


def by_pages(caller: Caller, size: int, **query: Any) -> list[str]:
    names: list[str] = []
    token = ""
    for _ in range(50):
        answer = caller.post(
            "runs/search",
            **{"experiment_ids": ["0"], **query},
            max_results=size,
            page_token=token,
        )
        names += [run["info"]["run_name"] for run in answer.get("runs", [])]
        token = answer.get("next_page_token", "")
        if not token:
            return names
    raise AssertionError("the pages never end")


@pytest.fixture
def world(caller: Caller) -> Caller:
    start(
        caller,
        "a",
        1_000,
        metrics={"loss": 0.5, "val loss": 1.0},
        params={"lr": "0.1", "net": "cnn"},
        tags={"team": "vision", "mlflow.user": "ana"},
    )
    start(caller, "b", 2_000, metrics={"loss": 0.25}, params={"lr": "0.01"}, tags={"team": "text"})
    start(caller, "c", 3_000, metrics={"loss": "NaN"}, params={"net": "CNN-2"})
    start(caller, "d", 4_000, metrics={"loss": "Infinity"}, tags={"mlflow.note.content": "odd"})
    run = start(caller, "e", 5_000)
    caller.post("runs/update", run_id=run, status="FINISHED", end_time=6_000)
    return caller


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", "edcba"),
        ("metrics.loss < 0.5", "b"),
        ("metrics.loss <= 0.5", "ba"),
        ("metrics.loss > 0.25", "da"),
        ("metrics.loss >= 0.25", "dba"),
        ("metrics.loss = 0.5", "a"),
        ("metrics.loss != 0.5", "dcb"),
        ("metrics.`val loss` = 1", "a"),
        ("metrics.nothing != 1", ""),
        ("params.lr = '0.1'", "a"),
        ("params.lr != '0.1'", "b"),
        ("params.lr LIKE '0.%'", "ba"),
        ("params.net ILIKE 'cnn%'", "ca"),
        ("params.net LIKE 'cnn%'", "a"),
        ("params.lr IS NULL", "edc"),
        ("params.lr IS NOT NULL", "ba"),
        ("tags.team = 'vision'", "a"),
        ("tags.team != 'vision'", "b"),
        ("tag.team IS NULL", "edc"),
        ("tags.`mlflow.runName` = 'c'", "c"),
        ("tags.`mlflow.note.content` LIKE '%dd'", "d"),
        ("tags.`mlflow.note.content` IS NULL", "ecba"),
        ("run_name = 'a'", "a"),
        ("attributes.run_name LIKE '_'", "edcba"),
        ("run_name != 'a'", "edcb"),
        ("status = 'FINISHED'", "e"),
        ("status != 'FINISHED'", "dcba"),
        ("status LIKE 'FIN%'", "e"),
        ("status ILIKE 'run%'", "dcba"),
        ("status = 'running'", ""),
        ("user_id = 'ana'", "a"),
        ("user_id != 'ana'", "edcb"),
        ("start_time = 3000", "c"),
        ("start_time != 3000", "edba"),
        ("start_time > 3000", "ed"),
        ("start_time >= 3000", "edc"),
        ("created < 3000", "ba"),
        ("start_time <= 2999.5", "ba"),
        ("end_time > 0", "e"),
        ("end_time <= 6000", "e"),
        ("end_time != 5", "e"),
        ("start_time > -1e30", "edcba"),
        ("start_time > 1e30", ""),
        ("run_id = 'nothing'", ""),
        ("run_id NOT IN ('nothing')", "edcba"),
        ("artifact_uri LIKE 'mlflow-artifacts:/0/%/artifacts'", "edcba"),
        ("metrics.loss < 1 AND params.lr = '0.1' AND tags.team = 'vision'", "a"),
    ],
)
def test_filters(world: Caller, text: str, names: str) -> None:
    assert found(world, filter=text) == list(names)
    by_loss = [name for name in "badce" if name in names]
    assert found(world, filter=text, order_by=["metrics.loss"]) == by_loss


@pytest.mark.parametrize(
    ("orders", "names"),
    [
        (["start_time"], "abcde"),
        (["start_time DESC"], "edcba"),
        (["metrics.loss"], "badce"),
        (["metrics.loss DESC"], "dabce"),
        (["metrics.loss DESC", "start_time ASC"], "dabce"),
        (["params.lr", "run_name"], "bacde"),
        (["params.lr DESC", "run_name DESC"], "abedc"),
        (["tags.team", "run_name"], "bacde"),
        (["tags.`mlflow.runName` DESC"], "edcba"),
        (["run_name"], "abcde"),
        (["status", "run_name"], "eabcd"),
        (["end_time", "run_name"], "eabcd"),
        (["end_time DESC", "run_name"], "eabcd"),
        (["metrics.nothing", "run_name"], "abcde"),
        (["metrics.nothing"], "edcba"),
    ],
)
def test_orders(world: Caller, orders: list[str], names: str) -> None:
    assert found(world, order_by=orders) == list(names)
    assert by_pages(world, 2, order_by=orders) == list(names)
    assert by_pages(world, 1, order_by=orders, filter="run_name != 'x'") == list(names)


@pytest.mark.parametrize(
    "order", ["user_id", "artifact_uri", "run_id", "tags.`mlflow.note.content`"]
)
def test_every_attribute_is_an_order(world: Caller, order: str) -> None:
    whole = found(world, order_by=[order])
    assert sorted(whole) == list("abcde")
    assert by_pages(world, 2, order_by=[order]) == whole


def test_two_experiments_make_one_list(world: Caller) -> None:
    key = world.post("experiments/create", name="more")["experiment_id"]
    start(world, "f", 3_500, experiment=key, metrics={"loss": 0.3})
    both = {"experiment_ids": ["0", key]}
    assert by_pages(world, 4, **both) == list("edfcba")
    assert by_pages(world, 2, order_by=["metrics.loss"], **both) == list("bfadce")
    assert found(world, filter="metrics.loss < 0.4", **both) == list("fb")
    uri = f"artifact_uri LIKE 'mlflow-artifacts:/{key}/%'"
    assert found(world, filter=uri, **both) == ["f"]


def test_lifecycles(world: Caller) -> None:
    (run,) = world.post("runs/search", experiment_ids=["0"], filter="run_name = 'c'")["runs"]
    world.post("runs/delete", run_id=run["info"]["run_id"])
    assert found(world) == list("edba")
    assert found(world, run_view_type="DELETED_ONLY") == ["c"]
    assert found(world, run_view_type="ALL") == list("edcba")
    for orders in (["metrics.loss"], ["start_time DESC"], ["run_name"]):
        assert "c" not in found(world, order_by=orders)
        assert "c" in found(world, order_by=orders, run_view_type="ALL")


def test_where_the_rest_has_gone_the_list_ends(world: Caller) -> None:
    first = world.post("runs/search", experiment_ids=["0"], max_results=3)
    whole = world.post("runs/search", experiment_ids=["0"])["runs"]
    for run in whole[3:]:
        world.post("runs/delete", run_id=run["info"]["run_id"])
    token = first["next_page_token"]
    assert world.post("runs/search", experiment_ids=["0"], page_token=token) == {}


@pytest.mark.parametrize(
    "query",
    [
        {"page_token": "garbage"},
        {"page_token": "eyJvZmZzZXQiOiAxfQ=="},
        {"max_results": 0},
        {"max_results": 50_001},
        {"run_view_type": "X"},
        {"filter": "metrics.loss > 1 OR metrics.loss < 1"},
        {"order_by": ["metrics.a", "metrics.a"]},
        {"experiment_ids": "0"},
        {"experiment_ids": [0]},
    ],
)
def test_what_cannot_be_meant(world: Caller, query: dict[str, Any]) -> None:
    body = {"experiment_ids": ["0"], **query}
    assert world.refused("POST", "runs/search", body) == INVALID


def test_a_token_belongs_to_its_list(world: Caller) -> None:
    token = world.post("runs/search", experiment_ids=["0"], max_results=1)["next_page_token"]
    for more in ({"filter": "run_name = 'a'"}, {"order_by": ["run_name"]}):
        body = {"experiment_ids": ["0"], "page_token": token, **more}
        assert world.refused("POST", "runs/search", body) == INVALID


def test_others_runs_are_not_found(world: Caller, calling: Calling) -> None:
    place = build.project(world.user, "secret", private=True)
    start(world, "hidden", 1, experiment=str(place.pk))
    assert found(world, experiment_ids=[str(place.pk)]) == ["hidden"]
    assert found(calling(), experiment_ids=[str(place.pk)]) == []
    assert found(calling(Role.ADMIN, team_name="others"), experiment_ids=["0"]) == []
    assert found(world, experiment_ids=[]) == []
    assert found(world, experiment_ids=["99999", "x", "9" * 40]) == []


def test_it_costs_the_same_for_few_and_for_many(world: Caller) -> None:
    with CaptureQueriesContext(connection) as few:
        found(world, filter="run_name = 'a'")
    for at in range(5):
        start(world, f"x{at}", at, metrics={"loss": 1.0}, params={"p": "1"}, tags={"t": "1"})
    with CaptureQueriesContext(connection) as many:
        assert len(found(world)) == 10
    assert len(many) == len(few)


@given(pattern=st.text("ab%_", max_size=6), word=st.text("ab", max_size=5))
def test_patterns_on_short_words(pattern: str, word: str) -> None:
    def fits(signs: str, letters: str) -> bool:
        if not signs:
            return not letters
        if signs[0] == "%":
            return any(fits(signs[1:], letters[at:]) for at in range(len(letters) + 1))
        return bool(letters) and signs[0] in ("_", letters[0]) and fits(signs[1:], letters[1:])

    assert _fits("like", pattern, word) == fits(pattern, word)


@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(values=st.lists(st.sampled_from([0.5, 1.0, math.nan, None]), max_size=8), down=st.booleans())
def test_pages_by_metric_have_every_run_once(
    caller: Caller, values: list[float | None], down: bool
) -> None:
    key = caller.post("experiments/create", name=build.user().username)["experiment_id"]
    for at, value in enumerate(values):
        metrics = {} if value is None else {"m": value}
        start(caller, f"r{at}", 1_000, experiment=key, metrics=metrics)
    order = [f"metrics.m {'DESC' if down else 'ASC'}"]
    names = by_pages(caller, 3, experiment_ids=[key], order_by=order)
    assert sorted(names) == sorted(f"r{at}" for at in range(len(values)))
    ranks = [
        2 if values[int(name[1:])] is None else int(math.isnan(values[int(name[1:])] or 0.0))
        for name in names
    ]
    assert ranks == sorted(ranks)
