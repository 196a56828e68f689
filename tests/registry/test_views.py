"""Saved views: who may keep, share, change and see them, and what the table shows first."""

import pytest

from apps.accounts.choices import Role, Scope
from apps.accounts.models import User
from apps.audit.actors import Actor
from apps.audit.models import Event
from apps.core.errors import Conflict, Forbidden, Invalid, NotFound
from apps.projects.access import access_to
from apps.projects.services import set_archived
from apps.registry.choices import Sharing
from apps.registry.models import SavedView
from apps.registry.queries.views import Viewed, rights_over, views_of
from apps.registry.services.views import (
    MAX_STATE,
    ViewChange,
    ViewExists,
    change_view,
    delete_view,
    save_view,
    set_default_view,
)
from tests import build

pytestmark = pytest.mark.django_db


@pytest.fixture
def table() -> build.Table:
    return build.table()


def keep(
    person: User,
    table: build.Table,
    name: str = "Best first",
    *,
    state: str = "sort=loss@10k",
    sharing: Sharing = Sharing.PRIVATE,
) -> SavedView:
    return save_view(
        viewed=table.collection,
        name=name,
        state=state,
        sharing=sharing,
        access=build.access(person, project=table.project),
    )


def share(person: User, table: build.Table, name: str = "Best first") -> SavedView:
    return keep(person, table, name, sharing=Sharing.TEAM)


def change(person: User, table: build.Table, view: SavedView, wanted: ViewChange) -> SavedView:
    access = build.access(person, project=table.project)
    return change_view(viewed=table.collection, view=view, change=wanted, access=access)


def delete(person: User, table: build.Table, view: SavedView) -> None:
    access = build.access(person, project=table.project)
    delete_view(viewed=table.collection, view=view, access=access)


def set_default(person: User, table: build.Table, view: SavedView | None) -> None:
    access = build.access(person, project=table.project)
    set_default_view(viewed=table.collection, view=view, access=access)


def names(viewed: Viewed, person: User) -> list[str]:
    return [view.name for view in views_of(viewed, person)]


class TestSaving:
    def test_a_reader_keeps_a_view_that_nobody_else_sees(self, table: build.Table) -> None:
        view = keep(table.viewer, table, state="?sort=loss@10k&q=first")

        assert view.state == "sort=loss@10k&q=first"
        assert names(table.collection, table.viewer) == ["Best first"]
        assert names(table.collection, table.curator) == []

    def test_one_for_the_team_is_seen_by_all_of_it(self, table: build.Table) -> None:
        share(table.editor, table)

        assert names(table.collection, table.viewer) == ["Best first"]

    def test_a_viewer_shares_nothing(self, table: build.Table) -> None:
        with pytest.raises(Forbidden, match="editor"):
            share(table.viewer, table)

    def test_a_name_counts_once_for_the_team_and_once_for_each_person(
        self, table: build.Table
    ) -> None:
        share(table.editor, table, "Mine")
        keep(table.viewer, table, "Mine")
        keep(table.editor, table, "Mine")

        with pytest.raises(ViewExists, match="The team has a view 'MINE'"):
            share(table.curator, table, "MINE")
        with pytest.raises(ViewExists, match="You have a view 'mine'"):
            keep(table.viewer, table, "mine")

    @pytest.mark.parametrize("name", ["", " ", "x" * 65, "a\x00b", "a\nb", "a/b", "аdmin a"])
    def test_what_is_no_name_is_refused(self, table: build.Table, name: str) -> None:
        with pytest.raises(Invalid):
            keep(table.viewer, table, name)

    @pytest.mark.parametrize("state", ["x" * (MAX_STATE + 1), "a\x00b", "a\nb"])
    def test_what_is_no_state_is_refused(self, table: build.Table, state: str) -> None:
        with pytest.raises(Invalid):
            keep(table.viewer, table, state=state)

    def test_a_read_only_key_keeps_nothing(self, table: build.Table) -> None:
        access = access_to(
            user=table.curator,
            actor=Actor.system("tests"),
            team="main",
            project=table.project.name,
            scope=Scope.READ,
        )
        with pytest.raises(Forbidden, match="only read"):
            save_view(viewed=table.collection, name="x", state="", access=access)

    def test_an_archived_project_stays_as_it_is(self, table: build.Table) -> None:
        view = share(table.editor, table)
        admin = build.user(role=Role.ADMIN)
        set_archived(archived=True, access=build.access(admin, project=table.project))

        with pytest.raises(Forbidden, match="archived"):
            keep(table.viewer, table)
        with pytest.raises(Forbidden, match="archived"):
            delete(table.editor, table, view)

    def test_a_table_that_is_hidden_has_no_views(self, table: build.Table) -> None:
        owner = build.user(role=Role.ADMIN)
        secret = build.project(owner, "secret", private=True)
        hidden = build.collection(owner, secret, "hidden")

        with pytest.raises(NotFound):
            save_view(viewed=hidden, name="x", state="", access=build.access(table.curator))

    def test_each_kind_of_table_has_its_own(self, table: build.Table) -> None:
        tables: list[Viewed] = [table.collection, table.project, table.golden_set]
        for viewed in tables:
            save_view(viewed=viewed, name="x", state="", access=build.access(table.viewer))

        assert [names(viewed, table.viewer) for viewed in tables] == [["x"], ["x"], ["x"]]


class TestChanging:
    def test_the_owner_renames_it_and_gives_it_another_state(self, table: build.Table) -> None:
        view = keep(table.viewer, table)

        change(table.viewer, table, view, ViewChange(name="Worst first", state="sort=-loss@10k"))

        view.refresh_from_db()
        assert (view.name, view.name_key, view.state) == (
            "Worst first",
            "worst first",
            "sort=-loss@10k",
        )

    def test_somebody_elses_own_is_not_there(self, table: build.Table) -> None:
        view = keep(table.viewer, table)
        with pytest.raises(NotFound):
            change(table.curator, table, view, ViewChange(name="x"))
        with pytest.raises(NotFound):
            delete(table.curator, table, view)

    def test_what_is_the_teams_is_changed_by_its_owner_and_by_curators(
        self, table: build.Table
    ) -> None:
        view = share(table.editor, table)
        other = build.user(role=Role.EDITOR)

        change(table.editor, table, view, ViewChange(name="one"))
        change(table.curator, table, view, ViewChange(name="two"))
        with pytest.raises(Forbidden, match="curator"):
            change(other, table, view, ViewChange(name="three"))

        assert names(table.collection, other) == ["two"]

    def test_it_is_shared_and_taken_back_by_its_owner_alone(self, table: build.Table) -> None:
        view = keep(table.editor, table)

        change(table.editor, table, view, ViewChange(sharing=Sharing.TEAM))
        with pytest.raises(Forbidden, match="Only whoever saved"):
            change(table.curator, table, view, ViewChange(sharing=Sharing.PRIVATE))
        change(table.editor, table, view, ViewChange(sharing=Sharing.PRIVATE))

        assert names(table.collection, table.curator) == []

    def test_a_viewer_cannot_share_later_either(self, table: build.Table) -> None:
        view = keep(table.viewer, table)
        with pytest.raises(Forbidden, match="editor"):
            change(table.viewer, table, view, ViewChange(sharing=Sharing.TEAM))

    def test_a_taken_name_is_refused_and_nothing_is_half_done(self, table: build.Table) -> None:
        share(table.editor, table, "taken")
        view = keep(table.editor, table, "Taken")

        with pytest.raises(ViewExists):
            change(table.editor, table, view, ViewChange(sharing=Sharing.TEAM, state="q=x"))

        view.refresh_from_db()
        assert (view.sharing, view.state) == (Sharing.PRIVATE, "sort=loss@10k")

    def test_one_that_was_deleted_meanwhile_is_gone(self, table: build.Table) -> None:
        view = keep(table.viewer, table)
        delete(table.viewer, table, SavedView.objects.get(pk=view.pk))
        with pytest.raises(NotFound, match="deleted"):
            change(table.viewer, table, view, ViewChange(name="x"))


class TestTheDefault:
    def test_a_curator_chooses_one_at_a_time(self, table: build.Table) -> None:
        first, second = share(table.editor, table, "first"), share(table.editor, table, "second")

        set_default(table.curator, table, first)
        set_default(table.curator, table, second)

        assert list(SavedView.objects.filter(is_default=True)) == [second]
        set_default(table.curator, table, None)
        assert list(SavedView.objects.filter(is_default=True)) == []

    def test_an_editor_does_not(self, table: build.Table) -> None:
        view = share(table.editor, table)
        with pytest.raises(Forbidden, match="curator"):
            set_default(table.editor, table, view)

    def test_a_view_of_ones_own_cannot_be_it(self, table: build.Table) -> None:
        with pytest.raises(Conflict, match="Share the view first"):
            set_default(table.curator, table, keep(table.curator, table))

    def test_it_cannot_be_taken_back_nor_changed_by_its_owner(self, table: build.Table) -> None:
        view = share(table.editor, table)
        set_default(table.curator, table, view)

        with pytest.raises(Conflict, match="is the default"):
            change(table.curator, table, view, ViewChange(sharing=Sharing.PRIVATE))
        with pytest.raises(Forbidden, match="curator"):
            change(table.editor, table, view, ViewChange(state="q=mine"))
        with pytest.raises(Forbidden, match="curator"):
            delete(table.editor, table, view)

    def test_deleted_it_leaves_the_table_without_one(self, table: build.Table) -> None:
        view = share(table.editor, table)
        set_default(table.curator, table, view)

        delete(table.curator, table, view)

        assert not SavedView.objects.filter(is_default=True).exists()

    def test_a_view_of_another_table_is_not_there(self, table: build.Table) -> None:
        access = build.access(table.curator, project=table.project)
        other = save_view(
            viewed=table.project, name="x", state="", sharing=Sharing.TEAM, access=access
        )
        with pytest.raises(NotFound):
            set_default(table.curator, table, other)


class TestRights:
    def test_they_say_what_the_services_do(self, table: build.Table) -> None:
        view = share(table.editor, table)
        people = (table.viewer, table.editor, table.curator)
        rights = [rights_over(view, build.access(person)) for person in people]

        assert [one.change for one in rights] == [False, True, True]
        assert [one.unshare for one in rights] == [False, True, False]
        assert [one.set_default for one in rights] == [False, False, True]

    def test_ones_own_is_shared_from_editor_on(self, table: build.Table) -> None:
        for person, may in ((table.viewer, False), (table.editor, True)):
            view = keep(person, table)
            assert rights_over(view, build.access(person)).share == may


class TestEvents:
    def test_each_change_is_one_event(self, table: build.Table) -> None:
        before = Event.objects.count()
        view = share(table.editor, table)
        change(table.editor, table, view, ViewChange(name="x"))
        change(table.editor, table, view, ViewChange(name="x"))
        set_default(table.curator, table, view)
        set_default(table.curator, table, view)
        delete(table.curator, table, view)

        events = Event.objects.order_by("sequence")[before:]
        assert [event.kind for event in events] == [
            "view.saved",
            "view.changed",
            "view.default_changed",
            "view.deleted",
        ]
        assert {event.team_id for event in events} == {table.project.team_id}
        assert {event.project_id for event in events} == {table.project.pk}

    def test_what_one_keeps_for_oneself_is_on_no_teams_page(self, table: build.Table) -> None:
        view = keep(table.viewer, table)
        delete(table.viewer, table, view)

        events = Event.objects.filter(kind__startswith="view.")
        assert [(event.kind, event.team_id) for event in events] == [
            ("view.saved", None),
            ("view.deleted", None),
        ]
        assert {subject.kind for event in events for subject in event.subjects.all()} == {"view"}
