"""Histories of several runs at once, whole or thinned out for a chart."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.mlflow.conftest import ROOT, Caller

pytestmark = pytest.mark.django_db

Calling = Callable[..., Caller]
INVALID = (400, "INVALID_PARAMETER_VALUE")
BULK = "metrics/get-history-bulk"
INTERVAL = "metrics/get-history-bulk-interval"


def run_with(caller: Caller, values: list[float], key: str = "loss") -> str:
    """A run with one point at each step from 0; its id."""
    run = str(caller.post("runs/create", experiment_id="0")["run"]["info"]["run_id"])
    points = [
        {"key": key, "value": value, "timestamp": 1_000 + step, "step": step}
        for step, value in enumerate(values)
    ]
    caller.post("runs/log-batch", run_id=run, metrics=points)
    return run


def read(caller: Caller, path: str, **query: Any) -> list[tuple[str, int, Any]]:
    """Run, step and value of each point, in the order of the answer."""
    found = caller.get(path, metric_key="loss", **query)
    return [(one["run_id"], one["step"], one["value"]) for one in found.get("metrics", [])]


class TestWhole:
    def test_run_by_run_as_asked(self, caller: Caller) -> None:
        first = run_with(caller, [0.5, math.nan])
        second = run_with(caller, [0.25])
        other = run_with(caller, [1.0], key="accuracy")

        found = caller.get(BULK, metric_key="loss", run_id=[first, second, other])["metrics"]

        assert found == [
            {"key": "loss", "value": 0.5, "timestamp": 1_000, "step": 0, "run_id": first},
            {"key": "loss", "value": "NaN", "timestamp": 1_001, "step": 1, "run_id": first},
            {"key": "loss", "value": 0.25, "timestamp": 1_000, "step": 0, "run_id": second},
        ]

    def test_no_more_points_in_all_than_asked_for(self, caller: Caller) -> None:
        first, second = run_with(caller, [1, 2]), run_with(caller, [3, 4])

        found = read(caller, BULK, run_id=[first, second], max_results=3)

        assert [(run, value) for run, _, value in found] == [(first, 1), (first, 2), (second, 3)]


class TestInterval:
    def test_between_two_steps(self, caller: Caller) -> None:
        run = run_with(caller, [0, 10, 20, 30, 40])

        found = read(caller, INTERVAL, run_ids=[run], start_step=1, end_step=3)

        assert found == [(run, 1, 10), (run, 2, 20), (run, 3, 30)]

    def test_thinned_out_with_both_ends(self, caller: Caller) -> None:
        run = run_with(caller, [float(step) for step in range(100)])

        steps = [step for _, step, _ in read(caller, INTERVAL, run_ids=[run], max_results=10)]

        assert steps[0] == 0
        assert steps[-1] == 99
        assert 5 <= len(steps) <= 12
        assert steps == sorted(set(steps))

    def test_few_points_come_whole_and_runs_each_by_themselves(self, caller: Caller) -> None:
        first, second = run_with(caller, [1, 2]), run_with(caller, [3])

        found = read(caller, INTERVAL, run_ids=[first, second])

        assert found == [(first, 0, 1), (first, 1, 2), (second, 0, 3)]

    def test_three_runs_cost_the_queries_of_one(self, caller: Caller) -> None:
        runs = [run_with(caller, [1, 2]) for _ in range(3)]

        def queries(some: list[str]) -> int:
            with CaptureQueriesContext(connection) as seen:
                read(caller, INTERVAL, run_ids=some)
            return len(seen)

        assert queries(runs) == queries(runs[:1])

    @pytest.mark.parametrize(
        "wrong",
        [
            {"start_step": 1},
            {"end_step": 1},
            {"start_step": 3, "end_step": 1},
            {"start_step": "x", "end_step": 1},
            {"max_results": 0},
            {"max_results": 2_501},
        ],
    )
    def test_an_interval_that_is_none(self, caller: Caller, wrong: dict[str, Any]) -> None:
        run = run_with(caller, [1])

        query = {"run_ids": [run], "metric_key": "loss"} | wrong

        assert caller.refused("GET", INTERVAL, **query) == INVALID


@pytest.mark.parametrize(("path", "field"), [(BULK, "run_id"), (INTERVAL, "run_ids")])
class TestEither:
    def test_what_a_stranger_asks_for_is_not_there(
        self, caller: Caller, calling: Calling, path: str, field: str
    ) -> None:
        run = run_with(caller, [1])
        stranger = calling(team_name="elsewhere")
        own = run_with(stranger, [2])

        assert read(stranger, path, **{field: [run, own, "0" * 32]}) == [(own, 0, 2)]

    def test_what_is_missing_or_too_much(self, caller: Caller, path: str, field: str) -> None:
        run = run_with(caller, [1])

        assert caller.refused("GET", path, metric_key="loss") == INVALID
        assert caller.refused("GET", path, **{field: [run]}) == INVALID
        many = [run] * 101
        assert caller.refused("GET", path, metric_key="loss", **{field: many}) == INVALID

    def test_under_the_address_that_pages_of_mlflow_ask(
        self, caller: Caller, path: str, field: str
    ) -> None:
        run = run_with(caller, [1])
        page = Caller(caller.user, caller.key, ROOT.replace("/api/", "/ajax-api/"))

        assert read(page, path, **{field: [run]}) == [(run, 0, 1)]
