"""What is in one stored file, as a page may show it: a table, a figure, or else a preview."""

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from apps.core.numbers import format_bytes
from apps.web.download import can_run_code
from apps.web.figure_file import figure_in
from apps.web.grid_file import MAX_BYTES, grid_in, is_too_large, read_csv, read_json
from apps.web.present.grid import show_grid
from apps.web.preview import preview_of
from apps.web.references import files_meant
from apps.web.stored import Shelf, Stored, digest_of, reference_of
from apps.web.views.account import person


def show_file(request: HttpRequest, file: Stored, shelf: Shelf) -> dict[str, Any]:
    """The context of files/file.html."""
    folder, _slash, name = file.path.rpartition("/")
    return {
        "file": file,
        "name": name,
        "folder": folder,
        "folder_url": shelf.folder_url(folder),
        "crumbs": shelf.crumbs,
        "place": shelf.title,
        "size": format_bytes(file.size_bytes),
        "digest": digest_of(file),
        "is_risky": can_run_code(file.path),
        "download_url": shelf.download_url(file),
        "image_url": shelf.image_url(file.path),
        "elsewhere": files_meant([reference_of(file)], person(request)).get(reference_of(file)),
        **_contents(request, file, shelf, name),
    }


def _contents(request: HttpRequest, file: Stored, shelf: Shelf, name: str) -> dict[str, Any]:
    value = read_json(file)
    grid = grid_in(value) or read_csv(file)
    if grid is not None:
        return {"grid": show_grid(request, grid, shelf)}
    figure = figure_in(value, key="figure", title=name)
    if figure is not None:
        return {"figure": figure, "chart": figure.chart, "preview": preview_of(file)}
    too_large = _("Tables and figures of up to %(size)s are shown as such; download this one.")
    return {
        "preview": preview_of(file),
        "too_large": too_large % {"size": format_bytes(MAX_BYTES)} if is_too_large(file) else "",
    }
