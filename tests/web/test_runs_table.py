"""The runs of a project as a page: table, groups, CSV, and the rows that refresh themselves."""

import csv
import html
import re
from io import StringIO

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.choices import Role
from apps.accounts.models import User
from apps.evaluations.choices import Better
from apps.evaluations.services import define_metric
from apps.runs.models import Run
from apps.runs.services import finish_run, schedule_run
from tests import build
from tests.runs.test_runs_table import Story
from tests.web.visits import browser, text_of

pytestmark = pytest.mark.django_db

PAGE = "/main/digits/runs"
ROWS = {"HX-Request": "true", "HX-Target": "runs-rows"}


@pytest.fixture
def story() -> Story:
    story = Story()
    story.run("first", config={"lr": 0.1}, loss=[0.9, 0.25], took=50, group="g1")
    story.run("second", config={"lr": 0.01}, loss=[0.5], took=10, group="g1")
    story.run("third", loss=[0.75], took=5)
    return story


def words(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())


def rows(text: str) -> list[list[str]]:
    body = text[text.index("<tbody") : text.index("</tbody>")]
    return [
        [words(cell) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.S)]
        for row in body.split("<tr")[1:]
    ]


def page(client: Client, **query: str | list[str]) -> str:
    response = client.get(PAGE, query)
    assert response.status_code == 200, text_of(response)
    return text_of(response)


def test_a_row_says_what_a_run_was_told_and_what_it_reached(story: Story) -> None:
    define_metric(name="loss", better=Better.LOWER, access=build.access(curator()))

    text = page(browser(story.owner), columns="state,duration,config.lr,loss,min.loss", sort="run")

    assert [row[1:] for row in rows(text)] == [
        ["first", "finished", "50 s", "0.1", "best 0.2500", "best 0.2500"],
        ["second", "finished", "10 s", "0.01", "0.5000", "0.5000"],
        ["third", "finished", "5.0 s", "–", "0.7500", "0.7500"],
    ]
    key = Run.objects.get(name="first").key
    assert f'href="{PAGE}/{key}"' in text
    assert f'name="r" value="main/digits/{key}"' in text
    assert 'action="/compare"' in text
    assert "1–3 of 3" in text


def curator() -> User:
    return build.user(role=Role.CURATOR)


def test_its_address_says_order_filter_and_columns(story: Story) -> None:
    client = browser(story.owner)

    assert [row[1] for row in rows(page(client, sort="loss"))] == ["first", "second", "third"]
    text = page(client, filter="config.lr < 0.05 or loss > 0.7", columns="loss")
    assert [row[1:] for row in rows(text)] == [["third", "0.7500"], ["second", "0.5000"]]
    assert "1–2 of 2 matching, 3 in all" in text
    assert [row[1] for row in rows(page(client, q="seco"))] == ["second"]
    assert "No run matches" in page(client, status="failed")


def test_a_typed_column_stands_beside_the_ticked_ones(story: Story) -> None:
    text = page(browser(story.owner), columns=["state", "max.loss", ""])

    assert re.findall(r'class="sort"[^>]*>([^<]+)<', text) == ["Run", "State", "loss, highest"]


def test_groups_lead_to_their_runs(story: Story) -> None:
    client = browser(story.owner)

    text = page(client, group="group", columns="loss")

    assert rows(text) == [["g1", "2", "0.375 0.25 – 0.5"], ["none", "1", "0.75 0.75 – 0.75"]]
    assert "3 runs in 2 groups" in text
    link = re.search(r'<th class="is-key" scope="row"><a href="([^"]+)"', text)
    assert link is not None
    inside = text_of(client.get(html.unescape(link[1])))
    assert [row[1] for row in rows(inside)] == ["second", "first"]
    assert rows(page(client, group="config.lr", columns="loss", sort="-loss"))[0][0] == "none"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"filter": "los < 1"}, "did you mean loss"),
        ({"filter": "config.lr <"}, "expected a value"),
        ({"sort": "min.nothing"}, "There is no column"),
        ({"sort": "created_by__password"}, "There is no column"),
        ({"status": "sleeping"}, "A run is never"),
        ({"group": "loss"}, "Runs are grouped by"),
        ({"group": "state", "filter": "x ="}, "expected a value"),
        ({"cursor": "AAAA"}, "belongs to another list"),
    ],
)
def test_what_makes_no_sense_is_said_beside_the_query(
    story: Story, query: dict[str, str], message: str
) -> None:
    response = browser(story.owner).get(PAGE, query)

    assert response.status_code == 400
    assert message in html.unescape(text_of(response))
    assert "Show all runs" in text_of(response)


@pytest.mark.parametrize(
    "query",
    [{"columns": "notes"}, {"columns": "x" * 400}, {"size": "7"}, {"group": "\x00"}, {"q": "\x00"}],
)
def test_impossible_states_are_refused(story: Story, query: dict[str, str]) -> None:
    assert browser(story.owner).get(PAGE, query).status_code == 400
    assert browser(story.owner).get(f"{PAGE}.csv", query).status_code == 400


def test_words_of_clients_are_only_words(story: Story) -> None:
    evil = '"><script>alert(1)</script>'
    story.run(evil, config={"lr": evil, evil: evil}, tags={evil: ""}, group=evil, job_type=evil)

    client = browser(story.owner)
    shown = page(client, columns=["tags,group,job_type,config.lr", f"config.{evil},"])
    grouped = page(client, group="config.lr")

    assert "<script>alert" not in shown + grouped
    assert html.escape(evil) in shown
    assert html.escape(evil) in grouped


# --- while runs go on ---------------------------------------------------------------------------


def test_rows_ask_again_only_while_a_run_goes_on(story: Story) -> None:
    client = browser(story.owner)
    assert "every 5s" not in page(client)
    build.run(story.owner, story.project, name="live")

    text = page(client, sort="-started")

    assert "every 5s" in text
    assert '<span class="live">running</span>' in text
    seen = re.search(r'"seen": "(\w+)"', text)
    assert seen is not None
    address = re.search(r'id="runs-rows" hx-get="([^"]+)"', text)
    assert address is not None
    quiet = client.get(html.unescape(address[1]), {"seen": seen[1]}, headers=ROWS)
    assert quiet.status_code == 204


def test_a_run_that_has_not_begun_stands_there_without_a_length(story: Story) -> None:
    client = browser(story.owner)
    run = build.run(story.owner, story.project, name="later")
    schedule_run(run=run, access=build.access(story.owner, project=story.project))

    text = page(client, columns="state,duration")

    assert rows(text)[0][1:4] == ["later", "scheduled", "–"]
    assert '<span class="live">' not in text
    assert "every 5s" in text
    assert [row[1] for row in rows(page(client, status="scheduled"))] == ["later"]
    assert [row[1] for row in rows(page(client, filter="state = scheduled"))] == ["later"]
    assert rows(page(client, sort="state"))[0][1] == "later"
    assert rows(page(client, sort="-duration"))[-1][1] == "later"
    exported = client.get(f"{PAGE}.csv", {"filter": "state = scheduled"})
    lines = b"".join(exported.streaming_content).decode()  # type: ignore[attr-defined]
    (row,) = csv.DictReader(StringIO(lines))
    assert (row["state"], row["duration"]) == ("scheduled", "")


def test_a_run_that_ends_brings_its_row_and_no_more_questions(story: Story) -> None:
    client = browser(story.owner)
    run = build.run(story.owner, story.project, name="live")
    seen = re.search(r'"seen": "(\w+)"', page(client))
    assert seen is not None
    finish_run(run=run, access=build.access(story.owner, project=story.project))

    response = client.get(PAGE, {"seen": seen[1]}, headers=ROWS)

    assert response.status_code == 200
    text = text_of(response)
    assert text.startswith("<tbody")
    assert rows(text)[0][1:3] == ["live", "finished"]
    assert "every 5s" not in text


# --- who, CSV, cost -----------------------------------------------------------------------------


def test_hidden_and_missing_look_the_same(story: Story) -> None:
    build.project(story.owner, "secret", private=True)
    viewer = browser(build.user(role=Role.VIEWER))

    assert viewer.get(PAGE).status_code == 200
    for path in ("/main/secret/runs", "/main/nothing/runs", "/main/secret/runs.csv"):
        assert viewer.get(path).status_code == 404
    stranger = browser(build.user("stranger", team_name="other"))
    assert stranger.get(PAGE).status_code == 404
    assert stranger.get(f"{PAGE}.csv").status_code == 404
    assert browser().get(PAGE).status_code == 302
    assert viewer.post(PAGE).status_code == 405


def test_a_project_without_runs_teaches_the_next_step() -> None:
    owner = build.user(role=Role.EDITOR)
    build.project(owner)

    text = page(browser(owner))

    assert "No run yet" in text
    assert "WANDB_BASE_URL" in text
    assert "<table" not in text


def test_csv_has_all_matching_runs(story: Story) -> None:
    response = browser(story.owner).get(
        f"{PAGE}.csv", {"sort": "loss", "filter": "loss < 0.7", "columns": "config.lr,loss"}
    )

    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert 'filename="digits runs ' in response.headers["Content-Disposition"]
    lines = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]
    table = list(csv.DictReader(StringIO(lines)))
    assert [(row["run"], row["config.lr"], row["loss"]) for row in table] == [
        ("first", "0.1", "0.25"),
        ("second", "0.01", "0.5"),
    ]
    refused = browser(story.owner).get(f"{PAGE}.csv", {"filter": "x ="})
    assert refused.status_code == 400


@pytest.mark.parametrize("query", [{}, {"sort": "-loss"}, {"group": "config.lr"}], ids=str)
def test_cost_does_not_grow_with_runs(story: Story, query: dict[str, str]) -> None:
    client = browser(story.owner)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            page(client, size="100", **query)
        return len(queries)

    cost()  # whatever is loaded once
    few = cost()
    for at in range(20):
        story.run(f"run {at}", config={"lr": at}, loss=[0.1], took=1)

    assert cost() == few
    assert few <= 20


def test_the_page_is_light(story: Story) -> None:
    for at in range(25):
        story.run("n" * 200 + str(at), config={"lr": at, "x": "y" * 300}, loss=[0.1], took=1)

    assert len(browser(story.owner).get(PAGE).content) < 120_000
