"""Writes that may be sent twice: the same Idempotency-Key gives the same answer and one effect.

The record is claimed first, inside the transaction of the change. A duplicate that comes at the
same moment waits for that claim (on its unique constraint, or for SQLite's one writer) and then
finds the finished answer, or, when the first was refused, makes the change itself. Only successes
are remembered: a refused request changed nothing and may be tried again.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from apps.accounts.models import User
from apps.api.models import IdempotencyRecord
from apps.core.errors import Conflict, Invalid

KEPT = timedelta(hours=24)
MAX_KEY = 255
# Each new record makes room by this many old ones, so the table cannot grow without bound.
FORGOTTEN_AT_ONCE = 20


class KeyReused(Conflict):
    """The key was used for another request."""

    code = "idempotency_key_reused"


def once(request: HttpRequest, answer: Callable[[], HttpResponse]) -> HttpResponse:
    """The answer to a write, made now or, for a key that was seen before, the one made then."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return answer()
    if not 0 < len(key) <= MAX_KEY or not (key.isascii() and key.isprintable()):
        raise Invalid(
            f"An Idempotency-Key is 1 to {MAX_KEY} printable ASCII characters.",
            field="Idempotency-Key",
        )
    digest = _digest(request)
    user: User = request.user  # type: ignore[assignment]
    with transaction.atomic():
        record, is_new = _claim(user, key, digest, timezone.now())
        if not is_new:
            return _replay(record, digest)
        response = answer()
        record.status = response.status_code
        record.location = response.headers.get("Location", "")
        record.body = response.content.decode()
        record.save(update_fields=["status", "location", "body"])
    return response


def _claim(user: User, key: str, digest: str, now: datetime) -> tuple[IdempotencyRecord, bool]:
    forget_old(now)
    IdempotencyRecord.objects.filter(user=user, key=key, created_at__lt=now - KEPT).delete()
    try:
        with transaction.atomic():
            record = IdempotencyRecord.objects.create(
                user=user, key=key, request_digest=digest, created_at=now
            )
    except IntegrityError:
        return IdempotencyRecord.objects.get(user=user, key=key), False
    return record, True


def forget_old(now: datetime) -> None:
    """Remove some of the records that have had their day."""
    old = IdempotencyRecord.objects.filter(created_at__lt=now - KEPT).order_by("created_at")
    # Rows that a neighbour is removing are left to it.
    doomed = list(
        old.select_for_update(skip_locked=True).values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE]
    )
    if doomed:
        IdempotencyRecord.objects.filter(pk__in=doomed).delete()


def _replay(record: IdempotencyRecord, digest: str) -> HttpResponse:
    if record.request_digest != digest:
        raise KeyReused("This Idempotency-Key was used for another request; use a new one.")
    response = HttpResponse(
        record.body, status=record.status, content_type="application/json; charset=utf-8"
    )
    if record.location:
        response.headers["Location"] = record.location
    response.headers["Idempotency-Replayed"] = "true"
    return response


def _digest(request: HttpRequest) -> str:
    whole = hashlib.sha256()
    whole.update(f"{request.method} {request.get_full_path()}\n".encode())
    whole.update(request.body)
    return whole.hexdigest()
