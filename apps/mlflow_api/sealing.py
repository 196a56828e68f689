"""A folder of a run's files as an artifact version, which later writes to the run leave alone.

MLflow registers models by address (`runs:/<run>/<folder>`) and reads them there for ever after; we
take the files at that moment.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Left

from apps.artifacts.choices import MODEL
from apps.artifacts.models import Version
from apps.artifacts.services import FileSpec, ensure_collection, seal_at_once
from apps.core.errors import NotFound
from apps.core.prepared import Prepared
from apps.projects.access import Access
from apps.runs.models import Run, RunFile


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
    inside = access.within(run.project)
    collection = ensure_collection(name=name, type=MODEL, access=inside, project=run.project, at=at)
    return seal_at_once(
        type=MODEL,
        collection=collection,
        access=inside,
        metadata=metadata,
        files=files,
        made_by=run,
        at=at,
    )


def _files(run: Run, folder: str) -> list[FileSpec]:
    """What lies in the folder, with paths below it, or else the one file of that path."""
    start = len(folder) + 1 if folder else 0
    if folder:
        found = dict(_IN_FOLDER.rows(run.pk, start, f"{folder}/", folder))
    else:
        found = dict(run.files.order_by("path").values_list("path", "blob_id"))
    if alone := found.pop(folder, None):
        return [FileSpec(path=folder.rpartition("/")[2], digest=alone)]
    return [FileSpec(path=path[start:], digest=digest) for path, digest in found.items()]


_IN_FOLDER: Final = Prepared[Any](
    lambda run, length, below, alone: (
        RunFile.objects.alias(start=Left("path", length))
        .filter(Q(start=below) | Q(path=alone), run=run)
        .order_by("path")
        .values_list("path", "blob")
    ),
    *(int, int, str, str),
)
