"""Accounts: who exists, who gets in, and what a key or a link is worth."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts import secrets
from apps.accounts.choices import Role, Scope
from apps.accounts.models import ApiKey, LoginLink, User
from apps.accounts.queries import KeyRefused, key_holder, user_named
from apps.accounts.services import (
    NameTaken,
    create_api_key,
    create_login_link,
    create_team,
    create_user,
    revoke_api_key,
    set_active,
    set_password,
    set_role,
    use_login_link,
)
from apps.accounts.sign_in import MAX_PER_NAME_AND_ADDRESS, sign_in
from apps.audit.actors import Actor
from apps.audit.models import Event
from apps.core.errors import Conflict, Invalid, NotFound, NotSignedIn, TooMany
from apps.registry.models import StatusLabel
from tests import build

pytestmark = pytest.mark.django_db


def test_a_new_team_has_the_three_labels() -> None:
    team = build.team("vision")

    labels = StatusLabel.objects.filter(team=team).values_list(
        "name", "is_exclusive", "is_protected"
    )

    assert list(labels) == [
        ("production", True, True),
        ("staging", True, False),
        ("archived", False, False),
    ]


def test_the_first_user_makes_the_team_and_has_no_password() -> None:
    person = create_user(username="ana", role=Role.ADMIN, actor=build.SYSTEM)

    assert not person.has_usable_password()
    membership = person.memberships.get()
    assert (membership.team.name, membership.role) == ("main", Role.ADMIN)


@pytest.mark.parametrize("name", ["ana", "ANA", "Ana"])
def test_names_are_unique_whatever_their_letter_case(name: str) -> None:
    build.user("Ana")

    with pytest.raises(NameTaken):
        create_user(username=name, actor=build.SYSTEM)

    assert User.objects.count() == 1


@pytest.mark.parametrize("name", ["", " ana", "a/b", "ana\x00", "a" * 65, "аna", "ana\u200b"])
def test_names_that_deceive_or_break_addresses_are_refused(name: str) -> None:
    with pytest.raises(Invalid):
        create_user(username=name, actor=build.SYSTEM)


@pytest.mark.parametrize("name", [".env", "db.sqlite3", "static..", "a.b"])
def test_a_team_is_not_named_like_a_file(name: str) -> None:
    with pytest.raises(Invalid, match="dots"):
        create_team(name=name, actor=build.SYSTEM)


def test_a_thousand_keys_are_unique_and_carry_a_checksum() -> None:
    keys = {secrets.new_api_key() for _ in range(1000)}

    assert len(keys) == 1000
    for key in keys:
        prefix, _, body = key.partition("-")
        assert prefix == "ms"
        assert len(body) == 40
        assert body.isalnum()
        assert body.isascii()
        assert secrets.is_api_key(key)
        wrong = key[:-1] + ("a" if key[-1] != "a" else "b")
        assert not secrets.is_api_key(wrong)


def test_a_key_is_kept_as_a_hash_only() -> None:
    person = build.user("ana")

    key = build.api_key(person)

    assert key_holder(key).user == person
    row = ApiKey.objects.values().get()
    assert key not in repr(row)
    assert not any(key in payload for payload in Event.objects.values_list("payload", flat=True))


def test_a_key_ends_when_it_is_revoked_expired_or_its_owner_leaves() -> None:
    person = build.user("ana")
    now = timezone.now()
    revoked = build.api_key(person)
    revoke_api_key(key=key_holder(revoked), actor=build.SYSTEM)
    expiring = create_api_key(
        user=person, name="a day", actor=build.SYSTEM, expires_at=now + timedelta(days=1)
    )
    lasting = build.api_key(person, scope=Scope.READ)

    with pytest.raises(KeyRefused):
        key_holder(revoked)
    assert key_holder(expiring, at=now + timedelta(hours=23))
    with pytest.raises(KeyRefused):
        key_holder(expiring, at=now + timedelta(hours=25))
    set_active(user=person, is_active=False, actor=build.SYSTEM)
    with pytest.raises(KeyRefused):
        key_holder(lasting)


@pytest.mark.parametrize(
    "text", ["", "ms-", "ms-" + "a" * 40, "x" * 1_000_000, "ms-١" * 10, "a\nb"]
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(KeyRefused):
        key_holder(text)


def test_an_expiry_lies_in_the_future() -> None:
    person = build.user("ana")

    with pytest.raises(Invalid):
        create_api_key(
            user=person,
            name="late",
            actor=build.SYSTEM,
            expires_at=timezone.now() - timedelta(seconds=1),
        )


def test_a_link_works_once() -> None:
    person = build.user("ana")
    token = create_login_link(user=person, actor=build.SYSTEM)

    assert use_login_link(token=token, actor=build.SYSTEM) == person
    with pytest.raises(NotFound):
        use_login_link(token=token, actor=build.SYSTEM)
    assert token not in repr(list(LoginLink.objects.values()))


def test_a_link_expires_and_a_newer_one_ends_it() -> None:
    person = build.user("ana")
    first = create_login_link(user=person, actor=build.SYSTEM)
    second = create_login_link(user=person, actor=build.SYSTEM, lifetime=timedelta(seconds=-1))

    for token in (first, second, "guess"):
        with pytest.raises(NotFound):
            use_login_link(token=token, actor=build.SYSTEM)


def test_the_last_admin_stays() -> None:
    admin = build.user("ana", role=Role.ADMIN)
    team = build.team()

    with pytest.raises(Conflict, match="last admin"):
        set_role(user=admin, team=team, role=Role.VIEWER, actor=build.SYSTEM)

    build.user("bo", role=Role.ADMIN)
    set_role(user=admin, team=team, role=None, actor=build.SYSTEM)
    assert not admin.memberships.exists()


PASSWORD = "correct horse battery"


def with_password(name: str = "ana") -> User:
    person = build.user(name)
    set_password(user=person, password=PASSWORD, actor=build.SYSTEM)
    return person


def at_address(address: str) -> Actor:
    return Actor(user_id=None, name="", address=address)


def test_the_right_password_signs_in() -> None:
    person = with_password()

    assert sign_in(username="ANA", password=PASSWORD, actor=at_address("192.0.2.1")) == person


@pytest.mark.parametrize("username", ["ana", "nobody", "inactive", "keyless", "", "x" * 10_000])
def test_all_refusals_look_alike(username: str) -> None:
    with_password()
    set_active(user=with_password("inactive"), is_active=False, actor=build.SYSTEM)
    build.user("keyless")

    with pytest.raises(NotSignedIn) as refusal:
        sign_in(username=username, password="wrong password", actor=at_address("192.0.2.1"))

    assert refusal.value.message == "That name and password do not go together."


def test_guessing_is_slowed_down_but_the_owner_elsewhere_gets_in() -> None:
    person = with_password()
    for _ in range(MAX_PER_NAME_AND_ADDRESS):
        with pytest.raises(NotSignedIn):
            sign_in(username="ana", password="guess", actor=at_address("192.0.2.1"))

    with pytest.raises(TooMany) as refusal:
        sign_in(username="ana", password=PASSWORD, actor=at_address("192.0.2.1"))

    assert refusal.value.retry_after == 60
    assert sign_in(username="ana", password=PASSWORD, actor=at_address("192.0.2.2")) == person
    later = timezone.now() + timedelta(seconds=61)
    address = at_address("192.0.2.1")
    assert sign_in(username="ana", password=PASSWORD, actor=address, at=later) == person


def test_guesses_leave_one_event_a_minute() -> None:
    with_password()
    for _ in range(5):
        with pytest.raises(NotSignedIn):
            sign_in(username="ana", password="guess", actor=at_address("192.0.2.1"))

    assert Event.objects.filter(kind="user.sign_in_refused").count() == 1


@pytest.mark.parametrize("password", ["short", "password123", "ana", "1" * 1025])
def test_weak_passwords_are_refused(password: str) -> None:
    with pytest.raises(Invalid):
        set_password(user=build.user("ana"), password=password, actor=build.SYSTEM)


@pytest.mark.parametrize("password", ["x7" * 32, "ä 😀 p" * 20])
def test_long_and_unusual_passwords_are_taken_as_they_are(password: str) -> None:
    person = build.user("ana")

    set_password(user=person, password=password, actor=build.SYSTEM)

    assert user_named("ana").check_password(password)
