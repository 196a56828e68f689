"""Editing columns, reading the history, comparing versions; and the addresses of the table."""

import html
import re

import pytest
from django.http import QueryDict
from django.test import Client

from apps.audit.models import Event
from apps.core.errors import Invalid
from apps.registry.models import Column
from apps.registry.queries.table import columns_of
from apps.web.listing import Listing, next_sort, read_listing
from apps.web.present.table import columns_to_show
from apps.web.views.models import read_state
from tests.registry.builders import Story, make_story
from tests.web.visits import browser, text_of

pytestmark = pytest.mark.django_db

MODEL = "/main/digits/models/mnist_model_candidates"
COLUMNS = f"{MODEL}/columns"


@pytest.fixture
def story() -> Story:
    story = make_story()
    story.promote(
        story.version({"loss@10k": 0.5, "loss@1k": 0.4, "accuracy@10k": 0.8}), reason="1st"
    )
    story.promote(
        story.version({"loss@10k": 0.3, "loss@1k": 0.2, "accuracy@10k": 0.9}), reason="2nd"
    )
    return story


def words(text: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


# --- columns ------------------------------------------------------------------------------------


def form(client: Client) -> dict[str, str]:
    """The fields of the form as a browser would send them back."""
    text = text_of(client.get(COLUMNS))
    data = {}
    for tag in re.findall(r"<input[^>]+>", text[text.index('<form class="panel"') :]):
        values = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        if values.get("type") == "checkbox" and " checked" not in tag:
            continue
        default = "on" if values.get("type") == "checkbox" else ""
        data[values["name"]] = html.unescape(values.get("value", default))
    return data


def column(slug: str) -> Column:
    return Column.objects.get(slug=slug)


def titles(client: Client) -> list[str]:
    return re.findall(r'<a class="sort"[^>]*>([^<]+)</a>', text_of(client.get(MODEL)))[1:-1]


def test_curators_name_order_show_and_format_columns(story: Story) -> None:
    client = browser(story.curator)
    first, second, third = (column(slug).pk for slug in ("loss@10k", "loss@1k", "accuracy@10k"))
    assert titles(client) == ["Loss @ 10k", "Loss @ 1k", "Accuracy @ 10k"]
    data = form(client) | {
        f"c{third}-position": "1",
        f"c{third}-title": "Right",
        f"c{third}-format": "percent:1",
    }
    del data[f"c{second}-is_visible"]
    events = Event.objects.count()

    answer = client.post(COLUMNS, data, follow=True)

    assert answer.redirect_chain == [(MODEL, 302)]
    assert titles(client) == ["Right", "Loss @ 10k"]
    assert "90.0%" in text_of(answer)
    assert Event.objects.count() == events + 1
    assert first in {column.pk for column in columns_of(story.model, None)}


def test_the_slower_of_two_curators_looks_again(story: Story) -> None:
    slow, quick = browser(story.curator), browser(story.curator)
    data, others = form(slow), form(quick)
    others[f"c{column('loss@1k').pk}-title"] = "Small"
    quick.post(COLUMNS, others)

    answer = slow.post(COLUMNS, data)

    assert answer.status_code == 409
    assert "Somebody has changed the columns" in text_of(answer)
    assert "Small" in text_of(answer)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", ""),
        ("title", "x" * 129),
        ("title", "status"),
        ("title", "Loss @ 10k"),
        ("position", "0"),
        ("position", "first"),
        ("better", "sideways"),
        ("format", "fixed:99"),
        ("format", "{0.__class__}"),
    ],
)
def test_mistakes_are_shown_and_change_nothing(story: Story, field: str, value: str) -> None:
    client = browser(story.curator)
    data = form(client) | {f"c{column('loss@1k').pk}-{field}": value}
    events = Event.objects.count()

    assert client.post(COLUMNS, data).status_code == 400
    assert Event.objects.count() == events
    assert titles(client) == ["Loss @ 10k", "Loss @ 1k", "Accuracy @ 10k"]


def test_only_curators_edit_columns(story: Story) -> None:
    data = form(browser(story.curator))

    for user in (story.editor, story.viewer):
        assert browser(user).get(COLUMNS).status_code == 403
        assert browser(user).post(COLUMNS, data).status_code == 403


# --- history ------------------------------------------------------------------------------------


def test_history_says_who_held_what_from_when_to_when(story: Story) -> None:
    text = words(text_of(browser(story.viewer).get(f"{MODEL}/history")))

    assert "production v2 2026-01-05 11:30:00 UTC now for " in text
    assert "production v1 2026-01-05 10:30:00 UTC 2026-01-05 11:30:00 UTC for 1 hour" in text
    assert "Main Curator 1st" in text
    assert "1–2 of 2" in text


def test_history_of_everything_that_happened(story: Story) -> None:
    text = words(text_of(browser(story.viewer).get(f"{MODEL}/history?show=events")))

    assert "main_curator gave production to v2; v1 lost it" in text
    assert "main_editor logged mnist_model_candidates:v1" in text
    assert "main_editor created mnist_model_candidates" in text


@pytest.mark.parametrize("show", ["", "events"])
def test_history_is_paged_both_ways(story: Story, show: str) -> None:
    v1, v2 = story.model.versions.order_by("number")
    for turn in range(14):
        story.promote(v1, reason=f"forth {turn}")
        story.promote(v2, reason=f"back {turn}")
    client = browser(story.viewer)

    def seen(text: str) -> list[str]:
        part = text[text.index('id="history"') :]
        rows = re.findall(r"<tr.*?</tr>|<li.*?</li>", part, re.S)
        return [row for row in rows if 'scope="col"' not in row]

    first = text_of(client.get(f"{MODEL}/history", {"show": show}))
    onward = re.search(r'href="([^"]+)" rel="next"', first)
    assert onward is not None
    second = text_of(client.get(html.unescape(onward[1])))
    back = re.search(r'href="([^"]+)" rel="prev"', second)
    assert back is not None

    assert not set(seen(first)) & set(seen(second))
    assert seen(text_of(client.get(html.unescape(back[1])))) == seen(first)


def test_history_before_anything_happened(story: Story) -> None:
    empty = make_story(team="fresh")

    text = text_of(browser(empty.viewer).get("/fresh/digits/models/mnist_model_candidates/history"))

    assert "Nothing has happened yet" in text


@pytest.mark.parametrize("cursor", ["x", "AAAA", "é", "x" * 9_000, "\x00"])
def test_hostile_cursors_of_the_history(story: Story, cursor: str) -> None:
    for show in ("", "events"):
        query = {"cursor": cursor, "show": show}
        assert browser(story.viewer).get(f"{MODEL}/history", query).status_code == 400


# --- the addresses of the table -----------------------------------------------------------------


def state(query: str, story: Story) -> Listing:
    return read_state(QueryDict(query), columns_of(story.model, None))


@pytest.mark.parametrize(
    "query",
    [
        "",
        "filter=loss@10k%20%3C%200.2",
        "q=first&status=production&status=staging",
        "columns=loss@1k,loss@10k",
        "sort=-loss@10k&size=25&scale=log",
        "status=a%26b&cursor=abc",
    ],
)
def test_a_state_has_one_address(story: Story, query: str) -> None:
    assert state(query, story).address("/x") == (f"/x?{query}" if query else "/x")


@pytest.mark.parametrize(
    "query", ["columns=loss@1k&columns=loss@10k", "columns=loss@1k,,loss@10k,loss@1k"]
)
def test_columns_may_be_repeated_or_joined(story: Story, query: str) -> None:
    known = columns_of(story.model, None)

    shown = columns_to_show(state(query, story), known)

    assert [one.slug for one in shown] == ["loss@1k", "loss@10k"]


@pytest.mark.parametrize("value", ["loss,small", "loss,small,"])
def test_a_column_with_a_comma_in_its_title_is_one_column(story: Story, value: str) -> None:
    Column.objects.filter(slug="loss@1k").update(slug="loss,small")

    listing = state(f"columns={value}&columns=loss@10k", story)

    assert listing.chosen == ("loss,small", "loss@10k")
    assert listing.address("/x") == "/x?columns=loss,small,&columns=loss@10k"
    assert state(listing.address("/x").removeprefix("/x?"), story) == listing


def test_columns_that_no_list_knows_beforehand_may_have_commas_too() -> None:
    listing = read_listing(QueryDict("columns=config.a,b,&columns=loss,state"))

    assert listing.chosen == ("config.a,b", "loss", "state")
    assert read_listing(QueryDict(listing.address("").removeprefix("?"))) == listing


def test_too_many_labels_are_refused(story: Story) -> None:
    with pytest.raises(Invalid):
        state("&".join(f"status=x{n}" for n in range(60)), story)


def test_headers_sort_best_first() -> None:
    assert [next_sort("loss", now) for now in ("", "loss", "-loss", "logged")] == [
        "loss",
        "-loss",
        "",
        "loss",
    ]
    assert [
        next_sort("accuracy", now, descending_first=True) for now in ("", "-accuracy", "accuracy")
    ] == ["-accuracy", "accuracy", ""]
