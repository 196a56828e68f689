"""Recording an event: the last step of every service that changes something."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from apps.audit.actors import Actor, Subject
from apps.audit.chain import hash_of, payload_text
from apps.audit.models import ChainHead, Event, EventSubject
from apps.core.times import to_text


class NotAtomicError(RuntimeError):
    """An event was to be recorded outside the transaction of the change it tells of."""


class ChainBrokenError(RuntimeError):
    """There are events but no chain head: somebody tampered, and nothing may be added."""


def record(
    *,
    kind: str,
    actor: Actor,
    subjects: Sequence[Subject],
    team_id: int | None = None,
    project_id: int | None = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
    at: datetime | None = None,
) -> Event:
    """Append one event to the chain, in the caller's transaction.

    `kind` is a noun and what happened to it (`version.promoted`); `before` and `after` hold the
    changed values only, never a secret. Events are in the order of their commits: the head of the
    chain stays locked until then, which is why services call this last.

    Four queries: lock the head, add the event, add its subjects, move the head.
    """
    if not connection.in_atomic_block:
        raise NotAtomicError("Record events inside the transaction.atomic() of the change.")
    # Named once each: a promotion may well name one version twice.
    subjects = list({(subject.kind, subject.object_id): subject for subject in subjects}.values())
    head = _locked_head()
    event = Event(
        sequence=head.sequence + 1,
        at=at or timezone.now(),
        kind=kind,
        actor_id=actor.user_id,
        actor_name=actor.name[:200],
        key_id=actor.key_id,
        address=actor.address[:64],
        request_id=actor.request_id[:64],
        team_id=team_id,
        project_id=project_id,
        payload=payload_text(
            subjects=subjects, before=_plain(before), after=_plain(after), reason=reason
        ),
        reason=reason,
        previous_hash=head.hash,
    )
    event.hash = hash_of(event)
    event.save(force_insert=True)
    EventSubject.objects.bulk_create(
        EventSubject(
            event=event, kind=subject.kind, object_id=subject.object_id, name=subject.name[:400]
        )
        for subject in subjects
    )
    ChainHead.objects.filter(pk=head.pk).update(sequence=event.sequence, hash=event.hash)
    return event


def _locked_head() -> ChainHead:
    """The end of the chain, held until commit: by a row lock, or by SQLite's one writer."""
    locked = ChainHead.objects.select_for_update().filter(pk=1)
    head = locked.first()
    if head is None:
        # An emptied database, as tests leave it. Of many who come here at once one inserts; or its
        # first event is there already, and it brought the head with it.
        if not Event.objects.exists():
            ChainHead.objects.bulk_create([ChainHead()], ignore_conflicts=True)
        head = locked.first()
    if head is None:
        raise ChainBrokenError("The audit chain has lost its head; run verify_audit.")
    return head


def _plain(value: Any) -> Any:
    """Values as the payload holds them: times as UTC text."""
    if isinstance(value, datetime):
        return to_text(value)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
