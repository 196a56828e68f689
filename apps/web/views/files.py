"""One stored file: shown as far as a page may, as a picture, and to be kept.

The same views serve the versions of models, by `number`, and of everything else, by `type` and
`version`, in a project and in the registry; and the files that a run keeps.
"""

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from apps.artifacts.choices import MODEL
from apps.artifacts.queries import file_at
from apps.projects.access import Access, Action, requires
from apps.runs import files as run_files
from apps.runs.models import RunFile
from apps.runs.queries import run_in
from apps.web.download import download
from apps.web.htmx import answer, asks_for
from apps.web.places import version_at
from apps.web.present.contents import show_file
from apps.web.preview import send_image
from apps.web.stored import Shelf, Stored, shelf_of_run, shelf_of_version


@requires(Action.READ)
@require_safe
def view_file(
    request: HttpRequest,
    team: str,
    collection: str,
    path: str,
    project: str | None = None,
    number: int | None = None,
    type: str = MODEL,
    version: str = "",
) -> HttpResponse:
    """What is in a file, as far as it can be shown without running anything of it."""
    access: Access = request.access  # type: ignore[attr-defined]
    place = version_at(access, collection=collection, number=number, type=type, version=version)
    return _page(request, file_at(place.artifact, path), shelf_of_version(place))


@requires(Action.READ)
@require_safe
def image(
    request: HttpRequest,
    team: str,
    collection: str,
    path: str,
    project: str | None = None,
    number: int | None = None,
    type: str = MODEL,
    version: str = "",
) -> HttpResponse:
    """A raster picture for the page that shows it."""
    access: Access = request.access  # type: ignore[attr-defined]
    place = version_at(access, collection=collection, number=number, type=type, version=version)
    return send_image(file_at(place.artifact, path))


@requires(Action.READ)
@require_safe
def keep_file(
    request: HttpRequest,
    team: str,
    collection: str,
    path: str,
    project: str | None = None,
    number: int | None = None,
    type: str = MODEL,
    version: str = "",
) -> HttpResponseBase:
    """The file itself, to be kept."""
    access: Access = request.access  # type: ignore[attr-defined]
    place = version_at(access, collection=collection, number=number, type=type, version=version)
    return download(request, file_at(place.artifact, path))


@requires(Action.READ)
@require_safe
def view_run_file(
    request: HttpRequest, team: str, project: str, run: str, path: str
) -> HttpResponse:
    """The same of a file that a run keeps."""
    file, access = _run_file(request, run, path)
    return _page(request, file, shelf_of_run(file.run, access))


@requires(Action.READ)
@require_safe
def run_image(request: HttpRequest, team: str, project: str, run: str, path: str) -> HttpResponse:
    """A picture that a run keeps."""
    return send_image(_run_file(request, run, path)[0])


@requires(Action.READ)
@require_safe
def keep_run_file(
    request: HttpRequest, team: str, project: str, run: str, path: str
) -> HttpResponseBase:
    """A file of a run, to be kept."""
    return download(request, _run_file(request, run, path)[0])


def _page(request: HttpRequest, file: Stored, shelf: Shelf) -> HttpResponse:
    context = show_file(request, file, shelf)
    template = "files/file.html"
    if "grid" in context and asks_for(request, "grid"):
        template = "files/grid.html"
    return answer(request, template, context, fragment="grid" if "grid" in context else "")


def _run_file(request: HttpRequest, run: str, path: str) -> tuple[RunFile, Access]:
    access: Access = request.access  # type: ignore[attr-defined]
    assert access.project is not None  # noqa: S101 (the address names one)
    found = run_in(access.project, run)
    file = run_files.file_at(found, path)
    file.run = found
    return file, access
