"""Words that the registry is described with."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Colour(TextChoices):
    """The palette of status labels; each works in light and dark."""

    GREEN = "green", _("green")
    AMBER = "amber", _("amber")
    BLUE = "blue", _("blue")
    VIOLET = "violet", _("violet")
    RED = "red", _("red")
    TEAL = "teal", _("teal")
    PINK = "pink", _("pink")
    SLATE = "slate", _("slate")


class Sharing(TextChoices):
    """Who sees a saved view."""

    PRIVATE = "private", _("only me")
    TEAM = "team", _("the team")


class Origin(TextChoices):
    """Whether a column was found in what was logged, or put there by a curator."""

    FOUND = "found", _("found")
    CURATED = "curated", _("curated")
