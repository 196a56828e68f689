"""Rows with a `path` read as folders: what lies below one, what lies in it, what would clash.

No folder is stored: a flat list of paths is all that a manifest or a run keeps. The database groups
it by the next word of the path.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import (
    Case,
    Count,
    F,
    IntegerField,
    Min,
    Model,
    QuerySet,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Left, StrIndex, Substr

from apps.core.errors import Invalid, NotFound
from apps.core.paging import Key, Page, paginate

PAGE_SIZE = 100
_FOLDERS_FIRST = (Key("is_file", "integer"), Key("entry", "text"))
_BY_PATH = (Key("path", "text"),)

M = TypeVar("M", bound=Model)
_BATCH = 500
_FEW = 8


@dataclass(frozen=True)
class Entry(Generic[M]):
    """A file, or (`file` is None) a folder with what lies anywhere below it."""

    name: str
    path: str
    size_bytes: int
    file_count: int
    file: M | None


def folder_page(files: QuerySet[M], folder: str, *, scope: str, cursor: str = "") -> Page[Entry[M]]:
    """A page of a folder ("" is the top): folders first, then files, by name. Two queries.

    `scope` names whose files they are. Raises NotFound when no path lies in the folder, Invalid for
    a cursor of another one.
    """
    prefix = f"{folder}/" if folder else ""
    page: Page[Any] = paginate(
        entries(files.order_by(), folder),
        _FOLDERS_FIRST,
        cursor=cursor,
        size=PAGE_SIZE,
        scope=f"{scope}\n{folder}",
    )
    if folder and not page.rows:
        raise NotFound(f"There is no folder {folder!r} here.")
    found = files.in_bulk([row["first"] for row in page.rows if row["is_file"]])
    return page.with_rows(
        Entry(
            name=row["entry"],
            path=prefix + row["entry"],
            size_bytes=int(row["total"]),
            file_count=row["count"],
            file=found[row["first"]] if row["is_file"] else None,
        )
        for row in page.rows
    )


def files_like(
    files: QuerySet[Any], words: str, *, scope: str, cursor: str = ""
) -> Page[Entry[Any]]:
    """A page of the files whose path contains the words, whatever their letter case, by path."""
    page: Page[Any] = paginate(
        files.filter(path__icontains=words),
        _BY_PATH,
        cursor=cursor,
        size=PAGE_SIZE,
        scope=f"{scope}\nlike {words}",
    )
    return page.with_rows(
        Entry(name=row.path, path=row.path, size_bytes=row.size_bytes, file_count=1, file=row)
        for row in page.rows
    )


def below(files: QuerySet[M], folder: str) -> QuerySet[M]:
    """Of these rows, those in a folder at any depth; all of them for the top, ""."""
    if not folder:
        return files
    prefix = f"{folder}/"
    # Not startswith, which takes no notice of letter case in SQLite.
    inside: QuerySet[Any] = files.alias(start=Left("path", len(prefix))).filter(start=prefix)
    return inside


def entries(files: QuerySet[Any], folder: str) -> QuerySet[Any, Any]:
    """What lies directly in a folder, as dicts: `entry` (its name), `is_file` (1, or 0 for a
    folder), and of what lies below it `count`, `total` (bytes), `first` (a primary key).
    """
    prefix = f"{folder}/" if folder else ""
    named = (
        below(files, folder)
        .annotate(rest=Substr("path", len(prefix) + 1))
        .annotate(slash=StrIndex(F("rest"), Value("/")))
    )
    return (
        named.annotate(
            is_file=Case(When(slash=0, then=1), default=0, output_field=IntegerField()),
            entry=Case(When(slash=0, then=F("rest")), default=Left("rest", F("slash") - 1)),
        )
        .values("is_file", "entry")
        .annotate(count=Count("pk"), total=Sum("size_bytes"), first=Min("pk"))
    )


def refuse_clashes(files: QuerySet[Any], paths: Collection[str], *, field: str = "path") -> None:
    """Refuse paths that would make one of them, or of `files`, both a file and a folder.

    Raises Invalid. What could not be downloaded to a disk is not taken.
    """
    above = {folder for path in paths for folder in _folders_of(path)}
    clash = next((path for path in paths if path in above), None)
    clash = clash or _first_of(files, above) or _first_folder(files, set(paths))
    if clash is not None:
        raise Invalid(f"A path cannot be a file and a folder: see {clash!r}.", field=field)


def _first_of(files: QuerySet[Any], paths: Collection[str]) -> str | None:
    """One of these paths that is a file."""
    ordered = sorted(paths)
    for start in range(0, len(ordered), _BATCH):
        found = files.filter(path__in=ordered[start : start + _BATCH]).values_list(
            "path", flat=True
        )
        if clash := found.first():
            return str(clash)
    return None


def _first_folder(files: QuerySet[Any], paths: set[str]) -> str | None:
    """One of these paths that is a folder. Reads every path rather than ask many questions."""
    if len(paths) <= _FEW:
        return next((path for path in sorted(paths) if below(files, path).exists()), None)
    for path in files.values_list("path", flat=True).iterator():
        if clash := paths.intersection(_folders_of(path)):
            return clash.pop()
    return None


def _folders_of(path: str) -> list[str]:
    words = path.split("/")
    return ["/".join(words[:end]) for end in range(1, len(words))]
