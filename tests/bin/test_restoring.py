"""What is restored is as it was, but for the labels that it had to give up."""

from typing import Any

import pytest

from apps.artifacts.models import LabelHolding
from apps.artifacts.queries import collection_named, version_numbered
from apps.artifacts.services import link_version
from apps.bin.queries.items import bin_item, bin_page
from apps.bin.services.deletion import (
    delete_collection,
    delete_project,
    delete_run,
    delete_version,
)
from apps.bin.services.purging import purge
from apps.bin.services.restoring import restore
from apps.core.errors import Conflict, Forbidden, NotFound
from apps.projects.models import Project, ProjectMember
from apps.registry.models import ColumnScore
from apps.registry.services.promotion import promote_version
from apps.runs.queries import run_in
from apps.runs.services import log_points
from tests import build
from tests.bin.builders import World, in_bin, last_event, silent, world

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> World:
    return world()


class TestRun:
    def test_takes_points_again(self, place: World) -> None:
        allowed = place.access(place.table.editor)
        delete_run(run=silent(place.trained), access=allowed)
        [item] = in_bin(allowed)

        restore(item=item, access=allowed)

        run = run_in(place.project, place.trained.key)
        assert (run.deleted_at, run.deleted_by) == (None, None)
        log_points(run=run, access=allowed)
        assert in_bin(allowed) == []
        assert last_event().kind == "run.restored"

    def test_is_the_editors(self, place: World) -> None:
        delete_run(run=silent(place.trained), access=place.access(place.table.editor))
        viewer = place.access(place.table.viewer)
        [item] = in_bin(viewer)

        with pytest.raises(Forbidden):
            restore(item=item, access=viewer)

    def test_twice_is_once(self, place: World) -> None:
        allowed = place.access(place.table.editor)
        delete_run(run=silent(place.trained), access=allowed)
        [item] = in_bin(allowed)
        restore(item=item, access=allowed)
        before = last_event().sequence

        restore(item=item, access=allowed)

        assert last_event().sequence == before
        with pytest.raises(NotFound):
            bin_item(allowed, item.key)


class TestVersion:
    def test_has_its_number_and_its_scores_again(self, place: World) -> None:
        allowed = place.access(place.table.curator)
        version = place.versions[0]
        scores = set(ColumnScore.objects.filter(version=version).values_list("value", flat=True))
        delete_version(version=version, access=allowed, reason="by mistake")
        assert not ColumnScore.objects.filter(version=version).exists()
        [item] = in_bin(allowed)

        restore(item=item, access=allowed)

        back = version_numbered(place.table.collection, 1, place.table.viewer)
        assert (back.deleted_by, back.deleted_reason) == (None, "")
        assert scores == {0.5}
        assert set(ColumnScore.objects.filter(version=version).values_list("value", flat=True)) == {
            0.5
        }
        assert last_event().kind == "version.restored"

    def test_does_not_take_its_label_back(self, place: World) -> None:
        allowed = place.registry_access(place.table.curator)
        delete_version(version=place.linked, access=allowed, reason="bad", accept_consequences=True)
        [item] = in_bin(allowed)

        restore(item=item, access=allowed)

        assert not LabelHolding.objects.filter(version=place.linked, held_until=None).exists()

    def test_cannot_come_back_beside_itself(self, place: World) -> None:
        allowed = place.registry_access(place.table.curator)
        delete_version(version=place.linked, access=allowed, reason="bad", accept_consequences=True)
        again = link_version(
            artifact=place.linked.artifact, collection=place.registry, access=allowed
        )
        [item] = in_bin(allowed)

        with pytest.raises(Conflict, match="under another number"):
            restore(item=item, access=allowed)
        assert again.number == 2


class TestCollection:
    def test_has_its_versions_and_their_labels_again(self, place: World) -> None:
        allowed = place.access(place.table.curator)
        promote_version(version=place.versions[0], label="staging", access=allowed)
        delete_collection(
            collection=place.table.collection,
            access=allowed,
            reason="by mistake",
            accept_consequences=True,
        )
        [item] = in_bin(allowed)

        restore(item=item, access=allowed)

        found = collection_named(place.project.team, place.project, "candidates")
        assert found.versions.filter(deleted_at=None).count() == 4
        assert LabelHolding.objects.filter(collection=found, held_until=None).count() == 1
        assert last_event().kind == "collection.restored"


class TestProject:
    def test_has_everything_again(self, place: World) -> None:
        delete_project(access=place.access(place.admin), reason="old", accept_consequences=True)
        admin = place.registry_access(place.admin)
        [item] = in_bin(admin)

        restore(item=item, access=admin)

        assert run_in(place.project, place.trained.key) == place.trained
        assert version_numbered(place.registry, 1, place.table.viewer) == place.linked
        assert not LabelHolding.objects.filter(held_until=None).exists()
        assert last_event().kind == "project.restored"

    def test_is_the_admins(self, place: World) -> None:
        delete_project(access=place.access(place.admin), reason="old", accept_consequences=True)
        curator = place.registry_access(place.table.curator)
        [item] = in_bin(curator)

        with pytest.raises(Forbidden):
            restore(item=item, access=curator)
        assert not Project.objects.filter(pk=place.project.pk).exists()

    def test_that_is_private_is_only_shown_to_whom_it_was(self, place: World) -> None:
        Project.objects.filter(pk=place.project.pk).update(visibility="private")
        ProjectMember.objects.create(project=place.project, user=place.table.editor, role="viewer")
        delete_project(access=place.access(place.admin), reason="old", accept_consequences=True)

        assert in_bin(place.registry_access(place.table.viewer)) == []
        assert len(in_bin(place.registry_access(place.table.editor))) == 1
        assert len(in_bin(place.registry_access(place.admin))) == 1

    def test_that_was_purged_meanwhile_is_gone(self, place: World) -> None:
        delete_project(access=place.access(place.admin), reason="old", accept_consequences=True)
        admin = place.registry_access(place.admin)
        [item] = in_bin(admin)
        purge(item=item, access=admin)

        with pytest.raises(NotFound):
            restore(item=item, access=admin)


def test_the_bin_costs_the_same_for_many(place: World, django_assert_num_queries: Any) -> None:
    allowed = place.access(place.table.curator)
    for count in (1, 3):
        for _ in range(count):
            run = build.run(place.table.editor, place.project)
            delete_run(run=silent(run), access=allowed)
            delete_version(
                version=build.version(place.table.editor, place.table.collection),
                access=allowed,
            )
        team = place.registry_access(place.table.curator)
        with django_assert_num_queries(5):
            rows = in_bin(team)
            assert {row.team.name for row in rows} == {"main"}
            assert {row.project and row.project.name for row in rows} == {"digits"}
            assert {str(row.deleted_by) for row in rows} == {str(place.table.curator)}


def test_the_bin_is_paged_over_all_kinds(place: World) -> None:
    allowed = place.access(place.table.curator)
    for _ in range(3):
        delete_run(run=silent(build.run(place.table.editor, place.project)), access=allowed)
        delete_version(
            version=build.version(place.table.editor, place.table.collection), access=allowed
        )
    everything = [item.key for item in in_bin(allowed)]
    assert len(everything) == 6

    first = bin_page(allowed, size=4)
    second = bin_page(allowed, size=4, cursor=first.next)
    back = bin_page(allowed, size=4, cursor=second.previous)

    assert [item.key for item in first.rows + second.rows] == everything
    assert second.next is None
    assert [item.key for item in back.rows] == everything[:4]


@pytest.mark.parametrize(
    "key", ["run-0", "run-", "run-x", "table-1", "run-9999999999999999999", ""]
)
def test_what_is_not_in_the_bin_is_not_found(place: World, key: str) -> None:
    with pytest.raises(NotFound):
        bin_item(place.access(place.admin), key)
