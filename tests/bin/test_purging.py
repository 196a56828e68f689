"""What is purged is gone, and what something elsewhere names leaves its record."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from apps.artifacts.models import (
    ArtifactFile,
    ArtifactVersion,
    Collection,
    LabelHolding,
    RunArtifact,
    Version,
)
from apps.artifacts.queries import version_numbered
from apps.artifacts.services import begin_artifact, link_version
from apps.audit.actors import Actor
from apps.audit.verification import verify_chain
from apps.bin.choices import Kind
from apps.bin.services.deletion import (
    delete_collection,
    delete_project,
    delete_run,
    delete_version,
)
from apps.bin.services.purging import UNSEALED_FOR, drop_unsealed, empty_bin, purge
from apps.bin.services.restoring import restore
from apps.content.models import Holding
from apps.core.errors import Conflict, Forbidden, NotFound
from apps.projects.models import Project
from apps.projects.services import create_project
from apps.runs.models import ConsoleLine, Run, RunParam
from apps.runs.services import Line, log_console, log_points
from apps.series.models import ObjectPoint, Series
from apps.series.services import Batch, ObjectValue
from tests import build
from tests.bin.builders import World, in_bin, last_event, silent, world

pytestmark = pytest.mark.django_db
CLEANER = Actor.system("collect_garbage")


@pytest.fixture
def place() -> World:
    return world()


def later(days: int) -> datetime:
    return timezone.now() + timedelta(days=days)


class TestRun:
    def test_goes_with_all_that_it_logged(self, place: World) -> None:
        editor = place.access(place.table.editor)
        log_points(
            run=place.trained,
            access=editor,
            batches=[Batch("loss", [1], [1.0], [0.5])],
            objects=[ObjectValue("text", 1, 1.0, '"hello"')],
        )
        log_console(run=place.trained, access=editor, lines=[Line(0, "hello")])
        delete_run(run=silent(place.trained), access=editor)
        admin = place.access(place.admin)
        [item] = in_bin(admin)

        purge(item=item, access=admin)

        key = place.trained.pk
        assert not Run.with_deleted.filter(pk=key).exists()
        assert not Series.objects.filter(owner_id=key).exists()
        assert not ObjectPoint.objects.filter(owner_id=key).exists()
        assert not ConsoleLine.objects.filter(run=key).exists()
        assert not RunParam.objects.filter(run=key).exists()
        assert not RunArtifact.objects.filter(run=key).exists()
        made = ArtifactVersion.objects.get(pk=place.versions[3].artifact_id)
        assert made.made_by is None
        assert last_event().kind == "run.purged"
        assert verify_chain() is None

    def test_is_the_admins(self, place: World) -> None:
        curator = place.access(place.table.curator)
        delete_run(run=silent(place.trained), access=curator)
        [item] = in_bin(curator)

        with pytest.raises(Forbidden):
            purge(item=item, access=curator)
        assert Run.with_deleted.filter(pk=place.trained.pk).exists()

    def test_that_was_restored_meanwhile_stays(self, place: World) -> None:
        admin = place.access(place.admin)
        delete_run(run=silent(place.trained), access=admin)
        [item] = in_bin(admin)
        restore(item=item, access=admin)

        with pytest.raises(NotFound):
            purge(item=item, access=admin)
        assert Run.objects.filter(pk=place.trained.pk).exists()


class TestVersion:
    def test_leaves_its_tombstone_and_its_record(self, place: World) -> None:
        admin = place.access(place.admin)
        version = place.versions[0]
        delete_version(version=version, access=admin, reason="leaked")
        [item] = in_bin(admin)

        purge(item=item, access=admin)

        version.refresh_from_db()
        assert version.purged_at is not None
        artifact = ArtifactVersion.objects.get(pk=version.artifact_id)
        assert artifact.purged_at is not None
        assert artifact.digest
        assert artifact.file_count == 1
        assert not ArtifactFile.objects.filter(artifact=artifact).exists()
        assert in_bin(admin) == []
        with pytest.raises(NotFound, match="removed for good"):
            version_numbered(place.table.collection, 1, place.admin)
        assert last_event().kind == "version.purged"

    def test_that_stands_elsewhere_keeps_its_files(self, place: World) -> None:
        admin = place.registry_access(place.admin)
        delete_version(version=place.linked, access=admin, reason="bad", accept_consequences=True)
        [item] = in_bin(admin)

        purge(item=item, access=admin)

        artifact = ArtifactVersion.objects.get(pk=place.linked.artifact_id)
        assert artifact.purged_at is None
        assert artifact.files.exists()
        # Who was in production when is history.
        assert LabelHolding.objects.filter(version=place.linked).exists()

    def test_keeps_its_files_while_another_place_is_in_the_bin(self, place: World) -> None:
        admin = place.registry_access(place.admin)
        there = place.access(place.admin)
        delete_version(version=place.linked, access=admin, reason="bad", accept_consequences=True)
        delete_version(version=place.versions[1], access=there, reason="bad")
        first, second = in_bin(admin)

        purge(item=first, access=admin)
        assert ArtifactFile.objects.filter(artifact=place.linked.artifact).exists()
        purge(item=second, access=admin)
        assert not ArtifactFile.objects.filter(artifact=place.linked.artifact).exists()

    def test_cannot_be_linked_any_more(self, place: World) -> None:
        admin = place.access(place.admin)
        version = place.versions[0]
        delete_version(version=version, access=admin, reason="leaked")
        purge(item=in_bin(admin)[0], access=admin)

        with pytest.raises(Conflict, match="removed for good"):
            link_version(
                artifact=version.artifact,
                collection=place.registry,
                access=place.registry_access(place.table.editor),
            )


def test_a_collection_goes_with_its_versions(place: World) -> None:
    admin = place.access(place.admin)
    delete_collection(
        collection=place.table.collection, access=admin, reason="old", accept_consequences=True
    )
    [item] = in_bin(admin)

    purge(item=item, access=admin)

    assert not Collection.with_deleted.filter(pk=place.table.collection.pk).exists()
    kept = ArtifactVersion.objects.filter(purged_at=None)
    assert [artifact.pk for artifact in kept] == [place.linked.artifact_id]
    assert version_numbered(place.registry, 1, place.table.viewer).artifact.files.count() == 1
    assert last_event().kind == "collection.purged"
    # The name is free.
    build.collection(place.table.editor, place.project, "candidates")


class TestProject:
    def test_goes_but_for_what_is_named_elsewhere(self, place: World) -> None:
        admin = place.registry_access(place.admin)
        delete_project(access=place.access(place.admin), reason="old", accept_consequences=True)
        [item] = in_bin(admin)

        purge(item=item, access=admin)

        shell = Project.with_deleted.get(pk=place.project.pk)
        assert shell.purged_at is not None
        assert in_bin(admin) == []
        assert not Run.with_deleted.filter(project=shell).exists()
        assert not Collection.with_deleted.filter(project=shell).exists()
        assert not Holding.objects.filter(owner_id=shell.pk).exists()
        # One has a tombstone in the registry, another was used by a run elsewhere.
        left = ArtifactVersion.objects.filter(project=shell)
        assert {artifact.pk for artifact in left} == {
            place.linked.artifact_id,
            place.versions[2].artifact_id,
        }
        assert all(artifact.purged_at for artifact in left)
        assert not ArtifactFile.objects.filter(artifact__in=left).exists()
        assert Version.objects.get(pk=place.linked.pk).purged_at is not None
        assert last_event().kind == "project.purged"
        assert verify_chain() is None

    def test_frees_its_name(self, place: World) -> None:
        admin = place.registry_access(place.admin)
        delete_project(access=place.access(place.admin), reason="old", accept_consequences=True)
        purge(item=in_bin(admin)[0], access=admin)

        assert create_project(name="digits", access=admin).pk != place.project.pk

    def test_that_nothing_names_leaves_nothing(self, place: World) -> None:
        admin = place.registry_access(place.admin)
        there = build.access(place.admin, project=place.elsewhere)
        delete_project(access=there, reason="old", accept_consequences=True)

        purge(item=in_bin(admin)[0], access=admin)

        assert not Project.with_deleted.filter(pk=place.elsewhere.pk).exists()


class TestEmptyBin:
    def test_takes_what_has_been_there_long_enough(self, place: World) -> None:
        admin = place.access(place.admin)
        delete_run(run=silent(place.trained), access=admin)
        team = place.project.team

        early = list(empty_bin(actor=CLEANER, now=later(team.retention_days - 1)))
        assert [fate.goes for fate in early] == [False]
        assert "kept until" in early[0].why
        assert Run.with_deleted.filter(pk=place.trained.pk).exists()

        late = list(empty_bin(actor=CLEANER, now=later(team.retention_days + 1)))
        assert [(fate.item.kind, fate.goes) for fate in late] == [(Kind.RUN, True)]
        assert not Run.with_deleted.filter(pk=place.trained.pk).exists()
        assert last_event().actor_name == "collect_garbage"

    def test_a_dry_run_tells_the_same_and_removes_nothing(self, place: World) -> None:
        delete_run(run=silent(place.trained), access=place.access(place.admin))
        before = last_event().sequence
        now = later(31)

        told = list(empty_bin(actor=CLEANER, dry_run=True, now=now))

        assert Run.with_deleted.filter(pk=place.trained.pk).exists()
        assert last_event().sequence == before
        done = list(empty_bin(actor=CLEANER, now=now))
        assert [(one.item.key, one.why) for one in told] == [
            (one.item.key, one.why) for one in done
        ]

    def test_of_everything_leaves_the_audit_chain_whole(self, place: World) -> None:
        admin = place.access(place.admin)
        delete_run(run=silent(place.trained), access=admin)
        delete_version(version=place.versions[0], access=admin, reason="old")
        delete_project(access=admin, reason="old", accept_consequences=True)
        delete_collection(
            collection=place.registry,
            access=place.registry_access(place.admin),
            reason="old",
            accept_consequences=True,
        )

        fates = list(empty_bin(actor=CLEANER, now=later(31)))

        assert sorted(fate.item.kind for fate in fates) == [
            Kind.COLLECTION,
            Kind.PROJECT,
            Kind.RUN,
            Kind.VERSION,
        ]
        assert all(fate.goes for fate in fates)
        assert verify_chain() is None
        assert in_bin(place.registry_access(place.admin)) == []


def test_what_was_never_sealed_goes_after_a_week(place: World) -> None:
    editor = place.access(place.table.editor)
    given_up = begin_artifact(type="model", access=editor)
    sealed = ArtifactVersion.objects.exclude(pk=given_up.pk).count()
    now = timezone.now()

    assert list(drop_unsealed(now=now + UNSEALED_FOR - timedelta(hours=1))) == []
    assert list(drop_unsealed(now=now + 2 * UNSEALED_FOR, dry_run=True)) == [given_up]
    assert list(drop_unsealed(now=now + 2 * UNSEALED_FOR)) == [given_up]

    assert not ArtifactVersion.objects.filter(pk=given_up.pk).exists()
    assert ArtifactVersion.objects.count() == sealed
