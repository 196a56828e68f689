"""The runs table: columns, order, paging, filters, groups, and what it costs."""

import csv
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.choices import Role
from apps.accounts.models import User
from apps.core.errors import Invalid
from apps.core.filtering import FilterError
from apps.core.tables import TableQuery
from apps.projects.models import Project
from apps.runs.choices import RunState
from apps.runs.columns import RunColumn, keys_of, read_column
from apps.runs.export import run_lines
from apps.runs.grouping import group_column, grouped_runs, runs_in
from apps.runs.models import SILENCE, Run
from apps.runs.services import RunDescription, finish_run, log_points, start_run
from apps.runs.table import RunsTable, best_values, runs_table, usual_columns
from apps.series.services import Batch
from tests import build

pytestmark = pytest.mark.django_db

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class Story:
    """A project whose runs are an hour apart, the first one at nine."""

    def __init__(self) -> None:
        self.owner = build.user("ana", role=Role.EDITOR)
        self.project = build.project(self.owner)
        self.count = 0

    @property
    def now(self) -> datetime:
        """A minute after the last run began."""
        return START + timedelta(hours=self.count - 1, minutes=1)

    def run(
        self,
        name: str,
        *,
        config: Mapping[str, object] | None = None,
        loss: list[float] | None = None,
        took: float | None = None,
        state: RunState = RunState.FINISHED,
        by: User | None = None,
        **described: object,
    ) -> Run:
        access = build.access(by or self.owner, project=self.project)
        at = START + timedelta(hours=self.count)
        self.count += 1
        description = RunDescription(name=name, config=config or {}, **described)  # type: ignore[arg-type]
        run = start_run(description=description, access=access, at=at)
        if loss:
            steps = list(range(len(loss)))
            batch = Batch("loss", steps, [float(step) for step in steps], loss)
            log_points(run=run, access=access, batches=[batch], at=at)
        if took is not None:
            finish_run(run=run, access=access, state=state, at=at + timedelta(seconds=took))
        return run

    def table(self, columns: str = "", at: datetime | None = None, **asked: object) -> RunsTable:
        return runs_table(
            self.project,
            TableQuery(**asked),  # type: ignore[arg-type]
            columns=[read_column(name) for name in columns.split()],
            keys=keys_of(self.project),
            at=at or self.now,
        )

    def names(self, **asked: object) -> str:
        return " ".join(run.name for run in self.table(**asked).rows)  # type: ignore[arg-type]


@pytest.fixture
def story() -> Story:
    """Four runs: lr a number, a number, a text, none; loss good, NaN, better, none."""
    story = Story()
    story.run("a", config={"lr": 0.1, "opt": "adam"}, loss=[0.9, 0.2, 0.3], took=50, group="g1")
    story.run("b", config={"lr": 0.01}, loss=[math.nan], took=10, group="g1", job_type="eval")
    story.run("c", config={"lr": "auto"}, loss=[0.5, 0.1], took=70, state=RunState.FAILED)
    story.run("d", tags={"old": ""})
    return story


# --- columns ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("state", RunColumn("fact", "state")),
        ("tag", RunColumn("fact", "tag")),
        ("config.model.width", RunColumn("config", "model.width")),
        ("summary.top", RunColumn("summary", "top")),
        ("loss", RunColumn("last", "loss")),
        ("min.loss", RunColumn("min", "loss")),
        ("max.val/acc", RunColumn("max", "val/acc")),
        ("last.state", RunColumn("last", "state")),
        ("last.min.loss", RunColumn("last", "min.loss")),
        ("config.", RunColumn("last", "config.")),
    ],
)
def test_a_column_has_one_name(name: str, column: RunColumn) -> None:
    assert read_column(name) == column
    assert column.name == name
    assert read_column(RunColumn("last", name).name) == RunColumn("last", name)


def test_the_keys_of_a_project_are_its_own(story: Story) -> None:
    other = build.project(story.owner, "other")
    start_run(
        description=RunDescription(name="x", config={"elsewhere": 1}),
        access=build.access(story.owner, project=other),
    )

    keys = keys_of(story.project)

    assert (keys.config, keys.summary, keys.metrics) == (("lr", "opt"), (), ("loss",))


def test_by_itself_the_table_shows_what_differs_and_what_was_measured(story: Story) -> None:
    story.run("e", config={"lr": 0.1, "same": 1})
    story.run("f", config={"lr": 0.2, "same": 1})

    names = [column.name for column in usual_columns(story.project)]

    assert names == ["state", "started", "duration", "config.lr", "loss"]


def test_cells_are_what_each_run_says(story: Story) -> None:
    table = story.table("state duration by tags config.lr loss min.loss max.loss", sort="run")

    a, b, c, d = table.rows
    assert (a.seconds, a.by, a.group, a.state) == (50, "ana", "g1", RunState.FINISHED)
    assert (a.cells["config.lr"].number, a.cells["config.lr"].text) == (0.1, "0.1")
    figures = ("loss", "min.loss", "max.loss")
    assert [a.cells[name].number for name in figures] == [0.3, 0.2, 0.9]
    assert b.cells["loss"].number is None
    assert (c.cells["config.lr"].number, c.cells["config.lr"].text) == (None, "auto")
    assert (dict(d.cells), list(d.tags)) == ({}, ["old"])


# --- order --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("", "d c b a"),
        ("started", "a b c d"),
        ("-started", "d c b a"),
        ("run", "a b c d"),
        ("-run", "d c b a"),
        ("duration", "b a c d"),
        ("-duration", "c a b d"),
        ("group", "a b d c"),
        ("job_type", "b d c a"),
        ("state", "d b a c"),
        ("-state", "c b a d"),
        ("by", "d c b a"),
        ("loss", "c a d b"),
        ("-loss", "a c d b"),
        ("min.loss", "c a d b"),
        ("-max.loss", "a c d b"),
        ("config.lr", "b a c d"),
        ("-config.lr", "a b c d"),
        ("config.opt", "a d c b"),
    ],
)
def test_order(story: Story, sort: str, names: str) -> None:
    assert story.names(sort=sort) == names


@pytest.mark.parametrize(
    "sort", ["", "run", "-duration", "group", "state", "by", "loss", "-config.lr"]
)
def test_pages_lead_on_and_back_in_every_order(story: Story, sort: str) -> None:
    whole = story.names(sort=sort)

    first = story.table(sort=sort, size=2)
    second = story.table(sort=sort, size=2, cursor=first.next)

    assert " ".join(run.name for run in [*first.rows, *second.rows]) == whole
    assert (second.first, second.last, second.next) == (3, 4, "")
    back = story.table(sort=sort, size=2, cursor=second.previous)
    assert back.rows == first.rows


def test_people_are_in_order_of_their_names(story: Story) -> None:
    story.run("e", by=build.user("zoe", role=Role.EDITOR))

    assert story.names(sort="by") == "d c b a e"
    assert story.names(sort="-by") == "e d c b a"


@pytest.mark.parametrize("sort", ["nothing", "min.nothing", "config.nothing", "tags", "notes"])
def test_no_order_by_what_no_run_has(story: Story, sort: str) -> None:
    with pytest.raises(Invalid, match="no column"):
        story.table(sort=sort)


# --- filters ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("config.lr < 0.05", "b"),
        ("config.lr < 0.5 and loss < 0.5", "a"),
        ("loss < 0.5", "c a"),
        ("min.loss < 0.15", "c"),
        ("max.loss >= 0.9", "a"),
        ("loss is missing", "d b"),
        ("not loss < 0.2", "a"),
        ("config.lr = auto", "c"),
        ('config.lr in ("auto", 0.01)', "c b"),
        ("config.lr != 0.1", "b"),
        ('config.opt != "adam"', "d c b"),
        ('config.opt ~ "DA"', "a"),
        ("config.opt is missing", "d c b"),
        ("config.opt is not missing", "a"),
        ("state = finished", "b a"),
        ('state = "finished" and config.lr is not missing', "b a"),
        ("state != finished", "d c"),
        ("state in (running, failed)", "d c"),
        ('state ~ "fin"', "b a"),
        ("state is missing", ""),
        ("tag = old", "d"),
        ("tag != old", "c b a"),
        ("tag is missing", "c b a"),
        ("duration > 20", "c a"),
        ("group = g1 and job_type = eval", "b"),
        ("by = ana and run = c", "c"),
        ('started >= "2026-01-05T11:00:00Z"', "d c"),
    ],
)
def test_the_query_box(story: Story, where: str, names: str) -> None:
    assert story.names(where=where) == names


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("los < 0.2", "there is no field los; did you mean loss"),
        ("config.nothing = 1", "there is no field config.nothing"),
        ("config.lr < auto", "compares with a number; auto is not one"),
        ("state = sleeping", "state is never sleeping"),
        ("created_by__password = x", "there is no field"),
        ("loss = good", "loss is a number"),
    ],
)
def test_what_the_query_box_does_not_take(story: Story, where: str, message: str) -> None:
    with pytest.raises(FilterError, match=message):
        story.table(where=where)


def test_a_long_text_is_compared_whole(story: Story) -> None:
    story.run("e", config={"note": "x" * 80})
    story.run("f", config={"note": "x" * 79 + "y"})

    assert story.names(where=f'config.note = "{"x" * 80}"') == "e"


def test_the_state_menu_and_the_search(story: Story) -> None:
    assert story.names(status=("failed",)) == "c"
    assert story.names(status=("finished", "running")) == "d b a"
    assert story.names(search="G1") == "b a"
    assert story.names(search="old") == "d"
    assert story.names(search="ana", status=("failed",)) == "c"
    with pytest.raises(Invalid, match="never"):
        story.table(status=("sleeping",))


def test_a_running_run_that_fell_silent_counts_as_crashed(story: Story) -> None:
    later = Run.objects.get(name="d").heartbeat_at + SILENCE + timedelta(seconds=1)

    assert story.names(at=later, where="state = crashed") == "d"
    assert story.names(at=later, where="state = running") == ""
    assert story.names(at=later, sort="state") == "b a c d"
    assert story.table(at=later, where="state = crashed").rows[0].state == RunState.CRASHED


def test_one_that_need_not_be_heard_of_goes_on(story: Story) -> None:
    Run.objects.filter(name="d").update(has_heartbeat=False)
    last = Run.objects.get(name="d").heartbeat_at
    later = last + SILENCE + timedelta(seconds=1)

    assert story.names(at=later, where="state = crashed") == ""
    (row,) = story.table(at=later, where="state = running").rows
    assert (row.name, row.state, row.is_silent) == ("d", RunState.RUNNING, True)
    assert not story.table(at=last, where="state = running").rows[0].is_silent


def test_a_cursor_is_for_one_list_only(story: Story) -> None:
    cursor = story.table(size=2).next

    with pytest.raises(Invalid, match="another list"):
        story.table(size=2, cursor=cursor, sort="run")
    with pytest.raises(Invalid, match="another list"):
        story.table(size=2, cursor=cursor, where="loss < 1")


@pytest.mark.parametrize("sort", ["", "run", "loss", "config.lr"])
def test_what_is_in_the_bin_or_elsewhere_is_not_there(story: Story, sort: str) -> None:
    other = build.project(story.owner, "other")
    build.run(story.owner, other, config={"lr": 7})
    Run.objects.filter(name="c").update(deleted_at=START)

    table = story.table(sort=sort)

    assert sorted(run.name for run in table.rows) == ["a", "b", "d"]
    assert table.total == 3
    assert best_values(story.project, {read_column("min.loss"): True}) == {
        read_column("min.loss"): 0.2
    }


def test_the_best_of_each_metric(story: Story) -> None:
    loss, lowest, missing = map(read_column, ("loss", "min.loss", "other"))

    assert best_values(story.project, {loss: True, lowest: False, missing: True}) == {
        loss: 0.1,
        lowest: 0.2,
    }
    assert best_values(story.project, {}) == {}


# --- groups -------------------------------------------------------------------------------------


def groups(
    story: Story, by: str, metrics: str = "loss", **asked: object
) -> list[tuple[object, ...]]:
    keys = keys_of(story.project)
    found = grouped_runs(
        story.project,
        TableQuery(**asked),  # type: ignore[arg-type]
        column=group_column(by, keys),
        metrics=[read_column(name) for name in metrics.split()],
        keys=keys,
        at=story.now,
    )
    assert found.runs == sum(group.count for group in found.groups)
    assert found.total == len(found.groups)
    return [(group.text, group.count, dict(group.figures)) for group in found.groups]


def test_groups_have_counts_and_figures(story: Story) -> None:
    story.run("e", loss=[0.7], group="g1", took=1)

    (first, second) = groups(story, "group", "loss min.loss")

    assert first[:2] == ("g1", 3)
    figures = first[2]["loss"]  # type: ignore[index]
    assert (figures.count, figures.mean, figures.low, figures.high) == (2, 0.5, 0.3, 0.7)
    assert first[2]["min.loss"].low == 0.2  # type: ignore[index]
    assert second[:2] == (None, 2)


def test_groups_by_state_person_and_config(story: Story) -> None:
    def sizes(by: str) -> list[tuple[object, ...]]:
        return [group[:2] for group in groups(story, by)]

    assert sizes("state") == [("finished", 2), ("failed", 1), ("running", 1)]
    assert sizes("by") == [("ana", 4)]
    assert sizes("config.lr") == [("0.01", 1), ("0.1", 1), (None, 1), ("auto", 1)]
    assert [group[:2] for group in groups(story, "config.lr", where="loss < 0.5")] == [
        ("0.1", 1),
        ("auto", 1),
    ]
    assert groups(story, "config.opt", where='run = "nobody"') == []


@pytest.mark.parametrize("by", ["state", "by", "group", "job_type", "config.lr", "config.opt"])
def test_a_group_leads_to_its_runs(story: Story, by: str) -> None:
    keys = keys_of(story.project)
    column = group_column(by, keys)
    now = story.now
    found = grouped_runs(story.project, TableQuery(), column=column, metrics=[], keys=keys, at=now)

    for group in found.groups:
        inside = story.table(where=runs_in(group, column, ""))
        assert inside.matching == group.count, group


def test_a_group_keeps_what_was_asked_for_before(story: Story) -> None:
    keys = keys_of(story.project)
    column = group_column("config.lr", keys)
    group = grouped_runs(story.project, TableQuery(), column=column, metrics=[], keys=keys).groups[
        0
    ]

    where = runs_in(group, column, "state = finished or loss < 1")

    assert where == '(state = "finished" or loss < 1) and config.lr = 0.01'
    assert story.names(where=where) == "b"


@pytest.mark.parametrize("by", ["started", "run", "loss", "tags", "config.nothing", "x"])
def test_no_groups_by_what_runs_do_not_share(story: Story, by: str) -> None:
    with pytest.raises(Invalid, match="grouped by"):
        group_column(by, keys_of(story.project))


# --- export and cost ----------------------------------------------------------------------------


def test_every_run_as_csv_in_the_order_of_the_page(story: Story) -> None:
    story.run("=evil()", config={"lr": "=1+1"}, loss=[0.1 + 0.2], took=1)
    columns = [read_column(name) for name in ("state", "config.lr", "loss", "tags")]

    lines = run_lines(
        story.project,
        TableQuery(sort="run", where="not run = b"),
        columns=columns,
        keys=keys_of(story.project),
    )

    rows = list(csv.DictReader(lines))
    assert [row["run"] for row in rows] == ["'=evil()", "a", "c", "d"]
    assert rows[0]["loss"] == "0.30000000000000004"
    assert rows[0]["config.lr"] == "'=1+1"
    assert (rows[1]["config.lr"], rows[1]["state"], rows[1]["duration"]) == (
        "0.1",
        "finished",
        "50.0",
    )
    assert (rows[3]["config.lr"], rows[3]["loss"], rows[3]["tags"]) == ("", "", "old")


def test_csv_says_nan(story: Story) -> None:
    keys = keys_of(story.project)
    lines = run_lines(
        story.project, TableQuery(where="run = b"), columns=[read_column("loss")], keys=keys
    )

    assert next(csv.DictReader(lines))["loss"] == "NaN"


def cost(project: Project, **asked: object) -> int:
    with CaptureQueriesContext(connection) as queries:
        keys = keys_of(project)
        columns = usual_columns(project)
        runs_table(project, TableQuery(**asked), columns=columns, keys=keys)  # type: ignore[arg-type]
    return len(queries)


@pytest.mark.parametrize(
    ("asked", "limit"),
    [({}, 11), ({"sort": "loss"}, 12), ({"sort": "-config.lr", "where": "loss < 9"}, 14)],
    ids=["newest", "by a metric", "filtered by a value"],
)
def test_cost_does_not_grow_with_runs(story: Story, asked: dict[str, object], limit: int) -> None:
    few = cost(story.project, size=3, **asked)
    for at in range(12):
        story.run(f"x{at}", config={"lr": at, "more": at}, loss=[0.1 * at], took=1)

    assert cost(story.project, size=3, **asked) <= few
    assert few <= limit
