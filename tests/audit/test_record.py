"""What recording an event writes, and when it refuses."""

import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, transaction

from apps.audit.actors import Actor, Subject
from apps.audit.models import ChainHead, Event, EventSubject
from apps.audit.services import ChainBrokenError, NotAtomicError, record, told_last
from apps.audit.verification import verify_chain
from tests.audit.builders import CURATOR, without_guards

VERSION = Subject("version", 19, "mnist:v19")
LABEL = Subject("label", 1, "production")
AT = datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC)


def promote(**changes: Any) -> Event:
    values: dict[str, Any] = {
        "kind": "version.promoted",
        "actor": CURATOR,
        "subjects": [VERSION, LABEL],
        "team_id": 1,
        "project_id": 2,
        "before": {"holder": 17},
        "after": {"holder": 19, "since": AT},
        "reason": "better on 数字",
        "at": AT,
    }
    with transaction.atomic():
        record(**values | changes)
        return Event.objects.latest("sequence")


@pytest.mark.django_db
def test_an_event_holds_who_what_when_and_why() -> None:
    event = Event.objects.get(pk=promote().pk)

    assert (event.sequence, event.kind, event.at) == (1, "version.promoted", AT)
    assert (event.actor_id, event.actor_name, event.key_id) == (7, "curator", 3)
    assert (event.address, event.request_id) == ("192.0.2.1", "r-1")
    assert (event.team_id, event.project_id, event.reason) == (1, 2, "better on 数字")
    assert json.loads(event.payload) == {
        "after": {"holder": 19, "since": "2026-03-01T12:00:00.000005Z"},
        "before": {"holder": 17},
        "reason": "better on 数字",
        "subjects": [
            {"id": 19, "kind": "version", "name": "mnist:v19"},
            {"id": 1, "kind": "label", "name": "production"},
        ],
    }
    assert list(event.subjects.values_list("kind", "object_id", "name")) == [
        ("version", 19, "mnist:v19"),
        ("label", 1, "production"),
    ]


@pytest.mark.django_db
def test_events_are_numbered_and_chained() -> None:
    first, second = promote(), promote()

    assert (first.sequence, second.sequence) == (1, 2)
    assert first.previous_hash == "0" * 64
    assert second.previous_hash == first.hash
    head = ChainHead.objects.get()
    assert (head.sequence, head.hash) == (2, second.hash)


@pytest.mark.django_db
def test_the_hash_is_the_documented_one() -> None:
    """Written out by hand, so that a change of the format cannot pass unseen."""
    event = promote(reason="", subjects=[LABEL], before=None, after={"n": 0.5})

    fields = (
        '{"actor_id":7,"actor_name":"curator","address":"192.0.2.1",'
        '"at":"2026-03-01T12:00:00.000005Z","key_id":3,"kind":"version.promoted",'
        '"payload":"{\\"after\\":{\\"n\\":0.5},\\"before\\":null,\\"reason\\":\\"\\",'
        '\\"subjects\\":[{\\"id\\":1,\\"kind\\":\\"label\\",\\"name\\":\\"production\\"}]}",'
        '"project_id":2,"reason":"","request_id":"r-1","sequence":1,"team_id":1}'
    )
    assert event.hash == sha256(("0" * 64 + "\n" + fields).encode()).hexdigest()


@pytest.mark.django_db
@pytest.mark.parametrize("count", [0, 1, 30])
def test_recording_costs_the_same_for_any_number_of_subjects(
    count: int, django_assert_num_queries: Any
) -> None:
    subjects = [Subject("version", number, f"v{number}") for number in range(count)]
    with transaction.atomic(), django_assert_num_queries(4 if count else 3):
        record(kind="x.done", actor=CURATOR, subjects=subjects)


@pytest.mark.django_db
def test_a_subject_named_twice_is_recorded_once() -> None:
    event = promote(subjects=[VERSION, LABEL, VERSION])

    assert event.subjects.count() == 2


@pytest.mark.django_db
def test_a_change_that_is_rolled_back_leaves_no_event() -> None:
    def promote_and_fail() -> None:
        with transaction.atomic():
            promote()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        promote_and_fail()

    assert not Event.objects.exists()
    assert not EventSubject.objects.exists()
    assert ChainHead.objects.get().sequence == 0
    assert promote().sequence == 1


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_nothing_is_recorded() -> None:
    with pytest.raises(NotAtomicError):
        record(kind="x.done", actor=CURATOR, subjects=[])

    assert not Event.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_when_the_event_cannot_be_written_the_change_is_not_made() -> None:
    """A content type stands in for what changes, a kind that the database refuses for any fault."""

    def change_and_record() -> None:
        with transaction.atomic():
            ContentType.objects.create(app_label="audit_test", model="changed")
            record(kind=None, actor=CURATOR, subjects=[])  # type: ignore[arg-type]

    with pytest.raises(IntegrityError):
        change_and_record()

    assert not ContentType.objects.filter(app_label="audit_test").exists()
    assert not Event.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_emptied_database_starts_a_new_chain() -> None:
    with without_guards():
        ChainHead.objects.all().delete()

    assert promote().sequence == 1
    assert ChainHead.objects.get().sequence == 1


@pytest.mark.django_db(transaction=True)
def test_nothing_is_added_to_a_chain_that_lost_its_head() -> None:
    promote()
    with without_guards():
        ChainHead.objects.all().delete()

    with pytest.raises(ChainBrokenError):
        promote()
    assert Event.objects.count() == 1


@pytest.mark.django_db
def test_overlong_names_are_cut_and_do_not_stop_the_action() -> None:
    long = Actor(1, "n" * 500, address="a" * 500, request_id="r" * 500)
    event = promote(actor=long, subjects=[Subject("run", 1, "s" * 1000)])

    event.refresh_from_db()
    assert (len(event.actor_name), len(event.address), len(event.request_id)) == (200, 64, 64)
    assert len(event.subjects.get().name) == 400


@pytest.mark.django_db
def test_numbers_that_json_cannot_hold_are_recorded_as_words() -> None:
    event = promote(after={"loss": float("nan"), "all": [float("-inf")]})

    assert json.loads(event.payload)["after"] == {"loss": "NaN", "all": ["-Infinity"]}


@pytest.mark.django_db
def test_what_is_told_last_comes_in_the_order_in_which_it_was_recorded() -> None:
    with transaction.atomic():
        with told_last():
            note("one")
            with told_last():
                note("two")
            assert not Event.objects.exists()
            note("three")
        assert kinds() == ["one", "two", "three"]
        note("four")

    assert kinds() == ["one", "two", "three", "four"]
    assert verify_chain() is None


@pytest.mark.django_db
def test_nothing_is_told_of_what_did_not_happen() -> None:
    def break_off() -> None:
        with transaction.atomic(), told_last():
            note("one")
            raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        break_off()
    with transaction.atomic():
        note("two")

    assert kinds() == ["two"]


def note(kind: str) -> None:
    record(kind=kind, actor=CURATOR, subjects=[VERSION])


def kinds() -> list[str]:
    return list(Event.objects.order_by("sequence").values_list("kind", flat=True))
