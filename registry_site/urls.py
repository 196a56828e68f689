"""The addresses of the site: each door brings its own."""

from django.urls import URLPattern, URLResolver, include, path

from registry_site import health

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path("", include("apps.api.urls")),
    path("", include("apps.admin.urls")),
    path("", include("apps.mlflow_api.urls")),
    path("", include("apps.wandb_api.urls")),
    # Last: a team's name may be any word that is not one of ours.
    path("", include("apps.web.urls")),
]

handler400 = "registry_site.answers.bad_request"
handler403 = "registry_site.answers.permission_denied"
handler404 = "registry_site.answers.page_not_found"
handler500 = "registry_site.answers.server_error"
