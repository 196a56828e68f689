"""What an mlflow client says of a project and a project has no place for.

An experiment is a project. Its row here keeps the name as the client wrote it, which may be no name
for a project; a project that was made elsewhere has no row until a client changes it.
"""

from django.db import models
from django.db.models import Q

from apps.accounts.models import Team
from apps.projects.models import Project

MAX_EXPERIMENT_NAME = 500
MAX_TAG_KEY = 250


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
