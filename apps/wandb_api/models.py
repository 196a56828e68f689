"""What clients asked for and did not get; what they say of artifacts has a module of its own."""

from django.db import models

from apps.wandb_api.artifacts.models import ClientArtifact, ClientManifest

__all__ = ["ClientArtifact", "ClientManifest", "UnknownField"]


class UnknownField(models.Model):
    """A field, argument or input key that some client sent and that nothing here answers."""

    type = models.CharField(max_length=128)
    field = models.CharField(max_length=128)
    client = models.CharField(max_length=64)
    count = models.PositiveBigIntegerField(default=0)
    last_seen_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["type", "field", "client"], name="one_row_per_unknown_field"
            ),
        )

    def __str__(self) -> str:
        return f"{self.type}.{self.field}"
