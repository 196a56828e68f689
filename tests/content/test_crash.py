"""Killed in the middle of uploads: what was acknowledged is whole, the rest is invisible."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone

from apps.content.models import Blob, Holding
from apps.content.queries import missing, open_blob
from apps.content.services import STALE_UPLOAD, collect_garbage, store
from tests.content.conftest import sha256
from tests.killing import Acknowledge, kill_during

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("nobody_names_anything"),
]
CYCLES = 20


def upload_for_ever(acknowledge: Acknowledge) -> None:
    while True:
        content = os.urandom(random.choice([10, 5_000, 400_000]))
        stored = store(owner_id=1, stream=iter([content]), max_bytes=10**6)
        acknowledge(stored.digest)


@pytest.mark.slow
def test_uploads_survive_being_killed(data_folder: Path, incoming: Callable[[], list[str]]) -> None:
    chance = random.Random(5)
    acknowledged: list[str] = []

    for _ in range(CYCLES):
        acknowledged += kill_during(upload_for_ever, after_seconds=chance.uniform(0, 0.05))

    assert len(acknowledged) >= CYCLES
    assert missing(owner_id=1, digests=acknowledged) == []
    for digest in acknowledged:
        assert sha256(b"".join(open_blob(digest))) == digest
    # A row may be there that was never acknowledged, but then so are its bytes and its holder.
    assert Blob.objects.count() == Holding.objects.count()
    _age(data_folder / "content" / "incoming")
    list(collect_garbage(now=timezone.now()))
    assert incoming() == []
    call_command("verify_content")


def _age(folder: Path) -> None:
    """As if the next collection came an hour later."""
    for path in folder.iterdir():
        past = path.stat().st_mtime - STALE_UPLOAD.total_seconds()
        os.utime(path, (past, past))
