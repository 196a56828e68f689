"""Projects: where runs and artifacts live, and who may see them."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.accounts.choices import Role
from apps.accounts.models import Team, User
from apps.core.standing import Standing
from apps.projects.choices import Visibility


class ProjectQuerySet(models.QuerySet["Project"]):
    """Chainable conditions; every list of projects starts with `visible_to`."""

    def visible_to(self, user: User, role: Role = Role.VIEWER) -> "ProjectQuerySet":
        """Projects of the user's teams, but private ones only for those named and for admins.

        With a role: those of them in which the user has that one or a stronger.
        """
        strong = [one for one in Role if one.at_least(role)]
        memberships = user.memberships.filter(role__in=strong)
        return self.filter(
            Q(visibility=Visibility.TEAM, team__in=memberships.values("team"))
            | Q(team__in=user.memberships.filter(role=Role.ADMIN).values("team"))
            | Q(pk__in=ProjectMember.objects.filter(user=user, role__in=strong).values("project"))
        )


class Project(models.Model):
    """A named place in a team for runs and what they make; what MLflow calls an experiment."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="projects")
    name = models.CharField(max_length=128)
    name_key = models.CharField(max_length=256)
    title = models.CharField(max_length=256, blank=True)
    description = models.TextField(blank=True)
    visibility = models.CharField(max_length=16, choices=Visibility, default=Visibility.TEAM)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()
    # A project that is archived can be read but not written.
    archived_at = models.DateTimeField(null=True, blank=True)
    # In the bin since, and who put it there; out of it by being restored, or for good.
    deleted_at = models.DateTimeField(null=True, blank=True)
    deleted_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    # When what was in it was removed for good. The row stays only while something elsewhere names
    # an artifact version of it; the name is free again.
    purged_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar = Standing.from_queryset(ProjectQuerySet)()
    with_deleted: ClassVar = ProjectQuerySet.as_manager()

    class Meta:
        constraints = (
            # In the bin it keeps its name, so that it can always be restored.
            models.UniqueConstraint(
                fields=["team", "name_key"],
                condition=Q(purged_at__isnull=True),
                name="project_name_in_team",
            ),
            models.CheckConstraint(
                condition=Q(purged_at__isnull=True) | Q(deleted_at__isnull=False),
                name="purged_project_was_deleted",
            ),
            models.CheckConstraint(
                condition=Q(visibility__in=Visibility.values), name="project_visibility_known"
            ),
        )

    def __str__(self) -> str:
        return self.title or self.name


class ProjectMember(models.Model):
    """A person named for one project: needed for private ones, and may raise a role in others."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    role = models.CharField(max_length=16, choices=Role)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["project", "user"], name="one_role_per_project"),
            models.CheckConstraint(
                condition=Q(role__in=Role.values), name="project_member_role_known"
            ),
        )
