from django.apps import AppConfig


class ProjectsConfig(AppConfig):
    name = "apps.projects"
    label = "projects"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to the app below, which must not know this one."""
        from apps.accounts.signals import member_left
        from apps.projects import services

        member_left.connect(services.on_member_left, dispatch_uid="projects.member")
