"""What surrounds a run's measurements: alerts, nested runs, its machine, rules for its metrics."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.choices import Role
from apps.accounts.models import User
from apps.bin.services.deletion import delete_run
from apps.projects.access import Access
from apps.runs.alerts import raise_alert
from apps.runs.choices import AlertLevel
from apps.runs.models import Run, RunTag
from apps.runs.services import RunDescription, finish_run, log_points, start_run
from apps.series.services import Batch
from tests import build
from tests.web.test_version_page import section, words
from tests.web.visits import browser, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def editor() -> User:
    return build.user()


@pytest.fixture
def allowed(editor: User) -> Access:
    return build.access(editor, project=build.project(editor))


def began(allowed: Access, **config: object) -> Run:
    return start_run(description=RunDescription(name="outer", config=config), access=allowed)


def page_of(run: Run, reader: User, query: str = "") -> str:
    return text_of(browser(reader).get(f"/main/{run.project.name}/runs/{run.key}{query}"))


class TestAlerts:
    def test_the_newest_first_and_never_as_markup(self, allowed: Access, editor: User) -> None:
        run = began(allowed)
        raise_alert(run=run, access=allowed, title="Saved", text="at step 3")
        raise_alert(
            run=run, access=allowed, title="<b>NaN</b>", text="<script>x", level=AlertLevel.ERROR
        )
        text = section(page_of(run, editor), "alerts-head")
        assert text.index("NaN") < text.index("Saved")
        assert "error" in text
        assert "<script>x" not in page_of(run, editor)

    def test_the_project_names_those_of_the_last_week(self, allowed: Access, editor: User) -> None:
        run = began(allowed)
        raise_alert(run=run, access=allowed, title="Fresh")
        long_ago = timezone.now() - timedelta(days=8)
        raise_alert(run=run, access=allowed, title="Stale", at=long_ago)
        text = section(text_of(browser(editor).get("/main/digits")), "alerts-head")
        assert "Fresh" in text
        assert "outer" in text
        assert "Stale" not in text

    def test_a_run_without_any_shows_no_panel(self, allowed: Access, editor: User) -> None:
        page = page_of(began(allowed), editor)
        assert 'id="alerts" aria-labelledby="alerts-head" hidden>' in page

    def test_who_watches_hears_of_each_once(self, allowed: Access, editor: User) -> None:
        run = began(allowed)
        client, address = browser(editor), f"/main/digits/runs/{run.key}"
        headers = {"HX-Request": "true", "HX-Target": "live"}

        def followed(first: Any) -> Any:
            shown = {name: first.context[name] for name in ("seen", "told")}
            return client.get(address, shown, headers=headers)

        first = client.get(address)
        raise_alert(run=run, access=allowed, title="Too hot", level=AlertLevel.WARN)
        second = followed(first)
        assert "Too hot" in section(text_of(second), "alerts-head")
        assert 'id="alerts" aria-labelledby="alerts-head" hx-swap-oob="true">' in text_of(second)
        log_points(run=run, batches=[Batch("loss", [0], [1.0], [2.0])], access=allowed)
        third = followed(client.get(address))
        assert third.status_code == 204
        told = client.get(address).context["told"]
        again = client.get(address, {"seen": "x", "told": told}, headers=headers)
        assert "loss" in text_of(again)
        assert "Too hot" not in text_of(again)

    @pytest.mark.parametrize("path", ["/", "/main/activity", "/main/digits"])
    def test_pages_name_the_newest_that_the_reader_may_know_of(
        self, allowed: Access, editor: User, path: str
    ) -> None:
        run = began(allowed)
        for number in range(7):
            at = timezone.now() - timedelta(hours=number)
            raise_alert(run=run, access=allowed, title=f"Told {number}h ago", at=at)
        secret = build.project(editor, "secret", private=True)
        hidden = build.run(editor, secret)
        raise_alert(run=hidden, access=build.access(editor, project=secret), title="Hidden")
        binned = began(allowed)
        raise_alert(run=binned, access=allowed, title="Binned")
        finish_run(run=binned, access=allowed)
        delete_run(run=binned, access=allowed)
        stranger = build.user("fay", team_name="others")
        place = build.project(stranger, "elsewhere", team_name="others")
        raise_alert(
            run=build.run(stranger, place),
            access=build.access(stranger, project=place, team_name="others"),
            title="Foreign",
        )
        viewer = build.user("vic", role=Role.VIEWER)
        text = section(text_of(browser(viewer).get(path)), "alerts-head")
        assert [int(number) for number in re.findall(r"Told (\d)h ago", text)] == [0, 1, 2, 3, 4]
        assert not {word for word in ("Hidden", "Binned", "Foreign") if word in text}

    def test_activity_that_is_looked_through_is_without_them(
        self, allowed: Access, editor: User
    ) -> None:
        raise_alert(run=began(allowed), access=allowed, title="Fresh")
        client = browser(editor)
        assert "Fresh" in text_of(client.get("/main/activity"))
        assert "Fresh" not in text_of(client.get("/main/activity?what=runs"))


class TestNestedRuns:
    def nested(self, parent: Run, allowed: Access, count: int) -> list[Run]:
        children = []
        for number in range(count):
            child = start_run(description=RunDescription(name=f"inner {number}"), access=allowed)
            Run.objects.filter(pk=child.pk).update(parent=parent)
            children.append(child)
        return children

    def test_both_ways_are_links(self, allowed: Access, editor: User) -> None:
        parent = began(allowed)
        (child,) = self.nested(parent, allowed, 1)
        assert f'href="/main/digits/runs/{child.key}"' in page_of(parent, editor)
        assert "inner 0" in section(page_of(parent, editor), "children")
        assert f'<a href="/main/digits/runs/{parent.key}"><bdi>outer</bdi></a>' in page_of(
            child, editor
        )

    def test_a_parent_in_another_project_is_not_named(self, allowed: Access, editor: User) -> None:
        secret = build.project(editor, "secret", private=True)
        parent = build.run(editor, secret, name="hidden parent")
        (child,) = self.nested(parent, allowed, 1)
        assert "hidden parent" not in page_of(child, editor)

    def test_the_table_of_runs_marks_them(self, allowed: Access, editor: User) -> None:
        self.nested(began(allowed), allowed, 1)
        table = text_of(browser(editor).get("/main/digits/runs"))
        assert table.count('class="nested"') == 1

    def test_many_children_cost_little(self, allowed: Access, editor: User) -> None:
        parent = began(allowed)
        self.nested(parent, allowed, 2)

        def queries() -> int:
            with CaptureQueriesContext(connection) as found:
                page_of(parent, editor)
            return len(found)

        few = queries()
        self.nested(parent, allowed, 60)
        # One more, to say how many there are.
        assert queries() == few + 1
        assert "62 runs in all" in page_of(parent, editor)


class TestEnvironment:
    def test_the_machine_as_the_client_describes_it(self, allowed: Access, editor: User) -> None:
        machine = {
            "os": "Linux-6.1",
            "python": "CPython 3.11.7",
            "host": "gpu-box-7",
            "cpu_count": 8,
            "cpu_count_logical": 16,
            "gpu_count": 2,
            "gpu_nvidia": [{"name": "A100", "memoryTotal": "85899345920"}],
            "memory": {"total": "270582939648"},
            "args": ["--lr", "0.1", "a b"],
        }
        run = began(allowed, lr=0.1, _wandb={"cli_version": "0.31.0", "e": {"w1": machine}})
        text = section(page_of(run, editor), "environment")
        for said in (
            *("gpu-box-7", "CPython 3.11.7", "8 cores, 16 threads", "2 × A100, 85.9 GB"),
            *("270.6 GB", "0.31.0", "--lr 0.1 'a b'"),
        ):
            assert said in words(text).replace("&#x27;", "'"), said
        assert "_wandb" not in section(page_of(run, editor), "config")

    @pytest.mark.parametrize(
        "own",
        [
            None,
            3,
            [],
            {"e": 3},
            {"e": {"a": 3, "b": []}},
            {"e": {"a": {"os": {}, "cpu_count": "x" * 50, "args": [1, {}], "gpu_nvidia": "x"}}},
            {"visualize": [1], "e": None},
        ],
    )
    def test_nonsense_is_left_out(self, allowed: Access, editor: User, own: object) -> None:
        assert 'id="environment"' not in page_of(began(allowed, _wandb=own), editor)

    def test_custom_charts_are_said_to_be_missing(self, allowed: Access, editor: User) -> None:
        charts = {"roc <curve>": {"panel_type": "Vega2"}}
        run = began(allowed, _wandb={"visualize": charts})
        assert "Custom charts are programs and are not drawn here: roc &lt;curve&gt;." in page_of(
            run, editor
        )

    def test_what_mlflow_notes_stands_apart(self, allowed: Access, editor: User) -> None:
        run = began(allowed)
        for name in ("mlflow.source.name", "mnist"):
            RunTag.objects.create(run=run, name=name, value="x")
        page = browser(editor).get(f"/main/digits/runs/{run.key}")
        assert [tag.name for tag in page.context["tags"]] == ["mnist"]
        assert [tag.name for tag in page.context["client_tags"]] == ["mlflow.source.name"]

    def test_the_summary_leaves_out_what_is_the_clients_own(
        self, allowed: Access, editor: User
    ) -> None:
        run = began(allowed)
        summary = {"_step": 3, "best": 7, "sample": {"_type": "image-file", "path": "a.png"}}
        finish_run(run=run, access=allowed, summary=summary)
        page = browser(editor).get(f"/main/digits/runs/{run.key}")
        assert not [row for row in page.context["summary"] if row["key"].startswith("_step")]


class TestMetricRules:
    def logged(self, allowed: Access, rules: list[dict[str, object]]) -> Run:
        run = began(allowed)
        Run.objects.filter(pk=run.pk).update(metric_rules=json.dumps(rules))
        steps = [0, 1, 2, 3, 4]
        values = {
            "val/loss": [5.0, 4.0, 3.0, 2.0, 1.0],
            "epoch": [10.0, 10.0, 20.0, 20.0, 30.0],
            "secret": [1.0] * 5,
        }
        batches = [Batch(key, steps, [1.0] * 5, points) for key, points in values.items()]
        log_points(run=run, batches=batches, access=allowed)
        return run

    def curves(self, run: Run, reader: User, **query: str) -> object:
        return browser(reader).get(f"/main/digits/runs/{run.key}", query).context["curves"]

    def test_a_metric_is_drawn_along_its_step(self, allowed: Access, editor: User) -> None:
        run = self.logged(allowed, [{"glob": "val/*", "step": "epoch"}])
        (chart,) = (c for c in self.curves(run, editor).charts if c.title == "loss")  # type: ignore[attr-defined]
        assert chart.figure["data"][0]["x"] == [10, 10, 20, 20, 30]
        assert chart.figure["layout"]["xaxis"]["title"]["text"] == "epoch"
        # By the clock it is drawn by the clock.
        by_time = self.curves(run, editor, x="relative").charts  # type: ignore[attr-defined]
        (chart,) = (c for c in by_time if c.title == "loss")
        assert chart.figure["data"][0]["x"] != [10, 10, 20, 20, 30]

    def test_a_step_that_nobody_logged_changes_nothing(self, allowed: Access, editor: User) -> None:
        run = self.logged(allowed, [{"name": "val/loss", "step": "nothing"}])
        (chart,) = (c for c in self.curves(run, editor).charts if c.title == "loss")  # type: ignore[attr-defined]
        assert chart.figure["data"][0]["x"] == [0, 1, 2, 3, 4]

    def test_what_is_hidden_is_found_by_name(self, allowed: Access, editor: User) -> None:
        run = self.logged(allowed, [{"name": "secret", "hidden": True}])
        curves = self.curves(run, editor)
        assert [row["key"] for row in curves.values] == ["epoch", "val/<wbr>loss"]  # type: ignore[attr-defined]
        assert curves.hidden_note == "The code hides 1 metric; search for it to see it."  # type: ignore[attr-defined]
        found = self.curves(run, editor, metric="secret")
        assert [row["key"] for row in found.values] == ["secret"]  # type: ignore[attr-defined]

    def test_the_goal_marks_the_best(self, allowed: Access, editor: User) -> None:
        run = self.logged(allowed, [{"name": "val/loss", "goal": "minimize"}])
        assert '<span class="is-best">1</span>' in page_of(run, editor)
