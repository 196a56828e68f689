"""Deleting says what goes with it, takes the word and a reason for that, and is one event."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.choices import Role
from apps.artifacts.models import Collection, LabelHolding, Version
from apps.artifacts.queries import version_numbered
from apps.artifacts.services import link_version
from apps.bin.choices import Effect, Kind
from apps.bin.queries.consequences import (
    Consequence,
    consequences_of_collection,
    consequences_of_project,
    consequences_of_run,
    consequences_of_version,
)
from apps.bin.services.deletion import (
    HasConsequences,
    delete_collection,
    delete_project,
    delete_run,
    delete_runs,
    delete_version,
)
from apps.bin.services.restoring import restore_runs
from apps.core.errors import Forbidden, Invalid, NotFound
from apps.evaluations.services import mark_golden_set
from apps.projects.models import Project
from apps.projects.services import set_archived, set_project_role
from apps.registry.queries.history import history
from apps.registry.services.promotion import Expected, promote_version
from apps.runs.models import Run
from apps.runs.services import finish_run
from tests import build
from tests.bin.builders import World, in_bin, kinds_since, last_event, silent, world

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> World:
    return world()


class TestRuns:
    @pytest.fixture
    def two(self, place: World) -> list[Run]:
        other = build.run(place.table.editor, place.project, name="sweep")
        return [silent(place.trained), silent(other)]

    def test_go_into_the_bin_together_each_with_an_event(
        self, place: World, two: list[Run]
    ) -> None:
        before = last_event().sequence
        allowed = place.access(place.table.editor)

        delete_runs(runs=two, access=allowed, reason="a sweep gone wrong")

        assert {item.name: item.reason for item in in_bin(allowed)} == {
            "training": "a sweep gone wrong",
            "sweep": "a sweep gone wrong",
        }
        assert kinds_since(before) == ["run.deleted", "run.deleted"]

        restore_runs(runs=two, access=allowed)

        assert Run.objects.filter(pk__in=[run.pk for run in two]).count() == 2
        assert kinds_since(before)[2:] == ["run.restored", "run.restored"]

    @pytest.mark.parametrize("change", [delete_runs, restore_runs])
    def test_no_run_is_waited_for_while_others_wait_for_the_chain(
        self, place: World, two: list[Run], change: Callable[..., None]
    ) -> None:
        allowed = place.access(place.table.editor)
        if change is restore_runs:
            delete_runs(runs=two, access=allowed)
        with CaptureQueriesContext(connection) as queries:
            change(runs=two, access=allowed)
        asked = [query["sql"] for query in queries]
        told = next(at for at, sql in enumerate(asked) if 'INSERT INTO "audit_event"' in sql)
        assert [sql for sql in asked[told:] if '"runs_run"' in sql] == []

    def test_what_goes_with_any_of_them_keeps_all(self, place: World, two: list[Run]) -> None:
        going_on = build.run(place.table.editor, place.project, name="live")
        with pytest.raises(HasConsequences) as caught:
            delete_runs(runs=[*two, going_on], access=place.access(place.table.editor))
        [live] = caught.value.consequences
        assert (live.effect, live.names) == (Effect.LIVE, ("live",))
        assert in_bin(place.access(place.table.editor)) == []

    def test_one_that_is_there_already_stays_as_it_is(self, place: World, two: list[Run]) -> None:
        allowed = place.access(place.table.editor)
        delete_run(run=two[0], access=allowed, reason="diverged")
        delete_runs(runs=two, access=allowed, reason="a sweep gone wrong")
        reasons = {item.name: item.reason for item in in_bin(allowed)}
        assert reasons == {"training": "diverged", "sweep": "a sweep gone wrong"}

    def test_are_the_editors_not_the_viewers(self, place: World, two: list[Run]) -> None:
        allowed = place.access(place.table.viewer)
        with pytest.raises(Forbidden):
            delete_runs(runs=two, access=allowed)
        delete_runs(runs=two, access=place.access(place.table.editor))
        with pytest.raises(Forbidden):
            restore_runs(runs=two, access=allowed)
        assert len(in_bin(place.access(place.table.editor))) == 2

    def test_more_than_a_page_of_them_are_refused(self, place: World, two: list[Run]) -> None:
        with pytest.raises(Invalid, match="At most 100"):
            delete_runs(runs=two * 51, access=place.access(place.table.editor))


class TestRun:
    def test_goes_into_the_bin(self, place: World) -> None:
        run = silent(place.trained)
        editor = place.table.editor

        delete_run(run=run, access=place.access(editor), reason="diverged")

        [item] = in_bin(place.access(editor))
        assert (item.kind, item.name, item.reason) == (Kind.RUN, "training", "diverged")
        assert item.deleted_by == editor
        assert (item.goes_at - item.deleted_at).days == place.project.team.retention_days
        event = last_event()
        assert (event.kind, event.reason) == ("run.deleted", "diverged")
        assert not Run.objects.filter(pk=run.pk).exists()

    def test_what_it_made_stays(self, place: World) -> None:
        delete_run(run=silent(place.trained), access=place.access(place.table.editor))

        number = place.versions[3].number
        version = version_numbered(place.table.collection, number, place.table.viewer)
        assert version.artifact.made_by == place.trained

    def test_is_the_editors_not_the_viewers(self, place: World) -> None:
        with pytest.raises(Forbidden):
            delete_run(run=silent(place.trained), access=place.access(place.table.viewer))
        assert Run.objects.filter(pk=place.trained.pk).exists()

    def test_of_an_archived_project_stays(self, place: World) -> None:
        set_archived(archived=True, access=place.access(place.admin))

        with pytest.raises(Forbidden, match="archived"):
            delete_run(run=silent(place.trained), access=place.access(place.admin))

    def test_twice_is_once(self, place: World) -> None:
        allowed = place.access(place.table.editor)
        delete_run(run=silent(place.trained), access=allowed)
        before = last_event().sequence

        delete_run(run=place.trained, access=allowed, reason="again")

        assert last_event().sequence == before

    def test_going_on_is_said(self, place: World) -> None:
        assert consequences_of_run(place.trained, place.table.editor) == [
            Consequence(Effect.LIVE, 1, ("training",))
        ]
        with pytest.raises(HasConsequences, match="still going on"):
            delete_run(run=place.trained, access=place.access(place.table.editor))

        delete_run(
            run=place.trained,
            access=place.access(place.table.editor),
            reason="hangs",
            accept_consequences=True,
        )

        assert not Run.objects.filter(pk=place.trained.pk).exists()

    def test_having_made_what_is_in_use_is_said(self, place: World) -> None:
        allowed = place.access(place.table.curator)
        finish_run(run=place.trained, access=place.access(place.table.editor))
        assert consequences_of_run(place.trained, None) == []

        promote_version(version=place.versions[3], label="staging", access=allowed)

        assert consequences_of_run(place.trained, None) == [
            Consequence(Effect.SOURCE, 1, ("candidates v4",))
        ]


class TestVersion:
    def test_goes_into_the_bin(self, place: World) -> None:
        allowed = place.access(place.table.curator)

        delete_version(version=place.versions[0], access=allowed, reason="wrong data")

        [item] = in_bin(allowed)
        assert (item.kind, item.name, item.reason) == (Kind.VERSION, "candidates v1", "wrong data")
        assert item.deleted_by == place.table.curator
        assert last_event().kind == "version.deleted"

    def test_is_the_curators_not_the_editors(self, place: World) -> None:
        with pytest.raises(Forbidden):
            delete_version(version=place.versions[0], access=place.access(place.table.editor))
        assert Version.objects.get(pk=place.versions[0].pk).deleted_at is None

    def test_its_labels_are_said_and_taken(self, place: World) -> None:
        allowed = place.registry_access(place.table.curator)
        assert consequences_of_version(place.linked, place.table.curator) == [
            Consequence(Effect.LABEL, 1, ("Digits v1 (production)",))
        ]
        with pytest.raises(HasConsequences, match=r"1 status labels .* \(Digits v1 \(production\)"):
            delete_version(version=place.linked, access=allowed)
        with pytest.raises(Invalid, match="Say why"):
            delete_version(version=place.linked, access=allowed, accept_consequences=True)
        before = last_event().sequence

        delete_version(
            version=place.linked, access=allowed, reason="leaks", accept_consequences=True
        )

        assert kinds_since(before) == ["label.removed", "version.deleted"]
        assert not LabelHolding.objects.filter(held_until=None).exists()

    def test_use_of_what_stands_nowhere_else_is_said(self, place: World) -> None:
        used = place.versions[2]
        expected = Consequence(Effect.USED, 1, ("papers / report",))
        assert consequences_of_version(used, place.table.viewer) == [expected]

        link(place, used)

        assert consequences_of_version(used, place.table.viewer) == []

    def test_use_by_hidden_runs_is_counted_but_not_named(self, place: World) -> None:
        Project.objects.filter(pk=place.elsewhere.pk).update(visibility="private")

        assert consequences_of_version(place.versions[2], place.table.viewer) == [
            Consequence(Effect.USED, 1, ())
        ]

    def test_a_golden_set_is_said(self, place: World) -> None:
        mark_golden_set(
            name="exam",
            title="exam",
            artifact=place.versions[0].artifact,
            access=place.registry_access(place.table.curator),
        )

        assert consequences_of_version(place.versions[0], None) == [
            Consequence(Effect.GOLDEN_SET, 1, ("exam",))
        ]


class TestCollection:
    def test_goes_into_the_bin_with_what_is_in_it(self, place: World) -> None:
        allowed = place.access(place.table.curator)
        promote_version(version=place.versions[0], label="staging", access=allowed)

        with pytest.raises(HasConsequences):
            delete_collection(collection=place.table.collection, access=allowed)
        delete_collection(
            collection=place.table.collection,
            access=allowed,
            reason="superseded",
            accept_consequences=True,
        )

        [item] = in_bin(allowed)
        assert (item.kind, item.name, item.reason) == (Kind.COLLECTION, "candidates", "superseded")
        # Who holds what in it comes back with it.
        assert LabelHolding.objects.filter(label="staging", held_until=None).exists()
        assert not Collection.objects.filter(pk=place.table.collection.pk).exists()
        assert version_numbered(place.registry, 1, place.table.viewer) == place.linked

    def test_says_what_depends_on_it(self, place: World) -> None:
        assert consequences_of_collection(place.table.collection, None) == [
            Consequence(Effect.USED, 1, ("papers / report",))
        ]
        assert consequences_of_collection(place.registry, None) == [
            Consequence(Effect.LABEL, 1, ("Digits v1 (production)",)),
            Consequence(Effect.REGISTRY, 1, ("Digits v1",)),
        ]

    def test_is_the_curators_not_the_editors(self, place: World) -> None:
        with pytest.raises(Forbidden):
            delete_collection(
                collection=place.table.collection, access=place.access(place.table.editor)
            )


class TestProject:
    def test_says_what_goes_with_it(self, place: World) -> None:
        assert consequences_of_project(place.project, place.admin) == [
            Consequence(Effect.LABEL, 1, ("Digits v1 (production)",)),
            Consequence(Effect.REGISTRY, 1, ("Digits v1",)),
            Consequence(Effect.USED, 1, ("papers / report",)),
            Consequence(Effect.LIVE, 1, ("training",)),
        ]
        with pytest.raises(HasConsequences, match="stand in the registry"):
            delete_project(access=place.access(place.admin), reason="old")
        assert Project.objects.filter(pk=place.project.pk).exists()

    def test_a_role_in_the_project_alone_moves_no_protected_label_of_the_registry(
        self, place: World
    ) -> None:
        owner = build.user("owner", role=Role.EDITOR)
        set_project_role(user=owner, role=Role.ADMIN, access=place.access(place.admin))
        before = last_event().sequence

        with pytest.raises(Forbidden, match="yours here is editor"):
            delete_project(access=place.access(owner), reason="old", accept_consequences=True)

        assert kinds_since(before) == []
        assert Project.objects.filter(pk=place.project.pk).exists()
        assert LabelHolding.objects.get(version=place.linked).held_until is None

    def test_goes_into_the_bin_and_gives_its_labels_up(self, place: World) -> None:
        before = last_event().sequence

        delete_project(access=place.access(place.admin), reason="old", accept_consequences=True)

        assert kinds_since(before) == ["label.removed", "project.deleted"]
        [item] = in_bin(place.registry_access(place.table.viewer))
        assert (item.kind, item.name, item.reason) == (Kind.PROJECT, "digits", "old")
        with pytest.raises(NotFound):
            version_numbered(place.registry, 1, place.table.viewer)
        # Somebody else can be put into production at once.
        other = build.version(
            place.table.editor, build.collection(place.table.editor, place.elsewhere)
        )
        linked = link(place, other)
        promote_version(
            version=linked,
            label="production",
            access=place.registry_access(place.table.curator),
            expected=Expected(None),
        )

    def test_an_archived_one_may_go(self, place: World) -> None:
        set_archived(archived=True, access=place.access(place.admin))

        delete_project(access=place.access(place.admin), reason="old", accept_consequences=True)

        assert not Project.objects.filter(pk=place.project.pk).exists()

    def test_is_the_admins(self, place: World) -> None:
        with pytest.raises(Forbidden):
            delete_project(
                access=place.access(place.table.curator), reason="old", accept_consequences=True
            )

    def test_its_history_stays_for_those_who_could_see_it(self, place: World) -> None:
        delete_project(access=place.access(place.admin), reason="old", accept_consequences=True)

        team, viewer = place.project.team, place.table.viewer
        assert history(team, viewer).rows[0].kind == "project.deleted"
        Project.with_deleted.update(visibility="private")
        assert "project.deleted" not in {event.kind for event in history(team, viewer).rows}
        assert history(team, place.admin).rows[0].kind == "project.deleted"


def link(place: World, version: Version) -> Version:
    return link_version(
        artifact=version.artifact,
        collection=place.registry,
        access=place.registry_access(place.table.editor),
    )
