from django.apps import AppConfig


class RegistryConfig(AppConfig):
    name = "apps.registry"
    label = "registry"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to the apps below, which must not know this one."""
        from apps.accounts.signals import team_created
        from apps.artifacts.signals import version_deleted, version_linked
        from apps.evaluations.signals import results_recorded
        from apps.registry.services import following

        team_created.connect(following.on_team_created, dispatch_uid="registry.team")
        results_recorded.connect(following.on_results_recorded, dispatch_uid="registry.results")
        version_linked.connect(following.on_version_linked, dispatch_uid="registry.linked")
        version_deleted.connect(following.on_version_deleted, dispatch_uid="registry.deleted")
