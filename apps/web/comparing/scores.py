"""Scores on golden sets: side by side with their differences, and as bars."""

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.evaluations.models import Result
from apps.evaluations.outcomes import with_examples
from apps.evaluations.pairing import MAX_PAIRS, paired_differences
from apps.registry.models import Column
from apps.registry.queries.columns import visible_columns
from apps.registry.queries.comparison import pairs_with, scores_of
from apps.registry.queries.table import format_of
from apps.web.charts import Bar, BarChartSpec, BarGroup, Chart, bar_chart
from apps.web.comparing.asked import Asked
from apps.web.comparing.items import Item
from apps.web.curve_options import OptionLink
from apps.web.present.comparison import Comparison, show_comparison

Scores = Mapping[int, Mapping[int, Result]]

# The error bars of a bar: 95 % of a normal distribution.
_CONFIDENCE_95 = 1.96


@dataclass(frozen=True, slots=True)
class Scored:
    """The columns that the items' models have, each metric and golden set once, and the scores.

    `exemplified` are the results that came with a score for each example.
    """

    columns: Sequence[Column]
    scores: Scores
    exemplified: Set[int] = frozenset()

    def of(self, item: Item, column: Column) -> Result | None:
        if item.version is None:
            return None
        return self.scores.get(item.version.artifact_id, {}).get(column.pk)


def scored(items: Sequence[Item], user: User) -> Scored:
    """Three queries: columns, results, and which of them have examples."""
    versions = [item.version for item in items if item.version is not None]
    if not versions:
        return Scored([], {})
    models = {version.collection_id for version in versions}
    columns: dict[tuple[int, int | None], Column] = {}
    for column in visible_columns(user).filter(collection__in=models):
        columns.setdefault((column.metric_id, column.golden_set_id), column)
    found = scores_of([version.artifact_id for version in versions], list(columns.values()))
    shown = {pk for results in found.values() for pk in results}
    return Scored(
        [column for column in columns.values() if column.pk in shown],
        found,
        with_examples(one.pk for results in found.values() for one in results.values()),
    )


def token_of(column: Column) -> str:
    """What addresses call a metric on a golden set: `accuracy@digits-10k`."""
    golden_set = f"@{column.golden_set.name}" if column.golden_set is not None else ""
    return f"{column.metric.name}{golden_set}"


def show_scores(items: Sequence[Item], base: Item, found: Scored) -> Comparison | None:
    """A score in each row, a version in each column; in pairs where the examples are the same."""
    scored_items = [item for item in items if item.version is not None]
    versions = [item.version for item in scored_items if item.version is not None]
    if not found.columns:
        return None
    pairs = _pairs(base, found)
    return show_comparison(
        versions,
        found.columns,
        found.scores,
        base=base.version,
        reference=base.name,
        names={item.version.pk: item.name for item in scored_items if item.version is not None},
        pills={item.version.pk: item.pills for item in scored_items if item.version is not None},
        paired=paired_differences(pairs),
        unread=max(len(pairs) - MAX_PAIRS, 0),
    )


def _pairs(base: Item, found: Scored) -> list[tuple[Result, Result]]:
    """The results that have examples, each with the base's."""
    if base.version is None:
        return []
    return [
        (theirs, ours)
        for theirs, ours in pairs_with(base.version, found.columns, found.scores)
        if theirs.pk in found.exemplified and ours.pk in found.exemplified
    ]


@dataclass(frozen=True, slots=True)
class Bars:
    """A chart of one metric on each golden set, and the way to the other metrics."""

    chart: Chart
    choices: Sequence[OptionLink]


def show_bars(items: Sequence[Item], found: Scored, asked: Asked) -> Bars | None:
    metrics = {
        column.metric.name_key: column.metric
        for column in found.columns
        if column.golden_set is not None
    }
    if not metrics:
        return None
    chosen = metrics.get(asked.bars) or next(iter(metrics.values()))
    columns = [
        column
        for column in found.columns
        if column.metric_id == chosen.pk and column.golden_set is not None
    ]
    chart = bar_chart(
        BarChartSpec(
            key="bars",
            title=_("%(metric)s on each golden set") % {"metric": chosen.title},
            description=_("Bars are values, whiskers their 95 % intervals."),
            groups=[_group(items, column, found) for column in columns],
            x_label=chosen.title,
            x_format=format_of(columns[0]),
            with_names=True,
        )
    )
    return Bars(
        chart,
        [
            OptionLink(metric.title, asked.but(bars=key).address("bars"), metric == chosen)
            for key, metric in metrics.items()
        ],
    )


def _group(items: Sequence[Item], column: Column, found: Scored) -> BarGroup:
    assert column.golden_set is not None  # noqa: S101 (the caller chose those)
    bars = [_bar(item, result) for item in items if (result := found.of(item, column)) is not None]
    return BarGroup(column.golden_set.title, bars)


def _bar(item: Item, result: Result) -> Bar:
    if result.value is None:
        return Bar(item.name, math.nan, role=item.role)
    low, high = result.low, result.high
    if low is None and result.stderr is not None:
        low = result.value - _CONFIDENCE_95 * result.stderr
        high = result.value + _CONFIDENCE_95 * result.stderr
    return Bar(item.name, result.value, low, high, item.role)
