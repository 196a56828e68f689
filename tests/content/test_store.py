"""What is acknowledged is there, whole, private and under its digest; all else leaves nothing."""

import errno
import hashlib
import io
import os
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from apps.content.backends import Backend, ContentUnavailable
from apps.content.models import Blob, Holding
from apps.content.queries import NoSuchContent, held_by_md5, missing, open_blob
from apps.content.services import ContentMismatch, hold, reserve, store
from apps.core.errors import DomainError, Forbidden, StorageFull, TooLarge
from tests.content.conftest import overwrite, sha256

pytestmark = pytest.mark.django_db
MIB = 1024 * 1024


def put(content: bytes, *, owner_id: int = 1) -> Blob:
    return store(owner_id=owner_id, stream=io.BytesIO(content), max_bytes=10 * MIB)


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, MIB - 1, MIB, MIB + 1])
def test_bytes_come_back_as_they_went(
    size: int, kept: Backend, incoming: Callable[[], list[str]]
) -> None:
    content = os.urandom(size)

    stored = put(content)

    assert stored.digest == sha256(content)
    assert stored.md5 == hashlib.md5(content, usedforsecurity=False).hexdigest()
    assert stored.size_bytes == kept.size(stored.digest) == size
    assert b"".join(open_blob(stored.digest)) == content
    assert incoming() == []


def test_pieces_are_taken_as_well_as_files(place: str) -> None:
    stored = store(owner_id=1, stream=iter([b"ab", b"", b"c"]), max_bytes=3)

    assert b"".join(open_blob(stored.digest)) == b"abc"


def test_expectations_that_are_met(place: str) -> None:
    stored = store(
        owner_id=1,
        stream=io.BytesIO(b"abc"),
        expected_digest=sha256(b"abc").upper(),
        expected_md5="900150983cd24fb0d6963f7d28e17f72",
        expected_size=3,
        max_bytes=3,
    )

    assert stored.pk == sha256(b"abc")


@pytest.mark.parametrize(
    "expectation",
    [{"expected_digest": "0" * 64}, {"expected_md5": "0" * 32}, {"expected_size": 4}],
)
def test_other_bytes_than_announced_leave_nothing(
    expectation: dict, kept: Backend, incoming: Callable[[], list[str]]
) -> None:
    with pytest.raises(ContentMismatch):
        store(owner_id=1, stream=io.BytesIO(b"abc"), max_bytes=10, **expectation)

    assert not Blob.objects.exists()
    assert list(kept.digests()) == []
    assert incoming() == []


def test_too_much_is_refused_at_the_limit_without_reading_on(
    kept: Backend, incoming: Callable[[], list[str]]
) -> None:
    endless = io.BytesIO(b"x" * MIB)

    with pytest.raises(TooLarge):
        store(owner_id=1, stream=endless, max_bytes=1000)

    assert endless.tell() == 1001
    assert list(kept.digests()) == []
    assert incoming() == []


def test_too_much_in_pieces_is_refused(place: str, incoming: Callable[[], list[str]]) -> None:
    def pieces() -> Iterator[bytes]:
        while True:
            yield b"x" * 400

    with pytest.raises(TooLarge):
        store(owner_id=1, stream=pieces(), max_bytes=1000)

    assert incoming() == []


def test_too_much_announced_is_refused_before_reading(place: str) -> None:
    stream = io.BytesIO(b"abc")

    with pytest.raises(TooLarge):
        store(owner_id=1, stream=stream, expected_size=3, max_bytes=2)

    assert stream.tell() == 0


def test_an_upload_that_breaks_off_leaves_nothing(
    kept: Backend, incoming: Callable[[], list[str]]
) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"x" * MIB
        assert incoming() != []
        raise ConnectionResetError("the client has gone")

    with pytest.raises(ConnectionResetError):
        store(owner_id=1, stream=pieces(), max_bytes=2 * MIB)

    assert incoming() == []
    assert list(kept.digests()) == []
    assert not Blob.objects.exists()


def test_what_names_the_content_becomes_known_with_it(
    place: str, incoming: Callable[[], list[str]]
) -> None:
    named: list[Blob] = []
    stream = io.BytesIO(b"abc")
    stored = store(owner_id=1, stream=stream, max_bytes=3, then=named.append)
    assert named == [stored]

    def refuse(blob: Blob) -> None:
        assert Blob.objects.filter(pk=blob.pk).exists()
        raise Forbidden("Not here.")

    with pytest.raises(Forbidden):
        store(owner_id=1, stream=io.BytesIO(b"other"), max_bytes=5, then=refuse)
    assert list(Blob.objects.values_list("pk", flat=True)) == [stored.pk]
    assert incoming() == []


def test_storing_twice_gives_the_same_blob_and_each_owner_a_holding(kept: Backend) -> None:
    first = put(b"abc")
    again = put(b"abc")
    other = put(b"abc", owner_id=2)

    assert first == again == other
    assert first.created_at == other.created_at
    assert sorted(Holding.objects.values_list("owner_id", flat=True)) == [1, 2]
    assert list(kept.digests()) == [first.pk]


def test_storing_again_mends_a_damaged_copy(kept: Backend, tmp_path: Path) -> None:
    stored = put(b"abc")
    overwrite(kept, stored.pk, b"abd", tmp_path)

    put(b"abc")

    assert b"".join(open_blob(stored.pk)) == b"abc"


def test_knowing_a_digest_gives_nobody_the_bytes(place: str) -> None:
    ours = put(b"abc").pk
    unknown = sha256(b"unknown")

    assert missing(owner_id=1, digests=[unknown, ours, unknown]) == [unknown]
    assert missing(owner_id=2, digests=[ours]) == [ours]
    assert reserve(owner_id=1, digests=[unknown, ours, unknown]) == [unknown]
    assert reserve(owner_id=2, digests=[ours, unknown]) == [ours, unknown]
    assert held_by_md5(owner_id=1, md5s=["900150983cd24fb0d6963f7d28e17f72"]) == {
        "900150983cd24fb0d6963f7d28e17f72": ours
    }
    assert held_by_md5(owner_id=2, md5s=["900150983cd24fb0d6963f7d28e17f72"]) == {}


@pytest.mark.once
def test_what_is_held_is_looked_up_by_md5() -> None:
    """A few MD5s cost a few look-ups, however much the owner holds. PostgreSQL counts rows first
    and so decides for itself."""
    with CaptureQueriesContext(connection) as asked:
        held_by_md5(owner_id=1, md5s=["0" * 32])
    (query,) = asked.captured_queries

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {query['sql']}")
        plan = [row[3] for row in cursor.fetchall()]

    assert plan[0] == "SEARCH content_blob USING INDEX blobs_by_md5 (md5=?)"


def test_an_md5_that_two_contents_share_names_neither(place: str) -> None:
    one, two = put(b"one").pk, put(b"two").pk
    Blob.objects.filter(pk__in=[one, two]).update(md5="a" * 32)

    assert held_by_md5(owner_id=1, md5s=["a" * 32]) == {}


def test_content_can_be_given_to_another_owner(place: str) -> None:
    digest = put(b"abc").pk

    hold(owner_id=2, digests=[digest, digest])

    assert missing(owner_id=2, digests=[digest]) == []
    with pytest.raises(NoSuchContent):
        hold(owner_id=2, digests=[digest, "0" * 64])


@pytest.mark.django_db(transaction=True)
def test_the_same_content_from_eight_clients_at_once(
    kept: Backend, incoming: Callable[[], list[str]]
) -> None:
    content = os.urandom(300_000)
    start = threading.Barrier(8)

    def upload(owner_id: int) -> str:
        try:
            start.wait()
            return put(content, owner_id=owner_id % 4).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        digests = set(pool.map(upload, range(8)))

    assert digests == {sha256(content)}
    assert Blob.objects.count() == 1
    assert Holding.objects.count() == 4
    assert b"".join(open_blob(sha256(content))) == content
    assert incoming() == []


def test_files_and_folders_are_private_whatever_the_umask(data_folder: Path) -> None:
    seen: list[int] = []

    def pieces() -> Iterator[bytes]:
        seen.extend(path.stat().st_mode for path in data_folder.rglob("incoming/*"))
        yield b"abc"

    former = os.umask(0o000)
    try:
        store(owner_id=1, stream=pieces(), max_bytes=10)
    finally:
        os.umask(former)

    assert [stat.S_IMODE(mode) for mode in seen] == [0o600]
    modes = {
        (path.is_dir(), stat.S_IMODE(path.stat().st_mode))
        for path in (data_folder / "content", *(data_folder / "content").rglob("*"))
    }
    assert modes == {(True, 0o700), (False, 0o600)}


def test_uploads_stop_before_the_disk_is_full(
    place: str, settings: Settings, incoming: Callable[[], list[str]]
) -> None:
    stored = put(b"abc")
    settings.CONTENT_MIN_FREE_BYTES = 2**62

    with pytest.raises(StorageFull):
        put(b"more")

    assert incoming() == []
    assert b"".join(open_blob(stored.pk)) == b"abc"


@pytest.mark.parametrize(
    ("number", "refusal"), [(errno.ENOSPC, StorageFull), (errno.EIO, ContentUnavailable)]
)
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_fails_acknowledges_nothing(
    call: str,
    number: int,
    refusal: type[DomainError],
    data_folder: Path,
    incoming: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(b"so that the folders are there")

    def fail(*args: object) -> None:
        raise OSError(number, "injected")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(refusal):
            put(b"abc")

    assert incoming() == []
    assert not Blob.objects.filter(pk=sha256(b"abc")).exists()
    assert put(b"abc").pk == sha256(b"abc")


def test_a_file_system_without_hard_links_will_do(
    data_folder: Path, incoming: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", fail)

    assert b"".join(open_blob(put(b"abc").pk)) == b"abc"
    assert incoming() == []


def test_a_store_that_does_not_answer_is_busy(
    settings: Settings, incoming: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    settings.CONTENT, settings.S3_ENDPOINT = "s3://bucket", "http://127.0.0.1:1"

    with pytest.raises(ContentUnavailable):
        put(b"abc")

    assert incoming() == []
    assert not Blob.objects.exists()
