"""Reading accounts: who is asking, and who is who."""

from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone

from apps.accounts import secrets
from apps.accounts.choices import Role
from apps.accounts.models import ApiKey, LoginLink, Membership, Team, User
from apps.core.errors import NotFound, NotSignedIn
from apps.core.names import name_key
from apps.core.prepared import Prepared


class KeyRefused(NotSignedIn):
    """The key is unknown, expired or revoked, or its owner is inactive; which one is not said."""


def user_named(username: str) -> User:
    """The person of that name, whatever the letter case. Raises NotFound."""
    user = User.objects.filter(username_key=name_key(username)).first()
    if user is None:
        raise NotFound(f"There is no user named {username!r}.")
    return user


def team_named(name: str) -> Team:
    """The team of that name, whatever the letter case. Raises NotFound."""
    team = Team.objects.filter(name_key=name_key(name)).first()
    if team is None:
        raise NotFound(f"There is no team named {name!r}.")
    return team


def key_holder(secret: str, *, at: datetime | None = None) -> ApiKey:
    """The live key with this secret, its user loaded (one query). Raises KeyRefused."""
    refusal = KeyRefused("This API key is not valid. Make one on the API keys page.")
    if not secrets.is_api_key(secret):
        raise refusal
    key = _LIVE_KEYS.first(secrets.digest(secret))
    if key is None or (key.expires_at is not None and key.expires_at <= (at or timezone.now())):
        raise refusal
    return key


# Each request of a program begins with this.
_LIVE_KEYS = Prepared(
    lambda digest: ApiKey.objects.select_related("user", "user__default_team").filter(
        digest=digest, revoked_at=None, user__is_active=True
    ),
    str,
)


def open_login_link(token: str, *, at: datetime | None = None) -> LoginLink:
    """The unused, unexpired one-time link with this token. Raises NotFound."""
    link = (
        LoginLink.objects.select_related("user")
        .filter(digest=secrets.digest(token), used_at=None, user__is_active=True)
        .filter(expires_at__gt=at or timezone.now())
        .first()
    )
    if link is None:
        raise NotFound("This sign-in link has been used or has expired. Ask for a new one.")
    return link


def teams_of(user: User) -> QuerySet[Membership]:
    """The user's memberships with their teams, by team name."""
    return user.memberships.select_related("team").order_by("team__name_key")


def keys_of(user: User) -> QuerySet[ApiKey]:
    """The user's keys that are not revoked, newest first."""
    return user.api_keys.filter(revoked_at=None).order_by("-created_at", "-pk")


def members_of(team: Team) -> QuerySet[Membership]:
    """The team's memberships with their people, by name."""
    return team.memberships.select_related("user", "team").order_by("user__username_key")


def member_named(team: Team, username: str) -> Membership:
    """The membership of a person in a team. Raises NotFound."""
    found = members_of(team).filter(user__username_key=name_key(username)).first()
    if found is None:
        raise NotFound(f"There is nobody named {username!r} in the team {team.name}.")
    return found


def curates_team(user: User, team: Team) -> bool:
    """Whether the user's role counts for the whole team, and not for a project of it alone."""
    return team.memberships.filter(user=user, role__in=(Role.CURATOR, Role.ADMIN)).exists()


def administers(admin: User, person: User) -> bool:
    """Whether the one is an admin of every team that the other is in."""
    led = Membership.objects.filter(user=admin, role=Role.ADMIN).values("team")
    return not Membership.objects.filter(user=person).exclude(team__in=led).exists()


def keys_in(team: Team) -> QuerySet[ApiKey]:
    """The keys of the team's members that are not revoked, with whose they are."""
    keys = ApiKey.objects.filter(user__memberships__team=team, revoked_at=None)
    return keys.select_related("user")
