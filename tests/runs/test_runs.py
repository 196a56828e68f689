"""Runs: start, say, log, fall silent, end."""

import json
import math
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.choices import Role
from apps.accounts.models import User
from apps.audit.models import Event
from apps.core.errors import Conflict, Forbidden, Invalid
from apps.projects.access import Access
from apps.runs.choices import RunState
from apps.runs.models import ConsoleLine, Run, RunParam
from apps.runs.queries import config_of, console_of
from apps.runs.services import (
    Line,
    RunDescription,
    RunEnded,
    RunExists,
    RunNotBegun,
    ask_to_stop,
    finish_run,
    flatten,
    log_console,
    log_points,
    resume_run,
    schedule_run,
    set_state,
    start_run,
    update_run,
)
from apps.series.choices import SeriesKind
from apps.series.models import Series
from apps.series.queries import read
from apps.series.services import Batch
from tests import build

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> User:
    return build.user(role=Role.EDITOR)


def loss(values: list[float], *, first: int = 0) -> Batch:
    steps = list(range(first, first + len(values)))
    return Batch("loss", steps, [float(step) for step in steps], values)


def test_a_run_keeps_what_the_client_says(owner: User) -> None:
    place = build.project(owner)
    config = {"model": {"width": 64, "act": "relu"}, "lr": 1e-3, "seeds": [1, 2], "amp": True}

    run = start_run(
        description=RunDescription(name="first 😀", config=config, tags={"good": ""}, group="g"),
        access=build.access(owner, project=place),
    )

    assert config_of(run) == config
    params = {param.key: (param.text, param.number) for param in RunParam.objects.filter(run=run)}
    assert params == {
        "model.width": ("64", 64.0),
        "model.act": ("relu", None),
        "lr": ("0.001", 0.001),
        "seeds": ("[1, 2]", None) if params["seeds"][0] == "[1, 2]" else ("[1,2]", None),
        "amp": ("true", 1.0),
    }
    event = Event.objects.latest("sequence")
    assert (event.kind, event.project_id) == ("run.started", place.pk)


def test_a_key_is_used_once_in_a_project(owner: User) -> None:
    place = build.project(owner)
    access = build.access(owner, project=place)
    start_run(description=RunDescription(key="abc"), access=access)

    with pytest.raises(RunExists):
        start_run(description=RunDescription(key="abc"), access=access)

    elsewhere = build.access(owner, project=build.project(owner, "letters"))
    assert start_run(description=RunDescription(key="abc"), access=elsewhere).key == "abc"


def test_a_viewer_starts_and_logs_nothing(owner: User) -> None:
    place = build.project(owner)
    run = build.run(owner, place)
    viewer = build.access(build.user(role=Role.VIEWER), project=place)

    for change in (
        lambda: start_run(description=RunDescription(), access=viewer),
        lambda: log_points(run=run, access=viewer, batches=[loss([0.1])]),
        lambda: finish_run(run=run, access=viewer),
        lambda: update_run(run=run, access=viewer, notes="mine"),
        lambda: log_console(run=run, access=viewer, lines=[Line(0, "hello")]),
    ):
        with pytest.raises(Forbidden):
            change()
    assert Series.objects.count() == 0


def test_points_are_kept_exactly(owner: User) -> None:
    place = build.project(owner)
    run = build.run(owner, place)
    values = [0.1 + 0.2, math.nan, math.inf, -0.0, 5e-324]

    log_points(run=run, access=build.access(owner, project=place), batches=[loss(values[:2])])
    log_points(
        run=run, access=build.access(owner, project=place), batches=[loss(values[2:], first=2)]
    )

    stored = read(owner_id=run.pk, kind=SeriesKind.METRIC, key="loss")
    assert [repr(float(value)) for value in stored.values] == [repr(value) for value in values]
    series = Series.objects.get()
    assert (series.count, series.last_step, series.scope_id) == (5, 4, place.pk)
    assert series.last_value == 5e-324
    assert series.max_value == math.inf


def test_a_run_that_has_ended_takes_no_points_until_it_is_resumed(owner: User) -> None:
    place = build.project(owner)
    access = build.access(owner, project=place)
    run = build.run(owner, place)
    finish_run(run=run, access=access, exit_code=0)

    with pytest.raises(RunEnded):
        log_points(run=run, access=access, batches=[loss([1.0])])
    assert Series.objects.count() == 0

    resume_run(run=run, access=access)
    log_points(run=run, access=access, batches=[loss([1.0])])
    assert Series.objects.get().count == 1


class TestScheduled:
    """A run that has not begun: nobody listens for its heart, and it may begin or end."""

    @pytest.fixture
    def access(self, owner: User) -> Access:
        return build.access(owner, project=build.project(owner))

    @pytest.fixture
    def run(self, owner: User, access: Access) -> Run:
        run = build.run(owner, access.here)
        return schedule_run(run=run, access=access)

    def test_its_silence_is_no_crash(self, run: Run) -> None:
        at = timezone.now() + timedelta(days=30)
        assert run.state_at(at) == RunState.SCHEDULED
        assert not run.is_silent_at(at)
        assert not Run.objects.live().exists()
        assert vars(Run.objects.with_shown_state(at).get())["shown_state"] == RunState.SCHEDULED

    def test_it_begins(self, run: Run, access: Access) -> None:
        resume_run(run=run, access=access)
        assert run.state == RunState.RUNNING
        event = Event.objects.latest("pk")
        said = json.loads(event.payload)
        assert (event.kind, said["before"], said["after"]) == (
            "run.begun",
            {"state": "scheduled"},
            {"state": "running"},
        )
        assert Run.objects.live().get() == run

    def test_it_takes_points_and_stays_scheduled(self, run: Run, access: Access) -> None:
        log_points(run=run, access=access, batches=[loss([1.0])])
        assert Series.objects.get().count == 1
        run.refresh_from_db()
        assert run.state == RunState.SCHEDULED

    def test_it_ends_without_having_begun(self, run: Run, access: Access) -> None:
        finish_run(run=run, access=access, state=RunState.KILLED)
        assert run.ended_at is not None
        event = Event.objects.latest("pk")
        assert event.kind == "run.killed"
        assert json.loads(event.payload)["before"] == {"state": "scheduled"}

    def test_an_ended_run_waits_once_more(self, run: Run, access: Access) -> None:
        finish_run(run=run, access=access, exit_code=1)
        set_state(run=run, state=RunState.SCHEDULED, access=access)
        run.refresh_from_db()
        assert (run.state, run.ended_at, run.seconds, run.exit_code) == (
            *(RunState.SCHEDULED, None),
            *(None, None),
        )
        before = Event.objects.count()
        schedule_run(run=run, access=access)
        assert Event.objects.count() == before

    def test_nobody_can_stop_it_yet(self, run: Run, access: Access) -> None:
        with pytest.raises(RunNotBegun):
            ask_to_stop(run=run, access=access)

    def test_no_run_ends_as_scheduled(self, run: Run, access: Access) -> None:
        with pytest.raises(Invalid):
            finish_run(run=run, access=access, state=RunState.SCHEDULED)

    def test_takes_the_role(self, run: Run) -> None:
        viewer = build.access(build.user(role=Role.VIEWER), project=run.project)
        with pytest.raises(Forbidden):
            schedule_run(run=run, access=viewer)


def test_ending_twice_alike_is_one_change_and_otherwise_a_conflict(owner: User) -> None:
    place = build.project(owner)
    access = build.access(owner, project=place)
    run = build.run(owner, place)
    finish_run(run=run, access=access, state=RunState.FAILED, exit_code=1)
    events = Event.objects.count()

    finish_run(run=run, access=access, state=RunState.FAILED)
    assert Event.objects.count() == events
    with pytest.raises(Conflict):
        finish_run(run=run, access=access, state=RunState.FINISHED)
    with pytest.raises(Invalid):
        finish_run(run=run, access=access, state=RunState.RUNNING)


def test_a_silent_run_is_shown_as_crashed_until_its_heart_beats_again(owner: User) -> None:
    place = build.project(owner)
    run = build.run(owner, place)
    later = timezone.now() + timedelta(minutes=6)

    def shown() -> str:
        return str(vars(Run.objects.with_shown_state(later).get())["shown_state"])

    assert shown() == RunState.CRASHED == run.state_at(later)
    assert Run.objects.live(later).count() == 0
    log_points(
        run=run,
        access=build.access(owner, project=place),
        batches=[loss([0.5])],
        at=later - timedelta(seconds=5),
    )
    run.refresh_from_db()
    assert shown() == RunState.RUNNING == run.state_at(later)
    assert Run.objects.live(later).count() == 1


def test_silence_is_no_crash_where_no_heartbeat_is_expected(owner: User) -> None:
    access = build.access(owner, project=build.project(owner))
    run = start_run(description=RunDescription(has_heartbeat=False), access=access)
    later = run.heartbeat_at + timedelta(days=30)

    assert vars(Run.objects.with_shown_state(later).get())["shown_state"] == RunState.RUNNING
    assert run.state_at(later) == RunState.RUNNING
    assert run.is_silent_at(later)
    assert not run.is_silent_at(run.heartbeat_at)
    assert Run.objects.live(later).count() == 0


def test_config_and_summary_are_merged_and_tags_replaced(owner: User) -> None:
    place = build.project(owner)
    access = build.access(owner, project=place)
    run = start_run(
        description=RunDescription(config={"a": 1, "b": 2}, tags={"old": ""}), access=access
    )

    update_run(
        run=run,
        access=access,
        config={"b": 3},
        tags={"new": "x"},
        summary={"best": {"loss": 0.1}},
    )

    run.refresh_from_db()
    assert json.loads(run.config) == {"a": 1, "b": 3}
    assert list(run.tags.values_list("name", "value")) == [("new", "x")]
    assert list(run.summary.values_list("key", "number")) == [("best.loss", 0.1)]


def test_console_lines_are_rewritten_by_number_and_never_refused(owner: User) -> None:
    place = build.project(owner)
    access = build.access(owner, project=place)
    run = build.run(owner, place)

    log_console(run=run, access=access, lines=[Line(0, "10 %"), Line(1, "nul \x00 \ud800")])
    log_console(run=run, access=access, lines=[Line(0, "100 %")])

    assert [line.text for line in console_of(run)] == ["100 %", "nul � ?"]
    with pytest.raises(Invalid):
        log_console(run=run, access=access, lines=[Line(10**6, "far")])
    assert ConsoleLine.objects.count() == 2


def test_a_config_has_a_limit() -> None:
    with pytest.raises(Invalid, match="5000"):
        flatten({str(number): number for number in range(5_001)})


def test_an_older_look_at_the_run_undoes_nothing(owner: User) -> None:
    place = build.project(owner)
    run = build.run(owner, place, config={"lr": 0.1})
    older = Run.objects.get(pk=run.pk)
    allowed = build.access(owner, project=place)
    update_run(run=run, config={"lr": 0.2}, access=allowed)

    update_run(run=older, notes="better", access=allowed)

    run.refresh_from_db()
    assert (config_of(run), run.notes) == ({"lr": 0.2}, "better")


def test_a_part_of_the_config_that_is_replaced_leaves_no_parameters(owner: User) -> None:
    place = build.project(owner)
    run = build.run(owner, place, config={"model": {"width": 64, "depth": 2}, "lr": 0.1})

    update_run(run=run, config={"model": {"depth": 3}}, access=build.access(owner, project=place))

    params = RunParam.objects.filter(run=run).order_by("key").values_list("key", "number")
    assert list(params) == [("lr", 0.1), ("model.depth", 3.0)]


def test_a_change_of_nothing_is_no_event(owner: User) -> None:
    place = build.project(owner)
    run = build.run(owner, place)
    events = Event.objects.count()

    update_run(run=run, access=build.access(owner, project=place))

    assert Event.objects.count() == events


def test_the_length_of_a_run_and_the_beginnings_of_its_values_are_kept_for_sorting(
    owner: User,
) -> None:
    access = build.access(owner, project=build.project(owner))
    began = timezone.now()
    description = RunDescription(name="r", config={"lr": 0.5, "text": "é" * 100})
    run = start_run(description=description, access=access, at=began)
    assert run.seconds is None

    run = finish_run(
        run=run, access=access, summary={"top": "x" * 70}, at=began + timedelta(seconds=90)
    )

    assert run.seconds == 90
    briefs = {param.key: (param.brief, param.project_id) for param in run.params.all()}
    assert briefs == {"lr": ("0.5", run.project_id), "text": ("é" * 64, run.project_id)}
    assert run.summary.get().brief == "x" * 64
    assert resume_run(run=run, access=access).seconds is None
    update_run(run=run, access=access, config={"text": "short"})
    assert run.params.get(key="text").brief == "short"
