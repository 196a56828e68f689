"""Who is asking, and what the walk of one request shares."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from django.http import HttpRequest

from apps.accounts.choices import Scope
from apps.accounts.models import ApiKey, Team, User
from apps.accounts.queries import keys_of, teams_of
from apps.core.errors import NotFound
from apps.projects.access import Access, access_to, actor_of
from apps.wandb_api.schema import plain
from apps.wandb_api.unknown import Unknown


class Context:
    """One request's caller. Access to a place is worked out once."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self.user: User = request.user  # type: ignore[assignment]
        self.key: ApiKey = request.api_key  # type: ignore[attr-defined]
        self.actor = actor_of(request)
        self.unknown = Unknown(request.headers.get("User-Agent", ""))
        # The name by which this request asked for a registry, which has several.
        self.registry_called: str | None = None
        self._access: dict[tuple[str, str | None], Access] = {}

    @cached_property
    def teams(self) -> list[Team]:
        """The caller's teams by name."""
        return [membership.team for membership in teams_of(self.user)]

    @cached_property
    def keys(self) -> list[ApiKey]:
        """The caller's own keys, newest first."""
        return list(keys_of(self.user))

    @cached_property
    def default_team(self) -> Team:
        """The team that is meant where the client names none. Raises NotFound."""
        found = self.user.default_team
        if found is None or found not in self.teams:
            found = next(iter(self.teams), None)
        if found is None:
            raise NotFound("You are in no team yet; ask an admin to add you to one.")
        return found

    def team_name(self, entity: str | None) -> str:
        return entity or self.default_team.name

    def access(self, entity: str | None, project: str | None = None) -> Access:
        """The caller's access to a team, or to a project in it. Raises NotFound."""
        place = (self.team_name(entity), project)
        if place not in self._access:
            self._access[place] = access_to(
                user=self.user,
                actor=self.actor,
                team=place[0],
                project=project,
                scope=Scope(self.key.scope),
            )
        return self._access[place]

    def may_see(self, team: Team) -> bool:
        return any(one.pk == team.pk for one in self.teams)

    def read(self, given: Mapping[str, Any], type_name: str, *names: str) -> dict[str, Any]:
        """The values of an input object under these names (None where not given); other keys
        are noted as unknown."""
        known = {plain(name): name for name in names}
        found: dict[str, Any] = dict.fromkeys(names)
        for key, value in given.items():
            name = known.get(plain(key))
            if name is not None:
                found[name] = value
            else:
                self.unknown.note(type_name, key)
        return found

    def absolute(self, path: str) -> str:
        """An address of ours as this client reaches it."""
        return self.request.build_absolute_uri(path)
