from django.apps import AppConfig


class RegistrySiteConfig(AppConfig):
    """The site itself is an app for the sake of its commands: serve, backup, restore."""

    name = "registry_site"
    label = "registry_site"
