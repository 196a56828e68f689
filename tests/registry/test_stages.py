"""Stages: labels that several versions hold in MLflow's way, beside the holder of the label."""

import json

import pytest
from django.db import connection

from apps.accounts.choices import Role
from apps.artifacts.models import LabelHolding, Version
from apps.artifacts.queries import holdings_of, labels_of_versions
from apps.artifacts.tags import change_tags
from apps.audit.models import Event
from apps.bin.services.deletion import delete_version
from apps.core.errors import Forbidden, Invalid, NotFound
from apps.projects.access import Access
from apps.registry.queries.comparison import standing_of
from apps.registry.queries.glance import glances_of
from apps.registry.queries.holders import label_holders
from apps.registry.queries.labels import (
    baseline_holding,
    current_holding,
    holder_counts,
    label_rules,
    labels_of,
)
from apps.registry.queries.overview import summaries_of
from apps.registry.services.labels import LabelInUse, delete_label, save_label
from apps.registry.services.promotion import (
    Expected,
    LabelMoved,
    promote_version,
    remove_label,
    roll_back,
)
from apps.registry.services.stages import move_to_stage
from tests import build
from tests.meeting import meet

pytestmark = pytest.mark.django_db


def stages(world: build.Table) -> dict[int, str]:
    """The stage of each version that is in one, by number."""
    open_now = LabelHolding.objects.filter(is_stage=True, held_until=None)
    held = open_now.filter(collection=world.collection).select_related("version")
    return {one.version.number: one.label for one in held}


def holder(world: build.Table, label: str = "production") -> int | None:
    """The version that holds a label as such."""
    held = LabelHolding.objects.filter(
        collection=world.collection, label=label, is_stage=False, held_until=None
    )
    found = held.select_related("version").first()
    return found.version.number if found else None


def curating(world: build.Table) -> Access:
    return build.access(world.curator, project=world.project)


def move(world: build.Table, number: int, stage: str | None, *, archive: bool = False) -> None:
    move_to_stage(
        version=world.versions[number - 1],
        stage=stage,
        access=curating(world),
        archive_others=archive,
    )


def test_several_versions_may_be_in_one_stage() -> None:
    world = build.table()

    move(world, 1, "production")
    move(world, 2, "production")

    assert stages(world) == {1: "production", 2: "production"}
    event = Event.objects.latest("sequence")
    assert event.kind == "label.moved"
    payload = json.loads(event.payload)
    assert payload["before"] == {"label": "production", "version": None}
    assert payload["after"] == {"label": "production", "version": 2, "stage": "production"}


def test_a_version_is_in_one_stage_at_a_time() -> None:
    world = build.table()

    move(world, 1, "staging")
    move(world, 1, "production")
    assert stages(world) == {1: "production"}

    move(world, 1, None)
    assert stages(world) == {}
    kinds = list(Event.objects.order_by("-sequence").values_list("kind", flat=True)[:4])
    assert kinds == ["label.removed", "label.moved", "label.removed", "label.moved"]


def test_being_there_already_changes_nothing() -> None:
    world = build.table()
    move(world, 1, "production")
    events = Event.objects.count()

    move(world, 1, "production")
    move(world, 2, None)

    assert Event.objects.count() == events


def test_archiving_the_others_of_the_stage() -> None:
    world = build.table()
    move(world, 1, "production")
    move(world, 2, "production")

    move(world, 3, "production", archive=True)

    assert stages(world) == {1: "archived", 2: "archived", 3: "production"}


def test_a_stage_leaves_the_holder_of_the_label_alone() -> None:
    world = build.table()
    promote_version(version=world.versions[0], label="production", access=curating(world))

    move(world, 2, "production", archive=True)

    assert holder(world) == 1
    assert stages(world) == {2: "production"}
    rules = label_rules(world.collection.team, "production")
    lead = current_holding(world.collection, rules)
    assert lead is not None
    assert lead.version.number == 1


def test_a_promotion_takes_the_label_from_every_holder() -> None:
    world = build.table()
    promote_version(version=world.versions[0], label="production", access=curating(world))
    move(world, 2, "production")

    promote_version(
        version=world.versions[2],
        label="production",
        access=curating(world),
        expected=Expected(holder=1),
    )

    assert holder(world) == 3
    assert stages(world) == {}
    moved, removed = Event.objects.order_by("sequence")[Event.objects.count() - 2 :]
    assert (moved.kind, removed.kind) == ("label.moved", "label.removed")
    assert json.loads(removed.payload)["before"] == {
        "label": "production",
        "version": 2,
        "stage": "production",
    }


def test_the_holder_promoted_again_is_the_only_one_then() -> None:
    world = build.table()
    promote_version(version=world.versions[0], label="production", access=curating(world))
    move(world, 2, "production")

    promote_version(version=world.versions[0], label="production", access=curating(world))

    assert holder(world) == 1
    assert stages(world) == {}


def test_a_version_in_the_stage_may_get_the_label_as_well_and_shows_it_once() -> None:
    world = build.table()
    move(world, 1, "production")

    promote_version(version=world.versions[0], label="production", access=curating(world))

    assert holder(world) == 1
    assert stages(world) == {1: "production"}
    shown = holdings_of(world.collection, None)
    assert [(one.version.number, one.label, one.is_stage) for one in shown] == [
        (1, "production", False)
    ]
    version = world.versions[0]
    assert [one.label for one in labels_of_versions([version])[version.pk]] == ["production"]
    assert holder_counts(world.collection.team) == {"production": 1}


def test_rolling_back_gives_stages_back_that_the_promotion_took() -> None:
    world = build.table()
    move(world, 1, "production")
    move(world, 2, "production")
    promote_version(version=world.versions[2], label="production", access=curating(world))

    roll_back(
        collection=world.collection,
        label="production",
        access=curating(world),
        expected=Expected(holder=3),
    )

    assert holder(world) is None
    assert stages(world) == {1: "production", 2: "production"}


def test_rolling_back_a_stage_undoes_the_archiving() -> None:
    world = build.table()
    move(world, 1, "production")
    move(world, 2, "production", archive=True)

    roll_back(collection=world.collection, label="production", access=curating(world))

    assert stages(world) == {1: "production"}


def test_removing_a_label_takes_it_however_it_is_held() -> None:
    world = build.table()
    move(world, 1, "production")
    promote_version(version=world.versions[0], label="production", access=curating(world))

    remove_label(
        version=world.versions[0], label="production", access=curating(world), keeps_stage=True
    )
    assert (holder(world), stages(world)) == (None, {1: "production"})

    remove_label(version=world.versions[0], label="production", access=curating(world))
    assert stages(world) == {}
    with pytest.raises(NotFound):
        remove_label(version=world.versions[0], label="production", access=curating(world))


def test_an_alias_that_is_only_a_stage_cannot_be_removed_as_such() -> None:
    world = build.table()
    move(world, 1, "production")

    with pytest.raises(NotFound):
        remove_label(
            version=world.versions[0], label="production", access=curating(world), keeps_stage=True
        )


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
def test_a_protected_label_is_protected_as_a_stage_too(role: Role) -> None:
    world = build.table()
    allowed = build.access(build.user(role=role), project=world.project)

    with pytest.raises(Forbidden, match="curator"):
        move_to_stage(version=world.versions[0], stage="production", access=allowed)
    assert stages(world) == {}

    move(world, 1, "production")
    with pytest.raises(Forbidden, match="takes the role"):
        move_to_stage(version=world.versions[0], stage="archived", access=allowed)
    with pytest.raises(Forbidden, match="curator"):
        move_to_stage(version=world.versions[0], stage=None, access=allowed)
    assert stages(world) == {1: "production"}


def test_an_editor_moves_what_is_not_protected() -> None:
    world = build.table()
    allowed = build.access(world.editor, project=world.project)

    move_to_stage(version=world.versions[0], stage="staging", access=allowed)

    assert stages(world) == {1: "staging"}


def test_other_words_are_no_stages() -> None:
    world = build.table()

    with pytest.raises(Invalid, match="staging, production, archived"):
        move(world, 1, "champion")


def test_a_deleted_version_gives_its_label_up_once() -> None:
    world = build.table()
    move(world, 1, "production")
    promote_version(version=world.versions[0], label="production", access=curating(world))

    delete_version(
        version=world.versions[0],
        access=curating(world),
        reason="wrong data",
        accept_consequences=True,
    )

    assert not LabelHolding.objects.filter(held_until=None).exists()
    with pytest.raises(NotFound):
        move(world, 1, "production")


def test_a_label_with_stages_can_become_exclusive_and_cannot_be_deleted() -> None:
    world = build.table()
    move(world, 1, "archived")
    move(world, 2, "archived")

    save_label(name="archived", is_exclusive=True, access=curating(world))

    assert stages(world) == {1: "archived", 2: "archived"}
    with pytest.raises(LabelInUse, match="2 versions"):
        delete_label(name="archived", access=curating(world))


def test_every_list_takes_the_lead_of_several_holders() -> None:
    world = build.table()
    for number in (1, 2):
        move(world, number, "production")
    move(world, 3, "staging")
    collection = world.collection

    standing = standing_of(collection, world.viewer)
    labels = list(labels_of(collection.team))
    summary = summaries_of([collection], world.viewer)[0]
    glance = glances_of([summary], world.viewer)[collection.pk]
    holders = label_holders(collection, standing.holdings, labels, None, world.viewer)
    lead = baseline_holding(labels, standing.holdings)

    assert standing.lead is not None
    assert standing.lead.version.number == 2
    assert lead is not None
    assert lead.version.number == 2
    assert summary.holding is not None
    assert summary.holding.version.number == 2
    assert [(one.label.name, one.number) for one in glance.others] == [("staging", 3)]
    assert [one.holding.version.number for one in holders] == [2, 1, 3]


def test_as_of_a_past_moment() -> None:
    world = build.table()
    move(world, 1, "production")
    promote_version(version=world.versions[0], label="production", access=curating(world))
    moment = LabelHolding.objects.latest("held_from").held_from
    promote_version(version=world.versions[1], label="production", access=curating(world))

    then = holdings_of(world.collection, None, at=moment)

    assert [(one.version.number, one.is_stage) for one in then] == [(1, False)]


def test_moves_are_changes_of_the_model_and_of_the_version() -> None:
    world = build.table()
    before = Version.objects.get(pk=world.versions[0].pk).updated_at
    world.collection.refresh_from_db()
    model_before = world.collection.updated_at

    move(world, 1, "staging")

    world.collection.refresh_from_db()
    assert world.collection.updated_at > model_before
    assert Version.objects.get(pk=world.versions[0].pk).updated_at > before


@pytest.mark.django_db(transaction=True)
class TestMeeting:
    """Two changes at once; SQLite has one writer at a time."""

    @pytest.fixture(autouse=True)
    def only_where_writers_meet(self) -> None:
        if connection.vendor != "postgresql":
            pytest.skip("SQLite has one writer at a time")

    def test_a_stage_and_a_promotion(self) -> None:
        world = build.table()

        meet(
            lambda: move(world, 1, "production"),
            lambda: promote_version(
                version=world.versions[1], label="production", access=curating(world)
            ),
        )

        assert (holder(world), stages(world)) == (2, {})

    def test_two_stages_of_one_version(self) -> None:
        world = build.table()

        meet(lambda: move(world, 1, "production"), lambda: move(world, 1, "staging"))

        assert stages(world) == {1: "staging"}

    def test_two_versions_that_archive_each_other(self) -> None:
        world = build.table()

        meet(
            lambda: move(world, 1, "production", archive=True),
            lambda: move(world, 2, "production", archive=True),
        )

        assert stages(world) == {1: "archived", 2: "production"}

    def test_a_stage_and_a_new_version(self) -> None:
        world = build.table()

        meet(
            lambda: move(world, 1, "production"),
            lambda: build.version(world.editor, world.collection),
        )

        assert world.collection.versions.count() == 4

    def test_a_stage_and_a_deletion(self) -> None:
        world = build.table()

        def delete() -> None:
            delete_version(
                version=world.versions[0],
                access=curating(world),
                reason="wrong",
                accept_consequences=True,
            )

        meet(lambda: move(world, 1, "production"), delete)

        assert not LabelHolding.objects.filter(held_until=None).exists()

    def test_a_promotion_and_a_tag_on_the_loser(self) -> None:
        world = build.table()
        promote_version(version=world.versions[0], label="production", access=curating(world))

        def tag() -> None:
            change_tags(tagged=world.versions[0], put={"seen": "yes"}, access=curating(world))

        meet(
            tag,
            lambda: promote_version(
                version=world.versions[1], label="production", access=curating(world)
            ),
        )

        assert holder(world) == 2

    def test_a_roll_back_and_a_stage(self) -> None:
        world = build.table()
        promote_version(version=world.versions[0], label="production", access=curating(world))
        promote_version(version=world.versions[1], label="production", access=curating(world))

        def go_back() -> None:
            try:
                roll_back(collection=world.collection, label="production", access=curating(world))
            except LabelMoved:
                pytest.fail("a stage is no other holder")

        meet(lambda: move(world, 3, "production"), go_back)

        assert (holder(world), stages(world)) == (1, {3: "production"})
