"""The files of a run: reading, announcing uploads, deleting."""

import base64
import mimetypes
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from django.db.models import Count

from apps.content.models import Blob
from apps.core.errors import Invalid, NotFound
from apps.core.limits import MAX_BATCH_FILES
from apps.core.paging import Key
from apps.core.times import to_text
from apps.projects.access import Access, Action
from apps.runs.files import NewFile, files_like, files_of, put_files, storable_path
from apps.runs.files import delete_files as remove
from apps.runs.models import Run, RunFile
from apps.runs.queries import run_in, visible_runs
from apps.wandb_api import ids, places
from apps.wandb_api.connections import Connection, connect
from apps.wandb_api.context import Context
from apps.wandb_api.schema import Node, field, field_of, mutation
from apps.wandb_api.storage import arrival, download_url, upload_url
from apps.wandb_api.types.runs import RunNode

_BY_PATH = (Key("path", "text"),)
_PURPOSE = "run-file"
MAX_PATTERN = 500


class RunFileNode(Node):
    """One file of a run."""

    NAME = "File"
    row: RunFile

    @field
    def id(self) -> str:
        return ids.encode("RunFile", self.row.pk)

    @field
    def name(self) -> str:
        return self.row.path

    @field
    def display_name(self) -> str:
        return self.row.path

    @field
    def url(self, *, upload: bool | None = None) -> str:
        run = self.row.run
        if upload:
            access = self.context.access(run.project.team.name, run.project.name)
            access.require(Action.LOG)
            return _upload_url(self.context, access, run, self.row.path)
        words = (run.project.team.name, run.project.name, run.key)
        place = "/".join(quote(word, safe="") for word in words)
        return self.context.absolute(f"/files/{place}/{quote(self.row.path)}")

    @field
    def direct_url(self) -> str:
        name = self.row.path.rpartition("/")[2]
        return download_url(self.context.request, digest=self.row.blob_id, filename=name)

    @field
    def size_bytes(self) -> int:
        return self.row.size_bytes

    @field
    def mimetype(self) -> str | None:
        return mimetypes.guess_type(self.row.path)[0]

    @field
    def updated_at(self) -> str:
        return to_text(self.row.updated_at)

    @field
    def md5(self) -> str:
        return base64.b64encode(bytes.fromhex(self.row.blob.md5)).decode()


@field_of("Run")
def files(
    node: RunNode,
    *,
    names: list[str] | None = None,
    after: str | None = None,
    first: int | None = None,
    pattern: str | None = None,
) -> Connection:
    found = files_of(node.row)
    if names:
        # A file is asked for as it was saved: `run.save("./x")`, `run.file("./x")`.
        paths = [storable_path(name.removeprefix("./")) for name in names[:MAX_BATCH_FILES]]
        found = found.filter(path__in=paths)
    elif pattern:
        if len(pattern) > MAX_PATTERN or pattern.endswith("\\"):
            raise Invalid("This is no pattern as LIKE has it.", field="pattern")
        found = files_like(node.row, pattern)
    # Each file's address names its run, which is at hand.
    page = connect(node.context, RunFileNode, found, first=first, after=after, keys=_BY_PATH)
    for one in page.items:
        one.row.run = node.row
    return page


@field_of("Run")
def file_count(node: RunNode) -> int:
    return int(node.together(_file_counts, 0))


def _file_counts(runs: Sequence[Run]) -> Mapping[int, int]:
    counted = RunFile.objects.filter(run__in=runs).values_list("run").annotate(n=Count("pk"))
    return dict(counted.order_by())


@mutation
def create_run_files(
    context: Context,
    *,
    files: list[str],
    entity_name: str | None = None,
    project_name: str | None = None,
    run_name: str,
) -> dict[str, Any]:
    """An address to send each file to: as many as were asked for, or the client drops them all.

    One whose name cannot be a path is refused when it comes, and keeps back none of the others.
    """
    if len(files) > MAX_BATCH_FILES:
        raise Invalid(f"{MAX_BATCH_FILES} files at once at most.", field="files")
    access = places.project_access(context, entity_name, project_name)
    access.require(Action.LOG)
    run = run_in(access.here, run_name)
    return {
        "runID": ids.encode("Run", run.pk),
        "uploadHeaders": [],
        "files": [
            {"name": name, "uploadUrl": _upload_url(context, access, run, storable_path(name))}
            for name in files
        ],
    }


@mutation
def mark_run_files_uploaded(
    context: Context,
    *,
    entity_name: str | None = None,
    project_name: str | None = None,
    run_name: str | None = None,
    files: list[str] | None = None,
) -> dict[str, Any]:
    """A file is there as soon as its PUT is answered: nothing is left to mark."""
    return {"success": True}


@mutation
def delete_files(
    context: Context, *, files: list[str], project_id: int | None = None
) -> dict[str, Any]:
    """Take files out of their runs; one that is not there, or not the caller's to see, is left."""
    numbers = [ids.decode("RunFile", one) for one in files[:MAX_BATCH_FILES]]
    found = RunFile.objects.filter(pk__in=[number for number in numbers if number is not None])
    visible = visible_runs(context.user, found.values_list("run", flat=True))
    for run in visible.select_related("project__team"):
        access = context.access(run.project.team.name, run.project.name)
        paths = list(found.filter(run=run).values_list("path", flat=True))
        remove(run=run, paths=paths, access=access)
    return {"success": True}


@arrival(_PURPOSE)
def keep_run_file(what: str, stored: Blob, access: Access) -> None:
    """Put a file that arrived where it was announced for."""
    number, _, path = what.partition(":")
    run = visible_runs(access.user, [int(number)]).filter(project=access.here).first()
    if run is None:
        raise NotFound("The run of this file is not there any more.")
    put_files(run=run, files=[NewFile(path, stored)], access=access)


def _upload_url(context: Context, access: Access, run: Run, path: str) -> str:
    return upload_url(context.request, access, purpose=f"{_PURPOSE}:{run.pk}:{path}")
