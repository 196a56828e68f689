from django.apps import AppConfig


class MlflowApiConfig(AppConfig):
    name = "apps.mlflow_api"
    label = "mlflow_api"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to the apps below, which must not know this one."""
        from apps.mlflow_api import model_metrics
        from apps.runs.signals import run_summarized

        run_summarized.connect(model_metrics.on_run_summarized, dispatch_uid="mlflow_api.training")
