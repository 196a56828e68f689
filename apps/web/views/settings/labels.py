"""The vocabulary of status labels: their order, their rules, new ones and unused ones."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts.models import Team
from apps.core.errors import Conflict, Invalid
from apps.core.names import name_key
from apps.projects.access import Access, Action, requires
from apps.registry.choices import Colour
from apps.registry.models import StatusLabel
from apps.registry.queries.labels import holder_counts, label_named, labels_of
from apps.registry.services.labels import delete_label, order_labels, save_label
from apps.web.forms.settings import LabelForm
from apps.web.toasts import Undo, tell
from apps.web.views.settings.page import add_refusal, settings_page


@requires(Action.CURATE)
@require_http_methods(["GET", "HEAD", "POST"])
def labels(request: HttpRequest, team: str) -> HttpResponse:
    """Every label in its order, and the form for a new one."""
    access: Access = request.access  # type: ignore[attr-defined]
    form = LabelForm(request.POST or None, is_new=True)
    if request.method == "POST" and form.is_valid():
        try:
            _check_new(access, form.cleaned_data["name"])
            made = _save(form, form.cleaned_data["name"], access)
        except (Conflict, Invalid) as error:
            add_refusal(form, error)
        else:
            tell(request, _("The label %(name)s is there.") % {"name": made.name})
            return HttpResponseRedirect(_list(access))
    known = list(labels_of(access.team))
    counts = holder_counts(access.team)
    first = next((label for label in known if label.is_exclusive), None)
    context = {
        "form": form,
        "labels": [
            {
                "name": label.name,
                "hue": label.colour,
                "is_exclusive": label.is_exclusive,
                "is_protected": label.is_protected,
                "is_baseline": label == first,
                "held": counts.get(label.name_key, 0),
                "url": _address(access.team, label),
                "is_first": at == 0,
                "is_last": at == len(known) - 1,
            }
            for at, label in enumerate(known)
        ],
        "order_url": reverse("order_labels", args=[access.team.name]),
    }
    return settings_page(
        request,
        access,
        "settings/labels.html",
        context,
        current="team_labels",
        status=400 if form.errors else 200,
    )


@requires(Action.CURATE)
@require_POST
def order(request: HttpRequest, team: str) -> HttpResponse:
    """Move one label a place up or down: `up` or `down` names it, `label` lists them as seen."""
    access: Access = request.access  # type: ignore[attr-defined]
    names = request.POST.getlist("label")
    moved = request.POST.get("up") or request.POST.get("down") or ""
    if moved not in names:
        raise Invalid(_("The form does not say which label to move. Open it again."))
    at = names.index(moved)
    other = at - 1 if request.POST.get("up") else at + 1
    if 0 <= other < len(names):
        names[at], names[other] = names[other], names[at]
    order_labels(names=names, access=access)
    return HttpResponseRedirect(_list(access))


@requires(Action.CURATE)
@require_http_methods(["GET", "HEAD", "POST"])
def label(request: HttpRequest, team: str, label: str) -> HttpResponse:
    """The rules of one label, and the way to delete it when nobody holds it."""
    access: Access = request.access  # type: ignore[attr-defined]
    found = label_named(access.team, label)
    form = LabelForm(request.POST if request.method == "POST" else None, is_new=False)
    if request.method != "POST":
        form = LabelForm(
            initial={
                "colour": found.colour,
                "is_exclusive": found.is_exclusive,
                "is_protected": found.is_protected,
            },
            is_new=False,
        )
        return _page(request, access, found, form)
    try:
        if request.POST.get("do") == "delete":
            return _delete(request, access, found)
        if form.is_valid():
            _save(form, found.name, access)
            tell(request, _("The label %(name)s is saved.") % {"name": found.name})
            return HttpResponseRedirect(_list(access))
    except Conflict as error:
        return _page(request, access, found, form, problem=error.message, status=409)
    return _page(request, access, found, form, status=400)


def _delete(request: HttpRequest, access: Access, label: StatusLabel) -> HttpResponse:
    delete_label(name=label.name, access=access)
    fields = [("name", label.name), ("colour", str(label.colour))]
    fields += [("is_exclusive", "on")] if label.is_exclusive else []
    fields += [("is_protected", "on")] if label.is_protected else []
    text = _("The label %(name)s is deleted.") % {"name": label.name}
    tell(request, text, undo=Undo(_list(access), tuple(fields)))
    return HttpResponseRedirect(_list(access))


def _check_new(access: Access, name: str) -> None:
    """The service changes what is there; this form makes what is not."""
    if labels_of(access.team).filter(name_key=name_key(name)).exists():
        raise Invalid(_("There is a label of this name already."), field="name")


def _save(form: LabelForm, name: str, access: Access) -> StatusLabel:
    data = form.cleaned_data
    return save_label(
        name=name,
        colour=Colour(data["colour"]),
        is_exclusive=data["is_exclusive"],
        is_protected=data["is_protected"],
        access=access,
    )


def _page(
    request: HttpRequest,
    access: Access,
    label: StatusLabel,
    form: LabelForm,
    *,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    context = {
        "label": label,
        "form": form,
        "held": holder_counts(access.team).get(label.name_key, 0),
        "problem": problem,
        "back": _list(access),
    }
    return settings_page(
        request, access, "settings/label.html", context, current="team_labels", status=status
    )


def _list(access: Access) -> str:
    return reverse("team_labels", args=[access.team.name])


def _address(team: Team, label: StatusLabel) -> str:
    return reverse("team_label", args=[team.name, label.name])
