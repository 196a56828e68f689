"""Deleting, with the question before it; and the bin, where what was deleted waits.

A deletion asks on a page of its own that lists what goes with it. When something came up since that
page was shown, the same page comes back with it, and nothing has been deleted.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.artifacts.choices import MODEL
from apps.artifacts.models import Collection, Version
from apps.artifacts.queries import collection_named
from apps.bin.choices import Kind
from apps.bin.queries.consequences import (
    Consequence,
    consequences_of_collection,
    consequences_of_project,
    consequences_of_run,
    consequences_of_runs,
    consequences_of_version,
)
from apps.bin.queries.items import bin_item, bin_page
from apps.bin.services import deletion
from apps.bin.services.purging import purge as purge_item
from apps.bin.services.restoring import restore as restore_item
from apps.bin.services.restoring import restore_runs as restore_ticked
from apps.core.errors import Conflict
from apps.projects.access import Access, Action, requires
from apps.projects.models import Project
from apps.runs.models import Run
from apps.runs.queries import run_in
from apps.web.addresses import (
    artifacts_url,
    collection_url,
    place_url,
    project_url,
    run_url,
    runs_url,
    team_url,
)
from apps.web.forms.deletion import DeletionForm
from apps.web.htmx import answer
from apps.web.pager import pager
from apps.web.places import version_at
from apps.web.present.bin import bin_address, departure, kind_label, show_bin, show_consequences
from apps.web.present.model import (
    Crumb,
    crumbs_to,
    crumbs_to_artifacts,
    crumbs_to_place,
    crumbs_to_version,
)
from apps.web.present.places import project_tabs, team_tabs
from apps.web.toasts import Undo, tell


@requires(Action.READ)
@require_safe
def bin(request: HttpRequest, team: str, project: str | None = None) -> HttpResponse:
    """What was deleted in the team, or in the project, and when it goes for good."""
    access: Access = request.access  # type: ignore[attr-defined]
    page = bin_page(access, cursor=request.GET.get("cursor", ""))
    place = access.project
    context = {
        "team": access.team,
        "project": place,
        "crumbs": crumbs_to_place(access.team, place),
        "tabs": project_tabs(access, "project_bin") if place else team_tabs(access, "bin"),
        "page": page.with_rows(show_bin(page.rows, access)),
        "foot": pager(request, page, target="bin"),
        "days": access.team.retention_days,
    }
    return answer(request, "bin/bin.html", context, fragment="bin")


@requires(Action.DELETE)
@require_POST
def restore(
    request: HttpRequest, team: str, item: str, project: str | None = None
) -> HttpResponseRedirect:
    """Take a thing out of the bin. Editors may restore runs; the service asks more for the rest."""
    access: Access = request.access  # type: ignore[attr-defined]
    found = bin_item(access, item)
    restore_item(item=found, access=access)
    tell(request, _("%(name)s is back, as it was.") % {"name": found.name})
    return HttpResponseRedirect(_restored_url(found.row))


@requires(Action.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def purge(request: HttpRequest, team: str, item: str, project: str | None = None) -> HttpResponse:
    """Remove a thing in the bin for good, once an admin has been told what that means."""
    access: Access = request.access  # type: ignore[attr-defined]
    found = bin_item(access, item)
    back = _bin_url(access)
    if request.method == "POST":
        purge_item(item=found, access=access)
        tell(request, _("%(name)s was removed for good.") % {"name": found.name})
        return HttpResponseRedirect(back)
    context = {
        "item": found,
        "kind": kind_label(found),
        "goes": departure(found.goes_at),
        "back": back,
        "crumbs": [*crumbs_to_place(access.team, access.project), Crumb(_("Bin"), back)],
    }
    return render(request, "bin/purge.html", context)


@dataclass(frozen=True)
class _Question:
    """What is to be deleted, what is said of it, and where the reader goes from there."""

    names: Sequence[str]
    title: str
    done: str
    undo: Undo
    crumbs: Sequence[Crumb]
    here: str
    above: str
    consequences: Callable[[], list[Consequence]]
    delete: Callable[..., None]


@requires(Action.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def delete_project(request: HttpRequest, team: str, project: str) -> HttpResponse:
    """A project, with everything in it."""
    access: Access = request.access  # type: ignore[attr-defined]
    place = access.here
    question = _Question(
        **_one(str(place), _("project")),
        # It is restored from the team's bin: its own goes with it.
        undo=_way_back(access.within(None), Kind.PROJECT, place.pk),
        crumbs=crumbs_to_place(access.team, place),
        here=project_url(access.team, place),
        above=team_url(access.team),
        consequences=lambda: consequences_of_project(place, access.user),
        delete=lambda **said: deletion.delete_project(access=access, **said),
    )
    return _ask(request, access, question)


@requires(Action.DELETE)
@require_http_methods(["GET", "HEAD", "POST"])
def delete_run(request: HttpRequest, team: str, project: str, run: str) -> HttpResponse:
    """A run, with what it logged; what it made stays."""
    access: Access = request.access  # type: ignore[attr-defined]
    found = run_in(access.here, run)
    here = run_url(access.team, found)
    question = _Question(
        **_one(found.name, _("run")),
        undo=_way_back(access, Kind.RUN, found.pk),
        crumbs=[*crumbs_to_place(access.team, access.project), Crumb(found.name, here)],
        here=here,
        above=project_url(access.team, access.here),
        consequences=lambda: consequences_of_run(found, access.user),
        delete=lambda **said: deletion.delete_run(run=found, access=access, **said),
    )
    return _ask(request, access, question)


@requires(Action.DELETE)
@require_http_methods(["GET", "HEAD", "POST"])
def delete_runs(request: HttpRequest, team: str, project: str) -> HttpResponse:
    """The runs that were ticked in the table, together; `r` names them as for a comparison."""
    access: Access = request.access  # type: ignore[attr-defined]
    above = runs_url(access.team, access.here)
    ticked = list(_ticked(request.GET, Run.objects.all(), access))
    if not ticked:
        messages.warning(request, _("Tick the runs that are to be deleted, then press Delete."))
        return HttpResponseRedirect(above)
    count = len(ticked)
    words = {"count": count}
    addresses = tuple(("r", text) for text in request.GET.getlist("r"))
    question = _Question(
        names=[run.name for run in ticked],
        title=ngettext("Delete this run?", "Delete these %(count)d runs?", count) % words,
        done=ngettext("The run is in the bin.", "%(count)d runs are in the bin.", count) % words,
        undo=Undo(reverse("restore_runs", args=[access.team.name, access.here.name]), addresses),
        crumbs=[*crumbs_to_place(access.team, access.project), Crumb(_("Runs"), above)],
        here=above,
        above=above,
        consequences=lambda: consequences_of_runs(ticked, access.user),
        delete=lambda **said: deletion.delete_runs(runs=ticked, access=access, **said),
    )
    return _ask(request, access, question)


@requires(Action.DELETE)
@require_POST
def restore_runs(request: HttpRequest, team: str, project: str) -> HttpResponseRedirect:
    """Take back what `delete_runs` did."""
    access: Access = request.access  # type: ignore[attr-defined]
    found = list(_ticked(request.POST, Run.with_deleted.exclude(deleted_at=None), access))
    restore_ticked(runs=found, access=access)
    count = len(found)
    tell(
        request,
        ngettext("%(count)d run is back.", "%(count)d runs are back.", count) % {"count": count},
    )
    return HttpResponseRedirect(runs_url(access.team, access.here))


def _ticked(params: QueryDict, runs: QuerySet[Run], access: Access) -> QuerySet[Run]:
    """Those of the runs that are named by the boxes of this project's table, newest first."""
    start = f"{access.team.name}/{access.here.name}/"
    named = params.getlist("r")[: deletion.MAX_AT_ONCE + 1]
    keys = [text.removeprefix(start) for text in named if text.startswith(start)]
    found = runs.filter(project=access.here, key__in=keys).select_related("project")
    return found.order_by("-started_at", "-pk")


@requires(Action.DELETE_VERSION)
@require_http_methods(["GET", "HEAD", "POST"])
def delete_collection(
    request: HttpRequest, team: str, collection: str, type: str = MODEL, project: str | None = None
) -> HttpResponse:
    """A model, or a collection of anything else, with its versions."""
    access: Access = request.access  # type: ignore[attr-defined]
    found = collection_named(access.team, access.project, collection, type=type)
    is_model = found.type == MODEL
    question = _Question(
        **_one(found.name, _("model") if is_model else _("collection")),
        undo=_way_back(access, Kind.COLLECTION, found.pk),
        crumbs=crumbs_to(found) if is_model else crumbs_to_artifacts(found),
        here=collection_url(found),
        above=_above(found),
        consequences=lambda: consequences_of_collection(found, access.user),
        delete=lambda **said: deletion.delete_collection(collection=found, access=access, **said),
    )
    return _ask(request, access, question)


@requires(Action.DELETE_VERSION)
@require_http_methods(["GET", "HEAD", "POST"])
def delete_version(
    request: HttpRequest, team: str, project: str | None = None, **place: Any
) -> HttpResponse:
    """One version of a model, or of a collection of anything else."""
    access: Access = request.access  # type: ignore[attr-defined]
    version = version_at(access, **place)
    question = _Question(
        **_one(f"{version.collection.name} v{version.number}", _("version")),
        undo=_way_back(access, Kind.VERSION, version.pk),
        crumbs=crumbs_to_version(version),
        here=place_url(version),
        above=collection_url(version.collection),
        consequences=lambda: consequences_of_version(version, access.user),
        delete=lambda **said: deletion.delete_version(version=version, access=access, **said),
    )
    return _ask(request, access, question)


def _one(name: str, kind: str) -> dict[str, Any]:
    """What is said of a single thing."""
    return {
        "names": [name],
        "title": _("Delete this %(kind)s?") % {"kind": kind},
        "done": _("%(name)s is in the bin.") % {"name": name},
    }


def _way_back(access: Access, kind: Kind, pk: int) -> Undo:
    return Undo(bin_address("restore", access.team, access.project, f"{kind}-{pk}"))


def _ask(request: HttpRequest, access: Access, question: _Question) -> HttpResponse:
    """The question before a deletion; and the deletion, once everything in it is accepted."""
    consequences = question.consequences()
    form = DeletionForm(has_consequences=bool(consequences))
    problem, status = "", 200
    if request.method == "POST":
        form = DeletionForm(request.POST, has_consequences=bool(consequences))
        if form.is_valid():
            try:
                question.delete(
                    reason=form.cleaned_data["reason"], accept_consequences=form.is_accepted
                )
            except deletion.HasConsequences as error:
                # They came up between our look and the lock.
                consequences, problem, status = list(error.consequences), error.message, 409
                form = DeletionForm(request.POST, has_consequences=True)
            except Conflict as error:
                problem, status = error.message, 409
            else:
                tell(request, question.done, undo=question.undo)
                return HttpResponseRedirect(question.above)
        else:
            status = 400
    context = {
        "question": question,
        "consequences": show_consequences(consequences),
        "form": form,
        "problem": problem,
        "days": access.team.retention_days,
        "crumbs": question.crumbs,
    }
    return render(request, "bin/delete.html", context, status=status)


def _above(collection: Collection) -> str:
    if collection.type != MODEL:
        return artifacts_url(collection.team, collection.project)
    if collection.project is None:
        return team_url(collection.team)
    return project_url(collection.team, collection.project)


def _bin_url(access: Access) -> str:
    if access.project is None:
        return reverse("bin", args=[access.team.name])
    return reverse("project_bin", args=[access.team.name, access.project.name])


def _restored_url(row: Project | Collection | Version | Run) -> str:
    """Where the thing is again."""
    match row:
        case Project():
            return project_url(row.team, row)
        case Collection():
            return collection_url(row)
        case Version():
            return place_url(row)
        case Run():
            return run_url(row.project.team, row)
