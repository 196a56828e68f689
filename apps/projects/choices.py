"""Words that projects are described with."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Visibility(TextChoices):
    """Who may see a project: every member of its team, or only people named for it."""

    TEAM = "team", _("team")
    PRIVATE = "private", _("private")
