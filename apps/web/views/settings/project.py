"""The settings of a project: who may see it, who is named for it, closing it."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.accounts.choices import Role
from apps.accounts.queries import member_named
from apps.core.errors import NotFound
from apps.projects.access import Access, Action, requires
from apps.projects.choices import Visibility
from apps.projects.models import ProjectMember
from apps.projects.queries import named_for
from apps.projects.services import set_archived, set_project_role, update_project
from apps.web.addresses import project_url, team_url
from apps.web.forms.project import NamingForm, VisibilityForm
from apps.web.present.model import Crumb
from apps.web.present.places import project_tabs
from apps.web.toasts import Undo, tell
from apps.web.views.settings.members import ROLE_HUES


@requires(Action.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def project_settings(request: HttpRequest, team: str, project: str) -> HttpResponse:
    """All of them on one page; each form says with `do` what it is for."""
    access: Access = request.access  # type: ignore[attr-defined]
    deeds: dict[str, Callable[[HttpRequest, Access], HttpResponse]] = {
        "visibility": _change_visibility,
        "name": _name,
        "unname": _unname,
        "archive": _archive,
        "reopen": _archive,
    }
    if request.method != "POST":
        return _page(request, access)
    deed = deeds.get(request.POST.get("do", ""))
    if deed is None:
        return _page(request, access, problem=_("Choose what to do."), status=400)
    return deed(request, access)


def _change_visibility(request: HttpRequest, access: Access) -> HttpResponse:
    form = VisibilityForm(request.POST)
    if not form.is_valid():
        return _page(request, access, visibility=form, status=400)
    former, wanted = access.here.visibility, Visibility(form.cleaned_data["visibility"])
    update_project(access=access, visibility=wanted)
    undo = Undo(request.path, (("do", "visibility"), ("visibility", former)))
    tell(request, _("Who may see the project is saved."), undo=undo if former != wanted else None)
    return HttpResponseRedirect(request.path)


def _name(request: HttpRequest, access: Access) -> HttpResponse:
    form = NamingForm(request.POST)
    if not form.is_valid():
        return _page(request, access, naming=form, status=400)
    try:
        # Of the team alone: whether there is an account elsewhere is not for the page to say.
        user = member_named(access.team, form.cleaned_data["username"]).user
    except NotFound as error:
        form.add_error("username", error.message)
        return _page(request, access, naming=form, status=400)
    role = Role(form.cleaned_data["role"])
    set_project_role(user=user, role=role, access=access)
    words = {"name": user.username, "role": role.label}
    tell(request, _("%(name)s is named for the project as %(role)s.") % words)
    return HttpResponseRedirect(request.path)


def _unname(request: HttpRequest, access: Access) -> HttpResponse:
    named = named_for(access.here).filter(user__username=request.POST.get("username", "")).first()
    if named is None:
        raise NotFound(_("That person is not named for the project."))
    set_project_role(user=named.user, role=None, access=access)
    words = {"name": named.user.username}
    fields = (("do", "name"), ("username", words["name"]), ("role", named.role))
    text = _("%(name)s is no longer named for the project.") % words
    tell(request, text, undo=Undo(request.path, fields))
    # Who was an admin by that alone sees the page no more.
    return HttpResponseRedirect(
        project_url(access.team, access.here) if _is_self(request, named) else request.path
    )


def _archive(request: HttpRequest, access: Access) -> HttpResponse:
    archived = request.POST["do"] == "archive"
    set_archived(archived=archived, access=access)
    text = _("The project is archived.") if archived else _("The project is open again.")
    undo = Undo(request.path, (("do", "reopen" if archived else "archive"),))
    tell(request, text, undo=undo)
    return HttpResponseRedirect(request.path)


def _is_self(request: HttpRequest, named: ProjectMember) -> bool:
    return bool(named.user_id == request.user.pk)


def _page(
    request: HttpRequest,
    access: Access,
    *,
    visibility: forms.Form | None = None,
    naming: forms.Form | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    project = access.here
    context: dict[str, Any] = {
        "team": access.team,
        "project": project,
        "crumbs": [
            Crumb(access.team.title or access.team.name, team_url(access.team)),
            Crumb(str(project), project_url(access.team, project)),
        ],
        "tabs": project_tabs(access, "project_settings"),
        "visibility": visibility or VisibilityForm(initial={"visibility": project.visibility}),
        "naming": naming or NamingForm(),
        "named": [
            {
                "username": one.user.username,
                "display_name": one.user.display_name,
                "role": Role(one.role).label,
                "hue": ROLE_HUES[Role(one.role)],
            }
            for one in named_for(project)
        ],
        "problem": problem,
        "path": request.path,
    }
    return render(request, "settings/project.html", context, status=status)
