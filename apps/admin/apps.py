from django.apps import AppConfig


class CuratorsConfig(AppConfig):
    name = "apps.admin"
    # "admin" is taken by django.contrib.admin.
    label = "curators"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from apps.admin import desks  # noqa: F401 (each registers itself)
