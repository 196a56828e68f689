from django.apps import AppConfig


class BinConfig(AppConfig):
    name = "apps.bin"
    label = "bin"
    default_auto_field = "django.db.models.BigAutoField"
