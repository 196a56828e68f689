"""Promoting, taking away and rolling back from the admin: asked, with a reason, by the service."""

import pytest

from apps.artifacts.models import LabelHolding, Version
from apps.audit.models import Event
from apps.registry.models import StatusLabel
from apps.registry.services.promotion import promote_version
from tests import build
from tests.admin.world import REASON, World, act, browser, events, list_url, make

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make()


def holder(version: Version, label: str) -> Version | None:
    held = LabelHolding.objects.filter(collection=version.collection, held_until=None, label=label)
    found = held.first()
    return found.version if found else None


def test_the_action_asks_first_and_says_who_holds_what(world: World) -> None:
    second = world.open.versions[1]
    asked = act(browser(world.curator), [second], "promote")
    assert asked.status_code == 200
    assert "staging: v1" in asked.content.decode()
    assert holder(second, "staging") == world.open.versions[0]


def test_a_promotion_is_one_event_of_the_same_service(world: World) -> None:
    second = world.open.versions[1]
    before = events()
    answer = act(browser(world.curator), [second], "promote", label="production", reason=REASON)
    assert (answer.status_code, answer.headers["Location"]) == (302, list_url(Version))
    assert holder(second, "production") == second
    assert events() == [*before, "label.moved"]
    event = Event.objects.latest("sequence")
    assert (event.actor_name, event.reason) == ("cal", REASON)


def test_an_answer_that_will_not_do_is_asked_again(world: World) -> None:
    second = world.open.versions[1]
    client = browser(world.curator)
    for label, reason in (
        ("production", ""),
        ("production", " "),
        ("production", "x" * 4_001),
        ("no-such-label", REASON),
        ("", REASON),
    ):
        answer = act(client, [second], "promote", label=label, reason=reason)
        assert answer.status_code == 400, (label, reason)
    assert holder(second, "production") is None


def test_whoever_was_slower_decides_again(world: World) -> None:
    """The page says that nobody holds production; before it is sent, somebody does."""
    first, second = world.open.versions
    client = browser(world.curator)
    asked = act(client, [second], "promote")
    promote_version(
        version=first,
        label="production",
        access=build.access(world.admin, project=world.open.project),
    )
    told = [value for name, value in asked.context["hidden"] if name == "holder"]
    fields = {"action": "promote", "_selected_action": [second.pk], "apply": "yes"}
    said = {"label": "production", "reason": REASON}
    refused = client.post(list_url(Version), fields | said | {"holder": told})
    assert refused.status_code == 409
    assert "production was moved to v1" in refused.content.decode()
    assert holder(first, "production") == first
    # The page that says so carries the truth, so the same answer again is taken.
    told = [value for name, value in refused.context["hidden"] if name == "holder"]
    assert client.post(list_url(Version), fields | said | {"holder": told}).status_code == 302
    assert holder(first, "production") == second


def test_a_form_that_names_no_holder_moves_nothing(world: World) -> None:
    second = world.open.versions[1]
    fields = {"action": "promote", "_selected_action": [second.pk], "apply": "yes"}
    client = browser(world.curator)
    for forged in ([], ["x:y:production"], [f"{second.collection_id}:abc:production"]):
        said = {"label": "production", "reason": REASON, "holder": forged}
        assert client.post(list_url(Version), fields | said).status_code == 302
    assert holder(second, "production") is None


def test_several_models_are_promoted_together(world: World) -> None:
    rows = [world.open.versions[1], world.linked]
    before = events()
    act(browser(world.curator), rows, "promote", label="production", reason=REASON)
    assert [holder(row, "production") for row in rows] == rows
    assert events() == [*before, "label.moved", "label.moved"]


def test_of_one_model_only_one_version_gets_an_exclusive_label(world: World) -> None:
    rows = world.open.versions
    before = events()
    client = browser(world.curator)
    refused = act(client, rows, "promote", label="production", reason=REASON)
    assert refused.status_code == 409
    assert "one version of each" in refused.content.decode()
    assert events() == before
    # A label that several may hold is another matter.
    assert act(client, rows, "promote", label="archived", reason=REASON).status_code == 302


def test_versions_of_two_teams_have_no_label_in_common(world: World) -> None:
    from apps.accounts.choices import Role
    from apps.accounts.services import set_role

    foreign = world.foreign
    set_role(user=world.curator, team=foreign.project.team, role=Role.CURATOR, actor=build.SYSTEM)
    client = browser(world.curator)
    answer = act(client, [world.open.versions[0], foreign.versions[0]], "promote")
    assert answer.status_code == 302
    assert "one team" in client.get(list_url(Version)).content.decode()


def test_more_rows_than_one_can_decide_on_are_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.admin.asking.MAX_ROWS", 1)
    answer = act(browser(world.curator), world.open.versions, "promote")
    assert answer.status_code == 302


def test_a_label_is_taken_away(world: World) -> None:
    first, second = world.open.versions
    before = events()
    client = browser(world.curator)
    act(client, [first, second], "remove_label", label="staging", reason=REASON)
    assert holder(first, "staging") is None
    assert events() == [*before, "label.removed"]
    # Nothing is left to take.
    assert act(client, [first], "remove_label").status_code == 302
    assert events() == [*before, "label.removed"]


def test_a_label_is_rolled_back(world: World) -> None:
    first, second = world.open.versions
    client = browser(world.curator)
    act(client, [second], "promote", label="staging", reason=REASON)
    asked = act(client, [world.open.model], "roll_back")
    assert "staging: v2 → v1" in asked.content.decode()
    before = events()
    act(client, [world.open.model], "roll_back", label="staging", reason="worse after all")
    assert holder(first, "staging") == first
    assert events() == [*before, "label.rolled_back"]


def test_there_is_nothing_to_roll_back_to(world: World) -> None:
    client = browser(world.curator)
    refused = act(client, [world.open.model], "roll_back", label="staging", reason=REASON)
    assert refused.status_code == 409
    assert "first to hold staging" in refused.content.decode()
    refused = act(client, [world.open.model], "roll_back", label="production", reason=REASON)
    assert "Nobody holds production" in refused.content.decode()


def test_an_archived_project_is_read_only_here_too(world: World) -> None:
    from apps.projects.services import set_archived

    set_archived(archived=True, access=build.access(world.admin, project=world.open.project))
    second = world.open.versions[1]
    answer = act(browser(world.curator), [second], "promote", label="production", reason=REASON)
    assert answer.status_code == 403
    assert holder(second, "production") is None


def test_a_label_of_many_letters_comes_back_whole(world: World) -> None:
    """Names may hold what an address or a form would split."""
    StatusLabel.objects.filter(team=world.team, name="staging").update(
        name="ready,=for@use", name_key="ready,=for@use"
    )
    second = world.open.versions[1]
    answer = act(browser(world.curator), [second], "promote", label="ready,=for@use", reason=REASON)
    assert answer.status_code == 302
    assert holder(second, "ready,=for@use") == second
