"""Writing Markdown: the notes of a model, a project or a run; cards.py uses the same form.

A form carries a mark of the text that it was opened with. When somebody else has saved in the
meantime, the answer is 409 with both texts, so that nobody's words are lost unseen.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.artifacts.services import update_collection
from apps.core.errors import Conflict, Invalid
from apps.projects.access import Access, Action, requires
from apps.projects.services import update_project
from apps.runs.queries import run_in
from apps.runs.services import update_run
from apps.web.addresses import model_url, project_url, run_url, team_url
from apps.web.forms.notes import NotesForm
from apps.web.htmx import answer
from apps.web.markdown import render_markdown
from apps.web.present.model import Crumb, crumbs_to
from apps.web.views.models import load_model

TEMPLATE = "notes/edit.html"
FRAGMENT = "preview"
MAX_RUN_NOTES = 100_000


@dataclass(frozen=True)
class Editing:
    """What is edited: its text now, the mark of it, and what the page around the form says."""

    heading: str
    subject: str
    back: str
    crumbs: Sequence[Crumb]
    text: str
    seen: str
    title: str | None = None
    max_length: int = 20_000
    hint: str | Promise = ""


@requires(Action.LOG)
@require_http_methods(["GET", "HEAD", "POST"])
def model_notes(
    request: HttpRequest, team: str, collection: str, project: str | None = None
) -> HttpResponse:
    """The title and the notes of a model."""
    access: Access = request.access  # type: ignore[attr-defined]
    model = load_model(access, collection)

    def save(form: NotesForm) -> None:
        update_collection(
            collection=model,
            title=form.cleaned_data["title"],
            description=form.cleaned_data["text"],
            access=access,
        )

    editing = Editing(
        heading=_("Edit the notes"),
        subject=model.name,
        back=model_url(model),
        crumbs=crumbs_to(model),
        text=model.description,
        seen=mark_of(model.title, model.description),
        title=model.title,
    )
    return edit(request, editing, save)


@requires(Action.LOG)
@require_http_methods(["GET", "HEAD", "POST"])
def project_notes(request: HttpRequest, team: str, project: str) -> HttpResponse:
    """The title and the notes of a project."""
    access: Access = request.access  # type: ignore[attr-defined]
    place = access.here

    def save(form: NotesForm) -> None:
        update_project(
            access=access,
            title=form.cleaned_data["title"],
            description=form.cleaned_data["text"],
        )

    back = project_url(access.team, place)
    editing = Editing(
        heading=_("Edit the notes"),
        subject=place.name,
        back=back,
        crumbs=[Crumb(access.team.name, team_url(access.team)), Crumb(str(place), back)],
        text=place.description,
        seen=mark_of(place.title, place.description),
        title=place.title,
    )
    return edit(request, editing, save)


@requires(Action.LOG)
@require_http_methods(["GET", "HEAD", "POST"])
def run_notes(request: HttpRequest, team: str, project: str, run: str) -> HttpResponse:
    """The notes of a run; the client that logs it may write them too."""
    access: Access = request.access  # type: ignore[attr-defined]
    place = access.here
    found = run_in(place, run)

    def save(form: NotesForm) -> None:
        update_run(run=found, notes=form.cleaned_data["text"], access=access)

    back = run_url(access.team, found)
    editing = Editing(
        heading=_("Edit the notes"),
        subject=found.name,
        back=back,
        crumbs=[
            Crumb(access.team.name, team_url(access.team)),
            Crumb(str(place), project_url(access.team, place)),
            Crumb(found.name, back),
        ],
        text=found.notes,
        seen=mark_of(found.notes),
        max_length=MAX_RUN_NOTES,
    )
    return edit(request, editing, save)


def edit(request: HttpRequest, editing: Editing, save: Callable[[NotesForm], None]) -> HttpResponse:
    """The form, its preview, or the way back after saving."""
    has_title = editing.title is not None
    options: dict[str, Any] = {"has_title": has_title, "max_length": editing.max_length}
    if request.method != "POST":
        form = NotesForm(initial={"title": editing.title, "text": editing.text}, **options)
        return _page(request, editing, form, seen=editing.seen)
    form = NotesForm(request.POST, **options)
    seen = request.POST.get("seen", "")[:64]
    if not form.is_valid():
        return _page(request, editing, form, seen=seen, status=400)
    if request.POST.get("do") == FRAGMENT:
        shown = render_markdown(form.cleaned_data["text"])
        return _page(request, editing, form, seen=seen, preview=shown, has_preview=True)
    try:
        if seen != editing.seen:
            raise Conflict(_("Somebody has changed the text since you opened it."))
        save(form)
    except Invalid as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return _page(request, editing, form, seen=seen, status=400)
    except Conflict as error:
        # With the mark of the present text: who saves now has seen it.
        return _page(request, editing, form, seen=editing.seen, problem=error.message, status=409)
    messages.success(request, _("Saved."))
    return HttpResponseRedirect(editing.back)


def mark_of(*texts: str) -> str:
    """A short mark that changes with every one of the texts."""
    return hashlib.sha256("\x1f".join(texts).encode()).hexdigest()[:16]


def _page(
    request: HttpRequest,
    editing: Editing,
    form: NotesForm,
    *,
    seen: str,
    preview: str = "",
    has_preview: bool = False,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    context = {
        "editing": editing,
        "crumbs": editing.crumbs,
        "form": form,
        "seen": seen,
        "preview": preview,
        "has_preview": has_preview,
        "problem": problem,
        "present": render_markdown(editing.text) if problem else "",
    }
    return answer(request, TEMPLATE, context, fragment=FRAGMENT, status=status)
