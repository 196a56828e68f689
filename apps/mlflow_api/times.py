"""Times of the protocol: milliseconds since the epoch."""

from datetime import UTC, datetime, timedelta

from apps.mlflow_api.errors import invalid_value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_milliseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)


def from_milliseconds(milliseconds: int, *, field: str) -> datetime:
    """Raises INVALID_PARAMETER_VALUE for what is no time that a calendar has."""
    try:
        at = _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        raise invalid_value(field, milliseconds, "it is no possible time.") from None
    if at.year < 2:
        # So near the edge of the calendar a database may no longer write it in its own time zone.
        raise invalid_value(field, milliseconds, "it is no possible time.")
    return at
