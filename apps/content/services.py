"""Storing bytes, saying who holds them, and removing what nobody names.

The rules that make this safe with any number of writers:
- a row is written only after its bytes are durable, and bytes are removed only after their row;
- bytes are removed only while the primary key of their row is locked, and `store` looks for its
  bytes once more after it has that lock;
- `store`, `reserve` and `hold` write the time to the row, and collection waits for a while from it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import BinaryIO

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError, QuerySet, RestrictedError
from django.utils import timezone

from apps.content import references
from apps.content.backends import PIECE_BYTES, backend
from apps.content.models import Blob, Holding
from apps.content.queries import NoSuchContent
from apps.content.queries import blob as stored_blob
from apps.content.spool import Spool, stale
from apps.core.errors import Invalid, TooLarge
from apps.core.prepared import put

GRACE = timedelta(hours=24)
# A client that sends nothing for this long has gone; its partial file is swept.
STALE_UPLOAD = timedelta(hours=1)
_BATCH = 500


class ContentMismatch(Invalid):
    """The bytes that came are not the ones that were announced."""


@dataclass(frozen=True)
class Removal:
    """Something that garbage collection removes (or, in a dry run, would), and why."""

    what: str
    name: str
    size_bytes: int
    reason: str


@dataclass(frozen=True)
class Kept:
    """Content that garbage collection leaves alone, for one reason."""

    why: str
    count: int
    size_bytes: int


def store(
    *,
    owner_id: int,
    stream: BinaryIO | Iterable[bytes],
    max_bytes: int,
    expected_digest: str | None = None,
    expected_md5: str | None = None,
    expected_size: int | None = None,
    then: Callable[[Blob], object] | None = None,
) -> Blob:
    """Store what the stream gives, durably, as held by an owner.

    `then` may name the content: in the transaction that makes it known, so that both are there or
    neither, and one commit does.

    Reads no more than `max_bytes` and one byte. Raises TooLarge, ContentMismatch (another digest,
    MD5 or size than expected), StorageFull, ContentUnavailable; then nothing is left behind.
    Storing what is there already is welcome: it also mends a damaged copy.
    """
    if expected_size is not None and expected_size > max_bytes:
        raise _too_large(max_bytes)
    with Spool(expected_size=expected_size) as spool:
        for piece in _pieces(stream, max_bytes):
            spool.write(piece)
            if spool.size_bytes > max_bytes:
                raise _too_large(max_bytes)
        _check_expected("size", spool.size_bytes, expected_size)
        _check_expected("SHA-256", spool.sha256, expected_digest and expected_digest.lower())
        _check_expected("MD5", spool.md5, expected_md5 and expected_md5.lower())
        spool.finish()
        return _keep(owner_id, spool, then)


@transaction.atomic(savepoint=False)
def reserve(*, owner_id: int, digests: Sequence[str]) -> list[str]:
    """Of these digests, in order, the ones that this owner has still to upload.

    Effect: the others stay for the grace period, so that a manifest can name them meanwhile. Call
    it again in the transaction that writes the manifest: what is not returned then is safe.
    """
    held = _want(Blob.objects.filter(pk__in=digests, holdings__owner_id=owner_id))
    return [digest for digest in dict.fromkeys(digests) if digest not in held]


@transaction.atomic
def hold(*, owner_id: int, digests: Sequence[str]) -> None:
    """Let an owner hold stored content that it did not send, such as an artifact copied to it.

    The caller has checked that the owner may read it. Raises NoSuchContent.
    """
    wanted = set(digests)
    if _want(Blob.objects.filter(pk__in=wanted)) != wanted:
        raise NoSuchContent("Some of this content is not stored here.")
    Holding.objects.bulk_create(
        [Holding(owner_id=owner_id, blob_id=digest) for digest in sorted(wanted)],
        ignore_conflicts=True,
    )


def collect_garbage(
    *, dry_run: bool = False, grace: timedelta = GRACE, now: datetime | None = None
) -> Iterator[Removal]:
    """Remove what nobody names and nobody has wanted for the grace period, telling each as it goes.

    Also bytes without a row and partial uploads, which only a crash leaves behind. May run beside
    uploads of the same content. A dry run tells the same and removes nothing.
    """
    before = (now or timezone.now()) - grace
    yield from _unnamed_blobs(before, dry_run=dry_run)
    yield from _bytes_without_row(dry_run=dry_run)
    yield from sweep_uploads(dry_run=dry_run)


def kept_content(*, grace: timedelta = GRACE, now: datetime | None = None) -> list[Kept]:
    """What `collect_garbage` keeps, and why: each reason with how much it keeps."""
    after = (now or timezone.now()) - grace
    totals: dict[str, tuple[int, int]] = {}
    last = ""
    while batch := list(Blob.objects.filter(pk__gt=last).order_by("pk")[:_BATCH]):
        last = batch[-1].pk
        named = references.named_by(blob.pk for blob in batch)
        for blob in batch:
            if blob.pk in named:
                why = f"named by {named[blob.pk]}"
            elif blob.wanted_at >= after:
                why = f"used in the last {grace / timedelta(hours=1):g} hours"
            else:
                continue
            count, size_bytes = totals.get(why, (0, 0))
            totals[why] = count + 1, size_bytes + blob.size_bytes
    return [Kept(why, *figures) for why, figures in sorted(totals.items())]


def sweep_uploads(*, dry_run: bool = False) -> Iterator[Removal]:
    """Remove the partial files of uploads that a crash of this machine's server ended."""
    for path, size_bytes in stale(STALE_UPLOAD.total_seconds()):
        yield Removal("upload", path.name, size_bytes, "not written to for an hour")
        if not dry_run:
            path.unlink(missing_ok=True)


def _keep(owner_id: int, spool: Spool, then: Callable[[Blob], object] | None) -> Blob:
    kept = backend()
    # First without any lock: to S3 this may take minutes.
    kept.put(spool.path, spool.sha256)
    now = timezone.now()
    new = Blob(
        digest=spool.sha256,
        md5=spool.md5,
        size_bytes=spool.size_bytes,
        created_at=now,
        wanted_at=now,
    )
    with transaction.atomic():
        put(new, by=("digest",), changes=("wanted_at",))
        # The row is locked now. A collection that held it before us may have taken the bytes.
        if kept.size(spool.sha256) != spool.size_bytes:
            kept.put(spool.path, spool.sha256)
        put(Holding(owner_id=owner_id, blob=new), by=("owner_id", "blob"))
        known = stored_blob(new.pk)
        if then is not None:
            then(known)
        return known


def _pieces(stream: BinaryIO | Iterable[bytes], max_bytes: int) -> Iterator[bytes]:
    """What the stream gives; of a file no more than is needed to see that it is too large."""
    read = getattr(stream, "read", None)
    if read is None:
        yield from stream
        return
    left = max_bytes + 1
    while left > 0:
        piece = read(min(PIECE_BYTES, left))
        if not piece:
            return
        left -= len(piece)
        yield piece


def _check_expected(what: str, found: object, expected: object) -> None:
    if expected is not None and found != expected:
        raise ContentMismatch(
            f"The {what} of what arrived is {found}, not {expected} as announced. "
            "Nothing was stored; send it again.",
            field="content",
        )


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge(f"The file is too large; {max_bytes} bytes at most.")


def _want(blobs: QuerySet[Blob]) -> set[str]:
    """Start the grace period of some content anew; which of it was there."""
    # Locked in one order, so that two manifests with common files cannot wait for each other.
    locked = blobs.select_for_update(of=("self",), no_key=True).order_by("pk")
    found = list(locked.values_list("pk", flat=True))
    Blob.objects.filter(pk__in=found).update(wanted_at=timezone.now())
    return set(found)


def _unnamed_blobs(before: datetime, *, dry_run: bool) -> Iterator[Removal]:
    last = ""
    while batch := list(
        Blob.objects.filter(wanted_at__lt=before, pk__gt=last).order_by("pk")[:_BATCH]
    ):
        last = batch[-1].pk
        named = references.needed(blob.pk for blob in batch)
        for blob in batch:
            if blob.pk in named or not _release(blob.pk, before, dry_run=dry_run):
                continue
            if not dry_run:
                _remove_bytes(blob.pk)
            day = f"{blob.wanted_at:%Y-%m-%d %H:%M} UTC"
            yield Removal("content", blob.pk, blob.size_bytes, f"named by nothing, last used {day}")


def _release(digest: str, before: datetime, *, dry_run: bool) -> bool:
    """Delete the row of some content unless somebody wanted or named it by now."""
    try:
        with transaction.atomic():
            locked = Blob.objects.select_for_update().filter(pk=digest, wanted_at__lt=before)
            if locked.first() is None or digest in references.needed([digest]):
                return False
            Holding.objects.filter(blob=digest).delete()
            Blob.objects.filter(pk=digest).delete()
            transaction.set_rollback(dry_run)
    except (ProtectedError, RestrictedError, IntegrityError):
        # A row of another app points here.
        return False
    return True


def _bytes_without_row(*, dry_run: bool) -> Iterator[Removal]:
    kept = backend()
    for digest in kept.digests():
        if Blob.objects.filter(pk=digest).exists():
            continue
        size = kept.size(digest)
        if size is not None and (dry_run or _remove_bytes(digest)):
            yield Removal("bytes", digest, size, "no row: left by an interrupted upload or removal")


def _remove_bytes(digest: str) -> bool:
    """Remove bytes that have no row, keeping a `store` of the same content waiting meanwhile."""
    try:
        with transaction.atomic():
            # The unsaved row is the lock: whoever wants to insert the same key waits for us.
            Blob.objects.create(digest=digest, md5="0" * 32, size_bytes=0)
            backend().delete(digest)
            transaction.set_rollback(True)
    except IntegrityError:
        # Stored again in between.
        return False
    return True
