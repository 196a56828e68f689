"""The addresses of the pages. `addresses.py` builds links to them; the order here is the order of
trial, so words of our own stand before names that people give."""

from django.urls import URLPattern, path, register_converter
from django.urls.converters import StringConverter

from apps.core.names import RESERVED, name_key
from apps.projects.services import MODEL_REGISTRY, REGISTRY_PREFIX
from apps.web.views import (
    account,
    activity,
    artifacts,
    bin,
    cards,
    columns,
    compare,
    difference,
    files,
    golden_sets,
    history,
    home,
    labels,
    lineage,
    models,
    notes,
    pages,
    printed,
    projects,
    runs,
    runs_table,
    saved,
    search,
    versions,
)
from apps.web.views.settings import general, members, metrics, team_keys
from apps.web.views.settings import labels as label_settings
from apps.web.views.settings import project as project_settings


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


class FilePath(StringConverter):
    """The path of a file inside an artifact, as its manifest has it."""

    regex = r"[^\x00-\x1f\x7f]+"


class RegistryName(StringConverter):
    """What W&B's client calls the registry of a team: a project of one of these names."""

    regex = rf"{MODEL_REGISTRY}|{REGISTRY_PREFIX}[^/\x00-\x1f\x7f]+"


register_converter(RegistryName, "registry")
register_converter(Name, "name")
register_converter(TeamName, "team")
register_converter(FilePath, "file")

REGISTRY = "<team:team>/artifacts"
PROJECT = "<team:team>/<name:project>/artifacts"


def version_pages(version: str, name: str) -> list[URLPattern]:
    """The pages below a version, whatever it is a version of."""
    return [
        path(f"{version}/files/<file:path>", files.keep_file, name=f"{name}_file"),
        path(f"{version}/view/<file:path>", files.view_file, name=f"{name}_view"),
        path(f"{version}/image/<file:path>", files.image, name=f"{name}_image"),
        path(f"{version}/diff", difference.difference, name=f"{name}_diff"),
        path(f"{version}/lineage", lineage.version_lineage, name=f"{name}_lineage"),
        path(f"{version}/golden-set", golden_sets.mark, name=f"{name}_golden_set"),
    ]


def run_file_pages(run: str) -> list[URLPattern]:
    """The files that a run keeps, as they are below a version."""
    return [
        path(f"{run}/files/<file:path>", files.keep_run_file, name="run_file"),
        path(f"{run}/view/<file:path>", files.view_run_file, name="run_file_view"),
        path(f"{run}/image/<file:path>", files.run_image, name="run_file_image"),
    ]


def model_pages(model: str, prefix: str) -> list[URLPattern]:
    """The pages of a model and of its versions, below an address of a model."""
    version = f"{model}/versions/<int:number>"
    return [
        path(model, models.model, name=f"{prefix}model"),
        path(f"{model}/table.csv", models.export, name=f"{prefix}model_csv"),
        path(f"{model}/views", saved.model_views, name=f"{prefix}model_views"),
        path(f"{model}/views/<int:view>", saved.model_view, name=f"{prefix}model_view"),
        path(f"{model}/columns", columns.columns, name=f"{prefix}columns"),
        path(f"{model}/delete", bin.delete_collection, name=f"{prefix}delete_model"),
        path(f"{model}/notes", notes.model_notes, name=f"{prefix}model_notes"),
        path(f"{model}/history", history.history, name=f"{prefix}history"),
        path(f"{model}/compare", compare.compare, name=f"{prefix}compare"),
        path(f"{model}/labels/<name:label>/rollback", labels.rollback, name=f"{prefix}rollback"),
        path(version, versions.version, name=f"{prefix}version"),
        path(f"{version}/card", cards.card, name=f"{prefix}card"),
        path(f"{version}/card/history", cards.card_history, name=f"{prefix}card_history"),
        path(f"{version}/delete", bin.delete_version, name=f"{prefix}delete_version"),
        path(f"{version}/promote", labels.promote, name=f"{prefix}promote"),
        path(f"{version}/labels/<name:label>/remove", labels.remove, name=f"{prefix}remove_label"),
        *version_pages(version, f"{prefix}version"),
    ]


def artifact_pages(place: str, prefix: str) -> list[URLPattern]:
    """The collections of a place, and the versions in them, at the addresses that W&B prints."""
    collection = f"{place}/<name:type>/<name:collection>"
    version = f"{collection}/<name:version>"
    return [
        path(place, artifacts.artifacts, name=f"{prefix}artifacts"),
        path(f"{place}/<name:type>", artifacts.artifacts, name=f"{prefix}artifacts_of_type"),
        path(collection, artifacts.collection, name=f"{prefix}collection"),
        # A version is never named so: it is v3, 3 or latest.
        path(f"{collection}/delete", bin.delete_collection, name=f"{prefix}delete_collection"),
        path(version, artifacts.artifact, name=f"{prefix}artifact"),
        path(f"{version}/delete", bin.delete_version, name=f"{prefix}delete_artifact"),
        *version_pages(version, f"{prefix}artifact"),
    ]


def bin_pages(place: str, prefix: str) -> list[URLPattern]:
    """What was deleted in a place, and the way back."""
    return [
        path(place, bin.bin, name=f"{prefix}bin"),
        path(f"{place}/<name:item>/restore", bin.restore, name=f"{prefix}restore"),
        path(f"{place}/<name:item>/purge", bin.purge, name=f"{prefix}purge"),
    ]


def registry_pages() -> list[URLPattern]:
    """The registry where W&B's client prints it to be."""
    artifacts_there = "<team:team>/<registry:registry>/artifacts"
    collection = f"{artifacts_there}/<name:type>/<name:collection>"
    return [
        path("<team:team>/registry", printed.registry, name="printed_registry"),
        path("<team:team>/registry/<name:kind>", printed.registry, name="printed_registry_of"),
        path("orgs/<team:team>/registry/<name:kind>", printed.registry, name="printed_org"),
        path("<team:team>/<registry:registry>", printed.registry, name="printed_project"),
        path(artifacts_there, printed.registry_artifacts, name="printed_artifacts"),
        path(f"{artifacts_there}/<name:type>", printed.registry_artifacts, name="printed_type"),
        path(collection, printed.registry_artifacts, name="printed_collection"),
        path(f"{collection}/<name:version>", printed.registry_artifacts, name="printed_version"),
    ]


urlpatterns = [
    path("", home.home, name="home"),
    path("go/mlflow/<file:path>", printed.mlflow, name="printed_mlflow"),
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
    path("words", pages.words, name="words"),
    path("projects", projects.all_projects, name="projects"),
    path("search", search.search, name="search"),
    path("compare", compare.compare_any, name="compare_any"),
    path("<team:team>", home.team, name="team"),
    path("<team:team>/activity", activity.activity, name="activity"),
    path("<team:team>/activity/export.csv", activity.export, name="activity_csv"),
    path("<team:team>/settings", general.team_settings, name="team_settings"),
    path("<team:team>/settings/general", general.save, name="team_general"),
    path("<team:team>/settings/members", members.members, name="team_members"),
    path("<team:team>/settings/members/<name:username>", members.member, name="team_member"),
    path("<team:team>/settings/labels", label_settings.labels, name="team_labels"),
    path("<team:team>/settings/labels/order", label_settings.order, name="order_labels"),
    path("<team:team>/settings/labels/<name:label>/edit", label_settings.label, name="team_label"),
    path("<team:team>/settings/metrics", metrics.metrics, name="team_metrics"),
    path("<team:team>/settings/metrics/<int:metric>", metrics.metric, name="team_metric"),
    path("<team:team>/settings/keys", team_keys.keys, name="team_keys"),
    path("<team:team>/settings/keys/<int:key>", team_keys.revoke, name="revoke_team_key"),
    path("<team:team>/models", home.team_models, name="models"),
    *bin_pages("<team:team>/bin", ""),
    # Models of the registry, and their versions
    *model_pages("<team:team>/models/<name:collection>", ""),
    # What models are measured by. Names of golden sets may hold anything, slashes too, so nothing
    # comes after them.
    path("<team:team>/golden-sets", golden_sets.golden_sets, name="golden_sets"),
    path("<team:team>/golden-sets/<file:name>", golden_sets.golden_set, name="golden_set"),
    path("<team:team>/files/golden-sets/<file:name>", golden_sets.export, name="golden_set_csv"),
    path("<team:team>/settings/golden-sets/<file:name>", golden_sets.edit, name="edit_golden_set"),
    *registry_pages(),
    # What else stands in the registry
    *artifact_pages(REGISTRY, "registry_"),
    # Projects and runs
    path("<team:team>/<name:project>", projects.project, name="project"),
    path(
        "<team:team>/<name:project>/settings",
        project_settings.project_settings,
        name="project_settings",
    ),
    path("<team:team>/<name:project>/delete", bin.delete_project, name="delete_project"),
    *bin_pages("<team:team>/<name:project>/bin", "project_"),
    path("<team:team>/<name:project>/notes", notes.project_notes, name="project_notes"),
    path("<team:team>/<name:project>/runs", runs_table.runs, name="runs"),
    # Not below the runs, whose keys may be any word.
    path("<team:team>/<name:project>/views", saved.run_views, name="run_views"),
    path("<team:team>/<name:project>/views/<int:view>", saved.run_view, name="run_view"),
    path("<team:team>/<name:project>/runs.csv", runs_table.export, name="runs_csv"),
    path("<team:team>/<name:project>/delete/runs", bin.delete_runs, name="delete_runs"),
    path("<team:team>/<name:project>/restore/runs", bin.restore_runs, name="restore_runs"),
    path("<team:team>/<name:project>/runs/<name:run>", runs.run, name="run"),
    path(
        "<team:team>/<name:project>/runs/<name:run>/lineage",
        lineage.run_lineage,
        name="run_lineage",
    ),
    *run_file_pages("<team:team>/<name:project>/runs/<name:run>"),
    path("<team:team>/<name:project>/runs/<name:run>/delete", bin.delete_run, name="delete_run"),
    path("<team:team>/<name:project>/runs/<name:run>/notes", notes.run_notes, name="run_notes"),
    # A project's own models: the same views
    *model_pages("<team:team>/<name:project>/models/<name:collection>", "project_"),
    # What a project's runs logged
    *artifact_pages(PROJECT, ""),
]
