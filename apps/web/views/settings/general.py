"""What a team is called, and how long its bin keeps things."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from apps.accounts.services import update_team
from apps.core.errors import Invalid
from apps.projects.access import Access, Action, requires
from apps.web.forms.settings import TeamForm
from apps.web.toasts import tell
from apps.web.views.settings.page import add_refusal, settings_page

TEMPLATE = "settings/general.html"


@requires(Action.CURATE)
@require_safe
def team_settings(request: HttpRequest, team: str) -> HttpResponse:
    """The settings as they are; admins find the form, curators the facts."""
    access: Access = request.access  # type: ignore[attr-defined]
    return _page(request, access, _form(access))


@requires(Action.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def save(request: HttpRequest, team: str) -> HttpResponse:
    """Save what the form says."""
    access: Access = request.access  # type: ignore[attr-defined]
    page = reverse("team_settings", args=[access.team.name])
    if request.method != "POST":
        return HttpResponseRedirect(page)
    form = TeamForm(request.POST)
    if form.is_valid():
        try:
            update_team(team=access.team, actor=access.actor, **form.cleaned_data)
        except Invalid as error:
            add_refusal(form, error)
        else:
            tell(request, _("The settings are saved."))
            return HttpResponseRedirect(page)
    return _page(request, access, form, status=400)


def _form(access: Access) -> TeamForm:
    team = access.team
    return TeamForm(initial={"title": team.title, "retention_days": team.retention_days})


def _page(
    request: HttpRequest, access: Access, form: TeamForm, *, status: int = 200
) -> HttpResponse:
    context = {"form": form, "may_edit": access.allows(Action.ADMINISTER)}
    return settings_page(request, access, TEMPLATE, context, current="team_settings", status=status)
