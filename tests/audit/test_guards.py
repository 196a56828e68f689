"""The database refuses to change what was recorded, whoever asks."""

from collections.abc import Callable

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from apps.audit.models import ChainHead, Event, EventSubject
from tests.audit.builders import make_chain, make_event, without_guards

CHANGES: dict[str, Callable[[], object]] = {
    "edit an event": lambda: Event.objects.filter(sequence=1).update(reason="other"),
    "delete an event": lambda: Event.objects.filter(sequence=2)._raw_delete("default"),
    "edit a subject": lambda: EventSubject.objects.update(name="other"),
    "delete the subjects": lambda: EventSubject.objects.all().delete(),
    "move the head back": lambda: ChainHead.objects.update(sequence=1),
    "move the head ahead": lambda: ChainHead.objects.update(sequence=9),
    "rewrite the head": lambda: ChainHead.objects.update(hash="0" * 64),
}


@pytest.mark.django_db
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_the_database_refuses(change: Callable[[], object]) -> None:
    make_chain(2)
    before = list(Event.objects.values()), list(EventSubject.objects.values())

    with pytest.raises(IntegrityError, match="cannot be changed"), transaction.atomic():
        change()

    assert (list(Event.objects.values()), list(EventSubject.objects.values())) == before
    assert ChainHead.objects.get().sequence == 2


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no TRUNCATE")
def test_the_tables_cannot_be_truncated() -> None:
    make_event()

    connection.check_constraints()  # PostgreSQL truncates nothing while foreign keys are unchecked
    cursor = connection.cursor()

    with pytest.raises(DatabaseError, match="cannot be changed"), transaction.atomic():
        cursor.execute("TRUNCATE audit_event CASCADE")

    assert Event.objects.count() == 1


@pytest.mark.django_db
def test_a_second_head_is_refused() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        ChainHead.objects.create(pk=2)


@pytest.mark.django_db
def test_recording_goes_on_after_the_guards_were_renewed() -> None:
    make_event()
    with without_guards():
        pass

    assert make_event().sequence == 2
    with pytest.raises(IntegrityError), transaction.atomic():
        Event.objects.update(reason="other")
