"""Signing in with a password, throttled, and equally slow whether or not the name exists."""

from datetime import datetime, timedelta

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.accounts.models import LoginAttempt, User
from apps.accounts.services import MAX_PASSWORD_LENGTH
from apps.audit.actors import Actor, Subject
from apps.audit.services import record
from apps.core.errors import Invalid, NotSignedIn, TooMany
from apps.core.names import name_key

WINDOW = timedelta(minutes=1)
# Failures a minute: from one address for one name, for one name from anywhere, from one address.
# The second is the larger, so that a stranger cannot lock an owner out from elsewhere for long.
MAX_PER_NAME_AND_ADDRESS = 10
MAX_PER_NAME = 30
MAX_PER_ADDRESS = 60
KEPT = timedelta(hours=1)


def sign_in(*, username: str, password: str, actor: Actor, at: datetime | None = None) -> User:
    """The person with this name and password. Raises NotSignedIn or TooMany, with equal answers
    for a missing, an inactive and a password-less person."""
    now = at or timezone.now()
    key = name_key(username)[:128]
    _refuse_when_throttled(key, actor.address, now)
    user = User.objects.filter(username_key=key, is_active=True).first()
    if user is not None and _has_password(user, password):
        with transaction.atomic():
            LoginAttempt.objects.filter(name_key=key, address=actor.address).delete()
            record(
                kind="user.signed_in",
                actor=Actor(user.pk, user.username, None, actor.address, actor.request_id),
                subjects=[Subject("user", user.pk, user.username)],
            )
        return user
    if user is None:
        _hash_in_vain(password)
    _note_failure(key, actor, now)
    raise NotSignedIn("That name and password do not go together.")


def confirm_password(
    *, user: User, password: str, actor: Actor, at: datetime | None = None
) -> None:
    """Ask a person who is signed in for the password once more. Raises Invalid or TooMany.

    Wrong ones count as failed sign-ins, so an open session is no way round the throttle.
    """
    now = at or timezone.now()
    _refuse_when_throttled(user.username_key, actor.address, now)
    if not _has_password(user, password):
        _note_failure(user.username_key, actor, now)
        raise Invalid("That is not your present password.", field="current_password")


def _has_password(user: User, password: str) -> bool:
    """Whether it is this person's password, after the same work for every person."""
    if not user.has_usable_password() or len(password) > MAX_PASSWORD_LENGTH:
        _hash_in_vain(password)
        return False
    return user.check_password(password)


def _hash_in_vain(password: str) -> None:
    """The work of a real check, so that time tells nothing of who exists."""
    make_password(password[:MAX_PASSWORD_LENGTH])


def _refuse_when_throttled(key: str, address: str, now: datetime) -> None:
    recent = list(
        LoginAttempt.objects.filter(Q(name_key=key) | Q(address=address), at__gt=now - WINDOW)
        .order_by("-at")
        .values_list("name_key", "address")[: MAX_PER_ADDRESS + MAX_PER_NAME]
    )
    of_both = sum(1 for name, place in recent if name == key and place == address)
    of_name = sum(1 for name, _ in recent if name == key)
    of_address = sum(1 for _, place in recent if place == address)
    if (
        of_both >= MAX_PER_NAME_AND_ADDRESS
        or of_name >= MAX_PER_NAME
        or of_address >= MAX_PER_ADDRESS
    ):
        raise TooMany(
            "Too many failed sign-ins. Wait a minute, or use a one-time link.",
            retry_after=int(WINDOW.total_seconds()),
        )


@transaction.atomic
def _note_failure(key: str, actor: Actor, now: datetime) -> None:
    """Count the failure; only the first of a window becomes an audit event, so that guessing
    cannot flood the log."""
    LoginAttempt.objects.filter(at__lt=now - KEPT).delete()
    is_first = not LoginAttempt.objects.filter(
        name_key=key, address=actor.address, at__gt=now - WINDOW
    ).exists()
    LoginAttempt.objects.create(name_key=key, address=actor.address, at=now)
    if is_first:
        record(kind="user.sign_in_refused", actor=actor, subjects=[], after={"username": key})
