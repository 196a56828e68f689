"""Refusals as pages, or as a short message where a script asked for a part of a page.

One table for all: what the domain raises carries its status and its words, and
`registry_site.answers` brings it here. What is hidden and what is missing look the same.
"""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

# Pages of their own; every other status shares one.
OWN_PAGES = frozenset({403, 404, 429})
SAFE_METHODS = frozenset({"GET", "HEAD"})


def refusal(request: HttpRequest, status: int, title: str, message: str) -> HttpResponse:
    """The answer for a person: the way to sign in, a page that says why, or a message in place."""
    if request.headers.get("HX-Request") == "true":
        return _in_place(request, status, message)
    if status == 401:
        return HttpResponseRedirect(_way_in(request))
    template = f"{status}.html" if status in OWN_PAGES else "error.html"
    context = {"status": status, "title": title, "message": message}
    return render(request, template, context, status=status)


def _way_in(request: HttpRequest) -> str:
    """The sign-in page, coming back afterwards to what was asked for, if that was only to see."""
    address = reverse("sign_in")
    if request.method not in SAFE_METHODS or request.path == "/":
        return address
    return f"{address}?{urlencode({'next': request.get_full_path()})}"


def _in_place(request: HttpRequest, status: int, message: str) -> HttpResponse:
    """For htmx: into the region for messages, whatever part was asked for; a whole page never."""
    if status == 401:
        # The browser goes there by itself; the address is ours alone, nothing of the request.
        return HttpResponse(status=status, headers={"HX-Redirect": reverse("sign_in")})
    response = render(request, "components/refusal.html", {"message": message}, status=status)
    response.headers["HX-Retarget"] = "#messages"
    response.headers["HX-Reselect"] = "#messages"
    response.headers["HX-Reswap"] = "outerHTML"
    return response
