"""Tables as files of CSV, sent while they are read."""

from collections.abc import Iterator
from itertools import islice

from django.http import StreamingHttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header

from apps.web.present.people import day

# Each piece costs a round through the server.
LINES_AT_ONCE = 200
SHOWN_NAME = 80


def csv_file(lines: Iterator[str], *, name: str, kind: str) -> StreamingHttpResponse:
    """The answer with these lines; the browser keeps it as `name kind 2026-01-31.csv`."""
    pieces = iter(lambda: "".join(islice(lines, LINES_AT_ONCE)), "")
    response = StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8")
    kept = f"{name[:SHOWN_NAME]} {kind} {day(timezone.now())}.csv"
    response.headers["Content-Disposition"] = content_disposition_header(True, kept)
    return response
