"""Tampering of every kind is found, and the first bad event is named."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.audit import verification
from apps.audit.chain import hash_of
from apps.audit.models import GENESIS_HASH, ChainHead, Event, EventSubject
from apps.audit.verification import inspect_chain, verify_chain
from tests.audit.builders import make_chain, make_event, without_guards

LENGTH = 6


def _events(sequence: int) -> Any:
    return Event.objects.filter(sequence=sequence)


def _delete(*sequences: int) -> None:
    EventSubject.objects.filter(event__sequence__in=sequences).delete()
    Event.objects.filter(sequence__in=sequences).delete()


def _swap() -> None:
    """Exchange the places of 2 and 3."""
    for old, new in [(2, 99), (3, 2), (99, 3)]:
        _events(old).update(sequence=new)


def _rehash_from(sequence: int) -> None:
    """Make a consistent chain again after a change, as a thorough forger would."""
    previous = _events(sequence - 1).get().hash if sequence > 1 else GENESIS_HASH
    for event in Event.objects.filter(sequence__gte=sequence).order_by("sequence"):
        event.previous_hash = previous
        previous = event.hash = hash_of(event)
        event.save()


def _insert_between() -> None:
    """A forged event 3 without subjects; the later ones move up, but keep their hashes."""
    for event in Event.objects.filter(sequence__gte=3).order_by("-sequence"):
        _events(event.sequence).update(sequence=event.sequence + 1)
    forged = _events(2).get()
    forged.pk, forged.sequence, forged.previous_hash = None, 3, forged.hash
    forged.payload = forged.payload.replace("because", "forged")
    forged.hash = hash_of(forged)
    forged.save(force_insert=True)


def _append() -> None:
    """A well-made event after the end, which the head does not know."""
    forged = _events(LENGTH).get()
    forged.pk, forged.sequence, forged.previous_hash = None, LENGTH + 1, forged.hash
    forged.hash = hash_of(forged)
    forged.save(force_insert=True)


def _edit_and_rehash_itself() -> None:
    event = _events(3).get()
    event.actor_name = "somebody else"
    event.hash = hash_of(event)
    event.save()


def _edit_and_rehash_all() -> None:
    _events(3).update(actor_name="somebody else")
    _rehash_from(3)


TAMPERING: dict[str, tuple[Callable[[], object], int]] = {
    "edit the actor": (lambda: _events(3).update(actor_name="somebody else"), 3),
    "edit the payload": (lambda: _events(3).update(payload="{}"), 3),
    "edit the reason": (lambda: _events(3).update(reason="other"), 3),
    "edit the kind": (lambda: _events(1).update(kind="x"), 1),
    "edit the team": (lambda: _events(6).update(team_id=None), 6),
    "edit the time": (
        lambda: _events(3).update(at=datetime(2020, 1, 1, tzinfo=UTC) + timedelta(microseconds=1)),
        3,
    ),
    "edit the hash": (lambda: _events(3).update(hash="0" * 64), 3),
    "edit and make its hash again": (_edit_and_rehash_itself, 4),
    "edit and make all hashes again": (_edit_and_rehash_all, 6),
    "delete the first": (lambda: _delete(1), 1),
    "delete one between": (lambda: _delete(4), 4),
    "delete the newest": (lambda: _delete(5, 6), 5),
    "delete all": (lambda: _delete(*range(1, 7)), 1),
    "reorder": (_swap, 2),
    "insert between": (_insert_between, 3),
    "insert at the end": (_append, 7),
    "rename a subject": (
        lambda: EventSubject.objects.filter(event__sequence=2).update(name="x"),
        2,
    ),
    "point a subject elsewhere": (
        lambda: EventSubject.objects.filter(event__sequence=2, kind="label").update(object_id=8),
        2,
    ),
    "delete a subject": (
        lambda: EventSubject.objects.filter(event__sequence=2, kind="label").delete(),
        2,
    ),
    "add a subject": (
        lambda: EventSubject.objects.create(event=_events(2).get(), kind="x", object_id=1, name=""),
        2,
    ),
    "move the head back": (
        lambda: ChainHead.objects.update(sequence=4, hash=_events(4).get().hash),
        5,
    ),
    "move the head ahead": (lambda: ChainHead.objects.update(sequence=9), 7),
    "remove the head": (lambda: ChainHead.objects.all().delete(), 1),
}


@pytest.mark.django_db
@pytest.mark.parametrize(("tamper", "first_bad"), TAMPERING.values(), ids=TAMPERING.keys())
def test_tampering_is_found(tamper: Callable[[], object], first_bad: int) -> None:
    make_chain(LENGTH)
    assert verify_chain() is None

    with without_guards():
        tamper()

    assert verify_chain() == first_bad


@pytest.mark.django_db
def test_an_untouched_chain_holds() -> None:
    assert verify_chain() is None

    events = make_chain(3)

    report = inspect_chain()
    assert (report.sequence, report.hash, report.fault) == (3, events[-1].hash, None)


@pytest.mark.django_db
def test_long_chains_are_read_in_chunks(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr(verification, "_CHUNK", 2)
    make_chain(5)

    # The head, three chunks of two queries, and the look beyond the head.
    with django_assert_num_queries(8):
        assert verify_chain() is None


@pytest.mark.django_db
def test_the_command_confirms_and_names_the_first_bad_event(capsys: Any) -> None:
    events = make_chain(3)
    call_command("verify_audit")
    assert capsys.readouterr().out == (f"3 events verified; the last hash is {events[-1].hash}.\n")

    with without_guards():
        _events(2).update(reason="other")
    with pytest.raises(CommandError, match="Bad event 2: the event was changed") as refusal:
        call_command("verify_audit")
    assert refusal.value.returncode == 1


@pytest.mark.django_db
def test_a_checkpoint_finds_a_cut_off_end(tmp_path: Path) -> None:
    """Somebody removes the newest events and sets the head back: inside, all is consistent."""
    file = tmp_path / "checkpoint"
    events = make_chain(3)
    call_command("verify_audit", checkpoint=file)
    make_event(4)
    call_command("verify_audit", checkpoint=file)
    call_command("verify_audit", checkpoint=file)
    assert [line.split()[0] for line in file.read_text().splitlines()] == ["3", "4"]
    assert file.stat().st_mode & 0o777 == 0o600

    with without_guards():
        _delete(3, 4)
        ChainHead.objects.update(sequence=2, hash=events[1].hash)
    assert verify_chain() is None

    with pytest.raises(CommandError, match="Bad event 3: events that were witnessed are missing"):
        call_command("verify_audit", checkpoint=file)


@pytest.mark.django_db
def test_a_checkpoint_finds_a_rewritten_chain(tmp_path: Path) -> None:
    file = tmp_path / "checkpoint"
    make_chain(3)
    call_command("verify_audit", checkpoint=file)
    with without_guards():
        _events(2).update(actor_name="somebody else")
        _rehash_from(2)
        ChainHead.objects.update(hash=_events(3).get().hash)
    assert verify_chain() is None

    with pytest.raises(CommandError, match="Bad event 3: the event is not the one"):
        call_command("verify_audit", checkpoint=file)


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["no\n", "1 abc\n", f"1 {'a' * 64}\n1 {'b' * 64}\n", "\xff"])
def test_a_checkpoint_file_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "checkpoint"
    file.write_text(text, encoding="latin-1")

    with pytest.raises(CommandError) as refusal:
        call_command("verify_audit", checkpoint=file)

    assert refusal.value.returncode == 2
    assert file.read_text(encoding="latin-1") == text
