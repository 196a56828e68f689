"""The caller, teams and projects on the wire."""

from typing import Literal

from apps.accounts.models import ApiKey, Membership
from apps.api.wire.base import In, Moment, Out
from apps.projects.access import Access
from apps.projects.models import Project

VisibilityWord = Literal["team", "private"]


class TeamOut(Out):
    name: str
    title: str
    role: str


class KeyOut(Out):
    name: str
    hint: str
    scope: str
    expires_at: Moment | None


class MeOut(Out):
    username: str
    display_name: str
    default_team: str | None
    key: KeyOut
    teams: list[TeamOut]


class ProjectIn(In):
    name: str
    title: str = ""
    description: str = ""
    visibility: VisibilityWord = "team"


class ProjectChange(In):
    title: str | None = None
    description: str | None = None
    visibility: VisibilityWord | None = None


class ProjectOut(Out):
    name: str
    team: str
    title: str
    description: str
    visibility: str
    created_at: Moment
    archived_at: Moment | None


def team_out(membership: Membership) -> TeamOut:
    team = membership.team
    return TeamOut(name=team.name, title=team.title, role=membership.role)


def me_out(key: ApiKey, memberships: list[Membership]) -> MeOut:
    user = key.user
    return MeOut(
        username=user.username,
        display_name=user.display_name,
        default_team=user.default_team.name if user.default_team else None,
        key=KeyOut(name=key.name, hint=key.hint, scope=key.scope, expires_at=key.expires_at),
        teams=[team_out(membership) for membership in memberships],
    )


def project_out(project: Project, access: Access) -> ProjectOut:
    return ProjectOut(
        name=project.name,
        team=access.team.name,
        title=project.title,
        description=project.description,
        visibility=project.visibility,
        created_at=project.created_at,
        archived_at=project.archived_at,
    )
