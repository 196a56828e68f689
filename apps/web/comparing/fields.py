"""What items can be placed by: settings, last values and scores, one number for each item.

A field is called `config.lr`, `last.val/loss` or `score.loss@digits-10k` in addresses.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from apps.core.numbers import DEFAULT_FORMAT
from apps.registry.models import Column
from apps.registry.queries.table import format_of
from apps.web.charts import (
    Chart,
    ParallelAxis,
    ParallelLine,
    ParallelSpec,
    Scattered,
    ScatterSpec,
    parallel_chart,
    scatter_chart,
)
from apps.web.comparing.asked import MAX_AXES, Asked
from apps.web.comparing.items import Item
from apps.web.comparing.scores import Scored, token_of
from apps.web.comparing.settings import Settings
from apps.web.comparing.values import Logged

# A logarithmic axis when all values are above zero and span this factor.
LOG_FROM = 30
FIRST_SETTINGS = 4
FIRST_RESULTS = 2


@dataclass(frozen=True, slots=True)
class Field:
    """One number for each item, in the order of the items; None where it has none."""

    token: str
    label: str
    group: str
    values: Sequence[float | None]
    format: str = DEFAULT_FORMAT

    @property
    def known(self) -> list[float]:
        return [value for value in self.values if value is not None]

    @property
    def varies(self) -> bool:
        return len(set(self.known)) > 1

    @property
    def is_log(self) -> bool:
        return (
            bool(self.known)
            and min(self.known) > 0
            and max(self.known) >= LOG_FROM * min(self.known)
        )


def fields_of(
    items: Sequence[Item], settings: Settings, logged: Logged, found: Scored
) -> list[Field]:
    """Every field that two items at least have a number for: scores, last values, settings."""
    fields = [_score_field(items, column, found) for column in found.columns]
    fields += [_last_field(items, key, logged) for key in logged.keys]
    keys = sorted({key for params in settings.values() for key in params})
    fields += [_setting_field(items, key, settings) for key in keys]
    return [field for field in fields if len(field.known) > 1]


def _score_field(items: Sequence[Item], column: Column, found: Scored) -> Field:
    return Field(
        token=f"score.{token_of(column)}",
        label=column.title,
        group=_("Scores"),
        values=_each(
            items, lambda item: result.value if (result := found.of(item, column)) else None
        ),
        format=format_of(column),
    )


def _last_field(items: Sequence[Item], key: str, logged: Logged) -> Field:
    return Field(
        token=f"last.{key}",
        label=key,
        group=_("Last logged values"),
        values=_each(items, lambda item: one.last if (one := logged.of(item, key)) else None),
    )


def _setting_field(items: Sequence[Item], key: str, settings: Settings) -> Field:
    def value(item: Item) -> float | None:
        param = settings[item.run.pk].get(key) if item.run is not None else None
        return param.number if param is not None else None

    return Field(f"config.{key}", key, _("Settings"), _each(items, value))


def _each(items: Sequence[Item], value: Callable[[Item], float | None]) -> list[float | None]:
    values = [value(item) for item in items]
    return [one if one is not None and math.isfinite(one) else None for one in values]


# --- scatter ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """The fields of one kind for a menu, each with whether it is chosen."""

    name: str
    fields: Sequence[tuple[Field, bool]]


@dataclass(frozen=True, slots=True)
class Scatter:
    chart: Chart
    across: Sequence[FieldGroup]
    up: Sequence[FieldGroup]


def show_scatter(items: Sequence[Item], fields: Sequence[Field], asked: Asked) -> Scatter | None:
    """Two fields against each other: unless asked for, the first setting that varies and the
    first score."""
    if len(fields) < 2:
        return None
    settings = _telling([field for field in fields if field.token.startswith("config.")])
    up = _named(fields, asked.up) or fields[0]
    others = [*settings, *fields]
    across = _named(fields, asked.across) or next(field for field in others if field != up)
    chart = scatter_chart(
        ScatterSpec(
            key="scatter",
            title=_("%(up)s by %(across)s") % {"up": up.label, "across": across.label},
            x_label=across.label,
            y_label=up.label,
            x_format=across.format,
            y_format=up.format,
            log_x=across.is_log,
            log_y=up.is_log,
            points=[
                Scattered(item.name, x, y, item.role, item.style)
                for item, x, y in zip(items, across.values, up.values, strict=True)
                if x is not None and y is not None
            ],
        )
    )
    return Scatter(chart, _grouped(fields, [across]), _grouped(fields, [up]))


# --- parallel coordinates -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Parallel:
    chart: Chart
    choices: Sequence[FieldGroup]
    most: int


def show_parallel(items: Sequence[Item], fields: Sequence[Field], asked: Asked) -> Parallel | None:
    """An axis for each chosen field, a line for each item: unless asked for, the settings that
    vary, and then the first results."""
    varying = [field for field in fields if field.varies]
    settings = [field for field in varying if field.token.startswith("config.")]
    results = [field for field in varying if field not in settings]
    usual = [*_telling(settings)[:FIRST_SETTINGS], *reversed(results[:FIRST_RESULTS])]
    chosen = [field for token in asked.axes if (field := _named(fields, token))] or usual
    if len(chosen) < 2:
        return None
    chart = parallel_chart(
        ParallelSpec(
            key="parallel",
            title=_("Settings and results of each"),
            axes=[ParallelAxis(field.label, field.format, is_log=field.is_log) for field in chosen],
            lines=[
                ParallelLine(
                    item.name,
                    [field.values[place] for field in chosen],
                    item.role,
                    item.style,
                )
                for place, item in enumerate(items)
            ],
        )
    )
    return Parallel(chart, _grouped(fields, chosen), MAX_AXES)


def _telling(settings: Sequence[Field]) -> list[Field]:
    """The settings that vary, first those that most items have and that take most values; seeds
    last, which say nothing."""
    return sorted(
        (field for field in settings if field.varies),
        key=lambda field: (
            field.token.lower().endswith("seed"),
            -len(field.known),
            -len(set(field.known)),
        ),
    )


def _named(fields: Sequence[Field], token: str) -> Field | None:
    return next((field for field in fields if field.token == token), None)


def _grouped(fields: Sequence[Field], chosen: Sequence[Field]) -> list[FieldGroup]:
    groups: dict[str, list[tuple[Field, bool]]] = {}
    for field in fields:
        groups.setdefault(field.group, []).append((field, field in chosen))
    return [FieldGroup(name, members) for name, members in groups.items()]
