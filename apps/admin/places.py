"""Where a person may curate: in which teams and projects, and the access to one of them.

Lists show what lies in a place where the person has the role that the list takes. What the person
may see but not curate is refused (403), what is hidden is not there (404), as on every page.
"""

from typing import Any, cast

from django.db.models import Q
from django.http import HttpRequest

from apps.accounts.choices import Role
from apps.accounts.models import Team, User
from apps.artifacts.models import Collection
from apps.projects.access import Access, access_to, actor_of
from apps.projects.models import Project


def person(request: HttpRequest) -> User:
    """Who is asking. Every route of the admin takes somebody who is signed in."""
    return cast("User", request.user)


def teams_where(user: User, role: Role) -> Any:
    """The primary keys of the teams in which the user has this role or a stronger one."""
    strong = [one for one in Role if one.at_least(role)]
    return user.memberships.filter(role__in=strong).values("team")


def projects_where(user: User, role: Role) -> Any:
    """The primary keys of the projects in which the user has this role or a stronger one."""
    return Project.objects.visible_to(user, role).values("pk")


def collections_where(user: User, role: Role) -> Any:
    """The primary keys of the collections there: in the registry of a team, or in a project."""
    here = Q(project__isnull=True, team__in=teams_where(user, role))
    there = Q(project__in=projects_where(user, role))
    return Collection.objects.filter(here | there).values("pk")


def access_in(request: HttpRequest, team: Team, project: Project | None) -> Access:
    """The person's access to a place, asked for once in each request. Raises NotFound."""
    known: dict[tuple[int, int | None], Access] = request.__dict__.setdefault("accesses", {})
    key = (team.pk, project.pk if project else None)
    if key not in known:
        known[key] = access_to(
            user=person(request),
            actor=actor_of(request),
            team=team.name,
            project=project.name if project else None,
        )
    return known[key]
