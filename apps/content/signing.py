"""Short-lived addresses that carry their own permission.

W&B clients send no key to the addresses we hand out for bytes, so the address itself says what it
is good for. It is signed with the installation's secret, good for one thing, and expires. Whoever
checks one may still ask whether the person behind it (`actor_id`) is allowed to by now.
"""

import time
from dataclasses import asdict, dataclass
from typing import Any

from django.core import signing

from apps.core.errors import Forbidden

DOWNLOAD_SECONDS = 3600
# A large artifact is announced file by file before its first byte is sent.
UPLOAD_SECONDS = 24 * 3600
_DOWNLOAD_SALT = "content.download"
_UPLOAD_SALT = "content.upload"


class BadLink(Forbidden):
    """A signed address was changed, is for something else, or has expired."""


@dataclass(frozen=True)
class DownloadLink:
    """Leave to read some content under a file name."""

    digest: str
    filename: str
    actor_id: int | None = None


@dataclass(frozen=True)
class UploadLink:
    """Leave to store content for an owner. What is given here is what must arrive.

    `purpose` is for the door that hands out the address: what to do with the content then.
    """

    owner_id: int
    digest: str | None = None
    md5: str | None = None
    size_bytes: int | None = None
    purpose: str = ""
    actor_id: int | None = None


def sign_download(
    *,
    digest: str,
    filename: str,
    actor_id: int | None = None,
    expires_in: float = DOWNLOAD_SECONDS,
) -> str:
    """A token for the address of a download."""
    return _sign(DownloadLink(digest, filename, actor_id), _DOWNLOAD_SALT, expires_in)


def sign_upload(
    *,
    owner_id: int,
    digest: str | None = None,
    md5: str | None = None,
    size_bytes: int | None = None,
    purpose: str = "",
    actor_id: int | None = None,
    expires_in: float = UPLOAD_SECONDS,
) -> str:
    """A token for the address of an upload."""
    link = UploadLink(owner_id, digest, md5, size_bytes, purpose, actor_id)
    return _sign(link, _UPLOAD_SALT, expires_in)


def verify_download(token: str) -> DownloadLink:
    """What a token allows to read. Raises BadLink."""
    return DownloadLink(**_verify(token, _DOWNLOAD_SALT))


def verify_upload(token: str) -> UploadLink:
    """What a token allows to store. Raises BadLink."""
    return UploadLink(**_verify(token, _UPLOAD_SALT))


def _sign(link: DownloadLink | UploadLink, salt: str, expires_in: float) -> str:
    return signing.dumps({**asdict(link), "until": time.time() + expires_in}, salt=salt)


def _verify(token: str, salt: str) -> dict[str, Any]:
    try:
        content: dict[str, Any] = signing.loads(token, salt=salt)
    except signing.BadSignature:
        raise BadLink("This address is not valid. Ask for a new one.") from None
    if content.pop("until") < time.time():
        raise BadLink("This address has expired. Ask for a new one.")
    return content
