"""The status table as a page: what it says, the states its address can name, who sees what."""

import csv
import gzip
import html
import math
import re
from io import StringIO

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.choices import Role
from apps.projects.choices import Visibility
from apps.projects.services import set_archived
from apps.runs.services import RunDescription, start_run
from tests.registry.builders import Story, acting, make_project, make_story, make_user
from tests.registry.test_table import copy_versions
from tests.web.visits import browser, text_of

pytestmark = pytest.mark.django_db

PAGE = "/main/digits/models/mnist_model_candidates"
NAN = math.nan
HTMX = {"HX-Request": "true", "HX-Target": "versions"}


@pytest.fixture
def story() -> Story:
    """v1 bad, v2 not on 1k, v3 diverged, v4 staging, v5 production after v1, v6 not evaluated."""
    story = make_story()
    v1 = story.version({"loss@10k": (0.5, 0.01), "loss@1k": (0.45, 0.03)})
    story.version({"loss@10k": (0.4, 0.01)})
    story.version({"loss@10k": NAN, "loss@1k": NAN})
    v4 = story.version({"loss@10k": (0.205, 0.01), "loss@1k": (0.3, 0.02)})
    v5 = story.version({"loss@10k": (0.2, 0.01), "loss@1k": (0.25, 0.02)}, note="the good one")
    story.version()
    story.promote(v1, reason="the first")
    story.promote(v5, reason="best on both <b>sets</b>")
    story.promote(v4, "staging", by=story.editor)
    return story


@pytest.fixture
def small() -> Story:
    """One version, in production."""
    story = make_story()
    story.promote(story.version({"loss@10k": (0.2, 0.01)}))
    return story


def rows(text: str) -> list[list[str]]:
    """The words of each cell of the table's body, tags taken out."""
    table = text[text.index('<table class="table is-cards') :]
    body = table[table.index("<tbody>") : table.index("</tbody>")]
    return [
        [words(cell) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.S)]
        for row in body.split("<tr")[1:]
    ]


def words(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())


def numbers(text: str) -> list[int]:
    return [int(row[2]) for row in rows(text)]


def page(client: Client, **query: str | list[str]) -> str:
    response = client.get(PAGE, query)
    assert response.status_code == 200
    return text_of(response)


# --- what it says -------------------------------------------------------------------------------


def test_the_table_that_the_product_exists_for(story: Story) -> None:
    text = page(browser(story.viewer))

    found = rows(text)
    assert [cells[1].split(" :")[0] for cells in found] == ["mnist_model_candidates"] * 6
    digest = story.model.versions.get(number=5).artifact.digest[:8]
    assert found[1][1] == f"mnist_model_candidates :{digest}"
    assert [cells[2:4] for cells in found] == [
        ["6", "latest"],
        ["5", "production"],
        ["4", "staging"],
        ["3", ""],
        ["2", ""],
        ["1", ""],
    ]
    assert found[0][4:6] == ["–", "–"]
    assert found[1][4:6] == ["best 0.2000 ±0.0100", "best 0.2500 ±0.0200"]
    assert found[3][4:6] == ["NaN", "NaN"]
    assert found[4][4:6] == ["0.4000 ±0.0100 +100% 100% worse than production", "–"]
    assert "1–6 of 6" in text
    assert "Differences are to production (v5), ± is the standard error" in text


def test_a_difference_within_the_uncertainty_says_so(story: Story) -> None:
    v4 = rows(page(browser(story.viewer)))[2]

    assert v4[4] == "0.2050 ±0.0100 +2.5% 2.5% worse than production (within the uncertainty)"


def test_cards_say_who_holds_what_since_when_and_why(story: Story) -> None:
    text = page(browser(story.viewer))
    cards = [words(card) for card in re.findall(r'<article class="card.*?</article>', text, re.S)]

    production, staging, latest = cards
    assert production.startswith("production for ")
    assert "Version 5 0.2 Loss @ 10k" in production
    assert "60% better than v1" in production
    assert "best on both <b>sets</b> Main Curator, 2026-01-05" in production
    assert "Version 4 0.205 Loss @ 10k" in staging
    assert "worse than production (within the uncertainty)" in staging
    assert "Version 6 Loss @ 10k not evaluated yet" in latest


def test_head_counts_versions_sets_and_live_runs(story: Story) -> None:
    start_run(description=RunDescription(name="now"), access=story.access)

    text = words(page(browser(story.viewer)))

    assert "mnist_model_candidates Model Status" in text
    assert "6 versions 2 golden sets last logged" in text
    assert "1 run live" in text


@pytest.mark.parametrize(
    ("title", "count"), [("", 1), ("Digits", 1), ("mnist_model_candidates", 0)]
)
def test_a_name_that_is_the_title_is_not_said_twice(small: Story, title: str, count: int) -> None:
    small.model.title = title
    small.model.save()
    page = browser(small.viewer).get(PAGE).content.decode()
    assert page.count("<span>mnist_model_candidates</span>") == count


def test_the_chart_stands_beside_its_data_and_marks_who_became_what(story: Story) -> None:
    text = page(browser(story.viewer))

    assert "Loss by version" in text
    assert text.count('<svg class="drawing') == 3
    assert "became production" in text
    assert 'id="trend-figure"' in text
    table = text[text.index('<details class="chart-data"') :]
    assert "0.2 (0.19 – 0.21)" in words(table[: table.index("</details>")])


def test_the_chart_marks_production_always_and_other_labels_only_now(story: Story) -> None:
    v2 = story.model.versions.get(number=2)
    story.promote(v2, "staging", by=story.editor)

    text = page(browser(story.viewer))

    data = text[text.index('<details class="chart-data"') :]
    changes = words(data[: data.index("</details>")])
    assert changes.count("became production") == 2
    assert changes.count("became staging") == 1


def test_nobody_holds_production_yet(story: Story) -> None:
    empty = make_story(team="fresh")
    empty.version({"loss@10k": 0.3})

    text = text_of(browser(empty.curator).get("/fresh/digits/models/mnist_model_candidates"))

    assert "No version holds production" in text
    assert "Promote version 1…" in words(text)
    assert "+0" not in words(text)


def test_a_model_without_versions_teaches_the_next_step() -> None:
    story = make_story()

    text = page(browser(story.viewer))

    assert "No version yet" in text
    assert "<table" not in text


def test_a_model_without_scores_still_lists_its_versions() -> None:
    story = make_story()
    story.version()

    text = page(browser(story.viewer))

    assert numbers(text) == [1]
    assert "chart" not in text[text.index("<main") :]


# --- the states its address can name ------------------------------------------------------------


def test_sorting_by_a_link_best_first_then_worst_then_not(story: Story) -> None:
    client = browser(story.viewer)

    def header(text: str) -> tuple[str, str]:
        found = re.search(r'aria-sort="(\w+)"><a class="sort" href="([^"]+)"[^>]*>Loss @ 10k', text)
        assert found is not None
        return found[1], html.unescape(found[2])

    state, link = header(page(client))
    assert (state, link) == ("none", f"{PAGE}?sort=loss@10k")
    first = text_of(client.get(link))
    assert numbers(first) == [5, 4, 2, 1, 6, 3]
    state, link = header(first)
    assert state == "ascending"
    second = text_of(client.get(link))
    assert numbers(second) == [1, 2, 4, 5, 6, 3]
    state, link = header(second)
    assert (state, link) == ("descending", PAGE)


def test_query_box_status_and_search_narrow_the_table(story: Story) -> None:
    client = browser(story.viewer)

    assert numbers(page(client, filter='status = "production" or loss@10k < 0.21')) == [5, 4]
    assert numbers(page(client, status="staging")) == [4]
    assert numbers(page(client, status=["staging", "production"])) == [5, 4]
    assert numbers(page(client, q="good one")) == [5]
    text = page(client, filter="loss@10k < 1", q="main_editor", status="staging")
    assert numbers(text) == [4]
    assert "1–1 of 1 matching, 6 in all" in text


def test_columns_are_the_readers_choice_in_the_readers_order(story: Story) -> None:
    text = page(browser(story.viewer), columns="loss@1k,loss@10k")

    heads = re.findall(r'<a class="sort"[^>]*>([^<]+)</a>', text)
    assert heads == ["Version", "Loss @ 1k", "Loss @ 10k", "Logged"]
    text = page(browser(story.viewer), columns=["loss@1k"])
    assert re.findall(r'<a class="sort"[^>]*>([^<]+)</a>', text) == [
        "Version",
        "Loss @ 1k",
        "Logged",
    ]


def test_pages_lead_on_and_back(story: Story) -> None:
    for _ in range(15):
        story.version({"loss@10k": 0.9})
    client = browser(story.viewer)

    first = page(client)
    assert "1–10 of 21" in first
    assert 'rel="prev"' not in first
    onward = re.search(r'href="([^"]+)" rel="next"', first)
    assert onward is not None
    second = text_of(client.get(html.unescape(onward[1])))
    assert "11–20 of 21" in second
    back = re.search(r'href="([^"]+)" rel="prev"', second)
    assert back is not None
    assert rows(text_of(client.get(html.unescape(back[1])))) == rows(first)
    assert "1–21 of 21" in page(client, size="25")


def test_a_link_keeps_the_rest_of_the_state(story: Story) -> None:
    query = {"filter": "loss@10k < 1", "q": "run", "size": "25", "scale": "log"}
    text = page(browser(story.viewer), status="staging", sort="-version", **query)

    links = [html.unescape(link) for link in re.findall(r'href="([^"]*\?[^"]*)"', text)]
    sort = next(link for link in links if "sort=loss@10k" in link)
    assert sort == (
        f"{PAGE}?filter=loss@10k%20%3C%201&q=run&status=staging&sort=loss@10k&size=25&scale=log"
    )
    hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', text)
    assert ("sort", "-version") in hidden
    assert ("size", "25") in hidden


def test_the_scale_of_the_chart_is_in_the_address(small: Story) -> None:
    client = browser(small.viewer)

    def current(text: str) -> str:
        found = re.search(r'aria-current="true">(log|linear)</a>', text)
        assert found is not None
        return found[1]

    assert current(page(client)) == "linear"
    assert current(page(client, scale="log")) == "log"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"filter": "loss@10k <"}, "at 11: expected a value after <"),
        ({"filter": "owner__password = x"}, "at 1: there is no field owner__password"),
        ({"filter": "(" * 1_000}, "nested too deep"),
        ({"sort": "linked_by__password"}, "There is no column"),
        ({"cursor": "AAAA"}, "belongs to another list"),
        ({"q": "x" * 300}, "Search for 200 characters at most."),
    ],
)
def test_what_makes_no_sense_is_said_beside_the_query(
    small: Story, query: dict[str, str], message: str
) -> None:
    response = browser(small.viewer).get(PAGE, query)

    assert response.status_code == 400
    text = text_of(response)
    assert message in html.unescape(text)
    assert "<tbody>" not in text[text.index('id="versions"') :]
    assert "Show all versions" in text


@pytest.mark.parametrize(
    "query",
    [
        {"size": "7"},
        {"size": "-1"},
        {"size": "1.5"},
        {"size": "٢٥"},
        {"scale": "polar"},
        {"columns": "nope"},
        {"columns": "loss@10k,pk"},
        {"filter": "\x00"},
        {"q": "\x00"},
        {"status": "\x00"},
        {"sort": "x" * 10_000},
        {"filter": "x" * 10_000},
        {"cursor": "x" * 10_000},
    ],
)
def test_impossible_states_are_refused(small: Story, query: dict[str, str]) -> None:
    assert browser(small.viewer).get(PAGE, query).status_code == 400


def test_unknown_parameters_are_in_no_link(small: Story) -> None:
    text = page(browser(small.viewer), evil="evil", next="//evil")

    assert not [link for link in re.findall(r'(?:href|action)="([^"]*)"', text) if "evil" in link]


# --- htmx ---------------------------------------------------------------------------------------


def test_htmx_gets_the_table_alone_and_it_says_the_same(story: Story) -> None:
    client = browser(story.viewer)
    query = {"sort": "loss@10k", "filter": "version > 1"}

    whole = client.get(PAGE, query)
    part = client.get(PAGE, query, headers=HTMX)

    assert rows(text_of(part)) == rows(text_of(whole))
    assert text_of(part).lstrip().startswith('<section class="panel" id="versions"')
    assert "<html" not in text_of(part)
    assert "HX-Request" in part.headers["Vary"]
    assert "HX-Request" in whole.headers["Vary"]
    restored = client.get(PAGE, headers={**HTMX, "HX-History-Restore-Request": "true"})
    assert "<html" in text_of(restored)


def test_the_part_brings_fresh_links_for_the_chart(story: Story) -> None:
    part = text_of(browser(story.viewer).get(PAGE, {"sort": "loss@10k"}, headers=HTMX))

    assert 'id="scale" role="group"' in part
    assert f'href="{PAGE}?sort=loss@10k&amp;scale=log"' in part
    assert 'hx-swap-oob="true"' in part
    assert "hx-swap-oob" not in page(browser(story.viewer)).replace('id="messages"', "")


def test_a_wrong_filter_is_said_in_the_part(small: Story) -> None:
    response = browser(small.viewer).get(PAGE, {"filter": "x ="}, headers=HTMX)

    assert response.status_code == 400
    assert 'role="alert"' in text_of(response)


# --- who sees what ------------------------------------------------------------------------------


def actions(text: str) -> list[str]:
    return [row[-1] for row in rows(text)]


def test_actions_are_offered_to_those_who_may(story: Story) -> None:
    every = ["Promote…", "Roll back…", *["Promote…"] * 4]

    assert actions(page(browser(story.curator))) == every
    assert actions(page(browser(story.editor))) == ["Promote…", "", *["Promote…"] * 4]
    assert actions(page(browser(story.viewer))) == [""] * 6
    assert "Edit columns" in page(browser(story.curator))
    assert "Edit columns" not in page(browser(story.editor))


def test_an_archived_project_offers_nothing(story: Story) -> None:
    admin = make_user("admin_person", Role.ADMIN)
    set_archived(archived=True, access=acting(admin, project="digits"))

    assert actions(page(browser(story.curator))) == [""] * 6


def test_hidden_and_missing_look_the_same(story: Story) -> None:
    make_project(story.team, "secret", Visibility.PRIVATE)
    client = browser(story.viewer)
    stranger = browser(make_story(team="other").viewer)

    hidden = client.get("/main/secret/models/mnist_model_candidates")
    missing = client.get("/main/nothing/models/mnist_model_candidates")

    assert (hidden.status_code, missing.status_code) == (404, 404)
    assert stranger.get(PAGE).status_code == 404
    assert client.get(f"{PAGE}x").status_code == 404
    assert browser().get(PAGE).status_code == 302
    assert client.post(PAGE).status_code == 405


def test_a_registry_model_has_the_same_page_without_what_is_hidden(story: Story) -> None:
    registry = story.registry("MNIST")
    for version in story.model.versions.filter(number__in=[4, 5]):
        story.promote(story.link(version.artifact, registry), "staging")

    text = text_of(browser(story.viewer).get("/main/models/MNIST"))

    assert numbers(text) == [2, 1]
    assert "MNIST Model Status" in text
    assert rows(text)[0][3] == "staging latest"


def test_words_of_users_are_only_words(story: Story) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    version = story.version({"loss@10k": 0.1}, note=evil)
    story.promote(version, reason=evil)
    story.model.title = story.model.description = evil
    story.model.save()

    text = page(browser(story.curator), q="alert")

    assert "<script>alert" not in text
    assert "<img" not in text
    assert html.escape(evil) in text


# --- export and cost ----------------------------------------------------------------------------


def test_csv_has_all_matching_rows_in_order(story: Story) -> None:
    response = browser(story.viewer).get(
        f"{PAGE}/table.csv", {"sort": "loss@10k", "filter": "loss@10k is not missing", "size": "10"}
    )

    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"].startswith(
        'attachment; filename="mnist_model_candidates status '
    )
    lines = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]
    table = list(csv.DictReader(StringIO(lines)))
    assert [row["version"] for row in table] == ["5", "4", "2", "1"]
    assert table[0]["Loss @ 10k"] == "0.2"
    assert table[0]["status"] == "production"
    assert table[0]["model"] == "mnist_model_candidates"


def test_csv_refuses_a_wrong_filter_before_it_begins(small: Story) -> None:
    assert browser(small.viewer).get(f"{PAGE}/table.csv", {"filter": "x ="}).status_code == 400


@pytest.mark.parametrize("part", [False, True], ids=["page", "part"])
def test_cost_does_not_grow_with_rows(part: bool) -> None:
    story = make_story()
    story.promote(story.version({"loss@10k": 0.5}))
    story.promote(story.version({"loss@10k": 0.6}))
    story.promote(story.version({"loss@10k": 0.7}), "staging", by=story.editor)
    client = browser(story.curator)
    headers = HTMX if part else {}

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            response = client.get(PAGE, {"sort": "loss@10k", "size": "100"}, headers=headers)
        assert response.status_code == 200
        return len(queries)

    client.get(PAGE)  # whatever is loaded once
    small = cost()
    copy_versions(story, 297)

    assert "1–100 of 300" in text_of(client.get(PAGE, {"size": "100"}))
    assert cost() == small
    assert small <= (19 if part else 24)


def test_the_page_is_light(small: Story) -> None:
    copy_versions(small, 99)
    client = browser(small.curator)

    whole = client.get(PAGE, {"size": "100"}).content
    part = client.get(PAGE, {"size": "100"}, headers=HTMX).content

    assert len(gzip.compress(whole)) < 40_000
    assert len(gzip.compress(part)) < 20_000
