"""The addresses of the admin."""

from django.http import HttpRequest, HttpResponseRedirect
from django.urls import path, reverse

from apps.admin.site import bound, site
from apps.projects.access import Action


def to_index(request: HttpRequest) -> HttpResponseRedirect:
    """The address without its last slash, as people type it."""
    return HttpResponseRedirect(reverse("admin:index"))


urlpatterns = [
    path("admin", bound(to_index, Action.CURATE, is_safe=True)),
    path("admin/", site.urls),
]
