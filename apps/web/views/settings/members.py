"""Who is in a team: adding people, their roles, their way in, shutting them out."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.accounts.choices import Role
from apps.accounts.members import (
    INVITATION_LIFETIME,
    add_member,
    make_way_in,
    set_member_active,
)
from apps.accounts.models import Membership
from apps.accounts.queries import administers, member_named, members_of
from apps.accounts.services import set_role
from apps.core.errors import Conflict, Invalid
from apps.core.paging import Key, paginate
from apps.projects.access import Access, Action, requires
from apps.web.forms.settings import MemberForm, RoleForm
from apps.web.pager import pager
from apps.web.present.people import moment
from apps.web.toasts import Undo, tell
from apps.web.views.account import person
from apps.web.views.settings.page import add_refusal, settings_page

SHOWN = 50
BY_NAME = [Key("user__username_key", "text"), Key("pk", "integer")]
ROLE_HUES = {Role.ADMIN: "violet", Role.CURATOR: "blue", Role.EDITOR: "teal", Role.VIEWER: "slate"}


@requires(Action.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def members(request: HttpRequest, team: str) -> HttpResponse:
    """Everybody in the team, and the form to add somebody. The answer to it holds the one-time
    link of who is new, which is nowhere else ever again."""
    access: Access = request.access  # type: ignore[attr-defined]
    form = MemberForm(request.POST or None)
    link = added = ""
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            invited = add_member(
                team=access.team, actor=access.actor, **{**data, "role": Role(data["role"])}
            )
        except (Conflict, Invalid) as error:
            add_refusal(form, error)
        else:
            form, added = MemberForm(), invited.user.username
            link = _address(invited.token) if invited.token else ""
    page = paginate(
        members_of(access.team), BY_NAME, cursor=request.GET.get("cursor", ""), size=SHOWN
    )
    context = {
        "form": form,
        "members": [_row(membership) for membership in page.rows],
        "pager": pager(request, page, target=""),
        "added": added,
        "link": link,
        "days": INVITATION_LIFETIME.days,
    }
    status = 400 if form.errors else 200
    return settings_page(
        request, access, "settings/members.html", context, current="team_members", status=status
    )


@requires(Action.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def member(request: HttpRequest, team: str, username: str) -> HttpResponse:
    """One member: another role, a new one-time link, out of the team, out of the site."""
    access: Access = request.access  # type: ignore[attr-defined]
    membership = member_named(access.team, username)
    deeds: dict[str, Callable[[HttpRequest, Access, Membership], HttpResponse]] = {
        "role": _change_role,
        "remove": _remove,
        "link": _make_link,
        "shut-out": _set_active,
        "let-in": _set_active,
    }
    if request.method != "POST":
        return _page(request, access, membership)
    deed = deeds.get(request.POST.get("do", ""))
    if deed is None:
        return _page(request, access, membership, problem=_("Choose what to do."), status=400)
    try:
        return deed(request, access, membership)
    except Conflict as error:
        return _page(request, access, membership, problem=error.message, status=409)


def _change_role(request: HttpRequest, access: Access, membership: Membership) -> HttpResponse:
    form = RoleForm(request.POST)
    if not form.is_valid():
        return _page(request, access, membership, form=form, status=400)
    former, role = membership.role, Role(form.cleaned_data["role"])
    set_role(user=membership.user, team=access.team, role=role, actor=access.actor)
    back = Undo(request.path, (("do", "role"), ("role", former))) if role != former else None
    words = {"name": membership.user.username, "role": role.label}
    tell(request, _("%(name)s is %(role)s now.") % words, undo=back)
    return HttpResponseRedirect(_list(access))


def _remove(request: HttpRequest, access: Access, membership: Membership) -> HttpResponse:
    set_role(user=membership.user, team=access.team, role=None, actor=access.actor)
    words = {"name": membership.user.username}
    back = (("username", words["name"]), ("role", membership.role))
    text = _("%(name)s is no longer in the team.") % words
    tell(request, text, undo=Undo(_list(access), back))
    return HttpResponseRedirect(_list(access))


def _make_link(request: HttpRequest, access: Access, membership: Membership) -> HttpResponse:
    token = make_way_in(
        team=access.team,
        username=membership.user.username,
        admin=person(request),
        actor=access.actor,
    )
    return _page(request, access, membership, link=_address(token))


def _set_active(request: HttpRequest, access: Access, membership: Membership) -> HttpResponse:
    is_active = request.POST["do"] == "let-in"
    set_member_active(
        team=access.team,
        username=membership.user.username,
        is_active=is_active,
        admin=person(request),
        actor=access.actor,
    )
    words = {"name": membership.user.username}
    text = _("%(name)s can sign in again.") if is_active else _("%(name)s is shut out.")
    back = Undo(request.path, (("do", "shut-out" if is_active else "let-in"),))
    tell(request, text % words, undo=back)
    return HttpResponseRedirect(_list(access))


def _page(
    request: HttpRequest,
    access: Access,
    membership: Membership,
    *,
    form: RoleForm | None = None,
    problem: str = "",
    link: str = "",
    status: int = 200,
) -> HttpResponse:
    user = membership.user
    context = {
        "member": _row(membership),
        "form": form or RoleForm(initial={"role": membership.role}),
        "problem": problem,
        "link": link,
        "days": INVITATION_LIFETIME.days,
        "is_self": user.pk == person(request).pk,
        "is_in_charge": administers(person(request), user),
        "back": _list(access),
    }
    return settings_page(
        request, access, "settings/member.html", context, current="team_members", status=status
    )


def _row(membership: Membership) -> dict[str, object]:
    user, role = membership.user, Role(membership.role)
    return {
        "username": user.username,
        "display_name": user.display_name,
        "email": user.email,
        "role": role.label,
        "hue": ROLE_HUES[role],
        "is_active": user.is_active,
        "seen": moment(user.last_login),
        "url": reverse("team_member", args=[membership.team.name, user.username]),
    }


def _list(access: Access) -> str:
    return reverse("team_members", args=[access.team.name])


def _address(token: str) -> str:
    return f"{settings.BASE_URL}{reverse('sign_in_link', args=[token])}"
