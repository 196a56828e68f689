"""Who is asking: an API key in the Authorization header, and nothing else.

Cookies are not looked at, so a browser that is signed in cannot be made to write here.
"""

import base64
import binascii

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from apps.accounts.models import ApiKey
from apps.accounts.queries import key_holder
from apps.accounts.services import note_key_use
from apps.core.errors import NotSignedIn

MAX_HEADER = 1_000


def identify(request: HttpRequest) -> None:
    """Set `request.user` and `request.api_key` from the header. Raises NotSignedIn."""
    request.user = AnonymousUser()
    key = key_holder(_secret(request.headers.get("Authorization", "")))
    note_key_use(key=key)
    request.user = key.user
    request.api_key = key  # type: ignore[attr-defined]


def key_of(request: HttpRequest) -> ApiKey:
    """The key by which the caller is known."""
    found: ApiKey = request.api_key  # type: ignore[attr-defined]
    return found


def _secret(header: str) -> str:
    """The key in `Bearer KEY`, or the password in `Basic user:KEY`, whatever the user."""
    scheme, _, given = header.partition(" ")
    given = given.strip()
    if len(header) > MAX_HEADER or scheme.lower() not in ("bearer", "basic") or not given:
        raise NotSignedIn("Send an API key: Authorization: Bearer KEY.")
    if scheme.lower() == "bearer":
        return given
    try:
        return base64.b64decode(given, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        raise NotSignedIn("The Basic credentials are not base64 of user:KEY.") from None
