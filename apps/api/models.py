"""What the API remembers: the answers to writes that came with an Idempotency-Key."""

from django.db import models

from apps.accounts.models import User


class IdempotencyRecord(models.Model):
    """The answer to one write, kept for a day so that a retry gets the same without a second
    effect. Written in the transaction of the change: there is one exactly if the change is there.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    # SHA-256 over method, address and body: the same key with another request is a mistake.
    request_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    location = models.TextField(blank=True)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["user", "key"], name="one_answer_per_idempotency_key"),
        )
        indexes = (
            # What is older than a day: `idempotency.forget_old`.
            models.Index(fields=["created_at"], name="idempotency_by_age"),
        )

    def __str__(self) -> str:
        return self.key
