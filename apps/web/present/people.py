"""Moments and people in the words of every page."""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.core.times import ago


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as people say it, and exactly."""

    text: str
    exact: str
    iso: str


def moment(at: datetime | None) -> Moment | None:
    if at is None:
        return None
    return Moment(ago(at), exact(at), at.astimezone(UTC).isoformat(timespec="seconds"))


def exact(at: datetime) -> str:
    """To the second, in UTC: `2026-11-17 09:30:00 UTC`."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def day(at: datetime) -> str:
    """The day alone: `2026-11-17`, understood everywhere."""
    return f"{at.astimezone(UTC):%Y-%m-%d}"


def name_of(user: User | None) -> str:
    return str(user) if user is not None else _("someone")
