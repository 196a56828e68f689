"""Garbage collection removes what nobody names, and never what somebody is about to name."""

import io
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from apps.content import references, services
from apps.content.backends import Backend
from apps.content.models import Blob, Holding
from apps.content.queries import missing, open_blob
from apps.content.services import collect_garbage, reserve, store
from tests.content.conftest import overwrite, sha256

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nobody_names_anything")]
DAY = timedelta(days=1)


def put(content: bytes, *, owner_id: int = 1) -> str:
    return store(owner_id=owner_id, stream=io.BytesIO(content), max_bytes=1000).pk


def collected(**options: object) -> list[str]:
    options.setdefault("now", timezone.now() + 2 * DAY)
    return [removal.name for removal in collect_garbage(**options)]  # type: ignore[arg-type]


def test_what_nobody_names_goes_and_what_somebody_names_stays(kept: Backend) -> None:
    named, unnamed = put(b"named"), put(b"unnamed")
    references.register("a manifest", lambda digests: {named} & set(digests))

    assert collected() == [unnamed]

    assert list(kept.digests()) == [named]
    assert list(Blob.objects.values_list("pk", flat=True)) == [named]
    assert missing(owner_id=1, digests=[named, unnamed]) == [unnamed]


def test_every_source_of_references_is_asked(place: str) -> None:
    one, two = put(b"one"), put(b"two")
    references.register("one", lambda digests: {one} & set(digests))
    references.register("two", lambda digests: {two} & set(digests))

    assert collected() == []
    assert references.names() == ["one", "two"]


def test_what_was_used_lately_stays(place: str) -> None:
    put(b"abc")

    assert collected(now=timezone.now() + DAY / 2) == []


@pytest.mark.parametrize("use", ["stored again", "reserved", "held by another"])
def test_using_content_starts_its_grace_period_anew(use: str, place: str) -> None:
    digest = put(b"abc")
    Blob.objects.update(wanted_at=timezone.now() - 3 * DAY)

    if use == "stored again":
        put(b"abc", owner_id=2)
    elif use == "reserved":
        assert reserve(owner_id=1, digests=[digest]) == []
    else:
        services.hold(owner_id=2, digests=[digest])

    assert collected(now=timezone.now()) == []


def test_asking_for_content_of_others_does_not_keep_it(place: str) -> None:
    digest = put(b"abc")
    Blob.objects.update(wanted_at=timezone.now() - 3 * DAY)

    assert reserve(owner_id=2, digests=[digest]) == [digest]

    assert collected(now=timezone.now()) == [digest]


def test_a_dry_run_says_the_same_and_removes_nothing(kept: Backend, tmp_path: Path) -> None:
    digest = put(b"abc")
    overwrite(kept, sha256(b"orphan"), b"orphan", tmp_path)

    told = collected(dry_run=True)

    assert told == [digest, sha256(b"orphan")]
    assert b"".join(open_blob(digest)) == b"abc"
    assert Holding.objects.count() == 1
    assert kept.size(sha256(b"orphan")) == 6
    assert collected() == told
    assert list(kept.digests()) == []


def test_partial_uploads_are_swept_when_nobody_writes_to_them(
    place: str, data_folder: Path, incoming: Callable[[], list[str]]
) -> None:
    put(b"so that the folder is there")
    folder = data_folder / "content" / "incoming"
    old, young = folder / "old", folder / "young"
    for path in (old, young):
        path.write_bytes(b"part")
    long_ago = time.time() - 7200
    os.utime(old, (long_ago, long_ago))

    assert "old" in collected(now=timezone.now())

    assert incoming() == ["young"]


def test_content_that_is_named_while_we_look_stays(place: str) -> None:
    digest = put(b"abc")
    Blob.objects.update(wanted_at=timezone.now() - 3 * DAY)

    # As if another transaction had named it between the two questions.
    answers: Iterator[set[str]] = iter([set(), {digest}])
    references.register("late", lambda digests: next(answers))

    assert collected(now=timezone.now()) == []
    assert b"".join(open_blob(digest)) == b"abc"


def test_an_upload_between_the_removal_of_row_and_bytes_wins(
    kept: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = put(b"abc")
    release = services._release

    def release_then_upload(*args: object, **options: object) -> bool:
        released = release(*args, **options)  # type: ignore[arg-type]
        put(b"abc", owner_id=2)
        return released

    monkeypatch.setattr(services, "_release", release_then_upload)
    collected()

    assert b"".join(open_blob(digest)) == b"abc"


def test_an_upload_whose_bytes_are_collected_before_its_row_stores_them_again(
    kept: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = sha256(b"abc")
    put_bytes = type(kept).put
    collections: list[list[str]] = []

    def put_then_collect(self: Backend, path: Path, name: str) -> None:
        put_bytes(self, path, name)
        if not collections:
            collections.append(collected())

    monkeypatch.setattr(type(kept), "put", put_then_collect)
    put(b"abc")

    assert collections == [[digest]]
    assert b"".join(open_blob(digest)) == b"abc"


@pytest.mark.django_db(transaction=True)
def test_collection_beside_uploads_of_the_same_content_never_loses_it(data_folder: Path) -> None:
    """Without any grace, so that every round is a race. What is named must be there."""
    named: set[str] = set()
    references.register("test", lambda digests: named & set(digests))
    done = threading.Event()

    def collect() -> None:
        try:
            while not done.is_set():
                list(collect_garbage(grace=timedelta(0)))
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        collector = pool.submit(collect)
        for turn in range(60):
            content = b"content %d" % (turn % 3)
            digest = put(content)
            named.add(digest)
            # As a manifest does: it counts only if the content is still there afterwards.
            if not reserve(owner_id=1, digests=[digest]):
                assert b"".join(open_blob(digest)) == content
            named.discard(digest)
        done.set()
        collector.result()

    for blob in Blob.objects.all():
        assert sha256(b"".join(open_blob(blob.pk))) == blob.pk


def test_what_stays_is_told_by_its_reason(place: str) -> None:
    named, used, unnamed = put(b"named"), put(b"used"), put(b"unnamed")
    Blob.objects.filter(pk__in=[named, unnamed]).update(wanted_at=timezone.now() - 3 * DAY)
    references.register("a manifest", lambda digests: {named} & set(digests))

    assert services.kept_content() == [
        services.Kept("named by a manifest", 1, 5),
        services.Kept("used in the last 24 hours", 1, 4),
    ]
    assert collected(now=timezone.now()) == [unnamed]
    assert set(Blob.objects.values_list("pk", flat=True)) == {named, used}


def test_verification_of_sound_content(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    put(b"abc")

    call_command("verify_content")

    assert "1 stored files, all as they should be" in capsys.readouterr().out


def test_verification_names_every_kind_of_damage(
    kept: Backend, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flipped, short, gone = put(b"flipped"), put(b"short"), put(b"gone")
    orphan = sha256(b"orphan")
    overwrite(kept, flipped, b"flippee", tmp_path)
    overwrite(kept, short, b"sho", tmp_path)
    kept.delete(gone)
    overwrite(kept, orphan, b"orphan", tmp_path)

    with pytest.raises(CommandError, match="4 problems"):
        call_command("verify_content")

    told = capsys.readouterr().out
    assert f"{flipped} wrong digest" in told
    assert f"{short} wrong size: 3 bytes instead of 5" in told
    assert f"{gone} row without bytes" in told
    assert f"{orphan} bytes without a row" in told


def test_quick_verification_reads_no_bytes(
    kept: Backend, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = put(b"flipped")
    overwrite(kept, digest, b"flippee", tmp_path)

    call_command("verify_content", "--quick")

    assert "all as they should be" in capsys.readouterr().out
