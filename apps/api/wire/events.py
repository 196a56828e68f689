"""Audit events on the wire."""

import json
from typing import Any

from apps.api.wire.base import Moment, Out
from apps.audit.models import Event


class SubjectOut(Out):
    kind: str
    name: str


class EventOut(Out):
    """One change. The names are those of its time."""

    sequence: int
    at: Moment
    kind: str
    by: str
    with_key: bool
    subjects: list[SubjectOut]
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    reason: str
    request_id: str


def event_out(event: Event) -> EventOut:
    payload = json.loads(event.payload)
    return EventOut(
        sequence=event.sequence,
        at=event.at,
        kind=event.kind,
        by=event.actor_name,
        with_key=event.key_id is not None,
        subjects=[SubjectOut(kind=one.kind, name=one.name) for one in event.subjects.all()],
        before=payload["before"],
        after=payload["after"],
        reason=event.reason,
        request_id=event.request_id,
    )
