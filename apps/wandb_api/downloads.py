"""Downloads by name and by MD5, for a client with a key: where it goes without a signed address.

/files/{entity}/{project}/{run}/{path}: a file of a run. /artifacts/… and /artifactsV2/…: a file of
an artifact by its MD5, in the forms of several SDK versions. An MD5 gives no right to anything: the
file must be named by a sealed artifact of that entity that the caller may see.
"""

import re
from typing import Any

from django.http.response import HttpResponseBase
from django.urls import URLPattern, path

from apps.artifacts.choices import ArtifactState
from apps.artifacts.models import ArtifactFile, ArtifactVersion
from apps.core.errors import Conflict, NotFound
from apps.projects.access import Access, Action, requires
from apps.projects.models import Project
from apps.runs.files import file_at, storable_path
from apps.runs.queries import run_in
from apps.wandb_api.auth import door
from apps.wandb_api.storage import send

# project/collection/artifact/birth/md5
_DEEPEST = 5
_MD5 = re.compile(r"[0-9a-fA-F]{32}")


@requires(Action.READ)
def run_file(request: Any, team: str, project: str, run: str, path: str) -> HttpResponseBase:
    """A file of a run."""
    found = file_at(run_in(request.access.here, run), storable_path(path))
    return send(
        request,
        digest=found.blob_id,
        size=found.size_bytes,
        filename=found.path.rpartition("/")[2],
    )


@requires(Action.READ)
def artifact_file(request: Any, team: str, rest: str, region: str = "") -> HttpResponseBase:
    """A file of an artifact by its MD5, wherever in the rest of the address that stands.

    SDKs up to 0.2x: [region/]entity/[birth/]md5. Newer: region/entity/project/collection/
    [artifact/]birth/md5/filename, where an artifact's id may look like an MD5 too.
    """
    words = rest.split("/")[:_DEEPEST]
    for word in reversed(words):
        found = _file_by_md5(request.access, word) if _MD5.fullmatch(word) else None
        if found is not None and found.blob_id is not None:
            name = found.path.rpartition("/")[2]
            return send(request, digest=found.blob_id, size=found.size_bytes, filename=name)
    raise NotFound("There is no such file here.")


def _file_by_md5(access: Access, md5: str) -> ArtifactFile | None:
    readable = ArtifactVersion.objects.standing().filter(
        state=ArtifactState.SEALED, project__team=access.team
    )
    if access.user is not None:
        readable = readable.filter(project__in=Project.objects.visible_to(access.user).values("pk"))
    files = ArtifactFile.objects.filter(blob__md5=md5.lower(), artifact__in=readable.values("pk"))
    found = list(files.order_by("blob", "pk")[:50])
    if len({one.blob_id for one in found}) > 1:
        # Forged: MD5 can be. Ask for the file by its artifact, whose manifest names one of them.
        raise Conflict("Several files have this MD5; download the artifact instead.")
    return found[0] if found else None


urlpatterns: list[URLPattern] = [
    path(
        "files/<str:team>/<str:project>/<str:run>/<path:path>",
        door(run_file, "GET", "HEAD"),
        name="wandb-run-file",
    ),
    path("artifacts/<str:team>/<path:rest>", door(artifact_file, "GET", "HEAD")),
    path("artifactsV2/<str:region>/<str:team>/<path:rest>", door(artifact_file, "GET", "HEAD")),
]
