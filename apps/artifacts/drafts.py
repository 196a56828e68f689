"""Changing the manifest of an artifact version before it is sealed: clients that send file by file
write some of them again, and take some away."""

from collections.abc import Sequence

from django.db import transaction

from apps.artifacts.models import ArtifactFile, ArtifactVersion
from apps.artifacts.services import MAX_FILES, FileSpec, add_files, lock_pending
from apps.core.errors import Invalid
from apps.core.folders import below, refuse_clashes
from apps.projects.access import Access, Action


@transaction.atomic
def put_draft_files(
    *, artifact: ArtifactVersion, files: Sequence[FileSpec], access: Access
) -> None:
    """Name files in an unsealed manifest; what stood at their paths before is replaced.

    Raises ArtifactSealed, ContentMissing, Invalid.
    """
    access.require(Action.LOG)
    lock_pending(artifact)
    standing = ArtifactFile.objects.filter(artifact=artifact)
    standing.filter(path__in=[spec.path for spec in files]).delete()
    if standing.count() + len(files) > MAX_FILES:
        raise Invalid(f"An artifact may have {MAX_FILES} files at most.", field="files")
    refuse_clashes(standing, [spec.path for spec in files])
    add_files(artifact=artifact, files=files, access=access)


@transaction.atomic
def delete_draft_files(*, artifact: ArtifactVersion, paths: Sequence[str], access: Access) -> int:
    """Take files out of an unsealed manifest, and whatever lies below a path that is a folder.

    How many went. Raises ArtifactSealed.
    """
    access.require(Action.LOG)
    lock_pending(artifact)
    standing = ArtifactFile.objects.filter(artifact=artifact)
    gone = 0
    for path in paths:
        gone += standing.filter(path=path).delete()[0]
        gone += below(standing, path).delete()[0] if path else standing.delete()[0]
    return gone
