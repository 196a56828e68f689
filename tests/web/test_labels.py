"""Moving labels by plain forms: the question, the move, the refusals, the race."""

import html
import re

import pytest
from django.test import Client

from apps.accounts.choices import Role
from apps.artifacts.models import LabelHolding, Version
from apps.artifacts.services import delete_version
from apps.audit.models import Event
from apps.registry.services.promotion import promote_version
from tests.registry.builders import Story, acting, make_story, make_user
from tests.web.visits import browser, text_of

pytestmark = pytest.mark.django_db

MODEL = "/main/digits/models/mnist_model_candidates"
PROMOTE = f"{MODEL}/versions/3/promote"
ROLLBACK = f"{MODEL}/labels/production/rollback"


@pytest.fixture
def story() -> Story:
    """v1 held production before v2, v3 holds nothing."""
    story = make_story()
    story.promote(story.version({"loss@10k": 0.5}), reason="the first")
    story.promote(story.version({"loss@10k": 0.4}), reason="better")
    story.version({"loss@10k": 0.3})
    return story


def version(story: Story, number: int) -> Version:
    return Version.objects.get(collection=story.model, number=number)


def holder(story: Story, label: str = "production") -> int | None:
    open_holding = LabelHolding.objects.filter(
        collection=story.model, label=label, held_until=None
    ).first()
    return open_holding.version.number if open_holding else None


def filled(client: Client, address: str, **values: str) -> dict[str, str | list[str]]:
    """The page's form as a browser would send it, with what a person has filled in."""
    text = text_of(client.get(address))
    form = text[text.index('<form class="panel"') :]
    form = form[: form.index("</form>")]
    data: dict[str, str | list[str]] = {}
    for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form):
        data.setdefault(name, [])
        data[name].append(html.unescape(value))  # type: ignore[union-attr]
    checked = re.search(r'type="radio" name="label" value="([^"]+)" required checked', form)
    if checked:
        data["label"] = checked[1]
    return {**data, **values}


def words(response: object) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text_of(response))).split())


# --- promotion ----------------------------------------------------------------------------------


def test_the_question_states_the_consequence_of_every_choice(story: Story) -> None:
    story.promote(version(story, 3), "archived", by=story.editor)

    text = words(browser(story.curator).get(PROMOTE))

    assert "production v3 becomes production, v2 loses it." in text
    assert "staging v3 becomes staging; nobody holds it now." in text
    assert "archived v3 holds it already." in text
    assert "0.4" in text
    assert "25% better than production" in text


def test_a_promotion_moves_the_label_and_says_so(story: Story) -> None:
    client = browser(story.curator)
    events = Event.objects.count()

    answer = client.post(PROMOTE, filled(client, PROMOTE, reason="Best on 10k."), follow=True)

    assert answer.redirect_chain == [(MODEL, 302)]
    assert holder(story) == 3
    assert "v3 holds production now; v2 has lost it. History" in words(answer)
    assert f'<a href="{MODEL}/history">' in text_of(answer)
    holding = LabelHolding.objects.get(version__number=3)
    assert (holding.reason, holding.given_by) == ("Best on 10k.", story.curator)
    assert Event.objects.count() == events + 1


def test_the_label_in_the_address_is_chosen(story: Story) -> None:
    client = browser(story.curator)

    assert filled(client, f"{PROMOTE}?label=staging")["label"] == "staging"
    assert filled(client, f"{PROMOTE}?label=nonsense")["label"] == "production"


def test_sending_the_same_form_twice_is_one_promotion(story: Story) -> None:
    client = browser(story.curator)
    data = filled(client, PROMOTE, reason="Best.")
    events = Event.objects.count()

    first, second = client.post(PROMOTE, data), client.post(PROMOTE, data)

    assert (first.status_code, second.status_code) == (302, 302)
    assert Event.objects.count() == events + 1
    assert holder(story) == 3


def test_the_slower_of_two_people_is_told_both_facts_and_decides_again(story: Story) -> None:
    slow, quick = browser(story.curator), make_user("quick", Role.CURATOR)
    data = filled(slow, PROMOTE, reason="Mine is better.")
    promote_version(
        version=version(story, 1),
        label="production",
        access=acting(quick, project="digits"),
        reason="urgent",
    )
    events = Event.objects.count()

    answer = slow.post(PROMOTE, data)

    assert answer.status_code == 409
    text = words(answer)
    assert "nothing has been changed" in text
    assert "When you opened this page, v2 held production." in text
    assert "v1 holds production, given by Quick just now." in text
    assert "urgent" in text
    assert "v3 becomes production, v1 loses it." in text
    assert "Mine is better." in text
    assert (holder(story), Event.objects.count()) == (1, events)

    again = re.search(r'name="holder" value="(\d*:production)"', text_of(answer))
    assert again is not None
    assert slow.post(PROMOTE, {**data, "holder": again[1]}).status_code == 302
    assert holder(story) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reason": ""}, "Say why, for those who ask in a year."),
        ({"reason": "   "}, "Say why, for those who ask in a year."),
        ({"reason": "x" * 4_001}, "at most 4000 characters"),
        ({"label": ""}, "Choose a label."),
        ({"label": "champion"}, "Choose a label of this team."),
        ({"label": "latest"}, "Choose a label of this team."),
    ],
)
def test_an_incomplete_form_comes_back_with_what_is_wrong(
    story: Story, change: dict[str, str], message: str
) -> None:
    client = browser(story.curator)
    data = filled(client, PROMOTE, reason="Kept words.") | change

    answer = client.post(PROMOTE, data)

    assert answer.status_code == 400
    assert message in words(answer)
    assert holder(story) == 2
    if change.get("reason") is None:
        assert "Kept words." in text_of(answer)


@pytest.mark.parametrize("lies", [[], ["staging"], ["x:production"], ["99999999999:production"]])
def test_a_form_that_does_not_say_who_held_the_label_is_refused(
    story: Story, lies: list[str]
) -> None:
    data = {"label": "production", "reason": "x", "holder": lies}

    assert browser(story.curator).post(PROMOTE, data).status_code == 400
    assert holder(story) == 2


def test_only_those_who_may_move_a_label_do(story: Story) -> None:
    data = {"label": "production", "reason": "x", "holder": "2:production"}
    staging = {"label": "staging", "reason": "x", "holder": ":staging"}
    stranger = make_story(team="other").curator

    assert browser(story.viewer).get(PROMOTE).status_code == 403
    assert browser(story.viewer).post(PROMOTE, staging).status_code == 403
    assert browser(story.editor).post(PROMOTE, data).status_code == 403
    assert browser(stranger).post(PROMOTE, data).status_code == 404
    assert browser().post(PROMOTE, data).status_code == 302
    assert (holder(story), holder(story, "staging")) == (2, None)
    assert browser(story.editor).post(PROMOTE, staging).status_code == 302
    assert holder(story, "staging") == 3


def test_editors_see_which_labels_are_not_theirs_to_move(story: Story) -> None:
    client = browser(story.editor)
    text = text_of(client.get(PROMOTE))

    assert 'value="production" required disabled' in text
    assert "Protected: curators and admins of the team move it." in text
    assert filled(client, PROMOTE)["label"] == "staging"


def test_a_form_without_its_token_is_refused(story: Story) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(story.curator)
    data = {"label": "production", "reason": "x", "holder": "2:production"}

    assert client.post(PROMOTE, data).status_code == 403
    assert holder(story) == 2


def test_versions_that_are_not_there_cannot_be_promoted(story: Story) -> None:
    client = browser(story.curator)
    delete_version(
        version=version(story, 3), reason="x", access=acting(story.curator, project="digits")
    )

    assert client.get(PROMOTE).status_code == 404
    assert client.get(f"{MODEL}/versions/99/promote").status_code == 404
    assert client.get(f"{MODEL}/versions/99999999999999999999/promote").status_code == 404


def test_a_reason_is_only_words(story: Story) -> None:
    client = browser(story.curator)
    reason = "<script>alert(1)</script> {{ 7*7 }}"
    client.post(PROMOTE, filled(client, PROMOTE, reason=reason))

    for address in (
        MODEL,
        f"{MODEL}/versions/3",
        f"{MODEL}/history",
        f"{MODEL}/history?show=events",
    ):
        text = text_of(client.get(address))
        assert "<script>alert" not in text
        assert html.escape(reason) in text


# --- rolling back -------------------------------------------------------------------------------


def test_rolling_back_names_the_former_holder_and_returns_to_it(story: Story) -> None:
    client = browser(story.curator)
    text = words(client.get(ROLLBACK))
    assert "v1 becomes production again, v2 loses it." in text
    assert "the first" in text

    answer = client.post(ROLLBACK, filled(client, ROLLBACK, reason="v2 fails on 7s"), follow=True)

    assert holder(story) == 1
    assert "v1 holds production now; v2 has lost it." in words(answer)
    holding = LabelHolding.objects.get(version__number=1, held_until=None)
    assert (holding.is_rollback, holding.reason) == (True, "v2 fails on 7s")


def test_rolling_back_what_has_moved_meanwhile_is_a_conflict(story: Story) -> None:
    client = browser(story.curator)
    data = filled(client, ROLLBACK, reason="v2 is broken")
    story.promote(version(story, 3), reason="hot fix")

    answer = client.post(ROLLBACK, data)

    assert answer.status_code == 409
    text = words(answer)
    assert "When you opened this page, v2 held production." in text
    assert "v3 holds production" in text
    assert "v2 becomes production again, v3 loses it." in text
    assert holder(story) == 3


def test_there_must_be_somebody_to_roll_back_to(story: Story) -> None:
    client = browser(story.curator)
    story.promote(version(story, 3), "staging", by=story.editor)

    assert client.get(f"{MODEL}/labels/staging/rollback").status_code == 409
    assert client.get(f"{MODEL}/labels/archived/rollback").status_code == 404
    assert client.get(f"{MODEL}/labels/no-such-label/rollback").status_code == 404


def test_only_those_who_may_roll_back_do(story: Story) -> None:
    data = {"reason": "x", "holder": "2:production"}

    assert browser(story.viewer).get(ROLLBACK).status_code == 403
    assert browser(story.editor).get(ROLLBACK).status_code == 403
    assert browser(story.editor).post(ROLLBACK, data).status_code == 403
    assert browser(story.curator).post(ROLLBACK, {"holder": "2:production"}).status_code == 400
    assert holder(story) == 2


# --- taking away --------------------------------------------------------------------------------


def test_a_label_can_be_taken_away(story: Story) -> None:
    client = browser(story.curator)
    address = f"{MODEL}/versions/2/labels/production/remove"
    assert "v2 loses production; nobody holds it then." in words(client.get(address))

    answer = client.post(address, {"reason": "recalled"}, follow=True)

    assert holder(story) is None
    assert "v2 no longer holds production." in words(answer)
    assert client.post(address, {"reason": "again"}).status_code == 404


def test_taking_away_needs_the_label_the_right_and_a_reason(story: Story) -> None:
    address = f"{MODEL}/versions/2/labels/production/remove"

    assert browser(story.curator).get(address.replace("2", "3")).status_code == 404
    assert browser(story.editor).get(address).status_code == 403
    assert browser(story.editor).post(address, {"reason": "x"}).status_code == 403
    assert browser(story.viewer).post(address, {"reason": "x"}).status_code == 403
    assert browser(story.curator).post(address, {"reason": ""}).status_code == 400
    assert holder(story) == 2


# --- in a dialog --------------------------------------------------------------------------------

DIALOG = {"HX-Request": "true", "HX-Target": "dialog"}


@pytest.mark.parametrize(
    "address", [PROMOTE, ROLLBACK, f"{MODEL}/versions/2/labels/production/remove"]
)
def test_a_dialog_gets_the_whole_question_and_nothing_else(story: Story, address: str) -> None:
    client = browser(story.curator)

    part = text_of(client.get(address, headers=DIALOG))

    assert part.strip().startswith('<div class="stack" id="dialog">')
    assert f'<form class="panel" method="post" action="{address}"' in part
    assert 'id="dialog-title"' in part
    assert "<html" not in part
    # On the page itself there is no second place of that name.
    assert text_of(client.get(address)).count('id="dialog"') == 1


def test_a_dialog_is_sent_on_when_the_label_has_moved(story: Story) -> None:
    client = browser(story.curator)
    data = filled(client, PROMOTE, reason="best")

    answer = client.post(PROMOTE, data, headers=DIALOG)

    assert (answer.status_code, answer["HX-Redirect"]) == (204, MODEL)
    assert holder(story) == 3
    assert "v3 holds production now; v2 has lost it." in words(client.get(MODEL))


def test_a_dialog_says_what_is_wrong_in_its_place(story: Story) -> None:
    client = browser(story.curator)
    data = filled(client, PROMOTE, reason="best")

    wrong = client.post(PROMOTE, {**data, "reason": ""}, headers=DIALOG)
    story.promote(story.version({"loss@10k": 0.2}))
    late = client.post(PROMOTE, data, headers=DIALOG)

    assert (wrong.status_code, late.status_code) == (400, 409)
    for answer in (wrong, late):
        assert text_of(answer).strip().startswith('<div class="stack" id="dialog">')
    assert "Say why" in words(wrong)
    assert "Somebody was quicker" in words(late)
    assert holder(story) == 4


def test_a_dialog_opens_for_nobody_who_may_not(story: Story) -> None:
    answer = browser(story.viewer).get(PROMOTE, headers=DIALOG)
    assert answer.status_code == 403
    assert answer["HX-Retarget"] == "#messages"
