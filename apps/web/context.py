"""What the frame of every page shows: where one can go, the theme, and what just happened."""

from functools import partial
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.projects.access import Access, Action
from apps.web.toasts import toasts

THEME_COOKIE = "model_status_theme"
THEMES = ("light", "dark")

MODELS, PROJECTS = "home", "projects"


def frame(request: HttpRequest) -> dict[str, Any]:
    """Context processor. No queries."""
    theme = request.COOKIES.get(THEME_COOKIE, "")
    context: dict[str, Any] = {"theme": theme if theme in THEMES else "", "nav": []}
    # Asked for by the template that shows them; a fragment that does not leaves them waiting.
    context["toasts"] = partial(toasts, request)
    if request.user.is_authenticated:
        context["admin_url"] = reverse("admin:index") if _may_curate(request) else ""
        context["nav"] = [
            _entry(request, MODELS, _("Models"), _("Registered models, as W&B and MLflow say")),
            _entry(request, PROJECTS, _("Projects"), _("Experiments, as MLflow says")),
        ]
    return context


def _may_curate(request: HttpRequest) -> bool:
    """Whether the way to the admin is shown: where the page is of a place that the reader curates.

    Asking for every other place would be a query on each page.
    """
    access: Access | None = getattr(request, "access", None)
    if access is not None:
        return access.allows(Action.CURATE)
    # Set by the pages of the admin itself.
    return getattr(request, "role_anywhere", None) is not None


def _entry(request: HttpRequest, name: str, label: str, hint: str) -> dict[str, str]:
    """`current` is "page" on the entry's own page and "true" on the pages below it."""
    match = request.resolver_match
    if match is not None and match.url_name == name:
        current = "page"
    else:
        current = "true" if match is not None and _belongs_to(match.route) == name else ""
    return {"label": label, "hint": hint, "url": reverse(name), "current": current}


def _belongs_to(route: str) -> str:
    """The entry that a page is below, by its address."""
    words = route.split("/")
    if "models" in words:
        return MODELS
    if "<name:project>" in words:
        return PROJECTS
    return MODELS if words[0] == "<team:team>" else ""
