"""What curators do with a golden set: describe it, retire it, bring it back."""

import pytest

from apps.accounts.choices import Role
from apps.audit.models import Event
from apps.core.errors import Forbidden, Invalid, NotFound
from apps.evaluations.models import GoldenSet
from apps.evaluations.services import (
    bring_back_golden_set,
    describe_golden_set,
    mark_golden_set,
    retire_golden_set,
)
from apps.projects.access import Access
from tests import build

pytestmark = pytest.mark.django_db


@pytest.fixture
def curator() -> Access:
    return build.access(build.user(role=Role.CURATOR))


@pytest.fixture
def golden_set(curator: Access) -> GoldenSet:
    assert curator.user is not None
    return build.golden_set(curator.user)


def kinds() -> list[str]:
    return list(
        Event.objects.filter(kind__startswith="golden_set.")
        .order_by("sequence")
        .values_list("kind", flat=True)
    )


def test_a_golden_set_is_retired_and_brought_back(curator: Access, golden_set: GoldenSet) -> None:
    retire_golden_set(golden_set=golden_set, access=curator, reason="leaked into training")
    assert GoldenSet.objects.get().retired_at is not None
    event = Event.objects.get(kind="golden_set.retired")
    assert (event.reason, event.actor_name) == ("leaked into training", curator.actor.name)
    assert [(s.kind, s.object_id) for s in event.subjects.all()] == [("golden_set", golden_set.pk)]

    bring_back_golden_set(golden_set=golden_set, access=curator)
    assert GoldenSet.objects.get().retired_at is None
    assert kinds() == ["golden_set.marked", "golden_set.retired", "golden_set.brought_back"]


def test_doing_it_again_changes_nothing(curator: Access, golden_set: GoldenSet) -> None:
    bring_back_golden_set(golden_set=golden_set, access=curator)
    first = retire_golden_set(golden_set=golden_set, access=curator).retired_at
    second = retire_golden_set(golden_set=golden_set, access=curator).retired_at

    assert first == second
    assert kinds() == ["golden_set.marked", "golden_set.retired"]


def test_only_what_was_changed_is_told(curator: Access, golden_set: GoldenSet) -> None:
    def describe(title: str, count: int | None) -> None:
        describe_golden_set(
            golden_set=golden_set, title=title, description="", example_count=count, access=curator
        )

    describe("10k", 10_000)
    assert kinds() == ["golden_set.marked"]
    describe("ten thousand", None)

    golden_set.refresh_from_db()
    assert (golden_set.title, golden_set.example_count) == ("ten thousand", None)
    payload = Event.objects.get(kind="golden_set.described").payload
    assert '"before":{"example_count":10000,"title":"10k"}' in payload


def test_a_golden_set_has_at_least_one_example(curator: Access, golden_set: GoldenSet) -> None:
    for count in (0, -1, 2**31):
        with pytest.raises(Invalid):
            describe_golden_set(
                golden_set=golden_set, title="", description="", example_count=count, access=curator
            )


def test_editors_and_other_teams_may_not(golden_set: GoldenSet) -> None:
    editor = build.access(build.user(role=Role.EDITOR))
    foreigner = build.user(role=Role.ADMIN, team_name="others")
    elsewhere = build.access(foreigner, team_name="others")

    for access, refusal in ((editor, Forbidden), (elsewhere, NotFound)):
        for change in (retire_golden_set, bring_back_golden_set):
            with pytest.raises(refusal):
                change(golden_set=golden_set, access=access)
        with pytest.raises(refusal):
            describe_golden_set(
                golden_set=golden_set, title="", description="", example_count=1, access=access
            )
    assert kinds() == ["golden_set.marked"]


def test_one_whose_data_is_hidden_is_not_there(curator: Access) -> None:
    owner = build.user(role=Role.ADMIN)
    secret = build.project(owner, "secret", private=True)
    data = build.version(owner, build.collection(owner, secret, "canary", type="dataset"))
    hidden = mark_golden_set(name="canary", artifact=data.artifact, access=build.access(owner))

    with pytest.raises(NotFound):
        retire_golden_set(golden_set=hidden, access=curator)
