"""The API keys of a team's members: whose, for what, until when, last used; and ending them."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from apps.accounts.members import revoke_member_key
from apps.accounts.models import ApiKey
from apps.accounts.queries import administers, keys_in
from apps.core.errors import NotFound
from apps.core.paging import Key, paginate
from apps.projects.access import Access, Action, requires
from apps.web.pager import pager
from apps.web.present.people import moment
from apps.web.toasts import tell
from apps.web.views.account import person
from apps.web.views.settings.page import settings_page

SHOWN = 50
NEWEST_FIRST = [Key("created_at", "time", descending=True), Key("pk", "integer", descending=True)]


@requires(Action.ADMINISTER)
@require_safe
def keys(request: HttpRequest, team: str) -> HttpResponse:
    """Every live key that reaches the team, newest first."""
    access: Access = request.access  # type: ignore[attr-defined]
    page = paginate(
        keys_in(access.team), NEWEST_FIRST, cursor=request.GET.get("cursor", ""), size=SHOWN
    )
    now = timezone.now()
    context = {
        "keys": [_row(key, access, now) for key in page.rows],
        "pager": pager(request, page, target=""),
    }
    return settings_page(request, access, "settings/keys.html", context, current="team_keys")


@requires(Action.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: HttpRequest, team: str, key: int) -> HttpResponse:
    """Ask, then end a member's key at once."""
    access: Access = request.access  # type: ignore[attr-defined]
    found = keys_in(access.team).filter(pk=key).first()
    if found is None:
        raise NotFound(_("There is no such key here."))
    if request.method == "POST":
        revoke_member_key(key=found, admin=person(request), actor=access.actor)
        words = {"key": found.name, "name": found.user.username}
        tell(request, _("The key “%(key)s” of %(name)s is revoked.") % words)
        return HttpResponseRedirect(reverse("team_keys", args=[access.team.name]))
    context = {
        "key": _row(found, access, timezone.now()),
        "is_in_charge": administers(person(request), found.user),
        "back": reverse("team_keys", args=[access.team.name]),
    }
    return settings_page(request, access, "settings/revoke_key.html", context, current="team_keys")


def _row(key: ApiKey, access: Access, now: datetime) -> dict[str, Any]:
    return {
        "name": key.name,
        "hint": key.hint,
        "username": key.user.username,
        "scope": key.get_scope_display(),
        "made": moment(key.created_at),
        "used": moment(key.last_used_at),
        "expires": moment(key.expires_at),
        "is_over": key.expires_at is not None and key.expires_at <= now,
        "is_shut_out": not key.user.is_active,
        "url": reverse("revoke_team_key", args=[access.team.name, key.pk]),
    }
