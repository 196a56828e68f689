"""Reading projects."""

from django.db.models import QuerySet

from apps.accounts.models import Team, User
from apps.core.errors import NotFound
from apps.core.names import name_key
from apps.projects.models import Project, ProjectMember


def projects_of(team: Team, user: User | None) -> QuerySet[Project]:
    """The team's projects that the user may see (None: all of them), by name."""
    projects = Project.objects.filter(team=team).order_by("name_key")
    return projects if user is None else projects.visible_to(user)


def visible_projects(user: User) -> QuerySet[Project]:
    """Every project that the user may see, in any team, by team and name."""
    found = Project.objects.visible_to(user).select_related("team")
    return found.order_by("team__name_key", "name_key")


def named_for(project: Project) -> QuerySet[ProjectMember]:
    """Who is named for a project, by name."""
    return project.members.select_related("user").order_by("user__username_key")


def project_named(team: Team, name: str) -> Project:
    """The team's project of that name. Raises NotFound. Visibility is the caller's to check."""
    project = Project.objects.filter(team=team, name_key=name_key(name)).first()
    if project is None:
        raise NotFound(f"There is no project {name!r} in the team {team.name}.")
    return project
