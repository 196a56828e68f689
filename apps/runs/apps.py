from django.apps import AppConfig


class RunsConfig(AppConfig):
    name = "apps.runs"
    label = "runs"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Tell garbage collection, which must not know this app, what runs keep."""
        from apps.content import references
        from apps.runs.files import referenced_digests

        references.register("a file of a run", referenced_digests)
