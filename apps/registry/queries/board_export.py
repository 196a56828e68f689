"""A leaderboard as CSV: every place of it, a line at a time, numbers in full."""

from collections.abc import Iterator, Sequence
from itertools import chain, count

from django.utils import timezone

from apps.accounts.models import User
from apps.artifacts.queries import labels_of_versions
from apps.core.text import csv_lines
from apps.core.times import to_text
from apps.evaluations.choices import Better
from apps.evaluations.models import GoldenSet, MetricDefinition
from apps.registry.queries.export import named_with_digest, score_cells
from apps.registry.queries.leaderboard import Rank, rank_pages

_FIXED = ("place", "model", "project", "version", "status", "logged", "digest")


def board_lines(
    golden_set: GoldenSet,
    metrics: Sequence[MetricDefinition],
    user: User | None,
    *,
    is_full: bool = False,
) -> Iterator[str]:
    """The lines of the file, head first, in the order of the page by the first of the metrics."""
    names = [
        name
        for metric in metrics
        for name in (metric.title, f"{metric.title} (standard error)", f"{metric.title} (n)")
    ]
    head = [*_FIXED, *names, "golden_set", "exported_at"]
    constant = [named_with_digest(golden_set), to_text(timezone.now())]
    rows = _rows(golden_set, metrics, user, is_full=is_full)
    return csv_lines(chain([head], ([*row, *constant] for row in rows)))


def _rows(
    golden_set: GoldenSet,
    metrics: Sequence[MetricDefinition],
    user: User | None,
    *,
    is_full: bool,
) -> Iterator[list[object]]:
    leader: int | None = None
    places = count(1)
    for ranks in rank_pages(golden_set, metrics, user, is_full=is_full):
        held = labels_of_versions(rank.version for rank in ranks)
        for rank, position in zip(ranks, places, strict=False):
            leader = leader or rank.version.artifact_id
            # As on the page: one version may stand in several models.
            place = 1 if rank.version.artifact_id == leader else position
            status = " ".join(one.label for one in held.get(rank.version.pk, ()))
            yield _line("" if metrics[0].better == Better.NEITHER else place, rank, status, metrics)


def _line(
    place: object, rank: Rank, status: str, metrics: Sequence[MetricDefinition]
) -> list[object]:
    version = rank.version
    project = version.collection.project
    cells: list[object] = [
        place,
        version.collection.name,
        project.name if project else "",
        version.number,
        status,
        to_text(version.linked_at),
        version.artifact.digest,
    ]
    for metric in metrics:
        cells += score_cells(rank.results.get(metric.pk))
    return cells
