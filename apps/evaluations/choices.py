"""Words that evaluations are described with."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Better(TextChoices):
    """Which way a metric improves."""

    LOWER = "lower", _("lower is better")
    HIGHER = "higher", _("higher is better")
    NEITHER = "neither", _("neither is better")


class Source(TextChoices):
    """Through which door a result came."""

    API = "api", _("native API")
    WANDB = "wandb", _("W&B client")
    MLFLOW = "mlflow", _("MLflow client")
    DEMO = "demo", _("demo")
