from django.apps import AppConfig


class EvaluationsConfig(AppConfig):
    name = "apps.evaluations"
    label = "evaluations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to the apps below, which must not know this one."""
        from apps.artifacts.signals import artifact_used, metadata_changed
        from apps.evaluations import found
        from apps.runs.signals import run_summarized

        uid = "evaluations.found"
        metadata_changed.connect(found.on_metadata_changed, dispatch_uid=uid)
        artifact_used.connect(found.on_artifact_used, dispatch_uid=uid)
        run_summarized.connect(found.on_run_summarized, dispatch_uid=uid)
