"""What an admin of a team does with its people: adding them, letting them in, shutting them out.

A person can be in several teams, with one account. Whoever may sign that account in, shut it out or
end its keys acts for all of them, so that is for those alone who are an admin of every team that
the person is in; a role in a team is for the admins of that team.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction

from apps.accounts.choices import Role
from apps.accounts.models import ApiKey, Membership, Team, User
from apps.accounts.queries import administers, member_named
from apps.accounts.services import (
    create_login_link,
    create_user,
    revoke_api_key,
    set_active,
    set_role,
)
from apps.audit.actors import Actor
from apps.core.errors import Conflict, Forbidden
from apps.core.names import name_key

# Long enough to reach somebody who reads mail twice a week.
INVITATION_LIFETIME = timedelta(days=3)


class NotInCharge(Forbidden):
    """The person is in teams, too, that the caller does not administer."""


class AlreadyMember(Conflict):
    """The person is in the team."""


@dataclass(frozen=True)
class Invitation:
    """A person who was added. `token` is the one-time way in, or empty: the person has one."""

    user: User
    token: str


@transaction.atomic
def add_member(
    *, team: Team, username: str, role: Role, actor: Actor, display_name: str = "", email: str = ""
) -> Invitation:
    """Add a person to a team: a new one with a one-time link, a known one as before.

    Raises AlreadyMember, or Invalid for a name that cannot be.
    """
    known = User.objects.filter(username_key=name_key(username)).first()
    if known is None:
        user = create_user(
            username=username,
            role=role,
            team_name=team.name,
            display_name=display_name,
            email=email,
            actor=actor,
        )
        return Invitation(user, _link(user, actor))
    if Membership.objects.filter(team=team, user=known).exists():
        raise AlreadyMember(f"{known.username} is in the team already.")
    set_role(user=known, team=team, role=role, actor=actor)
    return Invitation(known, "")


def make_way_in(*, team: Team, username: str, admin: User, actor: Actor) -> str:
    """A new one-time link for a member who has none or has lost the password."""
    person = member_named(team, username).user
    _check_in_charge(admin, person)
    return _link(person, actor)


def set_member_active(
    *, team: Team, username: str, is_active: bool, admin: User, actor: Actor
) -> None:
    """Shut a member out of the whole site, or let the person in again."""
    person = member_named(team, username).user
    _check_in_charge(admin, person)
    if person.pk == admin.pk:
        raise Conflict("You cannot shut yourself out. Another admin can.")
    set_active(user=person, is_active=is_active, actor=actor, team=team)


def revoke_member_key(*, key: ApiKey, admin: User, actor: Actor) -> None:
    """End a key of a member at once."""
    _check_in_charge(admin, key.user)
    revoke_api_key(key=key, actor=actor)


def _check_in_charge(admin: User, person: User) -> None:
    if not administers(admin, person):
        raise NotInCharge(
            f"{person.username} is in other teams too, whose admins you are not among. "
            "You can still change the role here, or take the person out of this team."
        )


def _link(user: User, actor: Actor) -> str:
    return create_login_link(user=user, actor=actor, lifetime=INVITATION_LIFETIME)
