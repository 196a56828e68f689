"""The foot of a list: what is shown of how much, and the addresses of its neighbours."""

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from apps.core.numbers import format_count
from apps.core.paging import Page


def pager(request: HttpRequest, page: Page[Any], *, target: str) -> dict[str, str]:
    """The context of components/pagination.html. The rest of the query stays as it is."""
    return {
        "text": _text(page),
        "previous_url": _address(request, page.previous),
        "next_url": _address(request, page.next),
        "target": target,
    }


def _text(page: Page[Any]) -> str:
    if not page.rows:
        return _("Nothing here")
    span = {"first": format_count(page.first), "last": format_count(page.last)}
    total = page.total if page.next is not None else page.last
    if total is None:
        return _("%(first)s–%(last)s") % span
    return _("%(first)s–%(last)s of %(total)s") % {**span, "total": format_count(total)}


def _address(request: HttpRequest, cursor: str | None) -> str:
    if cursor is None:
        return ""
    query = request.GET.copy()
    query["cursor"] = cursor
    return f"{request.path}?{query.urlencode()}"
