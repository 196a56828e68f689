"""The addresses of the pages. `addresses.py` builds links to them; the order here is the order of
trial, so words of our own stand before names that people give."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from apps.core.names import RESERVED, name_key
from apps.web.views import account, home, models, pages, projects, runs, search


class Name(StringConverter):
    """A name that people gave. Control characters are in none, and no database takes NUL."""

    regex = r"[^/\x00-\x1f\x7f]+"


class TeamName(StringConverter):
    """The first word of an address. A team's name has no dots, so that what scanners ask for
    (`/.env`, `/db.sqlite3`) is no team's page, and it is none of our own words."""

    regex = r"[^/.\x00-\x1f\x7f]+"

    def to_python(self, value: str) -> str:
        if name_key(value) in RESERVED:
            raise ValueError(value)
        return value


register_converter(Name, "name")
register_converter(TeamName, "team")

urlpatterns = [
    path("", home.home, name="home"),
    # Signing in and one's own things
    path("sign-in", account.sign_in, name="sign_in"),
    path("sign-in/<name:token>", account.sign_in_link, name="sign_in_link"),
    path("sign-out", account.sign_out, name="sign_out"),
    path("authorize", account.authorize, name="authorize"),
    path("settings", account.account, name="account"),
    path("settings/password", account.password, name="password"),
    path("settings/theme", pages.theme, name="theme"),
    path("settings/keys", account.keys, name="keys"),
    path("settings/keys/<int:pk>/revoke", account.revoke_key, name="revoke_key"),
    # Lists
    path("projects", projects.all_projects, name="projects"),
    path("search", search.search, name="search"),
    path("<team:team>", home.team, name="team"),
    path("<team:team>/models", home.team_models, name="models"),
    # Models of the registry, and their versions
    path("<team:team>/models/<name:collection>", models.model, name="model"),
    path("<team:team>/models/<name:collection>/table.csv", models.export, name="model_csv"),
    # Projects and runs
    path("<team:team>/<name:project>", projects.project, name="project"),
    path("<team:team>/<name:project>/runs/<name:run>", runs.run, name="run"),
    # A project's own models: the same views
    path("<team:team>/<name:project>/models/<name:collection>", models.model, name="project_model"),
    path(
        "<team:team>/<name:project>/models/<name:collection>/table.csv",
        models.export,
        name="project_model_csv",
    ),
]
