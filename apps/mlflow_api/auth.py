"""Who is asking: an API key as the bearer token or as the password, and never a cookie.

`MLFLOW_TRACKING_TOKEN` is sent as Bearer, `MLFLOW_TRACKING_USERNAME` and `_PASSWORD` as Basic.
"""

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from apps.accounts.credentials import key_in
from apps.accounts.models import ApiKey
from apps.core.errors import NotSignedIn


def identify(request: HttpRequest) -> ApiKey:
    """Set `request.user` and `request.api_key` from the header. Raises NotSignedIn."""
    request.user = AnonymousUser()
    header = request.headers.get("Authorization", "")
    if not header:
        raise NotSignedIn(
            "Set MLFLOW_TRACKING_TOKEN to an API key; you make one on your account page."
        )
    key = key_in(header)
    request.user = key.user
    request.api_key = key  # type: ignore[attr-defined]
    return key
