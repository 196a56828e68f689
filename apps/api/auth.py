"""Who is asking: an API key in the Authorization header, and nothing else.

Cookies are not looked at, so a browser that is signed in cannot be made to write here.
"""

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from apps.accounts.credentials import key_in
from apps.accounts.models import ApiKey


def identify(request: HttpRequest) -> None:
    """Set `request.user` and `request.api_key` from the header. Raises NotSignedIn."""
    request.user = AnonymousUser()
    key = key_in(request.headers.get("Authorization", ""))
    request.user = key.user
    request.api_key = key  # type: ignore[attr-defined]


def key_of(request: HttpRequest) -> ApiKey:
    """The key by which the caller is known."""
    found: ApiKey = request.api_key  # type: ignore[attr-defined]
    return found
