"""The settings of a team: who may open them, what they change, and what they refuse."""

import re
from typing import Any

import pytest

from apps.accounts.choices import Role
from apps.accounts.models import ApiKey, Membership, Team, User
from apps.accounts.services import set_role
from apps.audit.models import Event
from apps.evaluations.models import MetricDefinition
from apps.registry.models import StatusLabel
from apps.registry.services.promotion import promote_version
from tests import build
from tests.web.visits import browser, text_of

pytestmark = pytest.mark.django_db

SETTINGS = "/main/settings"
LINK = re.compile(r"http\S+(/sign-in/[\w-]{20,})")


@pytest.fixture
def admin() -> User:
    return build.user("chief", role=Role.ADMIN)


def role_of(username: str) -> str | None:
    found = Membership.objects.filter(team__name="main", user__username=username).first()
    return found.role if found else None


def shared() -> User:
    """A member of the team who is in another one too."""
    person = build.user("shared", team_name="others")
    set_role(user=person, team=build.team(), role=Role.VIEWER, actor=build.SYSTEM)
    return person


class TestWhoMay:
    @pytest.mark.parametrize(
        ("page", "curators_may"),
        [
            ("", True),
            ("/labels", True),
            ("/labels/staging/edit", True),
            ("/metrics", True),
            ("/general", False),
            ("/members", False),
            ("/members/chief", False),
            ("/keys", False),
        ],
    )
    def test_open_a_page(self, admin: User, page: str, curators_may: bool) -> None:
        people = {
            build.user(role=Role.VIEWER): 403,
            build.user(role=Role.EDITOR): 403,
            build.user(role=Role.CURATOR): 200 if curators_may else 403,
            build.user("stranger", role=Role.ADMIN, team_name="others"): 404,
        }
        for person, status in people.items():
            assert browser(person).get(f"{SETTINGS}{page}").status_code == status
        assert browser(admin).get(f"{SETTINGS}{page}", follow=True).status_code == 200

    def test_the_tabs_offer_what_one_may_open(self, admin: User) -> None:
        curator = text_of(browser(build.user(role=Role.CURATOR)).get(SETTINGS))
        assert f'href="{SETTINGS}/labels"' in curator
        assert f'href="{SETTINGS}/members"' not in curator
        assert "Admins of the team change these." in curator
        assert f'href="{SETTINGS}/members"' in text_of(browser(admin).get(SETTINGS))
        viewer = browser(build.user(role=Role.VIEWER))
        assert SETTINGS not in text_of(viewer.get("/main/models"))


class TestGeneral:
    def test_title_and_retention(self, admin: User) -> None:
        form = {"title": "Vision", "retention_days": "7"}
        answer = browser(admin).post(f"{SETTINGS}/general", form)
        assert answer["Location"] == SETTINGS
        team = Team.objects.get(name="main")
        assert (team.title, team.retention_days) == ("Vision", 7)
        event = Event.objects.get(kind="team.changed")
        assert '"before":{"retention_days":30,"title":""}' in event.payload

    def test_saving_what_is_there_is_no_event(self, admin: User) -> None:
        browser(admin).post(f"{SETTINGS}/general", {"title": "", "retention_days": "30"})
        assert not Event.objects.filter(kind="team.changed").exists()

    @pytest.mark.parametrize(
        "wrong",
        [
            {"retention_days": "0"},
            {"retention_days": "3651"},
            {"retention_days": "x"},
            {"retention_days": "9" * 30},
            {"title": "x" * 129},
            {"title": "a\x00"},
        ],
    )
    def test_what_cannot_be_comes_back_with_the_reason(
        self, admin: User, wrong: dict[str, str]
    ) -> None:
        form = {"title": "", "retention_days": "30", **wrong}
        answer = browser(admin).post(f"{SETTINGS}/general", form)
        assert answer.status_code == 400
        assert 'class="error"' in text_of(answer)
        assert Team.objects.get(name="main").retention_days == 30


class TestAddingPeople:
    def test_somebody_new_gets_a_link_that_works_once(self, admin: User) -> None:
        form = {"username": "eve", "display_name": "Eve", "email": "", "role": "editor"}
        page = text_of(browser(admin).post(f"{SETTINGS}/members", form))
        link = LINK.search(page)
        assert link is not None
        assert role_of("eve") == "editor"
        client = browser()
        assert client.post(link[1])["Location"] == "/"
        assert client.get("/main/models").status_code == 200
        assert browser().post(link[1]).status_code == 404
        assert not LINK.search(text_of(browser(admin).get(f"{SETTINGS}/members")))

    def test_somebody_of_another_team_signs_in_as_before(self, admin: User) -> None:
        build.user("known", team_name="others")
        page = text_of(
            browser(admin).post(f"{SETTINGS}/members", {"username": "Known", "role": "curator"})
        )
        assert not LINK.search(page)
        assert "known is in the team now, and signs in as before." in page
        assert role_of("known") == "curator"

    @pytest.mark.parametrize(
        "wrong",
        [
            {"username": ""},
            {"username": "a/b"},
            {"username": "x" * 65},
            {"username": "chief"},
            {"role": "owner"},
            {"email": "nonsense"},
            {"display_name": "a\x00"},
        ],
    )
    def test_what_cannot_be_comes_back_with_the_reason(
        self, admin: User, wrong: dict[str, str]
    ) -> None:
        form = {"username": "eve", "role": "viewer", **wrong}
        answer = browser(admin).post(f"{SETTINGS}/members", form)
        assert answer.status_code == 400
        assert User.objects.count() == 1

    def test_the_list_costs_the_same_for_many(
        self, admin: User, django_assert_num_queries: Any
    ) -> None:
        client = browser(admin)
        for count in (2, 30):
            while Membership.objects.count() < count:
                build.user()
            with django_assert_num_queries(4):  # session, person, team, members
                client.get(f"{SETTINGS}/members")


class TestOneMember:
    def test_another_role_and_back(self, admin: User) -> None:
        build.user("eve", role=Role.VIEWER)
        client = browser(admin)
        page = text_of(
            client.post(f"{SETTINGS}/members/eve", {"do": "role", "role": "curator"}, follow=True)
        )
        assert role_of("eve") == "curator"
        assert "eve is curator now." in page
        assert 'name="role" value="viewer"' in page  # the way back
        client.post(f"{SETTINGS}/members/eve", {"do": "role", "role": "viewer"})
        assert role_of("eve") == "viewer"

    def test_out_of_the_team(self, admin: User) -> None:
        eve = build.user("eve")
        browser(admin).post(f"{SETTINGS}/members/eve", {"do": "remove"})
        assert role_of("eve") is None
        assert browser(eve).get("/main/models").status_code == 404
        assert browser(admin).get(f"{SETTINGS}/members/eve").status_code == 404

    def test_the_last_admin_stays(self, admin: User) -> None:
        client = browser(admin)
        for data in ({"do": "role", "role": "viewer"}, {"do": "remove"}):
            answer = client.post(f"{SETTINGS}/members/chief", data)
            assert answer.status_code == 409
            assert "last admin of main" in text_of(answer)
        assert role_of("chief") == "admin"

    def test_an_admin_who_is_shut_out_does_not_count(self, admin: User) -> None:
        build.user("second", role=Role.ADMIN)
        client = browser(admin)
        client.post(f"{SETTINGS}/members/second", {"do": "shut-out"})
        answer = client.post(f"{SETTINGS}/members/chief", {"do": "role", "role": "viewer"})
        assert answer.status_code == 409

    def test_shut_out_and_let_in_again(self, admin: User) -> None:
        eve = build.user("eve")
        theirs = browser(eve)
        client = browser(admin)
        client.post(f"{SETTINGS}/members/eve", {"do": "shut-out"})
        assert theirs.get("/main/models").status_code == 302
        assert "shut out" in text_of(client.get(f"{SETTINGS}/members"))
        client.post(f"{SETTINGS}/members/eve", {"do": "let-in"})
        assert browser(User.objects.get(pk=eve.pk)).get("/main/models").status_code == 200
        kinds = Event.objects.filter(team_id=build.team().pk).values_list("kind", flat=True)
        assert {"user.deactivated", "user.activated"} <= set(kinds)

    def test_nobody_shuts_himself_out(self, admin: User) -> None:
        build.user("second", role=Role.ADMIN)
        answer = browser(admin).post(f"{SETTINGS}/members/chief", {"do": "shut-out"})
        assert answer.status_code == 409
        admin.refresh_from_db()
        assert admin.is_active

    def test_a_new_link_ends_the_former(self, admin: User) -> None:
        build.user("eve")
        client = browser(admin)
        first, second = (
            LINK.findall(text_of(client.post(f"{SETTINGS}/members/eve", {"do": "link"})))[0]
            for _ in "12"
        )
        assert browser().post(first).status_code == 404
        assert browser().post(second)["Location"] == "/"

    @pytest.mark.parametrize("data", [{}, {"do": "x"}, {"do": "role"}, {"do": "role", "role": "x"}])
    def test_nonsense_changes_nothing(self, admin: User, data: dict[str, str]) -> None:
        build.user("eve", role=Role.VIEWER)
        assert browser(admin).post(f"{SETTINGS}/members/eve", data).status_code == 400
        assert role_of("eve") == "viewer"

    @pytest.mark.parametrize("do", ["link", "shut-out"])
    def test_who_is_in_other_teams_too_is_not_taken_over(self, admin: User, do: str) -> None:
        """Otherwise an admin could add anybody, sign in as that person, and be in every team."""
        person = shared()
        answer = browser(admin).post(f"{SETTINGS}/members/shared", {"do": do})
        assert answer.status_code == 403
        assert not LINK.search(text_of(answer))
        person.refresh_from_db()
        assert person.is_active
        set_role(user=admin, team=build.team("others"), role=Role.ADMIN, actor=build.SYSTEM)
        assert browser(admin).post(f"{SETTINGS}/members/shared", {"do": do}).status_code < 400


class TestLabels:
    @pytest.fixture
    def curator(self) -> User:
        return build.user("curator", role=Role.CURATOR)

    def names(self) -> list[str]:
        return [label.name for label in StatusLabel.objects.filter(team__name="main")]

    def test_a_new_one_stands_at_the_end(self, curator: User) -> None:
        form = {"name": "canary", "colour": "pink", "is_protected": "on"}
        answer = browser(curator).post(f"{SETTINGS}/labels", form)
        assert answer["Location"] == f"{SETTINGS}/labels"
        label = StatusLabel.objects.get(name="canary")
        assert (label.colour, label.is_exclusive, label.is_protected) == ("pink", False, True)
        assert self.names() == ["production", "staging", "archived", "canary"]

    @pytest.mark.parametrize(
        "wrong",
        [
            {"name": "Production"},
            {"name": ""},
            {"name": "a b"},
            {"name": "x" * 65},
            {"colour": "gold"},
        ],
    )
    def test_what_cannot_be_comes_back_with_the_reason(
        self, curator: User, wrong: dict[str, str]
    ) -> None:
        answer = browser(curator).post(
            f"{SETTINGS}/labels", {"name": "canary", "colour": "pink", **wrong}
        )
        assert answer.status_code == 400
        assert len(self.names()) == 3

    def test_its_rules(self, curator: User) -> None:
        form = {"do": "save", "colour": "red", "is_protected": "on"}
        browser(curator).post(f"{SETTINGS}/labels/staging/edit", form)
        label = StatusLabel.objects.get(name="staging")
        assert (label.colour, label.is_exclusive, label.is_protected) == ("red", False, True)

    def test_several_holders_keep_it_from_being_exclusive(self) -> None:
        table = build.table()
        allowed = build.access(table.curator, project=table.project)
        for version in table.versions:
            promote_version(version=version, label="archived", access=allowed)
        form = {"do": "save", "colour": "slate", "is_exclusive": "on"}
        answer = browser(table.curator).post(f"{SETTINGS}/labels/archived/edit", form)
        assert answer.status_code == 409
        assert "several holders" in text_of(answer)

    def test_their_order(self, curator: User) -> None:
        client = browser(curator)
        seen = {"label": self.names()}
        client.post(f"{SETTINGS}/labels/order", {**seen, "up": "staging"})
        assert self.names() == ["staging", "production", "archived"]
        assert client.post(f"{SETTINGS}/labels/order", {**seen, "down": "x"}).status_code == 400
        short = {"label": ["staging"], "up": "staging"}
        assert client.post(f"{SETTINGS}/labels/order", short).status_code == 409
        (event,) = Event.objects.filter(kind="labels.ordered")
        assert '"before":{"labels":["production","staging","archived"]}' in event.payload

    def test_one_that_nobody_holds_is_deleted_and_can_come_back(self, curator: User) -> None:
        client = browser(curator)
        page = text_of(
            client.post(f"{SETTINGS}/labels/archived/edit", {"do": "delete"}, follow=True)
        )
        assert self.names() == ["production", "staging"]
        assert 'name="name" value="archived"' in page  # the way back
        assert Event.objects.filter(kind="label.deleted").count() == 1
        assert client.get(f"{SETTINGS}/labels/archived/edit").status_code == 404

    def test_one_that_is_held_stays(self) -> None:
        table = build.table()
        allowed = build.access(table.curator, project=table.project)
        promote_version(version=table.versions[0], label="staging", access=allowed)
        client = browser(table.curator)
        assert "cannot be deleted" in text_of(client.get(f"{SETTINGS}/labels/staging/edit"))
        answer = client.post(f"{SETTINGS}/labels/staging/edit", {"do": "delete"})
        assert answer.status_code == 409
        assert "staging" in self.names()

    def test_the_page_costs_the_same_for_many(
        self, curator: User, django_assert_num_queries: Any
    ) -> None:
        client = browser(curator)
        for count in (3, 30):
            while StatusLabel.objects.count() < count:
                form = {"name": f"label-{StatusLabel.objects.count()}", "colour": "slate"}
                client.post(f"{SETTINGS}/labels", form)
            client.get(f"{SETTINGS}/labels")  # the messages of making them
            with django_assert_num_queries(5):  # session, person, team, labels, holders
                client.get(f"{SETTINGS}/labels")


class TestMetrics:
    FORM = {"title": "Cross entropy", "better": "lower", "format": "fixed:3", "description": "d"}

    def test_one_is_defined(self) -> None:
        table = build.table()
        metric = MetricDefinition.objects.get(name="loss")
        client = browser(table.curator)
        assert "loss" in text_of(client.get(f"{SETTINGS}/metrics?q=LOS"))
        answer = client.post(f"{SETTINGS}/metrics/{metric.pk}", self.FORM)
        assert answer["Location"] == f"{SETTINGS}/metrics"
        metric.refresh_from_db()
        assert (metric.title, metric.format) == ("Cross entropy", "fixed:3")
        event = Event.objects.get(kind="metric.defined")
        assert "better" not in event.payload  # was so before

    def test_it_leads_back_to_where_one_was_but_not_off_the_site(self) -> None:
        table = build.table()
        client = browser(table.curator)
        address = f"{SETTINGS}/metrics/{MetricDefinition.objects.get(name='loss').pk}"
        for target, location in (
            ("/main/models", "/main/models"),
            ("//evil.example", f"{SETTINGS}/metrics"),
        ):
            answer = client.post(address, {**self.FORM, "next": target})
            assert answer["Location"] == location

    @pytest.mark.parametrize(
        "wrong", [{"format": "hex"}, {"format": ""}, {"better": "up"}, {"title": "x" * 129}]
    )
    def test_what_cannot_be_comes_back_with_the_reason(self, wrong: dict[str, str]) -> None:
        table = build.table()
        metric = MetricDefinition.objects.get(name="loss")
        answer = browser(table.curator).post(
            f"{SETTINGS}/metrics/{metric.pk}", {**self.FORM, **wrong}
        )
        assert answer.status_code == 400
        assert 'class="error"' in text_of(answer)

    def test_one_of_a_private_project_is_not_there(self, admin: User) -> None:
        table = build.table()
        place = build.project(admin, "secret", private=True)
        version = build.version(admin, build.collection(admin, place))
        build.result(admin, version.artifact, 0.1, on=None, metric="hidden_metric")
        metric = MetricDefinition.objects.get(name="hidden_metric")
        client = browser(table.curator)
        assert "hidden_metric" not in text_of(client.get(f"{SETTINGS}/metrics"))
        for answer in (
            client.get(f"{SETTINGS}/metrics/{metric.pk}"),
            client.post(f"{SETTINGS}/metrics/{metric.pk}", self.FORM),
        ):
            assert answer.status_code == 404
        assert "hidden_metric" in text_of(browser(admin).get(f"{SETTINGS}/metrics"))

    def test_one_of_another_team_is_not_there(self, admin: User) -> None:
        stranger = build.user("stranger", role=Role.ADMIN, team_name="others")
        MetricDefinition.objects.create(team=build.team("others"), name="x", name_key="x")
        metric = MetricDefinition.objects.get(name="x")
        assert browser(admin).get(f"{SETTINGS}/metrics/{metric.pk}").status_code == 404
        page = browser(stranger).get(f"/others/settings/metrics/{metric.pk}")
        assert page.status_code == 200


class TestKeys:
    def test_are_listed_with_whose_they_are(self, admin: User) -> None:
        eve, stranger = build.user("eve"), build.user("stranger", team_name="others")
        build.api_key(eve)
        build.api_key(stranger)
        page = text_of(browser(admin).get(f"{SETTINGS}/keys"))
        assert "<bdi>eve</bdi>" in page
        assert "<bdi>stranger</bdi>" not in page

    def test_one_is_revoked(self, admin: User) -> None:
        secret = build.api_key(build.user("eve"))
        key = ApiKey.objects.get()
        client = browser(admin)
        assert "Revoke this key?" in text_of(client.get(f"{SETTINGS}/keys/{key.pk}"))
        client.post(f"{SETTINGS}/keys/{key.pk}")
        headers = {"Authorization": f"Bearer {secret}"}
        assert browser().get("/api/v1/me", headers=headers).status_code == 401
        assert client.post(f"{SETTINGS}/keys/{key.pk}").status_code == 404

    def test_one_that_other_teams_rely_on_is_not(self, admin: User) -> None:
        build.api_key(shared())
        key = ApiKey.objects.get()
        client = browser(admin)
        assert "you cannot end it for them" in text_of(client.get(f"{SETTINGS}/keys/{key.pk}"))
        assert client.post(f"{SETTINGS}/keys/{key.pk}").status_code == 403
        key.refresh_from_db()
        assert key.revoked_at is None

    def test_one_of_nobody_here_is_not_there(self, admin: User) -> None:
        build.api_key(build.user("stranger", team_name="others"))
        assert browser(admin).post(f"{SETTINGS}/keys/{ApiKey.objects.get().pk}").status_code == 404

    def test_the_list_costs_the_same_for_many(
        self, admin: User, django_assert_num_queries: Any
    ) -> None:
        client = browser(admin)
        for count in (1, 20):
            while ApiKey.objects.count() < count:
                build.api_key(build.user())
            with django_assert_num_queries(4):  # session, person, team, keys
                client.get(f"{SETTINGS}/keys")
