"""Words that artifacts are described with."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class ArtifactState(TextChoices):
    """Pending while files are added; sealed for ever after."""

    PENDING = "pending", _("pending")
    SEALED = "sealed", _("sealed")


class Direction(TextChoices):
    """How a run and an artifact version belong together."""

    USED = "used", _("used")
    MADE = "made", _("made")


# The collection type whose collections the interface calls models.
MODEL = "model"
DATASET = "dataset"
