"""Counts what clients ask for and we do not know, so that a new client's wishes are seen.

A line in the log for the first time in this process, a counter for /metrics, and a row for
`manage.py wandb_wishes`. Rows are written after the answer is made, at most once a minute for each
name, and only so many of them: names come from outside.
"""

import logging
import threading
import time
from collections import Counter as Counts

from django.db import DatabaseError
from django.db.models import F
from django.utils import timezone
from prometheus_client import Counter

from apps.wandb_api.models import UnknownField

log = logging.getLogger("wandb")

UNKNOWN_FIELDS = Counter(
    "model_status_wandb_unknown_fields",
    "Fields, arguments and input keys that wandb clients sent and that are not known.",
)
MAX_ROWS = 2_000
MAX_NAME = 128
SECONDS_BETWEEN_WRITES = 60

Name = tuple[str, str, str]


class Unknown:
    """What one request asked for that is not known."""

    def __init__(self, user_agent: str) -> None:
        self.client = user_agent[:64]
        self.counts: Counts[Name] = Counts()

    def note(self, type_name: str, name: str) -> None:
        if len(self.counts) < 100:
            self.counts[type_name[:MAX_NAME], name[:MAX_NAME], self.client] += 1

    def keep(self) -> None:
        """Count what was noted. A database that refuses is none of the client's business."""
        if not self.counts:
            return
        UNKNOWN_FIELDS.inc(self.counts.total())
        due = _waiting.add(self.counts)
        if not due:
            return
        try:
            _write(due)
        except DatabaseError:
            log.warning("unknown_fields_not_kept", exc_info=True)


class _Waiting:
    """What this process has counted and not written yet."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.counts: Counts[Name] = Counts()
        self.written_at: dict[Name, float] = {}

    def add(self, counts: Counts[Name]) -> dict[Name, int]:
        """Add counts; what is due to be written is handed over."""
        now = time.monotonic()
        due = {}
        with self.lock:
            for name, count in counts.items():
                if name not in self.written_at and len(self.written_at) >= MAX_ROWS:
                    continue
                self.counts[name] += count
                last = self.written_at.get(name)
                if last is None:
                    log.info(
                        "unknown_field",
                        extra={"type": name[0], "field": name[1], "client": name[2]},
                    )
                if last is None or now - last >= SECONDS_BETWEEN_WRITES:
                    self.written_at[name] = now
                    due[name] = self.counts.pop(name)
        return due


_waiting = _Waiting()


def _write(counts: dict[Name, int]) -> None:
    now = timezone.now()
    room = MAX_ROWS - UnknownField.objects.count()
    for (type_name, name, client), count in counts.items():
        known = UnknownField.objects.filter(type=type_name, field=name, client=client)
        if known.update(count=F("count") + count, last_seen_at=now) or room <= 0:
            continue
        UnknownField.objects.bulk_create(
            [
                UnknownField(
                    type=type_name, field=name, client=client, count=count, last_seen_at=now
                )
            ],
            ignore_conflicts=True,
        )
        room -= 1
