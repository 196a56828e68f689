"""The files of a manifest as folders, read a page at a time.

A manifest is a flat list of paths, up to 100,000 of them. The database groups those below a folder
by the next word of their path, so a page costs two queries and holds what it shows.
"""

from dataclasses import dataclass
from typing import Any

from apps.artifacts.models import ArtifactFile, ArtifactVersion
from apps.core.errors import NotFound
from apps.core.folders import entries
from apps.core.paging import Key, Page, paginate

PAGE_SIZE = 100
_ORDER = (Key("is_file", "integer"), Key("entry", "text"))
_BY_PATH = (Key("path", "text"),)


@dataclass(frozen=True)
class Entry:
    """A file, or (`file` is None) a folder with what lies anywhere below it."""

    name: str
    path: str
    size_bytes: int
    file_count: int
    file: ArtifactFile | None


def folder_page(artifact: ArtifactVersion, folder: str, *, cursor: str = "") -> Page[Entry]:
    """A page of a folder ("" is the top): folders first, then files, by name.

    Raises NotFound when no path lies in the folder, Invalid for a cursor of another one.
    """
    prefix = f"{folder}/" if folder else ""
    page: Page[Any] = paginate(
        entries(artifact.files.all(), folder),
        _ORDER,
        cursor=cursor,
        size=PAGE_SIZE,
        scope=f"{artifact.pk}\n{folder}",
    )
    if folder and not page.rows:
        raise NotFound(f"There is no folder {folder!r} in this artifact.")
    files = ArtifactFile.objects.select_related("blob").in_bulk(
        [row["first"] for row in page.rows if row["is_file"]]
    )
    return page.with_rows(
        Entry(
            name=row["entry"],
            path=prefix + row["entry"],
            size_bytes=int(row["total"]),
            file_count=row["count"],
            file=files[row["first"]] if row["is_file"] else None,
        )
        for row in page.rows
    )


def files_like(artifact: ArtifactVersion, words: str, *, cursor: str = "") -> Page[Entry]:
    """A page of the files whose path contains the words, whatever their letter case, by path."""
    found = artifact.files.filter(path__icontains=words).select_related("blob")
    page: Page[Any] = paginate(
        found, _BY_PATH, cursor=cursor, size=PAGE_SIZE, scope=f"{artifact.pk}\nlike {words}"
    )
    return page.with_rows(
        Entry(name=row.path, path=row.path, size_bytes=row.size_bytes, file_count=1, file=row)
        for row in page.rows
    )
