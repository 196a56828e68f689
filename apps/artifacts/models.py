"""Artifact versions, the collections that number them, label holders, and lineage.

A collection is a named line of versions: inside a project (what runs log) or, with no project, in
the team's registry (what people link to). Both are one table, so the status table works for either.
A version is a numbered place in a collection and points at one sealed artifact version; the same
artifact version may stand in several collections.
"""

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from apps.accounts.models import Team, User
from apps.artifacts.choices import ArtifactState, Direction
from apps.content.models import Blob
from apps.core.standing import Standing
from apps.projects.models import Project
from apps.runs.models import Run


class ArtifactQuerySet(models.QuerySet["ArtifactVersion"]):
    """Chainable conditions on artifact versions."""

    def standing(self) -> "ArtifactQuerySet":
        """Those with a place in some collection, and those that are not sealed yet.

        One whose places are all in the bin is in it with them, and without its files after a while.
        """
        places = Version.objects.filter(
            artifact=OuterRef("pk"), deleted_at=None, collection__deleted_at=None
        )
        return self.filter(Q(state=ArtifactState.PENDING) | Exists(places))


class ArtifactVersion(models.Model):
    """Files, metadata and the digest over both. Once sealed none of them changes."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="artifacts")
    key = models.CharField(max_length=32, unique=True)
    type = models.CharField(max_length=64)
    state = models.CharField(max_length=16, choices=ArtifactState, default=ArtifactState.PENDING)
    # SHA-256 over the manifest (paths, file digests, references) and the metadata.
    digest = models.CharField(max_length=64, blank=True)
    size_bytes = models.BigIntegerField(default=0)
    file_count = models.PositiveIntegerField(default=0)
    # JSON text, exactly as sent (see Run.config); in the digest.
    metadata = models.TextField(default="{}")
    # What the metadata became after sealing, where a client changed it; empty where none did. Each
    # change is an event, and `queries.metadata_of` has what counts now.
    later_metadata = models.TextField(blank=True)
    description = models.TextField(blank=True)
    made_by = models.ForeignKey(
        Run, null=True, blank=True, on_delete=models.SET_NULL, related_name="made_artifacts"
    )
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()
    sealed_at = models.DateTimeField(null=True, blank=True)
    # When its files were removed for good, after its last place had been in the bin long enough.
    # The row stays: the digest, the metadata and the lineage are history.
    purged_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar = ArtifactQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(state=ArtifactState.PENDING, sealed_at__isnull=True, digest="")
                | (Q(state=ArtifactState.SEALED, sealed_at__isnull=False) & ~Q(digest="")),
                name="sealed_artifact_has_a_digest",
            ),
        )
        indexes = (
            models.Index(fields=["project", "digest"], name="artifacts_by_digest"),
            models.Index(
                fields=["created_at"],
                name="unsealed_artifacts",
                condition=Q(state=ArtifactState.PENDING),
            ),
        )

    def __str__(self) -> str:
        return self.short_digest or self.key[:8]

    @property
    def short_digest(self) -> str:
        return self.digest[:8]


class ArtifactFile(models.Model):
    """One path in a manifest: stored content, or a reference that is kept as text only."""

    artifact = models.ForeignKey(ArtifactVersion, on_delete=models.CASCADE, related_name="files")
    path = models.CharField(max_length=1024)
    blob = models.ForeignKey(
        Blob, null=True, on_delete=models.PROTECT, related_name="+", db_column="blob_digest"
    )
    reference = models.CharField(max_length=2048, blank=True)
    # What the client says the referenced thing's digest is; not checked, since it is never opened.
    # As long as a reference: some clients take the address itself where the store has no digest.
    reference_digest = models.CharField(max_length=2048, blank=True)
    # JSON text of what the client needs to find it again, such as the id of a version in a bucket.
    reference_details = models.TextField(blank=True)
    size_bytes = models.BigIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["artifact", "path"], name="one_file_per_path"),
            models.CheckConstraint(
                condition=Q(blob__isnull=False, reference="")
                | (Q(blob__isnull=True) & ~Q(reference="")),
                name="file_is_content_or_reference",
            ),
        )


class CollectionQuerySet(models.QuerySet["Collection"]):
    """Chainable conditions on collections."""

    def visible_to(self, user: User) -> "CollectionQuerySet":
        return self.filter(
            Q(project__isnull=True, team__in=user.memberships.values("team"))
            | Q(project__in=Project.objects.visible_to(user).values("pk"))
        )


class Collection(models.Model):
    """A named line of numbered versions, in a project or (project is NULL) in the registry."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="collections")
    project = models.ForeignKey(
        Project, null=True, blank=True, on_delete=models.CASCADE, related_name="collections"
    )
    type = models.CharField(max_length=64)
    name = models.CharField(max_length=256)
    name_key = models.CharField(max_length=512)
    title = models.CharField(max_length=256, blank=True)
    description = models.TextField(blank=True)
    # 0 for a collection that a W&B client made, else 1. Numbers are never used twice.
    next_number = models.PositiveIntegerField(default=1)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()
    # The last change of its name, title, description, tags, versions or label holders; kept by the
    # services that make those changes.
    updated_at = models.DateTimeField(default=timezone.now)
    # In the bin since, and who put it there; out of it by being restored, or for good.
    deleted_at = models.DateTimeField(null=True, blank=True)
    deleted_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    objects: ClassVar = Standing.from_queryset(CollectionQuerySet)()
    with_deleted: ClassVar = CollectionQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["project", "name_key"],
                condition=Q(project__isnull=False),
                name="collection_name_in_project",
            ),
            models.UniqueConstraint(
                fields=["team", "type", "name_key"],
                condition=Q(project__isnull=True),
                name="collection_name_in_registry",
            ),
        )
        indexes = (
            # All models of a team.
            models.Index(fields=["team", "type", "name_key"], name="collections_by_type"),
        )

    def __str__(self) -> str:
        return self.title or self.name


class Version(models.Model):
    """A numbered place in a collection. A removed one stays as a tombstone: no number returns."""

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    artifact = models.ForeignKey(
        ArtifactVersion, on_delete=models.RESTRICT, related_name="versions"
    )
    note = models.TextField(blank=True)
    linked_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    linked_at = models.DateTimeField()
    # The last change of its note, card, tags or labels.
    updated_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True, blank=True)
    deleted_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    deleted_reason = models.TextField(blank=True)
    # Out of the bin for good. The tombstone stays, and with it who held which label when.
    purged_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["collection", "number"], name="one_version_per_number"),
            models.UniqueConstraint(
                fields=["collection", "artifact"],
                condition=Q(deleted_at__isnull=True),
                name="artifact_once_in_collection",
            ),
            models.CheckConstraint(
                condition=Q(purged_at__isnull=True) | Q(deleted_at__isnull=False),
                name="purged_version_was_deleted",
            ),
        )
        indexes = (
            # The status table in its natural order, and by date.
            models.Index(
                fields=["collection", "-number"],
                name="versions_newest_first",
                condition=Q(deleted_at__isnull=True),
            ),
            models.Index(
                fields=["collection", "linked_at", "number"],
                name="versions_by_date",
                condition=Q(deleted_at__isnull=True),
            ),
            models.Index(
                fields=["-deleted_at", "-id"],
                name="versions_in_the_bin",
                condition=Q(deleted_at__isnull=False, purged_at__isnull=True),
            ),
        )

    def __str__(self) -> str:
        return f"v{self.number}"


class LabelHoldingQuerySet(models.QuerySet["LabelHolding"]):
    """Chainable conditions on label holdings."""

    def standing(self, at: datetime | None = None) -> "LabelHoldingQuerySet":
        """Those that are open now, or that were at a past moment."""
        if at is None:
            return self.filter(held_until=None)
        return self.filter(Q(held_until=None) | Q(held_until__gt=at), held_from__lte=at)

    def once(self, at: datetime | None = None) -> "LabelHoldingQuerySet":
        """Without the stage of a version that has the same label otherwise too, so that a list
        names each label of a version once."""
        otherwise = LabelHolding.objects.standing(at).filter(
            version=OuterRef("version"), label_key=OuterRef("label_key"), is_stage=False
        )
        return self.filter(Q(is_stage=False) | ~Exists(otherwise))

    def lead_first(self) -> "LabelHoldingQuerySet":
        """By label; of each the holder as such before the versions that have it as their stage,
        the newest of those first."""
        return self.order_by("label_key", "is_stage", "-held_from", "-pk")


class LabelHolding(models.Model):
    """That a version held a status label from one moment to another, or holds it still.

    The one home for label holders: the open rows (held_until is NULL) say who holds a label now,
    the closed ones who did before, so the same table answers "as of last March". The database
    allows one open row per exclusive label. Rows are closed, never changed otherwise or deleted.
    """

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="holdings")
    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="holdings")
    label = models.CharField(max_length=255)
    label_key = models.CharField(max_length=510)
    is_exclusive = models.BooleanField(default=True)
    # Given as one of MLflow's stages, which any number of versions may be in beside the holder.
    is_stage = models.BooleanField(default=False)
    held_from = models.DateTimeField()
    held_until = models.DateTimeField(null=True, blank=True)
    given_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    reason = models.TextField(blank=True)
    # The holding before this one; a roll-back returns to its version.
    former = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    is_rollback = models.BooleanField(default=False)

    objects: ClassVar = LabelHoldingQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["collection", "label_key"],
                condition=Q(held_until__isnull=True, is_exclusive=True),
                name="one_holder_of_an_exclusive_label",
            ),
            models.UniqueConstraint(
                fields=["version", "label_key", "is_stage"],
                condition=Q(held_until__isnull=True),
                name="label_once_on_a_version",
            ),
            models.CheckConstraint(
                condition=Q(is_stage=False) | Q(is_exclusive=False),
                name="stage_is_not_exclusive",
            ),
            models.CheckConstraint(
                condition=Q(held_until__isnull=True) | Q(held_until__gte=F("held_from")),
                name="holding_ends_after_it_begins",
            ),
        )
        indexes = (
            # Who holds what in a collection, now or at a moment.
            models.Index(fields=["collection", "label_key", "held_from"], name="holdings_in_time"),
        )


class Tag(models.Model):
    """A word on something, with an optional value (W&B's tags have none, MLflow's have one)."""

    name = models.CharField(max_length=255)
    value = models.TextField(blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.name}={self.value}" if self.value else self.name


class CollectionTag(Tag):
    """A word on a collection, such as a registered model."""

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="tags")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["collection", "name"], name="one_tag_on_a_collection"),
        )


class VersionTag(Tag):
    """A word on a version, in that collection alone."""

    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="tags")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["version", "name"], name="one_tag_on_a_version"),
        )


class ArtifactTag(Tag):
    """A word on an artifact version, wherever it is linked."""

    artifact = models.ForeignKey(ArtifactVersion, on_delete=models.CASCADE, related_name="tags")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["artifact", "name"], name="one_tag_on_an_artifact"),
        )


class ModelCard(models.Model):
    """What people write about a version, in Markdown. Each edit adds a row; the newest is shown."""

    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="cards")
    text = models.TextField()
    written_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    written_at = models.DateTimeField()

    class Meta:
        indexes = (
            # The newest card of a version, and its edits.
            models.Index(fields=["version", "-id"], name="cards_newest_first"),
        )


class RunArtifact(models.Model):
    """A lineage edge: a run used, or made, an artifact version."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="artifact_edges")
    artifact = models.ForeignKey(
        ArtifactVersion, on_delete=models.CASCADE, related_name="run_edges"
    )
    direction = models.CharField(max_length=8, choices=Direction)
    # What the run used it as: "training data", "golden set", …
    use_as = models.CharField(max_length=128, blank=True)
    # At which step of the run, where the client says so.
    step = models.BigIntegerField(null=True, blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["run", "artifact", "direction"], name="one_edge_per_direction"
            ),
            models.CheckConstraint(
                condition=Q(direction__in=Direction.values), name="edge_direction_known"
            ),
        )
        indexes = (models.Index(fields=["artifact", "direction", "run"], name="edges_of_artifact"),)
