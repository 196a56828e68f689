from django.apps import AppConfig


class WandbApiConfig(AppConfig):
    name = "apps.wandb_api"
    label = "wandb_api"
    default_auto_field = "django.db.models.BigAutoField"
