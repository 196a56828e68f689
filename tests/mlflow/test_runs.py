"""Runs: begun, written, read back, ended, deleted and restored as mlflow has it."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.choices import Role, Scope
from apps.audit.models import Event
from apps.projects.models import Project
from apps.runs.models import Run, RunParam
from apps.runs.services import RunDescription, start_run
from apps.series.models import Series
from tests import build
from tests.mlflow.conftest import Caller

pytestmark = pytest.mark.django_db

Calling = Callable[..., Caller]
ABSENT = (404, "RESOURCE_DOES_NOT_EXIST")
INVALID = (400, "INVALID_PARAMETER_VALUE")
DENIED = (403, "PERMISSION_DENIED")


@pytest.fixture
def experiment(caller: Caller) -> str:
    return str(caller.post("experiments/create", name="digits")["experiment_id"])


@pytest.fixture
def run(caller: Caller, experiment: str) -> str:
    created = caller.post("runs/create", experiment_id=experiment, run_name="first")
    return str(created["run"]["info"]["run_id"])


def read(caller: Caller, run: str) -> dict[str, Any]:
    found: dict[str, Any] = caller.get("runs/get", run_id=run)["run"]
    return found


def tags(caller: Caller, run: str) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in read(caller, run)["data"]["tags"]}


def params(caller: Caller, run: str) -> dict[str, str]:
    return {one["key"]: one["value"] for one in read(caller, run)["data"].get("params", [])}


def metrics(caller: Caller, run: str) -> dict[str, Any]:
    return {one["key"]: one for one in read(caller, run)["data"].get("metrics", [])}


class TestBeginning:
    def test_all_that_can_be_said(self, caller: Caller, experiment: str) -> None:
        created = caller.post(
            "runs/create",
            experiment_id=experiment,
            user_id="somebody",
            run_name="first",
            start_time=1_700_000_000_123,
            tags=[
                {"key": "mlflow.user", "value": "ana"},
                {"key": "mlflow.source.name", "value": "train.py"},
                {"key": "mlflow.source.git.commit", "value": "abc"},
                {"key": "mlflow.note.content", "value": "a *note*"},
            ],
        )["run"]
        info = created["info"]
        assert len(info["run_id"]) == 32
        assert info["run_uuid"] == info["run_id"]
        assert info["experiment_id"] == experiment
        assert (info["status"], info["lifecycle_stage"]) == ("RUNNING", "active")
        assert (info["user_id"], info["run_name"]) == ("ana", "first")
        assert info["start_time"] == 1_700_000_000_123
        assert "end_time" not in info
        assert info["artifact_uri"] == f"mlflow-artifacts:/{experiment}/{info['run_id']}/artifacts"
        # Its client will not say that it is alive, so silence is no crash.
        assert not Run.objects.get().has_heartbeat
        assert created == read(caller, info["run_id"])
        assert tags(caller, info["run_id"]) == {
            "mlflow.runName": "first",
            "mlflow.note.content": "a *note*",
            "mlflow.user": "ana",
            "mlflow.source.name": "train.py",
            "mlflow.source.git.commit": "abc",
        }
        kept = Run.objects.get()
        assert (kept.name, kept.notes) == ("first", "a *note*")
        assert (kept.program, kept.code_commit) == ("train.py", "abc")

    def test_a_run_without_a_name_gets_one(self, caller: Caller) -> None:
        info = caller.post("runs/create", experiment_id="0")["run"]["info"]
        assert info["run_name"]
        assert info["experiment_id"] == "0"
        assert tags(caller, info["run_id"]) == {"mlflow.runName": info["run_name"]}
        assert info["user_id"] == caller.user.username

    def test_the_name_may_come_as_a_tag(self, caller: Caller) -> None:
        tag = {"key": "mlflow.runName", "value": "x"}
        info = caller.post("runs/create", experiment_id="0", tags=[tag])["run"]["info"]
        assert info["run_name"] == "x"
        body = {"experiment_id": "0", "run_name": "y", "tags": [tag]}
        assert caller.refused("POST", "runs/create", body) == INVALID

    def test_a_run_in_a_run(self, caller: Caller, experiment: str, run: str) -> None:
        tag = {"key": "mlflow.parentRunId", "value": run}
        caller.post("runs/create", experiment_id=experiment, tags=[tag])
        assert Run.objects.get(key=run).children.count() == 1

    @pytest.mark.parametrize(
        "body",
        [
            {"start_time": "soon"},
            {"start_time": 10**18},
            {"start_time": -(10**17)},
            {"tags": {"a": "b"}},
            {"tags": [{"key": "../a", "value": "b"}]},
            {"tags": [{"key": "a", "value": 5}]},
            {"tags": [5]},
            {"run_name": "x" * 251},
            {"run_name": "a\nb"},
            {"run_name": 7},
        ],
    )
    def test_what_cannot_be_is_refused(self, caller: Caller, body: dict[str, object]) -> None:
        assert caller.refused("POST", "runs/create", {"experiment_id": "0", **body}) == INVALID
        assert not Run.objects.exists()

    def test_in_no_experiment(self, caller: Caller) -> None:
        assert caller.refused("POST", "runs/create", {"experiment_id": "77777"}) == ABSENT


class TestReading:
    def test_by_either_name_of_the_id(self, caller: Caller, run: str) -> None:
        assert caller.get("runs/get", run_uuid=run)["run"]["info"]["run_id"] == run
        found = caller.get("runs/get", run_id=run, run_uuid="0" * 32)
        assert found["run"]["info"]["run_id"] == run

    @pytest.mark.parametrize("key", ["0" * 32, "x", "a.b"])
    def test_what_is_not_there(self, caller: Caller, key: str) -> None:
        assert caller.refused("GET", "runs/get", run_id=key) == ABSENT

    @pytest.mark.parametrize("key", ["", "../x", "a b", "-a", "a" * 300, "a/b"])
    def test_what_is_no_id(self, caller: Caller, key: str) -> None:
        assert caller.refused("GET", "runs/get", run_id=key) == INVALID

    def test_a_stranger_learns_nothing(self, calling: Calling, run: str) -> None:
        stranger = calling(Role.ADMIN, team_name="others")
        assert stranger.refused("GET", "runs/get", run_id=run) == ABSENT
        body = {"run_id": run, "key": "a", "value": "1", "timestamp": 1}
        for path in ("runs/log-metric", "runs/log-parameter", "runs/set-tag", "runs/delete"):
            assert stranger.refused("POST", path, body) == ABSENT

    def test_of_two_runs_of_one_key_each_sees_its_own(self, calling: Calling) -> None:
        for name in ("main", "others"):
            caller = calling(name=name, team_name=name)
            place = build.project(caller.user, team_name=name)
            access = build.access(caller.user, project=place, team_name=name)
            start_run(description=RunDescription(key="twin", name=name), access=access)
            assert read(caller, "twin")["info"]["run_name"] == name

    def test_it_costs_the_same_whatever_was_logged(self, caller: Caller, run: str) -> None:
        with CaptureQueriesContext(
            connection,
        ) as few:
            read(caller, run)
        batch = [{"key": f"k{n}", "value": n, "timestamp": 1, "step": 0} for n in range(200)]
        words = [{"key": f"k{n}", "value": str(n)} for n in range(90)]
        caller.post("runs/log-batch", run_id=run, metrics=batch, params=words, tags=words)
        with CaptureQueriesContext(connection) as many:
            found = read(caller, run)
        assert len(found["data"]["metrics"]) == 200
        assert len(many) == len(few) <= 7


class TestMetrics:
    def test_the_latest_is_by_step_then_time_then_value(self, caller: Caller, run: str) -> None:
        for step, timestamp, value in [(1, 5, 1.0), (3, 4, 2.0), (3, 4, 1.5), (2, 9, 9.0)]:
            caller.post(
                "runs/log-metric",
                run_id=run,
                key="loss",
                value=value,
                timestamp=timestamp,
                step=step,
            )
        assert metrics(caller, run)["loss"] == {
            "key": "loss",
            "value": 2.0,
            "timestamp": 4,
            "step": 3,
        }

    @pytest.mark.parametrize(
        ("sent", "kept"),
        [
            ("NaN", "NaN"),
            ("Infinity", "Infinity"),
            ("-Infinity", "-Infinity"),
            (math.nan, "NaN"),
            (math.inf, "Infinity"),
            ("1.5", 1.5),
            (True, 1.0),
            (3, 3.0),
            (1.7976931348623157e308, 1.7976931348623157e308),
            (5e-324, 5e-324),
        ],
    )
    def test_any_double_comes_back(
        self, caller: Caller, run: str, sent: object, kept: object
    ) -> None:
        caller.post("runs/log-metric", run_id=run, key="x", value=sent, timestamp="1700000000123")
        assert metrics(caller, run)["x"]["value"] == kept
        assert metrics(caller, run)["x"]["timestamp"] == 1700000000123
        history = caller.get("metrics/get-history", run_id=run, metric_key="x")["metrics"]
        assert history == [{"key": "x", "value": kept, "timestamp": 1700000000123, "step": 0}]

    @pytest.mark.parametrize(
        "body",
        [
            {"key": "x", "timestamp": 1},
            {"value": 1, "timestamp": 1},
            {"key": "x", "value": 1},
            {"key": "x", "value": "one", "timestamp": 1},
            {"key": "x", "value": None, "timestamp": 1},
            {"key": "x", "value": [1], "timestamp": 1},
            {"key": "x", "value": 1, "timestamp": -1},
            {"key": "x", "value": 1, "timestamp": 2**63},
            {"key": "x", "value": 1, "timestamp": 1, "step": 1.5},
            {"key": "x", "value": 1, "timestamp": 1, "step": 2**63},
            {"key": "x" * 251, "value": 1, "timestamp": 1},
            {"key": "x=y", "value": 1, "timestamp": 1},
            {"key": "a/../b", "value": 1, "timestamp": 1},
            {"key": 5, "value": 1, "timestamp": 1},
        ],
    )
    def test_what_is_no_point_is_refused(
        self, caller: Caller, run: str, body: dict[str, object]
    ) -> None:
        assert caller.refused("POST", "runs/log-metric", {"run_id": run, **body}) == INVALID
        assert not Series.objects.exists()

    def test_the_same_point_counts_once(self, caller: Caller, run: str) -> None:
        for _ in range(3):
            caller.post("runs/log-metric", run_id=run, key="x", value=1, timestamp=5, step=0)
        history = caller.get("metrics/get-history", run_id=run, metric_key="x")
        assert len(history["metrics"]) == 1

    def test_after_the_end_too(self, caller: Caller, run: str) -> None:
        caller.post("runs/update", run_id=run, status="FINISHED", end_time=5)
        caller.post("runs/log-metric", run_id=run, key="x", value=1, timestamp=5)
        caller.post("runs/log-parameter", run_id=run, key="p", value="1")
        assert metrics(caller, run)["x"]["value"] == 1
        assert read(caller, run)["info"]["status"] == "FINISHED"


class TestHistory:
    def test_by_pages(self, caller: Caller, run: str) -> None:
        points = [
            {"key": "x", "value": n, "timestamp": 1000 + n, "step": n // 2} for n in range(10)
        ]
        caller.post("runs/log-batch", run_id=run, metrics=points)
        found: list[Any] = []
        token = None
        for _ in range(4):
            more: dict[str, Any] = {"page_token": token} if token else {}
            page = caller.get(
                "metrics/get-history", run_id=run, metric_key="x", max_results=3, **more
            )
            found += page["metrics"]
            token = page.get("next_page_token")
        assert token is None
        assert found == points

    def test_of_nothing(self, caller: Caller, run: str) -> None:
        assert caller.get("metrics/get-history", run_id=run, metric_key="x") == {}

    @pytest.mark.parametrize(
        "query",
        [
            {},
            {"metric_key": "x", "max_results": 0},
            {"metric_key": "x", "max_results": "a"},
            {"metric_key": "x", "page_token": "garbage"},
            {"metric_key": "x", "page_token": "eyJvZmZzZXQiOiAxfQ=="},
        ],
    )
    def test_what_cannot_be_meant(self, caller: Caller, run: str, query: dict[str, str]) -> None:
        assert caller.refused("GET", "metrics/get-history", run_id=run, **query) == INVALID

    def test_of_several_runs_between_steps(self, caller: Caller, experiment: str, run: str) -> None:
        other = caller.post("runs/create", experiment_id=experiment)["run"]["info"]["run_id"]
        for owner in (run, other):
            points = [{"key": "x", "value": n, "timestamp": n, "step": n} for n in range(100)]
            caller.post("runs/log-batch", run_id=owner, metrics=points)
        found = caller.get(
            "metrics/get-history-bulk-interval",
            run_ids=[run, other],
            metric_key="x",
            start_step=10,
            end_step=90,
            max_results=5,
        )["metrics"]
        for owner in (run, other):
            steps = [one["step"] for one in found if one["run_id"] == owner]
            assert (steps[0], steps[-1]) == (10, 90)
            assert len(steps) <= 7


class TestParams:
    def test_they_are_texts_that_sort_as_numbers(self, caller: Caller, run: str) -> None:
        for key, value in {"lr": "0.010", "name": "a b", "empty": "", "deep.er": "1e5"}.items():
            caller.post("runs/log-parameter", run_id=run, key=key, value=value)
        assert params(caller, run) == {"lr": "0.010", "name": "a b", "empty": "", "deep.er": "1e5"}
        numbers = dict(RunParam.objects.values_list("key", "number"))
        assert numbers == {"lr": 0.01, "name": None, "empty": None, "deep.er": 100_000.0}

    def test_what_is_too_long_is_cut_off(self, caller: Caller, run: str) -> None:
        """Clients send it whole; mlflow's own server cuts it."""
        for key, length in (("a", 6_001), ("b", 6_000), ("a", 7_000)):
            caller.post("runs/log-parameter", run_id=run, key=key, value="ü" * length)
        caller.post("runs/log-batch", run_id=run, params=[{"key": "c", "value": "x" * 9_000}])
        assert params(caller, run) == {"a": "ü" * 6_000, "b": "ü" * 6_000, "c": "x" * 6_000}
        caller.post("runs/set-tag", run_id=run, key="a", value="x" * 8_001)
        caller.post("runs/log-batch", run_id=run, tags=[{"key": "b", "value": "x" * 9_000}])
        found = tags(caller, run)
        assert (found["a"], found["b"]) == ("x" * 8_000, "x" * 8_000)

    def test_they_never_change(self, caller: Caller, run: str) -> None:
        body = {"run_id": run, "key": "lr", "value": "0.1"}
        caller.post("runs/log-parameter", **body)
        caller.post("runs/log-parameter", **body)
        changed = {**body, "value": "0.10"}
        assert caller.refused("POST", "runs/log-parameter", changed) == INVALID
        batch = {"run_id": run, "params": [{"key": "new", "value": "1"}, changed]}
        assert caller.refused("POST", "runs/log-batch", batch) == INVALID
        assert params(caller, run) == {"lr": "0.1"}

    @pytest.mark.parametrize(
        "body",
        [
            {"value": "1"},
            {"key": "a"},
            {"key": "a", "value": 1},
            {"key": "a=b", "value": "1"},
        ],
    )
    def test_what_is_no_param(self, caller: Caller, run: str, body: dict[str, object]) -> None:
        assert caller.refused("POST", "runs/log-parameter", {"run_id": run, **body}) == INVALID


class TestTags:
    def test_set_and_taken(self, caller: Caller, run: str) -> None:
        caller.post("runs/set-tag", run_id=run, key="a", value="1")
        caller.post("runs/set-tag", run_id=run, key="a", value="2")
        assert tags(caller, run)["a"] == "2"
        caller.post("runs/delete-tag", run_id=run, key="a")
        assert "a" not in tags(caller, run)
        body = {"run_id": run, "key": "a"}
        assert caller.refused("POST", "runs/delete-tag", body) == ABSENT

    def test_the_name_is_one_thing(self, caller: Caller, run: str) -> None:
        caller.post("runs/set-tag", run_id=run, key="mlflow.runName", value="second")
        assert read(caller, run)["info"]["run_name"] == "second"
        caller.post("runs/update", run_id=run, run_name="third")
        assert tags(caller, run)["mlflow.runName"] == "third"
        assert Run.objects.get(key=run).name == "third"

    def test_the_note_is_the_runs_own(self, caller: Caller, run: str) -> None:
        key = "mlflow.note.content"
        caller.post("runs/set-tag", run_id=run, key=key, value="hello")
        assert Run.objects.get(key=run).notes == "hello"
        caller.post("runs/delete-tag", run_id=run, key=key)
        assert Run.objects.get(key=run).notes == ""
        assert key not in tags(caller, run)


class TestBatches:
    def test_all_at_once(self, caller: Caller, run: str) -> None:
        caller.post(
            "runs/log-batch",
            run_id=run,
            metrics=[{"key": "x", "value": "NaN", "timestamp": "5", "step": "7"}],
            params=[{"key": "p", "value": "1"}],
            tags=[{"key": "t", "value": "2"}, {"key": "mlflow.runName", "value": "n"}],
        )
        assert metrics(caller, run)["x"] == {"key": "x", "value": "NaN", "timestamp": 5, "step": 7}
        assert params(caller, run) == {"p": "1"}
        assert tags(caller, run)["t"] == "2"
        assert read(caller, run)["info"]["run_name"] == "n"

    def test_an_empty_one(self, caller: Caller, run: str) -> None:
        assert caller.post("runs/log-batch", run_id=run) == {}

    @pytest.mark.parametrize(
        "body",
        [
            {"metrics": [{"key": f"k{n}", "value": 1, "timestamp": 1} for n in range(1001)]},
            {"params": [{"key": f"k{n}", "value": "1"} for n in range(101)]},
            {"tags": [{"key": f"k{n}", "value": "1"} for n in range(101)]},
            {
                "metrics": [{"key": f"k{n}", "value": 1, "timestamp": 1} for n in range(950)],
                "params": [{"key": f"k{n}", "value": "1"} for n in range(51)],
            },
            {"params": [{"key": "a", "value": "1"}, {"key": "a", "value": "1"}]},
            {"metrics": [{"key": "x", "value": 1, "timestamp": 1}, {"key": "x", "value": "?"}]},
            {"metrics": [{"key": ["x"], "value": 1.5, "timestamp": 1}]},
            {"metrics": [{"key": {}, "value": 1.5, "timestamp": 1, "step": 2}]},
            {
                "metrics": [
                    {"key": "x", "value": 1.5, "timestamp": 1},
                    {"key": "x", "value": 1.5, "timestamp": -1},
                ]
            },
            {"params": [{"key": "a", "value": "1"}], "tags": [{"key": "../t", "value": "x"}]},
            {"tags": [{"key": "t", "value": "1"}], "params": "a"},
        ],
    )
    def test_a_batch_with_a_fault_leaves_nothing(
        self, caller: Caller, run: str, body: dict[str, object]
    ) -> None:
        good = {"tags": [{"key": "good", "value": "1"}], "params": [{"key": "g", "value": "1"}]}
        whole = {"run_id": run, **good, **body}
        assert caller.refused("POST", "runs/log-batch", whole) == INVALID
        assert params(caller, run) == {}
        assert tags(caller, run) == {"mlflow.runName": "first"}
        assert not Series.objects.exists()

    def test_a_body_has_a_largest_size(self, caller: Caller, run: str) -> None:
        body = {"run_id": run, "ignored": "x" * 1_000_000}
        assert caller.refused("POST", "runs/log-batch", body) == INVALID

    def test_points_and_params_are_no_events(self, caller: Caller, run: str) -> None:
        before = Event.objects.count()
        caller.post(
            "runs/log-batch",
            run_id=run,
            metrics=[{"key": "x", "value": 1, "timestamp": 1}],
            params=[{"key": "p", "value": "1"}],
        )
        assert Event.objects.count() == before
        caller.post("runs/set-tag", run_id=run, key="a", value="1")
        assert Event.objects.count() == before + 1


class TestEnding:
    def test_ended_and_taken_up_again(self, caller: Caller, run: str) -> None:
        end = 1_800_000_000_123
        info = caller.post("runs/update", run_id=run, status="FINISHED", end_time=end)["run_info"]
        assert (info["status"], info["end_time"]) == ("FINISHED", end)
        assert read(caller, run)["info"] == info
        caller.post("runs/update", run_id=run, status="RUNNING")
        assert "end_time" not in read(caller, run)["info"]
        for status in ("KILLED", "FAILED", "FINISHED"):
            caller.post("runs/update", run_id=run, status=status, end_time=str(end + 1))
            assert read(caller, run)["info"]["status"] == status
            assert read(caller, run)["info"]["end_time"] == end + 1

    def test_scheduled_is_a_state_of_its_own(
        self, caller: Caller, experiment: str, run: str
    ) -> None:
        other = caller.post("runs/create", experiment_id=experiment)["run"]["info"]["run_id"]
        info = caller.post("runs/update", run_id=run, status="SCHEDULED")["run_info"]
        assert info["status"] == read(caller, run)["info"]["status"] == "SCHEDULED"
        caller.post("runs/log-metric", run_id=run, key="loss", value=1, timestamp=1)
        assert read(caller, run)["info"]["status"] == "SCHEDULED"

        def found(filter: str) -> list[str]:
            asked = {"experiment_ids": [experiment], "filter": filter}
            runs = caller.post("runs/search", **asked, order_by=["status DESC"]).get("runs", [])
            return [one["info"]["run_id"] for one in runs]

        assert found("status = 'SCHEDULED'") == found("status LIKE 'SCHED%'") == [run]
        assert found("status != 'SCHEDULED'") == found("status = 'RUNNING'") == [other]
        assert found("") == [run, other]
        caller.post("runs/update", run_id=run, status="RUNNING")
        assert found("status = 'SCHEDULED'") == []
        caller.post("runs/update", run_id=run, status="FINISHED", end_time=5_000)
        info = caller.post("runs/update", run_id=run, status="SCHEDULED")["run_info"]
        assert "end_time" not in info

    def test_a_claimed_end_does_not_date_the_event(self, caller: Caller, run: str) -> None:
        caller.post("runs/update", run_id=run, status="FINISHED", end_time=5)
        newest = Event.objects.order_by("-pk").first()
        assert newest is not None
        assert newest.kind == "run.finished"
        assert newest.at > datetime(2020, 1, 1, tzinfo=UTC)

    @pytest.mark.parametrize("body", [{"status": "DONE"}, {"status": 3}, {"end_time": "x"}])
    def test_what_is_no_state(self, caller: Caller, run: str, body: dict[str, object]) -> None:
        assert caller.refused("POST", "runs/update", {"run_id": run, **body}) == INVALID


class TestDeleting:
    def test_a_deleted_run_is_read_but_not_written(self, caller: Caller, run: str) -> None:
        caller.post("runs/delete", run_id=run)
        caller.post("runs/delete", run_id=run)
        assert read(caller, run)["info"]["lifecycle_stage"] == "deleted"
        writes: dict[str, dict[str, Any]] = {
            "runs/log-metric": {"key": "a", "value": 1, "timestamp": 1},
            "runs/log-parameter": {"key": "a", "value": "1"},
            "runs/log-batch": {},
            "runs/set-tag": {"key": "a", "value": "1"},
            "runs/delete-tag": {"key": "a"},
            "runs/update": {"status": "FINISHED"},
        }
        for path, more in writes.items():
            body = {"run_id": run, **more}
            assert caller.refused("POST", path, body) == INVALID
        caller.post("runs/restore", run_id=run)
        assert read(caller, run)["info"]["lifecycle_stage"] == "active"
        caller.post("runs/log-parameter", run_id=run, key="a", value="1")

    def test_an_experiment_takes_its_runs_along(self, calling: Calling) -> None:
        admin = calling(Role.ADMIN)
        key = admin.post("experiments/create", name="x")["experiment_id"]
        run = admin.post("runs/create", experiment_id=key)["run"]["info"]["run_id"]
        admin.post("experiments/delete", experiment_id=key)
        assert read(admin, run)["info"]["lifecycle_stage"] == "deleted"
        assert admin.refused("POST", "runs/restore", {"run_id": run}) == INVALID
        admin.post("experiments/restore", experiment_id=key)
        assert read(admin, run)["info"]["lifecycle_stage"] == "active"


class TestWhoMay:
    def test_a_viewer_reads(self, calling: Calling, run: str) -> None:
        viewer = calling(Role.VIEWER)
        assert read(viewer, run)["info"]["run_id"] == run
        for path in ("runs/log-metric", "runs/log-batch", "runs/update", "runs/delete"):
            assert viewer.refused("POST", path, {"run_id": run}) == DENIED

    def test_a_key_that_may_only_read(self, calling: Calling, run: str) -> None:
        reader = calling(Role.ADMIN, scope=Scope.READ)
        assert read(reader, run)["info"]["run_id"] == run
        assert reader.refused("POST", "runs/set-tag", {"run_id": run}) == DENIED
        assert reader.refused("POST", "runs/create", {}) == DENIED

    def test_an_archived_project_is_read_only(self, caller: Caller, run: str) -> None:
        Project.objects.update(archived_at=datetime(2026, 1, 1, tzinfo=UTC))
        body = {"run_id": run, "key": "a", "value": "1"}
        assert caller.refused("POST", "runs/set-tag", body) == DENIED
        assert read(caller, run)["info"]["run_id"] == run
