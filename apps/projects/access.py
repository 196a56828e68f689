"""The one access policy.

`POLICY` says for each action which role it takes and whether a read-only API key will do. Every
route is bound to one action by `requires`, which resolves the team and the project named in the
address, checks, and hands the view an `Access`; a route that is bound to none stops the start
(core.checks). Services that can be reached from several doors check again through the same
`Access`, so a rule holds on each of them.

What the caller may not see and what does not exist give the same NotFound.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import wraps
from typing import Any, Final

from django.db.models import OuterRef, Subquery

from apps.accounts.choices import Role, Scope
from apps.accounts.models import ApiKey, Membership, Team, User
from apps.audit.actors import Actor
from apps.core.errors import Forbidden, NotFound, NotSignedIn
from apps.core.names import name_key
from apps.core.prepared import Prepared
from apps.projects.models import Project, ProjectMember


class Action(StrEnum):
    """What can be done. A route or a service names exactly one of these."""

    PUBLIC = "public"  # sign-in and liveness; shows nothing of anyone
    SIGNED_IN = "signed_in"  # one's own things, and lists that are scoped to the reader
    READ = "read"
    KEEP = "keep"  # one's own things at a place: private saved views
    LOG = "log"  # projects, runs, points, artifacts, edges, results
    LINK = "link"  # put an artifact version into a registry collection
    MOVE_LABEL = "move_label"
    MOVE_PROTECTED_LABEL = "move_protected_label"
    DELETE = "delete"  # runs, and what stands under no label; into the bin, and back out of it
    DELETE_VERSION = "delete_version"
    CURATE = "curate"  # columns, metric definitions, golden sets, labels
    ADMINISTER = "administer"  # members, roles, visibility, archiving


@dataclass(frozen=True)
class Rule:
    """The weakest role that may, and what an API key must be allowed for."""

    role: Role | None
    scope: Scope


POLICY: dict[Action, Rule] = {
    Action.PUBLIC: Rule(None, Scope.READ),
    Action.SIGNED_IN: Rule(None, Scope.READ),
    Action.READ: Rule(Role.VIEWER, Scope.READ),
    Action.KEEP: Rule(Role.VIEWER, Scope.WRITE),
    Action.LOG: Rule(Role.EDITOR, Scope.WRITE),
    Action.LINK: Rule(Role.EDITOR, Scope.WRITE),
    Action.MOVE_LABEL: Rule(Role.EDITOR, Scope.WRITE),
    Action.MOVE_PROTECTED_LABEL: Rule(Role.CURATOR, Scope.WRITE),
    Action.DELETE: Rule(Role.EDITOR, Scope.WRITE),
    Action.DELETE_VERSION: Rule(Role.CURATOR, Scope.WRITE),
    Action.CURATE: Rule(Role.CURATOR, Scope.WRITE),
    Action.ADMINISTER: Rule(Role.ADMIN, Scope.WRITE),
}


class ProjectArchived(Forbidden):
    """The project can be read but not written."""


@dataclass(frozen=True)
class Access:
    """Who is asking, where, and with what role: the answer of the policy for one request."""

    actor: Actor
    user: User | None
    team: Team
    role: Role
    project: Project | None = None
    scope: Scope = Scope.WRITE

    def allows(self, action: Action) -> bool:
        rule = POLICY[action]
        if rule.role is not None and not self.role.at_least(rule.role):
            return False
        return rule.scope == Scope.READ or self.scope == Scope.WRITE

    def require(self, action: Action) -> None:
        """Raise Forbidden, saying who may, unless the action is allowed here."""
        rule = POLICY[action]
        if rule.scope == Scope.WRITE and self.scope != Scope.WRITE:
            raise Forbidden("This API key may only read. Use one with the scope write.")
        if not self.allows(action):
            raise Forbidden(
                f"This takes the role {rule.role} or higher in the team {self.team.name}; "
                f"yours here is {self.role}."
            )
        # Administering is no writing: whoever closed a project may open it again, or delete it.
        is_writing = rule.scope == Scope.WRITE and action != Action.ADMINISTER
        if is_writing and self.project and self.project.archived_at:
            raise ProjectArchived(f"The project {self.project.name} is archived: it is read-only.")

    @property
    def here(self) -> Project:
        """The project of an address that always names one. Raises NotFound where it does not."""
        if self.project is None:
            raise NotFound("There is no such page.")
        return self.project

    def over(self, project: Project) -> "Access":
        """The same caller's access to a project of the team that is in the bin. Raises NotFound."""
        if self.user is None:
            return replace(self, project=project)
        role = role_in(self.user, self.team, project, deleted=True)
        if role is None:
            raise NotFound("There is no such project here.")
        return replace(self, project=project, role=role)

    def within(self, project: Project | None) -> "Access":
        """The same caller's access in another project of the team, or with None in the team
        itself: a role in one project counts in that project alone. Raises NotFound."""
        if project == self.project or self.user is None:
            return replace(self, project=project)
        if project is None:
            membership = self.user.memberships.filter(team=self.team).first()
            if membership is None:
                raise NotFound(f"There is no team {self.team.name!r} here.")
            return replace(self, project=None, role=Role(membership.role))
        role = role_in(self.user, self.team, project)
        if role is None or project.team_id != self.team.pk:
            # Without its name: the caller may have come here by way of something else.
            raise NotFound("There is no such project here.")
        return replace(self, project=project, role=role)


def system_access(team: Team, actor: Actor, project: Project | None = None) -> Access:
    """Full access for a management command: whoever runs it has the database anyway."""
    return Access(actor=actor, user=None, team=team, role=Role.ADMIN, project=project)


def access_to(
    *,
    user: User,
    actor: Actor,
    team: str,
    project: str | None = None,
    scope: Scope = Scope.WRITE,
) -> Access:
    """The user's access to a team, or to a project in it, by name, in one query.

    Raises NotFound for what does not exist and for what the user may not see, alike.
    """
    if project is None:
        membership = _MEMBERSHIPS.first(user.pk, name_key(team))
        if membership is None:
            raise NotFound(f"There is no team {team!r} here.")
        return Access(actor, user, membership.team, Role(membership.role), None, scope)
    found = _PROJECTS.first(user.pk, name_key(team), name_key(project))
    role = _stronger(found.team_role, found.named_role, found) if found else None
    if found is None or role is None:
        raise NotFound(f"There is no project {project!r} in a team {team!r} here.")
    return Access(actor, user, found.team, role, found, scope)


def access_by_row(
    row: Any, project: Project, *, user: User, actor: Actor, scope: Scope
) -> Access | None:
    """The user's access to the project of a row read `with_roles`, its team loaded.

    None where the user may not see it: for client protocols, whose addresses name no place.
    """
    role = _stronger(row.team_role, row.named_role, project)
    return None if role is None else Access(actor, user, project.team, role, project, scope)


def role_in(user: User, team: Team, project: Project, *, deleted: bool = False) -> Role | None:
    """The user's role in a project, or None when it is not the user's to see.

    One in the bin is nobody's to see, unless that is what is asked for.
    """
    projects = Project.with_deleted if deleted else Project.objects
    found = with_roles(projects.filter(pk=project.pk, team=team), user).first()
    return _stronger(found.team_role, found.named_role, found) if found else None


def roles_in(user: User, team: Team, projects: Iterable[int]) -> dict[int, Role]:
    """The user's role in each of these projects of the team, be they in the bin (one query)."""
    found = with_roles(Project.with_deleted.filter(team=team, pk__in=set(projects)), user)
    roles = {one.pk: _stronger(one.team_role, one.named_role, one) for one in found}
    return {key: role for key, role in roles.items() if role is not None}


def with_roles(rows: Any, user: User | int, path: str = "") -> Any:
    """Projects with the two roles that count for this user; on every request's path, so one query
    with two look-ups instead of three queries.

    Or other rows, with the `path` that leads to their project: "project__".
    """
    in_team = Membership.objects.filter(user=user, team=OuterRef(f"{path}team")).values("role")
    named = ProjectMember.objects.filter(project=OuterRef(f"{path}pk"), user=user).values("role")
    return rows.annotate(team_role=Subquery(in_team), named_role=Subquery(named))


# Each request begins with one of these.
_MEMBERSHIPS: Final = Prepared[Membership](
    lambda user, team: Membership.objects.select_related("team").filter(
        user=user, team__name_key=team
    ),
    *(int, str),
)
_PROJECTS: Final = Prepared[Any](
    lambda user, team, name: with_roles(
        Project.objects.filter(team__name_key=team, name_key=name).select_related("team"), user
    ),
    *(int, str, str),
)


def _stronger(team_role: str | None, named_role: str | None, project: Project) -> Role | None:
    """A private project counts the team's admins and those named; any other the stronger role."""
    if project.visibility == "private" and team_role != Role.ADMIN:
        return Role(named_role) if named_role else None
    roles = [Role(role) for role in (team_role, named_role) if role]
    return max(roles, key=lambda role: role.rank) if roles else None


def requires(action: Action) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Bind a view to an action: resolve `team` and `project` from its address, and check.

    The view finds the result as `request.access` (None where the address names no team).
    """

    def bind(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def checked(request: Any, *args: Any, **kwargs: Any) -> Any:
            request.access = None
            if action != Action.PUBLIC:
                request.access = authorize(
                    request, action, team=kwargs.get("team"), project=kwargs.get("project")
                )
            return view(request, *args, **kwargs)

        checked.access_action = action  # type: ignore[attr-defined]
        return checked

    return bind


def requires_anywhere(action: Action) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Bind a view whose address names no team: who has the role in at least one team or project
    may enter, and the view then shows and changes only what lies in those.

    The view finds that strongest role as `request.role_anywhere`.
    """

    def bind(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def checked(request: Any, *args: Any, **kwargs: Any) -> Any:
            if not request.user.is_authenticated:
                raise NotSignedIn("Sign in, or send an API key.")
            request.access = None
            request.role_anywhere = strongest_role(request.user)
            if request.role_anywhere is None:
                raise NotFound("There is no such page.")
            needed = POLICY[action].role
            if needed is not None and not request.role_anywhere.at_least(needed):
                raise Forbidden(f"This takes the role {needed} or higher in some team.")
            return view(request, *args, **kwargs)

        checked.access_action = action  # type: ignore[attr-defined]
        return checked

    return bind


def strongest_role(user: User) -> Role | None:
    """The strongest role that the user has anywhere: in a team, or named for a project."""
    in_teams = user.memberships.order_by().values_list("role", flat=True)
    named = ProjectMember.objects.filter(user=user).values_list("role", flat=True)
    return max(map(Role, in_teams.union(named)), key=lambda role: role.rank, default=None)


def authorize(request: Any, action: Action, *, team: str | None, project: str | None) -> Any:
    """The caller's access for this action at this address. Raises as the policy says."""
    if not request.user.is_authenticated:
        raise NotSignedIn("Sign in, or send an API key.")
    key: ApiKey | None = getattr(request, "api_key", None)
    scope = Scope(key.scope) if key else Scope.WRITE
    rule = POLICY[action]
    if team is None:
        if rule.role is not None:
            raise NotFound("There is no such page.")
        return None
    access = access_to(
        user=request.user, actor=actor_of(request), team=team, project=project, scope=scope
    )
    access.require(action)
    return access


def actor_of(request: Any) -> Actor:
    """Who the audit log names for this request."""
    key: ApiKey | None = getattr(request, "api_key", None)
    user = request.user
    known = user.is_authenticated
    return Actor(
        user_id=user.pk if known else None,
        name=user.username if known else "",
        key_id=key.pk if key else None,
        address=getattr(request, "client_address", "") or request.META.get("REMOTE_ADDR", "") or "",
        request_id=getattr(request, "request_id", ""),
    )
