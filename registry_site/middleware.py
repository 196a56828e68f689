"""What happens to every request and every answer, whichever door it goes through.

Function by function in the order of `settings.MIDDLEWARE`. Nothing here knows a product noun.
"""

import ipaddress
import logging
import re
import secrets
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.middleware.gzip import GZipMiddleware
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _

from apps.core.errors import DomainError
from apps.core.faults import refusal_for
from registry_site.answers import dialect_of, refuse
from registry_site.logs import strike_out
from registry_site.metrics import REQUEST_SECONDS

GetResponse = Callable[[HttpRequest], HttpResponseBase]

access_log = logging.getLogger("access")

KNOWN_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
PROBES = frozenset({"/healthz", "/readyz"})
FORWARDED = (
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_SERVER",
    "HTTP_X_FORWARDED_PREFIX",
    "HTTP_X_REAL_IP",
    "HTTP_X_SCRIPT_NAME",
    "HTTP_X_ORIGINAL_URL",
    "HTTP_X_REWRITE_URL",
)
# As much as a cookie or an address with a long query needs, each in one header.
MAX_HEADER = 16 * 1024
REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer",
        "camera",
        "display-capture",
        "geolocation",
        "gyroscope",
        "magnetometer",
        "microphone",
        "midi",
        "payment",
        "usb",
        "browsing-topics",
    )
)


def trusted_proxies(get_response: GetResponse) -> GetResponse:
    """Believe forwarded headers from the listed proxies; from anybody else they are removed."""

    def handle(request: HttpRequest) -> HttpResponseBase:
        if not _is_trusted(request.META.get("REMOTE_ADDR", "")):
            for name in FORWARDED:
                request.META.pop(name, None)
            return get_response(request)
        request.META["REMOTE_ADDR"] = _client_address(request)
        return get_response(request)

    return handle


def request_log(get_response: GetResponse) -> GetResponse:
    """Give the request an id, and write one line about how it went."""

    def handle(request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        request.request_id = _request_id(request)  # type: ignore[attr-defined]
        response = get_response(request)
        response.headers["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
        seconds = time.perf_counter() - started
        match = request.resolver_match
        REQUEST_SECONDS.labels(
            method=request.method if request.method in KNOWN_METHODS else "other",
            route=match.route if match else "",
            status=str(response.status_code),
        ).observe(seconds)
        access_log.info(
            "request",
            extra={
                "request_id": request.request_id,  # type: ignore[attr-defined]
                "method": (request.method or "")[:20],
                "path": strike_out(request.get_full_path())[:2000],
                "status": response.status_code,
                "ms": round(seconds * 1000, 1),
                "address": request.META.get("REMOTE_ADDR", ""),
                "agent": request.META.get("HTTP_USER_AGENT", "")[:200],
            },
        )
        return response

    return handle


def security_headers(get_response: GetResponse) -> GetResponse:
    """The same strict headers on every answer. A view that serves content may set its own CSP."""
    policy = "; ".join(
        f"{directive} {' '.join(sources)}" for directive, sources in settings.SECURE_CSP.items()
    )
    fixed = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": settings.SECURE_REFERRER_POLICY,
        "Permissions-Policy": PERMISSIONS_POLICY,
        "Cross-Origin-Opener-Policy": settings.SECURE_CROSS_ORIGIN_OPENER_POLICY,
        "Cross-Origin-Resource-Policy": "same-origin",
    }

    def handle(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        for name, value in fixed.items():
            response.headers.setdefault(name, value)
        return response

    return handle


def known_host(get_response: GetResponse) -> GetResponse:
    """400 for a name that is not ours, without an error in the log: scanners do it all day."""

    def handle(request: HttpRequest) -> HttpResponseBase:
        if request.path_info in PROBES:
            # They answer a constant, and load balancers ask by address.
            request.META["HTTP_HOST"] = urlsplit(settings.BASE_URL).netloc
            return get_response(request)
        try:
            request.get_host()
        except DisallowedHost:
            message = _("This server is not known by that name; see MODEL_STATUS_ALLOWED_HOSTS.")
            return dialect_of(request)(request, 400, "unknown_host", message)
        return get_response(request)

    return handle


def short_headers(get_response: GetResponse) -> GetResponse:
    """431 for a header longer than any honest client's: some take long to read, as Accept does."""

    def handle(request: HttpRequest) -> HttpResponseBase:
        headers = (value for name, value in request.META.items() if name.startswith("HTTP_"))
        if any(len(value) > MAX_HEADER for value in headers):
            message = _("A header is too long; %(limit)d bytes at most.") % {"limit": MAX_HEADER}
            # Whichever it is, the answer must not read it again.
            return HttpResponse(message, status=431, content_type="text/plain; charset=utf-8")
        return get_response(request)

    return handle


def known_methods(get_response: GetResponse) -> GetResponse:
    """405 for TRACE, CONNECT and made-up methods, before any view sees them."""

    def handle(request: HttpRequest) -> HttpResponseBase:
        if request.method not in KNOWN_METHODS:
            return HttpResponseNotAllowed(KNOWN_METHODS)
        return get_response(request)

    return handle


class CompressText(GZipMiddleware):
    """Compress what we render. Content goes out as stored: ranges and digests count its bytes."""

    TYPES = ("text/html", "text/csv", "application/json", "application/problem+json", "image/svg")

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        is_text = response.headers.get("Content-Type", "").startswith(self.TYPES)
        # A page that is sent while it is made must not wait in the compressor.
        if response.streaming or not is_text or response.status_code == 206:
            return response
        return super().process_response(request, response)


def private_answers(get_response: GetResponse) -> GetResponse:
    """Nothing that a view made may be kept by a shared cache, nor, unless it says so, by any."""

    def handle(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        said = response.headers.get("Cache-Control", "")
        if "private" not in said and "no-store" not in said:
            response.headers["Cache-Control"] = "private, no-store"
        patch_vary_headers(response, ("Cookie", "Authorization"))
        return response

    return handle


def same_site_writes(get_response: GetResponse) -> GetResponse:
    """Refuse a change that another site's page makes with this browser's session.

    Beside Django's token, not instead of it: the token can leak, these headers cannot be forged
    by a page. A client with a key and no cookie is not concerned.
    """

    def handle(request: HttpRequest) -> HttpResponseBase:
        if request.method in SAFE_METHODS or not _has_cookie(request) or _is_same_site(request):
            return get_response(request)
        message = _("The request came from another site and was refused.")
        return dialect_of(request)(request, 403, "cross_site", message)

    return handle


class Refusals:
    """A refusal, or a fault that passes by itself, that reached no door gets its true answer."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        refusal = error if isinstance(error, DomainError) else refusal_for(error)
        return None if refusal is None else refuse(request, refusal)


def _request_id(request: HttpRequest) -> str:
    """The id that a trusted proxy gave, else one of ours."""
    given = request.META.get("HTTP_X_REQUEST_ID", "")
    return given if REQUEST_ID.fullmatch(given) else secrets.token_hex(16)


def _is_trusted(address: str) -> bool:
    if not settings.TRUSTED_PROXIES:
        return False
    try:
        peer = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(peer in network for network in settings.TRUSTED_PROXIES)


def _client_address(request: HttpRequest) -> str:
    """The last address in the chain that is not one of our proxies; those before are hearsay."""
    peer = request.META.get("REMOTE_ADDR", "")
    chain = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    for address in reversed([part for part in chain if part]):
        try:
            ipaddress.ip_address(address)
        except ValueError:
            return peer
        if not _is_trusted(address):
            return address
        peer = address
    return peer


def _has_cookie(request: HttpRequest) -> bool:
    return (
        settings.SESSION_COOKIE_NAME in request.COOKIES
        or settings.CSRF_COOKIE_NAME in request.COOKIES
    )


def _is_same_site(request: HttpRequest) -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site not in {"same-origin", "none"}:
        return False
    origin = request.headers.get("Origin")
    own = f"{request.scheme}://{request.get_host()}"
    return origin is None or origin in {own, settings.BASE_URL}
