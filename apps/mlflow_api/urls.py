"""The addresses that the unmodified `mlflow` client asks."""

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
