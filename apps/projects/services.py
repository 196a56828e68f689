"""Changing projects."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.accounts.choices import Role
from apps.accounts.models import Membership, Team, User
from apps.audit.actors import Actor, Subject
from apps.audit.services import record
from apps.core.errors import Conflict, Invalid, NotFound
from apps.core.names import check_not_reserved, clean_name, clean_text, name_key
from apps.projects.access import Access, Action
from apps.projects.choices import Visibility
from apps.projects.models import Project, ProjectMember

# What W&B clients call the registry of a team. They never reach a project of such a name.
MODEL_REGISTRY = "model-registry"
REGISTRY_PREFIX = "wandb-registry-"


class ProjectExists(Conflict):
    """The team has a project of this name, visible to the caller or not."""


@transaction.atomic
def create_project(
    *,
    name: str,
    access: Access,
    title: str = "",
    description: str = "",
    visibility: Visibility = Visibility.TEAM,
    at: datetime | None = None,
) -> Project:
    """Make a project in the caller's team. Who makes a private one is named as its admin."""
    access = access.within(None)
    access.require(Action.LOG)
    name = clean_name(name, field="name", max_length=128, what="project name")
    check_not_reserved(name, field="name", what="project name")
    if is_registry_name(name):
        raise Invalid(
            f"“{name}” is what W&B clients call the registry of a team; choose another name.",
            field="name",
        )
    project = Project(
        team=access.team,
        name=name,
        name_key=name_key(name),
        title=clean_text(title, field="title", max_length=256, multiline=False),
        description=clean_text(description, field="description", max_length=20_000),
        visibility=visibility,
        created_by=access.user,
        created_at=at or timezone.now(),
    )
    try:
        with transaction.atomic():
            project.save(force_insert=True)
    except IntegrityError as error:
        raise ProjectExists(
            f"The team already has a project named {name!r}, or one in its bin. "
            "Choose another name, or have that one restored."
        ) from error
    if visibility == Visibility.PRIVATE and access.user is not None:
        ProjectMember.objects.create(project=project, user=access.user, role=Role.ADMIN)
    record(
        kind="project.created",
        actor=access.actor,
        subjects=[project_subject(project)],
        team_id=access.team.pk,
        project_id=project.pk,
        after={"name": project.name, "visibility": str(visibility)},
        at=at,
    )
    return project


def is_registry_name(name: str) -> bool:
    """Whether a client that names a project so means the registry of the team."""
    key = name_key(name)
    return key == MODEL_REGISTRY or key.startswith(REGISTRY_PREFIX)


@transaction.atomic
def update_project(
    *,
    access: Access,
    title: str | None = None,
    description: str | None = None,
    visibility: Visibility | None = None,
) -> Project:
    """Change what is said of the project of `access`; who may see it is for admins to change."""
    access.require(Action.LOG)
    project = access.project
    if project is None:
        raise Conflict("There is no project to change.")
    before: dict[str, object] = {}
    after: dict[str, object] = {}
    if title is not None:
        before["title"] = project.title
        project.title = clean_text(title, field="title", max_length=256, multiline=False)
        after["title"] = project.title
    if description is not None:
        # Long, and the event would keep it for ever: only that it changed is recorded.
        project.description = clean_text(description, field="description", max_length=20_000)
        after["description"] = "changed"
    if visibility is not None and visibility != project.visibility:
        access.require(Action.ADMINISTER)
        before["visibility"] = project.visibility
        project.visibility = visibility
        after["visibility"] = str(visibility)
    if not after:
        return project
    # Only what was changed: an older title must not bring an older visibility back.
    project.save(update_fields=list(after))
    record(
        kind="project.changed",
        actor=access.actor,
        subjects=[project_subject(project)],
        team_id=access.team.pk,
        project_id=project.pk,
        before=before,
        after=after,
    )
    return project


@transaction.atomic
def set_project_role(*, user: User, role: Role | None, access: Access) -> None:
    """Name a person of the team for the project with a role, or with None no longer.

    Raises NotFound for somebody who is not in the team.
    """
    access.require(Action.ADMINISTER)
    project = access.project
    if project is None:
        raise Conflict("A project role needs a project.")
    # Held until commit: who leaves the team at this moment leaves the project as well.
    memberships = Membership.objects.filter(team=project.team_id, user=user)
    if role is not None and memberships.select_for_update(no_key=True).first() is None:
        raise NotFound(f"There is nobody named {user.username!r} in the team {access.team.name}.")
    former = ProjectMember.objects.filter(project=project, user=user).first()
    if role is None:
        ProjectMember.objects.filter(project=project, user=user).delete()
    else:
        ProjectMember.objects.update_or_create(project=project, user=user, defaults={"role": role})
    _record_role(project, user, former, role, access.actor)


def on_member_left(*, user: User, team: Team, actor: Actor, **_: object) -> None:
    """Who is no longer in the team is named for none of its projects, those in the bin included."""
    named = ProjectMember.objects.filter(user=user, project__team=team).select_related("project")
    for former in named.order_by("pk"):
        former.delete()
        _record_role(former.project, user, former, None, actor)


def _record_role(
    project: Project, user: User, former: ProjectMember | None, role: Role | None, actor: Actor
) -> None:
    record(
        kind="project_member.changed",
        actor=actor,
        subjects=[project_subject(project), Subject("user", user.pk, user.username)],
        team_id=project.team_id,
        project_id=project.pk,
        before={"role": former.role if former else None},
        after={"role": str(role) if role else None},
    )


@transaction.atomic
def set_archived(*, archived: bool, access: Access) -> None:
    """Close a project for writing, or open it again. Doing it twice changes nothing."""
    project = access.project
    if project is None:
        raise Conflict("Archiving needs a project.")
    access.require(Action.ADMINISTER)
    if bool(project.archived_at) == archived:
        return
    project.archived_at = timezone.now() if archived else None
    project.save(update_fields=["archived_at"])
    record(
        kind="project.archived" if archived else "project.reopened",
        actor=access.actor,
        subjects=[project_subject(project)],
        team_id=access.team.pk,
        project_id=project.pk,
    )


def project_subject(project: Project) -> Subject:
    return Subject("project", project.pk, project.name)
