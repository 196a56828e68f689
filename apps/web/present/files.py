"""The files of an artifact in words: one folder of them, or what was looked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.artifacts.folders import Entry, files_like, folder_page
from apps.artifacts.models import ArtifactFile, ArtifactVersion
from apps.core.names import clean_text
from apps.core.numbers import format_bytes, format_count
from apps.core.text import truncate
from apps.web.addresses import file_url, view_url
from apps.web.download import can_run_code
from apps.web.pager import pager
from apps.web.present.model import Crumb

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
    """What the panel of files shows. `folders` lead to the folder that is open, the top first."""

    rows: Sequence[File]
    summary: str
    path: str
    folders: Sequence[Crumb]
    folder: str
    find: str
    is_searchable: bool
    foot: dict[str, str]
    risky: Sequence[str]
    is_purged: bool


def show_files(request: HttpRequest, artifact: ArtifactVersion, page: str) -> Files:
    """The folder that the address asks for (`?folder=`), or the files found by `?find=`."""
    cursor = request.GET.get("cursor", "")
    find = _text(request, "find", MAX_SEARCH)
    folder = "" if find else _text(request, "folder", 1024).strip("/")
    found = (
        files_like(artifact, find, cursor=cursor)
        if find
        else folder_page(artifact, folder, cursor=cursor)
    )
    foot = pager(request, found, target="files")
    return Files(
        rows=[_row(entry, page) for entry in found.rows],
        summary=_("%(count)s files, %(size)s")
        % {"count": format_count(artifact.file_count), "size": format_bytes(artifact.size_bytes)},
        path=page,
        folders=_folders(folder, page),
        folder=folder,
        find=find,
        is_searchable=artifact.file_count > 10,
        foot=foot if foot["previous_url"] or foot["next_url"] else {},
        risky=[one.path for one in found.rows if one.file and can_run_code(one.path)][:5],
        is_purged=artifact.purged_at is not None,
    )


def _text(request: HttpRequest, field: str, length: int) -> str:
    text = request.GET.get(field, "").strip()
    return clean_text(text, field=field, max_length=length, multiline=False)


def _folders(folder: str, page: str) -> list[Crumb]:
    if not folder:
        return []
    words = folder.split("/")
    paths = ["/".join(words[: index + 1]) for index in range(len(words))]
    inner = [Crumb(word, folder_url(page, path)) for word, path in zip(words, paths, strict=True)]
    return [Crumb(_("All files"), f"{page}#files"), *inner]


def folder_url(page: str, folder: str) -> str:
    """The page of a version with one folder of its files open."""
    return f"{page}?{urlencode({'folder': folder})}#files"


def _row(entry: Entry, page: str) -> File:
    if entry.file is None:
        count = ngettext("%(count)s file", "%(count)s files", entry.file_count)
        return File(
            name=f"{entry.name}/",
            url=folder_url(page, entry.path),
            is_folder=True,
            note=count % {"count": format_count(entry.file_count)},
            size=format_bytes(entry.size_bytes),
            digest="",
            digest_short="",
            download_url="",
        )
    return _file(entry.name, entry.file, page)


def _file(name: str, file: ArtifactFile, page: str) -> File:
    digest = file.blob_id or file.reference_digest or file.reference
    return File(
        name=name,
        url=view_url(page, file.path),
        is_folder=False,
        note="",
        size=format_bytes(file.size_bytes) if file.blob_id or file.size_bytes else "",
        digest=digest,
        digest_short=truncate(digest, 12).removesuffix("…"),
        download_url=file_url(page, file.path) if file.blob_id else "",
    )
