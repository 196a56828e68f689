"""Runs as the client starts, edits, reads and ends them."""

import json
from typing import Any

import pytest

from apps.accounts.choices import Role, Scope
from apps.audit.models import Event
from apps.projects.models import Project
from apps.runs.choices import AlertLevel, RunState
from apps.runs.metric_rules import rules_of
from apps.runs.models import Run, RunAlert, RunTag
from apps.runs.queries import config_of
from apps.runs.services import finish_run
from apps.wandb_api import ids
from tests import build
from tests.wandb.conftest import Caller, caller
from tests.wandb.documents import ALERT, DELETE, EDIT, RESUME, RUN, SET_STATE, STOP, UPSERT
from tests.web.visits import browser

RULES = [{"1": "loss", "7": [1]}]
CONFIG = json.dumps(
    {
        "lr": {"value": 0.1},
        "net": {"value": {"layers": 2}},
        "_wandb": {"value": {"t": {"4": "3.11"}, "m": RULES}},
    }
)


def start(editor: Caller, **variables: Any) -> Any:
    given = {"name": "abc123", "project": "digits", **variables}
    return editor.ask(UPSERT, **given)["upsertBucket"]


class TestStarting:
    def test_makes_the_project_and_the_run(self, editor: Caller) -> None:
        answer = start(
            editor,
            displayName="first",
            config=CONFIG,
            tags=["a", "b"],
            groupName="g",
            jobType="train",
            notes="note",
            host="vm",
            program="train.py",
            commit="c0ffee",
            repo="https://ana:token@git.example/x.git",
        )
        run = Run.objects.get()
        assert answer["inserted"] is True
        assert answer["bucket"]["id"] == ids.encode("Run", run.pk)
        assert answer["bucket"]["displayName"] == "first"
        assert answer["bucket"]["project"]["name"] == "digits"
        assert answer["bucket"]["project"]["entity"]["name"] == "main"
        assert (run.key, run.name, run.group, run.job_type) == ("abc123", "first", "g", "train")
        assert (run.host, run.program, run.code_commit) == ("vm", "train.py", "c0ffee")
        assert run.code_remote == "https://git.example/x.git"
        assert run.created_by == editor.user
        assert set(run.tags.values_list("name", flat=True)) == {"a", "b"}

    def test_keeps_the_config_unwrapped_and_gives_it_back_wrapped(self, editor: Caller) -> None:
        answer = start(editor, config=CONFIG)
        run = Run.objects.get()
        assert config_of(run)["lr"] == 0.1
        assert json.loads(answer["bucket"]["config"]) == json.loads(CONFIG)
        assert dict(run.params.values_list("key", "number")) == {"lr": 0.1, "net.layers": 2.0}
        assert rules_of(run).of("loss").summary == ("min",)

    def test_invents_a_name_where_none_is_given(self, editor: Caller) -> None:
        name = start(editor)["bucket"]["displayName"]
        adjective, noun, number = name.split("-")
        assert adjective
        assert noun
        assert number == "1"

    def test_again_is_the_same_run(self, editor: Caller) -> None:
        first = start(editor, config=CONFIG)
        events = Event.objects.count()
        again = start(editor, config=CONFIG)
        assert again["inserted"] is False
        assert again["bucket"]["id"] == first["bucket"]["id"]
        assert Run.objects.count() == 1
        assert Event.objects.count() == events

    def test_what_is_null_stays(self, editor: Caller) -> None:
        start(editor, displayName="first", notes="note", tags=["a"], config=CONFIG)
        start(editor, groupName="later")
        run = Run.objects.get()
        assert (run.name, run.notes, run.group) == ("first", "note", "later")
        assert config_of(run)["lr"] == 0.1
        assert RunTag.objects.count() == 1

    def test_a_key_that_left_the_config_goes(self, editor: Caller) -> None:
        start(editor, config=CONFIG)
        start(editor, config=json.dumps({"lr": {"value": 0.2}}))
        run = Run.objects.get()
        # Old clients (0.17) leave their own part out of an edit, and need it when they resume.
        assert config_of(run) == {"lr": 0.2, "_wandb": {"t": {"4": "3.11"}, "m": RULES}}
        assert dict(run.params.values_list("key", "number")) == {"lr": 0.2}

    def test_takes_up_a_run_that_has_ended(self, editor: Caller) -> None:
        start(editor)
        run = Run.objects.get()
        finish_run(run=run, access=build.access(editor.user, project=run.project))
        assert start(editor)["inserted"] is False
        run.refresh_from_db()
        assert run.state == RunState.RUNNING

    def test_begins_a_run_that_was_made_to_wait(self, editor: Caller) -> None:
        """`Api().create_run(state="pending")` makes it, `wandb.init(id=…)` begins it."""
        assert start(editor, state="pending")["inserted"] is True
        run = Run.objects.get()
        assert run.state == RunState.SCHEDULED
        edited = editor.ask(EDIT, id=ids.encode("Run", run.pk), notes="soon")["upsertBucket"]
        assert edited["bucket"]["state"] == "pending"
        assert start(editor)["inserted"] is False
        run.refresh_from_db()
        assert run.state == RunState.RUNNING

    def test_nan_in_a_config_is_no_fault(self, editor: Caller) -> None:
        start(editor, config='{"lr": {"value": NaN}}')
        assert config_of(Run.objects.get()) == {"lr": "NaN"}

    def test_an_id_may_have_spaces(self, editor: Caller) -> None:
        start(editor, name="lstm on mnist")

        run = Run.objects.get()
        assert run.key == "lstm on mnist"
        page = browser(editor.user).get("/main/digits/runs/lstm%20on%20mnist")
        assert page.status_code == 200

    @pytest.mark.parametrize(("parent", "is_taken"), [("parent", False), ("abc123", True)])
    def test_a_fork_is_refused_at_once_and_going_back_is_not(
        self, editor: Caller, parent: str, is_taken: bool
    ) -> None:
        point = {"_wandb": {"value": {"branch_point": {"run_id": parent, "step": 3}}}}
        said = {"name": "abc123", "project": "digits", "config": json.dumps(point)}
        if is_taken:
            editor.ask(UPSERT, **said)
        else:
            assert "fork" in editor.refused(UPSERT, **said)
        assert Run.objects.exists() == is_taken

    def test_what_no_text_can_hold_is_mended(self, editor: Caller) -> None:
        start(
            editor,
            config='{"raw": {"value": "a\\u0000b"}, "half": {"value": ["\\ud800"]}}',
            summaryMetrics='{"last\\u0000": "\\u0000"}',
            notes="read from\x00disk",
        )
        run = Run.objects.get()
        assert config_of(run) == {"raw": "a\ufffdb", "half": ["\ufffd"]}
        assert run.notes == "read from\ufffddisk"
        assert run.summary.get().key == "last\ufffd"

    @pytest.mark.parametrize(
        "given",
        [
            {"config": "[1]"},
            {"config": "{"},
            {"name": "a/b"},
            {"name": "x" * 500},
            {"project": "artifacts"},
            {"project": "model-registry"},
            {"project": "wandb-registry-model"},
            {"project": "x" * 500},
            {"entity": "elsewhere"},
            {"tags": "a"},
            {"tags": [None]},
            {"displayName": "x" * 1_000},
            {"summaryMetrics": "3"},
        ],
    )
    def test_bad_input_is_refused_and_nothing_is_kept(
        self, editor: Caller, given: dict[str, Any]
    ) -> None:
        variables = {"name": "abc123", "project": "digits", **given}
        assert editor.refused(UPSERT, **variables)
        assert not Run.objects.exists()
        assert not Project.objects.exists()

    def test_takes_the_role_and_a_key_that_may_write(self, editor: Caller, viewer: Caller) -> None:
        build.project(editor.user, "digits")
        reader = caller(build.user("reader", role=Role.EDITOR), scope=Scope.READ)
        for one in (viewer, reader):
            assert one.refused(UPSERT, name="abc", project="digits")
            assert one.refused(UPSERT, name="abc", project="another")
        assert not Run.objects.exists()
        assert Project.objects.count() == 1

    def test_a_run_in_the_bin_is_told(self, editor: Caller) -> None:
        started = start(editor)
        editor.ask(DELETE, id=started["bucket"]["id"], deleteArtifacts=False)
        assert "is in the bin" in editor.refused(UPSERT, name="abc123", project="digits")


class TestEditing:
    def test_an_ended_run_stays_ended(self, editor: Caller) -> None:
        bucket = start(editor, config=CONFIG)["bucket"]
        run = Run.objects.get()
        access = build.access(editor.user, project=run.project)
        finish_run(run=run, access=access)
        RunTag.objects.create(run=run, name="mlflow.user", value="ana")
        changed = {"config": CONFIG, "tags": ["new"], "notes": "later", "display_name": "better"}
        edited = editor.ask(EDIT, id=bucket["id"], **changed)["upsertBucket"]["bucket"]
        assert (edited["state"], edited["notes"]) == ("finished", "later")
        assert (edited["displayName"], edited["tags"]) == ("better", ["new"])
        # A tag with a value is another client's, and stays.
        assert RunTag.objects.filter(run=run, name="mlflow.user", value="ana").exists()

    def test_nobody_else_finds_the_run(
        self, editor: Caller, viewer: Caller, stranger: Caller
    ) -> None:
        id = start(editor)["bucket"]["id"]
        for one in (stranger, viewer):
            assert one.refused(EDIT, id=id, config="{}", notes="mine")
            assert one.refused(DELETE, id=id)
            assert one.refused(STOP, id=id)
            assert one.refused(SET_STATE, input={"id": id, "state": "failed"})
        assert stranger.refused(STOP, id=id) == stranger.refused(STOP, id=ids.encode("Run", 10**9))
        run = Run.objects.get()
        assert (run.notes, run.stop_asked_at, run.state) == ("", None, RunState.RUNNING)

    @pytest.mark.parametrize("id", ["", "x", "UnVuOg==", ids.encode("Artifact", 1), "UnVuOi0x"])
    def test_an_id_that_is_none(self, editor: Caller, id: str) -> None:
        assert editor.refused(STOP, id=id)


class TestReading:
    def test_resuming_asks_what_there_is(self, editor: Caller) -> None:
        start(editor, config=CONFIG, notes="n", tags=["a"])
        model = editor.ask(RESUME, project="digits", entity=None, name="abc123")["model"]
        assert model["entity"]["name"] == "main"
        assert model["bucket"]["wandbConfig"] == '{"t":{"4":"3.11"}}'
        assert (model["bucket"]["tags"], model["bucket"]["notes"]) == (["a"], "n")

    def test_what_is_missing_is_null(self, editor: Caller) -> None:
        assert editor.ask(RESUME, project="none", name="abc123") == {"model": None}
        start(editor)
        assert editor.ask(RESUME, project="digits", name="none")["model"]["bucket"] is None

    def test_the_number_in_the_internal_id_is_the_run_s_project_id(self, editor: Caller) -> None:
        start(editor)
        project = editor.ask(RUN, project="digits", entity="main", name="abc123")["project"]
        number = ids.decode("ProjectInternalId", project["internalId"])
        assert number == project["run"]["projectId"]

    def test_a_private_project_is_hidden(self, editor: Caller) -> None:
        owner = build.user("owner", role=Role.ADMIN)
        secret = build.project(owner, "secret", private=True)
        run = build.run(owner, secret)
        assert editor.ask(RUN, project="secret", entity="main", name=run.key) == {"project": None}
        assert editor.refused(STOP, id=ids.encode("Run", run.pk))


class TestEnding:
    def test_stop_is_asked_for(self, editor: Caller) -> None:
        id = start(editor)["bucket"]["id"]
        assert editor.ask(STOP, id=id)["stopRun"] == {"success": True}
        assert editor.ask(STOP, id=id)["stopRun"] == {"success": True}
        assert editor.ask(RUN, project="digits", entity="main", name="abc123")["project"]["run"][
            "stopped"
        ]
        assert Event.objects.filter(kind="run.stop_asked").count() == 1

    def test_marked_as_failed(self, editor: Caller) -> None:
        id = start(editor)["bucket"]["id"]
        assert editor.ask(SET_STATE, input={"id": id, "state": "failed"})
        assert Run.objects.get().state == RunState.FAILED
        assert editor.refused(SET_STATE, input={"id": id, "state": "pending"})

    def test_deleting_puts_it_into_the_bin(self, editor: Caller) -> None:
        id = start(editor)["bucket"]["id"]
        assert editor.ask(DELETE, id=id, deleteArtifacts=False)
        assert not Run.objects.exists()
        assert Run.with_deleted.get().deleted_by == editor.user


class TestAlerts:
    def alert(self, editor: Caller, **given: Any) -> Any:
        place = {"entityName": "main", "projectName": "digits", "runName": "abc123"}
        return editor.ask(ALERT, **place, title="NaN", text="loss", **given)

    def test_is_kept(self, editor: Caller) -> None:
        start(editor)
        self.alert(editor, severity="WARN", waitDuration=60_000)
        alert = RunAlert.objects.get()
        assert (alert.title, alert.text, alert.level) == ("NaN", "loss", AlertLevel.WARN)

    def test_one_of_the_same_title_waits(self, editor: Caller) -> None:
        start(editor)
        self.alert(editor)
        self.alert(editor, waitDuration=60_000)
        assert RunAlert.objects.count() == 1
        self.alert(editor, waitDuration=0)
        assert RunAlert.objects.count() == 2

    def test_a_viewer_raises_none(self, editor: Caller, viewer: Caller) -> None:
        start(editor)
        place = {"entityName": "main", "projectName": "digits", "runName": "abc123"}
        assert viewer.refused(ALERT, **place, title="NaN", text="loss")
        assert not RunAlert.objects.exists()
