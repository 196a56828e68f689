"""What just happened is told on the next page, with a form that takes it back."""

import html
import re

import pytest
from django.test import Client

from apps.artifacts.models import LabelHolding
from apps.registry.models import Column
from apps.registry.queries.table import columns_of
from apps.registry.services.columns import slug_of
from tests.registry.builders import Story, make_story
from tests.web.visits import browser, text_of

pytestmark = pytest.mark.django_db

MODEL = "/main/digits/models/mnist_model_candidates"
HTMX = {"HX-Request": "true", "HX-Target": "versions"}


@pytest.fixture
def story() -> Story:
    """v1 held production before v2, v3 holds nothing."""
    story = make_story()
    story.promote(story.version({"loss@10k": 0.5, "loss@1k": 0.6}), reason="the first")
    story.promote(story.version({"loss@10k": 0.4}), reason="better")
    story.version({"loss@10k": 0.3})
    return story


@pytest.fixture
def client(story: Story) -> Client:
    return browser(story.curator)


def told(page: str) -> str:
    """The region of messages of a page."""
    return page[page.index('id="messages"') : page.index("</main>")].split("\n</div>")[0]


def do(client: Client, address: str, **fields: str | list[str]) -> str:
    """Send a form, and read what the next page tells."""
    return told(text_of(client.post(address, fields, follow=True)))


def undo(client: Client, page: str) -> str:
    """Press the button of the message, and read what the next page tells."""
    form = page[page.index("<form") : page.index("</form>")]
    action = re.search(r'action="([^"]+)"', form)
    assert action is not None
    fields: dict[str, list[str]] = {}
    for name, value in re.findall(r'name="([^"]+)" value="([^"]*)"', form):
        fields.setdefault(name, []).append(html.unescape(value))
    return do(client, html.unescape(action[1]), **fields)


def holder(story: Story, label: str = "production") -> int | None:
    held = LabelHolding.objects.filter(collection=story.model, label=label, held_until=None)
    return held.values_list("version__number", flat=True).first()


def promote(client: Client, number: int, label: str, holder: int | str) -> str:
    return do(
        client,
        f"{MODEL}/versions/{number}/promote",
        label=label,
        reason="seems better",
        holder=f"{holder}:{label}",
    )


class TestUndoing:
    def test_a_promotion_goes_back_to_the_holder_before(self, story: Story, client: Client) -> None:
        page = promote(client, 3, "production", 2)
        assert "v3 holds production now; v2 has lost it." in page

        page = undo(client, page)

        assert "v2 holds production now; v3 has lost it." in page
        assert holder(story) == 2

    def test_and_that_can_be_undone_as_well(self, story: Story, client: Client) -> None:
        page = undo(client, promote(client, 3, "production", 2))

        undo(client, page)

        assert holder(story) == 3

    def test_a_label_that_nobody_held_is_nobodys_again(self, story: Story, client: Client) -> None:
        page = promote(client, 3, "staging", "")
        assert holder(story, "staging") == 3

        undo(client, page)

        assert holder(story, "staging") is None

    def test_a_label_of_many_leaves_this_version_alone(self, story: Story, client: Client) -> None:
        promote(client, 1, "archived", "")
        undo(client, promote(client, 3, "archived", ""))

        assert holder(story, "archived") == 1

    def test_a_removal_gives_the_label_back(self, story: Story, client: Client) -> None:
        page = do(client, f"{MODEL}/versions/2/labels/production/remove", reason="broken")
        assert holder(story) is None

        undo(client, page)

        assert holder(story) == 2

    def test_columns_are_as_they_were(self, story: Story, client: Client) -> None:
        before = list(columns_of(story.model, story.curator))
        first, second = before
        page = text_of(client.get(f"{MODEL}/columns"))
        seen = re.search(r'name="seen" value="(\w+)"', page)
        assert seen is not None
        fields = {"seen": seen[1]}
        for place, column in enumerate((second, first), start=1):
            fields |= {f"c{column.pk}-position": str(place), f"c{column.pk}-title": f"T{place}"}
        page = do(client, f"{MODEL}/columns", **fields)
        assert [column.title for column in columns_of(story.model, None)] == ["T1", "T2"]

        page = undo(client, page)

        assert "The columns have been saved." in page
        assert facts(columns_of(story.model, None)) == facts(before)

    def test_somebody_was_quicker(self, story: Story, client: Client) -> None:
        page = promote(client, 3, "production", 2)
        story.promote(story.version({"loss@10k": 0.2}))

        form = page[page.index("<form") :]
        answer = client.post(
            f"{MODEL}/labels/production/rollback", {"reason": "x", "holder": "3:production"}
        )

        assert "3:production" in form
        assert answer.status_code == 409
        assert holder(story) == 4


class TestTelling:
    def test_once(self, client: Client) -> None:
        promote(client, 3, "production", 2)
        assert "v3 holds" not in told(text_of(client.get(MODEL)))

    def test_a_part_of_a_page_leaves_it_waiting(self, client: Client) -> None:
        client.post(
            f"{MODEL}/versions/3/promote",
            {"label": "production", "reason": "x", "holder": "2:production"},
        )
        client.get(MODEL, headers=HTMX)

        assert "v3 holds production now" in told(text_of(client.get("/projects")))

    def test_nothing_to_tell_is_a_silent_region(self, client: Client) -> None:
        assert 'id="messages" role="status" hidden' in text_of(client.get(MODEL))


def facts(columns: list[Column]) -> list[tuple[object, ...]]:
    for column in columns:
        assert column.slug == slug_of(column.title)
    return [
        (column.pk, column.title, column.is_visible, column.better, column.format)
        for column in columns
    ]
