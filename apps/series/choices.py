"""The words of the numeric history."""

from django.db import models


class SeriesKind(models.TextChoices):
    """Who measured: the training code, or the machine that ran it.

    ROWS has no measurements: a point for each row that a client sent, so that rows can be read
    back as they were. Its key names the stream of rows, its value is the seconds of run time.
    """

    METRIC = "metric"
    SYSTEM = "system"
    ROWS = "rows"


# What people log and look at.
LOGGED_KINDS = (SeriesKind.METRIC, SeriesKind.SYSTEM)
