"""Runs. Their history, files and artifacts are fields that other modules add."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils import timezone

from apps.core.limits import MAX_PAGE_SIZE
from apps.runs.models import Run, RunTag
from apps.runs.queries import config_of
from apps.wandb_api import ids, places, run_search
from apps.wandb_api.configs import own_values, wrapped
from apps.wandb_api.connections import Connection, page_size
from apps.wandb_api.run_states import word_for
from apps.wandb_api.schema import Node, field, field_of, nodes
from apps.wandb_api.times import wire_time
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
    def state(self) -> str:
        return word_for(self.row.state_at(timezone.now()))

    @field
    def config(self) -> str:
        return wrapped(config_of(self.row))

    @field
    def wandb_config(self, *, keys: list[str] | None = None) -> str:
        return own_values(config_of(self.row), keys)

    @field
    def tags(self) -> list[str]:
        found: list[str] = self.together(_tags, [])
        return found

    @field
    def group(self) -> str | None:
        return self.row.group or None

    @field
    def group_name(self) -> str | None:
        return self.row.group or None

    @field
    def job_type(self) -> str | None:
        return self.row.job_type or None

    @field
    def notes(self) -> str | None:
        return self.row.notes or None

    @field
    def description(self) -> None:
        """What `notes` was called once."""

    @field
    def commit(self) -> str | None:
        return self.row.code_commit or None

    @field
    def repo(self) -> str | None:
        return self.row.code_remote or None

    @field
    def job_program(self) -> str | None:
        return self.row.program or None

    @field
    def job_repo(self) -> str | None:
        return self.row.code_remote or None

    @field
    def host(self) -> str | None:
        return self.row.host or None

    @field
    def exit_code(self) -> int | None:
        return self.row.exit_code

    @field
    def read_only(self) -> bool:
        return bool(self.row.project.archived_at)

    @field
    def stopped(self) -> bool:
        """Whether somebody asked the run to stop; old clients ask every few seconds."""
        return self.row.stop_asked_at is not None

    @field
    def created_at(self) -> str:
        return wire_time(self.row.started_at)

    @field
    def updated_at(self) -> str:
        return wire_time(self.row.heartbeat_at)

    @field
    def heartbeat_at(self) -> str:
        return wire_time(self.row.heartbeat_at)

    @field
    def user(self) -> Person | None:
        return Person(self.context, self.row.created_by) if self.row.created_by else None

    @field
    def sweep_name(self) -> None:
        """There are no sweeps here."""

    @field
    def sweep(self) -> None:
        """There are no sweeps here."""

    @field
    def run_info(self) -> dict[str, Any]:
        return {
            "__typename": "RunInfo",
            "program": self.row.program or None,
            "git": {"commit": self.row.code_commit or None, "remote": self.row.code_remote or None},
            "host": self.row.host or None,
            "codeSaved": False,
        }


def _tags(rows: Sequence[Run]) -> Mapping[int, list[str]]:
    """The tags without a value: those with one are of another client's making."""
    tags: defaultdict[int, list[str]] = defaultdict(list)
    found = RunTag.objects.filter(run__in=[row.pk for row in rows], value="").order_by("name")
    for run, name in found.values_list("run", "name"):
        tags[run].append(name)
    return tags


@field_of("Project")
def run(node: ProjectNode, *, name: str) -> RunNode | None:
    if node.row.project is None:
        return None
    found = Run.objects.filter(project=node.row.project, key=name)
    row = found.select_related("project__team", "created_by").first()
    return RunNode(node.context, row) if row else None


@field_of("Project")
def runs(
    node: ProjectNode,
    *,
    filters: str | None = None,
    order: str | None = None,
    first: int | None = None,
    after: str | None = None,
) -> Connection | None:
    """Runs in the asked order; without one the newest come first."""
    place = node.row.project
    if place is None:
        return None
    size = min(page_size(first), MAX_PAGE_SIZE)
    page = run_search.search(place, filters=filters, order=order, cursor=after, size=size)
    found = Run.objects.select_related("project__team", "created_by").in_bulk(page.rows)
    rows = [found[key] for key in page.rows if key in found]
    cursors = [""] * (len(rows) - 1) + [page.next] if rows else []
    return Connection(
        node.context,
        nodes(RunNode, node.context, rows),
        cursors=cursors,
        has_next=bool(page.next),
        count=run_search.matching(place, filters, timezone.now()).count,
    )


@field_of("Project")
def buckets(
    node: ProjectNode, *, first: int | None = None, after: str | None = None
) -> Connection | None:
    """Runs under their oldest name."""
    return runs(node, first=first, after=after)


@field_of("Project")
def run_count(node: ProjectNode, *, filters: str | None = None) -> int:
    if node.row.project is None:
        return 0
    return run_search.matching(node.row.project, filters, timezone.now()).count()


@field_of("Project")
def bucket(node: ProjectNode, *, name: str, missing_ok: bool | None = None) -> RunNode | None:
    """A run under its oldest name."""
    return run(node, name=name)
