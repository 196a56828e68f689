"""The curves of the items' runs over each other."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from apps.series.choices import SeriesKind
from apps.series.queries import sampled_of_many
from apps.web.charts import Chart, ChartSpec, Line, line_chart
from apps.web.comparing.asked import MAX_METRICS, Asked
from apps.web.comparing.items import Item
from apps.web.comparing.values import Logged
from apps.web.curve_options import CurveControls, curve_controls, curve_points, start_of
from apps.web.curves import rank

FIRST_METRICS = 4
# Where one run diverged, the others would be a line along the bottom of a linear axis.
LOG_FROM = 1_000


@dataclass(frozen=True, slots=True)
class MetricChoice:
    key: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Overlay:
    """A chart for each chosen metric, what else there is, and how to draw it."""

    charts: Sequence[Chart]
    choices: Sequence[MetricChoice]
    most: int
    controls: CurveControls


def show_overlay(items: Sequence[Item], logged: Logged, asked: Asked) -> Overlay | None:
    """None where nothing was logged twice. Three queries, however many runs and metrics."""
    curves = {
        key: sum(one.count > 1 for one in by_run.values()) for key, by_run in logged.series.items()
    }
    # Shared ones before those of one run, losses before the rest, checks before training.
    offered = sorted(
        (key for key, count in curves.items() if count),
        key=lambda key: (curves[key] < 2, "loss" not in key.lower(), -rank(key)[0], key),
    )
    if not offered:
        return None
    chosen = list(asked.metrics) or offered[:FIRST_METRICS]
    return Overlay(
        charts=_charts(items, chosen, asked),
        choices=[MetricChoice(key, key in chosen) for key in sorted({*offered, *chosen})],
        most=MAX_METRICS,
        controls=curve_controls(
            asked.curves, lambda options: asked.but(curves=options).address("curves")
        ),
    )


def _charts(items: Sequence[Item], keys: Sequence[str], asked: Asked) -> list[Chart]:
    options = asked.curves
    owners = {item.run.pk for item in items if item.run is not None}
    points = sampled_of_many(
        owner_ids=owners, kind=SeriesKind.METRIC, keys=keys, points=options.sample
    )
    starts = {
        owner: start_of(drawn for (other, _key), drawn in points.items() if other == owner)
        for owner in owners
    }
    charts = []
    for number, key in enumerate(keys, 1):
        lines = [
            Line(
                item.name,
                curve_points(points[item.run.pk, key], options, start=starts[item.run.pk]),
                role=item.role,
                style=item.style,
            )
            for item in items
            if item.run is not None and (item.run.pk, key) in points
        ]
        charts.append(
            line_chart(
                ChartSpec(
                    key=f"overlay-{number}",
                    title=key,
                    description=options.describe(key),
                    x_label=options.x_label,
                    x_kind=options.x_kind,
                    log_y=options.log_y or (not options.scale and _spread(lines) > LOG_FROM),
                    lines=lines,
                )
            )
        )
    return charts


def _spread(lines: Sequence[Line]) -> float:
    """How many times larger the greatest value is than the smallest; 0 where log cannot be."""
    values = [
        point.y
        for line in lines
        for point in line.points
        if point.y is not None and math.isfinite(point.y)
    ]
    low = min(values, default=0.0)
    return max(values) / low if low > 0 else 0.0
