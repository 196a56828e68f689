"""What is in the bin is in no list, count or look-up, and its name stays its own."""

import pytest
from django.utils import timezone

from apps.accounts.choices import Role
from apps.artifacts.models import ArtifactVersion, Collection, Version
from apps.artifacts.queries import (
    CollectionInBin,
    artifact_by_key,
    collection_named,
    collections_of,
    first_places,
    standing_places,
    version_numbered,
)
from apps.artifacts.services import NameInBin, link_version, seal_artifact
from apps.core.errors import NotFound
from apps.projects.access import role_in
from apps.projects.models import Project
from apps.projects.queries import projects_of
from apps.projects.services import ProjectExists, create_project
from apps.registry.services.promotion import promote_version
from apps.runs.models import Run
from apps.runs.queries import RunInBin, live_runs, run_counts, run_in, runs_of
from apps.runs.services import (
    Line,
    RunDescription,
    RunExists,
    finish_run,
    log_console,
    log_points,
    resume_run,
    start_run,
    update_run,
)
from tests import build

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> build.Table:
    return build.table()


def discard(row: Project | Run | Collection | Version) -> None:
    """As the services of apps.bin do it, without their questions."""
    row.deleted_at = timezone.now()
    row.save(update_fields=["deleted_at"])


class TestProject:
    def test_is_nobodys_to_see(self, world: build.Table) -> None:
        assert list(projects_of(world.project.team, world.editor)) == [world.project]

        discard(world.project)

        assert list(projects_of(world.project.team, world.editor)) == []
        assert role_in(world.editor, world.project.team, world.project) is None
        assert role_in(world.editor, world.project.team, world.project, deleted=True) == Role.EDITOR
        with pytest.raises(NotFound, match="no project"):
            build.access(world.editor, project=world.project)

    def test_hides_what_is_in_it(self, world: build.Table) -> None:
        build.run(world.editor, world.project)

        discard(world.project)

        assert list(Run.objects.visible_to(world.editor)) == []
        assert list(live_runs(world.editor)) == []
        assert list(collections_of(world.project.team, world.editor)) == []

    def test_keeps_its_name(self, world: build.Table) -> None:
        discard(world.project)

        with pytest.raises(ProjectExists, match="in its bin"):
            create_project(name="Digits", access=build.access(world.editor))

    def test_hides_its_versions_in_the_registry(self, world: build.Table) -> None:
        registry = build.collection(world.editor, None, "Digits")
        artifact = world.versions[0].artifact
        linked = link_version(
            artifact=artifact, collection=registry, access=build.access(world.editor)
        )

        discard(world.project)

        with pytest.raises(NotFound):
            version_numbered(registry, linked.number, world.viewer)
        with pytest.raises(NotFound):
            promote_version(version=linked, label="staging", access=build.access(world.curator))


class TestRun:
    @pytest.fixture
    def run(self, world: build.Table) -> Run:
        return build.run(world.editor, world.project)

    def test_is_in_no_list(self, world: build.Table, run: Run) -> None:
        other = build.run(world.editor, world.project)

        discard(run)

        assert list(runs_of(world.project)) == [other]
        assert list(live_runs(world.viewer)) == [other]
        assert run_counts([world.project])[world.project.pk].count == 1

    def test_says_where_it_is(self, world: build.Table, run: Run) -> None:
        discard(run)

        with pytest.raises(RunInBin, match="in the bin of digits"):
            run_in(world.project, run.key)
        with pytest.raises(RunExists, match="in its bin"):
            start_run(
                description=RunDescription(key=run.key),
                access=build.access(world.editor, project=world.project),
            )

    def test_takes_nothing_more(self, world: build.Table, run: Run) -> None:
        """A client that has it in hand while somebody deletes it is told so."""
        allowed = build.access(world.editor, project=world.project)
        discard(run)

        for change in (
            lambda: log_points(run=run, access=allowed),
            lambda: log_console(run=run, access=allowed, lines=[Line(0, "hello")]),
            lambda: update_run(run=run, access=allowed, notes="hello"),
            lambda: finish_run(run=run, access=allowed),
            lambda: resume_run(run=run, access=allowed),
        ):
            with pytest.raises(RunInBin):
                change()
        assert not run.console.exists()
        assert Run.with_deleted.get().state == "running"


class TestCollection:
    def test_is_in_no_list_and_takes_nothing(self, world: build.Table) -> None:
        allowed = build.access(world.editor, project=world.project)
        pending = ArtifactVersion.objects.create(
            project=world.project, key="0" * 32, type="model", created_at=timezone.now()
        )

        discard(world.collection)

        assert list(collections_of(world.project.team, world.viewer)) == []
        with pytest.raises(CollectionInBin, match="Restore it"):
            collection_named(world.project.team, world.project, "Candidates")
        with pytest.raises(CollectionInBin):
            seal_artifact(artifact=pending, collection=world.collection, access=allowed)

    def test_keeps_its_name(self, world: build.Table) -> None:
        discard(world.collection)

        with pytest.raises(NameInBin, match="is in the bin"):
            build.collection(world.editor, world.project, "candidates")

    def test_takes_along_what_stands_nowhere_else(self, world: build.Table) -> None:
        first, second, _ = (version.artifact for version in world.versions)
        registry = build.collection(world.editor, None, "Digits")
        linked = link_version(
            artifact=first, collection=registry, access=build.access(world.editor)
        )
        allowed = build.access(world.viewer, project=world.project)

        discard(world.collection)

        assert artifact_by_key(allowed, first.key) == first
        with pytest.raises(NotFound):
            artifact_by_key(allowed, second.key)
        for user in (world.viewer, None):
            assert standing_places(first, user) == [linked]
            assert first_places([first.pk, second.pk], user) == {first.pk: linked}


class TestVersion:
    def test_says_where_it_is(self, world: build.Table) -> None:
        version = world.versions[0]

        discard(version)

        with pytest.raises(NotFound, match="v1 of candidates is in the bin"):
            version_numbered(world.collection, 1, world.viewer)

    def test_that_was_purged_says_so(self, world: build.Table) -> None:
        version = world.versions[0]
        version.deleted_at = version.purged_at = timezone.now()
        version.save()

        with pytest.raises(NotFound, match="removed for good"):
            version_numbered(world.collection, 1, world.viewer)
