"""Adding, changing and deleting: through the services, one event each, refused in words."""

import pytest
from django.db import connection
from django.db.models import Model
from django.test.utils import CaptureQueriesContext

from apps.accounts.choices import Role
from apps.accounts.models import Membership
from apps.accounts.services import set_role
from apps.artifacts.models import ArtifactVersion, Collection, LabelHolding, Version
from apps.audit.models import Event
from apps.evaluations.models import GoldenSet, MetricDefinition
from apps.projects.models import Project
from apps.projects.services import set_archived
from apps.registry.models import Column, StatusLabel
from apps.runs.models import Run
from tests import build
from tests.admin.world import REASON, World, act, browser, events, list_url, make, place, row_url

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make()


def last_event() -> Event:
    return Event.objects.latest("sequence")


# What the team has agreed on -----------------------------------------------------------------


def test_a_label_is_added(world: World) -> None:
    before = events()
    form = {"team": world.team.pk, "name": "canary", "colour": "blue", "position": "7"}
    answer = browser(world.curator).post(f"{list_url(StatusLabel)}add/", form)
    assert answer.status_code == 302
    label = StatusLabel.objects.get(team=world.team, name="canary")
    assert (label.colour, label.position, label.is_exclusive) == ("blue", 7, False)
    assert events() == [*before, "label.defined"]
    assert last_event().actor_name == "cal"


def test_a_label_that_will_not_do_is_refused_in_the_form(world: World) -> None:
    client = browser(world.curator)
    url = f"{list_url(StatusLabel)}add/"
    good = {"team": world.team.pk, "name": "canary", "colour": "blue", "position": "7"}
    before = events()
    for wrong, words in (
        ({"name": "with space"}, "may not contain spaces"),
        ({"name": "Production"}, "has a label of this name already"),
        ({"name": "a/b"}, "may not contain /"),
        ({"name": ""}, "required"),
        ({"colour": "gold"}, "valid choice"),
        ({"position": "-1"}, "greater than or equal to 0"),
        ({"position": "9" * 30}, "less than or equal to"),
        ({"team": "0"}, "valid choice"),
    ):
        answer = client.post(url, good | wrong)
        assert answer.status_code in (400, 409), wrong
        assert words in answer.content.decode(), wrong
    assert events() == before


def test_a_label_with_several_holders_does_not_become_exclusive(world: World) -> None:
    client = browser(world.curator)
    act(client, world.open.versions, "promote", label="archived", reason=REASON)
    label = StatusLabel.objects.get(team=world.team, name="archived")
    form = {"colour": label.colour, "position": label.position, "is_exclusive": "on"}
    answer = client.post(row_url(label), form)
    assert answer.status_code == 409
    assert "several holders" in answer.content.decode()
    label.refresh_from_db()
    assert not label.is_exclusive


def test_only_what_was_changed_in_a_label_is_changed(world: World) -> None:
    """Somebody else's change since the form was opened stays."""
    label = StatusLabel.objects.get(team=world.team, name="staging")
    before = events()
    form = {"colour": label.colour, "position": "9", "is_exclusive": "on"}
    assert browser(world.curator).post(row_url(label), form).status_code == 302
    assert events() == [*before, "label.defined"]
    label.refresh_from_db()
    assert (label.position, label.is_protected) == (9, False)


def test_a_metric_is_changed_and_added(world: World) -> None:
    client = browser(world.curator)
    metric = MetricDefinition.objects.get(team=world.team, name="loss")
    before = events()
    form = {"title": "Cross entropy", "better": "lower", "format": "fixed:4", "description": ""}
    assert client.post(row_url(metric), form).status_code == 302
    metric.refresh_from_db()
    assert (metric.title, metric.format) == ("Cross entropy", "fixed:4")
    new = form | {"team": world.team.pk, "name": "f1", "title": "F1", "better": "higher"}
    assert client.post(f"{list_url(MetricDefinition)}add/", new).status_code == 302
    assert events() == [*before, "metric.defined", "metric.defined"]
    wrong = client.post(row_url(metric), form | {"format": "roman"})
    assert wrong.status_code == 400
    again = client.post(f"{list_url(MetricDefinition)}add/", new)
    assert again.status_code == 409
    assert MetricDefinition.objects.filter(team=world.team, name="f1").count() == 1


def test_a_metric_that_is_hidden_is_not_taken_over_by_adding_it(world: World) -> None:
    form = {
        "team": world.team.pk,
        "name": "hidden_metric",
        "title": "Mine now",
        "better": "lower",
        "format": "auto",
    }
    answer = browser(world.curator).post(f"{list_url(MetricDefinition)}add/", form)
    assert answer.status_code == 409
    assert MetricDefinition.objects.get(name="hidden_metric").title == "Hidden metric"


def test_a_golden_set_is_marked(world: World) -> None:
    client = browser(world.curator)
    url = f"{list_url(GoldenSet)}add/"
    form = {"team": world.team.pk, "name": "digits-1k", "title": "", "example_count": "1000"}
    before = events()
    assert client.post(url, form).status_code == 302
    assert GoldenSet.objects.get(name="digits-1k").title == "digits-1k"
    assert events() == [*before, "golden_set.marked"]
    assert client.post(url, form).status_code == 409
    assert client.post(url, form | {"name": "x", "example_count": "0"}).status_code == 400


def test_a_column_is_named_and_moved(world: World) -> None:
    for metric in ("accuracy", "f1"):
        version = world.open.versions[0]
        build.result(world.admin, version.artifact, 0.9, on=world.golden_set, metric=metric)
    model = world.registry
    first, second, third = Column.objects.filter(collection=world.open.model)
    before = events()
    form = {"title": "Right", "position": "0", "is_visible": "on", "better": "", "format": ""}
    assert browser(world.curator).post(row_url(third), form).status_code == 302
    assert list(Column.objects.filter(collection=world.open.model)) == [third, first, second]
    assert Column.objects.get(pk=third.pk).title == "Right"
    assert events() == [*before, "columns.changed"]
    assert Column.objects.filter(collection=model).exists()


def test_a_column_that_will_not_do_is_refused_in_the_form(world: World) -> None:
    column = Column.objects.get(collection=world.open.model)
    good = {"title": "Loss", "position": "0", "is_visible": "on", "better": "", "format": ""}
    client = browser(world.curator)
    for wrong in ({"title": ""}, {"title": "status"}, {"format": "roman"}, {"better": "sideways"}):
        assert client.post(row_url(column), good | wrong).status_code == 400, wrong


def test_columns_are_shown_and_hidden_table_by_table(world: World) -> None:
    rows = [
        Column.objects.get(collection=world.open.model),
        Column.objects.get(collection=world.registry, golden_set=world.golden_set),
    ]
    before = events()
    act(browser(world.curator), rows, "hide")
    assert not Column.objects.filter(pk__in=[row.pk for row in rows], is_visible=True).exists()
    assert events() == [*before, "columns.changed", "columns.changed"]
    act(browser(world.curator), rows[:1], "show")
    assert Column.objects.get(pk=rows[0].pk).is_visible


# Models and work -----------------------------------------------------------------------------


def test_what_is_said_of_models_projects_and_runs_is_changed(world: World) -> None:
    client = browser(world.curator)
    before = events()
    said: list[tuple[Model, dict[str, str]]] = [
        (world.open.model, {"title": "Digits", "description": "reads digits"}),
        (world.open.project, {"title": "The open one", "description": ""}),
        (world.open.run, {"name": "seventh try", "notes": "quicker"}),
    ]
    for row, form in said:
        assert client.post(row_url(row), form).status_code == 302, row
    assert events() == [*before, "collection.changed", "project.changed", "run.changed"]
    assert Collection.objects.get(pk=world.open.model.pk).title == "Digits"
    assert Run.objects.get(pk=world.open.run.pk).notes == "quicker"


def test_who_may_see_a_project_is_for_admins_to_say(world: World) -> None:
    form = {"title": "", "description": "", "visibility": "private"}
    assert browser(world.curator).post(row_url(world.open.project), form).status_code == 302
    assert Project.objects.get(pk=world.open.project.pk).visibility == "team"
    assert browser(world.admin).post(row_url(world.open.project), form).status_code == 302
    assert Project.objects.get(pk=world.open.project.pk).visibility == "private"


def test_projects_are_archived_by_admins(world: World) -> None:
    before = events()
    act(browser(world.curator), [world.open.project], "archive")
    assert events() == before
    act(browser(world.admin), [world.open.project], "archive")
    assert events() == [*before, "project.archived"]
    # What lies in it can be read but not written, and the form says so by having no fields.
    client = browser(world.curator)
    assert client.post(row_url(world.open.run), {"name": "x"}).status_code == 403
    assert b'name="notes"' not in client.get(row_url(world.open.run)).content
    act(browser(world.admin), [world.open.project], "reopen")
    assert events() == [*before, "project.archived", "project.reopened"]


# Deleting ------------------------------------------------------------------------------------


def test_deleting_says_what_goes_with_it_and_takes_a_reason(world: World) -> None:
    held, free = world.open.versions
    client = browser(world.curator)
    before = events()
    asked = act(client, [held], "remove")
    assert "holds a status label" in asked.content.decode()
    for answer in ({"reason": REASON}, {"accept": "on"}, {"accept": "on", "reason": " "}):
        assert act(client, [held], "remove", **answer).status_code == 400, answer
    assert events() == before
    assert act(client, [held], "remove", reason=REASON, accept="on").status_code == 302
    assert not Version.objects.filter(pk=held.pk, deleted_at=None).exists()
    assert last_event().kind == "version.deleted"
    assert Version.objects.filter(pk=free.pk, deleted_at=None).exists()


def test_what_came_to_hang_on_it_meanwhile_stops_the_deletion(world: World) -> None:
    free = world.linked
    client = browser(world.curator)
    assert b"accept" not in act(client, [free], "remove").content
    act(client, [free], "promote", label="production", reason=REASON)
    fields = {"action": "remove", "_selected_action": [free.pk], "apply": "yes", "reason": REASON}
    assert client.post(list_url(Version), fields).status_code == 400
    assert Version.objects.filter(pk=free.pk, deleted_at=None).exists()


def test_runs_and_collections_go_into_the_bin_too(world: World) -> None:
    client = browser(world.curator)
    act(client, [world.open.run], "remove", reason=REASON, accept="on")
    assert last_event().kind == "run.deleted"
    act(client, [world.open.model], "remove", reason=REASON, accept="on")
    assert last_event().kind == "collection.deleted"
    assert Collection.with_deleted.get(pk=world.open.model.pk).deleted_at is not None


def test_projects_are_deleted_by_admins(world: World) -> None:
    before = events()
    act(browser(world.curator), [world.open.project], "remove", reason=REASON, accept="on")
    assert events() == before
    act(browser(world.admin), [world.open.project], "remove", reason=REASON, accept="on")
    assert last_event().kind == "project.deleted"


def test_all_of_the_ticked_rows_are_deleted_or_none(world: World) -> None:
    set_archived(archived=True, access=build.access(world.admin, project=world.open.project))
    rows = [world.linked, world.open.versions[1]]
    before = events()
    answer = act(browser(world.curator), rows, "remove", reason=REASON, accept="on")
    assert answer.status_code == 403
    assert events() == before


# People --------------------------------------------------------------------------------------


def test_a_role_is_changed_by_an_admin(world: World) -> None:
    member = Membership.objects.get(user=world.viewer)
    before = events()
    assert browser(world.admin).post(row_url(member), {"role": "editor"}).status_code == 302
    member.refresh_from_db()
    assert member.role == Role.EDITOR
    assert events() == [*before, "member.changed"]
    assert browser(world.curator).post(row_url(member), {"role": "admin"}).status_code == 403
    assert browser(world.admin).post(row_url(member), {"role": "king"}).status_code == 400


def test_the_last_admin_stays(world: World) -> None:
    member = Membership.objects.get(user=world.admin)
    answer = browser(world.admin).post(row_url(member), {"role": "viewer"})
    assert answer.status_code == 409
    assert "last admin" in answer.content.decode()
    member.refresh_from_db()
    assert member.role == Role.ADMIN


def test_members_of_other_teams_are_out_of_reach(world: World) -> None:
    member = Membership.objects.get(user=world.foreign_curator)
    client = browser(world.admin)
    assert client.post(row_url(member), {"role": "viewer"}).status_code == 404
    # Nor to somebody who is no admin there.
    set_role(
        user=world.admin,
        team=world.foreign.project.team,
        role=Role.CURATOR,
        actor=build.SYSTEM,
    )
    assert client.post(row_url(member), {"role": "viewer"}).status_code == 403
    assert member.user.username not in client.get(list_url(Membership)).content.decode()


# The cost of a list --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [
        Collection,
        Version,
        LabelHolding,
        ArtifactVersion,
        StatusLabel,
        MetricDefinition,
        GoldenSet,
        Column,
        Project,
        Run,
        Event,
        Membership,
    ],
)
def test_a_list_costs_the_same_for_few_and_for_many_rows(world: World, model: type[Model]) -> None:
    client = browser(world.admin)

    def cost() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(list_url(model)).status_code == 200
        return len(queries)

    few = cost()
    for name in ("second", "third"):
        place(world.admin, name, golden_set=world.golden_set, metric=f"metric_of_{name}")
        build.user(f"member-{name}")
    assert cost() == few
    assert few <= 16
