"""What client programs asked for in vain, for those who decide when to update the server."""

from django.apps import apps
from django.contrib.admin import register
from django.db.models import Model, QuerySet
from django.utils.translation import gettext_lazy as _

from apps.accounts.choices import Role
from apps.accounts.models import User
from apps.admin.cells import moment
from apps.admin.desk import Desk
from apps.admin.site import site
from apps.projects.access import Action

# By its name, as migrations do: doors know nothing of each other's code.
UnknownField = apps.get_model("wandb_api", "UnknownField")


@register(UnknownField, site=site)
class WishDesk(Desk):
    """Of the whole installation: a client's version belongs to no team."""

    section = _("Clients")
    heading = _("What wandb clients asked for in vain")
    about = _("Fields that a newer client sent and nothing here answers, the most asked first.")
    action = Action.ADMINISTER
    has_page = False
    list_display = ("type", "field", "client", "count", moment("last_seen_at", _("last asked")))
    search_fields = ("type", "field", "client")
    ordering = ("-count", "type", "field", "client")

    def rows(self, user: User, role: Role) -> QuerySet[Model]:
        return UnknownField.objects.all()
