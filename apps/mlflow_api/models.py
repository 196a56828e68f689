"""What an mlflow client says of projects, models and versions and those have no place for.

An experiment is a project. Its row here keeps the name as the client wrote it, which may be no name
for a project; a project that was made elsewhere has no row until a client changes it.
"""

from django.db import models
from django.db.models import Q

from apps.accounts.models import Team
from apps.artifacts.models import ArtifactVersion, Version
from apps.projects.models import Project
from apps.runs.models import Run

MAX_EXPERIMENT_NAME = 500
MAX_TAG_KEY = 250
MAX_MODEL_NAME = 256
MAX_SOURCE = 2048


class Experiment(models.Model):
    """The name of a project for mlflow clients, and which one they mean by the id 0."""

    project = models.OneToOneField(Project, on_delete=models.CASCADE, related_name="experiment")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=MAX_EXPERIMENT_NAME)
    # As the client gave it. Files are kept here all the same; it is only said back.
    artifact_location = models.CharField(max_length=2048, blank=True)
    is_default = models.BooleanField(default=False)
    updated_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["team", "name"], name="experiment_name_in_team"),
            models.UniqueConstraint(
                fields=["team"],
                condition=Q(is_default=True),
                name="one_default_experiment_in_team",
            ),
        )

    def __str__(self) -> str:
        return self.name


class ExperimentTag(models.Model):
    """A tag on a project, as a client set it."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="experiment_tags")
    key = models.CharField(max_length=MAX_TAG_KEY)
    value = models.TextField(blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["project", "key"], name="one_experiment_tag_per_key"),
        )


class LoggedModelStatus(models.TextChoices):
    """How far a logged model is. The values are the protocol's names."""

    PENDING = "LOGGED_MODEL_PENDING"
    READY = "LOGGED_MODEL_READY"
    FAILED = "LOGGED_MODEL_UPLOAD_FAILED"


class LoggedModel(models.Model):
    """What a client says of an artifact version that it logs as a model.

    The artifact version is unsealed until the client says that the model is ready; its id is the
    key of that, with a prefix.
    """

    artifact = models.OneToOneField(
        ArtifactVersion, on_delete=models.CASCADE, related_name="logged_model"
    )
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="logged_models")
    name = models.CharField(max_length=MAX_MODEL_NAME)
    model_type = models.CharField(max_length=MAX_TAG_KEY, blank=True)
    source_run = models.ForeignKey(
        Run, null=True, on_delete=models.SET_NULL, related_name="logged_models"
    )
    status = models.CharField(
        max_length=32, choices=LoggedModelStatus, default=LoggedModelStatus.PENDING
    )
    status_message = models.TextField(blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        indexes = (
            # The models of an experiment, the newest first.
            models.Index(fields=["project", "-created_at", "-id"], name="logged_models_by_time"),
            models.Index(fields=["project", "name"], name="logged_models_by_name"),
        )

    def __str__(self) -> str:
        return self.name


class LoggedModelParam(models.Model):
    """A parameter of a logged model; it never changes."""

    model = models.ForeignKey(LoggedModel, on_delete=models.CASCADE, related_name="params")
    key = models.CharField(max_length=MAX_TAG_KEY)
    value = models.TextField(blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["model", "key"], name="one_logged_model_param_per_key"),
        )


class LoggedModelMetric(models.Model):
    """The newest value of a metric that a run logged for a model, perhaps on a data set.

    One row for each run, key and data set, written under the lock of the model; every point is in
    the run's series. `value` is NULL for NaN.
    """

    model = models.ForeignKey(LoggedModel, on_delete=models.CASCADE, related_name="metrics")
    run = models.ForeignKey(Run, null=True, on_delete=models.SET_NULL, related_name="+")
    key = models.CharField(max_length=MAX_TAG_KEY)
    value = models.FloatField(null=True)
    step = models.BigIntegerField(default=0)
    timestamp_ms = models.BigIntegerField()
    dataset_name = models.CharField(max_length=500, blank=True)
    dataset_digest = models.CharField(max_length=64, blank=True)

    class Meta:
        indexes = (
            # Models found, and put into order, by a metric.
            models.Index(fields=["key", "value", "model"], name="logged_models_by_metric"),
        )


class Registration(models.Model):
    """What a client said of a version when it registered it: where from, and by which run."""

    version = models.OneToOneField(Version, on_delete=models.CASCADE, related_name="registration")
    source = models.CharField(max_length=MAX_SOURCE)
    # As the client wrote it: it may be no run of ours.
    run_id = models.CharField(max_length=256, blank=True)
    run_link = models.CharField(max_length=MAX_EXPERIMENT_NAME, blank=True)

    class Meta:
        indexes = (models.Index(fields=["run_id"], name="registrations_of_a_run"),)


class Dataset(models.Model):
    """A data set as clients of a project name it. Its source is text that nobody opens.

    `artifact` stands for it in lineage: a dataset whose one file is a reference to the source.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=500)
    digest = models.CharField(max_length=36)
    source_type = models.CharField(max_length=64)
    source = models.TextField()
    schema = models.TextField(blank=True)
    profile = models.TextField(blank=True)
    artifact = models.ForeignKey(
        ArtifactVersion, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["project", "name", "digest"], name="one_dataset_per_digest"
            ),
        )

    def __str__(self) -> str:
        return self.name


class DatasetInput(models.Model):
    """That a run used a data set, and as what: its tags as JSON text, and the one searched for."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="+")
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="inputs")
    context = models.CharField(max_length=500, blank=True)
    tags = models.TextField(default="{}")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["run", "dataset"], name="dataset_once_in_a_run"),
        )
