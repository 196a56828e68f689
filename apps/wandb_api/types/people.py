"""Who is asking, teams (entities), and teams again as their own organisations."""

from apps.accounts.models import ApiKey, Team, User
from apps.accounts.queries import members_of
from apps.core.jsontext import dump
from apps.core.tables import check_search
from apps.wandb_api import ids
from apps.wandb_api.connections import Connection, whole
from apps.wandb_api.schema import Node, field, field_of, nodes
from apps.wandb_api.types.query import Query

# Code is kept with a run where its own settings say so.
MAX_FOUND = 100
FLAGS = dump({"code_saving_enabled": True})


class Entity(Node):
    """A team, where projects live."""

    NAME = "Entity"
    row: Team

    @field
    def id(self) -> str:
        return ids.encode("Entity", self.row.pk)

    @field
    def name(self) -> str:
        return self.row.name

    @field
    def entity_type(self) -> str:
        return "organization"

    @field
    def is_team(self) -> bool:
        return True

    @field
    def available(self) -> bool:
        """Whether a new team could take this name."""
        return False

    @field
    def read_only(self) -> bool:
        return False

    @field
    def read_only_admin(self) -> bool:
        return False

    @field
    def private_only(self) -> bool:
        return True

    @field
    def default_access(self) -> str:
        """Who sees a new project, in the client's words: the team."""
        return "PRIVATE"

    @field
    def code_saving_enabled(self) -> bool:
        return True

    @field
    def is_paid(self) -> bool:
        return False

    @field
    def storage_bytes(self) -> int:
        """Not counted: nothing is charged by it here."""
        return 0

    @field
    def photo_url(self) -> None:
        """There are no pictures of teams."""

    @field
    def organization(self) -> "Organization":
        return Organization(self.context, self.row)

    @field
    def members(self) -> list["Person"]:
        return nodes(Person, self.context, (one.user for one in members_of(self.row)))

    @field
    def user(self) -> None:
        """Set for somebody's personal entity alone, which there is none of."""


class Organization(Node):
    """Each team answers as the organisation that it belongs to."""

    NAME = "Organization"
    row: Team

    @field
    def id(self) -> str:
        return ids.encode("Organization", self.row.pk)

    @field
    def name(self) -> str:
        return self.row.name

    @field
    def org_entity(self) -> Entity:
        return Entity(self.context, self.row)

    @field
    def core_weave_organization_id(self) -> None:
        """An id in a product of the vendor's that is not here."""


class Key(Node):
    NAME = "ApiKey"
    row: ApiKey

    @field
    def id(self) -> str:
        return ids.encode("ApiKey", self.row.pk)

    @field
    def name(self) -> str:
        """Old clients take it for the key itself, of which only the end is known."""
        return f"…{self.row.hint}"

    @field
    def description(self) -> str:
        return self.row.name


class Person(Node):
    """A user. The address and the keys are for their owner alone."""

    NAME = "User"
    row: User

    @property
    def is_caller(self) -> bool:
        return self.row.pk == self.context.user.pk

    @field
    def id(self) -> str:
        return ids.encode("User", self.row.pk)

    @field
    def username(self) -> str:
        return self.row.username

    @field
    def name(self) -> str:
        return str(self.row)

    @field
    def email(self) -> str | None:
        return self.row.email or None if self.is_caller else None

    @field
    def entity(self) -> str | None:
        return self.context.default_team.name if self.is_caller else None

    @field
    def flags(self) -> str:
        return FLAGS

    @field
    def admin(self) -> bool:
        return False

    @field
    def is_admin(self) -> bool:
        return False

    @field
    def photo_url(self) -> None:
        """There are no pictures of people."""

    @field
    def account_type(self) -> str:
        return "MEMBER"

    @field
    def pending(self) -> bool:
        return False

    @field
    def api_key(self) -> None:
        """Shown once, when it is made."""

    @field
    def deleted_at(self) -> None:
        """Accounts are closed here, not deleted."""

    @field
    def teams(self) -> Connection | None:
        if not self.is_caller:
            return None
        return whole(self.context, Entity, self.context.teams)

    @field
    def organizations(self) -> list[Organization]:
        return [Organization(self.context, team) for team in self.context.teams]

    @field
    def api_keys(self) -> Connection | None:
        return whole(self.context, Key, self.context.keys) if self.is_caller else None


@field_of("Query")
def viewer(node: Query) -> Person:
    return Person(node.context, node.context.user)


@field_of("Query")
def users(node: Query, *, query: str | None = None) -> Connection:
    """People of the caller's teams by name."""
    found = User.objects.filter(memberships__team__in=node.context.teams).distinct()
    if query:
        found = found.filter(username__icontains=check_search(query))
    return whole(node.context, Person, found.order_by("username_key")[:MAX_FOUND])


@field_of("Query")
def entity(node: Query, *, name: str | None = None) -> Entity:
    return Entity(node.context, node.context.access(name).team)


@field_of("Query")
def organization(node: Query, *, name: str | None = None) -> Organization:
    return Organization(node.context, node.context.access(name).team)
