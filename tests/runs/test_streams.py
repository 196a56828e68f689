"""What a client streams is there once, in order, whatever was sent twice and whoever was killed."""

import math
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.accounts.choices import Role
from apps.audit.models import Event
from apps.core.errors import Forbidden, Invalid, NotFound
from apps.projects.access import Access
from apps.runs.choices import EVENTS, HISTORY, RunState, Stream
from apps.runs.history import event_rows, history_rows, line_counts, summary_of
from apps.runs.models import ConsoleLine, Run, SummaryValue
from apps.runs.queries import run_in
from apps.runs.streams import (
    ConsoleText,
    Portion,
    Receipt,
    Row,
    Stretch,
    replace_summary,
    rewind_run,
    series_key,
    take_in,
)
from apps.series.choices import SeriesKind
from apps.series.queries import read
from tests import build
from tests.killing import Acknowledge, kill_during
from tests.meeting import meet
from tests.settings import DATABASE_KIND

pytestmark = pytest.mark.django_db
START = 1_790_000_000.0


def rows(first: int, count: int) -> Stretch[Row]:
    """Rows whose values tell their number."""
    return Stretch(
        first,
        [
            Row(step, START + step, step / 2, {"loss": 1 / (step + 1), "epoch": step // 10})
            for step in range(first, first + count)
        ],
    )


class World:
    def __init__(self) -> None:
        self.editor = build.user(role=Role.EDITOR)
        self.project = build.project(self.editor, f"digits-{self.editor.pk}")
        self.run = build.run(self.editor, self.project)
        self.access: Access = build.access(self.editor, project=self.project)

    def summarize(self, summary: dict[str, object]) -> None:
        replace_summary(run=self.run, summary=summary, access=self.access)

    def take_in(self, portion: Portion, at: datetime | None = None) -> Receipt:
        return take_in(run=self.run, portion=portion, access=self.access, at=at)

    def steps(self) -> list[int]:
        """The step of each row as it is stored: one that were there twice would show."""
        return self.stored(SeriesKind.ROWS, HISTORY)

    def stored(self, kind: SeriesKind, key: str) -> list[int]:
        return read(owner_id=self.run.pk, kind=kind, key=key).steps.tolist()

    def lines(self) -> dict[str, int]:
        return line_counts([self.run])[self.run.pk]

    def now(self) -> Run:
        return run_in(self.project, self.run.key)


@pytest.fixture
def world() -> World:
    return World()


def test_rows_come_back_as_they_were_sent(world: World) -> None:
    sent = [
        Row(0, START, 0.5, {"loss": 1.0, "val/acc": math.inf}),
        Row(3, START + 1, 1.25, {"loss": math.nan}, {"sample": {"_type": "histogram", "v": [1]}}),
        Row(4, START + 2, None, {}),
    ]

    world.take_in(Portion(history=Stretch(0, sent)))

    found = history_rows(world.run)
    assert math.isnan(found[1].pop("loss"))
    assert found == [
        {"_step": 0, "_timestamp": START, "_runtime": 0.5, "loss": 1, "val/acc": math.inf},
        {
            "_step": 3,
            "_timestamp": START + 1,
            "_runtime": 1.25,
            "sample": {"_type": "histogram", "v": [1]},
        },
        {"_step": 4, "_timestamp": START + 2},
    ]
    assert world.lines() == {HISTORY: 3}


def test_rows_that_come_again_behind_the_last_count_once(world: World) -> None:
    """As the client sends an offline run that it syncs once more, and then goes on with it."""
    world.take_in(Portion(history=rows(0, 5)))
    world.take_in(Portion(history=Stretch(5, rows(0, 5).lines)))
    world.take_in(Portion(history=Stretch(10, rows(3, 4).lines)))

    assert world.steps() == list(range(7))
    assert world.lines()[HISTORY] == 14


def test_what_is_sent_twice_counts_once(world: World) -> None:
    world.take_in(Portion(history=rows(0, 5)))

    world.take_in(Portion(history=rows(0, 5)))
    world.take_in(Portion(history=rows(3, 4)))

    assert world.steps() == list(range(7))
    assert world.lines() == {HISTORY: 7}


def test_missing_lines_are_told_and_the_rest_is_kept(world: World) -> None:
    world.take_in(Portion(history=rows(0, 2)))

    receipt = world.take_in(Portion(history=rows(5, 1)))

    assert receipt.gaps == {HISTORY: (2, 5)}
    assert world.steps() == [0, 1, 5]
    assert world.lines() == {HISTORY: 6}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12)), max_size=12))
def test_any_resending_leaves_each_row_once(pieces: list[tuple[int, int]]) -> None:
    world = World()
    have = 0
    for offset, count in [*pieces, (0, 43)]:
        # A client never sends what lies beyond its next line.
        first = min(offset, have)
        world.take_in(Portion(history=rows(first, count), events=rows(first, count)))
        have = max(have, first + count)

    found = history_rows(world.run)
    assert world.steps() == list(range(have))
    assert world.stored(SeriesKind.METRIC, "epoch") == list(range(have))
    assert [row["loss"] for row in found] == [pytest.approx(1 / (step + 1)) for step in range(have)]
    assert [row["_timestamp"] for row in event_rows(world.run, limit=1000)] == [
        START + step for step in range(have)
    ]
    assert world.lines() == {HISTORY: have, EVENTS: have}


def test_system_figures_are_rows_of_their_own(world: World) -> None:
    events = [Row(0, START + place, 15.0 * place, {"system.cpu": place}) for place in range(3)]

    world.take_in(Portion(events=Stretch(0, events)))

    assert event_rows(world.run, limit=10) == [
        {"_timestamp": START, "_runtime": 0, "system.cpu": 0},
        {"_timestamp": START + 1, "_runtime": 15, "system.cpu": 1},
        {"_timestamp": START + 2, "_runtime": 30, "system.cpu": 2},
    ]
    assert world.steps() == []


def test_output_is_written_anew_in_place(world: World) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    first = [ConsoleText("10%", at=at), ConsoleText("oops", Stream.ERROR), ConsoleText("a\x00")]

    world.take_in(Portion(console=Stretch(0, first)))
    world.take_in(Portion(console=Stretch(0, [ConsoleText("100%")])))

    found = ConsoleLine.objects.filter(run=world.run).order_by("number")
    assert [(line.number, line.text, line.stream) for line in found] == [
        (0, "100%", "out"),
        (1, "oops", "error"),
        (2, "a\ufffd", "out"),
    ]
    assert world.lines() == {"console": 3}


def test_output_beyond_the_limit_is_left_out_and_counted(world: World) -> None:
    world.take_in(Portion(console=Stretch(99_999, [ConsoleText("in"), ConsoleText("out")])))

    assert [line.number for line in ConsoleLine.objects.all()] == [99_999]
    assert world.lines() == {"console": 100_001}


class TestSummary:
    def test_it_is_kept_whole_and_replaced_whole(self, world: World) -> None:
        world.take_in(Portion(summary={"a": 1, "b": {"c": 2.5}, "gone": "x"}))

        summary = {
            "a": math.inf,
            "b": {"c": 2.5, "d": None},
            "img": {"_type": "image-file", "path": "media/x.png"},
            "_wandb": {"runtime": 3},
        }
        world.take_in(Portion(summary=summary))

        assert summary_of(world.run) == summary
        leaves = {value.key: value.text for value in SummaryValue.objects.filter(run=world.run)}
        assert leaves == {
            "a": '"Infinity"',
            "b.c": "2.5",
            "b.d": "null",
            "img": '{"_type":"image-file","path":"media/x.png"}',
        }

    def test_one_without_a_client_of_its_own_has_the_last_values(self, world: World) -> None:
        world.take_in(Portion(history=rows(0, 3)))

        assert summary_of(world.run) == {"epoch": 0, "loss": pytest.approx(1 / 3)}

    def test_the_same_again_writes_no_leaf(self, world: World) -> None:
        world.summarize({f"k{n}": n for n in range(100)})
        before = list(SummaryValue.objects.order_by("key").values_list("pk", "key"))

        world.summarize({f"k{n}": n for n in range(100)})

        assert list(SummaryValue.objects.order_by("key").values_list("pk", "key")) == before

    def test_a_huge_one_is_not_refused(self, world: World) -> None:
        world.summarize({f"k{n}\n": n for n in range(6_000)})

        assert SummaryValue.objects.filter(run=world.run).count() == 5_000
        assert len(summary_of(world.run)) == 6_000


class TestEnd:
    @pytest.mark.parametrize(
        ("exit_code", "state"), [(0, RunState.FINISHED), (1, RunState.FAILED), (255, "failed")]
    )
    def test_the_exit_code_says_how(self, world: World, exit_code: int, state: RunState) -> None:
        world.take_in(Portion(is_complete=True, exit_code=exit_code))

        assert (world.now().state, world.now().exit_code) == (state, exit_code)

    def test_the_same_end_twice_is_one_event(self, world: World) -> None:
        for _ in range(2):
            world.take_in(Portion(history=rows(0, 2), is_complete=True))

        assert Event.objects.filter(kind="run.finished").count() == 1
        assert world.steps() == [0, 1]

    def test_one_that_was_asked_to_stop_was_killed(self, world: World) -> None:
        Run.objects.filter(pk=world.run.pk).update(stop_asked_at=timezone.now())

        receipt = world.take_in(Portion())
        world.take_in(Portion(is_complete=True, exit_code=255))

        assert receipt.stop_asked
        assert world.now().state == RunState.KILLED

    def test_lines_after_the_end_are_kept_and_it_can_end_otherwise(self, world: World) -> None:
        world.take_in(Portion(history=rows(0, 2), is_complete=True))

        world.take_in(Portion(history=rows(2, 2)))
        assert world.now().state == RunState.FINISHED
        world.take_in(Portion(history=rows(4, 1), is_complete=True, exit_code=1))

        assert world.steps() == list(range(5))
        assert world.now().state == RunState.FAILED

    def test_a_run_that_was_offline_ended_when_its_lines_say(self, world: World) -> None:
        day = timedelta(days=1)
        began = (timezone.now() - day).replace(microsecond=0)
        lines = [
            Row(step, began.timestamp() + 10 * (step + 1), 10.0 * (step + 1), {"loss": 1})
            for step in range(6)
        ]
        summary = {"_wandb": {"runtime": 61}}

        world.take_in(Portion(history=Stretch(0, lines), summary=summary, is_complete=True))

        run = world.now()
        assert run.started_at == began
        assert run.ended_at == began + timedelta(seconds=61)
        assert run.seconds == 61


def test_a_rewound_run_goes_on_from_its_step(world: World) -> None:
    sample = Row(9, START, 1.0, {}, {"sample": "x"})
    world.take_in(Portion(history=rows(0, 9), events=rows(0, 4)))
    world.take_in(Portion(history=Stretch(9, [sample]), is_complete=True))

    rewind_run(run=world.now(), step=4, access=world.access)
    assert world.lines() == {HISTORY: 5, EVENTS: 4}
    world.take_in(Portion(history=rows(5, 2)))

    assert world.steps() == list(range(7))
    assert world.now().state == RunState.RUNNING
    assert Event.objects.filter(kind="run.rewound").count() == 1


class TestAccess:
    def test_who_may_only_read_streams_nothing(self, world: World) -> None:
        viewer = build.user(role=Role.VIEWER)

        with pytest.raises(Forbidden):
            take_in(
                run=world.run,
                portion=Portion(history=rows(0, 1)),
                access=build.access(viewer, project=world.project),
            )

        assert world.steps() == []

    def test_a_run_in_the_bin_takes_nothing(self, world: World) -> None:
        Run.objects.filter(pk=world.run.pk).update(deleted_at=timezone.now())

        with pytest.raises(NotFound, match="in the bin"):
            world.take_in(Portion(history=rows(0, 1)))

        assert world.lines() == {}


def test_all_or_nothing(world: World) -> None:
    bad = Stretch(0, [Row(0, START, None, {"loss": 1.0}), Row(2**63, START, None, {"loss": 1.0})])

    with pytest.raises(Invalid, match="whole number"):
        world.take_in(Portion(summary={"a": 1}, history=bad))

    assert world.lines() == {}
    assert summary_of(world.run) == {}


@pytest.mark.parametrize(
    ("key", "kept"),
    [
        ("val/loss", "val/loss"),
        ("a\nb\x00", "a\ufffdb\ufffd"),
        ("  ", "\ufffd"),
        ("", "\ufffd"),
    ],
)
def test_no_key_is_refused(key: str, kept: str) -> None:
    assert series_key(key) == kept


def test_long_keys_stay_apart() -> None:
    first, second = (series_key("x" * 300 + end) for end in "ab")

    assert first != second
    assert len(first) == len(second) == 255


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(DATABASE_KIND != "postgres", reason="writers queue on SQLite")
def test_the_same_lines_at_once_count_once() -> None:
    world = World()
    send = partial(world.take_in, Portion(history=rows(0, 10), summary={"a": 1}))

    meet(send, send)

    assert world.steps() == list(range(10))
    assert world.stored(SeriesKind.METRIC, "loss") == list(range(10))
    assert world.lines() == {HISTORY: 10}


def stream_for_ever(world: World, have: int, acknowledge: Acknowledge) -> None:
    """A client: sends the next lines, and on the first try the last ones again."""
    while True:
        world.take_in(Portion(history=rows(have, 7), events=rows(have, 7)))
        have += 7
        acknowledge(str(have))


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_killed_server_has_lost_and_doubled_nothing() -> None:
    world = World()
    chance = random.Random(7)
    sent = 0

    for _ in range(15):
        # What the client has no answer for it sends again.
        acknowledged: Sequence[str] = kill_during(
            partial(stream_for_ever, world, sent), after_seconds=chance.uniform(0, 0.08)
        )
        sent = int(acknowledged[-1])

    have = world.lines()[HISTORY]
    assert sent <= have <= sent + 7
    found = history_rows(world.run)
    assert world.steps() == world.stored(SeriesKind.METRIC, "loss") == list(range(have))
    assert world.stored(SeriesKind.SYSTEM, "epoch") == list(range(have))
    assert [row["_runtime"] for row in found] == [step / 2 for step in range(have)]
    assert len(event_rows(world.run, limit=10**6)) == have
