"""Addresses that carry their own permission: W&B clients send no key to where bytes are."""

from django.http import HttpRequest, StreamingHttpResponse
from django.urls import URLPattern, path

from apps.accounts.models import User
from apps.artifacts.models import ArtifactFile, ArtifactVersion
from apps.artifacts.queries import files_of
from apps.content.models import Blob
from apps.content.signing import BadLink, sign_download, verify_download
from apps.projects.access import Access, Action, requires
from apps.wandb_api.artifacts import manifest
from apps.wandb_api.artifacts.finding import artifact_with_id
from apps.wandb_api.auth import open_door
from apps.wandb_api.context import Context
from apps.wandb_api.ids import encode
from apps.wandb_api.storage import arrival, download_url, upload_url

MANIFEST_NAME = "wandb_manifest.json"
_PURPOSE = "artifact"
# A link to a manifest names it in the place of a digest.
_MANIFEST = "manifest:"


def upload_address(context: Context, access: Access, *, artifact: ArtifactVersion, md5: str) -> str:
    """Where to put the bytes of this MD5, for the project of `access` alone."""
    return upload_url(context.request, access, purpose=f"{_PURPOSE}:{artifact.pk}", md5=md5)


def download_address(context: Context, file: ArtifactFile) -> str:
    """Where to get the content of a file that has some (a reference is never opened)."""
    name = file.path.rpartition("/")[2]
    return download_url(context.request, digest=file.blob_id or "", filename=name)


def manifest_address(context: Context, artifact: ArtifactVersion) -> str:
    """Where to get an artifact version's manifest."""
    token = sign_download(
        digest=f"{_MANIFEST}{artifact.pk}", filename=MANIFEST_NAME, actor_id=context.user.pk
    )
    return context.absolute(f"/storage/manifests/{token}/{MANIFEST_NAME}")


@arrival(_PURPOSE)
def on_content(rest: str, stored: Blob, access: Access) -> None:
    """Nothing yet: the project holds the bytes, and a manifest will name them by their MD5."""


@requires(Action.PUBLIC)
def send_manifest(request: HttpRequest, token: str) -> StreamingHttpResponse:
    """The manifest that a signed address leads to, made of what is stored."""
    artifact = _behind(token)
    rows = files_of(artifact).iterator(chunk_size=2_000)
    pieces = manifest.written(rows, encode("Artifact", artifact.pk))
    return StreamingHttpResponse(
        pieces,
        content_type="application/json",
        headers={"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"},
    )


def _behind(token: str) -> ArtifactVersion:
    """The artifact version whose manifest a link leads to, if its person may still read it.

    Raises BadLink, NotFound.
    """
    link = verify_download(token)
    reader = User.objects.filter(pk=link.actor_id or -1, is_active=True).first()
    if reader is None or not link.digest.startswith(_MANIFEST):
        raise BadLink("This address is not valid. Ask for a new one.")
    number = int(link.digest.removeprefix(_MANIFEST))
    return artifact_with_id(reader, encode("Artifact", number))


urlpatterns: list[URLPattern] = [
    path(
        f"storage/manifests/<str:token>/{MANIFEST_NAME}",
        open_door(send_manifest, "GET", "HEAD"),
        name="wandb-manifest",
    ),
]
