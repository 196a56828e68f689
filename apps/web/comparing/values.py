"""What the runs logged: the last value of each metric, and the numbers that charts draw."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from apps.core.numbers import Delta, Direction, format_delta, format_value
from apps.evaluations.choices import Better
from apps.evaluations.services import guess_direction
from apps.series.choices import SeriesKind
from apps.series.models import Series
from apps.series.queries import common_keys, series_of_many
from apps.web.comparing.items import Item

MAX_KEYS = 60


@dataclass(frozen=True, slots=True)
class LoggedCell:
    text: str
    title: str
    delta: Delta | None
    is_best: bool
    is_missing: bool


@dataclass(frozen=True, slots=True)
class LoggedRow:
    key: str
    cells: Sequence[LoggedCell]


@dataclass(frozen=True, slots=True)
class Logged:
    """The series of the items' runs by key and run; `keys` are those that most of them have."""

    keys: Sequence[str]
    series: dict[str, dict[int, Series]]

    def of(self, item: Item, key: str) -> Series | None:
        return self.series.get(key, {}).get(item.run.pk) if item.run is not None else None


def logged_by(items: Sequence[Item]) -> Logged:
    """The figures of the metrics that the items' runs logged. Two queries."""
    owners = {item.run.pk for item in items if item.run is not None}
    keys = common_keys(owner_ids=owners, kind=SeriesKind.METRIC, limit=MAX_KEYS)
    found: dict[str, dict[int, Series]] = {}
    for series in series_of_many(owner_ids=owners, kind=SeriesKind.METRIC, keys=keys):
        found.setdefault(series.key, {})[series.owner_id] = series
    return Logged(sorted(keys), found)


def show_logged(items: Sequence[Item], base: Item, logged: Logged) -> list[LoggedRow]:
    """Last values side by side, with the difference to the base's."""
    return [_row(key, items, base, logged) for key in logged.keys]


def _row(key: str, items: Sequence[Item], base: Item, logged: Logged) -> LoggedRow:
    direction = direction_of_key(key)
    reference = logged.of(base, key)
    last = {item.place: series.last for item in items if (series := logged.of(item, key))}
    known = [v for v in last.values() if v is not None and not math.isnan(v)]
    best = None
    if direction and len(known) > 1:
        best = min(known) if direction == "lower" else max(known)
    cells = []
    for item in items:
        series = logged.of(item, key)
        if series is None:
            cells.append(LoggedCell("–", _("not logged"), None, False, True))
            continue
        delta = None
        if reference is not None and item is not base:
            delta = format_delta(series.last, reference.last, direction, reference=base.name)
        cells.append(
            LoggedCell(
                text=format_value(series.last),
                title=_("%(count)s points from %(low)s to %(high)s")
                % {
                    "count": f"{series.count:,}",
                    "low": format_value(series.min_value),
                    "high": format_value(series.max_value),
                },
                delta=delta,
                is_best=best is not None and series.last == best,
                is_missing=False,
            )
        )
    return LoggedRow(key, cells)


def direction_of_key(key: str) -> Direction:
    """Which way a logged metric improves, as its name suggests; its team may never have said."""
    better = guess_direction(key)
    return "" if better == Better.NEITHER else "lower" if better == Better.LOWER else "higher"
