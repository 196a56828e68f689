"""Lists of runs: filters as the client writes them, orders, pages."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.runs.models import Run
from apps.runs.services import finish_run, log_points, schedule_run, update_run
from apps.runs.streams import replace_summary
from apps.series.services import Batch
from tests import build
from tests.wandb.conftest import Caller
from tests.wandb.documents import RUNS


@pytest.fixture
def runs(editor: Caller) -> list[Run]:
    """alpha (lr 0.1, acc 0.5), beta_1 (lr 0.2, acc 0.9, finished), gamma (no lr; acc logged)."""
    project = build.project(editor.user, "digits")
    access = build.access(editor.user, project=project)
    made = []
    for name, config in (
        ("alpha", {"lr": 0.1, "net": "cnn"}),
        ("beta_1", {"lr": 0.2}),
        ("gamma", {}),
    ):
        made.append(build.run(editor.user, project, name=name, config=config))
    alpha, beta, gamma = made
    update_run(run=alpha, access=access, tags={"old": "", "best": ""}, group="g1", job_type="train")
    update_run(run=beta, access=access, tags={"old": ""}, group="g2")
    replace_summary(run=alpha, summary={"acc": 0.5, "note": "poor"}, access=access)
    replace_summary(run=beta, summary={"acc": 0.9}, access=access)
    log_points(
        run=gamma,
        access=access,
        batches=[Batch("acc", steps=[1], times=[1.0], values=[0.7])],
    )
    finish_run(run=beta, access=access)
    return made


def found(editor: Caller, filters: Any = None, order: str = "+created_at", **given: Any) -> Any:
    text = filters if isinstance(filters, str) else json.dumps(filters or {})
    project = editor.ask(RUNS, project="digits", entity="main", filters=text, order=order, **given)[
        "project"
    ]
    names = [edge["node"]["displayName"] for edge in project["runs"]["edges"]]
    if not given:
        assert project["runCount"] == len(names)
    return names


@pytest.mark.usefixtures("runs")
class TestFilters:
    @pytest.mark.parametrize(
        ("filters", "names"),
        [
            ({}, ["alpha", "beta_1", "gamma"]),
            ({"config.lr": 0.1}, ["alpha"]),
            ({"config.lr.value": 0.1}, ["alpha"]),
            ({"config.lr": {"$gte": 0.1, "$lt": 0.2}}, ["alpha"]),
            ({"config.lr": {"$in": [0.2, 0.3]}}, ["beta_1"]),
            ({"config.lr": {"$exists": False}}, ["gamma"]),
            ({"config.net": "cnn"}, ["alpha"]),
            ({"config.net.value": {"$regex": "^c"}}, ["alpha"]),
            ({"config.unheard_of": 3}, []),
            ({"summary_metrics.acc": {"$gt": 0.6}}, ["beta_1", "gamma"]),
            ({"summaryMetrics.note": "poor"}, ["alpha"]),
            ({"state": "finished"}, ["beta_1"]),
            ({"state": {"$ne": "finished"}}, ["alpha", "gamma"]),
            ({"tags": "best"}, ["alpha"]),
            ({"tags": {"$in": ["best", "old"]}}, ["alpha", "beta_1"]),
            ({"tags": {"$nin": ["old"]}}, ["gamma"]),
            ({"display_name": "gamma"}, ["gamma"]),
            ({"displayName": {"$regex": "^b.*_1$"}}, ["beta_1"]),
            ({"display_name": {"$regex": "^b.ta_.$"}}, ["beta_1"]),
            ({"display_name": {"$regex": "^.l.*a$"}}, ["alpha"]),
            ({"display_name": {"$regex": "a"}}, ["alpha", "beta_1", "gamma"]),
            ({"display_name": {"$regex": "^(alpha|gam?ma)$|^zeta"}}, ["alpha", "gamma"]),
            ({"display_name": {"$regex": "^[a-b].+_\\d$"}}, ["beta_1"]),
            ({"display_name": {"$not": {"$regex": "^a"}}}, ["beta_1", "gamma"]),
            ({"jobType": "train"}, ["alpha"]),
            ({"group": {"$in": ["g1", "g2"]}}, ["alpha", "beta_1"]),
            ({"username": "editor"}, ["alpha", "beta_1", "gamma"]),
            ({"created_at": {"$gt": "2001-01-01T00:00:00"}}, ["alpha", "beta_1", "gamma"]),
            ({"sweep": None}, ["alpha", "beta_1", "gamma"]),
            ({"$and": [{"tags": "old"}, {"state": "running"}]}, ["alpha"]),
            ({"$or": [{"config.lr": 0.1}, {"config.lr": 0.2}]}, ["alpha", "beta_1"]),
            ({"$nor": [{"tags": "old"}]}, ["gamma"]),
            ({"$or": [{"config.lr": 0.1}, {"$and": [{"group": "g2"}]}]}, ["alpha", "beta_1"]),
        ],
    )
    def test_means_these_runs(self, editor: Caller, filters: Any, names: list[str]) -> None:
        assert found(editor, filters) == names

    @pytest.mark.parametrize(
        ("filters", "names"),
        [
            ({"state": "pending"}, ["gamma"]),
            ({"state": {"$in": ["pending", "finished"]}}, ["beta_1", "gamma"]),
            ({"state": {"$ne": "pending"}}, ["alpha", "beta_1"]),
            ({"state": {"$regex": "^pend"}}, ["gamma"]),
        ],
    )
    def test_a_run_that_has_not_begun_is_pending(
        self, editor: Caller, runs: list[Run], filters: Any, names: list[str]
    ) -> None:
        gamma = runs[2]
        schedule_run(run=gamma, access=build.access(editor.user, project=gamma.project))
        assert found(editor, filters) == names

    @pytest.mark.parametrize(
        "filters",
        [
            "{",
            "[1]",
            {"config.lr": {"$where": "1"}},
            {"$where": "sleep(1)"},
            {"$and": {"a": 1}},
            {"config.lr": {"$in": 3}},
            {"config.lr": {"$in": list(range(5_000))}},
            {"display_name": {"$regex": "(a+)+$"}},
            {"display_name": {"$regex": "a" * 1_000}},
            {"display_name": {"$regex": "a^b"}},
            {"$or": [{"group": {"$regex": "(a|b)" * 5}}] * 4},
            {"display_name": {"$regex": ["a"]}},
            {"config.lr": {"$gt": [1]}},
            {"state": "walking"},
            {"state": "scheduled"},
            {"created_at": {"$gt": "yesterday"}},
            {"$or": [{"group": str(at)} for at in range(200)]},
            '{"$not":' * 100 + "{}" + "}" * 100,
        ],
    )
    def test_is_refused(self, editor: Caller, filters: Any) -> None:
        text = filters if isinstance(filters, str) else json.dumps(filters)
        assert editor.refused(RUNS, project="digits", entity="main", filters=text)


@pytest.mark.usefixtures("runs")
class TestOrder:
    @pytest.mark.parametrize(
        ("order", "names"),
        [
            ("+created_at", ["alpha", "beta_1", "gamma"]),
            ("-created_at", ["gamma", "beta_1", "alpha"]),
            ("-config.lr", ["beta_1", "alpha", "gamma"]),
            ("+config.lr.value", ["alpha", "beta_1", "gamma"]),
            ("-summary_metrics.acc", ["beta_1", "alpha", "gamma"]),
            ("+display_name", ["alpha", "beta_1", "gamma"]),
        ],
    )
    def test_is_this(self, editor: Caller, order: str, names: list[str]) -> None:
        assert found(editor, order=order) == names

    def test_pages_follow_each_other(self, editor: Caller) -> None:
        names, cursor = [], None
        for _ in range(3):
            answer = editor.ask(
                RUNS, project="digits", entity="main", order="-config.lr", perPage=1, cursor=cursor
            )["project"]["runs"]
            names += [edge["node"]["displayName"] for edge in answer["edges"]]
            cursor = answer["pageInfo"]["endCursor"]
        assert names == ["beta_1", "alpha", "gamma"]
        assert answer["pageInfo"]["hasNextPage"] is False

    def test_unknown_orders_and_cursors_are_refused(self, editor: Caller) -> None:
        place = {"project": "digits", "entity": "main"}
        assert editor.refused(RUNS, **place, order="+host")
        assert editor.refused(RUNS, **place, cursor="x")


def test_queries_do_not_grow_with_the_list(editor: Caller, runs: list[Run]) -> None:
    def count(size: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            found(editor, perPage=size)
        return len(captured)

    count(1)  # the first use of a key is noted
    assert count(1) == count(3) == 7


def test_others_see_no_runs(stranger: Caller, runs: list[Run]) -> None:
    answer = stranger.ask(RUNS, project="digits", entity="main", filters="{}")
    assert answer == {"project": None}


def test_lists_within_lists_come_to_an_end(editor: Caller, runs: list[Run]) -> None:
    deep = "{ displayName }"
    for _ in range(3):
        more = " ".join(f"a{at}: runs(first: 3) {{ edges {{ node {deep} }} }}" for at in range(4))
        deep = f"{{ project {{ {more} }} }}"
    place = 'project(name: "digits", entityName: "main")'
    document = f"query Q($name: String!) {{ {place} {{ run(name: $name) {deep} }} }}"
    assert editor.ask(document, name="none") == {"project": {"run": None}}
    assert "too much" in editor.refused(document, name=runs[0].key)
