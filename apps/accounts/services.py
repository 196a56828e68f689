"""Changing accounts: every function checks, changes and ends with one audit event."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.accounts import secrets
from apps.accounts.choices import Role, Scope
from apps.accounts.models import ApiKey, LoginLink, Membership, Team, User
from apps.accounts.queries import open_login_link, team_named
from apps.accounts.signals import member_left, team_created
from apps.audit.actors import Actor, Subject
from apps.audit.services import record
from apps.core.errors import Conflict, Invalid, NotFound
from apps.core.names import check_not_reserved, clean_name, clean_text, name_key

DEFAULT_TEAM = "main"
LINK_LIFETIME = timedelta(hours=1)
MAX_KEY_LIFETIME = timedelta(days=3650)
MAX_PASSWORD_LENGTH = 1024
MAX_RETENTION_DAYS = 3650
# Writing the time of last use on every request would cost a commit each; this is precise enough.
LAST_USE_PRECISION = timedelta(minutes=10)
# How long a form that is sent again still shows the key that it made.
SAME_FORM = timedelta(minutes=10)


class KeyFormUsed(Conflict):
    """The form that asks for a key has made one, and it cannot be shown any more."""


class NameTaken(Conflict):
    """Another one has this name, or one that differs only in letter case or spelling form."""


@transaction.atomic
def create_team(*, name: str, actor: Actor, title: str = "", at: datetime | None = None) -> Team:
    """Make a team with the default status labels (added by whoever listens to team_created)."""
    name = clean_name(name, field="name", max_length=64, what="team name", spaces=False)
    check_not_reserved(name, field="name", what="team name")
    if "." in name:
        # The first word of an address: so `/.env` or `/db.sqlite3` is never taken for a team.
        raise Invalid("The team name may not contain dots; use - instead.", field="name")
    team = Team(name=name, name_key=name_key(name), title=title, created_at=at or timezone.now())
    try:
        with transaction.atomic():
            team.save(force_insert=True)
    except IntegrityError as error:
        raise NameTaken(f"There is already a team named {name!r}.") from error
    team_created.send(sender=Team, team=team, actor=actor)
    record(
        kind="team.created",
        actor=actor,
        subjects=[_team(team)],
        team_id=team.pk,
        after={"name": team.name, "title": team.title},
        at=at,
    )
    return team


@transaction.atomic
def create_user(
    *,
    username: str,
    actor: Actor,
    role: Role = Role.VIEWER,
    team_name: str = DEFAULT_TEAM,
    display_name: str = "",
    email: str = "",
    password: str | None = None,
    at: datetime | None = None,
) -> User:
    """Make a person with a role in a team; the team is made when it is missing.

    Without a password the person has none at all: the way in is a one-time link. Raises NameTaken,
    or Invalid when the name or the password does not do.
    """
    username = clean_name(username, field="username", max_length=64, what="user name", spaces=False)
    now = at or timezone.now()
    try:
        team = team_named(team_name)
    except NotFound:
        team = create_team(name=team_name, actor=actor, at=at)
    user = User(
        username=username,
        username_key=name_key(username),
        display_name=clean_text(
            display_name, field="display_name", max_length=128, multiline=False
        ).strip(),
        email=email,
        default_team=team,
        created_at=now,
    )
    if password:
        _check_password(password, user)
        user.set_password(password)
    else:
        user.set_unusable_password()
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError as error:
        raise NameTaken(f"There is already a user named {username!r}.") from error
    Membership.objects.create(user=user, team=team, role=role)
    record(
        kind="user.created",
        actor=actor,
        subjects=[_user(user), _team(team)],
        team_id=team.pk,
        after={"username": user.username, "role": str(role), "team": team.name},
        at=at,
    )
    return user


@transaction.atomic
def update_team(
    *, team: Team, actor: Actor, title: str | None = None, retention_days: int | None = None
) -> Team:
    """Change a team's title, or how long what was deleted stays in its bin."""
    locked = Team.objects.select_for_update(no_key=True).get(pk=team.pk)
    after: dict[str, object] = {}
    if title is not None:
        after["title"] = clean_text(title, field="title", max_length=128, multiline=False).strip()
    if retention_days is not None:
        if not 1 <= retention_days <= MAX_RETENTION_DAYS:
            raise Invalid(
                f"The bin keeps things for 1 to {MAX_RETENTION_DAYS} days.", field="retention_days"
            )
        after["retention_days"] = retention_days
    after = {name: value for name, value in after.items() if value != getattr(locked, name)}
    if not after:
        return locked
    before = {name: getattr(locked, name) for name in after}
    for name, value in after.items():
        setattr(locked, name, value)
    locked.save(update_fields=list(after))
    record(
        kind="team.changed",
        actor=actor,
        subjects=[_team(locked)],
        team_id=locked.pk,
        before=before,
        after=after,
    )
    return locked


@transaction.atomic
def set_role(*, user: User, team: Team, role: Role | None, actor: Actor) -> None:
    """Give a person a role in a team, or with None take it away. The last admin stays.

    Whoever leaves is named for none of its projects any more (by whoever listens to member_left).
    Giving the role that the person has changes nothing.
    """
    _lock_members([team.pk])
    members = Membership.objects.filter(team=team)
    former = members.filter(user=user).first()
    if (former.role if former else None) == role:
        return
    if former is not None and former.role == Role.ADMIN:
        _check_not_last_admin(user, [team.pk])
    if role is None:
        members.filter(user=user).delete()
    else:
        Membership.objects.update_or_create(user=user, team=team, defaults={"role": role})
    record(
        kind="member.changed",
        actor=actor,
        subjects=[_user(user), _team(team)],
        team_id=team.pk,
        before={"role": former.role if former else None},
        after={"role": str(role) if role else None},
    )
    if role is None:
        member_left.send(sender=Team, user=user, team=team, actor=actor)


@transaction.atomic
def set_active(*, user: User, is_active: bool, actor: Actor, team: Team | None = None) -> None:
    """Let a person in, or shut out: sessions and keys stop at their next request.

    The last admin of a team cannot be shut out. `team` is the one whose history tells of it.
    """
    led = Membership.objects.filter(user=user, role=Role.ADMIN).values_list("team_id", flat=True)
    teams = list(led)
    _lock_members(teams)
    if not is_active:
        _check_not_last_admin(user, teams)
    before = user.is_active
    user.is_active = is_active
    user.save(update_fields=["is_active"])
    record(
        kind="user.activated" if is_active else "user.deactivated",
        actor=actor,
        subjects=[_user(user)],
        team_id=team.pk if team else None,
        before={"is_active": before},
        after={"is_active": is_active},
    )


@transaction.atomic
def set_password(*, user: User, password: str, actor: Actor) -> None:
    """Set a password. Other sessions of this person end (the session hash changes); keys stay."""
    _check_password(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    record(kind="user.password_set", actor=actor, subjects=[_user(user)])


@transaction.atomic
def create_api_key(
    *,
    user: User,
    name: str,
    actor: Actor,
    scope: Scope = Scope.WRITE,
    expires_at: datetime | None = None,
    once: str = "",
) -> str:
    """Make a key and return its secret, which is not kept and cannot be read again.

    A form that is sent twice with the same `once` makes one key: the secret is derived from it, so
    for a few minutes the second answer can show it too. Afterwards raises KeyFormUsed.
    """
    now = timezone.now()
    if expires_at is not None and not now < expires_at <= now + MAX_KEY_LIFETIME:
        raise Invalid("The expiry must lie in the next ten years.", field="expires_at")
    name = clean_name(name, field="name", max_length=128, what="key name")
    secret = secrets.api_key_from(f"{user.pk} {once}") if once else secrets.new_api_key()
    key, is_new = ApiKey.objects.get_or_create(
        digest=secrets.digest(secret),
        defaults={
            "user": user,
            "name": name,
            "hint": secret[-4:],
            "scope": scope,
            "created_at": now,
            "expires_at": expires_at,
        },
    )
    if not is_new:
        if key.revoked_at is not None or key.created_at < now - SAME_FORM:
            raise KeyFormUsed("This form has made its key already. Open the page again.")
        return secret
    record(
        kind="key.created",
        actor=actor,
        subjects=[Subject("key", key.pk, str(key)), _user(user)],
        after={"name": key.name, "scope": key.scope, "expires_at": expires_at},
    )
    return secret


@transaction.atomic
def revoke_api_key(*, key: ApiKey, actor: Actor) -> None:
    """End a key at once. Doing it again changes nothing."""
    changed = ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())
    if changed:
        record(
            kind="key.revoked",
            actor=actor,
            subjects=[Subject("key", key.pk, str(key)), _user(key.user)],
        )


def note_key_use(*, key: ApiKey, at: datetime | None = None) -> None:
    """Remember roughly when a key was last used."""
    now = at or timezone.now()
    if key.last_used_at is None or now - key.last_used_at > LAST_USE_PRECISION:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)


@transaction.atomic
def create_login_link(*, user: User, actor: Actor, lifetime: timedelta = LINK_LIFETIME) -> str:
    """Make a one-time sign-in token for a person and return it; older unused ones end."""
    now = timezone.now()
    LoginLink.objects.filter(user=user, used_at=None).update(used_at=now)
    token = secrets.new_token()
    LoginLink.objects.create(
        user=user, digest=secrets.digest(token), created_at=now, expires_at=now + lifetime
    )
    record(kind="login_link.created", actor=actor, subjects=[_user(user)])
    return token


@transaction.atomic
def use_login_link(*, token: str, actor: Actor) -> User:
    """Spend a one-time token. Of two simultaneous uses one wins. Raises NotFound."""
    link = open_login_link(token)
    spent = LoginLink.objects.filter(pk=link.pk, used_at=None).update(used_at=timezone.now())
    if not spent:
        raise NotFound("This sign-in link has been used. Ask for a new one.")
    record(
        kind="login_link.used",
        actor=Actor(
            user_id=link.user.pk,
            name=link.user.username,
            address=actor.address,
            request_id=actor.request_id,
        ),
        subjects=[_user(link.user)],
    )
    return link.user


def _lock_members(teams: Sequence[int]) -> None:
    """One change at a time of who is in these teams.

    The teams are locked, not their memberships: two changes that lock rows of one team in different
    order would wait for each other, and one that adds a row would lock nothing.
    """
    locked = Team.objects.select_for_update(no_key=True).filter(pk__in=teams).order_by("pk")
    list(locked.values_list("pk"))


def _check_not_last_admin(user: User, teams: Sequence[int]) -> None:
    """Raises Conflict when one of these teams would be left without an admin who can sign in."""
    others = Membership.objects.filter(role=Role.ADMIN, user__is_active=True).exclude(user=user)
    led = set(others.filter(team__in=teams).values_list("team_id", flat=True))
    left = Team.objects.filter(pk__in=set(teams) - led).order_by("pk").first()
    if left is not None:
        raise Conflict(f"{user} is the last admin of {left.name}. Name another admin first.")


def _check_password(password: str, user: User) -> None:
    if len(password) > MAX_PASSWORD_LENGTH:
        raise Invalid(
            f"A password may have {MAX_PASSWORD_LENGTH} characters at most.", field="password"
        )
    try:
        password_validation.validate_password(password, user)
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), field="password") from error


def _team(team: Team) -> Subject:
    return Subject("team", team.pk, team.name)


def _user(user: User) -> Subject:
    return Subject("user", user.pk, user.username)
