"""Reading stored bytes and asking what is stored."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

from django.db.models import Exists, OuterRef

from apps.content.backends import BytesMissingError, backend
from apps.content.models import Blob, Holding
from apps.core.errors import NotFound
from apps.core.prepared import Prepared

# A file up to this size is read and checked whole before its first byte is handed out.
VERIFIED_FIRST_BYTES = 8 * 1024 * 1024


class NoSuchContent(NotFound):
    """Nothing is stored under this digest."""


class ContentDamaged(NotFound):
    """The stored bytes are gone or no longer match their digest.

    410: what the digest names is no longer to be had. Asking again does not help, so neither a 5xx
    (clients would retry for minutes) nor 409 (there is nothing the caller could resolve).
    """

    status = 410
    code = "content_damaged"


def blob(digest: str) -> Blob:
    """What is known about some bytes. Raises NoSuchContent."""
    found = _BLOBS.first(digest)
    if found is None:
        raise NoSuchContent("There is no content with this digest.")
    return found


_BLOBS: Final = Prepared[Blob](lambda digest: Blob.objects.filter(pk=digest), str)


def missing(*, owner_id: int, digests: Sequence[str]) -> list[str]:
    """Of these digests the ones that this owner does not hold, in the given order, each once.

    For showing. What is about to be named in a manifest is asked for with `services.reserve`,
    which also keeps garbage collection away.
    """
    held = set(
        Holding.objects.filter(owner_id=owner_id, blob__in=digests).values_list("blob", flat=True)
    )
    return [digest for digest in dict.fromkeys(digests) if digest not in held]


def held_by_md5(*, owner_id: int, md5s: Sequence[str]) -> dict[str, str]:
    """The SHA-256 of what this owner holds, by MD5 in hexadecimal.

    An MD5 that two of its contents share (forged, then) is left out: the client uploads again and
    the full digest decides.
    """
    held: dict[str, set[str]] = {}
    # Not a join: SQLite would go through all that the owner holds, however few are asked for.
    holdings = Holding.objects.filter(owner_id=owner_id, blob=OuterRef("pk"))
    rows = Blob.objects.filter(Exists(holdings), md5__in=md5s)
    for md5, digest in rows.values_list("md5", "pk"):
        held.setdefault(md5, set()).add(digest)
    return {md5: digests.pop() for md5, digests in held.items() if len(digests) == 1}


def open_blob(digest: str, *, start: int = 0, length: int | None = None) -> Iterator[bytes]:
    """The bytes of some content, or `length` of them from `start` on, in pieces.

    Up to 8 MiB all of it is verified first (read twice rather than kept in memory). Of larger
    content a full read is verified as it goes: the last piece is held back until the digest is
    right, so a damaged file never arrives whole. A part of larger content is checked for its size
    only; `verify_content` reads everything. Raises NoSuchContent; and ContentDamaged, for larger
    content perhaps not before the last piece.
    """
    found = blob(digest)
    end = found.size_bytes if length is None else min(start + length, found.size_bytes)
    try:
        if backend().size(digest) != found.size_bytes:
            raise _damaged(digest)
        if found.size_bytes <= VERIFIED_FIRST_BYTES:
            _exhaust(_verifying(backend().open(digest), digest))
            return backend().open(digest, start=start, length=max(end - start, 0))
        pieces = backend().open(digest, start=start, length=max(end - start, 0))
    except BytesMissingError:
        raise _damaged(digest) from None
    if start == 0 and end == found.size_bytes:
        return _verifying(pieces, digest)
    return pieces


def _exhaust(pieces: Iterator[bytes]) -> None:
    for _ in pieces:
        pass


def _verifying(pieces: Iterator[bytes], digest: str) -> Iterator[bytes]:
    hashed = hashlib.sha256()
    held_back = b""
    for piece in pieces:
        hashed.update(piece)
        if held_back:
            yield held_back
        held_back = piece
    if hashed.hexdigest() != digest:
        raise _damaged(digest)
    yield held_back


def _damaged(digest: str) -> ContentDamaged:
    return ContentDamaged(
        f"The stored content {digest[:12]}… is damaged or gone, so it is not handed out. "
        "Upload it again from a good copy; whoever runs the server can check with verify_content."
    )
