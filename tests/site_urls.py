"""Views that misbehave on purpose, for `test_middleware.py` and `test_wsgi.py`."""

import errno
import sqlite3

import psycopg_pool
from django.core.exceptions import PermissionDenied
from django.db.utils import OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from apps.core.errors import NotFound, TooMany
from registry_site.urls import handler400, handler403, handler404, handler500  # noqa: F401

LONG = "many words " * 200


def fine(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"<p>{LONG}</p>")


def content(request: HttpRequest) -> HttpResponse:
    response = HttpResponse(LONG, content_type="application/octet-stream")
    response.headers["Content-Security-Policy"] = "sandbox"
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(iter([b"first\n", b"second\n"]))


def shared(request: HttpRequest) -> HttpResponse:
    return HttpResponse("x", headers={"Cache-Control": "public, max-age=600"})


@csrf_exempt
def write(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"address": request.META["REMOTE_ADDR"], "secure": request.is_secure()})


def guarded(request: HttpRequest) -> HttpResponse:
    return HttpResponse("written")


def locked(request: HttpRequest) -> HttpResponse:
    """A real error of a real lock, as Django wraps it."""
    one = sqlite3.connect("file:locked?mode=memory&cache=shared", uri=True, timeout=0)
    other = sqlite3.connect("file:locked?mode=memory&cache=shared", uri=True, timeout=0)
    try:
        one.execute("CREATE TABLE IF NOT EXISTS t (x)")
        one.execute("BEGIN EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        raise OperationalError(*error.args) from error
    finally:
        one.close()
        other.close()
    raise AssertionError("the second lock was granted")


def no_connection(request: HttpRequest) -> HttpResponse:
    cause = psycopg_pool.PoolTimeout("couldn't get a connection after 10.00 sec")
    raise OperationalError(str(cause)) from cause


def disk_full(request: HttpRequest) -> HttpResponse:
    raise OSError(errno.ENOSPC, "No space left on device")


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("SELECT secret FROM /srv/model-status")


def missing_table(request: HttpRequest) -> HttpResponse:
    try:
        sqlite3.connect(":memory:").execute("SELECT * FROM nowhere")
    except sqlite3.OperationalError as error:
        raise OperationalError(*error.args) from error
    raise AssertionError


def forbidden(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


def not_found(request: HttpRequest) -> HttpResponse:
    raise NotFound("There is no such model.")


def too_many(request: HttpRequest) -> HttpResponse:
    raise TooMany("Slow down.", retry_after=7)


VIEWS = (
    fine,
    content,
    stream,
    shared,
    write,
    guarded,
    locked,
    no_connection,
    disk_full,
    broken,
    missing_table,
    forbidden,
    not_found,
    too_many,
)
urlpatterns = [
    path(f"{prefix}{view.__name__}", view) for view in VIEWS for prefix in ("", "api/v1/")
]
