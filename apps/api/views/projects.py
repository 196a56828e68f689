"""Projects of a team."""

from apps.api.operations import (
    PROJECT,
    TEAM,
    Answer,
    ApiRequest,
    below,
    made,
    operation,
    project_of,
)
from apps.api.wire.base import DEFAULT_SIZE, CursorText, ListOf, Size, listed
from apps.api.wire.people import ProjectChange, ProjectIn, ProjectOut, project_out
from apps.core.paging import Key, paginate
from apps.projects.access import Action
from apps.projects.choices import Visibility
from apps.projects.queries import projects_of
from apps.projects.services import create_project, update_project

_BY_NAME = [Key("name_key", "text")]


@operation("GET", "/projects", Action.READ, places=[TEAM], returns=ListOf[ProjectOut])
def list_projects(
    request: ApiRequest, cursor: CursorText = "", size: Size = DEFAULT_SIZE
) -> ListOf[ProjectOut]:
    """The projects of the team that the caller may see, by name."""
    access = request.access
    projects = projects_of(access.team, access.user)
    page = paginate(projects, _BY_NAME, cursor=cursor, size=size, scope=f"team {access.team.pk}")
    return listed(page, lambda project: project_out(project, access), ProjectOut)


@operation("POST", "/projects", Action.LOG, places=[TEAM], returns=ProjectOut, status=201)
def add_project(request: ApiRequest, body: ProjectIn) -> Answer:
    """Make a project."""
    project = create_project(
        name=body.name,
        title=body.title,
        description=body.description,
        visibility=Visibility(body.visibility),
        access=request.access,
    )
    return made(project_out(project, request.access), at=below(request, project.name))


@operation("GET", "", Action.READ, places=[PROJECT], returns=ProjectOut)
def show_project(request: ApiRequest) -> ProjectOut:
    """One project."""
    return project_out(project_of(request), request.access)


@operation("PATCH", "", Action.LOG, places=[PROJECT], returns=ProjectOut)
def change_project(request: ApiRequest, body: ProjectChange) -> ProjectOut:
    """Change its title or description; its visibility too, for admins."""
    project = update_project(
        access=request.access,
        title=body.title,
        description=body.description,
        visibility=Visibility(body.visibility) if body.visibility else None,
    )
    return project_out(project, request.access)
