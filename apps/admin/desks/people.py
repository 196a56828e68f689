"""Members of teams and their roles. For admins only."""

from typing import Any

from django.contrib.admin import display, register
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.accounts.choices import Role
from apps.accounts.models import Membership, Team, User
from apps.accounts.services import set_role
from apps.admin.cells import flag
from apps.admin.desk import Desk, DeskForm
from apps.admin.filters import TeamFilter, choice_filter
from apps.admin.places import teams_where
from apps.admin.site import site
from apps.audit.actors import Subject
from apps.projects.access import Access, Action

SIGNS_IN = flag("user.is_active", _("sign-in"), _("open"), _("closed"))


class MemberForm(DeskForm):
    class Meta:
        model = Membership
        fields = ("role",)
        labels = {"role": _("Role")}


@register(Membership, site=site)
class MemberDesk(Desk):
    section = _("People and history")
    heading = _("Members")
    about = _("Who has which role in the team.")
    action = change = Action.ADMINISTER
    form = MemberForm
    fields = ("user", "team", "role")
    list_display = ("name", "display_name", "team", "role", SIGNS_IN)
    list_filter = (TeamFilter, choice_filter("role", _("role"), Role.choices))
    list_select_related = ("user", "team")
    search_fields = ("user__username", "user__display_name")
    ordering = ("team__name_key", "user__username_key")

    def rows(self, user: User, role: Role) -> QuerySet[Membership]:
        return Membership.objects.filter(team__in=teams_where(user, role))

    def place_of(self, row: Membership) -> tuple[Team, None]:
        return row.team, None

    def subject_of(self, row: Membership) -> Subject:
        return Subject("user", row.user_id, row.user.username)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("user", "team")

    @display(description=_("name"), ordering="user__username_key")
    def name(self, row: Membership) -> str:
        return row.user.username

    @display(description=_("shown as"), ordering="user__display_name")
    def display_name(self, row: Membership) -> str:
        return row.user.display_name

    def save(self, row: Membership, form: DeskForm, access: Access, *, is_new: bool) -> Membership:
        set_role(
            user=row.user,
            team=row.team,
            role=Role(form.cleaned_data["role"]),
            actor=access.actor,
        )
        return row
