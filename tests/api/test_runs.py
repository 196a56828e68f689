"""Runs: start, describe, end, list."""

from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest import Subtests  # noqa: PT013

from apps.audit.models import Event
from apps.runs.models import Run
from apps.runs.services import schedule_run
from tests import build
from tests.api.conftest import World, refused, rows


def test_start_says_where_it_is(world: World) -> None:
    answer = world.editor.post(
        f"{world.project}/runs",
        {
            "key": "run-1",
            "name": "a run",
            "config": {"lr": 0.1, "net": {"layers": [64, 10]}},
            "tags": {"stage": "tuning", "plain": ""},
            "code": {"commit": "abc", "remote": "https://example.com/repo", "program": "train.py"},
        },
    )

    assert answer.status_code == 201
    assert answer.headers["Location"] == "/api/v1/teams/main/projects/digits/runs/run-1"
    body = world.viewer.get(answer.headers["Location"]).json()
    assert body == answer.json()
    assert body["config"] == {"lr": 0.1, "net": {"layers": [64, 10]}}
    assert body["tags"] == {"stage": "tuning", "plain": ""}
    assert body["code"]["program"] == "train.py"
    assert (body["state"], body["by"]) == ("running", world.editor.user.username)
    assert Event.objects.latest("sequence").key_id is not None


def test_a_key_is_taken_once(world: World) -> None:
    path = f"{world.project}/runs"
    assert world.editor.post(path, {"key": "same"}).status_code == 201
    before = rows()

    refused(world.editor.post(path, {"key": "same"}), 409)
    assert rows() == before


BAD_INPUT_NAMES_ITS_FIELD = [
    ({"key": "a/b"}, "key"),
    ({"key": 1}, "key"),
    ({"name": None}, "name"),
    ({"name": "a\x00b"}, None),
    ({"config": []}, "config"),
    ({"tags": "x"}, None),
    ({"state": "finished"}, "state"),
    ({"created_by": 1}, "created_by"),
    ({"project": "secret"}, "project"),
    ({"code": {"commit": "x" * 100}}, "code.commit"),
    ({"started_at": "2020-01-01"}, "started_at"),
]


def test_bad_input_names_its_field(world: World, subtests: Subtests) -> None:
    before = rows()
    for body, field in BAD_INPUT_NAMES_ITS_FIELD:
        with subtests.test(body=str(body)[:60]):
            refused(world.editor.post(f"{world.project}/runs", body), 400, field)

    assert rows() == before


def test_change(world: World) -> None:
    path = f"{world.project}/runs/{world.run.key}"

    world.editor.patch(path, {"name": "better", "config": {"a": 1}, "summary": {"best": 0.5}})
    body = world.editor.patch(path, {"config": {"b": {"c": "NaN"}}, "tags": ["x"]}).json()

    assert body["name"] == "better"
    assert body["config"] == {"a": 1, "b": {"c": "NaN"}}
    assert body["tags"] == {"x": ""}
    assert body["summary"] == {"best": 0.5}


def test_ending_twice(world: World) -> None:
    path = f"{world.project}/runs/{world.run.key}/finish"

    ended = world.editor.post(path, {"state": "failed", "exit_code": 1}).json()
    assert (ended["state"], ended["exit_code"]) == ("failed", 1)
    assert world.editor.post(path, {"state": "failed"}).json()["ended_at"] == ended["ended_at"]
    refused(world.editor.post(path, {"state": "finished"}), 409)
    refused(world.editor.post(path, {"state": "running"}), 400, "state")
    refused(world.editor.post(path, {"exit_code": 2**31}), 400, "exit_code")


def test_a_silent_run_is_shown_as_crashed(world: World) -> None:
    Run.objects.update(heartbeat_at=timezone.now() - timedelta(hours=1))
    path = f"{world.project}/runs"

    assert world.viewer.get(f"{path}/{world.run.key}").json()["state"] == "crashed"
    assert len(world.viewer.get(f"{path}?state=crashed").json()["items"]) == 1
    assert world.editor.post(f"{path}/{world.run.key}/heartbeat").status_code == 200
    assert world.viewer.get(f"{path}/{world.run.key}").json()["state"] == "running"


def test_a_scheduled_run_begins(world: World) -> None:
    path = f"{world.project}/runs"
    access = build.access(world.editor.user, project=world.run.project)
    schedule_run(run=world.run, access=access)

    assert len(world.viewer.get(f"{path}?state=scheduled").json()["items"]) == 1
    refused(world.editor.post(f"{path}/{world.run.key}/finish", {"state": "scheduled"}), 400)
    refused(world.viewer.post(f"{path}/{world.run.key}/resume"), 403)
    assert world.editor.post(f"{path}/{world.run.key}/resume").json()["state"] == "running"
    assert world.viewer.get(f"{path}?state=scheduled").json()["items"] == []


def test_console(world: World) -> None:
    path = f"{world.project}/runs/{world.run.key}/console"
    lines = [
        {"number": 0, "text": "10 %"},
        {"number": 1, "text": "oops\x1b[31m", "stream": "error", "at": "2026-01-01T00:00:00Z"},
    ]
    world.editor.post(path, {"lines": lines})
    world.editor.post(path, {"lines": [{"number": 0, "text": "100 %"}]})

    items = world.viewer.get(path).json()["items"]
    assert [one["text"] for one in items] == ["100 %", "oops\x1b[31m"]
    assert items[1]["at"] == "2026-01-01T00:00:00.000000Z"
    refused(world.editor.post(path, {"lines": [{"number": -1, "text": ""}]}), 400)
    refused(world.editor.post(path, {"lines": [{"number": 0, "text": "", "at": 1}]}), 400)


def list_of(world: World, query: str = "") -> list[str]:
    return [run["name"] for run in world.viewer.get(f"{world.project}/runs{query}").json()["items"]]


def test_list_filters_and_orders(world: World) -> None:
    path = f"{world.project}/runs"
    for name, loss in (("good", 0.1), ("bad", 0.9), ("none", None), ("nan", "NaN")):
        run = world.editor.post(path, {"name": name, "group": "g", "tags": [name]}).json()
        if loss is not None:
            world.editor.post(
                f"{path}/{run['key']}/points", {"rows": [{"step": 1, "values": {"a/loss": loss}}]}
            )

    assert list_of(world) == ["nan", "none", "bad", "good", "first"]
    assert list_of(world, "?order=started") == ["first", "good", "bad", "none", "nan"]
    assert list_of(world, "?group=g&tag=bad") == ["bad"]
    assert list_of(world, "?q=oo") == ["good"]
    assert list_of(world, "?order=metric:a/loss") == ["good", "bad"]
    assert list_of(world, "?order=-metric:a/loss&group=other") == []
    refused(world.viewer.get(f"{path}?order=owner__password"), 400, "order")
    refused(world.viewer.get(f"{path}?state=odd"), 400, "state")

    first = world.viewer.get(f"{path}?order=-metric:a/loss&size=1&metric=a/loss").json()
    assert first["items"][0]["last"] == {"a/loss": 0.9}
    rest = world.viewer.get(f"{path}?order=-metric:a/loss&size=1&cursor={first['next']}").json()
    assert [run["name"] for run in rest["items"]] == ["good"]
    assert rest["next"] is None


def test_a_list_costs_the_same_for_one_and_many(world: World) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            list_of(world, "?metric=loss")
        return len(queries)

    count()  # notes the first use of the key
    alone = count()
    for number in range(3):
        world.editor.post(f"{world.project}/runs", {"name": f"run {number}", "tags": ["x"]})
    assert count() == alone


def test_uses(world: World) -> None:
    path = f"{world.project}/runs/{world.run.key}"
    before = Event.objects.count()

    for _ in range(2):
        answer = world.editor.post(
            f"{path}/uses", {"artifact": world.artifact, "use_as": "warm start"}
        )
        assert answer.status_code == 200

    assert Event.objects.count() == before + 1
    (edge,) = world.viewer.get(f"{path}/artifacts").json()["items"]
    assert (edge["artifact"], edge["direction"]) == (world.artifact, "used")
    assert (edge["collection"], edge["version"]) == ("candidates", 1)

    hidden = world.secret.versions[0].artifact.key
    here = refused(world.editor.post(f"{path}/uses", {"artifact": hidden}), 404)["detail"]
    gone = refused(world.editor.post(f"{path}/uses", {"artifact": "0" * 32}), 404)["detail"]
    assert here.replace(hidden, "") == gone.replace("0" * 32, "")


def test_an_archived_project_is_read_only(world: World) -> None:
    type(world.table.project).objects.filter(pk=world.table.project.pk).update(
        archived_at=timezone.now()
    )
    before = rows()

    refused(world.editor.post(f"{world.project}/runs", {}), 403)
    refused(world.editor.post(f"{world.project}/runs/{world.run.key}/finish"), 403)
    assert world.editor.get(f"{world.project}/runs").status_code == 200
    assert rows() == before
