"""The list of projects, and the page of one."""

import re
from collections.abc import Sequence
from typing import Any

import pytest

from apps.accounts.choices import Role
from apps.projects.services import set_archived
from apps.runs.choices import RunState
from apps.runs.models import Run
from apps.runs.services import finish_run, log_points
from apps.series.services import Batch
from tests import build
from tests.web.visits import browser, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def table() -> build.Table:
    return build.table()


def logged_run(table: build.Table, name: str, **values: Sequence[float]) -> Run:
    """A run that is over, with these values of each metric."""
    run = build.run(table.editor, table.project, name=name)
    allowed = build.access(table.editor, project=table.project)
    batches = [
        Batch(key, list(range(len(points))), [1.0] * len(points), points)
        for key, points in values.items()
    ]
    log_points(run=run, batches=batches, access=allowed)
    return finish_run(run=run, access=allowed)


class TestProject:
    def test_shows_its_models_and_its_runs(self, table: build.Table) -> None:
        run = logged_run(table, "first try", loss=[0.9, 0.125])
        page = text_of(browser(table.viewer).get("/main/digits"))
        assert 'href="/main/digits/models/candidates"' in page
        assert f'href="/main/digits/runs/{run.key}"' in page
        assert "finished" in page
        assert '<span class="value">0.1250</span>' in page
        assert 'href="/main/digits/runs"' in page

    def test_the_columns_are_what_most_runs_have(self, table: build.Table) -> None:
        for number in range(3):
            logged_run(table, f"run {number}", loss=[1.0], **{f"own-{number}": [2.0]})
        answer = browser(table.viewer).get("/main/digits")
        heads = [head.label for head in answer.context["newest"].heads]
        assert heads == ["Run", "State", "Started", "Took", "loss", "own-0", "own-1"]

    def test_a_diverged_run_says_nan_and_a_missing_value_nothing(self, table: build.Table) -> None:
        logged_run(table, "diverged", loss=[0.5, float("nan")])
        logged_run(table, "silent")
        page = text_of(browser(table.viewer).get("/main/digits"))
        assert '<span class="value">NaN</span>' in page
        assert 'is-missing" data-label="loss">–</td>' in page

    def test_the_queries_do_not_grow(
        self, table: build.Table, django_assert_num_queries: Any
    ) -> None:
        client = browser(table.viewer)
        logged_run(table, "first", loss=[1.0])
        with django_assert_num_queries(22):
            client.get("/main/digits")
        for number in range(30):
            logged_run(table, f"run {number}", loss=[1.0], other=[2.0])
        with django_assert_num_queries(22):
            client.get("/main/digits")

    def test_the_newest_runs_lead_to_all_of_them(self, table: build.Table) -> None:
        names = [logged_run(table, f"run {number}").name for number in range(12)]
        page = text_of(browser(table.viewer).get("/main/digits"))
        shown = re.findall(r'<th class="is-key" scope="row"><a [^>]*><bdi>([^<]+)</bdi>', page)
        assert shown == names[:3:-1]
        assert '<a href="/main/digits/runs">All 12 runs</a>' in page

    def test_a_live_run_brings_news_and_then_falls_silent(self, table: build.Table) -> None:
        client = browser(table.viewer)
        run = build.run(table.editor, table.project, name="live")
        seen = re.search(r'"seen": "(\w+)"', text_of(client.get("/main/digits")))
        assert seen is not None
        headers = {"HX-Request": "true", "HX-Target": "newest-rows"}
        asked = {"seen": seen[1]}
        assert client.get("/main/digits", asked, headers=headers).status_code == 204
        finish_run(run=run, access=build.access(table.editor, project=table.project))
        part = text_of(client.get("/main/digits", asked, headers=headers))
        assert part.startswith("<tbody")
        assert "finished" in part
        assert "every 5s" not in part

    def test_an_archived_one_says_so_and_can_be_read(self, table: build.Table) -> None:
        admin = build.user(role=Role.ADMIN)
        set_archived(archived=True, access=build.access(admin, project=table.project))
        answer = browser(table.viewer).get("/main/digits")
        assert answer.status_code == 200
        assert "This project is archived" in text_of(answer)

    def test_an_empty_one_teaches_how_to_log(self, table: build.Table) -> None:
        build.project(table.editor, "fresh")
        page = text_of(browser(table.viewer).get("/main/fresh"))
        assert "No run yet" in page
        assert "WANDB_BASE_URL" in page

    @pytest.mark.parametrize("name", ["模型 שלום", "a&b=c <i>", "x" * 128, "it's 100 ^ ok"])
    def test_any_name_works_in_its_address(self, table: build.Table, name: str) -> None:
        place = build.project(table.editor, name)
        client = browser(table.viewer)
        listed = client.get("/projects").context["page"].rows
        (row,) = [row for row in listed if row["name"] == place.name]
        answer = client.get(row["url"])
        assert answer.status_code == 200
        assert "<i>" not in text_of(answer)

    @pytest.mark.parametrize("path", ["/main/digits%00", "/main/a%0ab", "/ma%00in/digits"])
    def test_control_characters_find_nothing(self, table: build.Table, path: str) -> None:
        assert browser(table.viewer).get(path).status_code == 404


class TestAllProjects:
    def test_counts_runs(self, table: build.Table) -> None:
        for number in range(2):
            logged_run(table, f"run {number}")
        (row,) = browser(table.viewer).get("/projects").context["page"].rows
        assert (row["name"], row["team"], row["runs"]) == ("digits", "main", "2")
        assert row["last"] == "just now"

    def test_the_queries_do_not_grow(
        self, table: build.Table, django_assert_num_queries: Any
    ) -> None:
        client = browser(table.viewer)
        for number in range(30):
            if number in (0, 29):
                with django_assert_num_queries(4):  # session, person, projects, counts
                    client.get("/projects")
            build.project(table.editor, f"project {number}")

    def test_nothing_yet_teaches_how_to_begin(self) -> None:
        page = text_of(browser(build.user()).get("/projects"))
        assert "No project yet" in page
        assert "MLFLOW_TRACKING_URI" in page


def test_a_run_that_failed_looks_failed(table: build.Table) -> None:
    run = build.run(table.editor, table.project)
    allowed = build.access(table.editor, project=table.project)
    finish_run(run=run, access=allowed, state=RunState.FAILED, exit_code=1)
    assert 'hue-red"><span>failed</span>' in text_of(browser(table.viewer).get("/main/digits"))
