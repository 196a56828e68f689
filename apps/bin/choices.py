"""Words that the bin is described with."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Kind(TextChoices):
    """What can be deleted. The words are those of subjects in the audit log."""

    PROJECT = "project", _("project")
    COLLECTION = "collection", _("collection")
    VERSION = "version", _("version")
    RUN = "run", _("run")


class Effect(TextChoices):
    """What else happens when something is deleted, so that it must be said and accepted first."""

    LABEL = "label", _("holds a status label")
    REGISTRY = "registry", _("stands in the registry")
    USED = "used", _("was used by runs elsewhere")
    GOLDEN_SET = "golden_set", _("is a golden set")
    SOURCE = "source", _("made versions that are in use")
    LIVE = "live", _("is still running")
