"""What the client can ask for and this server does not have: empty lists, said at once.

Sweeps, launch queues, automations, reports and custom charts. Changes of them are refused in words
(`mutations/absent.py`).
"""

from typing import Any

from apps.wandb_api.connections import Connection
from apps.wandb_api.schema import field_of
from apps.wandb_api.types.people import Entity
from apps.wandb_api.types.projects import ProjectNode


def _none(node: Any) -> Connection:
    return Connection(node.context, [], cursors=[])


@field_of("Project")
def sweeps(
    node: ProjectNode,
    *,
    first: int | None = None,
    after: str | None = None,
    filters: str | None = None,
) -> Connection:
    return _none(node)


@field_of("Project")
def total_sweeps(node: ProjectNode) -> int:
    return 0


@field_of("Project")
def sweep(node: ProjectNode, *, sweep_name: str | None = None) -> None:
    """There are no sweeps here."""


@field_of("Project")
def run_queues(node: ProjectNode) -> list[Any]:
    return []


@field_of("Project")
def run_queue(node: ProjectNode, *, name: str | None = None) -> None:
    """There are no launch queues here."""


@field_of("Project")
def all_views(
    node: ProjectNode,
    *,
    first: int | None = None,
    after: str | None = None,
    view_type: str | None = None,
    view_name: str | None = None,
) -> Connection:
    """Reports; they are kept elsewhere."""
    return _none(node)


@field_of("Project")
def triggers(node: ProjectNode, *, first: int | None = None) -> Connection:
    return _none(node)


@field_of("Entity")
def integrations(node: Entity, *, first: int | None = None, after: str | None = None) -> Connection:
    return _none(node)
