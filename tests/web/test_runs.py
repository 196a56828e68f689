"""The page of a run: what it says, what it keeps to itself, and how it follows a live one."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.choices import Role
from apps.accounts.models import User
from apps.artifacts.services import note_use
from apps.projects.access import Access
from apps.runs.choices import RunState
from apps.runs.models import Run
from apps.runs.services import (
    CodeVersion,
    Line,
    RunDescription,
    finish_run,
    log_console,
    log_points,
    start_run,
)
from apps.series.models import Series
from apps.series.services import Batch
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
            *("train.py", "37e2f6fb9a3b", "owner: ada", "Smaller steps.", "optimizer.name", "sgd"),
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
        charts = browser(editor).get(address(run)).context["charts"]
        assert [chart.title for chart in charts] == ["loss", "lr"]
        assert [item.name for item in charts[0].legend] == ["train/loss", "val/loss"]

    def test_values_have_their_last_and_their_extremes(
        self, run: Run, allowed: Access, editor: User
    ) -> None:
        log(run, allowed, loss=[2, 0.5, float("nan")])
        (row,) = browser(editor).get(address(run)).context["values"]
        assert row == {
            "key": "loss",
            "last": "NaN",
            "lowest": "0.5",
            "highest": "2",
            "points": "3",
        }

    def test_a_summary_of_its_own(self, run: Run, allowed: Access, editor: User) -> None:
        finish_run(run=run, access=allowed, summary={"best": {"epoch": 7}})
        page = text_of(browser(editor).get(address(run)))
        assert "best.epoch" in page

    def test_at_first_six_charts(self, run: Run, allowed: Access, editor: User) -> None:
        log(run, allowed, **{f"metric{number}": [1, 2] for number in range(9)})
        client = browser(editor)
        assert len(client.get(address(run)).context["charts"]) == 6
        assert "Show 3 more charts" in text_of(client.get(address(run)))
        assert len(client.get(f"{address(run)}?charts=all").context["charts"]) == 9

    def test_the_queries_do_not_grow(
        self, run: Run, allowed: Access, editor: User, django_assert_num_queries: Any
    ) -> None:
        client = browser(editor)
        log(run, allowed, metric=[1, 2])
        with django_assert_num_queries(13):
            client.get(address(run))
        log(run, allowed, **{f"metric{number}": [1, 2] for number in range(30)})
        with django_assert_num_queries(13):
            client.get(address(run))


class TestConsole:
    def write(self, run: Run, allowed: Access, count: int) -> None:
        lines = [Line(number, f"\x1b[32mline {number}.\x1b[0m <b>") for number in range(count)]
        log_console(run=run, lines=lines, access=allowed)

    def test_the_last_lines_without_colours_and_as_text(
        self, run: Run, allowed: Access, editor: User
    ) -> None:
        self.write(run, allowed, 250)
        page = text_of(browser(editor).get(address(run)))
        assert "line 249. &lt;b&gt;" in page
        assert "line 50." in page
        assert "line 49." not in page
        assert "\x1b" not in page
        assert "[32m" not in page

    def test_earlier_ones_by_a_link(self, run: Run, allowed: Access, editor: User) -> None:
        self.write(run, allowed, 250)
        client = browser(editor)
        earlier = client.get(address(run)).context["earlier_address"]
        assert earlier == f"{address(run)}?before=50#console"
        answer = client.get(earlier)
        assert "line 49." in text_of(answer)
        assert "line 50." not in text_of(answer)
        assert answer.context["earlier_address"] == ""
        assert answer.context["later_address"] == address(run)

    def test_a_line_without_end_is_cut(self, run: Run, allowed: Access, editor: User) -> None:
        log_console(run=run, lines=[Line(0, "x" * 90_000)], access=allowed)
        assert len(text_of(browser(editor).get(address(run)))) < 40_000

    @pytest.mark.parametrize("before", ["x", "-1", "1.5", "9" * 30, "١"])
    def test_nonsense_is_refused(self, run: Run, editor: User, before: str) -> None:
        assert browser(editor).get(address(run), {"before": before}).status_code == 400


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
    def poll(self, client: Any, run: Run) -> Any:
        """What the page itself would ask for next."""
        seen = client.get(address(run)).context["seen"]
        return client.get(address(run), {"seen": seen}, headers=LIVE)

    def test_a_live_run_asks_again_every_two_seconds(self, run: Run, editor: User) -> None:
        page = text_of(browser(editor).get(address(run)))
        assert f'hx-get="{address(run)}?seen=running-' in page
        assert 'hx-trigger="every 2s"' in page

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
        assert part.strip().startswith('<div class="stack" id="live"')
        assert "loss" in part
        assert "<html" not in part
        assert "optimizer.name" not in part

    def test_a_run_that_has_ended_stops_asking(
        self, run: Run, allowed: Access, editor: User
    ) -> None:
        client = browser(editor)
        seen = client.get(address(run)).context["seen"]
        finish_run(run=run, access=allowed)
        last = client.get(address(run), {"seen": seen}, headers=LIVE)
        assert last["HX-Refresh"] == "true"
        assert "hx-trigger" not in text_of(last)
        assert "hx-trigger" not in text_of(client.get(address(run)))

    def test_a_silent_run_is_shown_as_crashed(self, run: Run, editor: User) -> None:
        run.heartbeat_at = timezone.now() - timedelta(minutes=10)
        run.save()
        page = text_of(browser(editor).get(address(run)))
        assert "crashed" in page
        assert "hx-trigger" not in page

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
    assert chart_groups([Series(key=key, count=2) for key in keys]) == groups


def test_the_state_of_a_killed_run(run: Run, allowed: Access, editor: User) -> None:
    finish_run(run=run, access=allowed, state=RunState.KILLED, exit_code=137)
    page = text_of(browser(editor).get(address(run)))
    assert 'hue-amber"><span>killed</span>' in page
    assert "exit code 137" in page
