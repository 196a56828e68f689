from django.apps import AppConfig


class ArtifactsConfig(AppConfig):
    name = "apps.artifacts"
    label = "artifacts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Tell garbage collection, which must not know this app, what manifests name."""
        from apps.artifacts.queries import referenced_digests
        from apps.content import references

        references.register("a manifest", referenced_digests)
