"""Deleting, restoring and purging beside other changes: whoever has the row first decides.

Each test makes the first change, holds back its commit, and starts the second one in a connection
of its own. The second must see what the first has done, and neither may end in a deadlock.
"""

import pytest
from django.db import connection

from apps.artifacts.models import ArtifactFile, LabelHolding, Version
from apps.artifacts.services import link_version
from apps.audit.models import Event
from apps.audit.verification import verify_chain
from apps.bin.queries.items import BinItem
from apps.bin.services.deletion import (
    HasConsequences,
    delete_collection,
    delete_project,
    delete_run,
    delete_version,
)
from apps.bin.services.purging import purge
from apps.bin.services.restoring import restore
from apps.core.errors import Conflict, NotFound
from apps.projects.models import Project
from apps.registry.services.promotion import promote_version
from apps.runs.models import Run
from apps.runs.queries import RunInBin
from apps.runs.services import log_points
from tests.bin.builders import World, in_bin, silent, world
from tests.meeting import meet

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place(db: None) -> World:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    return world()


def deleted_run(place: World) -> BinItem:
    delete_run(run=silent(place.trained), access=place.access(place.admin))
    [item] = in_bin(place.access(place.admin))
    return item


def deleted_version(place: World) -> BinItem:
    delete_version(version=place.versions[0], access=place.access(place.admin), reason="old")
    [item] = in_bin(place.access(place.admin))
    return item


def test_a_restoration_before_a_purge(place: World) -> None:
    item, admin = deleted_run(place), place.access(place.admin)

    with pytest.raises(NotFound):
        meet(
            lambda: restore(item=item, access=admin),
            lambda: purge(item=item, access=admin),
        )

    assert Run.objects.filter(pk=place.trained.pk).exists()


def test_a_purge_before_a_restoration(place: World) -> None:
    item, admin = deleted_run(place), place.access(place.admin)

    with pytest.raises(NotFound):
        meet(
            lambda: purge(item=item, access=admin),
            lambda: restore(item=item, access=admin),
        )

    assert not Run.with_deleted.filter(pk=place.trained.pk).exists()


def test_a_purge_of_a_version_before_its_restoration(place: World) -> None:
    item, admin = deleted_version(place), place.access(place.admin)

    with pytest.raises(NotFound):
        meet(
            lambda: purge(item=item, access=admin),
            lambda: restore(item=item, access=admin),
        )

    assert Version.objects.get(pk=place.versions[0].pk).purged_at is not None


def test_two_deletions_are_one(place: World) -> None:
    run, admin = silent(place.trained), place.access(place.admin)

    meet(
        lambda: delete_run(run=run, access=admin),
        lambda: delete_run(run=run, access=admin),
    )

    assert Event.objects.filter(kind="run.deleted").count() == 1
    assert verify_chain() is None


def test_a_promotion_before_a_deletion_is_said(place: World) -> None:
    version, curator = place.versions[0], place.access(place.table.curator)

    with pytest.raises(HasConsequences, match="production"):
        meet(
            lambda: promote_version(version=version, label="production", access=curator),
            lambda: delete_version(version=version, access=curator),
        )

    assert Version.objects.get(pk=version.pk).deleted_at is None


def test_a_deletion_before_a_promotion(place: World) -> None:
    version, curator = place.versions[0], place.access(place.table.curator)

    with pytest.raises(NotFound):
        meet(
            lambda: delete_version(version=version, access=curator),
            lambda: promote_version(version=version, label="staging", access=curator),
        )

    assert not LabelHolding.objects.filter(version=version).exists()


def test_a_deletion_of_the_model_before_a_promotion(place: World) -> None:
    version, curator = place.versions[0], place.access(place.table.curator)

    with pytest.raises(NotFound):
        meet(
            lambda: delete_collection(
                collection=place.table.collection,
                access=curator,
                reason="old",
                accept_consequences=True,
            ),
            lambda: promote_version(version=version, label="staging", access=curator),
        )


@pytest.mark.parametrize("label", ["staging", "a-word-outside-the-vocabulary"])
def test_a_deletion_of_the_project_before_a_promotion_in_the_registry(
    place: World, label: str
) -> None:
    """No label may end on a version that nobody can see."""
    curator = place.registry_access(place.table.curator)

    with pytest.raises(NotFound):
        meet(
            lambda: delete_project(
                access=place.access(place.admin), reason="old", accept_consequences=True
            ),
            lambda: promote_version(version=place.linked, label=label, access=curator),
        )

    assert not LabelHolding.objects.filter(held_until=None).exists()


def test_a_promotion_in_the_registry_before_a_deletion_of_the_project(place: World) -> None:
    curator = place.registry_access(place.table.curator)

    meet(
        lambda: promote_version(version=place.linked, label="staging", access=curator),
        lambda: delete_project(
            access=place.access(place.admin), reason="old", accept_consequences=True
        ),
    )

    assert not Project.objects.filter(pk=place.project.pk).exists()
    assert not LabelHolding.objects.filter(held_until=None).exists()


def test_a_link_before_a_purge_keeps_the_files(place: World) -> None:
    artifact = place.versions[0].artifact
    item, admin = deleted_version(place), place.access(place.admin)

    meet(
        lambda: link_version(
            artifact=artifact,
            collection=place.registry,
            access=place.registry_access(place.admin),
        ),
        lambda: purge(item=item, access=admin),
    )

    assert ArtifactFile.objects.filter(artifact=artifact).exists()


def test_a_purge_before_a_link(place: World) -> None:
    artifact = place.versions[0].artifact
    item, admin = deleted_version(place), place.access(place.admin)

    with pytest.raises(Conflict, match="removed for good"):
        meet(
            lambda: purge(item=item, access=admin),
            lambda: link_version(
                artifact=artifact,
                collection=place.registry,
                access=place.registry_access(place.admin),
            ),
        )

    assert not ArtifactFile.objects.filter(artifact=artifact).exists()


def test_a_deletion_before_the_next_points(place: World) -> None:
    run, editor = place.trained, place.access(place.table.editor)

    with pytest.raises(RunInBin):
        meet(
            lambda: delete_run(run=run, access=editor, reason="hangs", accept_consequences=True),
            lambda: log_points(run=run, access=editor),
        )


def test_points_before_a_purge_of_the_project_are_gone_with_it(place: World) -> None:
    """A client that is refused from now on, and a purge that takes what came before."""
    admin = place.access(place.admin)
    delete_project(access=admin, reason="old", accept_consequences=True)
    team = place.registry_access(place.admin)
    [item] = in_bin(team)

    meet(
        lambda: log_points(run=place.trained, access=admin),
        lambda: purge(item=item, access=team),
    )

    assert not Run.with_deleted.filter(project=place.project).exists()
    assert verify_chain() is None
