"""The API key in an Authorization header: how every door for programs knows its caller."""

import base64
import binascii

from apps.accounts.models import ApiKey
from apps.accounts.queries import key_holder
from apps.accounts.services import note_key_use
from apps.core.errors import NotSignedIn

MAX_HEADER = 1_000


def key_in(header: str) -> ApiKey:
    """The live key that the header carries, its use noted. Raises NotSignedIn."""
    key = key_holder(_secret(header))
    note_key_use(key=key)
    return key


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
