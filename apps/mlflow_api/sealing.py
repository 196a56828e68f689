"""A folder of a run's files as an artifact version, which later writes to the run leave alone.

MLflow registers models by address (`runs:/<run>/<folder>`) and reads them there for ever after; we
take the files at that moment.
"""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from apps.artifacts.choices import MODEL
from apps.artifacts.models import Version
from apps.artifacts.services import FileSpec, begin_artifact, ensure_collection, seal_artifact
from apps.core.errors import NotFound
from apps.projects.access import Access
from apps.runs.files import files_below
from apps.runs.models import Run


class EmptyFolder(NotFound):
    """There is nothing in the folder of the run."""


@transaction.atomic
def seal_run_files(
    *,
    run: Run,
    folder: str,
    name: str,
    access: Access,
    metadata: Mapping[str, object] | None = None,
    at: datetime | None = None,
) -> Version:
    """Seal what a folder of the run holds now ("" is all of it), as a version of the project's
    collection `name` of type model, with paths below the folder; or one file, under its own name.

    The same files as in the newest version there give that version. Raises EmptyFolder where
    there is nothing.
    """
    files = _files(run, folder)
    if not files:
        raise EmptyFolder(f"The run {run.key} has no files at {folder!r}; log the model first.")
    artifact = begin_artifact(
        type=MODEL,
        access=access.within(run.project),
        metadata=metadata,
        files=files,
        made_by=run,
        at=at,
    )
    collection = ensure_collection(
        name=name, type=MODEL, access=access.within(run.project), project=run.project, at=at
    )
    return seal_artifact(
        artifact=artifact, collection=collection, access=access.within(run.project), at=at
    )


def _files(run: Run, folder: str) -> list[FileSpec]:
    start = len(folder) + 1 if folder else 0
    inside = files_below(run, folder).values_list("path", "blob_id")
    if found := [FileSpec(path=path[start:], digest=digest) for path, digest in inside]:
        return found
    alone = run.files.filter(path=folder).values_list("path", "blob_id")
    return [FileSpec(path=path.rpartition("/")[2], digest=digest) for path, digest in alone]
