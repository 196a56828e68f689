"""Damaged content is never handed out as good."""

import io
import os
from pathlib import Path

import pytest

from apps.content import queries
from apps.content.backends import Backend
from apps.content.queries import ContentDamaged, NoSuchContent, open_blob
from apps.content.services import store
from tests.content.conftest import overwrite, sha256

pytestmark = pytest.mark.django_db
MIB = 1024 * 1024


def put(content: bytes) -> str:
    return store(owner_id=1, stream=io.BytesIO(content), max_bytes=10 * MIB).pk


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat what these tests store as too large to be verified beforehand."""
    monkeypatch.setattr(queries, "VERIFIED_FIRST_BYTES", -1)


@pytest.mark.parametrize(
    ("start", "length"), [(0, 1), (0, 10), (3, 4), (9, 1), (9, 100), (10, 5), (0, 0), (2, None)]
)
@pytest.mark.parametrize("threshold", [-1, 8 * MIB])
def test_a_part_of_the_content(
    start: int, length: int | None, threshold: int, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "VERIFIED_FIRST_BYTES", threshold)
    digest = put(b"0123456789")

    part = b"".join(open_blob(digest, start=start, length=length))

    assert part == b"0123456789"[start : None if length is None else start + length]


def test_unknown_content(place: str) -> None:
    with pytest.raises(NoSuchContent):
        open_blob("0" * 64)


@pytest.mark.parametrize(("start", "length"), [(0, None), (5, 2)])
def test_a_flipped_byte_in_a_small_file_is_noticed_before_the_first_piece(
    start: int, length: int | None, kept: Backend, tmp_path: Path
) -> None:
    digest = put(b"0123456789")
    overwrite(kept, digest, flipped(b"0123456789", 0), tmp_path)

    with pytest.raises(ContentDamaged) as refusal:
        open_blob(digest, start=start, length=length)

    assert refusal.value.status == 410


def test_a_flipped_byte_in_a_large_file_keeps_the_last_piece_back(
    large: None, kept: Backend, tmp_path: Path
) -> None:
    content = os.urandom(3 * MIB)
    digest = put(content)
    overwrite(kept, digest, flipped(content, 17), tmp_path)

    received: list[bytes] = []
    with pytest.raises(ContentDamaged):
        received.extend(open_blob(digest))

    assert 0 < sum(map(len, received)) < len(content)


def test_a_large_file_that_is_whole_arrives(large: None, place: str) -> None:
    content = os.urandom(3 * MIB + 5)

    assert sha256(b"".join(open_blob(put(content)))) == sha256(content)


@pytest.mark.parametrize("damage", ["shorter", "longer", "gone"])
def test_a_wrong_size_is_noticed_even_for_a_part_of_a_large_file(
    damage: str, large: None, kept: Backend, tmp_path: Path
) -> None:
    digest = put(b"0123456789")
    if damage == "gone":
        kept.delete(digest)
    else:
        overwrite(kept, digest, {"shorter": b"0123", "longer": b"0123456789a"}[damage], tmp_path)

    with pytest.raises(ContentDamaged):
        open_blob(digest, start=1, length=2)


def test_content_is_not_read_through_a_link(data_folder: Path, tmp_path: Path) -> None:
    digest = put(b"abc")
    path = data_folder / "content" / "blobs" / digest[:2] / digest[2:4] / digest
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"abc")
    path.unlink()
    path.symlink_to(elsewhere)

    with pytest.raises(ContentDamaged):
        open_blob(digest)


@pytest.mark.parametrize(
    "name", ["../../secret", "/etc/passwd", "a" * 63, "A" * 64, "a" * 64 + "\n"]
)
def test_a_backend_opens_nothing_but_digests(name: str, data_folder: Path) -> None:
    from apps.content.backends import backend

    with pytest.raises(ValueError, match="SHA-256"):
        backend().open(name)
