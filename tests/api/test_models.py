"""Models, their versions, labels and table; results, metrics, golden sets."""

import csv
import json
from typing import Any

import pytest
from pytest import Subtests  # noqa: PT013

from apps.artifacts.models import LabelHolding
from apps.audit.models import Event
from tests import build
from tests.api.conftest import Caller, World, bytes_of, refused, rows

STAGING = "/models/candidates/labels/staging"
PRODUCTION = "/models/candidates/labels/production"


def promote(caller: Caller, world: World, number: int, label: str = PRODUCTION, **more: Any) -> Any:
    return caller.put(f"{world.project}{label}", {"version": number, **more})


def test_a_model(world: World) -> None:
    promote(world.curator, world, 2, reason="best so far")

    (row,) = world.viewer.get(f"{world.project}/models").json()["items"]
    assert (row["name"], row["version_count"], row["holder"]["version"]) == ("candidates", 3, 2)
    assert row["headline"] == {"column": "Loss @ 10k", "value": 0.3, "former_value": None}
    model = world.viewer.get(f"{world.project}/models/candidates").json()
    assert model["latest"] == 3
    assert [(one["label"], one["reason"]) for one in model["holders"]] == [
        ("production", "best so far")
    ]
    assert [one["slug"] for one in model["columns"]] == ["loss@10k"]
    assert world.viewer.get("/models").json()["items"] == []
    refused(world.viewer.get("/models/candidates"), 404)


def test_versions(world: World) -> None:
    path = f"{world.project}/models/candidates/versions"

    first = world.viewer.get(f"{path}?size=2").json()
    rest = world.viewer.get(f"{path}?size=2&cursor={first['next']}").json()
    assert [one["number"] for one in first["items"] + rest["items"]] == [3, 2, 1]
    version = world.viewer.get(f"{path}/1").json()
    assert version["artifact"]["key"] == world.artifact
    assert [(one["metric"], one["value"]) for one in version["results"]] == [("loss", 0.5)]
    for number in ("0", "4", "2147483647"):
        refused(world.viewer.get(f"{path}/{number}"), 404)
    for number in ("-1", "1.0", "2147483648", "v1"):
        refused(world.viewer.get(f"{path}/{number}"), 400, "number")


def test_linking_into_the_registry(world: World) -> None:
    body = {"artifact": world.artifact, "note": "the one"}

    linked = world.editor.post("/models/MNIST/versions", body)
    again = world.editor.post("/models/MNIST/versions", body)

    assert (linked.status_code, again.status_code) == (201, 200)
    assert (linked.json()["version"], again.json()["is_new"]) == (1, False)
    assert world.viewer.get("/models/MNIST/versions/1").json()["note"] == "the one"
    before = rows()
    refused(world.editor.post("/models/a%2Fb/versions", body), 404)
    refused(world.editor.post("/models/a:b/versions", body), 400, "collection")
    refused(world.editor.post("/models/MNIST/versions", {"artifact": "x"}), 404)
    refused(world.editor.post("/models/MNIST/versions", {**body, "number": 7}), 400, "number")
    assert rows() == before


def test_removing_a_version(world: World) -> None:
    path = f"{world.project}/models/candidates/versions"
    promote(world.curator, world, 3)

    refused(world.editor.delete(f"{path}/2?reason=bad"), 403)
    refused(world.curator.delete(f"{path}/3?reason=bad"), 409)
    assert world.curator.delete(f"{path}/2?reason=bad").status_code == 200
    refused(world.curator.delete(f"{path}/2?reason=bad"), 404)
    refused(promote(world.curator, world, 2), 404)
    numbers = [one["number"] for one in world.viewer.get(path).json()["items"]]
    assert numbers == [3, 1]
    assert Event.objects.filter(kind="version.deleted").get().reason == "bad"


def test_promotion_by_compare_and_set(world: World) -> None:
    first = promote(world.curator, world, 1, reason="first", expected=None)
    assert (first.status_code, first.json()["version"]) == (200, 1)

    body = refused(promote(world.curator, world, 2, expected=None), 409)
    assert "v1" in body["detail"]
    refused(promote(world.curator, world, 2, expected=3), 409)
    assert promote(world.curator, world, 2, expected=1).json()["version"] == 2
    assert promote(world.curator, world, 3).json()["version"] == 3
    holding = LabelHolding.objects.get(held_until=None)
    assert holding.version.number == 3


def test_who_may_promote(world: World) -> None:
    before = rows()
    refused(promote(world.editor, world, 1), 403)
    refused(promote(world.viewer, world, 1, STAGING), 403)
    refused(promote(world.curator, world, 9), 404)
    refused(promote(world.curator, world, 1, "/models/candidates/labels/latest"), 400, "label")
    refused(promote(world.curator, world, 1, "/models/candidates/labels/v3"), 400, "label")
    refused(promote(world.curator, world, 1, "/models/candidates/labels/prоduction"), 400)
    refused(promote(world.curator, world, -1), 400, "version")
    refused(promote(world.curator, world, True), 400, "version")
    refused(promote(world.curator, world, 1, reason="x" * 5000), 400, "reason")
    refused(promote(world.curator, world, 1, at="2020-01-01"), 400, "at")
    assert rows() == before

    assert promote(world.editor, world, 1, STAGING).status_code == 200


def test_roll_back_and_history(world: World) -> None:
    path = f"{world.project}{PRODUCTION}"
    refused(world.curator.post(f"{path}/rollback", {}), 409)
    for number in (1, 2):
        promote(world.curator, world, number, reason=f"number {number}")

    refused(world.curator.post(f"{path}/rollback", {"expected": 1}), 409)
    refused(world.editor.post(f"{path}/rollback", {}), 403)
    back = world.curator.post(f"{path}/rollback", {"reason": "slow", "expected": 2}).json()

    assert (back["version"], back["is_rollback"]) == (1, True)
    history = world.viewer.get(f"{path}/history").json()["items"]
    assert [(one["version"], one["reason"]) for one in history] == [
        (1, "slow"),
        (2, "number 2"),
        (1, "number 1"),
    ]
    assert [one["held_until"] is None for one in history] == [True, False, False]


def test_taking_a_label(world: World) -> None:
    path = f"{world.project}{STAGING}"
    promote(world.editor, world, 1, STAGING)

    refused(world.editor.delete(path), 400, "version")
    refused(world.editor.delete(f"{path}?version=2"), 404)
    assert world.editor.delete(f"{path}?version=1&reason=done").status_code == 200
    assert world.viewer.get(path).json() == {"label": "staging", "holders": []}
    refused(world.viewer.get(f"{world.project}/models/candidates/labels/stagign"), 404)


def test_the_vocabulary(world: World) -> None:
    names = [one["name"] for one in world.viewer.get("/labels").json()["items"]]
    assert names == ["production", "staging", "archived"]
    before = rows()
    refused(world.editor.put("/labels/canary", {}), 403)
    refused(world.curator.put("/labels/canary", {"colour": "puce"}), 400, "colour")
    refused(world.curator.put("/labels/two%20words", {}), 400, "name")
    refused(world.curator.put("/labels/canary", {"name": "other"}), 400, "name")
    refused(world.viewer.get("/labels/canary"), 404)
    assert rows() == before

    saved = world.curator.put("/labels/canary", {"colour": "blue", "is_protected": True}).json()
    assert saved == world.viewer.get("/labels/canary").json()
    refused(promote(world.editor, world, 1, "/models/candidates/labels/canary"), 403)


def results(*scores: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"results": list(scores), **more}


def test_results(world: World) -> None:
    path = f"{world.project}/models/candidates/versions/1/results"
    score = {"metric": "val/acc", "golden_set": "digits-10k", "value": 0.9, "n": 10, "stderr": 0.1}
    examples = [
        {"example": f"img-{number}", "score": "NaN" if number == 1 else 0.5, "target": "7"}
        for number in range(3)
    ]

    for value in (0.8, 0.9):
        body = results({**score, "value": value, "examples": examples}, run=world.run.key)
        assert world.editor.post(path, body).status_code == 200

    current = world.viewer.get(f"{path}?metric=val/acc").json()["items"]
    assert [(one["value"], one["run"]) for one in current] == [(0.9, world.run.key)]
    history = world.viewer.get(f"/artifacts/{world.artifact}/results?history=true").json()["items"]
    assert [one["value"] for one in history] == [0.9, 0.8, 0.5]
    place = f"/artifacts/{world.artifact}/results/{current[0]['id']}/examples"
    first = world.viewer.get(f"{place}?size=2").json()
    assert [one["score"] for one in first["items"]] == [0.5, "NaN"]
    rest = world.viewer.get(f"{place}?size=2&cursor={first['next']}").json()
    assert ([one["example"] for one in rest["items"]], rest["next"]) == (["img-2"], None)
    refused(world.viewer.get(f"/artifacts/{world.artifact}/results/0/examples"), 404)


def test_nan_is_a_result(world: World) -> None:
    path = f"/artifacts/{world.artifact}/results"
    world.editor.post(path, results({"metric": "diverged", "value": "NaN"}))

    answer = world.viewer.get(f"{path}?metric=diverged")
    assert json.loads(answer.content, parse_constant=pytest.fail)["items"][0]["value"] == "NaN"


ONE_BAD_RESULT_REFUSES_THEM_ALL: list[tuple[dict[str, Any], str]] = [
    ({"value": None}, "results.1.value"),
    ({"value": "0.5"}, "results.1.value"),
    ({"value": True}, "results.1.value"),
    ({"metric": ""}, "metric"),
    ({"metric": 5}, "results.1.metric"),
    ({"n": 0}, "n"),
    ({"n": 1.5}, "results.1.n"),
    ({"stderr": -1}, "stderr"),
    ({"stderr": "NaN"}, "results.1.stderr"),
    ({"low": 1.0}, "low"),
    ({"low": 2.0, "high": 1.0}, "low"),
    ({"examples": [{"example": "a", "score": 1}] * 2}, "examples"),
    ({"examples": [{"example": "a" * 2000, "score": 1}]}, "examples"),
    ({"is_current": True}, "results.1.is_current"),
    ({"created_at": "2020-01-01"}, "results.1.created_at"),
]


def test_one_bad_result_refuses_them_all(world: World, subtests: Subtests) -> None:
    good = {"metric": "loss", "value": 0.5}
    path = f"/artifacts/{world.artifact}/results"
    before = rows()
    for score, field in ONE_BAD_RESULT_REFUSES_THEM_ALL:
        with subtests.test(score=str(score)[:60]):
            body = results(good, {**good, **score})
            refused(world.editor.post(path, body), 400, field)

    assert rows() == before


def test_results_on_what_is_not_there(world: World) -> None:
    path = f"/artifacts/{world.artifact}/results"
    before = rows()

    refused(world.editor.post(path, results()), 400, "results")
    score = {"metric": "loss", "value": 0.5}
    refused(world.editor.post(path, results({**score, "golden_set": "none"})), 404)
    refused(world.editor.post(path, results(score, run="none")), 404)
    refused(world.viewer.post(path, results(score)), 403)
    assert rows() == before


def test_metrics_and_golden_sets(world: World) -> None:
    defined = {"title": "Validation loss", "better": "lower", "format": "fixed:4"}

    assert world.curator.put("/metrics/val/loss", defined).status_code == 200
    shown = world.viewer.get("/metrics/val/loss").json()
    assert shown == {"name": "val/loss", "description": "", **defined}
    assert world.curator.put("/metrics/val/loss", {"better": "higher"}).json()["title"] == (
        "Validation loss"
    )
    made = world.curator.post(
        "/golden-sets", {"name": "mnist_ds:v0", "artifact": world.artifact, "example_count": 7}
    )
    assert made.headers["Location"].endswith("/golden-sets/mnist_ds%3Av0")
    assert world.viewer.get(made.headers["Location"]).json() == made.json()
    before = rows()
    refused(world.curator.post("/golden-sets", {"name": "mnist_ds:v0"}), 409)
    refused(world.curator.post("/golden-sets", {"name": "x", "digest": "y"}), 400, "digest")
    refused(world.curator.post("/golden-sets", {"name": "x", "example_count": 0}), 400)
    refused(world.editor.post("/golden-sets", {"name": "x"}), 403)
    refused(world.editor.put("/metrics/loss", defined), 403)
    refused(world.curator.put("/metrics/loss", {"better": "up"}), 400, "better")
    refused(world.curator.put("/metrics/loss", {"format": "%s"}), 400, "format")
    refused(world.viewer.get("/metrics/none"), 404)
    assert rows() == before


def table(world: World, query: str = "") -> Any:
    return world.viewer.get(f"{world.project}/models/candidates/table{query}")


def numbers(answer: Any) -> list[int]:
    return [row["version"] for row in answer.json()["items"]]


def test_the_table(world: World) -> None:
    promote(world.curator, world, 2)

    whole = table(world).json()

    assert [row["version"] for row in whole["items"]] == [3, 2, 1]
    assert whole["items"][1]["labels"] == ["production"]
    assert whole["items"][1]["scores"]["loss@10k"]["value"] == 0.3
    assert whole["best"] == {"loss@10k": 0.3}
    assert whole["baseline"]["version"] == 2
    assert (whole["first"], whole["matching"], whole["total"]) == (1, 3, 3)
    assert numbers(table(world, "?sort=loss@10k")) == [2, 3, 1]
    assert numbers(table(world, "?sort=-loss@10k")) == [1, 3, 2]
    assert numbers(table(world, "?filter=loss@10k < 0.45")) == [3, 2]
    assert numbers(table(world, '?filter=status = "production" or version = 1')) == [2, 1]
    assert numbers(table(world, "?status=production")) == [2]
    assert numbers(table(world, "?q=v3")) == [3]
    assert table(world, "?columns=loss@10k").json()["columns"][0]["slug"] == "loss@10k"
    page = table(world, "?sort=loss@10k&size=2").json()
    assert numbers(table(world, f"?sort=loss@10k&size=2&cursor={page['next']}")) == [1]


BAD_QUERIES = [
    ("filter=owner__password = 'x'", "filter"),
    ("filter=((((", "filter"),
    ("filter=" + "(" * 1500, "filter"),
    ("filter=loss@10k < 'a'", "filter"),
    ("filter=loss@10k < 1e999", "filter"),
    ("filter=' OR 1=1 --", "filter"),
    ("sort=pk", "sort"),
    ("sort=artifact__project__name", "sort"),
    ("columns=none", "columns"),
    ("cursor=x", "cursor"),
    ("size=0", "size"),
    ("size=501", "size"),
    ("format=xml", "format"),
    ("q=" + "x" * 300, "q"),
]


def test_bad_queries(world: World, subtests: Subtests) -> None:
    for query, field in BAD_QUERIES:
        with subtests.test(query=query[:40]):
            refused(table(world, f"?{query}"), 400, field)


def test_the_table_as_csv(world: World) -> None:
    promote(world.curator, world, 2)

    answer = table(world, "?format=csv&sort=loss@10k")

    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="candidates.csv"'
    lines = list(csv.DictReader(bytes_of(answer).decode().splitlines()))
    assert [(one["version"], one["Loss @ 10k"]) for one in lines] == [
        ("2", "0.3"),
        ("3", "0.4"),
        ("1", "0.5"),
    ]
    path = f"{world.project}/models/candidates/table"
    assert "csv" in world.viewer.get(path, Accept="text/csv").headers["Content-Type"]
    assert "json" in world.viewer.get(path, Accept="*/*").headers["Content-Type"]
    refused(table(world, "?format=csv&filter=nonsense <"), 400, "filter")


def test_events(world: World) -> None:
    promote(world.curator, world, 2, reason="because")

    newest = world.viewer.get(f"{world.project}/events?size=1").json()["items"][0]
    assert (newest["kind"], newest["by"], newest["with_key"]) == (
        "label.moved",
        world.curator.user.username,
        True,
    )
    assert newest["after"] == {"label": "production", "version": 2}
    assert newest["reason"] == "because"
    for path in ("/models/candidates/events", "/models/candidates/versions/2/events"):
        kinds = [one["kind"] for one in world.viewer.get(f"{world.project}{path}").json()["items"]]
        assert kinds[0] == "label.moved"
    run = f"{world.project}/runs/{world.run.key}/events"
    assert [one["kind"] for one in world.viewer.get(run).json()["items"]] == ["run.started"]
    moved = world.viewer.get("/events?kind=label.moved&kind=run.started").json()["items"]
    assert [one["kind"] for one in moved] == ["label.moved", "run.started"]


def test_projects(world: World) -> None:
    made = world.editor.post("/projects", {"name": "faces", "title": "Faces"})

    assert made.headers["Location"] == "/api/v1/teams/main/projects/faces"
    assert [one["name"] for one in world.viewer.get("/projects").json()["items"]] == [
        "digits",
        "faces",
    ]
    before = rows()
    refused(world.editor.post("/projects", {"name": "Faces"}), 409)
    refused(world.editor.post("/projects", {"name": "models"}), 400, "name")
    refused(world.editor.post("/projects", {"name": "fаces"}), 400, "name")
    refused(world.editor.post("/projects", {"name": "x", "visibility": "public"}), 400)
    refused(world.editor.post("/projects", {"name": "x", "created_by": 1}), 400, "created_by")
    refused(world.editor.patch("/projects/faces", {"visibility": "private"}), 403)
    refused(world.editor.patch("/projects/faces", {"name": "other"}), 400, "name")
    assert rows() == before
    changed = world.editor.patch("/projects/faces", {"description": "All of them."}).json()
    assert (changed["title"], changed["description"]) == ("Faces", "All of them.")
    assert build.team().projects.count() == 3
