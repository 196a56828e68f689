"""Where an axis puts its ticks, and what it writes beside them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils.translation import gettext as _

from apps.core.numbers import format_value

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
# Steps that people count time in. Months and years follow the calendar and are found apart.
_TIME_STEPS = (
    *(1.0, 2.0, 5.0, 10.0, 15.0, 30.0),
    *(MINUTE * n for n in (1, 2, 5, 10, 15, 30)),
    *(HOUR * n for n in (1, 2, 3, 6, 12)),
    *(DAY * n for n in (1, 2, 7, 14)),
)
_MONTH_STEPS = (1, 2, 3, 6, *(12 * n for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)))
_MAX_TICKS = 24
# Past this no difference of two values overflows.
LARGEST = 1e300


@dataclass(frozen=True, slots=True)
class Tick:
    """One place on an axis, in the axis's own unit, and its words."""

    at: float
    text: str


def is_drawable(value: float | None) -> bool:
    """Whether a value can be given a place on a chart at all."""
    return value is not None and math.isfinite(value) and abs(value) <= LARGEST


def linear_ticks(low: float, high: float, count: int, *, whole: bool = False) -> list[Tick]:
    """About `count` round numbers from low to high; `whole` allows only whole ones."""
    step = nice_step((high - low) / max(count, 1))
    if whole:
        step = 5.0 if step == 2.5 else max(1.0, step)
    if step <= 0 or not math.isfinite(step):
        return [Tick(low, format_value(low))]
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    if last - first >= _MAX_TICKS or low + step == low or high + step == high:
        # The range is too small for the digits a float has.
        return [Tick(low, format_value(low))]
    values = [index * step for index in range(first, last + 1)]
    return [Tick(value, text) for value, text in zip(values, _texts(values, step), strict=True)]


def log_ticks(low: float, high: float, count: int) -> list[Tick]:
    """Round numbers from low to high for a logarithmic axis; both are above zero."""
    bottom, top = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for factors in ((1, 2, 5), (1, 3), (1,)):
        values = [
            factor * 10.0**power
            for power in range(max(bottom, -300), min(top, 300) + 1)
            for factor in factors
        ]
        values = [value for value in values if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
        if len(values) <= count + 1:
            break
    if len(values) > count + 1:
        # Even whole powers of ten are too many: every second, third … of them, counted from 1.
        every = math.ceil(len(values) / (count + 1))
        values = [value for value in values if round(math.log10(value)) % every == 0]
    if len(values) < 2:
        return [tick for tick in linear_ticks(low, high, count) if tick.at > 0]
    return [Tick(value, format_value(value)) for value in values]


def time_ticks(low: float, high: float, count: int) -> list[Tick]:
    """Round moments (UTC, seconds since the epoch) from low to high."""
    wanted = (high - low) / max(count, 1)
    step = next((step for step in _TIME_STEPS if step >= wanted), None)
    if step is None:
        return _calendar_ticks(low, high, wanted)
    if wanted < 1:
        places = linear_ticks(low, high, count)
        return [Tick(tick.at, f"{moment(tick.at):%H:%M:%S.%f}"[:-3]) for tick in places]
    # Weeks start on a Monday; the epoch was a Thursday.
    shift = 4 * DAY if step % (7 * DAY) == 0 else 0.0
    first = math.ceil((low - shift) / step)
    last = math.floor((high - shift) / step)
    values = [index * step + shift for index in range(first, last + 1)]
    return [Tick(value, _moment(value, step)) for value in values]


def duration_ticks(low: float, high: float, count: int) -> list[Tick]:
    """Round lengths of time (seconds) from low to high, each in the largest unit of their step."""
    wanted = (high - low) / max(count, 1)
    if not math.isfinite(wanted) or wanted < 1:
        return linear_ticks(low, high, count)
    step = next((step for step in _TIME_STEPS if step >= wanted), 0.0)
    step = step or nice_step(wanted / DAY) * DAY
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [Tick(index * step, _length(index * step, step)) for index in range(first, last + 1)]


def category_ticks(names: Sequence[str], count: int) -> list[Tick]:
    """Every name, or every second, third … one when there is not room for all."""
    every = max(1, math.ceil(len(names) / max(count, 1)))
    return [Tick(float(index), names[index]) for index in range(0, len(names), every)]


def nice_step(rough: float) -> float:
    """The smallest of 1, 2, 2.5 and 5 times a power of ten that is not below `rough`."""
    if rough <= 0 or not math.isfinite(rough):
        return 0.0
    power = 10.0 ** math.floor(math.log10(rough))
    if power == 0:
        return 0.0
    factor = next((f for f in (1, 2, 2.5, 5, 10) if f * power >= rough * (1 - 1e-9)), 10)
    return factor * power


def nice_range(low: float, high: float, count: int) -> tuple[float, float]:
    """The range widened to the ticks around it; a range of nothing is given a width."""
    if high - low <= max(abs(low), abs(high)) * 1e-12:
        pad = abs(low) * 0.1 or 1.0
        return low - pad, high + pad
    step = nice_step((high - low) / max(count, 1))
    if step == 0:
        return low, high
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step


def _texts(values: Sequence[float], step: float) -> list[str]:
    """The numbers with the same decimals, so that 0.5 stands beside 1.0."""
    largest = max((abs(value) for value in values), default=0.0)
    if largest >= 1e7 or (0 < largest < 1e-4):
        return [format_value(value) for value in values]
    decimals = 0
    while decimals < 10 and abs(step * 10**decimals - round(step * 10**decimals)) > 1e-6:
        decimals += 1
    return [format_value(value, f"fixed:{decimals}") for value in values]


def _calendar_ticks(low: float, high: float, wanted: float) -> list[Tick]:
    months = next((m for m in _MONTH_STEPS if m * 30.4 * DAY >= wanted), _MONTH_STEPS[-1])
    start, end = moment(low), moment(high)
    month = (start.year * 12 + start.month - 1) // months * months
    ticks = []
    while month <= end.year * 12 + end.month - 1:
        year, index = divmod(month, 12)
        if 1 <= year <= 9999:
            at = datetime(year, index + 1, 1, tzinfo=UTC).timestamp()
            if low <= at <= high:
                text = f"{year}" if months >= 12 else f"{year}-{index + 1:02}"
                ticks.append(Tick(at, text))
        month += months
    return ticks


def _moment(seconds: float, step: float) -> str:
    at = moment(seconds)
    if step >= DAY:
        return f"{at:%m-%d}" if at.timetuple().tm_yday > 1 else f"{at:%Y-%m-%d}"
    if at.hour == at.minute == at.second == 0:
        return f"{at:%m-%d}"
    return f"{at:%H:%M}" if step >= MINUTE else f"{at:%H:%M:%S}"


def _length(seconds: float, step: float) -> str:
    if seconds == 0:
        return "0"
    for unit, words in (
        (DAY, _("%(count)s d")),
        (HOUR, _("%(count)s h")),
        (MINUTE, _("%(count)s min")),
    ):
        if step % unit == 0:
            return words % {"count": format_value(seconds / unit)}
    return _("%(count)s s") % {"count": format_value(seconds)}


def moment(seconds: float) -> datetime:
    """The moment; out of the calendar's range, its nearest end."""
    limit = timedelta(days=719_000).total_seconds()
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=max(-limit, min(limit, seconds)))
