"""Answering htmx: the part of a page that it asked for, else the whole page.

An address shows the same to everybody: a fragment is a partial of the page's own template, named
as the element that it replaces, and holds nothing that the page would not show.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.cache import patch_vary_headers


def asks_for(request: HttpRequest, element: str) -> bool:
    """Whether htmx wants only the element of this id. Going back in history wants the page."""
    headers = request.headers
    return (
        headers.get("HX-Request") == "true"
        and headers.get("HX-Target") == element
        and headers.get("HX-History-Restore-Request") != "true"
    )


def go_to(request: HttpRequest, address: str, *, dialog: str = "dialog") -> HttpResponse:
    """After a form: to another page, from a dialog as well, which asked for a part of one."""
    if asks_for(request, dialog):
        return HttpResponse(status=204, headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)


def answer(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    *,
    fragment: str = "",
    status: int = 200,
) -> HttpResponse:
    """The page, or its partial `fragment` where htmx asks for that; caches keep the two apart."""
    if fragment and asks_for(request, fragment):
        template = f"{template}#{fragment}"
    response = render(request, template, context, status=status)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response
