"""The commands that make people, keys and links print what scripts can take, and nothing more."""

import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.accounts.models import ApiKey, User
from apps.accounts.queries import key_holder, open_login_link
from apps.audit.models import Event

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


class TestCreateUser:
    def test_makes_the_team_and_no_password(self) -> None:
        run("create_user", "ada", "--role", "curator", "--team", "vision")

        user = User.objects.get(username="ada")
        assert not user.has_usable_password()
        membership = user.memberships.get()
        assert (membership.team.name, membership.role) == ("vision", "curator")

    def test_is_in_the_audit_log_once(self) -> None:
        run("create_user", "ada")
        assert Event.objects.filter(kind="user.created", actor_name="create_user").count() == 1

    def test_a_taken_name_is_said(self) -> None:
        run("create_user", "ada")
        with pytest.raises(CommandError, match="already a user named 'Ada'"):
            run("create_user", "Ada")

    @pytest.mark.parametrize("name", ["", "a/b", "a b", "x" * 65])
    def test_a_bad_name_is_said(self, name: str) -> None:
        with pytest.raises(CommandError):
            run("create_user", name)
        assert not User.objects.exists()

    def test_an_unknown_role_is_refused(self) -> None:
        with pytest.raises(CommandError, match="invalid choice"):
            run("create_user", "ada", "--role", "root")


class TestCreateApiKey:
    def test_prints_only_the_key(self) -> None:
        run("create_user", "ada")
        printed = run("create_api_key", "--user", "ada", "--scope", "read")

        assert re.fullmatch(r"ms-[0-9A-Za-z]{40}\n", printed)
        key = key_holder(printed.strip())
        assert (key.user.username, key.scope) == ("ada", "read")

    def test_an_unknown_person_is_said(self) -> None:
        with pytest.raises(CommandError, match="no user named 'bob'"):
            run("create_api_key", "--user", "bob")
        assert not ApiKey.objects.exists()


class TestLoginLink:
    def test_prints_only_a_link_that_works_once(self) -> None:
        run("create_user", "ada")
        printed = run("login_link", "--user", "ada")

        match = re.fullmatch(r"http://127\.0\.0\.1:8000/sign-in/([\w-]{43})\n", printed)
        assert match
        assert open_login_link(match[1]).user.username == "ada"

    def test_a_deactivated_person_gets_none(self) -> None:
        run("create_user", "ada")
        User.objects.update(is_active=False)
        with pytest.raises(CommandError, match="deactivated"):
            run("login_link", "--user", "ada")
