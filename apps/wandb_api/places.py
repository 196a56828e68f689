"""What the client calls an entity and a project, and which place of ours is meant.

An entity is a team. Projects named `model-registry` or `wandb-registry-…` are no projects: they
are the team's registry under the names that the client has for it.
"""

import zlib
from contextlib import suppress
from dataclasses import dataclass

from apps.accounts.models import Team
from apps.core.errors import Invalid, NotFound
from apps.projects.access import Access, Action
from apps.projects.models import Project
from apps.projects.services import ProjectExists, create_project, is_registry_name
from apps.wandb_api import ids
from apps.wandb_api.context import Context

# Where runs of a client go that names no project.
DEFAULT_PROJECT = "uncategorized"


@dataclass(frozen=True)
class Place:
    """A project as the client names it; without a project of ours it is the team's registry."""

    team: Team
    name: str
    project: Project | None = None

    @property
    def pk(self) -> int:
        """Stable and different from that of every other place: a team has several registries."""
        if self.project is not None:
            return self.project.pk
        name = zlib.crc32(self.name.encode())
        return ids.REGISTRY_NUMBERS_FROM + (self.team.pk << 32) + name

    @property
    def id(self) -> str:
        """A registry's goes by its name: one team has several."""
        if self.project is not None:
            return ids.encode("Project", self.project.pk)
        return ids.encode("Registry", f"{self.team.pk}:{self.name}")

    @property
    def is_registry(self) -> bool:
        return self.project is None


def of_project(project: Project) -> Place:
    """The place of a project whose team is loaded."""
    return Place(project.team, project.name, project)


def place(context: Context, entity: str | None, name: str | None) -> Place:
    """The project or registry of these names. Raises NotFound."""
    if not name:
        raise NotFound("There is no project without a name.")
    if is_registry_name(name):
        return Place(context.access(entity).team, name)
    return of_project(context.access(entity, name).here)


def project_access(context: Context, entity: str | None, name: str | None) -> Access:
    """The caller's access to a real project. Raises NotFound, Invalid for a registry."""
    name = name or DEFAULT_PROJECT
    if is_registry_name(name):
        raise Invalid(f"{name} is the registry of a team; runs and files are kept in projects.")
    return context.access(entity, name)


def make_project_access(context: Context, entity: str | None, name: str | None) -> Access:
    """The same for whoever is about to log: a project that is not there yet is made."""
    try:
        access = project_access(context, entity, name)
    except NotFound:
        team = context.access(entity)
        team.require(Action.LOG)
        # Another process of the same script may have been first; else it is not the caller's to
        # see, and the next look says so.
        with suppress(ProjectExists):
            create_project(name=name or DEFAULT_PROJECT, access=team)
        access = project_access(context, entity, name)
    access.require(Action.LOG)
    return access


def project_by_id(context: Context, text: str | None) -> Project | None:
    """The project with this id, if the caller may see it."""
    number = ids.decode("Project", text)
    if number is None:
        return None
    visible = Project.objects.visible_to(context.user).filter(pk=number)
    return visible.select_related("team").first()
