"""The bin on the wire."""

from apps.api.wire.base import Moment, Out
from apps.bin.queries.items import BinItem


class BinItemOut(Out):
    """One thing in the bin. `item` is what restores or purges it; `goes_at` when it goes anyway."""

    item: str
    kind: str
    name: str
    project: str | None
    deleted_at: Moment
    deleted_by: str | None
    reason: str
    goes_at: Moment


class RestoredOut(Out):
    item: str
    kind: str
    name: str


class PurgedOut(Out):
    item: str
    kind: str
    name: str


def bin_item_out(item: BinItem) -> BinItemOut:
    return BinItemOut(
        item=item.key,
        kind=item.kind,
        name=item.name,
        project=item.project.name if item.project else None,
        deleted_at=item.deleted_at,
        deleted_by=item.deleted_by.username if item.deleted_by else None,
        reason=item.reason,
        goes_at=item.goes_at,
    )
