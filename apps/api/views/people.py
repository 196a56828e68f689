"""Who am I, and in which teams."""

from apps.accounts.queries import teams_of
from apps.api.auth import key_of
from apps.api.operations import ROOT, ApiRequest, operation
from apps.api.wire.base import ListOf, whole_list
from apps.api.wire.people import MeOut, TeamOut, me_out, team_out
from apps.projects.access import Action


@operation("GET", "/me", Action.SIGNED_IN, places=[ROOT], returns=MeOut)
def show_me(request: ApiRequest) -> MeOut:
    """The owner of the API key, what the key may do, and the teams it reaches."""
    key = key_of(request)
    return me_out(key, list(teams_of(key.user)))


@operation("GET", "/teams", Action.SIGNED_IN, places=[ROOT], returns=ListOf[TeamOut])
def list_teams(request: ApiRequest) -> ListOf[TeamOut]:
    """The teams of the key's owner, with the role in each."""
    return whole_list(map(team_out, teams_of(key_of(request).user)), TeamOut)
