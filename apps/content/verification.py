"""Comparing what the database says is stored with what is."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from apps.content.backends import Backend, BytesMissingError, backend
from apps.content.models import Blob


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with one digest."""

    digest: str
    problem: str


def verify_all(*, read_bytes: bool = True) -> Iterator[Finding]:
    """Everything that is wrong; without `read_bytes` only presence and sizes are compared."""
    kept = backend()
    for blob in Blob.objects.order_by("pk").iterator():
        problem = _problem(kept, blob, read_bytes=read_bytes)
        # A collection may have removed it while we looked.
        if problem and Blob.objects.filter(pk=blob.pk).exists():
            yield Finding(blob.pk, problem)
    for digest in kept.digests():
        if not Blob.objects.filter(pk=digest).exists() and kept.size(digest) is not None:
            yield Finding(digest, "bytes without a row (collect_garbage removes them)")


def _problem(kept: Backend, blob: Blob, *, read_bytes: bool) -> str:
    size = kept.size(blob.pk)
    if size is None:
        return "row without bytes"
    if size != blob.size_bytes:
        return f"wrong size: {size} bytes instead of {blob.size_bytes}"
    if not read_bytes:
        return ""
    hashed = hashlib.sha256()
    try:
        for piece in kept.open(blob.pk):
            hashed.update(piece)
    except BytesMissingError:
        return "row without bytes"
    return "" if hashed.hexdigest() == blob.pk else f"wrong digest: {hashed.hexdigest()}"
