"""Teams, people, their roles, and the secrets by which they are known."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.choices import Role, Scope

NAME_LENGTH = 64


class Team(models.Model):
    """The owner of projects, models and labels; what a W&B client calls an entity."""

    name = models.CharField(max_length=NAME_LENGTH)
    # Canonical form of the name: what may not occur twice (see core.names.name_key).
    name_key = models.CharField(max_length=NAME_LENGTH * 2, unique=True)
    title = models.CharField(max_length=128, blank=True)
    # How long what was deleted stays in the bin.
    retention_days = models.PositiveSmallIntegerField(default=30)
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(retention_days__gte=1, retention_days__lte=3650),
                name="retention_is_a_number_of_days",
            ),
        )

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    """Finds people by the canonical form of their name, so that letter case does not matter."""

    def get_by_natural_key(self, username: str | None) -> "User":
        from apps.core.names import name_key

        return self.get(username_key=name_key(username or ""))


class User(AbstractBaseUser):
    """A person, or a machine that logs. Has no rights of its own: see Membership."""

    username = models.CharField(max_length=NAME_LENGTH)
    username_key = models.CharField(max_length=NAME_LENGTH * 2, unique=True)
    display_name = models.CharField(max_length=128, blank=True)
    email = models.EmailField(blank=True)
    is_active = models.BooleanField(default=True)
    # The team whose name is meant when a client names none.
    default_team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField()

    USERNAME_FIELD = "username_key"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    def __str__(self) -> str:
        return self.display_name or self.username

    @property
    def initial(self) -> str:
        return str(self)[:1].upper()


class Membership(models.Model):
    """One person's role in one team."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["user", "team"], name="one_role_per_team"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="membership_role_known"),
        )


class ApiKey(models.Model):
    """A secret for programs. Only its hash is kept; the key itself is shown once."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=128)
    digest = models.CharField(max_length=64, unique=True)
    # The last four characters, so that people can tell their keys apart.
    hint = models.CharField(max_length=8)
    scope = models.CharField(max_length=16, choices=Scope, default=Scope.WRITE)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-pk")
        constraints = (
            models.CheckConstraint(condition=Q(scope__in=Scope.values), name="key_scope_known"),
        )

    def __str__(self) -> str:
        return f"{self.name} (…{self.hint})"


class LoginLink(models.Model):
    """A one-time way in, made on the command line or by an admin. Only its hash is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)


class LoginAttempt(models.Model):
    """A failed sign-in, kept for an hour: what the throttle counts (across web processes)."""

    name_key = models.CharField(max_length=128)
    address = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField()

    class Meta:
        indexes = (
            models.Index(fields=["name_key", "at"], name="attempts_by_name"),
            models.Index(fields=["address", "at"], name="attempts_by_address"),
        )
        verbose_name = _("failed sign-in")
