"""Which points a series has already: for clients by whose rules it is a set.

A client that logs in order never asks the database: what lies after the last point is new.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from apps.series.encoding import RECORD, decode, to_records
from apps.series.models import Chunk, Series


def each(records: bytes) -> Iterator[bytes]:
    """The records one by one."""
    for start in range(0, len(records), RECORD.size):
        yield records[start : start + RECORD.size]


def known_records(stretches: Mapping[Series, tuple[int, int]]) -> dict[Series, set[bytes]]:
    """The records of each series, of those chunks alone that reach into its stretch of steps.

    One query, for the series that have chunks.
    """
    known = {row: set(each(bytes(row.tail))) for row in stretches}
    by_id = {row.pk: row for row in stretches if row.count * RECORD.size > len(row.tail)}
    if not by_id:
        return known
    chunks: defaultdict[Series, list[Chunk]] = defaultdict(list)
    lowest = min(stretches[row][0] for row in by_id.values())
    highest = max(stretches[row][1] for row in by_id.values())
    reaching = Chunk.objects.filter(
        series__in=by_id, max_step__gte=lowest, min_step__lte=highest
    ).defer("preview")
    for chunk in reaching:
        chunks[by_id[chunk.series_id]].append(chunk)
    for row, found in chunks.items():
        for chunk in found:
            known[row].update(each(to_records(decode(chunk.data))))
    return known
