"""Who may open which list and which row: role by role, place by place."""

from collections.abc import Callable

import pytest
from django.db.models import Model
from django.test import Client

from apps.accounts.choices import Role
from apps.accounts.models import Membership, User
from apps.accounts.services import set_role
from apps.admin.site import site
from apps.artifacts.models import ArtifactVersion, Collection, LabelHolding, Version
from apps.audit.models import Event
from apps.evaluations.models import GoldenSet, MetricDefinition
from apps.projects.models import Project
from apps.projects.services import set_project_role
from apps.registry.models import Column, StatusLabel
from apps.runs.models import Run
from apps.wandb_api.models import UnknownField
from tests import build
from tests.admin.world import World, browser, list_url, make, row_url

pytestmark = pytest.mark.django_db

FOR_CURATORS = [
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
]
FOR_ADMINS = [Membership, UnknownField]


@pytest.fixture
def world() -> World:
    return make()


def hidden_rows(world: World) -> list[Model]:
    """One of each from the private project."""
    secret = world.secret
    return [
        secret.project,
        secret.run,
        secret.model,
        secret.versions[0],
        secret.versions[0].artifact,
        LabelHolding.objects.get(collection=secret.model),
        MetricDefinition.objects.get(name="hidden_metric"),
        Column.objects.get(collection=secret.model),
        Event.objects.filter(project_id=secret.project.pk).earliest("pk"),
    ]


def foreign_rows(world: World) -> list[Model]:
    """One of each from the other team."""
    foreign = world.foreign
    return [
        foreign.project,
        foreign.run,
        foreign.model,
        foreign.versions[0],
        foreign.versions[0].artifact,
        StatusLabel.objects.filter(team=foreign.project.team).earliest("pk"),
        MetricDefinition.objects.get(team=foreign.project.team),
        Column.objects.get(collection=foreign.model),
        LabelHolding.objects.get(collection=foreign.model),
        Event.objects.filter(team_id=foreign.project.team_id).earliest("pk"),
    ]


def test_every_list_is_in_this_matrix() -> None:
    assert set(site._registry) == {*FOR_CURATORS, *FOR_ADMINS}


@pytest.mark.parametrize(
    ("who", "for_curators", "for_admins"),
    [("viewer", 403, 403), ("editor", 403, 403), ("curator", 200, 403), ("admin", 200, 200)],
)
def test_lists_open_to_the_role_that_the_policy_says(
    world: World, who: str, for_curators: int, for_admins: int
) -> None:
    client = browser(getattr(world, who))
    expected = {list_url(model): for_curators for model in FOR_CURATORS}
    expected |= {list_url(model): for_admins for model in FOR_ADMINS}
    assert {url: client.get(url).status_code for url in expected} == expected
    assert client.get("/admin/").status_code == for_curators


def test_a_stranger_is_sent_to_the_sign_in_page(world: World) -> None:
    answer = browser(None).get(list_url(Version))
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/sign-in?next=%2Fadmin%2Fartifacts%2Fversion%2F"


def test_somebody_without_a_role_finds_no_admin(world: World) -> None:
    nobody = build.user("nobody")
    set_role(user=nobody, team=world.team, role=None, actor=build.SYSTEM)
    assert browser(nobody).get("/admin/").status_code == 404


def test_the_address_without_the_slash_leads_there(world: World) -> None:
    assert browser(world.curator).get("/admin").headers["Location"] == "/admin/"
    assert browser(world.viewer).get("/admin").status_code == 403


@pytest.mark.parametrize("rows", [hidden_rows, foreign_rows])
def test_rows_of_places_one_may_not_see_are_not_there(
    world: World, rows: Callable[[World], list[Model]]
) -> None:
    client = browser(world.curator)
    for row in rows(world):
        assert client.get(row_url(row)).status_code == 404, row
        assert client.post(row_url(row), {"name": "taken over"}).status_code in (404, 405), row
        if not isinstance(row, Event):
            assert client.get(row_url(row, "history")).status_code == 404, row
        shown = client.get(list_url(row)).context["cl"].result_list
        assert row.pk not in [one.pk for one in shown], row


def test_an_admin_of_the_team_sees_its_private_projects(world: World) -> None:
    client = browser(world.admin)
    for row in hidden_rows(world):
        assert client.get(row_url(row)).status_code == 200, row


def test_who_is_named_curator_of_a_project_curates_that_one_alone(world: World) -> None:
    access = build.access(world.admin, project=world.secret.project)
    set_project_role(user=world.viewer, role=Role.CURATOR, access=access)
    client = browser(world.viewer)
    shown = client.get(list_url(Version)).context["cl"].result_list
    assert {version.collection_id for version in shown} == {world.secret.model.pk}
    # The team's vocabulary is not the project's to change, but it is no secret.
    label = StatusLabel.objects.filter(team=world.team).earliest("pk")
    assert client.get(list_url(StatusLabel)).context["cl"].result_count == 0
    assert client.get(row_url(label)).status_code == 403


def test_what_one_may_see_but_not_curate_is_refused(world: World) -> None:
    """A curator elsewhere who is only a viewer here."""
    both = build.user("both", role=Role.CURATOR, team_name="others")
    set_role(user=both, team=world.team, role=Role.VIEWER, actor=build.SYSTEM)
    client = browser(both)
    for row in (world.open.model, world.open.versions[0], world.open.run, world.open.project):
        assert client.get(row_url(row)).status_code == 403, row
        assert client.get(list_url(row)).context["cl"].result_list.filter(pk=row.pk).count() == 0
    assert client.get(row_url(world.secret.model)).status_code == 404


def test_nothing_can_be_deleted_by_django(world: World) -> None:
    client = browser(world.admin)
    for model in [*FOR_CURATORS, *FOR_ADMINS]:
        row = model.objects.earliest("pk")  # type: ignore[attr-defined]
        assert client.get(row_url(row, "delete")).status_code == 404, model
        actions = client.get(list_url(model)).context["action_form"]
        offered = dict(actions.fields["action"].choices) if actions else {}
        assert "delete_selected" not in offered, model
    assert client.post(list_url(Version), {"action": "delete_selected"}).status_code == 200


def test_history_and_what_is_sealed_take_no_form(world: World) -> None:
    client = browser(world.admin)
    for row in (
        LabelHolding.objects.earliest("pk"),
        Event.objects.filter(team_id=world.team.pk).earliest("pk"),
        world.open.versions[0].artifact,
        world.open.versions[0],
    ):
        assert client.post(row_url(row), {"reason": "rewritten"}).status_code == 405, row
        assert b'<input type="text"' not in client.get(row_url(row)).content


def test_what_clients_asked_for_in_vain_can_only_be_read(world: World) -> None:
    wish = UnknownField.objects.get()
    client = browser(world.admin)
    shown = client.get(list_url(wish), {"q": "shoe"})
    assert shown.context["cl"].result_list.get() == wish
    assert "shoeSize" in shown.content.decode()
    assert client.get(list_url(wish), {"q": "hat"}).context["cl"].result_count == 0
    assert client.get(row_url(wish)).status_code == 404
    assert client.get(f"{list_url(wish)}add/").status_code == 404
    assert client.post(list_url(wish), {"action": "delete_selected"}).status_code == 200
    assert UnknownField.objects.get().count == 3


def test_the_routes_of_django_that_we_do_not_use_are_not_there(world: World) -> None:
    client = browser(world.admin)
    for page in ("login/", "logout/", "password_change/", "autocomplete/", "r/1/1/"):
        assert client.get(f"/admin/{page}").status_code == 404, page


def test_the_way_in_is_shown_where_one_curates(world: World) -> None:
    def menu(user: User) -> bool:
        client = browser(user)
        return b'href="/admin/"' in client.get(f"/main/{world.open.project.name}").content

    assert [menu(user) for user in (world.viewer, world.editor, world.curator)] == [
        False,
        False,
        True,
    ]


def test_forms_need_their_token(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.curator)
    assert client.post(list_url(Version), {"action": "promote"}).status_code == 403
    assert client.post(f"{list_url(StatusLabel)}add/", {"name": "x"}).status_code == 403
