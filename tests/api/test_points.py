"""Logging points and reading them back."""

import json
import math
import struct
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest import Subtests  # noqa: PT013

from apps.core import limits
from tests.api.conftest import World, refused, rows


@pytest.fixture
def run(world: World) -> str:
    return f"{world.project}/runs/{world.run.key}"


def columns(**metrics: list[Any]) -> dict[str, Any]:
    return {
        "metrics": {
            key: {
                "steps": list(range(len(values))),
                "times": [float(at) for at in range(len(values))],
                "values": values,
            }
            for key, values in metrics.items()
        }
    }


def test_columns_and_rows_of_one_request_are_one_history(world: World, run: str) -> None:
    body = columns(loss=[0.5, 0.25])
    body["rows"] = [{"step": 2, "time": 9.5, "values": {"loss": 0.125, "val/loss": 1}}]

    assert world.editor.post(f"{run}/points", body).json() == {"stored": 4}

    history = world.viewer.get(f"{run}/history/loss").json()
    assert history == {
        "key": "loss",
        "steps": [0, 1, 2],
        "times": [0.0, 1.0, 9.5],
        "values": [0.5, 0.25, 0.125],
        "next": None,
    }
    assert world.viewer.get(f"{run}/series/val/loss").json()["values"] == [1.0]


def test_what_json_has_no_word_for(world: World, run: str) -> None:
    world.editor.post(f"{run}/points", columns(loss=["NaN", "Infinity", "-Infinity", 1.0]))

    answer = world.viewer.get(f"{run}/series/loss")
    assert json.loads(answer.content, parse_constant=pytest.fail)["values"] == [
        "NaN",
        "Infinity",
        "-Infinity",
        1.0,
    ]
    (figures,) = world.viewer.get(f"{run}/series").json()["items"]
    assert (figures["min"], figures["max"], figures["count"]) == ("-Infinity", "Infinity", 4)


def test_numbers_come_back_bit_for_bit(world: World, run: str) -> None:
    values = [1e308, 1.7976931348623157e308, 5e-324, -0.0, 0.1 + 0.2, 0.12345678901234567]
    world.editor.post(f"{run}/points", columns(loss=values))

    back = world.viewer.get(f"{run}/history/loss").json()["values"]
    assert [struct.pack("d", one) for one in back] == [struct.pack("d", one) for one in values]


def test_steps_at_the_edges(world: World, run: str) -> None:
    body = columns(loss=[1.0, 2.0, 3.0])
    body["metrics"]["loss"]["steps"] = [2**63 - 1, -(2**63), 2**53 + 1]
    world.editor.post(f"{run}/points", body)

    back = world.viewer.get(f"{run}/history/loss").json()
    assert back["steps"] == [-(2**63), 2**53 + 1, 2**63 - 1]


ONE_BAD_POINT_REFUSES_THEM_ALL = [
    ({"metrics": {"loss": {"steps": [1], "values": [1, 2]}}}, "metrics.loss"),
    ({"metrics": {"loss": {"steps": [1.5], "values": [1]}}}, "metrics.loss.steps.0"),
    ({"metrics": {"loss": {"steps": ["1"], "values": [1]}}}, "metrics.loss.steps.0"),
    ({"metrics": {"loss": {"steps": [True], "values": [1]}}}, "metrics.loss.steps.0"),
    ({"metrics": {"loss": {"steps": [2**63], "values": [1]}}}, None),
    ({"metrics": {"loss": {"steps": [-(2**63) - 1], "values": [1]}}}, None),
    ({"metrics": {"loss": {"steps": [1], "values": [None]}}}, "metrics.loss.values.0"),
    ({"metrics": {"loss": {"steps": [1], "values": ["nan"]}}}, "metrics.loss.values.0"),
    ({"metrics": {"loss": {"steps": [1], "values": [True]}}}, "metrics.loss.values.0"),
    ({"metrics": {"loss": {"steps": [1], "values": [10**400]}}}, None),
    ({"metrics": {"loss": {"steps": [1], "times": ["NaN"], "values": [1]}}}, None),
    ({"metrics": {"loss": {"steps": 1, "values": [1]}}}, "metrics.loss.steps"),
    ({"metrics": {"loss": {"values": [1]}}}, "metrics.loss.steps"),
    ({"metrics": {"loss": {"steps": [1], "values": [1], "extra": 1}}}, "metrics.loss.extra"),
    ({"metrics": {"": {"steps": [1], "values": [1]}}}, None),
    ({"metrics": {"a\nb": {"steps": [1], "values": [1]}}}, None),
    ({"metrics": {"x" * 300: {"steps": [1], "values": [1]}}}, None),
    ({"metrics": {"loss": []}}, "metrics.loss"),
    ({"metrics": []}, "metrics"),
    ({"rows": [{"step": 1, "values": {"loss": "x"}}]}, "rows.0.values.loss"),
    ({"rows": [{"step": None, "values": {}}]}, "rows.0.step"),
    ({"rows": [{"step": 1}]}, "rows.0.values"),
    ({"rows": [1]}, "rows.0"),
    ({"objects": [{"key": "a", "step": 1}]}, "objects.0.value"),
    ({"objects": [{"key": 1, "step": 1, "value": 1}]}, "objects.0.key"),
    ({"kind": "other"}, "kind"),
    ({"kind": ["metric"]}, "kind"),
    ({"points": []}, "points"),
    ([], None),
    (None, None),
]


def test_one_bad_point_refuses_them_all(world: World, run: str, subtests: Subtests) -> None:
    before = rows()
    for body, field in ONE_BAD_POINT_REFUSES_THEM_ALL:
        with subtests.test(body=str(body)[:60]):
            if isinstance(body, dict) and isinstance(body.get("metrics"), dict):
                good = columns(good=[1.0] * 999)["metrics"]
                body = {"metrics": {**good, **body["metrics"]}}
            refused(world.editor.post(f"{run}/points", json.dumps(body)), 400, field)

    assert rows() == before


def test_too_many_at_once(world: World, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.api.points.MAX_BATCH_POINTS", 3)
    before = rows()

    body = refused(world.editor.post(f"{run}/points", columns(a=[1, 2], b=[1, 2])), 413)

    assert "3 at most" in body["detail"]
    assert limits.MAX_BATCH_POINTS == 100_000
    assert rows() == before


def test_objects(world: World, run: str) -> None:
    values = [{"a": [1, None]}, "text", True, None]
    objects = [{"key": "sample", "step": step, "value": one} for step, one in enumerate(values)]
    world.editor.post(f"{run}/points", {"objects": objects})

    first = world.viewer.get(f"{run}/objects?key=sample&size=3").json()
    rest = world.viewer.get(f"{run}/objects?key=sample&size=3&cursor={first['next']}").json()
    assert [one["value"] for one in first["items"] + rest["items"]] == values
    assert rest["next"] is None


def test_a_long_series_is_sampled_and_says_so(world: World, run: str) -> None:
    values = [math.sin(step / 50) for step in range(3000)]
    values[1234] = 99.0
    world.editor.post(f"{run}/points", columns(loss=values))

    sample = world.viewer.get(f"{run}/series/loss?points=100").json()
    assert sample["count"] == 3000
    assert sample["sampled"] == len(sample["values"]) <= 100
    assert 99.0 in sample["values"]

    zoomed = world.viewer.get(f"{run}/series/loss?points=100&min_step=1200&max_step=1250").json()
    assert zoomed["steps"] == list(range(1200, 1251))


def test_every_point_page_by_page(world: World, run: str) -> None:
    world.editor.post(f"{run}/points", columns(loss=list(range(250))))

    seen: list[float] = []
    cursor = ""
    while True:
        page = world.viewer.get(f"{run}/history/loss?size=100&cursor={cursor}").json()
        seen += page["values"]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == list(range(250))


@pytest.mark.parametrize("cursor", ["x", "AAAA", "%F0%9F%8E%89", "W10", "a" * 5000])
def test_forged_cursors(world: World, run: str, cursor: str) -> None:
    world.editor.post(f"{run}/points", columns(loss=[1.0]))

    for path in (f"{run}/history/loss", f"{run}/series", "/projects", f"{world.project}/runs"):
        refused(world.viewer.get(f"{path}?cursor={cursor}"), 400, "cursor")


def test_a_cursor_of_another_list(world: World, run: str) -> None:
    world.editor.post(f"{run}/points", columns(loss=[1.0, 2.0], acc=[1.0, 2.0]))
    cursor = world.viewer.get(f"{run}/history/loss?size=1").json()["next"]

    refused(world.viewer.get(f"{run}/history/acc?size=1&cursor={cursor}"), 400, "cursor")
    refused(world.viewer.get(f"{run}/series?cursor={cursor}"), 400, "cursor")


def test_no_such_series(world: World, run: str) -> None:
    refused(world.viewer.get(f"{run}/series/none"), 404)
    refused(world.viewer.get(f"{run}/history/none"), 404)


def test_an_ended_run_takes_no_points_until_it_is_resumed(world: World, run: str) -> None:
    world.editor.post(f"{run}/finish")

    refused(world.editor.post(f"{run}/points", columns(loss=[1.0])), 409)
    world.editor.post(f"{run}/resume")
    assert world.editor.post(f"{run}/points", columns(loss=[1.0])).status_code == 200


@pytest.mark.parametrize("metrics", [1, 20])
def test_the_number_of_queries_does_not_grow(world: World, run: str, metrics: int) -> None:
    body = columns(**{f"m{number}": [1.0] * 50 for number in range(metrics)})
    world.editor.post(f"{run}/points", body)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert world.editor.post(f"{run}/points", body).status_code == 200

    # Key, membership, project, role in it, run; then the transaction: the heartbeat, the series
    # rows, what has left their tails, and one UPDATE executed for each metric.
    asked = [one["sql"] for one in queries if "SAVEPOINT" not in one["sql"]]
    assert len(asked) <= 11, "\n".join(asked)
