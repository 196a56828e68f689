"""The tabs of a team and of a project: the pages that belong together, each reachable from each."""

from dataclasses import dataclass

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.accounts.choices import Role
from apps.accounts.models import User
from apps.accounts.queries import teams_of
from apps.audit.actors import Actor
from apps.projects.access import Access, Action
from apps.web.addresses import team_url

# Route, words, and what a reader must be allowed to be shown the way.
TEAM_PAGES: tuple[tuple[str, Promise, Action], ...] = (
    ("models", _("Models"), Action.READ),
    ("golden_sets", _("Golden sets"), Action.READ),
    ("activity", _("Activity"), Action.READ),
    ("bin", _("Bin"), Action.READ),
    ("team_settings", _("Settings"), Action.CURATE),
)
SETTINGS_PAGES: tuple[tuple[str, Promise, Action], ...] = (
    ("team_settings", _("General"), Action.CURATE),
    ("team_members", _("Members"), Action.ADMINISTER),
    ("team_labels", _("Labels"), Action.CURATE),
    ("team_metrics", _("Metrics"), Action.CURATE),
    ("team_keys", _("API keys"), Action.ADMINISTER),
)
PROJECT_PAGES: tuple[tuple[str, Promise, Action], ...] = (
    ("project", _("Overview"), Action.READ),
    ("runs", _("Runs"), Action.READ),
    ("artifacts", _("Artifacts"), Action.READ),
    ("project_bin", _("Bin"), Action.READ),
    ("project_settings", _("Settings"), Action.ADMINISTER),
)


@dataclass(frozen=True, slots=True)
class Tab:
    """One entry of components/tabs.html."""

    label: str
    url: str
    current: bool
    count: str = ""


def team_tabs(access: Access, current: str) -> list[Tab]:
    """The pages of the team that the reader may open; `current` is the route of this one."""
    return _tabs(TEAM_PAGES, [access.team.name], access, current)


def home_tabs(user: User) -> list[Tab]:
    """The way on from the home page: the pages of the reader's only team, or else all the teams."""
    memberships = list(teams_of(user))
    if len(memberships) == 1:
        (only,) = memberships
        actor = Actor(user_id=user.pk, name=user.username)
        return team_tabs(Access(actor, user, only.team, Role(only.role)), "models")
    teams = [
        Tab(one.team.title or one.team.name, team_url(one.team), current=False)
        for one in memberships
    ]
    return [Tab(gettext("All teams"), reverse("home"), current=True), *teams] if teams else []


def settings_tabs(access: Access, current: str) -> list[Tab]:
    """The parts of the team's settings that the reader may change."""
    return _tabs(SETTINGS_PAGES, [access.team.name], access, current)


def project_tabs(access: Access, current: str) -> list[Tab]:
    """The pages of the project of `access` that the reader may open."""
    return _tabs(PROJECT_PAGES, [access.team.name, access.here.name], access, current)


def _tabs(
    pages: tuple[tuple[str, Promise, Action], ...], names: list[str], access: Access, current: str
) -> list[Tab]:
    return [
        Tab(str(label), reverse(route, args=names), current=route == current)
        for route, label, action in pages
        if access.allows(action)
    ]
