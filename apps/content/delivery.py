"""Handing out stored bytes over HTTP: inert, in parts where asked for, and not twice.

What a door sends, without the door: status, headers and the pieces of the body. So nothing in a
file runs on our own origin, whichever door hands it out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from django.utils.http import content_disposition_header, parse_etags

from apps.content.queries import open_blob
from apps.content.ranges import Part, Range, parse_range

INERT = "sandbox; default-src 'none'; frame-ancestors 'none'"


@dataclass(frozen=True)
class Delivery:
    """An answer to be sent: 200, 206, 304 or 416; a body only with the first two."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    pieces: Iterator[bytes] | None = None


def deliver(*, digest: str, size: int, filename: str, asked: Mapping[str, str]) -> Delivery:
    """Stored content as an attachment. The caller has checked that the reader may have it.

    `asked` has the request's headers (If-None-Match, If-Range, Range). Raises as `open_blob` does.
    """
    etag = f'"{digest}"'
    headers = _inert(filename, etag)
    known = {tag.removeprefix("W/") for tag in parse_etags(asked.get("If-None-Match", ""))}
    if known & {"*", etag}:
        return Delivery(304, headers)
    wanted = None
    if asked.get("If-Range", etag) == etag:
        wanted = parse_range(asked.get("Range"), size)
    if wanted is Range.UNSATISFIABLE:
        return Delivery(416, {**headers, "Content-Range": f"bytes */{size}"})
    if isinstance(wanted, Part):
        headers["Content-Range"] = f"bytes {wanted.first}-{wanted.last}/{size}"
        headers["Content-Length"] = str(wanted.length)
        pieces = open_blob(digest, start=wanted.first, length=wanted.length)
        return Delivery(206, headers, pieces)
    headers["Content-Length"] = str(size)
    return Delivery(200, headers, open_blob(digest))


def _inert(filename: str, etag: str) -> dict[str, str]:
    """What makes any file harmless in a browser on our own origin, whatever is in it."""
    return {
        "Content-Type": "application/octet-stream",
        "Content-Disposition": content_disposition_header(True, filename) or "attachment",
        "Content-Security-Policy": INERT,
        "X-Content-Type-Options": "nosniff",
        "ETag": etag,
        "Accept-Ranges": "bytes",
        # Kept by the reader alone, and asked for again each time: the permission may have gone.
        "Cache-Control": "private, no-cache",
    }
