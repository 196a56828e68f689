"""One stored file: shown as far as a page may, as a picture, and to be kept.

The same views serve the versions of models, by `number`, and of everything else, by `type` and
`version`, in a project and in the registry.
"""

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.artifacts.choices import MODEL
from apps.artifacts.queries import file_at
from apps.core.numbers import format_bytes
from apps.projects.access import Access, Action, requires
from apps.web.addresses import file_url, image_url, place_url
from apps.web.download import can_run_code, download
from apps.web.places import version_at
from apps.web.present.files import folder_url
from apps.web.present.model import crumbs_to_version
from apps.web.preview import preview_of, send_image


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
    file = file_at(place.artifact, path)
    page = place_url(place)
    folder, _slash, name = file.path.rpartition("/")
    context = {
        "file": file,
        "name": name,
        "folder": folder,
        "folder_url": folder_url(page, folder) if folder else f"{page}#files",
        "crumbs": crumbs_to_version(place),
        "place": place,
        "preview": preview_of(file),
        "size": format_bytes(file.size_bytes),
        "digest": file.blob_id or file.reference_digest,
        "is_risky": can_run_code(file.path),
        "download_url": file_url(page, file.path) if file.blob_id else "",
        "image_url": image_url(page, file.path),
    }
    return render(request, "versions/file.html", context)


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
