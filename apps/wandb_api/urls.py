"""The addresses that the unmodified `wandb` client asks.

Each part brings its own: a module named in `PARTS` with a list `urlpatterns`, whose views are
wrapped in `auth.door` or `auth.open_door`.
"""

from importlib import import_module

from django.urls import URLPattern, URLResolver, path

from apps.wandb_api.auth import door, graphql_shape
from apps.wandb_api.views import graphql

PARTS: tuple[str, ...] = (
    "apps.wandb_api.artifacts.links",
    "apps.wandb_api.storage",
    "apps.wandb_api.file_stream",
    "apps.wandb_api.downloads",
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("graphql", door(graphql, "POST", shape=graphql_shape), name="wandb-graphql"),
]
for part in PARTS:
    urlpatterns += import_module(part).urlpatterns
