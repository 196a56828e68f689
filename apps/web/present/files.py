"""The files of an artifact or of a run in words: one folder of them, or what was looked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.core.folders import Entry, files_like, folder_page
from apps.core.names import clean_text
from apps.core.numbers import format_bytes, format_count
from apps.core.text import truncate
from apps.web.download import can_run_code
from apps.web.pager import pager
from apps.web.present.model import Crumb
from apps.web.stored import Shelf, Stored, digest_of, reference_of

MAX_SEARCH = 200


@dataclass(frozen=True, slots=True)
class File:
    """One line: a file, or a folder, which `note` says how much is in."""

    name: str
    url: str
    is_folder: bool
    note: str
    size: str
    digest: str
    digest_short: str
    download_url: str


@dataclass(frozen=True, slots=True)
class Files:
    """What the panel of files shows. `folders` lead to the folder that is open, the top first;
    `hidden` is what else of the address a search has to keep.
    """

    rows: Sequence[File]
    summary: str
    path: str
    folders: Sequence[Crumb]
    hidden: Sequence[tuple[str, str]]
    find: str
    is_searchable: bool
    foot: dict[str, str]
    risky: Sequence[str]
    is_purged: bool
    empty: str


def show_files(request: HttpRequest, shelf: Shelf) -> Files:
    """The folder that the address asks for (`?folder=`), or the files found by `?find=`.

    Three or four queries.
    """
    cursor = request.GET.get("cursor", "")
    find = _text(request, "find", MAX_SEARCH)
    folder = "" if find else _text(request, "folder", 1024).strip("/")
    found = (
        files_like(shelf.files, find, scope=shelf.scope, cursor=cursor)
        if find
        else folder_page(shelf.files, folder, scope=shelf.scope, cursor=cursor)
    )
    foot = pager(request, found, target="files")
    count, size = shelf.whole()
    return Files(
        rows=[_row(entry, shelf) for entry in found.rows],
        summary=ngettext("%(count)s file, %(size)s", "%(count)s files, %(size)s", count)
        % {"count": format_count(count), "size": format_bytes(size)},
        path=shelf.page,
        folders=_folders(folder, shelf),
        hidden=shelf.query,
        find=find,
        is_searchable=count > 10,
        foot=foot if foot["previous_url"] or foot["next_url"] else {},
        risky=[one.path for one in found.rows if one.file and can_run_code(one.path)][:5],
        is_purged=shelf.is_purged,
        empty=shelf.empty,
    )


def _text(request: HttpRequest, field: str, length: int) -> str:
    text = request.GET.get(field, "").strip()
    return clean_text(text, field=field, max_length=length, multiline=False)


def _folders(folder: str, shelf: Shelf) -> list[Crumb]:
    if not folder:
        return []
    words = folder.split("/")
    paths = ["/".join(words[: index + 1]) for index in range(len(words))]
    inner = [Crumb(word, shelf.folder_url(path)) for word, path in zip(words, paths, strict=True)]
    return [Crumb(_("All files"), shelf.top_url), *inner]


def _row(entry: Entry[Any], shelf: Shelf) -> File:
    if entry.file is None:
        count = ngettext("%(count)s file", "%(count)s files", entry.file_count)
        return File(
            name=f"{entry.name}/",
            url=shelf.folder_url(entry.path),
            is_folder=True,
            note=count % {"count": format_count(entry.file_count)},
            size=format_bytes(entry.size_bytes),
            digest="",
            digest_short="",
            download_url="",
        )
    return _file(entry.name, entry.file, shelf)


def _file(name: str, file: Stored, shelf: Shelf) -> File:
    digest = digest_of(file) or reference_of(file)
    return File(
        name=name,
        url=shelf.view_url(file.path),
        is_folder=False,
        note="",
        size=format_bytes(file.size_bytes) if file.blob_id or file.size_bytes else "",
        digest=digest,
        digest_short=truncate(digest, 12).removesuffix("…"),
        download_url=shelf.download_url(file),
    )
