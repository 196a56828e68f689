"""Times as people read them, and as text that means the same everywhere."""

from datetime import UTC, datetime, timedelta

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.core.errors import Invalid

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_MONTH = 30.44 * _DAY
_YEAR = 365.25 * _DAY


def ago(at: datetime | None, now: datetime | None = None) -> str:
    """How long ago, short enough for a table: `just now`, `5 min ago`, `3 d ago`, `in 2 h`."""
    if at is None:
        return "–"
    seconds = ((now or timezone.now()) - at).total_seconds()
    if abs(seconds) < 10:
        return _("just now")
    amount = _short(abs(seconds))
    return (
        _("%(amount)s ago") % {"amount": amount}
        if seconds > 0
        else _("in %(amount)s") % {"amount": amount}
    )


def span(start: datetime, end: datetime | None = None) -> str:
    """How long something lasts or lasted, in words: `for 3 days`."""
    seconds = max(0.0, ((end or timezone.now()) - start).total_seconds())
    if seconds < _MINUTE:
        return _("for less than a minute")
    if seconds < _HOUR:
        count = int(seconds // _MINUTE)
        return ngettext("for %(count)d minute", "for %(count)d minutes", count) % {"count": count}
    if seconds < _DAY:
        count = int(seconds // _HOUR)
        return ngettext("for %(count)d hour", "for %(count)d hours", count) % {"count": count}
    if seconds < 2 * _MONTH:
        count = int(seconds // _DAY)
        return ngettext("for %(count)d day", "for %(count)d days", count) % {"count": count}
    if seconds < 2 * _YEAR:
        count = int(seconds // _MONTH)
        return ngettext("for %(count)d month", "for %(count)d months", count) % {"count": count}
    count = int(seconds // _YEAR)
    return ngettext("for %(count)d year", "for %(count)d years", count) % {"count": count}


def duration(seconds: float | None) -> str:
    """A length of time with its two largest units: `42 s`, `3 min 20 s`, `5 h 4 min`, `2 d 3 h`."""
    if seconds is None or seconds < 0:
        return "–"
    if seconds < 10:
        return _("%(seconds)s s") % {"seconds": f"{seconds:.1f}"}
    whole = round(seconds)
    if whole < _MINUTE:
        return _("%(seconds)s s") % {"seconds": whole}
    if whole < _HOUR:
        return _("%(minutes)d min %(seconds)d s") % {
            "minutes": whole // _MINUTE,
            "seconds": whole % _MINUTE,
        }
    if whole < _DAY:
        return _("%(hours)d h %(minutes)d min") % {
            "hours": whole // _HOUR,
            "minutes": whole % _HOUR // _MINUTE,
        }
    return _("%(days)d d %(hours)d h") % {"days": whole // _DAY, "hours": whole % _DAY // _HOUR}


def to_text(at: datetime) -> str:
    """ISO 8601 in UTC with microseconds, always 27 characters: sorts as text, hashes alike."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str, *, field: str = "time") -> datetime:
    """An ISO 8601 date or time as an aware UTC datetime; without an offset it is taken as UTC."""
    try:
        if len(text) > 40 or not text.isascii():
            raise ValueError
        at = parse_datetime(text) if len(text) > 10 else None
        if at is None:
            day = parse_date(text)
            at = datetime(day.year, day.month, day.day, tzinfo=UTC) if day else None
        if at is not None:
            return (at.replace(tzinfo=UTC) if at.tzinfo is None else at).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Invalid(
        f"{field} must be a date or time such as 2026-01-31 or 2026-01-31T12:00:00Z.", field=field
    )


def from_seconds(seconds: float, *, field: str = "time") -> datetime:
    """A point in time from seconds since the epoch, as series hold it."""
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        raise Invalid(f"{field} is not a possible time.", field=field) from None


def _short(seconds: float) -> str:
    if seconds < _MINUTE:
        return _("%(count)d s") % {"count": seconds}
    if seconds < _HOUR:
        return _("%(count)d min") % {"count": seconds // _MINUTE}
    if seconds < _DAY:
        return _("%(count)d h") % {"count": seconds // _HOUR}
    if seconds < 2 * _MONTH:
        return _("%(count)d d") % {"count": seconds // _DAY}
    if seconds < 2 * _YEAR:
        return _("%(count)d mo") % {"count": seconds // _MONTH}
    return _("%(count)d y") % {"count": seconds // _YEAR}
