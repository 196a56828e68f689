"""Runs: one execution of training or evaluation code, and what it said about itself.

The numbers that a run logs are in apps.series, keyed by the run's primary key; the files that it
used and made are in apps.artifacts.
"""

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.utils import timezone

from apps.accounts.models import User
from apps.content.models import Blob
from apps.core.standing import Standing
from apps.projects.models import Project
from apps.runs.choices import OPEN_STATES, AlertLevel, RunState, Stream

# A client's heart beats at least every 30 s; this leaves room for a network that went away.
SILENCE = timedelta(minutes=5)
BRIEF = 64


def heart_stopped(at: datetime) -> Q:
    """The running runs that count as crashed: they should have been heard of, and were not."""
    return Q(state=RunState.RUNNING, has_heartbeat=True, heartbeat_at__lt=at - SILENCE)


class RunQuerySet(models.QuerySet["Run"]):
    """Chainable conditions on runs."""

    def visible_to(self, user: User) -> "RunQuerySet":
        return self.filter(project__in=Project.objects.visible_to(user).values("pk"))

    def with_shown_state(self, at: datetime | None = None) -> "RunQuerySet":
        """Annotate `shown_state`: what is stored, but crashed where the heart has stopped."""
        crashed = When(heart_stopped(at or timezone.now()), then=Value(RunState.CRASHED.value))
        return self.annotate(shown_state=Case(crashed, default=F("state")))

    def live(self, at: datetime | None = None) -> "RunQuerySet":
        """Running, and heard of lately."""
        return self.filter(
            state=RunState.RUNNING, heartbeat_at__gte=(at or timezone.now()) - SILENCE
        )


class Run(models.Model):
    """One execution. `key` is its public id: short and made by us, or as the client chose it."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="runs")
    key = models.CharField(max_length=128)
    name = models.CharField(max_length=256)
    state = models.CharField(max_length=16, choices=RunState, default=RunState.RUNNING)
    group = models.CharField(max_length=256, blank=True)
    job_type = models.CharField(max_length=128, blank=True)
    notes = models.TextField(blank=True)
    # Exactly what the client sent, as JSON text: PostgreSQL's JSON type would refuse what some
    # clients send (NaN) and reorder the rest. What is searched lies beside it, in RunParam.
    config = models.TextField(default="{}")
    code_commit = models.CharField(max_length=64, blank=True)
    code_remote = models.CharField(max_length=512, blank=True)
    program = models.CharField(max_length=512, blank=True)
    host = models.CharField(max_length=256, blank=True)
    exit_code = models.IntegerField(null=True, blank=True)
    # The run that started this one: what MLflow calls nested runs.
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="children"
    )
    # How the client wants its metrics read (W&B's define_metric), as JSON text: a list of
    # {"name" or "glob", "step": metric for the x axis, "summary": [...], "hidden", "goal"}.
    metric_rules = models.TextField(default="[]")
    # Somebody asked the client to stop; it hears so with its next lines.
    stop_asked_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    started_at = models.DateTimeField()
    # When it was last heard of, by whatever it sent.
    heartbeat_at = models.DateTimeField()
    # Whether its client says that it is alive while it has nothing to log. MLflow's does not, so
    # that its silence is no crash.
    has_heartbeat = models.BooleanField(default=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    # From start to end, so that an index can order by it; a run that has not ended has none.
    seconds = models.FloatField(null=True, blank=True)
    # In the bin since, and who put it there; out of it by being restored, or for good.
    deleted_at = models.DateTimeField(null=True, blank=True)
    deleted_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    objects: ClassVar = Standing.from_queryset(RunQuerySet)()
    with_deleted: ClassVar = RunQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["project", "key"], name="run_key_in_project"),
            models.CheckConstraint(condition=Q(state__in=RunState.values), name="run_state_known"),
            models.CheckConstraint(
                condition=Q(state__in=OPEN_STATES) | Q(ended_at__isnull=False),
                name="ended_run_has_a_time",
            ),
        )
        indexes = (
            # The runs of a project, newest first, and how many there are. Not partial: SQLite
            # reads every row to see again what the condition of an index says already.
            models.Index(
                fields=["project", "deleted_at", "-started_at", "-id"], name="runs_newest_first"
            ),
            models.Index(
                fields=["project", "-deleted_at", "-id"],
                name="runs_in_the_bin",
                condition=Q(deleted_at__isnull=False),
            ),
            # The runs table in its other orders (apps/runs/table.py).
            *(
                models.Index(
                    fields=["project", *fields],
                    name=f"runs_by_{fields[0]}",
                    condition=Q(deleted_at__isnull=True),
                )
                for fields in (
                    ("name", "id"),
                    ("group", "id"),
                    ("job_type", "id"),
                    ("seconds", "id"),
                    ("state", "-started_at", "-id"),
                    ("created_by", "-started_at", "-id"),
                )
            ),
            # A run by its key alone, as MLflow's client asks.
            models.Index(fields=["key"], name="runs_by_key"),
            # "1 run live" on the model page.
            models.Index(
                fields=["project", "heartbeat_at"],
                name="running_runs",
                condition=Q(state=RunState.RUNNING),
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def has_ended(self) -> bool:
        return RunState(self.state).has_ended

    def state_at(self, at: datetime) -> RunState:
        """The shown state of a loaded run; the same rule as `heart_stopped`."""
        if self.has_heartbeat and self.is_silent_at(at):
            return RunState.CRASHED
        return RunState(self.state)

    def is_silent_at(self, at: datetime) -> bool:
        """Whether it should be going on, but nothing was heard of it lately."""
        return self.state == RunState.RUNNING and self.heartbeat_at < at - SILENCE


class RunTag(models.Model):
    """A word on a run, with an optional value (W&B's tags have none, MLflow's have one)."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="tags")
    name = models.CharField(max_length=255)
    value = models.TextField(blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["run", "name"], name="one_tag_per_name"),)
        indexes = (models.Index(fields=["name", "run"], name="runs_by_tag"),)


class RunValue(models.Model):
    """One value that a run says of itself, by dotted key, for columns, sorting and filtering.

    `number` is set where the value is a finite number or a boolean. `brief` is how the text begins:
    what runs are ordered and grouped by, short enough for an index. The run's project stands here
    too, so that an index holds the runs of one project in the order of a value.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+", db_index=False)
    key = models.CharField(max_length=255)
    text = models.TextField()
    number = models.FloatField(null=True)
    brief = models.CharField(max_length=BRIEF, default="")

    class Meta:
        abstract = True


class RunParam(RunValue):
    """One leaf of the run's config."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="params")

    class Meta:
        constraints = (models.UniqueConstraint(fields=["run", "key"], name="one_param_per_key"),)
        indexes = (
            models.Index(fields=["project", "key", "number", "brief", "run"], name="runs_by_param"),
        )


class SummaryValue(RunValue):
    """One leaf of a summary that the client set itself; metrics have theirs in series."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="summary")

    class Meta:
        constraints = (models.UniqueConstraint(fields=["run", "key"], name="one_summary_per_key"),)
        indexes = (
            models.Index(
                fields=["project", "key", "number", "brief", "run"], name="runs_by_summary"
            ),
        )


class RunSummary(models.Model):
    """The summary as its client last sent it, whole: JSON text in which NaN may stand (see
    Run.config). Not on the run itself, so that no list of runs reads it by the way."""

    run = models.OneToOneField(
        Run, on_delete=models.CASCADE, primary_key=True, related_name="whole_summary"
    )
    text = models.TextField(default="{}")


class ConsoleLine(models.Model):
    """One line of output, by number: clients rewrite earlier lines (progress bars)."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="console")
    number = models.PositiveIntegerField()
    stream = models.CharField(max_length=8, choices=Stream, default=Stream.OUT)
    at = models.DateTimeField(null=True)
    text = models.TextField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["run", "number"], name="one_line_per_number"),
        )


class RunFile(models.Model):
    """A file that a run keeps under a path of its own; writing the path again replaces it.

    What W&B calls run files and MLflow run artifacts. Nothing here is sealed: an artifact version
    is what takes files out of a run for good.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="files")
    path = models.CharField(max_length=1024)
    blob = models.ForeignKey(
        Blob, on_delete=models.PROTECT, related_name="+", db_column="blob_digest"
    )
    size_bytes = models.BigIntegerField()
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["run", "path"], name="one_run_file_per_path"),
        )


class StreamPosition(models.Model):
    """How many lines of one of its streams a run has delivered: what is sent again counts once."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="positions")
    # "history", "events", "console": as the client that counts lines calls them.
    name = models.CharField(max_length=32)
    lines = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["run", "name"], name="one_position_per_stream"),
        )


class RunAlert(models.Model):
    """Something that a run's code wanted people to know."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="alerts")
    title = models.CharField(max_length=256)
    text = models.TextField(blank=True)
    level = models.CharField(max_length=8, choices=AlertLevel, default=AlertLevel.INFO)
    at = models.DateTimeField()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(level__in=AlertLevel.values), name="alert_level_known"
            ),
        )
        indexes = (
            models.Index(fields=["run", "-id"], name="alerts_newest_first"),
            # The newest of all that somebody may see.
            models.Index(fields=["-at", "-id"], name="alerts_by_time"),
        )

    def __str__(self) -> str:
        return self.title
