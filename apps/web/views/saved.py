"""Keeping, changing and deleting saved views of a table. Forms come back to the table itself."""

from collections.abc import Collection
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from apps.core.errors import DomainError, Invalid
from apps.projects.access import Access, Action, requires
from apps.registry.choices import Sharing
from apps.registry.models import SavedView
from apps.registry.queries.table import columns_of
from apps.registry.queries.views import Rights, Viewed, rights_over, view_numbered, views_of
from apps.registry.services.views import (
    ViewChange,
    change_view,
    delete_view,
    save_view,
    set_default_view,
)
from apps.web.addresses import model_url, run_views_url, runs_url
from apps.web.present.model import Crumb, crumbs_to, crumbs_to_place
from apps.web.redirects import next_address
from apps.web.saved_views import Read, known_state
from apps.web.toasts import Undo, tell
from apps.web.views.models import load_model, read_state
from apps.web.views.runs_table import read_runs_state


@dataclass(frozen=True)
class Place:
    """A table: what has it, the address of its page, and the way there.

    `columns` are the names of columns that the reader may know of (None: any).
    """

    viewed: Viewed
    path: str
    views: str
    crumbs: list[Crumb]
    read: Read
    columns: Collection[str] | None

    def address(self, view: SavedView) -> str:
        return f"{self.path}?view={view.pk}"

    def state(self, post: QueryDict) -> str:
        """The state in a form as the table itself writes it, so that what is kept can be shown
        again. Raises Invalid."""
        return self.read(QueryDict(post.get("state", ""))).state


@dataclass(frozen=True, slots=True)
class ViewRow:
    """One view on the page of views."""

    view: SavedView
    state: str
    url: str
    change_url: str
    rights: Rights
    is_own: bool


@requires(Action.READ)
@require_http_methods(["GET", "HEAD", "POST"])
def model_views(
    request: HttpRequest, team: str, collection: str, project: str | None = None
) -> HttpResponse:
    """The views of a model's status table; a form posted here keeps one more."""
    return _views(request, _model(_access(request), collection))


@requires(Action.READ)
@require_POST
def model_view(
    request: HttpRequest, team: str, collection: str, view: int, project: str | None = None
) -> HttpResponse:
    """Change one view of a status table, or delete it."""
    return _change(request, _model(_access(request), collection), view)


@requires(Action.READ)
@require_http_methods(["GET", "HEAD", "POST"])
def run_views(request: HttpRequest, team: str, project: str) -> HttpResponse:
    """The views of a project's runs table; a form posted here keeps one more."""
    return _views(request, _runs(_access(request)))


@requires(Action.READ)
@require_POST
def run_view(request: HttpRequest, team: str, project: str, view: int) -> HttpResponse:
    """Change one view of a runs table, or delete it."""
    return _change(request, _runs(_access(request)), view)


def _model(access: Access, name: str) -> Place:
    model = load_model(access, name)
    known = columns_of(model, access.user)
    path = model_url(model)
    return Place(
        viewed=model,
        path=path,
        views=f"{path}/views",
        crumbs=crumbs_to(model),
        read=lambda params: read_state(params, known),
        columns={column.slug for column in known},
    )


def _runs(access: Access) -> Place:
    project = access.here
    path = runs_url(access.team, project)
    crumbs = [*crumbs_to_place(access.team, project), Crumb(_("Runs"), path)]
    views = run_views_url(access.team, project)
    return Place(
        viewed=project,
        path=path,
        views=views,
        crumbs=crumbs,
        read=read_runs_state,
        columns=None,
    )


def _views(request: HttpRequest, place: Place) -> HttpResponse:
    if request.method != "POST":
        return _page(request, place)
    post = request.POST
    try:
        view = save_view(
            viewed=place.viewed,
            name=post.get("name", "").strip(),
            state=place.state(post),
            sharing=_sharing(post.get("sharing", Sharing.PRIVATE)),
            access=_access(request),
        )
    except DomainError as error:
        return _refused(request, place, error)
    tell(request, _("“%(name)s” is saved.") % {"name": view.name}, undo=_forget(place, view))
    return HttpResponseRedirect(place.address(view))


def _change(request: HttpRequest, place: Place, pk: int) -> HttpResponse:
    access = _access(request)
    view = view_numbered(place.viewed, pk, access.user)
    before = (view.name, view.state, view.sharing)
    try:
        said, undo = _done(request.POST.get("do", ""), request, place, view, access)
    except DomainError as error:
        return _refused(request, place, error)
    name = view.name
    tell(request, said % {"name": name}, undo=undo or _as_it_was(place, view, before))
    return HttpResponseRedirect(next_address(request, place.views))


def _done(
    what: str, request: HttpRequest, place: Place, view: SavedView, access: Access
) -> tuple[str, Undo | None]:
    """Do what a button says. What happened, in words; and how to take it back."""
    viewed, post = place.viewed, request.POST
    if what == "delete":
        delete_view(viewed=viewed, view=view, access=access)
        return _("“%(name)s” is deleted."), _keep_again(place, view)
    if what in ("default", "undefault"):
        chosen = view if what == "default" else None
        former = views_of(viewed, access.user).filter(is_default=True).first()
        set_default_view(viewed=viewed, view=chosen, access=access)
        said = _("“%(name)s” is what the table shows first now.")
        if chosen is None:
            said = _("“%(name)s” is no longer what the table shows first.")
        return said, _former_default(place, view, former)
    changes = {
        "rename": lambda: ViewChange(name=post.get("name", "").strip()),
        "keep": lambda: ViewChange(state=place.state(post)),
        "share": lambda: ViewChange(sharing=Sharing.TEAM),
        "unshare": lambda: ViewChange(sharing=Sharing.PRIVATE),
    }
    if what not in changes:
        raise Invalid(_("The form does not say what to do. Open the page again."), field="do")
    changed = change_view(viewed=viewed, view=view, change=changes[what](), access=access)
    view.name = changed.name
    return _("“%(name)s” is saved."), None


def _page(
    request: HttpRequest, place: Place, problem: str = "", *, status: int = 200
) -> HttpResponse:
    access = _access(request)
    rows = [
        ViewRow(
            view,
            known_state(view.state, place.columns).urlencode(safe="@,"),
            place.address(view),
            f"{place.views}/{view.pk}",
            rights_over(view, access),
            is_own=access.user is not None and view.owner_id == access.user.pk,
        )
        for view in views_of(place.viewed, access.user)
    ]
    context = {
        "place": place,
        "crumbs": place.crumbs,
        "title": str(place.viewed),
        "team_views": [row for row in rows if row.view.sharing == Sharing.TEAM],
        "own_views": [row for row in rows if row.view.sharing == Sharing.PRIVATE],
        "problem": problem,
    }
    return render(request, "views/views.html", context, status=status)


def _refused(request: HttpRequest, place: Place, error: DomainError) -> HttpResponse:
    """The page of views with what is wrong; what is forbidden or not there says so as ever."""
    if error.status in (403, 404):
        raise error
    return _page(request, place, error.message, status=error.status)


def _forget(place: Place, view: SavedView) -> Undo:
    return Undo(f"{place.views}/{view.pk}", (("do", "delete"), ("next", place.path)))


def _keep_again(place: Place, view: SavedView) -> Undo:
    fields = (("name", view.name), ("state", view.state), ("sharing", str(view.sharing)))
    return Undo(place.views, fields)


def _as_it_was(place: Place, view: SavedView, before: tuple[str, str, str]) -> Undo | None:
    """The way back from a change of one thing."""
    name, state, sharing = before
    back: tuple[tuple[str, str], ...]
    view.refresh_from_db()
    if view.name != name:
        back = (("do", "rename"), ("name", name))
    elif view.state != state:
        back = (("do", "keep"), ("state", state))
    elif view.sharing != sharing:
        back = (("do", "unshare" if sharing == Sharing.PRIVATE else "share"),)
    else:
        return None
    return Undo(f"{place.views}/{view.pk}", back)


def _former_default(place: Place, view: SavedView, former: SavedView | None) -> Undo:
    target, what = (former, "default") if former is not None else (view, "undefault")
    return Undo(f"{place.views}/{target.pk}", (("do", what),))


def _sharing(word: str) -> Sharing:
    if word not in Sharing.values:
        raise Invalid(_("A view is for you alone or for the team."), field="sharing")
    return Sharing(word)


def _access(request: HttpRequest) -> Access:
    access: Access = request.access  # type: ignore[attr-defined]
    return access
