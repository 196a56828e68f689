"""Checking the whole chain: that nothing was edited, removed, reordered, added or cut off.

The hashes prove the history against anybody who does not rewrite all of it and the head. Against
that there are witnesses: hashes noted earlier, outside the database (`verify_audit --checkpoint`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from django.db.models import Subquery

from apps.audit.chain import hash_of
from apps.audit.models import GENESIS_HASH, ChainHead, Event, EventSubject
from apps.core.errors import Invalid
from apps.core.jsontext import parse

_CHUNK: Final = 1_000


@dataclass(frozen=True, slots=True)
class Fault:
    """The first place where the chain does not hold."""

    sequence: int
    problem: str


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What a check found. `sequence` and `hash` are where the chain ended when it began."""

    sequence: int
    hash: str
    fault: Fault | None


def verify_chain() -> int | None:
    """The number of the first event that is not as it was recorded, or None if all are."""
    fault = inspect_chain().fault
    return fault.sequence if fault else None


def inspect_chain(*, witnesses: Mapping[int, str] | None = None) -> ChainReport:
    """Check every event against its hash, its neighbours, its subjects and the witnesses.

    Reads a thousand events at a time, so memory stays flat, and needs no lock: events that are
    recorded meanwhile are left for the next check.
    """
    head = ChainHead.objects.filter(pk=1).first()
    if head is None and Event.objects.exists():
        # Maybe the very first event came between the two queries; it brings the head with it.
        head = ChainHead.objects.filter(pk=1).first()
        if head is None:
            return ChainReport(0, GENESIS_HASH, Fault(1, "the head of the chain is gone"))
    if head is None:
        return ChainReport(0, GENESIS_HASH, _forgotten_witness(0, witnesses))
    fault = _first_fault(head, witnesses or {})
    return ChainReport(head.sequence, head.hash, fault)


def _first_fault(head: ChainHead, witnesses: Mapping[int, str]) -> Fault | None:
    sequence, previous = 0, GENESIS_HASH
    for event, subjects in _events_up_to(head.sequence):
        sequence += 1
        if event.sequence != sequence:
            return Fault(sequence, "the event is missing")
        problem = _problem(event, subjects, previous, witnesses.get(sequence))
        if problem:
            return Fault(sequence, problem)
        previous = event.hash
    if sequence < head.sequence:
        return Fault(sequence + 1, "the event is missing")
    if previous != head.hash:
        return Fault(sequence or 1, "the head of the chain names another hash")
    return _beyond_head() or _forgotten_witness(head.sequence, witnesses)


def _problem(
    event: Event, subjects: list[tuple[str, int, str]], previous: str, witnessed: str | None
) -> str:
    if event.previous_hash != previous:
        return "the event does not follow the one before it"
    if event.hash != hash_of(event):
        return "the event was changed"
    try:
        # Only a payload whose hash was right comes here, so the limits of the doors do not apply.
        told = parse(event.payload, max_bytes=len(event.payload) * 4, max_depth=256)
        named = [(found["kind"], found["id"], found["name"][:400]) for found in told["subjects"]]
    except (Invalid, KeyError, TypeError):
        return "the event's payload cannot be read"
    if sorted(named) != sorted(subjects):
        return "the event's subjects were changed"
    if witnessed is not None and witnessed != event.hash:
        return "the event is not the one that was witnessed"
    return ""


def _events_up_to(last: int) -> Iterator[tuple[Event, list[tuple[str, int, str]]]]:
    """Each event with its subjects, in order, by two queries a chunk."""
    done = 0
    while done < last:
        chunk = list(
            Event.objects.filter(sequence__gt=done, sequence__lte=last).order_by("sequence")[
                :_CHUNK
            ]
        )
        if not chunk:
            return
        subjects: dict[int, list[tuple[str, int, str]]] = {event.pk: [] for event in chunk}
        for row in EventSubject.objects.filter(event__in=list(subjects)).values_list(
            "event_id", "kind", "object_id", "name"
        ):
            subjects[row[0]].append(row[1:])
        for event in chunk:
            yield event, subjects[event.pk]
        done = chunk[-1].sequence


def _beyond_head() -> Fault | None:
    """Events after the head, which `record` never leaves. One statement, so one moment."""
    newest = Event.objects.order_by("-sequence").values("sequence")[:1]
    row = ChainHead.objects.filter(pk=1).annotate(newest=Subquery(newest)).first()
    if row is not None and row.newest is not None and row.newest > row.sequence:
        return Fault(row.sequence + 1, "the event lies beyond the head of the chain")
    return None


def _forgotten_witness(end: int, witnesses: Mapping[int, str] | None) -> Fault | None:
    """The chain ends before an event that was witnessed: its newest events were removed."""
    if witnesses and max(witnesses) > end:
        return Fault(end + 1, "events that were witnessed are missing")
    return None
