"""A model's scores by version number, and the moments at which labels moved: the trend chart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apps.accounts.models import User
from apps.artifacts.models import Collection, LabelHolding
from apps.artifacts.queries import versions_of
from apps.evaluations.queries import measurements_of
from apps.registry.models import Column

SHOWN = 200


@dataclass(frozen=True)
class TrendPoint:
    """One version's score. `value` is None for NaN."""

    number: int
    value: float | None
    stderr: float | None


@dataclass(frozen=True)
class Trend:
    """Points by column primary key, in the order of versions, for the newest SHOWN versions.

    `holdings` are those that began within the span, oldest first. `total` counts all versions, so
    that a chart can say that it shows the newest of them only.
    """

    numbers: Sequence[int]
    points: Mapping[int, Sequence[TrendPoint]]
    holdings: Sequence[LabelHolding]
    is_cut: bool


def trend(collection: Collection, columns: Sequence[Column], user: User | None) -> Trend:
    """The trend of some columns in three queries."""
    newest = list(
        versions_of(collection, user)
        .order_by("-number")
        .values_list("pk", "number", "artifact_id")[: SHOWN + 1]
    )
    is_cut = len(newest) > SHOWN
    shown = sorted(newest[:SHOWN], key=lambda row: row[1])
    numbers = {artifact: number for _, number, artifact in shown}
    wanted = {(column.metric_id, column.golden_set_id): column.pk for column in columns}
    points: dict[int, list[TrendPoint]] = {column.pk: [] for column in columns}
    for result in measurements_of(numbers, list(wanted)):
        column = wanted.get((result.metric_id, result.golden_set_id))
        if column is not None:
            point = TrendPoint(numbers[result.artifact_id], result.value, result.stderr)
            points[column].append(point)
    holdings = LabelHolding.objects.filter(version__in=[pk for pk, _, _ in shown])
    return Trend(
        numbers=[number for _, number, _ in shown],
        points={pk: sorted(found, key=lambda point: point.number) for pk, found in points.items()},
        holdings=list(holdings.select_related("version", "given_by").order_by("held_from", "pk")),
        is_cut=is_cut,
    )
