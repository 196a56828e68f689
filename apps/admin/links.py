"""The pages of the site that rows of the admin link to, by the names of their routes."""

from django.urls import reverse
from django.utils.html import format_html

from apps.accounts.models import Team
from apps.artifacts.choices import MODEL
from apps.artifacts.models import Collection, Version
from apps.projects.models import Project
from apps.runs.models import Run


def project_page(team: Team, project: Project) -> str:
    return reverse("project", args=[team.name, project.name])


def run_page(run: Run) -> str:
    return reverse("run", args=[run.project.team.name, run.project.name, run.key])


def collection_page(collection: Collection) -> str:
    """The status table of a model; what is no model has none."""
    if collection.type != MODEL:
        return ""
    if collection.project is None:
        return reverse("model", args=[collection.team.name, collection.name])
    return reverse(
        "project_model", args=[collection.team.name, collection.project.name, collection.name]
    )


def version_page(version: Version) -> str:
    model = collection_page(version.collection)
    return f"{model}/versions/{version.number}" if model else ""


def link(url: str, words: object) -> str:
    """A link, or only the words where there is no such page."""
    return format_html('<a href="{}">{}</a>', url, words) if url else str(words)


def place_words(team: Team, project: Project | None) -> str:
    """Where something lives: `main/digits`, or `main` for the registry of a team."""
    return f"{team.name}/{project.name}" if project else team.name
