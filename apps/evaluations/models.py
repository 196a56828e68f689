"""Golden sets, metric definitions, and what each artifact version scored on them."""

from django.db import models
from django.db.models import F, Q

from apps.accounts.models import Team, User
from apps.artifacts.models import ArtifactVersion
from apps.evaluations.choices import Better, Source
from apps.runs.models import Run


class MetricDefinition(models.Model):
    """What a metric is called, which way it improves and how it is written."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="metric_definitions")
    name = models.CharField(max_length=255)
    name_key = models.CharField(max_length=512)
    title = models.CharField(max_length=128)
    better = models.CharField(max_length=16, choices=Better, default=Better.NEITHER)
    # See core.numbers: "auto", "fixed:4", "percent:1", "integer".
    format = models.CharField(max_length=32, default="auto")
    description = models.TextField(blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["team", "name_key"], name="metric_name_in_team"),
            models.CheckConstraint(
                condition=Q(better__in=Better.values), name="metric_direction_known"
            ),
        )

    def __str__(self) -> str:
        return self.title


class GoldenSet(models.Model):
    """A dataset version marked for evaluation.

    `artifact` is NULL where a client names a data set by name and digest without uploading it.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="golden_sets")
    name = models.CharField(max_length=255)
    name_key = models.CharField(max_length=512)
    # What columns call it: the "10k" of "Loss @ 10k".
    title = models.CharField(max_length=128)
    artifact = models.ForeignKey(
        ArtifactVersion,
        null=True,
        blank=True,
        on_delete=models.RESTRICT,
        related_name="golden_sets",
    )
    digest = models.CharField(max_length=64, blank=True)
    example_count = models.PositiveIntegerField(null=True, blank=True)
    description = models.TextField(blank=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["team", "name_key"], name="golden_set_name_in_team"),
            models.UniqueConstraint(
                fields=["team", "artifact"],
                condition=Q(artifact__isnull=False),
                name="artifact_is_one_golden_set",
            ),
        )

    def __str__(self) -> str:
        return self.title


class Result(models.Model):
    """One metric of one artifact version on one golden set (or, with none, in its training run).

    Kept for ever: a newer result for the same three takes `is_current` from the older.
    `value` is NULL where the metric came out as NaN, which SQLite cannot store as a number.
    """

    artifact = models.ForeignKey(ArtifactVersion, on_delete=models.CASCADE, related_name="results")
    metric = models.ForeignKey(MetricDefinition, on_delete=models.RESTRICT, related_name="results")
    golden_set = models.ForeignKey(
        GoldenSet, null=True, blank=True, on_delete=models.RESTRICT, related_name="results"
    )
    value = models.FloatField(null=True)
    # Standard error, or an interval where the client has computed one.
    stderr = models.FloatField(null=True, blank=True)
    low = models.FloatField(null=True, blank=True)
    high = models.FloatField(null=True, blank=True)
    n = models.PositiveBigIntegerField(null=True, blank=True)
    run = models.ForeignKey(
        Run, null=True, blank=True, on_delete=models.SET_NULL, related_name="results"
    )
    source = models.CharField(max_length=16, choices=Source)
    is_current = models.BooleanField(default=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["artifact", "metric", "golden_set"],
                condition=Q(is_current=True, golden_set__isnull=False),
                name="one_current_result_on_a_golden_set",
            ),
            models.UniqueConstraint(
                fields=["artifact", "metric"],
                condition=Q(is_current=True, golden_set__isnull=True),
                name="one_current_result_of_training",
            ),
            models.CheckConstraint(
                condition=Q(stderr__isnull=True) | Q(stderr__gte=0), name="stderr_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(low__isnull=True, high__isnull=True) | Q(low__lte=F("high")),
                name="interval_in_order",
            ),
        )
        indexes = (
            # The status table sorted or filtered by a metric, and the best value of a column.
            models.Index(
                fields=["golden_set", "metric", "value", "artifact"],
                name="current_results_by_value",
                condition=Q(is_current=True),
            ),
        )


class FoundScore(models.Model):
    """A result that was found in an artifact version's metadata (see evaluations.found).

    The entry's name may hold a word that moves on, such as `latest`; the result keeps what it meant
    when the entry was written.
    """

    artifact = models.ForeignKey(
        ArtifactVersion, on_delete=models.CASCADE, related_name="found_scores"
    )
    key = models.CharField(max_length=512)
    result = models.ForeignKey(Result, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["artifact", "key"], name="one_found_score_per_key"),
        )


class ExampleScores(models.Model):
    """Scores of a result example by example, a chunk of at most 10,000 examples in each row.

    `data` is written and read by evaluations.examples alone.
    """

    result = models.ForeignKey(Result, on_delete=models.CASCADE, related_name="example_chunks")
    position = models.PositiveIntegerField()
    count = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["result", "position"], name="one_example_chunk_per_position"
            ),
        )
