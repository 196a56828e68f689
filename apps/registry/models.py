"""The vocabulary of status labels, the columns of each model's status table, and saved views."""

from django.db import models
from django.db.models import Q

from apps.accounts.models import Team, User
from apps.artifacts.models import Collection, Version
from apps.evaluations.choices import Better
from apps.evaluations.models import GoldenSet, MetricDefinition
from apps.projects.models import Project
from apps.registry.choices import Colour, Origin, Sharing


class StatusLabel(models.Model):
    """A word of a team for the standing of a version.

    Exclusive: one version of a collection at a time. Protected: only curators move it. A label
    that a client uses without its being here is exclusive, not protected, and grey.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="labels")
    name = models.CharField(max_length=64)
    name_key = models.CharField(max_length=128)
    colour = models.CharField(max_length=16, choices=Colour, default=Colour.SLATE)
    position = models.PositiveIntegerField()
    is_exclusive = models.BooleanField(default=True)
    is_protected = models.BooleanField(default=False)

    class Meta:
        ordering = ("position", "name_key")
        constraints = (
            models.UniqueConstraint(fields=["team", "name_key"], name="label_name_in_team"),
            models.CheckConstraint(
                condition=Q(colour__in=Colour.values), name="label_colour_known"
            ),
        )

    def __str__(self) -> str:
        return self.name


class Column(models.Model):
    """One score column of a model's status table: a metric on a golden set, and how to show it."""

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="columns")
    position = models.PositiveIntegerField()
    # What queries and addresses call it: the title in lower case without spaces, "loss@10k".
    slug = models.CharField(max_length=160)
    title = models.CharField(max_length=160)
    metric = models.ForeignKey(MetricDefinition, on_delete=models.CASCADE, related_name="+")
    golden_set = models.ForeignKey(
        GoldenSet, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    # Empty: as the metric definition says.
    better = models.CharField(max_length=16, choices=Better, blank=True)
    format = models.CharField(max_length=32, blank=True)
    is_visible = models.BooleanField(default=True)
    origin = models.CharField(max_length=16, choices=Origin, default=Origin.FOUND)

    class Meta:
        ordering = ("position", "pk")
        constraints = (
            models.UniqueConstraint(fields=["collection", "slug"], name="column_slug_in_table"),
            models.UniqueConstraint(
                fields=["collection", "metric", "golden_set"],
                condition=Q(golden_set__isnull=False),
                name="one_column_per_golden_metric",
            ),
            models.UniqueConstraint(
                fields=["collection", "metric"],
                condition=Q(golden_set__isnull=True),
                name="one_column_per_training_metric",
            ),
        )

    def __str__(self) -> str:
        return self.title


class ColumnScore(models.Model):
    """A version's current score in a column: what the status table sorts and filters by.

    Derived from evaluations.Result, and kept in step with it by services.scores in the same
    transaction. Without it the database would have to join a model's versions with their results
    before it can sort: 240 ms instead of 2 at 100,000 versions. NaN has no row.
    """

    column = models.ForeignKey(Column, on_delete=models.CASCADE, related_name="scores")
    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="column_scores")
    # The version's number, here so that one index holds the whole order of a sorted table.
    number = models.PositiveIntegerField()
    value = models.FloatField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["version", "column"], name="one_score_per_column"),
        )
        indexes = (
            # The table sorted by a column either way (ties newest first), and its best value.
            models.Index(fields=["column", "value", "-number"], name="scores_lowest_first"),
            models.Index(fields=["column", "-value", "-number"], name="scores_highest_first"),
        )


# A saved view is one of exactly one of these.
VIEWED = ("collection", "project", "golden_set")


def _only(field: str) -> Q:
    """That a saved view is one of this kind of table."""
    empty = {f"{other}__isnull": True for other in VIEWED if other != field}
    return Q(**{f"{field}__isnull": False}, **empty)


class SavedView(models.Model):
    """A state of a table under a name: of a model's status table, a project's runs, a leaderboard.

    `state` is the query of the address, so a view is a link and nothing more: it shows to each
    reader what that reader may see. The default of a table is what its bare address shows.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="saved_views")
    collection = models.ForeignKey(
        Collection, null=True, blank=True, on_delete=models.CASCADE, related_name="saved_views"
    )
    project = models.ForeignKey(
        Project, null=True, blank=True, on_delete=models.CASCADE, related_name="saved_views"
    )
    golden_set = models.ForeignKey(
        GoldenSet, null=True, blank=True, on_delete=models.CASCADE, related_name="saved_views"
    )
    name = models.CharField(max_length=64)
    name_key = models.CharField(max_length=128)
    state = models.TextField(blank=True)
    sharing = models.CharField(max_length=16, choices=Sharing, default=Sharing.PRIVATE)
    is_default = models.BooleanField(default=False)
    owner = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        ordering = ("name_key", "pk")
        constraints = (
            models.CheckConstraint(
                condition=_only("collection") | _only("project") | _only("golden_set"),
                name="view_is_of_one_table",
            ),
            models.CheckConstraint(
                condition=Q(sharing__in=Sharing.values), name="view_sharing_known"
            ),
            models.CheckConstraint(
                condition=Q(is_default=False) | Q(sharing=Sharing.TEAM),
                name="default_view_is_the_teams",
            ),
            *(
                models.UniqueConstraint(
                    fields=[table],
                    condition=Q(is_default=True, **{f"{table}__isnull": False}),
                    name=f"one_default_view_of_a_{table}",
                )
                for table in VIEWED
            ),
            *(
                models.UniqueConstraint(
                    fields=[table, "name_key"],
                    condition=Q(sharing=Sharing.TEAM, **{f"{table}__isnull": False}),
                    name=f"team_view_name_of_a_{table}",
                )
                for table in VIEWED
            ),
            *(
                models.UniqueConstraint(
                    fields=[table, "owner", "name_key"],
                    condition=Q(sharing=Sharing.PRIVATE, **{f"{table}__isnull": False}),
                    name=f"own_view_name_of_a_{table}",
                )
                for table in VIEWED
            ),
        )

    def __str__(self) -> str:
        return self.name
