"""The settings of a project: visibility, people named for it, closing and opening it."""

import pytest

from apps.accounts.choices import Role
from apps.accounts.models import User
from apps.audit.models import Event
from apps.evaluations.models import MetricDefinition
from apps.projects.access import role_in
from apps.projects.models import Project
from apps.projects.services import set_project_role
from tests import build
from tests.web.visits import browser, text_of

pytestmark = pytest.mark.django_db

SETTINGS = "/main/digits/settings"


@pytest.fixture
def admin() -> User:
    return build.user("chief", role=Role.ADMIN)


@pytest.fixture
def place(admin: User) -> Project:
    return build.project(admin)


def test_it_is_for_admins_of_the_project(admin: User, place: Project) -> None:
    own = build.user("own", role=Role.VIEWER)
    set_project_role(user=own, role=Role.ADMIN, access=build.access(admin, project=place))
    stranger = build.user("stranger", role=Role.ADMIN, team_name="others")
    for person, status in (
        (build.user(role=Role.VIEWER), 403),
        (build.user(role=Role.CURATOR), 403),
        (stranger, 404),
        (own, 200),
        (admin, 200),
    ):
        client = browser(person)
        assert client.get(SETTINGS).status_code == status
        answer = client.post(SETTINGS, {"do": "archive"} if status >= 400 else {"do": "x"})
        assert answer.status_code == (status if status >= 400 else 400)
        assert (f'href="{SETTINGS}"' in text_of(client.get(SETTINGS))) == (status == 200)
    place.refresh_from_db()
    assert place.archived_at is None


class TestVisibility:
    def test_a_private_one_is_gone_for_the_rest_of_the_team(
        self, admin: User, place: Project
    ) -> None:
        viewer = browser(build.user(role=Role.VIEWER))
        client = browser(admin)
        client.post(SETTINGS, {"do": "visibility", "visibility": "private"})
        assert viewer.get("/main/digits").status_code == 404
        client.post(SETTINGS, {"do": "visibility", "visibility": "team"})
        assert viewer.get("/main/digits").status_code == 200
        assert Event.objects.filter(kind="project.changed").count() == 2

    @pytest.mark.parametrize("value", ["", "public"])
    def test_nonsense_is_refused(self, admin: User, place: Project, value: str) -> None:
        answer = browser(admin).post(SETTINGS, {"do": "visibility", "visibility": value})
        assert answer.status_code == 400
        place.refresh_from_db()
        assert place.visibility == "team"


class TestNaming:
    def test_somebody_and_no_longer(self, admin: User, place: Project) -> None:
        eve = build.user("eve", role=Role.VIEWER)
        client = browser(admin)
        named = {"do": "name", "username": "Eve", "role": "curator"}
        page = text_of(client.post(SETTINGS, named, follow=True))
        assert "eve is named for the project as curator." in page
        assert role_in(eve, place.team, place) == Role.CURATOR
        client.post(SETTINGS, {"do": "unname", "username": "eve"})
        assert role_in(eve, place.team, place) == Role.VIEWER
        assert client.post(SETTINGS, {"do": "unname", "username": "eve"}).status_code == 404

    def test_an_account_of_another_team_is_as_unknown_as_none(
        self, admin: User, place: Project
    ) -> None:
        build.user("stranger", team_name="others")
        client = browser(admin)
        for username in ("stranger", "nobody", "", "a\x00"):
            named = {"do": "name", "username": username, "role": "viewer"}
            answer = client.post(SETTINGS, named)
            assert answer.status_code == 400
            assert 'class="error"' in text_of(answer)
        assert not place.members.exists()

    def test_who_gives_up_the_own_role_is_led_to_what_is_still_visible(
        self, admin: User, place: Project
    ) -> None:
        own = build.user("own", role=Role.VIEWER)
        set_project_role(user=own, role=Role.ADMIN, access=build.access(admin, project=place))
        client = browser(own)
        answer = client.post(SETTINGS, {"do": "unname", "username": "own"})
        assert answer["Location"] == "/main/digits"
        assert client.get(SETTINGS).status_code == 403


class TestArchiving:
    def test_it_is_closed_and_opened_again(self, admin: User, place: Project) -> None:
        editor = browser(build.user("eve"))
        client = browser(admin)
        client.post(SETTINGS, {"do": "archive"})
        assert editor.get("/main/digits/notes").status_code == 403
        page = text_of(client.get(SETTINGS))
        assert "This project is archived" in page
        assert 'value="visibility"' not in page
        private = {"do": "visibility", "visibility": "private"}
        assert client.post(SETTINGS, private).status_code == 403
        assert client.post(SETTINGS, {"do": "reopen"})["Location"] == SETTINGS
        assert editor.get("/main/digits/notes").status_code == 200
        kinds = Event.objects.filter(project_id=place.pk).values_list("kind", flat=True)
        assert list(kinds)[-2:] == ["project.archived", "project.reopened"]


class TestTheMetricsOfAModel:
    def test_lead_from_its_columns_to_their_definitions_and_back(self) -> None:
        table = build.table()
        columns = "/main/digits/models/candidates/columns"
        metric = MetricDefinition.objects.get(name="loss")
        address = f"/main/settings/metrics/{metric.pk}"
        page = text_of(browser(table.curator).get(columns))
        assert f'href="{address}?next={columns}"' in page
        assert "lower is better" in page

    def test_are_not_for_curators_of_one_project(self) -> None:
        table = build.table()
        admin = build.user(role=Role.ADMIN)
        allowed = build.access(admin, project=table.project)
        set_project_role(user=table.viewer, role=Role.CURATOR, access=allowed)
        page = text_of(browser(table.viewer).get("/main/digits/models/candidates/columns"))
        assert "lower is better" in page
        assert "/settings/metrics/" not in page
