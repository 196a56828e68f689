"""Projects, and the registry of a team under the project names that the client has for it."""

from apps.projects.choices import Visibility
from apps.projects.queries import projects_of
from apps.wandb_api import ids, places
from apps.wandb_api.connections import Connection, connect
from apps.wandb_api.schema import Node, field, field_of
from apps.wandb_api.times import wire_time
from apps.wandb_api.types.people import Entity, Person
from apps.wandb_api.types.query import Query


class ProjectNode(Node):
    """`row` is a `places.Place`; its `project` is None for a registry."""

    NAME = "Project"
    row: places.Place

    @field
    def id(self) -> str:
        return self.row.id

    @field
    def internal_id(self) -> str:
        return ids.encode("ProjectInternalId", self.row.pk)

    @field
    def name(self) -> str:
        return self.row.name

    @field
    def entity(self) -> Entity:
        return Entity(self.context, self.row.team)

    @field
    def entity_name(self) -> str:
        return self.row.team.name

    @field
    def description(self) -> str | None:
        return self.row.project.description or None if self.row.project else None

    @field
    def created_at(self) -> str:
        made = self.row.project.created_at if self.row.project else self.row.team.created_at
        return wire_time(made)

    @field
    def views(self) -> None:
        """How the vendor's pages arrange charts."""

    @field
    def is_benchmark(self) -> bool:
        return False

    @field
    def is_published(self) -> bool:
        return False

    @field
    def read_only(self) -> bool:
        return bool(self.row.project and self.row.project.archived_at)

    @field
    def access(self) -> str:
        """Who may see it, in the client's words: for a registry, its whole organisation."""
        if self.row.project is None:
            return "PRIVATE"
        is_private = self.row.project.visibility == Visibility.PRIVATE
        return "RESTRICTED" if is_private else "ENTITY_WRITE"

    @field
    def user(self) -> Person | None:
        owner = self.row.project.created_by if self.row.project else None
        return Person(self.context, owner) if owner else None


class Listed(Node):
    """A project in a page, before it becomes a place."""


@field_of("Query")
def project(node: Query, *, name: str | None = None, entity_name: str | None = None) -> ProjectNode:
    return ProjectNode(node.context, places.place(node.context, entity_name, name))


@field_of("Query")
def models(
    node: Query,
    *,
    entity_name: str | None = None,
    first: int | None = None,
    after: str | None = None,
) -> Connection:
    """The projects of a team."""
    team = node.context.access(entity_name).team
    found = projects_of(team, node.context.user).select_related("team", "created_by")
    page = connect(node.context, Listed, found, first=first, after=after)
    page.items = [ProjectNode(node.context, places.of_project(one.row)) for one in page.items]
    return page


@field_of("Query")
def model(node: Query, *, name: str | None = None, entity_name: str | None = None) -> ProjectNode:
    """A project under its oldest name."""
    return ProjectNode(node.context, places.place(node.context, entity_name, name))
