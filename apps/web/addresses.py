"""Links to things. Every page takes its links from here, so an address has one home."""

from urllib.parse import quote

from django.urls import reverse

from apps.accounts.models import Team
from apps.artifacts.choices import MODEL
from apps.artifacts.models import Collection, Version
from apps.evaluations.models import GoldenSet
from apps.projects.models import Project
from apps.runs.models import Run


def team_url(team: Team) -> str:
    """All models of a team."""
    return reverse("models", args=[team.name])


def project_url(team: Team, project: Project) -> str:
    return reverse("project", args=[team.name, project.name])


def runs_url(team: Team, project: Project) -> str:
    """All runs of a project as a table."""
    return reverse("runs", args=[team.name, project.name])


def run_views_url(team: Team, project: Project) -> str:
    """The saved views of that table."""
    return reverse("run_views", args=[team.name, project.name])


def run_url(team: Team, run: Run) -> str:
    return reverse("run", args=[team.name, run.project.name, run.key])


def model_url(collection: Collection) -> str:
    """The status table of a model: of a project's own collection, or of one in the registry."""
    if collection.project is None:
        return reverse("model", args=[collection.team.name, collection.name])
    return reverse(
        "project_model", args=[collection.team.name, collection.project.name, collection.name]
    )


def version_url(version: Version) -> str:
    """The page of one version, below its model's."""
    return f"{model_url(version.collection)}/versions/{version.number}"


def promote_url(version: Version, label: str = "") -> str:
    """The question whether to promote a version, with a label chosen or not."""
    query = f"?label={quote(label)}" if label else ""
    return f"{version_url(version)}/promote{query}"


def remove_label_url(version: Version, label: str) -> str:
    return f"{version_url(version)}/labels/{quote(label, safe='')}/remove"


def rollback_url(collection: Collection, label: str) -> str:
    return f"{model_url(collection)}/labels/{quote(label, safe='')}/rollback"


def file_url(page: str, path: str) -> str:
    """The download of a file below the page of its version or artifact."""
    return f"{page}/files/{quote(path)}"


def view_url(page: str, path: str) -> str:
    """The page that shows what is in a file."""
    return f"{page}/view/{quote(path)}"


def image_url(page: str, path: str) -> str:
    """A file as a picture."""
    return f"{page}/image/{quote(path)}"


def artifacts_url(team: Team, project: Project | None) -> str:
    """The collections of a project, or with None of the team's registry."""
    if project is None:
        return reverse("registry_artifacts", args=[team.name])
    return reverse("artifacts", args=[team.name, project.name])


def collection_url(collection: Collection) -> str:
    """The page of any collection: a model's status table, else the list of its versions."""
    if collection.type == MODEL:
        return model_url(collection)
    names = [collection.type, collection.name]
    if collection.project is None:
        return reverse("registry_collection", args=[collection.team.name, *names])
    return reverse("collection", args=[collection.team.name, collection.project.name, *names])


def golden_sets_url(team: Team) -> str:
    """All golden sets of a team."""
    return reverse("golden_sets", args=[team.name])


def golden_set_url(team: Team, golden_set: GoldenSet) -> str:
    """The leaderboard on a golden set."""
    return reverse("golden_set", args=[team.name, golden_set.name])


def golden_set_csv_url(team: Team, golden_set: GoldenSet) -> str:
    return reverse("golden_set_csv", args=[team.name, golden_set.name])


def edit_golden_set_url(team: Team, golden_set: GoldenSet) -> str:
    return reverse("edit_golden_set", args=[team.name, golden_set.name])


def place_url(version: Version) -> str:
    """The page of a place in a collection: for a model its version's, else the artifact's.

    W&B's client prints the latter address for everything that it logs.
    """
    if version.collection.type == MODEL:
        return version_url(version)
    return f"{collection_url(version.collection)}/v{version.number}"
