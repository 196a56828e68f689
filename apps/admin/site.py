"""The admin site: which routes there are, who may take them, and the page that leads to the lists.

Django's own sign-in, password and look-up routes are left out: we have pages for the first two, and
the look-ups (autocomplete, the way from a content type to an object) would answer for rows that
nobody has checked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from itertools import groupby
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.options import IS_POPUP_VAR, TO_FIELD_VAR
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, include, path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from apps.core.errors import Invalid
from apps.projects.access import Action, requires_anywhere

View = Callable[..., Any]


@dataclass(frozen=True)
class Entry:
    """A list that the person may open, on the first page."""

    section: str
    heading: str
    about: str
    url: str
    add_url: str


class CuratorSite(AdminSite):
    """The lists that are registered, for those whom the policy lets in."""

    site_title = site_header = index_title = _("Admin")
    site_url = None
    enable_nav_sidebar = False
    final_catch_all_view = False

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether the route's policy has let the person in; see `bound`."""
        return getattr(request, "role_anywhere", None) is not None

    def get_urls(self) -> list[URLPattern | URLResolver]:
        routes: list[URLPattern | URLResolver] = [
            path("", bound(self.index, Action.CURATE, is_safe=True), name="index"),
            path(
                "jsi18n/",
                bound(self.i18n_javascript, Action.CURATE, is_safe=True),
                name="jsi18n",
            ),
        ]
        for model, desk in self._registry.items():
            place = f"{model._meta.app_label}/{model._meta.model_name}/"
            routes.append(path(place, include(desk.urls)))
        return routes

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Nothing: no page has Django's side bar, and the first page shows `sections`."""
        return []

    def get_log_entries(self, request: HttpRequest) -> Any:
        """Nothing: the audit history is the log of what was done here, as everywhere."""
        return []

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        entries = [
            _entry(desk) for desk in self._registry.values() if desk.has_module_permission(request)
        ]
        sections = [
            (section, list(found)) for section, found in groupby(entries, lambda one: one.section)
        ]
        return super().index(request, {"sections": sections})


def bound(view: View, action: Action, *, is_safe: bool = False) -> View:
    """The view as a route: for those who may do this somewhere, and without Django's pop-ups.

    `is_safe` is for what can only be read.
    """

    @wraps(view)
    def plain(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        asked = {*request.GET, *request.POST} & {IS_POPUP_VAR, TO_FIELD_VAR}
        if asked:
            # They hand rows to another window, or look them up by any field.
            raise Invalid(f"{asked.pop()} is not taken here.")
        return view(request, *args, **kwargs)

    methods = ["GET", "HEAD"] if is_safe else ["GET", "HEAD", "POST"]
    return requires_anywhere(action)(require_http_methods(methods)(plain))


def _entry(desk: Any) -> Entry:
    name = f"admin:{desk.opts.app_label}_{desk.opts.model_name}"
    return Entry(
        section=str(desk.section),
        heading=str(desk.heading),
        about=str(desk.about),
        url=reverse(f"{name}_changelist"),
        add_url=reverse(f"{name}_add") if desk.add is not None else "",
    )


site = CuratorSite()

Words = str | Promise
