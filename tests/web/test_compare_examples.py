"""Examples side by side on the page that compares."""

import re
from collections.abc import Sequence

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.choices import Role
from apps.artifacts.models import Version
from apps.evaluations import pairing
from apps.evaluations.choices import Source
from apps.evaluations.examples import ExampleScore
from apps.evaluations.models import GoldenSet
from apps.evaluations.services import Score, mark_golden_set, record_results
from apps.web.comparing import scores as comparing
from tests import build
from tests.web.test_compare import links, page, query_of, words
from tests.web.test_files import holding, png
from tests.web.visits import browser, text_of

pytestmark = pytest.mark.django_db

BELOW = "/main/digits/models/candidates/compare"
ANY = "/compare"
PLACE = "main/digits/candidates"


@pytest.fixture
def table() -> build.Table:
    return build.table((None, None, None))


def answer(
    table: build.Table,
    version: Version,
    said: Sequence[str],
    *,
    target: str = "7",
    metric: str = "accuracy",
    on: GoldenSet | None = None,
    value: float = 0.5,
) -> None:
    """Record what a version said of the examples e0, e1, …"""
    examples = [
        ExampleScore(f"e{place}", float(text == target), text, target)
        for place, text in enumerate(said)
    ]
    record_results(
        artifact=version.artifact,
        scores=[Score(metric, value, golden_set=on or table.golden_set, examples=examples)],
        access=build.access(table.editor, project=table.project),
        source=Source.API,
    )


def section(text: str) -> str:
    found = re.search(r'<section [^>]*id="examples".*?</section>', text, re.S)
    return found[0] if found else ""


def shown(text: str) -> list[str]:
    """The names of the examples in their order."""
    return re.findall(r'class="case-name" title="(.*?)"', section(text))


def test_newly_wrong_first_and_the_rest_by_links(table: build.Table) -> None:
    answer(table, table.versions[0], ["7", "7", "1", "1", "7"])
    answer(table, table.versions[1], ["1", "3", "7", "2", "7"])
    client = browser(table.viewer)

    text = page(client, BELOW, v=["1", "2"])

    assert "2 Newly wrong 1 Newly right 1 Both wrong 1 Both right" in words(section(text))
    assert "target 7 v1 ✓ right: 7 v2 ✗ wrong: 1" in words(section(text))
    assert shown(text) == ["e0", "e1"]
    (newly_right,) = links(text, "1 Newly right")
    assert query_of(newly_right) == [
        ("v", "1"),
        ("v", "2"),
        ("on", "accuracy@digits-10k"),
        ("to", f"{PLACE}/2"),
        ("show", "newly-right"),
    ]
    assert newly_right.endswith("#examples")
    assert shown(text_of(client.get(newly_right))) == ["e2"]


def test_below_the_model_and_on_the_page_for_anything(table: build.Table) -> None:
    for version, said in zip(table.versions, (["7"], ["1"]), strict=False):
        answer(table, version, said)

    below = page(browser(table.viewer), BELOW, v=["1", "2"])
    anywhere = page(browser(table.viewer), ANY, m=[f"{PLACE}/1", f"{PLACE}/2"])

    assert shown(below) == shown(anywhere) == ["e0"]


def test_pages_of_examples(table: build.Table) -> None:
    answer(table, table.versions[0], ["7"] * 60)
    answer(table, table.versions[1], ["1"] * 60)
    client = browser(table.viewer)
    first = page(client, BELOW, v=["1", "2"])
    assert "1–24 of 60" in words(first)

    (following,) = links(section(first), "Next ›")
    second = page(client, following)

    assert shown(second) == [f"e{place}" for place in range(24, 48)]
    last = page(client, BELOW, v=["1", "2"], page="99")
    assert shown(last) == [f"e{place}" for place in range(48, 60)]
    assert links(section(last), "Next ›") == []
    assert shown(page(client, links(section(last), "‹ Previous")[0])) == shown(second)


def test_which_score_and_which_version_are_chosen(table: build.Table) -> None:
    other = build.golden_set(table.curator, "other", title="1k")
    for version, said in zip(table.versions, (["7"], ["1"], ["2"]), strict=True):
        answer(table, version, said)
    for version in table.versions[1:]:
        answer(table, version, ["7", "7"], on=other)
    client = browser(table.viewer)
    query: dict[str, str | list[str]] = {"v": ["1", "2", "3"], "base": f"{PLACE}/2"}

    first = section(page(client, BELOW, **query))
    assert f'<option value="{PLACE}/1" selected>' in first
    chosen = section(page(client, BELOW, on="accuracy@other", to=f"{PLACE}/1", **query))

    # The first version was never measured on the other golden set.
    assert '<option value="accuracy@other" selected>' in chosen
    assert f'<option value="{PLACE}/3" selected>' in chosen
    assert f"{PLACE}/1" not in chosen.split('name="to"', 1)[1]
    assert "2 Both right" in words(chosen)
    # The form keeps the rest of the address.
    assert f'<input type="hidden" name="base" value="{PLACE}/2">' in chosen


def test_kinds_without_examples_say_so(table: build.Table) -> None:
    for version in table.versions[:2]:
        answer(table, version, ["7"])
    client = browser(table.viewer)

    assert shown(page(client, BELOW, v=["1", "2"])) == ["e0"]
    assert "There are none of these." in page(client, BELOW, v=["1", "2"], show="newly-wrong")


def test_results_without_examples_are_not_laid_side_by_side(table: build.Table) -> None:
    answer(table, table.versions[0], ["7"])
    build.result(table.editor, table.versions[1].artifact, 0.5, on=table.golden_set)

    assert section(page(browser(table.viewer), BELOW, v=["1", "2"])) == ""


def test_one_artifact_in_two_places_is_not_compared_with_itself(table: build.Table) -> None:
    answer(table, table.versions[0], ["7"])
    again = build.version(
        table.editor, build.collection(table.editor, table.project, "again"), data=b"again"
    )
    again.artifact = table.versions[0].artifact
    again.save(update_fields=["artifact"])

    text = page(browser(table.viewer), ANY, m=[f"{PLACE}/1", "main/digits/again/1"])

    assert section(text) == ""


def test_examples_that_only_one_has_are_counted(table: build.Table) -> None:
    answer(table, table.versions[0], ["7", "7", "7"])
    answer(table, table.versions[1], ["7"])

    text = section(page(browser(table.viewer), BELOW, v=["1", "2"]))

    assert "2 that only one of them has are left out." in text


def test_texts_of_models_are_texts(table: build.Table) -> None:
    hostile = "<script>alert(1)</script>" + "x" * 300
    answer(table, table.versions[0], [hostile], target="‮<b>")
    answer(table, table.versions[1], ["1"], target="‮<b>")

    text = section(page(browser(table.viewer), BELOW, v=["1", "2"]))

    assert "<script>" not in text
    assert "<bdi>‮&lt;b&gt;</bdi>" in text
    assert re.search(r"<bdi title=\"&lt;script&gt;[^\"]*x{300}\">&lt;script&gt;[^<]*…</bdi>", text)


# --- pictures -----------------------------------------------------------------------------------


def pictured(table: build.Table, files: dict[str, bytes]) -> None:
    """A golden set with files, and what two versions said of it."""
    golden_set = mark_golden_set(
        name="pictured",
        artifact=holding(table, files).artifact,
        access=build.access(table.curator, project=table.project),
    )
    answer(table, table.versions[0], ["7"], on=golden_set)
    answer(table, table.versions[1], ["1"], on=golden_set)


def test_pictures_of_the_golden_set(table: build.Table) -> None:
    pictured(table, {"images/e0.png": png()})
    client = browser(table.viewer)

    text = section(page(client, BELOW, v=["1", "2"]))

    found = re.search(r'<img src="(.*?)" alt=""', text)
    assert found is not None
    assert client.get(found[1]).headers["Content-Type"] == "image/png"


def test_tiles_of_a_sheet(table: build.Table) -> None:
    sheet = {"examples.png": png(24, 16), "examples.csv": b"id,row,column\ne0,1,2\n"}
    pictured(table, sheet)

    text = section(page(browser(table.viewer), BELOW, v=["1", "2"]))

    assert '<svg class="tile" viewBox="16 8 8 8">' in text
    assert 'width="24" height="16"' in text


def test_a_golden_set_in_the_bin_has_no_pictures(table: build.Table) -> None:
    pictured(table, {"e0.png": png()})
    client = browser(table.viewer)
    assert "<img" in section(page(client, BELOW, v=["1", "2"]))

    Version.objects.filter(collection__name="set").update(deleted_at=timezone.now())

    text = page(client, BELOW, v=["1", "2"])
    assert shown(text) == ["e0"]
    assert "<img" not in section(text)


def test_a_golden_set_of_a_hidden_project_is_not_told(table: build.Table) -> None:
    owner = build.user(role=Role.ADMIN)
    secret = build.project(owner, "secret", private=True)
    hidden = build.Table(owner, owner, owner, secret, table.collection, table.golden_set)
    golden_set = mark_golden_set(
        name="unknown",
        artifact=holding(hidden, {"e0.png": png()}).artifact,
        access=build.access(owner, project=secret),
    )
    for version, said in zip(table.versions, (["7"], ["1"]), strict=False):
        answer(table, version, said, on=golden_set)

    assert "<img" in section(page(browser(owner), BELOW, v=["1", "2"]))
    seen = page(browser(table.viewer), BELOW, v=["1", "2"], on="accuracy@unknown")
    assert section(seen) == ""
    assert "secret" not in seen


# --- cost ---------------------------------------------------------------------------------------


def cost(client: Client, **query: str | list[str]) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(BELOW, query).status_code == 200
    return len(queries)


def test_many_examples_cost_as_many_queries_as_few(table: build.Table) -> None:
    pictured(table, {f"e{place}.png": png() for place in range(3)})
    client = browser(table.viewer)
    cost(client, v=["1", "2"])
    few = cost(client, v=["1", "2"])

    golden_set = GoldenSet.objects.get(name="pictured")
    answer(table, table.versions[0], ["7"] * 300, on=golden_set)
    answer(table, table.versions[1], ["1"] * 300, on=golden_set)

    assert cost(client, v=["1", "2"]) == few


def test_the_page_says_how_many_pairs_it_did_not_read(
    table: build.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in table.versions:
        answer(table, version, ["7", "1"])
    client = browser(table.viewer)
    assert "A page reads" not in page(client, BELOW, v=["1", "2", "3"])

    for module in (pairing, comparing):
        monkeypatch.setattr(module, "MAX_PAIRS", 1)

    text = words(page(client, BELOW, v=["1", "2", "3"]))
    assert "those in doubt first; 1 more is judged by the ±." in text
