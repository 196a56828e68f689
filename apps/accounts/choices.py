"""Words that accounts are described with."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Role(TextChoices):
    """What a member may do in a team, weakest first. Compare with `at_least`."""

    VIEWER = "viewer", _("viewer")
    EDITOR = "editor", _("editor")
    CURATOR = "curator", _("curator")
    ADMIN = "admin", _("admin")

    @property
    def rank(self) -> int:
        return list(Role).index(self)

    def at_least(self, other: "Role") -> bool:
        return self.rank >= other.rank


class Scope(TextChoices):
    """What an API key may be used for: its power is the lesser of this and its owner's role."""

    READ = "read", _("read")
    WRITE = "write", _("write")
