"""The files that a run keeps under paths of its own: what is there, putting, deleting.

Files are measurements, as points are: storing them is no event. Nothing is sealed here.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from django.db import transaction
from django.db.models import Count, F, Lookup, QuerySet, Value
from django.utils import timezone

from apps.content.models import Blob
from apps.content.services import hold, store
from apps.core.errors import Invalid, NotFound
from apps.core.folders import below, refuse_clashes
from apps.core.names import clean_path
from apps.core.prepared import Prepared, put
from apps.projects.access import Access, Action
from apps.runs.models import Run, RunFile
from apps.runs.queries import RunInBin

MAX_FILES = 100_000
# What `clean_path` refuses, or refuses in some company, where a client has made the name of a
# metric part of a path.
_AWKWARD = re.compile(r"[\\%?#;\x00-\x1f\x7f]")


class _Like(Lookup):
    """LIKE with the pattern as it is, which Django's own look-ups would escape."""

    lookup_name = "like"

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        path, of_path = self.process_lhs(compiler, connection)
        pattern, of_pattern = self.process_rhs(compiler, connection)
        return f"{path} LIKE {pattern} ESCAPE '\\'", [*of_path, *of_pattern]


@dataclass(frozen=True)
class NewFile:
    """A path and the stored content that belongs there; the run's project holds it already."""

    path: str
    blob: Blob


def files_of(run: Run) -> QuerySet[RunFile]:
    """What the run keeps, by path."""
    return RunFile.objects.filter(run=run).select_related("blob").order_by("path")


def file_at(run: Run, path: str) -> RunFile:
    """One file of the run. Raises NotFound."""
    found = files_of(run).filter(path=path).first()
    if found is None:
        raise NotFound(f"The run {run.key} has no file {path!r}.")
    return found


def storable_path(name: str) -> str:
    """The path under which a file goes that a client names: the characters that a path may not
    always have become `_`. Media are named after their metric
    (`media/images/50% crop_3_f00.png`)."""
    return _AWKWARD.sub("_", name)


def files_like(run: Run, pattern: str) -> QuerySet[RunFile]:
    """The files of a run whose path is like a pattern as SQL has it: `%` any text, `_` any one
    character."""
    return files_of(run).filter(_Like(F("path"), Value(pattern)))


def files_below(run: Run, folder: str) -> QuerySet[RunFile]:
    """What lies in a folder of the run, at any depth; with an empty one, everything."""
    return below(files_of(run), folder)


def referenced_digests(digests: Iterable[str]) -> set[str]:
    """Of these content digests, the ones that some run keeps; for garbage collection."""
    return set(RunFile.objects.filter(blob__in=list(digests)).values_list("blob_id", flat=True))


@transaction.atomic
def put_files(*, run: Run, files: Sequence[NewFile], access: Access) -> None:
    """Keep stored content under paths of the run; what stood there before is replaced.

    Also after the run has ended: clients send their last files late. Raises Invalid, RunInBin.
    """
    access.require(Action.LOG)
    hold(owner_id=run.project_id, digests=[new.blob.pk for new in files])
    _put(run, files)


def store_file(
    *,
    run: Run,
    path: str,
    access: Access,
    stream: BinaryIO | Iterable[bytes],
    max_bytes: int,
    expected_size: int | None = None,
) -> None:
    """Keep what a stream gives under a path of the run, as `put_files` does with what is stored.

    Raises what `content.services.store` raises, Invalid, RunInBin.
    """
    access.require(Action.LOG)
    store(
        owner_id=run.project_id,
        stream=stream,
        max_bytes=max_bytes,
        expected_size=expected_size,
        then=lambda blob: _put(run, [NewFile(path, blob)]),
    )


def _put(run: Run, files: Sequence[NewFile]) -> None:
    if not _STANDING.rows(run.pk):
        raise RunInBin(run.key, run.project)
    now = timezone.now()
    rows = {
        path: RunFile(
            run=run, path=path, blob=new.blob, size_bytes=new.blob.size_bytes, updated_at=now
        )
        for new in files
        for path in [clean_path(new.path, field="path")]
    }
    kept = RunFile.objects.filter(run=run)
    more = sum(count for (count,) in _COUNT.rows(run.pk)) + len(rows) - MAX_FILES
    # Some may only be replaced.
    if more > 0 and kept.filter(path__in=rows).count() < more:
        raise Invalid(f"A run keeps {MAX_FILES} files at most.", field="path")
    refuse_clashes(kept, rows.keys())
    for row in rows.values():
        put(row, by=("run", "path"), changes=("blob", "size_bytes", "updated_at"))


_STANDING: Final = Prepared[Any](lambda run: Run.objects.filter(pk=run).values_list("pk"), int)
_COUNT: Final = Prepared[Any](
    lambda run: RunFile.objects.filter(run=run).values("run").values_list(Count("pk")), int
)


@transaction.atomic
def delete_files(*, run: Run, paths: Sequence[str], access: Access) -> int:
    """Take files out of a run, and whatever lies below a path that is a folder. How many went."""
    access.require(Action.LOG)
    gone = 0
    for path in paths:
        gone += RunFile.objects.filter(run=run, path=path).delete()[0]
        gone += below(RunFile.objects.filter(run=run), path).delete()[0]
    return gone
