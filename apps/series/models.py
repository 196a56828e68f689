"""Tables for the points that a run logs: one row for each series, its points in packed chunks.

A million points as one row each cost ten times the space and twenty times the reading time of
chunks. So a series row carries what lists sort and filter by, plus the newest few points as they
came (`tail`); full tails move into chunks. `scope_id` and `owner_id` are opaque numbers here.
"""

from django.db import models
from django.db.models import F, Q

from apps.series.choices import SeriesKind


class Series(models.Model):
    """The points of one key of one owner, with the figures that lists need."""

    scope_id = models.BigIntegerField()
    owner_id = models.BigIntegerField()
    kind = models.CharField(max_length=8, choices=SeriesKind)
    key = models.CharField(max_length=255)
    # 0 only between the creation of a row and its first points, or after a crash in between.
    count = models.BigIntegerField(default=0)
    # The smallest and the largest step. The last point is the one with the largest step; among
    # several of that step the one with the latest time; among these the one that came last.
    first_step = models.BigIntegerField(null=True)
    last_step = models.BigIntegerField(null=True)
    last_at = models.FloatField(null=True)
    # SQLite cannot hold NaN, so NULL stands for it and `last_is_nan` tells it from "no point".
    last_value = models.FloatField(null=True)
    last_is_nan = models.BooleanField(default=False)
    # Over all values but NaN, which is never the best of anything; infinities count.
    min_value = models.FloatField(null=True)
    max_value = models.FloatField(null=True)
    # The points that are in no chunk yet, as records (see `encoding`), in the order they came.
    # The last column: SQLite reads a row from the front, so lists never touch these pages.
    tail = models.BinaryField(default=b"")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["owner_id", "kind", "key"], name="one_series_per_key"),
            models.CheckConstraint(
                condition=Q(kind__in=SeriesKind.values), name="series_kind_is_known"
            ),
            models.CheckConstraint(
                condition=Q(count=0)
                | Q(
                    count__gt=0,
                    first_step__isnull=False,
                    last_step__gte=F("first_step"),
                    last_at__isnull=False,
                ),
                name="series_figures_are_whole",
            ),
            models.CheckConstraint(
                condition=Q(last_value__isnull=True) | Q(last_is_nan=False),
                name="series_nan_has_no_value",
            ),
        )
        indexes = (
            # Runs of a project ordered by the last value of a metric: `queries.ranked`.
            models.Index(
                fields=["scope_id", "kind", "key", "last_value", "owner_id"],
                name="series_by_last_value",
            ),
            # The same by the smallest and by the largest value: the columns min. and max. of runs.
            models.Index(
                fields=["scope_id", "kind", "key", "min_value", "owner_id"],
                name="series_by_min_value",
            ),
            models.Index(
                fields=["scope_id", "kind", "key", "max_value", "owner_id"],
                name="series_by_max_value",
            ),
        )

    def __str__(self) -> str:
        return self.key

    @property
    def last(self) -> float | None:
        """The last value, NaN where it is; None while there is no point."""
        return float("nan") if self.last_is_nan else self.last_value


class Chunk(models.Model):
    """A stretch of a series in the order its points came, compressed."""

    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="chunks")
    # How many points of the series came before this chunk.
    position = models.BigIntegerField()
    count = models.IntegerField()
    min_step = models.BigIntegerField()
    max_step = models.BigIntegerField()
    # The extremes of every 128 points: a curve of a long series is drawn from these alone.
    preview = models.BinaryField()
    data = models.BinaryField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["series", "position"], name="series_chunk_per_position"
            ),
            models.CheckConstraint(
                condition=Q(count__gt=0, position__gte=0, min_step__lte=F("max_step")),
                name="chunk_is_not_empty",
            ),
        )

    def __str__(self) -> str:
        return f"{self.count} points from {self.position}"


class ObjectPoint(models.Model):
    """One value of a history that is not a number: a picture's address, a histogram, a text.

    Not unique by step: like numbers, whatever is logged is kept, in the order it came.
    """

    owner_id = models.BigIntegerField()
    key = models.CharField(max_length=255)
    step = models.BigIntegerField()
    at = models.FloatField()
    # JSON text as it came; never taken apart in a query.
    value = models.TextField()

    class Meta:
        indexes = (
            # The objects of a run under one key in order of step: `queries.objects_of`.
            models.Index(fields=["owner_id", "key", "step"], name="objects_by_step"),
        )

    def __str__(self) -> str:
        return f"{self.key} at {self.step}"
