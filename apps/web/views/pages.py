"""Small answers that belong to no other page."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from apps.projects.access import Action, requires
from apps.web.context import THEME_COOKIE, THEMES
from apps.web.redirects import next_address
from apps.web.words import WORDS

YEAR = 365 * 24 * 3600


@requires(Action.PUBLIC)
@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the chosen theme in this browser; anything but light or dark follows the system."""
    response = HttpResponseRedirect(next_address(request))
    chosen = request.POST.get("theme")
    if chosen not in THEMES:
        response.delete_cookie(THEME_COOKIE, samesite="Lax")
        return response
    response.set_cookie(
        THEME_COOKIE,
        chosen,
        max_age=YEAR,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


@requires(Action.PUBLIC)
@require_safe
def words(request: HttpRequest) -> HttpResponse:
    """What things are called here and by the clients."""
    return render(request, "home/words.html", {"words": WORDS})
