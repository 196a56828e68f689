"""What the frame of every page shows: where one can go, and the theme."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

THEME_COOKIE = "model_status_theme"
THEMES = ("light", "dark")

# The entry of the bar that a page belongs to, by the name of its route; others belong to none.
MODELS, PROJECTS = "home", "projects"
BELONGS_TO = {
    "home": MODELS,
    "team": MODELS,
    "models": MODELS,
    **{
        f"{place}{page}": MODELS
        for place in ("", "project_")
        for page in (
            *("model", "columns", "history", "compare"),
            *("version", "promote", "rollback", "remove_label"),
        )
    },
    "projects": PROJECTS,
    "project": PROJECTS,
    "run": PROJECTS,
    "artifact": PROJECTS,
}


def frame(request: HttpRequest) -> dict[str, Any]:
    """Context processor. No queries."""
    theme = request.COOKIES.get(THEME_COOKIE, "")
    match = request.resolver_match
    here = match.url_name if match else None
    context: dict[str, Any] = {"theme": theme if theme in THEMES else "", "nav": []}
    if request.user.is_authenticated:
        context["nav"] = [
            _entry(MODELS, _("Models"), here),
            _entry(PROJECTS, _("Projects"), here),
        ]
    return context


def _entry(name: str, label: str, here: str | None) -> dict[str, str]:
    """`current` is "page" on the entry's own page and "true" on the pages below it."""
    below = "true" if here is not None and BELONGS_TO.get(here) == name else ""
    return {"label": label, "url": reverse(name), "current": "page" if here == name else below}
