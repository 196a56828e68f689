"""Moving a label: who may, what moves, what is recorded, and what happens in a race."""

import os
import threading
from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction

from apps.accounts.choices import Role
from apps.artifacts.models import LabelHolding, Version
from apps.artifacts.services import VersionInUse, delete_version, link_version
from apps.audit.models import Event
from apps.audit.verification import verify_chain
from apps.core.errors import Conflict, Forbidden, Invalid, NotFound
from apps.registry.queries.labels import current_holding, label_history, label_rules
from apps.registry.services.labels import save_label
from apps.registry.services.promotion import (
    Expected,
    LabelMoved,
    NoFormerHolder,
    promote_version,
    remove_label,
    roll_back,
)
from tests import build

pytestmark = pytest.mark.django_db

# RACE_ROUNDS=1000 for the long version.
ROUNDS = int(os.environ.get("RACE_ROUNDS", "25"))


def holder(world: build.Table, label: str = "production") -> int | None:
    holding = current_holding(world.collection, label_rules(world.collection.team, label))
    return holding.version.number if holding else None


def test_promotion_moves_the_label_and_records_one_event() -> None:
    world = build.table()
    first, second, _ = world.versions
    allowed = build.access(world.curator, project=world.project)
    promote_version(version=first, label="production", access=allowed, reason="the first")
    events = Event.objects.count()

    holding = promote_version(
        version=second, label="production", access=allowed, reason="better on 10k"
    )

    assert holder(world) == second.number
    assert holding.former is not None
    assert holding.former.version == first
    assert holding.reason == "better on 10k"
    assert Event.objects.count() == events + 1
    event = Event.objects.latest("sequence")
    assert (event.kind, event.reason, event.actor_name) == (
        "label.moved",
        "better on 10k",
        world.curator.username,
    )
    assert '"before":{"label":"production","version":1}' in event.payload
    assert '"after":{"label":"production","version":2}' in event.payload


def test_giving_a_version_what_it_has_changes_nothing() -> None:
    world = build.table()
    allowed = build.access(world.curator, project=world.project)
    first = promote_version(version=world.versions[0], label="production", access=allowed)
    events = Event.objects.count()

    again = promote_version(version=world.versions[0], label="Production", access=allowed)

    assert again == first
    assert Event.objects.count() == events


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
def test_a_protected_label_takes_a_curator(role: Role) -> None:
    world = build.table()
    allowed = build.access(build.user(role=role), project=world.project)
    events = Event.objects.count()

    with pytest.raises(Forbidden, match="curator"):
        promote_version(version=world.versions[0], label="production", access=allowed)

    assert holder(world) is None
    assert Event.objects.count() == events


def test_an_unprotected_label_takes_an_editor() -> None:
    world = build.table()

    promote_version(
        version=world.versions[0],
        label="staging",
        access=build.access(world.editor, project=world.project),
    )

    assert holder(world, "staging") == 1
    with pytest.raises(Forbidden, match="editor"):
        promote_version(
            version=world.versions[1],
            label="staging",
            access=build.access(world.viewer, project=world.project),
        )


def test_a_label_that_is_not_exclusive_has_several_holders() -> None:
    world = build.table()
    allowed = build.access(world.editor, project=world.project)

    for version in world.versions:
        promote_version(version=version, label="archived", access=allowed)

    held = LabelHolding.objects.filter(label="archived", held_until=None)
    assert held.count() == 3


@pytest.mark.parametrize("label", ["latest", "LATEST", "v7", "", " production", "рroduction"])
def test_words_that_cannot_be_labels_are_refused(label: str) -> None:
    world = build.table()
    allowed = build.access(world.curator, project=world.project)

    with pytest.raises(Invalid):
        promote_version(version=world.versions[0], label=label, access=allowed)


def test_whoever_looked_too_early_is_told() -> None:
    world = build.table()
    allowed = build.access(world.curator, project=world.project)
    promote_version(version=world.versions[0], label="production", access=allowed)

    with pytest.raises(LabelMoved, match="moved to v1"):
        promote_version(
            version=world.versions[1],
            label="production",
            access=allowed,
            expected=Expected(holder=None),
        )

    assert holder(world) == 1


def test_rolling_back_returns_to_the_former_holder_step_by_step() -> None:
    world = build.table()
    allowed = build.access(world.curator, project=world.project)
    for version in world.versions:
        promote_version(version=version, label="production", access=allowed)

    roll_back(collection=world.collection, label="production", access=allowed, reason="worse")
    assert holder(world) == 2
    roll_back(collection=world.collection, label="production", access=allowed)
    assert holder(world) == 1
    with pytest.raises(NoFormerHolder):
        roll_back(collection=world.collection, label="production", access=allowed)

    kinds = list(Event.objects.order_by("-sequence").values_list("kind", flat=True)[:2])
    assert kinds == ["label.rolled_back", "label.rolled_back"]


def test_rolling_back_passes_over_versions_that_are_gone() -> None:
    world = build.table()
    allowed = build.access(world.curator, project=world.project)
    for version in world.versions:
        promote_version(version=version, label="production", access=allowed)
    delete_version(version=world.versions[1], reason="unsafe", access=allowed)

    roll_back(collection=world.collection, label="production", access=allowed)

    assert holder(world) == 1


def test_a_version_with_a_label_cannot_be_deleted_and_a_deleted_one_gets_none() -> None:
    world = build.table()
    first, second, _ = world.versions
    allowed = build.access(world.curator, project=world.project)
    promote_version(version=first, label="production", access=allowed)

    with pytest.raises(VersionInUse, match="production"):
        delete_version(version=first, reason="old", access=allowed)
    delete_version(version=second, reason="old", access=allowed)
    with pytest.raises(NotFound):
        promote_version(version=second, label="production", access=allowed)


def test_removing_a_label_keeps_its_history() -> None:
    world = build.table()
    allowed = build.access(world.curator, project=world.project)
    promote_version(version=world.versions[0], label="production", access=allowed)

    remove_label(version=world.versions[0], label="production", access=allowed, reason="recall")

    assert holder(world) is None
    assert [one.version.number for one in label_history(world.collection, "production")] == [1]
    with pytest.raises(NotFound):
        remove_label(version=world.versions[0], label="production", access=allowed)


def test_the_database_refuses_a_second_holder() -> None:
    world = build.table()
    allowed = build.access(world.curator, project=world.project)
    holding = promote_version(version=world.versions[0], label="production", access=allowed)

    with pytest.raises(IntegrityError), transaction.atomic():
        LabelHolding.objects.create(
            collection=world.collection,
            version=world.versions[1],
            label="production",
            label_key="production",
            held_from=holding.held_from,
        )


def test_a_crowded_label_cannot_become_exclusive() -> None:
    world = build.table()
    allowed = build.access(world.curator, project=world.project)
    for version in world.versions:
        promote_version(version=version, label="archived", access=allowed)

    with pytest.raises(Conflict, match="several holders"):
        save_label(name="archived", is_exclusive=True, access=allowed)


def hidden_holder() -> tuple[build.Table, Version]:
    """A registry model in which a version of a private project holds staging, and another one."""
    world = build.table()
    admin = build.user(role=Role.ADMIN)
    secret = build.project(admin, "secret", private=True)
    registry = build.collection(admin, None, "MNIST")
    allowed = build.access(admin)
    made = build.version(admin, build.collection(admin, secret))
    link = partial(link_version, collection=registry, access=allowed)
    hidden = link(artifact=made.artifact)
    shown = link(artifact=world.versions[0].artifact)
    promote_version(version=hidden, label="staging", reason="the secret one", access=allowed)
    return world, shown


def test_a_hidden_holder_is_not_named_to_who_is_refused() -> None:
    world, shown = hidden_holder()

    with pytest.raises(LabelMoved) as refusal:
        promote_version(
            version=shown,
            label="staging",
            expected=Expected(holder=None),
            access=build.access(world.editor),
        )

    assert refusal.value.message == (
        "staging was moved in the meantime. Look again before you decide."
    )


@pytest.mark.parametrize("expected", [None, Expected(holder=7)])
def test_a_hidden_holder_is_none_to_who_rolls_back(expected: Expected | None) -> None:
    world, shown = hidden_holder()

    with pytest.raises(NoFormerHolder, match="Nobody holds staging"):
        roll_back(
            collection=shown.collection,
            label="staging",
            expected=expected,
            access=build.access(world.editor),
        )


def race(world: build.Table, rounds: int) -> tuple[int, int]:
    """Two curators promote different versions at once, each believing to know the holder.

    Gives how many moves were made and how many were refused.
    """
    other = build.user(role=Role.CURATOR)
    people = [
        build.access(world.curator, project=world.project),
        build.access(other, project=world.project),
    ]
    moved = refused = 0
    for number in range(rounds):
        expected = Expected(holder=holder(world))
        # Neither may be the holder already: giving a version what it has is no move.
        choices = [v for v in world.versions if v.number != expected.holder]
        barrier = threading.Barrier(2)
        answers: list[str] = []

        def promote(
            place: int,
            expected: Expected = expected,
            choices: list = choices,
            barrier: threading.Barrier = barrier,
            answers: list[str] = answers,
        ) -> None:
            try:
                barrier.wait(10)
                promote_version(
                    version=choices[place],
                    label="production",
                    access=people[place],
                    expected=expected,
                    reason=f"round {place}",
                )
                answers.append("moved")
            except LabelMoved as error:
                answers.append("refused" if "moved to v" in str(error) else str(error))
            finally:
                connection.close()

        threads = [threading.Thread(target=promote, args=(place,)) for place in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sorted(answers) == ["moved", "refused"], (number, answers)
        held = LabelHolding.objects.filter(collection=world.collection, held_until=None)
        assert held.count() == 1
        moved += answers.count("moved")
        refused += answers.count("refused")
    return moved, refused


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_wins_and_the_other_is_told() -> None:
    world = build.table()
    before = Event.objects.count() + 1  # and one for the second curator

    moved, refused = race(world, ROUNDS)

    assert (moved, refused) == (ROUNDS, ROUNDS)
    assert Event.objects.count() == before + ROUNDS
    assert verify_chain() is None
