"""Events for tests, and the way around the guards for those who tamper."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from apps.audit.actors import Actor, Subject
from apps.audit.guards import create_guards, drop_guards
from apps.audit.models import Event
from apps.audit.services import record

CURATOR = Actor(7, "curator", key_id=3, address="192.0.2.1", request_id="r-1")


def make_event(number: int = 1, *, kind: str = "version.promoted", team_id: int = 1) -> Event:
    """An event about version `number` of team `team_id`."""
    with transaction.atomic():
        record(
            kind=kind,
            actor=CURATOR,
            subjects=[Subject("version", number, f"v{number}"), Subject("label", 1, "production")],
            team_id=team_id,
            project_id=number,
            after={"holder": number},
            reason="because",
        )
        return Event.objects.latest("sequence")


def make_chain(length: int) -> list[Event]:
    return [make_event(number) for number in range(1, length + 1)]


@contextmanager
def without_guards() -> Iterator[None]:
    """What somebody with the database's password can do."""
    drop_guards(connection)
    try:
        yield
    finally:
        create_guards(connection)
