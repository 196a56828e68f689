from django.apps import AppConfig


class RegistryConfig(AppConfig):
    name = "apps.registry"
    label = "registry"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to the apps below, which must not know this one."""
        from apps.accounts.signals import team_created
        from apps.artifacts.signals import version_linked
        from apps.evaluations.signals import results_recorded
        from apps.registry.services import columns, labels

        team_created.connect(labels.on_team_created, dispatch_uid="registry.labels")
        results_recorded.connect(columns.on_results_recorded, dispatch_uid="registry.results")
        version_linked.connect(columns.on_version_linked, dispatch_uid="registry.versions")
