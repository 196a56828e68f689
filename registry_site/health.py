"""For machines that watch us: alive, ready, and figures.

`/healthz` and `/readyz` answer a constant to anyone. `/metrics` shows routes and their load, so it
needs MODEL_STATUS_METRICS_TOKEN as a bearer token and does not exist while none is set.
"""

import secrets

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from apps.content.backends import backend
from apps.core.errors import DomainError
from apps.projects.access import Action, requires


@requires(Action.PUBLIC)
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@requires(Action.PUBLIC)
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """The database has the tables of this version, and the content store answers."""
    try:
        is_ready = _has_tables() and _has_content_store()
    except (DomainError, DatabaseError):
        is_ready = False
    if not is_ready:
        return HttpResponse("not ready\n", content_type="text/plain", status=503)
    return HttpResponse("ready\n", content_type="text/plain")


@requires(Action.PUBLIC)
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The policy calls it public because it looks at the token itself."""
    expected = f"Bearer {settings.METRICS_TOKEN}"
    given = request.headers.get("Authorization", "")
    if not settings.METRICS_TOKEN:
        raise Http404
    if not secrets.compare_digest(given.encode(), expected.encode()):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


_is_migrated = False


def _has_tables() -> bool:
    """Looks at every migration file once; after that one small query tells a lost database."""
    global _is_migrated
    if _is_migrated:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return True
    executor = MigrationExecutor(connection)
    _is_migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _is_migrated


def _has_content_store() -> bool:
    """Asking for what cannot be there: a store that does not answer raises ContentUnavailable."""
    backend().size("0" * 64)
    return True
