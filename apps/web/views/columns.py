"""Editing the columns of a status table: names, order, which are shown, direction, format."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.accounts.queries import curates_team
from apps.artifacts.models import Collection
from apps.core.errors import Invalid
from apps.projects.access import Access, Action, requires
from apps.registry.queries.table import columns_of
from apps.registry.services.columns import update_columns
from apps.web.addresses import model_url
from apps.web.forms.columns import (
    FORMATS,
    ColumnForm,
    column_forms,
    fields_as_they_were,
    ordered_specs,
    seen_columns,
)
from apps.web.present.model import crumbs_to
from apps.web.toasts import Undo, tell
from apps.web.views.account import person
from apps.web.views.models import load_model


@requires(Action.CURATE)
@require_http_methods(["GET", "HEAD", "POST"])
def columns(
    request: HttpRequest, team: str, collection: str, project: str | None = None
) -> HttpResponse:
    """The columns of one model, for curators."""
    access: Access = request.access  # type: ignore[attr-defined]
    model = load_model(access, collection)
    present = columns_of(model, access.user)
    seen = seen_columns(present)
    if request.method != "POST":
        return _page(request, access, model, column_forms(present), seen)
    if request.POST.get("seen") != seen:
        problem = _("Somebody has changed the columns since you opened this page. Look again.")
        return _page(request, access, model, column_forms(present), seen, problem, status=409)
    filled = column_forms(present, request.POST)
    # Every form is looked at, so that every mistake is shown at once.
    wrong = [form for form in filled if not form.is_valid()]
    if wrong:
        return _page(request, access, model, filled, seen, status=400)
    try:
        changed = update_columns(collection=model, specs=ordered_specs(filled), access=access)
    except Invalid as error:
        return _page(request, access, model, filled, seen, error.message, status=400)
    undo = Undo(request.path, fields_as_they_were(present, seen_columns(changed)))
    tell(request, _("The columns have been saved."), undo=undo)
    return HttpResponseRedirect(model_url(model))


def _page(
    request: HttpRequest,
    access: Access,
    model: Collection,
    filled: list[ColumnForm],
    seen: str,
    problem: str = "",
    *,
    status: int = 200,
) -> HttpResponse:
    context = {
        "model": model,
        "crumbs": crumbs_to(model),
        "forms": filled,
        "formats": [one for one in FORMATS if one],
        "seen": seen,
        "problem": problem,
        "back": model_url(model),
        "may_define": curates_team(person(request), access.team),
    }
    return render(request, "models/columns.html", context, status=status)
