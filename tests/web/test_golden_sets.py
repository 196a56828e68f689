"""Golden sets: the list, the leaderboard of all models on one, and what curators do with them."""

import csv
import html
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.accounts.choices import Role
from apps.artifacts.models import Version
from apps.artifacts.services import delete_version, link_version
from apps.evaluations.choices import Better, Source
from apps.evaluations.examples import ExampleScore
from apps.evaluations.models import GoldenSet
from apps.evaluations.services import (
    Score,
    define_metric,
    mark_golden_set,
    record_results,
    retire_golden_set,
)
from apps.registry.services.promotion import promote_version
from tests import build
from tests.web.test_artifact_lists import rows_of
from tests.web.test_version_page import section, words
from tests.web.visits import browser, text_of

pytestmark = pytest.mark.django_db

PAGE = "/main/golden-sets/digits-10k"
EDIT = "/main/settings/golden-sets/digits-10k"


def scored(
    table: build.Table, model: str, loss: float, stderr: float | None = None, **others: float
) -> Version:
    """The next version of this model with a loss, and perhaps other metrics."""
    version = build.version(table.editor, build.collection(table.editor, table.project, model))
    build.result(table.editor, version.artifact, loss, on=table.golden_set, stderr=stderr)
    for metric, value in others.items():
        build.result(table.editor, version.artifact, value, on=table.golden_set, metric=metric)
    return version


@pytest.fixture
def table() -> build.Table:
    """Three models: a has 0.3 ± 0.01 at best, b 0.31 ± 0.01, c 0.9; b's best is in production."""
    table = build.table(())
    scored(table, "a", 0.5, 0.01)
    scored(table, "a", 0.3, 0.01, accuracy=0.91)
    best = scored(table, "b", 0.31, 0.01, accuracy=0.95)
    scored(table, "b", float("nan"))
    scored(table, "c", 0.9)
    access = build.access(table.curator, project=table.project)
    promote_version(version=best, label="production", access=access)
    return table


def board(text: str) -> list[str]:
    """The words of each row of the leaderboard, without its last column, the time."""
    table = text.partition('class="table is-cards board"')[2]
    body = table.partition("<tbody>")[2].partition("</tbody>")[0]
    return [words(row.rpartition("<td")[0]) for row in body.split("<tr")[1:]]


def places(text: str) -> list[tuple[str, str, str]]:
    """Place, model and version of each row."""
    rows = [row.partition(">")[2].replace("tied ", "").split() for row in board(text)]
    return [(row[0], row[1], row[3]) for row in rows]


# --- the leaderboard ----------------------------------------------------------------------------


def test_the_best_version_of_each_model_best_first(table: build.Table) -> None:
    text = text_of(browser(table.viewer).get(f"{PAGE}?metric=loss"))

    assert places(text) == [("1", "a", "v2"), ("2", "b", "v1"), ("3", "c", "v1")]
    first, second, third = board(text)
    assert "0.3000 ±0.0100" in first
    assert "tied" not in first
    assert "tied 2 b digits v1" in second
    assert "production" in second
    assert "3.3% worse than the first (within the uncertainty)" in second
    assert "tied" not in third
    assert "Tied: the difference to the first lies within the uncertainty." in words(text)
    assert 'href="/main/digits/models/a/versions/2"' in text


def test_a_metric_that_is_better_when_higher(table: build.Table) -> None:
    text = text_of(browser(table.viewer).get(PAGE))

    assert "By Accuracy" in words(text)
    assert places(text) == [("1", "b", "v1"), ("2", "a", "v2")]


def test_every_version_stands_on_the_full_list(table: build.Table) -> None:
    text = text_of(browser(table.viewer).get(f"{PAGE}?metric=loss&models=all"))

    assert [(name, version) for _, name, version in places(text)] == [
        ("a", "v2"),
        ("b", "v1"),
        ("a", "v1"),
        ("c", "v1"),
    ]


def test_a_difference_in_pairs_decides_what_is_tied(table: build.Table) -> None:
    """The second is worse on every example by nearly the same: no tie, whatever the two errors."""
    examples = [ExampleScore(str(n), n % 10 / 10) for n in range(1_000)]
    for shift in (0.0, 0.02):
        version = build.version(table.editor, build.collection(table.editor, table.project, "d"))
        moved = [
            ExampleScore(one.example, one.score + shift + (n % 2) / 1000)
            for n, one in enumerate(examples)
        ]
        mean = sum(one.score for one in moved) / len(moved)
        score = Score(
            "brier", mean, golden_set=table.golden_set, n=1_000, stderr=0.02, examples=moved
        )
        access = build.access(table.editor, project=table.project)
        record_results(artifact=version.artifact, scores=[score], access=access, source=Source.API)

    text = text_of(browser(table.viewer).get(f"{PAGE}?metric=brier&models=all"))

    assert "over 1,000 examples in pairs" in text
    assert not any("tied" in row for row in board(text))


def test_without_a_direction_nobody_has_a_place(table: build.Table) -> None:
    define_metric(name="loss", better=Better.NEITHER, access=build.access(table.curator))

    text = text_of(browser(table.viewer).get(f"{PAGE}?metric=loss"))

    assert [row.partition(">")[2].split()[0] for row in board(text)] == ["c", "a", "b"]
    assert "nobody has said which way this metric improves" in text


def test_one_version_in_two_models_shares_its_place(table: build.Table) -> None:
    best = Version.objects.get(collection__name="a", number=2)
    shelf = build.collection(table.editor, None, "Digits")
    link_version(artifact=best.artifact, collection=shelf, access=build.access(table.curator))

    text = text_of(browser(table.viewer).get(f"{PAGE}?metric=loss"))

    assert places(text)[:2] == [("1", "a", "v2"), ("1", "Digits", "v1")]


def test_a_removed_version_has_no_place(table: build.Table) -> None:
    best = Version.objects.get(collection__name="a", number=2)
    access = build.access(table.curator, project=table.project)
    delete_version(version=best, reason="wrong", access=access)

    for models in ("", "&models=all"):
        text = text_of(browser(table.viewer).get(f"{PAGE}?metric=loss{models}"))
        assert places(text)[0] == ("1", "b", "v1")
        assert ("a", "v2") not in [(name, version) for _, name, version in places(text)]


def test_models_of_hidden_projects_have_no_place(table: build.Table) -> None:
    owner = build.user(role=Role.ADMIN)
    secret = build.project(owner, "secret", private=True)
    version = build.version(owner, build.collection(owner, secret, "canary"))
    build.result(owner, version.artifact, 0.1, on=table.golden_set)
    build.result(owner, version.artifact, 0.1, on=table.golden_set, metric="canary-metric")
    shelf = build.collection(owner, None, "Digits")
    link_version(artifact=version.artifact, collection=shelf, access=build.access(owner))
    client = browser(table.viewer)

    for models in ("", "&models=all"):
        text = text_of(client.get(f"{PAGE}?metric=loss{models}"))
        assert places(text)[0] == ("1", "a", "v2")
        assert "canary" not in text
        assert "Digits" not in text
    assert client.get(f"{PAGE}?metric=canary-metric").status_code == 400
    assert places(text_of(browser(owner).get(f"{PAGE}?metric=loss")))[0][1] in ("canary", "Digits")


def test_it_is_paged_by_key_and_names_the_first_on_each_page(table: build.Table) -> None:
    for number in range(30):
        scored(table, f"m{number:02}", 1 + number / 100, 0.001)
    client = browser(table.viewer)

    text = text_of(client.get(f"{PAGE}?metric=loss&size=10"))
    following = text.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0]
    second = text_of(client.get(following.replace("&amp;", "&")))

    assert "1–10 of 33" in words(text)
    assert places(second)[0] == ("11", "m07", "v1")
    assert "worse than the first" in second


def test_many_models_cost_the_queries_of_few(table: build.Table) -> None:
    client = browser(table.viewer)

    def queries(address: str) -> int:
        with CaptureQueriesContext(connection) as found:
            assert client.get(address).status_code == 200
        return len(found)

    addresses = (f"{PAGE}?metric=loss", f"{PAGE}?metric=loss&models=all", "/main/golden-sets")
    before = [queries(address) for address in addresses]
    for number in range(20):
        scored(table, f"m{number}", 1 + number)
        build.golden_set(table.curator, f"more-{number}")
    assert [queries(address) for address in addresses] == before


CSV = "/main/files/golden-sets/digits-10k"


def lines_of(table: build.Table, query: str = "") -> list[dict[str, str]]:
    answer: Any = browser(table.viewer).get(f"{CSV}{query}")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(b"".join(answer.streaming_content).decode().splitlines()))


def test_the_leaderboard_is_a_csv_of_the_same_order(table: build.Table) -> None:
    page = text_of(browser(table.viewer).get(f"{PAGE}?metric=loss&models=all"))
    assert f'href="{CSV}?metric=loss&amp;models=all"' in page

    first, second, third = lines_of(table, "?metric=loss")

    assert [(one["place"], one["model"], one["version"]) for one in (first, second, third)] == [
        ("1", "a", "2"),
        ("2", "b", "1"),
        ("3", "c", "1"),
    ]
    assert (first["Loss"], first["Loss (standard error)"], first["Accuracy"]) == (
        "0.3",
        "0.01",
        "0.91",
    )
    assert (second["project"], second["status"]) == ("digits", "production")
    assert (third["Loss (standard error)"], third["Accuracy"]) == ("", "")
    assert first["golden_set"].startswith("digits-10k")
    every = lines_of(table, "?metric=loss&models=all")
    assert [one["Loss"] for one in every] == ["0.3", "0.31", "0.5", "0.9"]


def test_the_csv_goes_on_over_pages(table: build.Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.registry.queries.leaderboard.MAX_PAGE_SIZE", 2)
    for number in range(4):
        scored(table, f"m{number}", 1 + number)
    found = lines_of(table, "?metric=loss")
    assert [one["place"] for one in found] == ["1", "2", "3", "4", "5", "6", "7"]
    assert [one["model"] for one in found] == ["a", "b", "c", "m0", "m1", "m2", "m3"]


def test_the_csv_hides_what_the_page_hides(table: build.Table) -> None:
    owner = build.user("owner", role=Role.ADMIN)
    secret = build.project(owner, "secret", private=True)
    version = build.version(owner, build.collection(owner, secret, "canary"))
    build.result(owner, version.artifact, 0.01, on=table.golden_set)
    assert [one["model"] for one in lines_of(table, "?metric=loss")] == ["a", "b", "c"]


def test_a_csv_that_cannot_be_is_refused(table: build.Table) -> None:
    client = browser(table.viewer)
    build.golden_set(table.curator, name="unused")
    assert client.get(f"{CSV}?metric=nothing").status_code == 400
    assert client.get("/main/files/golden-sets/nothing").status_code == 404
    assert client.get("/main/files/golden-sets/unused").status_code == 404
    stranger = build.user("stranger", team_name="others")
    assert browser(stranger).get(CSV).status_code == 404


def test_htmx_gets_the_leaderboard_alone(table: build.Table) -> None:
    headers = {"HX-Request": "true", "HX-Target": "leaderboard"}

    text = text_of(browser(table.viewer).get(PAGE, headers=headers))

    assert text.strip().startswith('<div class="stack busy-dim" id="leaderboard">')
    assert "<html" not in text


@pytest.mark.parametrize(
    "query",
    [
        "metric=nothing",
        "models=some",
        "cursor=x",
        "size=7",
        "examples=-1",
        "examples=x",
        "examples=99999999999",
    ],
)
def test_an_address_that_makes_no_sense_is_refused(table: build.Table, query: str) -> None:
    assert browser(table.viewer).get(f"{PAGE}?{query}").status_code == 400


def test_one_without_results_teaches_how_to_record_them(table: build.Table) -> None:
    build.golden_set(table.curator, "fresh")

    text = text_of(browser(table.viewer).get("/main/golden-sets/fresh"))

    assert "Nothing was measured on it yet" in text


def test_examples_are_those_of_the_first(table: build.Table) -> None:
    version = build.version(table.editor, build.collection(table.editor, table.project, "e"))
    examples = [ExampleScore(f"<img {n}>", 0.5, prediction="7", target="1") for n in range(45)]
    score = Score("loss", 0.01, golden_set=table.golden_set, examples=examples)
    access = build.access(table.editor, project=table.project)
    record_results(artifact=version.artifact, scores=[score], access=access, source=Source.API)
    client = browser(table.viewer)

    first = text_of(client.get(f"{PAGE}?metric=loss"))
    last = text_of(client.get(f"{PAGE}?metric=loss&examples=40"))

    assert "&lt;img 0&gt;" in first
    assert "wrong" in section(first, "examples-head")
    assert "&lt;img 20&gt;" not in first
    assert "examples=20#examples" in first
    assert "Examples 41–45" in words(last)


# --- the list -----------------------------------------------------------------------------------


def test_the_list_says_how_many_models_were_measured(table: build.Table) -> None:
    build.golden_set(table.curator, "aaa", title="Old")
    retire_golden_set(
        golden_set=GoldenSet.objects.get(name="aaa"), access=build.access(table.curator)
    )

    text = text_of(browser(table.viewer).get("/main/golden-sets"))

    rows = rows_of(text, "golden-sets")
    assert rows[0].startswith("10k digits-10k 10,000 3 not stored here")
    assert rows[1].startswith("Old retired aaa 10,000 0")
    assert f'href="{PAGE}"' in text
    assert 'href="/main/artifacts"' in text


def test_an_empty_list_teaches(table: build.Table) -> None:
    foreigner = build.user(role=Role.VIEWER, team_name="others")

    text = text_of(browser(foreigner).get("/others/golden-sets"))

    assert "No golden set yet" in text
    assert "/api/v1/teams/others/golden-sets" in text
    assert browser(foreigner).get("/main/golden-sets").status_code == 404
    assert browser(foreigner).get(PAGE).status_code == 404


@pytest.mark.parametrize("name", ["mnist_ds:v0", "a/b/edit", "50% <b>", "قائمة", ".env"])
def test_any_name_has_an_address(table: build.Table, name: str) -> None:
    build.golden_set(table.curator, name)
    client = browser(table.curator)

    for prefix in ("/main/golden-sets", "/main/settings/golden-sets"):
        assert client.get(f"{prefix}/{quote(name)}").status_code == 200
    address = html.escape(reverse("golden_set", args=["main", name]))
    assert f'href="{address}"' in text_of(client.get("/main/golden-sets"))


# --- what curators do ---------------------------------------------------------------------------


def test_a_data_set_becomes_a_golden_set(table: build.Table) -> None:
    data = build.collection(table.editor, table.project, "digits", type="dataset")
    build.version(table.editor, data)
    page = "/main/digits/artifacts/dataset/digits/v1"
    client = browser(table.curator)

    assert f'href="{page}/golden-set"' in text_of(client.get(page))
    assert 'value="digits:v1"' in text_of(client.get(f"{page}/golden-set"))
    fields = {"name": "digits-5", "title": "5", "example_count": "5", "description": "Five."}
    answer = client.post(f"{page}/golden-set", fields, follow=True)

    assert "5 is a golden set now." in text_of(answer)
    marked = GoldenSet.objects.get(name="digits-5")
    assert (marked.artifact, marked.example_count) == (
        Version.objects.get(collection=data).artifact,
        5,
    )
    assert 'href="/main/golden-sets/digits-5"' in text_of(client.get(page))
    assert client.get(f"{page}/golden-set").headers["Location"] == "/main/golden-sets/digits-5"


def test_what_is_wrong_is_said_beside_the_field(table: build.Table) -> None:
    data = build.collection(table.editor, table.project, "digits", type="dataset")
    build.version(table.editor, data)
    page = "/main/digits/artifacts/dataset/digits/v1/golden-set"
    client = browser(table.curator)

    missing = client.post(page, {"name": "", "title": "", "example_count": "0"})
    taken = client.post(page, {"name": "DIGITS-10k", "title": "x"})

    assert missing.status_code == 400
    assert "Give it a name." in text_of(missing)
    assert taken.status_code == 409
    assert "There is a golden set" in text_of(taken)
    assert GoldenSet.objects.count() == 1


def test_a_curator_describes_and_retires_it_and_takes_that_back(table: build.Table) -> None:
    client = browser(table.curator)

    client.post(EDIT, {"title": "Ten", "example_count": "9", "description": "<b>New</b>"})
    text = text_of(client.get(PAGE))
    assert "Ten" in words(text)
    assert "&lt;b&gt;New&lt;/b&gt;" in text

    retired = text_of(client.post(EDIT, {"do": "retire", "reason": "Leaked."}, follow=True))
    assert "Ten is retired." in retired
    assert "models are no longer to be measured by it" in retired
    back = text_of(client.post(EDIT, {"do": "bring-back", "reason": "No."}, follow=True))
    assert "Ten is in use again." in back
    assert "no longer to be measured" not in back


@pytest.mark.parametrize(
    "fields",
    [
        {"title": ""},
        {"title": "x" * 129},
        {"title": "x", "example_count": "many"},
        {"do": "retire"},
        {"do": "burn", "reason": "x"},
    ],
)
def test_a_form_that_makes_no_sense_changes_nothing(
    table: build.Table, fields: dict[str, str]
) -> None:
    assert browser(table.curator).post(EDIT, fields).status_code == 400
    kept = GoldenSet.objects.get()
    assert (kept.title, kept.retired_at) == ("10k", None)


def test_editors_are_not_offered_it_and_may_not(table: build.Table) -> None:
    data = build.collection(table.editor, table.project, "digits", type="dataset")
    build.version(table.editor, data)
    page = "/main/digits/artifacts/dataset/digits/v1"
    client = browser(table.editor)

    assert "golden-set" not in text_of(client.get(page))
    assert "Edit…" not in text_of(client.get(PAGE))
    assert client.post(f"{page}/golden-set", {"name": "x", "title": "x"}).status_code == 403
    assert client.post(EDIT, {"do": "retire", "reason": "x"}).status_code == 403


def test_one_whose_data_is_hidden_is_not_there(table: build.Table) -> None:
    owner = build.user(role=Role.ADMIN)
    secret = build.project(owner, "secret", private=True)
    data = build.version(owner, build.collection(owner, secret, "canary", type="dataset"))
    mark_golden_set(name="canary", artifact=data.artifact, access=build.access(owner))
    client = browser(table.curator)

    assert "canary" not in text_of(client.get("/main/golden-sets"))
    for address in ("/main/golden-sets/canary", "/main/settings/golden-sets/canary"):
        assert client.get(address).status_code == 404
