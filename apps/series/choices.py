"""The words of the numeric history."""

from django.db import models


class SeriesKind(models.TextChoices):
    """Who measured: the training code, or the machine that ran it."""

    METRIC = "metric"
    SYSTEM = "system"
