"""One axis of numbers: from a value to its place, and what is written beside it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from apps.web.charts import ticks
from apps.web.charts.chart import plotly_axis
from apps.web.charts.ticks import Tick, is_drawable


@dataclass(frozen=True, slots=True)
class Scale:
    """From `low` to `high`, both drawable; on a logarithmic one both are above zero."""

    low: float
    high: float
    is_log: bool

    def share(self, value: float) -> float:
        """How far along the axis the value lies: 0 at its low end, 1 at its high end."""
        low, high = self.low, self.high
        if self.is_log:
            low, high, value = math.log10(low), math.log10(high), math.log10(value)
        return (value - low) / (high - low)

    def ticks(self, count: int) -> list[Tick]:
        if self.is_log:
            return ticks.log_ticks(self.low, self.high, count)
        return ticks.linear_ticks(self.low, self.high, count)

    def plotly(self, name: str, count: int, **settings: object) -> dict[str, Any]:
        """The same axis for Plotly."""
        if not self.is_log:
            return plotly_axis(
                name, type="linear", range=[self.low, self.high], nticks=count, **settings
            )
        # Plotly would write 2 and 5 small, without their power of ten.
        marked = self.ticks(count)
        return plotly_axis(
            name,
            type="log",
            range=[math.log10(self.low), math.log10(self.high)],
            tickmode="array",
            tickvals=[tick.at for tick in marked],
            ticktext=[tick.text for tick in marked],
            **settings,
        )


def scale_of(values: Iterable[float | None], *, is_log: bool, count: int = 5) -> Scale:
    """An axis with room for these values; logarithmic only where all of them can be on it."""
    known = [value for value in values if value is not None and is_drawable(value)]
    if not known:
        return Scale(0.0, 1.0, is_log=False)
    low, high = min(known), max(known)
    if not is_log or low <= 0:
        return Scale(*ticks.nice_range(low, high, count), is_log=False)
    bottom, top = math.log10(low), math.log10(high)
    pad = max((top - bottom) * 0.05, 0.02)
    return Scale(10 ** max(bottom - pad, -307), 10 ** min(top + pad, 307), is_log=True)
