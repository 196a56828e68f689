"""Tables for stored bytes: what is there, and which owner has it.

The bytes themselves are in a backend (files or S3) under their digest. Nothing here has a name or
a path that anybody chose.
"""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Length
from django.db.models.lookups import Exact
from django.utils import timezone


class Blob(models.Model):
    """Some bytes, once, under their SHA-256. The row exists only while the bytes are durable."""

    digest = models.CharField(max_length=64, primary_key=True)
    # The name that W&B clients have for the same bytes. Never an identity: MD5 can be forged.
    md5 = models.CharField(max_length=32)
    size_bytes = models.BigIntegerField()
    created_at = models.DateTimeField(default=timezone.now)
    # The last time that somebody stored it or reserved it. Garbage collection waits from here, so
    # content that a client was told not to upload again stays until its manifest names it.
    wanted_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Exact(Length("digest"), 64), name="digest_is_sha256"),
            models.CheckConstraint(condition=Exact(Length("md5"), 32), name="md5_is_md5"),
            models.CheckConstraint(condition=Q(size_bytes__gte=0), name="blob_size_not_negative"),
        )
        indexes = (
            # What a W&B client names by MD5: `queries.held_by_md5`.
            models.Index(fields=["md5"], name="blobs_by_md5"),
            # What nobody has wanted for a while: `services.collect_garbage`.
            models.Index(fields=["wanted_at"], name="blobs_by_last_use"),
        )

    def __str__(self) -> str:
        return self.digest


class Holding(models.Model):
    """An owner (an opaque number: a project) that has proved to have these bytes, by sending them.

    "You need not upload this" is said to holders only. Otherwise whoever learns a digest could make
    the bytes of another team their own.
    """

    owner_id = models.BigIntegerField()
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="holdings")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["owner_id", "blob"], name="one_holding_per_owner"),
        )

    def __str__(self) -> str:
        return f"{self.owner_id} holds {self.blob_id}"
