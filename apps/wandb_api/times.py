"""Times as the client reads them: UTC, whole seconds."""

from datetime import UTC, datetime


def wire_time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
