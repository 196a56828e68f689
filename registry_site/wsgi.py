"""The WSGI application, for any server; `manage.py serve` runs it under granian."""

import os
from collections.abc import Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry_site.settings")

site = get_wsgi_application()


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """The site, which hands a whole answer over as a whole.

    granian sends a list together with its headers, in one piece, and anything else after them. A
    server that was killed in between left the W&B client with headers and no body, which is the
    one break of a connection after which it does not try again.
    """
    response = site(environ, start_response)
    if not isinstance(response, HttpResponse):
        return response
    body = [response.content]
    response.close()
    return body
