"""What a run logged besides numbers, in words: histograms, pictures, tables, texts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.core.numbers import format_count, format_value
from apps.core.paging import Key, paginate
from apps.core.text import truncate
from apps.runs.models import Run
from apps.series.models import ObjectPoint
from apps.series.queries import object_keys, objects_of
from apps.web.charts import sparkline
from apps.web.run_page import RunPage

SHOWN_KEYS = 200
HISTORY_SIZE = 25
NEWEST_FIRST = (
    Key("step", "integer", descending=True),
    Key("pk", "integer", descending=True),
)
MAX_TEXT = 400
MAX_BINS = 512


@dataclass(frozen=True, slots=True)
class ObjectRow:
    """One logged value: what it is, what it says, and for a histogram its shape."""

    key: str
    step: str
    at: str
    kind: str
    text: str
    drawing: SafeString | str = ""
    count: str = ""
    url: str = ""


def object_row(point: ObjectPoint, *, count: int = 0, url: str = "") -> ObjectRow:
    kind, text, drawing = _described(point)
    return ObjectRow(
        key=point.key,
        step=format_count(point.step),
        at=_moment(point.at),
        kind=kind,
        text=text,
        drawing=drawing,
        count=format_count(count) if count else "",
        url=url,
    )


def _described(point: ObjectPoint) -> tuple[str, str, SafeString | str]:
    try:
        value = json.loads(point.value)
    except ValueError:
        return _("text"), truncate(point.value, MAX_TEXT), ""
    if isinstance(value, str):
        return _("text"), truncate(value, MAX_TEXT), ""
    if isinstance(value, Mapping):
        # The names are those of the wandb client; anybody may log the same shapes.
        kind = str(value.get("_type") or "")
        counts = _numbers(value.get("values") if kind == "histogram" else value.get("counts"))
        if counts:
            return _("histogram"), _spread(counts, value), _shape(point, counts)
        if kind:
            return truncate(kind, 40), _facts(value), ""
    return _("value"), truncate(json.dumps(value, ensure_ascii=False), MAX_TEXT), ""


def _numbers(value: object) -> list[float]:
    """The value if it is a list of numbers that can be drawn."""
    if not isinstance(value, list) or not 0 < len(value) <= MAX_BINS:
        return []
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in value):
        return []
    return [float(one) for one in value]


def _spread(counts: Sequence[float], value: Mapping[str, object]) -> str:
    """How many values lie where."""
    words = {"count": format_value(sum(counts)), "bins": len(counts)}
    edges = _numbers(value.get("bins") or value.get("edges"))
    if not edges:
        return _("%(count)s values in %(bins)s bins") % words
    words |= {"low": format_value(min(edges)), "high": format_value(max(edges))}
    return _("%(count)s values in %(bins)s bins from %(low)s to %(high)s") % words


def _shape(point: ObjectPoint, counts: Sequence[float]) -> SafeString | str:
    label = _("Histogram of %(key)s at step %(step)s") % {"key": point.key, "step": point.step}
    # No bin is marked.
    return sparkline(counts, label=label, dot=-1)


def _facts(value: Mapping[str, object]) -> str:
    """The plain parts of a picture, a table or another file: its path, size and so on."""
    parts = [
        f"{name}: {one}"
        for name, one in value.items()
        if not name.startswith("_") and isinstance(one, str | int | float)
    ]
    return truncate(", ".join(parts), MAX_TEXT)


def _moment(seconds: float) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return ""


@dataclass(frozen=True, slots=True)
class Objects:
    """The keys of a run, each with its newest value; or the history of one key."""

    rows: Sequence[ObjectRow]
    key: str = ""
    all_url: str = ""
    foot: Mapping[str, str] | None = None


def objects_shown(run: Run, page: RunPage, address: str) -> Objects:
    """Two queries for the keys, one for a history."""
    if page.key:
        return _history(run, page, address)
    rows = [
        object_row(
            found.newest,
            count=found.count,
            url=replace(page, key=found.newest.key, cursor="").address(address),
        )
        for found in object_keys(owner_id=run.pk, limit=SHOWN_KEYS)
    ]
    return Objects(rows)


def _history(run: Run, page: RunPage, address: str) -> Objects:
    """The newest first."""
    found = paginate(
        objects_of(owner_id=run.pk, keys=[page.key]),
        NEWEST_FIRST,
        cursor=page.cursor,
        size=HISTORY_SIZE,
        scope=page.key,
    )

    def at(cursor: str | None) -> str:
        return "" if cursor is None else replace(page, cursor=cursor).address(address)

    foot = {"previous_url": at(found.previous), "next_url": at(found.next), "target": "view"}
    return Objects(
        [object_row(point) for point in found.rows],
        key=page.key,
        all_url=replace(page, key="", cursor="").address(address),
        foot=foot,
    )
