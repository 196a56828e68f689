"""Files as pages show them: those of an artifact version and those that a run keeps, alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, QuerySet, Sum
from django.utils.translation import gettext as _

from apps.artifacts.models import ArtifactFile, Version
from apps.projects.access import Access
from apps.runs.files import files_of
from apps.runs.models import Run, RunFile
from apps.web.addresses import file_url, image_url, place_url, run_url, view_url
from apps.web.present.model import Crumb, crumbs_to_place, crumbs_to_version

Stored = ArtifactFile | RunFile


def reference_of(file: Stored) -> str:
    """The address of a file that is stored elsewhere; empty for one that we hold."""
    return file.reference if isinstance(file, ArtifactFile) and file.blob_id is None else ""


def digest_of(file: Stored) -> str:
    """What the content goes by: our digest, or what the client said of a file stored elsewhere."""
    if isinstance(file, RunFile) or file.blob_id is not None:
        return file.blob_id or ""
    return file.reference_digest


@dataclass(frozen=True)
class Shelf:
    """Files that lie together, and where their pages are.

    `page` is the address that they are below, `query` what it needs to show the panel of files,
    `empty` what that says where there are none, `known` how many files and bytes there are.
    """

    title: str
    page: str
    files: QuerySet[Any]
    scope: str
    crumbs: Sequence[Crumb]
    query: tuple[tuple[str, str], ...] = ()
    is_purged: bool = False
    empty: str = ""
    known: tuple[int, int] | None = None

    def whole(self) -> tuple[int, int]:
        """How many files, and how many bytes; one query where it is not known."""
        if self.known is not None:
            return self.known
        found = self.files.order_by().aggregate(count=Count("pk"), size=Sum("size_bytes"))
        return found["count"], found["size"] or 0

    @property
    def top_url(self) -> str:
        query = urlencode(self.query)
        return f"{self.page}?{query}#files" if query else f"{self.page}#files"

    def folder_url(self, folder: str) -> str:
        """The page with one folder of the files open."""
        if not folder:
            return self.top_url
        return f"{self.page}?{urlencode([*self.query, ('folder', folder)])}#files"

    def view_url(self, path: str) -> str:
        return view_url(self.page, path)

    def image_url(self, path: str) -> str:
        return image_url(self.page, path)

    def download_url(self, file: Stored) -> str:
        """Empty for a file that is stored elsewhere."""
        return file_url(self.page, file.path) if file.blob_id else ""


def shelf_of_version(place: Version) -> Shelf:
    """The files of a version, whatever it is a version of."""
    artifact = place.artifact
    return Shelf(
        title=f"{place.collection.name} v{place.number}",
        page=place_url(place),
        files=artifact.files.select_related("blob"),
        scope=f"artifact {artifact.pk}",
        crumbs=crumbs_to_version(place),
        is_purged=artifact.purged_at is not None,
        empty=_("No files: metadata alone."),
        known=(artifact.file_count, artifact.size_bytes),
    )


def shelf_of_run(run: Run, access: Access) -> Shelf:
    """The files that a run keeps."""
    place, page = run.project, run_url(access.team, run)
    return Shelf(
        title=run.name,
        page=page,
        files=files_of(run),
        scope=f"run {run.pk}",
        crumbs=[*crumbs_to_place(access.team, place), Crumb(run.name, page)],
        query=(("show", "files"),),
        empty=_("Files that the run saves appear here: pictures, tables, models, its code."),
    )
