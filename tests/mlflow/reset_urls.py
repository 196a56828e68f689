"""The site as it is when the server was started with MODEL_STATUS_TEST_RESET=1."""

from django.urls import path

from apps.mlflow_api.views import testing
from registry_site import urls

handler400, handler403 = urls.handler400, urls.handler403
handler404, handler500 = urls.handler404, urls.handler500

urlpatterns = [path("test/reset", testing.reset), *urls.urlpatterns]
