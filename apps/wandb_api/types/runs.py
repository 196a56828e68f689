"""Runs. Their history, files and artifacts are fields that other modules add."""

from apps.core.times import to_text
from apps.runs.models import Run
from apps.wandb_api import ids, places
from apps.wandb_api.schema import Node, field, field_of
from apps.wandb_api.types.people import Person
from apps.wandb_api.types.projects import ProjectNode


class RunNode(Node):
    NAME = "Run"
    row: Run

    @field
    def id(self) -> str:
        return ids.encode("Run", self.row.pk)

    @field
    def name(self) -> str:
        return self.row.key

    @field
    def display_name(self) -> str:
        return self.row.name

    @field
    def project(self) -> ProjectNode:
        return ProjectNode(self.context, places.of_project(self.row.project))

    @field
    def project_id(self) -> int:
        return self.row.project_id

    @field
    def created_at(self) -> str:
        return to_text(self.row.started_at)

    @field
    def heartbeat_at(self) -> str:
        return to_text(self.row.heartbeat_at)

    @field
    def user(self) -> Person | None:
        return Person(self.context, self.row.created_by) if self.row.created_by else None


@field_of("Project")
def run(node: ProjectNode, *, name: str) -> RunNode | None:
    if node.row.project is None:
        return None
    found = Run.objects.filter(project=node.row.project, key=name)
    row = found.select_related("project__team", "created_by").first()
    return RunNode(node.context, row) if row else None


@field_of("Project")
def bucket(node: ProjectNode, *, name: str, missing_ok: bool | None = None) -> RunNode | None:
    """A run under its oldest name."""
    return run(node, name=name)
