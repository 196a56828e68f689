"""The append-only history of every state change, chained by hashes.

No row here points at an upper app: an event names things by number and name as they were, so that
it stays readable when they are gone. `chain.py` says how the hashes are made, `guards.py` how the
database itself refuses to change what was written.
"""

from django.db import models
from django.db.models import Q

GENESIS_HASH = "0" * 64


class Event(models.Model):
    """One state change. Written by `services.record` only, and never changed."""

    # The place in the chain: 1, 2, 3 without gaps. The automatic id can have gaps (a transaction
    # that was rolled back keeps its number), and a gap must mean that somebody removed an event.
    sequence = models.PositiveBigIntegerField(unique=True)
    at = models.DateTimeField()
    kind = models.CharField(max_length=64)
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=200)
    key_id = models.BigIntegerField(null=True)
    address = models.CharField(max_length=64, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    team_id = models.BigIntegerField(null=True)
    project_id = models.BigIntegerField(null=True)
    # Canonical JSON {after, before, reason, subjects}; text, because its bytes are hashed.
    payload = models.TextField()
    reason = models.TextField(blank=True)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        ordering = ["sequence"]
        indexes = [
            # queries.events_of_team, with and without a project
            models.Index(fields=["team_id", "sequence"], name="event_of_team"),
            models.Index(fields=["project_id", "sequence"], name="event_of_project"),
        ]

    def __str__(self) -> str:
        return f"{self.sequence} {self.kind}"


class EventSubject(models.Model):
    """That an event is about a thing: the way from a thing to its history."""

    event = models.ForeignKey(
        Event, on_delete=models.PROTECT, related_name="subjects", db_index=False
    )
    kind = models.CharField(max_length=32)
    object_id = models.BigIntegerField()
    name = models.CharField(max_length=400)

    class Meta:
        ordering = ["id"]
        constraints = [
            # Also serves the way from an event to its subjects.
            models.UniqueConstraint(
                fields=["event", "kind", "object_id"], name="event_names_a_subject_once"
            ),
        ]
        indexes = [
            # queries.events_for
            models.Index(fields=["kind", "object_id", "event"], name="event_of_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class ChainHead(models.Model):
    """The one row that says where the chain ends. Whoever records an event holds its lock."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    sequence = models.PositiveBigIntegerField(default=0)
    hash = models.CharField(max_length=64, default=GENESIS_HASH)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="only_one_chain_head")]

    def __str__(self) -> str:
        return f"{self.sequence} {self.hash}"
