"""Recording an event: the last step of every service that changes something."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import partial
from typing import Any, Final

from django.db import connection
from django.utils import timezone

from apps.audit.actors import Actor, Subject
from apps.audit.chain import hash_of, payload_text
from apps.audit.models import ChainHead, Event, EventSubject
from apps.core.prepared import Prepared, insert, insert_all, update
from apps.core.times import to_text

# The events of the block of `told_last` that is going on, if one is.
_KEPT: Final[ContextVar[list[Callable[[], None]] | None]] = ContextVar("kept", default=None)


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
) -> None:
    """Append one event to the chain, in the caller's transaction.

    `kind` is a noun and what happened to it (`version.promoted`); `before` and `after` hold the
    changed values only, never a secret. Events are in the order of their commits: the head of the
    chain stays locked until then, which is why services call this last, and why those
    whose change leads to further changes do all of it in `told_last`.

    Four queries: lock the head, add the event, add its subjects, move the head.
    """
    if not connection.in_atomic_block:
        raise NotAtomicError("Record events inside the transaction.atomic() of the change.")
    append = partial(
        _append,
        kind=kind,
        actor=actor,
        # Named once each: a promotion may well name one version twice.
        subjects=list({(one.kind, one.object_id): one for one in subjects}.values()),
        team_id=team_id,
        project_id=project_id,
        before=_plain(before),
        after=_plain(after),
        reason=reason,
        at=at or timezone.now(),
    )
    kept = _KEPT.get()
    if kept is None:
        append()
    else:
        kept.append(append)


@contextmanager
def told_last() -> Iterator[None]:
    """Append what is recorded in the block when the block ends, in the same order, so that nothing
    in it waits for a lock while others wait for the chain. A block within another one is a part of
    it. What is undone by itself in the block must not have been recorded yet.
    """
    if _KEPT.get() is not None:
        yield
        return
    kept: list[Callable[[], None]] = []
    token = _KEPT.set(kept)
    try:
        yield
    finally:
        _KEPT.reset(token)
    for append in kept:
        append()


def _append(
    *,
    kind: str,
    actor: Actor,
    subjects: Sequence[Subject],
    team_id: int | None,
    project_id: int | None,
    before: Any,
    after: Any,
    reason: str,
    at: datetime,
) -> None:
    head = _locked_head()
    event = Event(
        sequence=head.sequence + 1,
        at=at,
        kind=kind,
        actor_id=actor.user_id,
        actor_name=actor.name[:200],
        key_id=actor.key_id,
        address=actor.address[:64],
        request_id=actor.request_id[:64],
        team_id=team_id,
        project_id=project_id,
        payload=payload_text(subjects=subjects, before=before, after=after, reason=reason),
        reason=reason,
        previous_hash=head.hash,
    )
    event.hash = hash_of(event)
    insert(event)
    insert_all(
        [
            EventSubject(
                event=event, kind=subject.kind, object_id=subject.object_id, name=subject.name[:400]
            )
            for subject in subjects
        ]
    )
    head.sequence, head.hash = event.sequence, event.hash
    update(head, "sequence", "hash")


def _locked_head() -> ChainHead:
    """The end of the chain, held until commit: by a row lock, or by SQLite's one writer."""
    head = _HEAD.first()
    if head is None:
        # An emptied database, as tests leave it. Of many who come here at once one inserts; or its
        # first event is there already, and it brought the head with it.
        if not Event.objects.exists():
            ChainHead.objects.bulk_create([ChainHead()], ignore_conflicts=True)
        head = _HEAD.first()
    if head is None:
        raise ChainBrokenError("The audit chain has lost its head; run verify_audit.")
    return head


_HEAD: Final = Prepared[ChainHead](lambda: ChainHead.objects.select_for_update().filter(pk=1))


def _plain(value: Any) -> Any:
    """Values as the payload holds them: times as UTC text."""
    if isinstance(value, datetime):
        return to_text(value)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
