"""The addresses that the unmodified `wandb` client asks."""

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
