"""What is said of a run after its start, asking it to stop, and its alerts."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.choices import Role
from apps.audit.models import Event
from apps.core.errors import Forbidden, Invalid
from apps.projects.access import Access
from apps.runs.alerts import MAX_ALERTS, raise_alert
from apps.runs.choices import AlertLevel
from apps.runs.models import Run, RunAlert, RunParam
from apps.runs.queries import RunInBin, config_of, own_config_of
from apps.runs.services import (
    CodeVersion,
    RunEnded,
    ask_to_stop,
    finish_run,
    resume_run,
    update_run,
)
from tests import build

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> tuple[Run, Access]:
    owner = build.user(role=Role.EDITOR)
    project = build.project(owner)
    config = {"lr": 0.1, "net": {"layers": 2}, "_wandb": {"t": 1}}
    return build.run(owner, project, config=config), build.access(owner, project=project)


def _change() -> object:
    return json.loads(Event.objects.get(kind="run.changed").payload)["after"]


class TestChanging:
    def test_group_job_type_and_code(self, place: tuple[Run, Access]) -> None:
        run, access = place
        code = CodeVersion(commit="c0ffee", program="train.py")
        update_run(run=run, access=access, group="g", job_type="train", host="vm", code=code)
        update_run(run=run, access=access, code=CodeVersion(remote="git@example:x"))
        run.refresh_from_db()
        assert (run.group, run.job_type, run.host) == ("g", "train", "vm")
        assert (run.code_commit, run.code_remote, run.program) == (
            "c0ffee",
            "git@example:x",
            "train.py",
        )
        assert _change() == {"group": "g", "job_type": "train"}

    def test_what_is_said_already_is_no_event(self, place: tuple[Run, Access]) -> None:
        run, access = place
        config = config_of(run)
        update_run(run=run, access=access, name=run.name, config=config, tags={}, notes="")
        assert not Event.objects.filter(kind="run.changed").exists()

    def test_a_client_s_own_part_of_the_config_is_no_param(self, place: tuple[Run, Access]) -> None:
        run, access = place
        update_run(run=run, access=access, config={"_wandb": {"t": 2}})
        assert config_of(run)["_wandb"] == {"t": 2}
        assert own_config_of(run) == {"lr": 0.1, "net": {"layers": 2}}
        assert not RunParam.objects.filter(key__startswith="_wandb").exists()
        assert not Event.objects.filter(kind="run.changed").exists()

    def test_a_whole_config_takes_the_place_of_the_former(self, place: tuple[Run, Access]) -> None:
        run, access = place
        update_run(run=run, access=access, config={"net": {"width": 3}}, is_whole_config=True)
        assert own_config_of(run) == {"net": {"width": 3}}
        assert set(RunParam.objects.values_list("key", flat=True)) == {"net.width"}
        assert _change() == {"config": ["lr", "net"]}


class TestStopping:
    def test_is_asked_once_and_forgotten_when_the_run_goes_on(
        self, place: tuple[Run, Access]
    ) -> None:
        run, access = place
        ask_to_stop(run=run, access=access)
        ask_to_stop(run=run, access=access)
        assert Event.objects.filter(kind="run.stop_asked").count() == 1
        finish_run(run=run, access=access)
        with pytest.raises(RunEnded):
            ask_to_stop(run=run, access=access)
        assert resume_run(run=run, access=access).stop_asked_at is None

    def test_takes_the_role(self, place: tuple[Run, Access]) -> None:
        run, _access = place
        viewer = build.access(build.user(role=Role.VIEWER), project=run.project)
        with pytest.raises(Forbidden):
            ask_to_stop(run=run, access=viewer)


class TestAlerts:
    def test_are_kept_on_one_line(self, place: tuple[Run, Access]) -> None:
        run, access = place
        raise_alert(run=run, access=access, title="a\nb" * 200, text="t\nu", level=AlertLevel.WARN)
        alert = RunAlert.objects.get()
        assert "\n" not in alert.title
        assert len(alert.title) <= 256
        assert (alert.text, alert.level) == ("t\nu", AlertLevel.WARN)

    def test_wait_for_others_of_the_same_title(self, place: tuple[Run, Access]) -> None:
        run, access = place
        now, minute = timezone.now(), timedelta(minutes=1)
        raise_alert(run=run, access=access, title="NaN", at=now - 2 * minute)
        assert raise_alert(run=run, access=access, title="NaN", wait=minute, at=now)
        assert not raise_alert(run=run, access=access, title="NaN", wait=minute, at=now)
        assert raise_alert(run=run, access=access, title="other", wait=minute, at=now)
        assert RunAlert.objects.count() == 3

    def test_count_as_a_heartbeat_unless_an_import_tells_them(
        self, place: tuple[Run, Access]
    ) -> None:
        run, access = place
        long_ago = timezone.now() - timedelta(days=1)
        Run.objects.filter(pk=run.pk).update(heartbeat_at=long_ago)
        raise_alert(run=run, access=access, title="then", at=long_ago + timedelta(hours=1))
        run.refresh_from_db()
        assert run.heartbeat_at == long_ago
        raise_alert(run=run, access=access, title="now")
        run.refresh_from_db()
        assert run.heartbeat_at == RunAlert.objects.get(title="now").at

    def test_have_a_limit(self, place: tuple[Run, Access]) -> None:
        run, access = place
        now = timezone.now()
        RunAlert.objects.bulk_create(
            [RunAlert(run=run, title="x", at=now) for _ in range(MAX_ALERTS)]
        )
        with pytest.raises(Invalid):
            raise_alert(run=run, access=access, title="one more")

    def test_are_refused_in_the_bin_and_from_viewers(self, place: tuple[Run, Access]) -> None:
        run, access = place
        viewer = build.access(build.user(role=Role.VIEWER), project=run.project)
        with pytest.raises(Forbidden):
            raise_alert(run=run, access=viewer, title="x")
        Run.objects.filter(pk=run.pk).update(deleted_at=timezone.now())
        with pytest.raises(RunInBin):
            raise_alert(run=run, access=access, title="x")
