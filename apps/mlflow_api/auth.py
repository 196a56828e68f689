"""Who is asking: an API key as the bearer token or as the password, and never a cookie.

`MLFLOW_TRACKING_TOKEN` is sent as Bearer, `MLFLOW_TRACKING_USERNAME` and `_PASSWORD` as Basic.
"""

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from apps.accounts.credentials import key_in
from apps.accounts.models import ApiKey


def identify(request: HttpRequest) -> ApiKey:
    """Set `request.user` and `request.api_key` from the header. Raises NotSignedIn."""
    request.user = AnonymousUser()
    key = key_in(request.headers.get("Authorization", ""))
    request.user = key.user
    request.api_key = key  # type: ignore[attr-defined]
    return key
