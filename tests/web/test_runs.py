"""The page of a run: what it says, what it keeps to itself, and how it follows a live one."""

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from apps.accounts.choices import Role
from apps.accounts.models import User
from apps.artifacts.services import note_use
from apps.projects.access import Access
from apps.runs.choices import RunState, Stream
from apps.runs.metric_rules import MetricRule, MetricRules
from apps.runs.models import Run
from apps.runs.services import (
    CodeVersion,
    Line,
    RunDescription,
    finish_run,
    log_console,
    log_points,
    resume_run,
    schedule_run,
    start_run,
    update_run,
)
from apps.series.choices import SeriesKind
from apps.series.models import Series
from apps.series.services import Batch, ObjectValue
from apps.web.curves import chart_groups
from tests import build
from tests.web.visits import browser, text_of

pytestmark = pytest.mark.django_db
LIVE = {"HX-Request": "true", "HX-Target": "live"}


@pytest.fixture
def editor() -> User:
    return build.user()


@pytest.fixture
def allowed(editor: User) -> Access:
    return build.access(editor, project=build.project(editor))


@pytest.fixture
def run(allowed: Access) -> Run:
    """A live run that has said everything that a run can say of itself."""
    description = RunDescription(
        name="try <1>",
        group="sweep",
        job_type="training",
        notes="Second try.\nSmaller steps.",
        host="gpu-3",
        config={"lr": 0.1, "optimizer": {"name": "sgd"}},
        tags={"mnist": "", "owner": "ada"},
        code=CodeVersion("37e2f6fb9a3b", "https://git.example/mnist", "train.py"),
    )
    return start_run(description=description, access=allowed)


def address(run: Run) -> str:
    return f"/main/digits/runs/{run.key}"


def log(run: Run, allowed: Access, **values: Sequence[float]) -> None:
    batches = [
        Batch(key.replace("__", "/"), list(range(len(points))), [1.0] * len(points), points)
        for key, points in values.items()
    ]
    log_points(run=run, batches=batches, access=allowed)


class TestWhatItSays:
    def test_all_that_the_run_said_of_itself(self, run: Run, editor: User) -> None:
        page = text_of(browser(editor).get(address(run)))
        for word in (
            *("try &lt;1&gt;", run.key, editor.username, "sweep", "training", "gpu-3"),
            *("train.py", "37e2f6fb9a3b", "owner: ada", "Smaller steps.", "optimizer", "sgd"),
        ):
            assert word in page, word
        assert 'href="https://git.example/mnist" rel="noopener noreferrer nofollow"' in page

    @pytest.mark.parametrize(
        "remote",
        [
            "javascript:alert(1)",
            "git@host:x.git",
            "https://u:p@host/x",
            "//evil",
            "https://",
            "ftp://x",
        ],
    )
    def test_a_remote_that_is_no_web_address_is_no_link(
        self, allowed: Access, editor: User, remote: str
    ) -> None:
        description = RunDescription(code=CodeVersion(remote=remote))
        run = start_run(description=description, access=allowed)
        page = text_of(browser(editor).get(address(run)))
        assert f'href="{remote}' not in page
        assert "nofollow" not in page

    def test_curves_share_a_chart_by_what_they_measure(
        self, run: Run, allowed: Access, editor: User
    ) -> None:
        log(run, allowed, train__loss=[2, 1], val__loss=[3, 2], lr=[0.1, 0.1], once=[1])
        charts = browser(editor).get(address(run)).context["curves"].charts
        assert [chart.title for chart in charts] == ["loss", "lr"]
        assert [item.name for item in charts[0].legend] == ["train/loss", "val/loss"]

    def test_values_have_their_last_and_their_extremes(
        self, run: Run, allowed: Access, editor: User
    ) -> None:
        log(run, allowed, loss=[2, 0.5, float("nan")])
        (row,) = browser(editor).get(address(run)).context["curves"].values
        assert row == {
            "key": "loss",
            "best": "",
            "last": "NaN",
            "lowest": "0.5",
            "highest": "2",
            "points": "3",
        }

    def test_a_summary_of_its_own(self, run: Run, allowed: Access, editor: User) -> None:
        finish_run(run=run, access=allowed, summary={"best": {"epoch": 7}})
        page = text_of(browser(editor).get(address(run)))
        assert "best.<wbr>epoch" in page

    def test_a_hundred_charts_come_page_by_page(
        self, run: Run, allowed: Access, editor: User
    ) -> None:
        log(run, allowed, **{f"metric{number:03}": [1, 2] for number in range(100)})
        client = browser(editor)
        first = client.get(address(run)).context["curves"]
        assert [chart.title for chart in first.charts] == [f"metric{n:03}" for n in range(12)]
        assert first.text == "Charts 1–12 of 100"
        assert (first.previous_url, first.next_url) == ("", f"{address(run)}?page=2")
        last = client.get(address(run), {"page": "9"}).context["curves"]
        assert [chart.title for chart in last.charts] == [f"metric{n:03}" for n in range(96, 100)]
        assert (last.previous_url, last.next_url) == (f"{address(run)}?page=8", "")
        beyond = client.get(address(run), {"page": "99"}).context["curves"]
        assert [chart.title for chart in beyond.charts] == [chart.title for chart in last.charts]

    def test_a_metric_is_found_by_words(self, run: Run, allowed: Access, editor: User) -> None:
        log(run, allowed, loss=[2, 1], accuracy=[0, 1])
        client = browser(editor)
        found = client.get(address(run), {"metric": "ACC"}).context["curves"]
        assert [chart.title for chart in found.charts] == ["accuracy"]
        assert [row["key"] for row in found.values] == ["accuracy"]
        page = text_of(client.get(address(run), {"metric": "<zzz>"}))
        assert "No metric has “&lt;zzz&gt;” in its name." in page

    def test_metrics_whose_names_begin_alike_stand_together(
        self, run: Run, allowed: Access, editor: User
    ) -> None:
        log(run, allowed, layer1__bias=[1, 2], loss=[2, 1], layer1__norm=[1, 2], zeta__a=[1, 2])
        sections = browser(editor).get(address(run)).context["curves"].sections
        assert [(s.title, [chart.title for chart in s.charts]) for s in sections] == [
            ("", ["loss"]),
            ("layer1", ["layer1/bias", "layer1/norm"]),
            ("zeta", ["zeta/a"]),
        ]

    def test_how_curves_are_drawn_is_in_every_link(
        self, run: Run, allowed: Access, editor: User
    ) -> None:
        log(run, allowed, loss=[2, 1])
        query = {"x": "relative", "smooth": "0.9", "scale": "log"}
        answer = browser(editor).get(address(run), query)
        (chart,) = answer.context["curves"].charts
        assert chart.head[0] == "time since the start"
        assert answer.context["live_address"] == f"{address(run)}?x=relative&smooth=0.9&scale=log"
        (system,) = [tab.url for tab in answer.context["tabs"] if tab.label == "System"]
        assert system == f"{address(run)}?show=system&x=relative&smooth=0.9&scale=log"

    @pytest.mark.parametrize(
        "query",
        [
            {"show": "nothing"},
            {"x": "y"},
            {"smooth": "1"},
            {"scale": "cubic"},
            {"page": "-1"},
            {"page": "9" * 30},
            {"metric": "x" * 300},
            {"find": "a\x00b"},
            {"show": "objects", "key": "loss", "cursor": "broken"},
        ],
    )
    def test_what_cannot_be_meant_is_refused(
        self, run: Run, editor: User, query: dict[str, str]
    ) -> None:
        assert browser(editor).get(address(run), query).status_code == 400

    def test_what_the_machine_said_stands_apart(
        self, run: Run, allowed: Access, editor: User
    ) -> None:
        log(run, allowed, loss=[2, 1])
        gpu = Batch("gpu.0.memory", [0, 1], [1.0, 2.0], [40, 50])
        log_points(run=run, batches=[gpu], kind=SeriesKind.SYSTEM, access=allowed)
        client = browser(editor)
        assert [c.title for c in client.get(address(run)).context["curves"].charts] == ["loss"]
        system = client.get(address(run), {"show": "system"}).context["curves"]
        assert [chart.title for chart in system.charts] == ["gpu.0.memory"]

    def test_what_mlflows_client_measures_of_the_machine_stands_apart_too(
        self, run: Run, allowed: Access, editor: User
    ) -> None:
        """It logs that among the metrics, as `system/…`, elsewhere a name like any other."""
        log(run, allowed, loss=[2, 1], system__cpu=[40, 50])

        def titles(**query: str) -> list[str]:
            curves = browser(editor).get(address(run), query).context["curves"]
            return [chart.title for chart in curves.charts]

        assert titles() == ["loss", "system/cpu"]
        assert titles(show="system") == []
        Run.objects.update(has_heartbeat=False)
        assert titles() == ["loss"]
        assert titles(show="system") == ["system/cpu"]
        assert titles(show="system", metric="none") == []

    def test_a_commit_leads_to_its_page_where_that_is_known(
        self, allowed: Access, editor: User
    ) -> None:
        code = CodeVersion("37e2f6fb9a3b", "https://github.com/example/mnist.git", "train.py")
        run = start_run(description=RunDescription(code=code), access=allowed)
        page = text_of(browser(editor).get(address(run)))
        assert 'href="https://github.com/example/mnist/commit/37e2f6fb9a3b"' in page

    def test_the_config_is_a_tree(self, run: Run, editor: User) -> None:
        branches = browser(editor).get(address(run)).context["config"].branches
        assert [branch.name for branch in branches] == ["lr", "optimizer"]
        assert [branch.value for branch in branches[1].children] == ["sgd"]

    def test_config_and_summary_stand_in_the_order_of_their_names(
        self, allowed: Access, editor: User
    ) -> None:
        values = {"layer10": 1, "layer2": {"b": 1, "a": 1}}
        run = start_run(description=RunDescription(config=values), access=allowed)
        update_run(run=run, access=allowed, summary=values)
        page = browser(editor).get(address(run))
        branches = page.context["config"].branches
        assert [branch.name for branch in branches] == ["layer2", "layer10"]
        assert [branch.name for branch in branches[0].children] == ["a", "b"]
        assert [one["key"] for one in page.context["summary"]][-1] == "layer10"

    def test_the_queries_do_not_grow(
        self, run: Run, allowed: Access, editor: User, django_assert_num_queries: Any
    ) -> None:
        client = browser(editor)
        log(run, allowed, metric=[1, 2])
        with django_assert_num_queries(14):
            client.get(address(run))
        log(run, allowed, **{f"metric{number}": [1, 2] for number in range(30)})
        with django_assert_num_queries(14):
            client.get(address(run))


class TestConsole:
    ALL = {"show": "console"}

    def write(self, run: Run, allowed: Access, count: int) -> None:
        lines = [Line(number, f"\x1b[32mline {number}.\x1b[0m <b>") for number in range(count)]
        log_console(run=run, lines=lines, access=allowed)

    def test_the_last_lines_without_colours_and_as_text(
        self, run: Run, allowed: Access, editor: User
    ) -> None:
        self.write(run, allowed, 250)
        page = text_of(browser(editor).get(address(run)))
        assert "line 249. &lt;b&gt;" in page
        assert "line 150." in page
        assert "line 149." not in page
        assert "\x1b" not in page
        assert "[32m" not in page

    def test_all_of_it_page_by_page(self, run: Run, allowed: Access, editor: User) -> None:
        self.write(run, allowed, 750)
        client = browser(editor)
        last = client.get(address(run), self.ALL).context["console"]
        assert [last.lines[0].number, last.lines[-1].number] == [250, 749]
        assert last.latest_url == ""
        assert last.earlier_url == f"{address(run)}?show=console&before=250"
        first = client.get(last.earlier_url).context["console"]
        assert [first.lines[0].number, first.lines[-1].number] == [0, 249]
        assert first.earlier_url == ""
        assert first.latest_url == f"{address(run)}?show=console"

    def test_lines_are_found_by_words(self, run: Run, allowed: Access, editor: User) -> None:
        lines = [Line(0, "fine"), Line(1, "An ERROR <b>", Stream.ERROR), Line(2, "fine")]
        log_console(run=run, lines=lines, access=allowed)
        client = browser(editor)
        (line,) = client.get(address(run), self.ALL | {"find": "error"}).context["console"].lines
        assert (line.number, line.text, line.is_error) == (1, "An ERROR <b>", True)
        assert "No line has these words." in text_of(
            client.get(address(run), self.ALL | {"find": "zzz"})
        )

    def test_a_line_without_end_is_cut(self, run: Run, allowed: Access, editor: User) -> None:
        log_console(run=run, lines=[Line(0, "x" * 90_000)], access=allowed)
        assert len(text_of(browser(editor).get(address(run)))) < 40_000

    @pytest.mark.parametrize("before", ["x", "-1", "1.5", "9" * 30, "١"])
    def test_nonsense_is_refused(self, run: Run, editor: User, before: str) -> None:
        assert browser(editor).get(address(run), {"before": before}).status_code == 400


class TestObjects:
    def shown(self, run: Run, editor: User, **query: str) -> Any:
        answer = browser(editor).get(address(run), {"show": "objects", **query})
        return answer.context["objects"]

    def test_the_newest_of_each_key_in_words(self, run: Run, allowed: Access, editor: User) -> None:
        histogram = {"_type": "histogram", "values": [1, 2, 1], "bins": [0, 0.5, 1, 1.5]}
        picture = {"_type": "image-file", "path": "a.png", "width": 28, "nested": {}}
        objects = [
            ObjectValue("gradients", 1, 1.0, {}),
            ObjectValue("gradients", 2, 2.0, histogram),
            ObjectValue("note", 0, 0.0, "a <b>"),
            ObjectValue("picture", 0, 0.0, picture),
            ObjectValue("list", 0, 0.0, [1, "a", None]),
        ]
        log_points(run=run, objects=objects, access=allowed)
        rows = self.shown(run, editor).rows
        assert [(row.key, row.kind, row.text, row.count) for row in rows] == [
            ("gradients", "histogram", "4 values in 3 bins from 0 to 1.5", "2"),
            ("list", "value", '[1, "a", null]', "1"),
            ("note", "text", "a <b>", "1"),
            ("picture", "picture", "width: 28 (a.png is not among the run's files)", "1"),
        ]
        assert rows[0].drawing.startswith("<svg")
        page = text_of(browser(editor).get(address(run), {"show": "objects"}))
        assert "a &lt;b&gt;" in page
        assert "a <b>" not in page

    def test_the_history_of_one_key_page_by_page(
        self, run: Run, allowed: Access, editor: User
    ) -> None:
        objects = [ObjectValue("note", step, 1.0, f"text {step}") for step in range(30)]
        log_points(run=run, objects=[*objects, ObjectValue("x", 0, 0.0, "y")], access=allowed)
        first = self.shown(run, editor, key="note")
        assert [row.text for row in first.rows] == [f"text {n}" for n in range(29, 4, -1)]
        second = browser(editor).get(first.foot["next_url"]).context["objects"]
        assert [row.text for row in second.rows] == [f"text {n}" for n in range(4, -1, -1)]
        assert second.foot["next_url"] == ""

    @pytest.mark.parametrize(
        "value",
        [
            {"_type": "histogram", "values": "many"},
            {"_type": "histogram", "values": [True, "x"]},
            {"_type": "histogram", "values": [], "bins": [1]},
            {"_type": ["histogram"]},
            {"_type": "histogram", "values": [0, 0], "bins": "x"},
            None,
            [],
            10**400,
        ],
    )
    def test_whatever_was_logged_can_be_shown(
        self, run: Run, allowed: Access, editor: User, value: object
    ) -> None:
        log_points(run=run, objects=[ObjectValue("odd", 0, 1e300, value)], access=allowed)
        assert len(self.shown(run, editor).rows) == 1

    def test_none(self, run: Run, editor: User) -> None:
        assert "No objects" in text_of(browser(editor).get(address(run), {"show": "objects"}))

    def test_the_queries_do_not_grow(
        self, run: Run, allowed: Access, editor: User, django_assert_num_queries: Any
    ) -> None:
        client = browser(editor)
        for many in (1, 30):
            objects = [ObjectValue(f"key{n}", 0, 0.0, "x") for n in range(many)]
            log_points(run=run, objects=objects, access=allowed)
            with django_assert_num_queries(12):
                client.get(address(run), {"show": "objects"})


class TestArtifacts:
    def test_used_and_made_with_links(self, run: Run, allowed: Access, editor: User) -> None:
        place = run.project
        dataset = build.version(editor, build.collection(editor, place, "images", type="dataset"))
        note_use(run=run, artifact=dataset.artifact, use_as="training data", access=allowed)
        build.version(editor, build.collection(editor, place), made_by=run)
        used, made = browser(editor).get(address(run)).context["artifact_groups"]
        assert [(row["name"], row["use_as"]) for row in used["rows"]] == [
            ("images:v1", "training data")
        ]
        assert [(row["name"], row["url"]) for row in made["rows"]] == [
            ("candidates:v1", "/main/digits/models/candidates/versions/1")
        ]

    def test_what_comes_from_a_hidden_project_is_left_out(self, run: Run, editor: User) -> None:
        owner = build.user("owner", role=Role.ADMIN)
        secret = build.project(owner, "secret", private=True)
        dataset = build.version(owner, build.collection(owner, secret, "hidden", type="dataset"))
        access = build.access(owner, project=run.project)
        note_use(run=run, artifact=dataset.artifact, access=access)
        assert "hidden:v1" in text_of(browser(owner).get(address(run)))
        assert "hidden:v1" not in text_of(browser(editor).get(address(run)))


class TestFollowing:
    @pytest.fixture(autouse=True)
    def nothing_drawn(self) -> None:
        """Drawings are shared for a moment; a test begins without those of another."""
        cache.clear()

    def test_nothing_new_costs_one_row_beside_signing_in(
        self, run: Run, allowed: Access, editor: User, django_assert_num_queries: Any
    ) -> None:
        log(run, allowed, **{f"metric{number}": [1, 2] for number in range(30)})
        client = browser(editor)
        seen = client.get(address(run)).context["seen"]
        # The session, the person, the project with the role in it, and the run.
        with django_assert_num_queries(4) as queries:
            client.get(address(run), {"seen": seen}, headers=LIVE)
        assert [q["sql"] for q in queries if "runs_run" in q["sql"]] != []

    def test_many_watchers_share_a_drawing(
        self, run: Run, allowed: Access, editor: User, django_assert_num_queries: Any
    ) -> None:
        log(run, allowed, loss=[2, 1])
        one, other = browser(editor), browser(build.user("vera", role=Role.VIEWER))
        first = one.get(address(run), {"seen": "x"}, headers=LIVE)
        with django_assert_num_queries(4):
            second = other.get(address(run), {"seen": "x"}, headers=LIVE)
        assert text_of(first) == text_of(second)
        assert editor.username not in text_of(first)

    def test_but_another_state_of_the_page_has_its_own(
        self, run: Run, allowed: Access, editor: User
    ) -> None:
        log(run, allowed, loss=[2, 1])
        client = browser(editor)
        curves = text_of(client.get(address(run), {"seen": "x"}, headers=LIVE))
        query = {"seen": "x", "show": "console"}
        assert text_of(client.get(address(run), query, headers=LIVE)) != curves

    def test_no_drawing_reaches_who_may_not_see_the_run(self, editor: User) -> None:
        secret = build.project(editor, "secret", private=True)
        run = build.run(editor, secret)
        path = f"/main/secret/runs/{run.key}"
        assert browser(editor).get(path, {"seen": "x"}, headers=LIVE).status_code == 200
        stranger = browser(build.user("mallory", role=Role.VIEWER))
        assert stranger.get(path, {"seen": "x"}, headers=LIVE).status_code == 404

    def poll(self, client: Any, run: Run) -> Any:
        """What the page itself would ask for next."""
        seen = client.get(address(run)).context["seen"]
        return client.get(address(run), {"seen": seen}, headers=LIVE)

    def test_a_live_run_asks_again_every_second(self, run: Run, editor: User) -> None:
        page = text_of(browser(editor).get(address(run)))
        assert f'hx-get="{address(run)}?seen=1-' in page
        assert 'hx-trigger="every 1s"' in page

    def test_nothing_new_is_answered_with_nothing(self, run: Run, editor: User) -> None:
        answer = self.poll(browser(editor), run)
        assert (answer.status_code, answer.content) == (204, b"")

    def test_something_new_with_the_part_that_changes(
        self, run: Run, allowed: Access, editor: User
    ) -> None:
        client = browser(editor)
        seen = client.get(address(run)).context["seen"]
        log(run, allowed, loss=[2, 1])
        answer = client.get(address(run), {"seen": seen}, headers=LIVE)
        part = text_of(answer)
        assert '<p class="run-state" id="state" hx-swap-oob="true">' in part
        assert '<div class="stack" id="live"' in part
        assert "loss" in part
        assert "<html" not in part
        assert "optimizer" not in part

    def test_a_run_that_has_ended_stops_asking(
        self, run: Run, allowed: Access, editor: User
    ) -> None:
        client = browser(editor)
        seen = client.get(address(run)).context["seen"]
        finish_run(run=run, access=allowed)
        last = client.get(address(run), {"seen": seen}, headers=LIVE)
        assert last["HX-Refresh"] == "true"
        assert last.content == b""
        assert "every 1s" not in text_of(client.get(address(run)))

    def test_a_silent_run_is_shown_as_crashed(self, run: Run, editor: User) -> None:
        run.heartbeat_at = timezone.now() - timedelta(minutes=10)
        run.save()
        page = text_of(browser(editor).get(address(run)))
        assert "crashed" in page
        assert "every 1s" not in page

    def test_one_without_a_heartbeat_says_when_it_was_heard_of(
        self, run: Run, editor: User
    ) -> None:
        run.heartbeat_at = timezone.now() - timedelta(hours=3)
        run.has_heartbeat = False
        run.save()
        page = text_of(browser(editor).get(address(run)))
        assert '<span class="live">' not in page
        assert '<span class="pill hue-green"><span>running</span></span>' in page
        assert "last heard of 3 h ago · its client says nothing while it logs nothing" in page
        assert "every 1s" in page
        table = text_of(browser(editor).get("/main/digits/runs"))
        assert '<span class="live">' not in table
        assert "crashed" not in table.partition("<tbody")[2]

    def test_one_that_has_not_begun_waits(self, run: Run, allowed: Access, editor: User) -> None:
        schedule_run(run=run, access=allowed)
        Run.objects.update(heartbeat_at=timezone.now() - timedelta(days=3))
        client = browser(editor)
        page = text_of(client.get(address(run)))
        assert '<span class="pill hue-slate"><span>scheduled</span></span>' in page
        assert "waits to begin" in page
        assert "every 1s" in page
        assert self.poll(client, run).status_code == 204
        seen = client.get(address(run)).context["seen"]
        resume_run(run=Run.objects.get(), access=allowed)
        begun = text_of(client.get(address(run), {"seen": seen}, headers=LIVE))
        assert '<span class="live">running</span>' in begun

    def test_who_has_been_signed_out_is_led_to_sign_in(self, run: Run, editor: User) -> None:
        answer = browser().get(address(run), headers=LIVE)
        assert (answer.status_code, answer["HX-Redirect"]) == (401, "/sign-in")
        assert answer.content == b""


def test_a_run_of_another_project_is_not_found(run: Run, editor: User) -> None:
    build.project(editor, "other")
    assert browser(editor).get(f"/main/other/runs/{run.key}").status_code == 404
    assert browser(editor).get("/main/digits/runs/unknown").status_code == 404


@pytest.mark.parametrize(
    ("keys", "groups"),
    [
        (["train/loss", "val/loss"], [("loss", ["train/loss", "val/loss"])]),
        (["val_loss", "train_loss"], [("loss", ["train_loss", "val_loss"])]),
        (["loss", "val_loss"], [("loss", ["loss", "val_loss"])]),
        (["loss/test", "loss/train"], [("loss", ["loss/train", "loss/test"])]),
        (["train", "value"], [("train", ["train"]), ("value", ["value"])]),
        (["a/b", "a/c"], [("a/b", ["a/b"]), ("a/c", ["a/c"])]),
    ],
)
def test_which_keys_share_a_chart(keys: list[str], groups: list[tuple[str, list[str]]]) -> None:
    found = chart_groups([Series(key=key, count=2) for key in keys])
    assert [(group.subject, group.keys) for group in found] == groups


def test_charts_of_the_same_thing_along_other_steps_are_told_apart(
    run: Run, allowed: Access, editor: User
) -> None:
    rules = MetricRules((MetricRule(name="val/loss", step="epoch"),))
    update_run(run=run, metric_rules=rules.dump(), access=allowed)
    log(run, allowed, loss=[2, 1], val__loss=[2, 1], epoch=[0, 1])
    charts = browser(editor).get(address(run)).context["curves"].charts
    assert [chart.title for chart in charts] == ["epoch", "loss", "val/loss"]


def test_a_summary_that_is_no_number_reads_like_a_metric(
    run: Run, allowed: Access, editor: User
) -> None:
    summary = {"odd": -math.inf, "none": math.nan, "word": "Infinity and more"}
    update_run(run=run, summary=summary, access=allowed)
    rows = browser(editor).get(address(run)).context["summary"]
    assert {row["key"]: row["text"] for row in rows} == {
        "none": "NaN",
        "odd": "−∞",
        "word": "Infinity and more",
    }


def test_the_state_of_a_killed_run(run: Run, allowed: Access, editor: User) -> None:
    finish_run(run=run, access=allowed, state=RunState.KILLED, exit_code=137)
    page = text_of(browser(editor).get(address(run)))
    assert 'hue-amber"><span>killed</span>' in page
    assert "exit code 137" in page
