"""What a W&B client says of an artifact version and the domain has no use for."""

from django.db import models
from django.db.models import Q

from apps.artifacts.models import ArtifactVersion, Collection
from apps.projects.models import Project


class ManifestKind(models.TextChoices):
    """What a manifest holds: everything, one writer's part, or what is new against a base."""

    FULL = "FULL"
    PATCH = "PATCH"
    INCREMENTAL = "INCREMENTAL"


class ClientArtifact(models.Model):
    """One logging of an artifact version by a client: the names that the client has for it.

    Several rows lead to one artifact version where writers share it, and where the content was
    there already.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="+")
    artifact = models.ForeignKey(
        ArtifactVersion, on_delete=models.CASCADE, related_name="client_artifacts"
    )
    # The primary key that the client was told. Sealing drops an artifact version that is there
    # already; its key then still leads to the one that stands.
    began_as = models.BigIntegerField()
    client_id = models.CharField(max_length=255, blank=True)
    # Several writers with one of these fill one artifact version.
    distributed_id = models.CharField(max_length=255, blank=True)
    # MD5 over the client's manifest, in hexadecimal; ours is another (see `manifest.digest_of`).
    digest = models.CharField(max_length=32, blank=True)
    # JSON list of the aliases to give when it is committed.
    aliases = models.TextField(default="[]")
    # At which step of its run it was logged.
    step = models.BigIntegerField(null=True)
    # How long the client would have it kept; shown, and not acted upon.
    ttl_seconds = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["project", "client_id"],
                condition=~Q(client_id=""),
                name="wandb_client_id_once_in_a_project",
            ),
        )
        indexes = (
            # Logging what is there already: `writing.begin`.
            models.Index(fields=["collection", "digest"], name="wandb_artifacts_by_digest"),
            # A client id without a place: `finding.artifact_of_client`.
            models.Index(fields=["client_id"], name="wandb_artifacts_by_client"),
            models.Index(fields=["began_as"], name="wandb_artifacts_as_begun"),
        )

    def __str__(self) -> str:
        return self.client_id[:8] or self.digest


class ClientManifest(models.Model):
    """A manifest that a client has announced, and the file it will send for it."""

    artifact = models.ForeignKey(ArtifactVersion, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=16, choices=ManifestKind)
    # MD5 of the JSON file in hexadecimal, once the client knows it.
    md5 = models.CharField(max_length=32, blank=True)
    base = models.ForeignKey(
        ArtifactVersion, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(kind__in=ManifestKind.values), name="wandb_manifest_kind_known"
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.md5}"
