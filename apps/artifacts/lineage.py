"""Where an artifact version comes from and what became of it, as a graph.

Upwards: the run that made it, what that run used, the runs that made those, and so on. Downwards:
the runs that used it and what they made. Each step is two queries, whatever the number of nodes,
and the walk stops after a few steps. What the reader may not see is left out.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from apps.accounts.models import User
from apps.artifacts.choices import Direction
from apps.artifacts.models import ArtifactVersion, RunArtifact
from apps.projects.models import Project
from apps.runs.models import Run

STEPS = 3
MAX_NODES = 60


@dataclass(frozen=True)
class Edge:
    """An arrow from an artifact to the run that used it, or from a run to what it made."""

    run_id: int
    artifact_id: int
    direction: Direction
    use_as: str


@dataclass(frozen=True)
class _Way:
    """Which edges lead on from an artifact and from a run."""

    into_artifacts: Direction
    into_runs: Direction


UPWARDS = _Way(Direction.MADE, Direction.USED)
DOWNWARDS = _Way(Direction.USED, Direction.MADE)


@dataclass
class Lineage:
    """The nodes by primary key, the edges, and whether some were left out for space."""

    artifacts: dict[int, ArtifactVersion] = field(default_factory=dict)
    runs: dict[int, Run] = field(default_factory=dict)
    edges: set[Edge] = field(default_factory=set)
    is_cut: bool = False


def lineage_of(artifact: ArtifactVersion, user: User | None, *, steps: int = STEPS) -> Lineage:
    """The graph around an artifact version, as far as the user may see it."""
    graph = Lineage(artifacts={artifact.pk: artifact})
    _walk(graph, {artifact.pk}, user, UPWARDS, steps)
    _walk(graph, {artifact.pk}, user, DOWNWARDS, steps)
    return graph


def lineage_of_run(run: Run, user: User | None, *, steps: int = STEPS) -> Lineage:
    """The graph around a run: what it used and made, and so on."""
    graph = Lineage(runs={run.pk: run})
    for way in (UPWARDS, DOWNWARDS):
        nearest = _artifacts_at(graph, {run.pk}, way.into_runs, user)
        _walk(graph, nearest, user, way, steps - 1)
    return graph


def _walk(graph: Lineage, artifacts: set[int], user: User | None, way: _Way, steps: int) -> None:
    """From artifacts to runs along edges of one direction, from runs on along the other."""
    for _ in range(steps):
        if not artifacts:
            return
        runs = _runs_at(graph, artifacts, way.into_artifacts, user)
        artifacts = _artifacts_at(graph, runs, way.into_runs, user)


def _runs_at(
    graph: Lineage, artifacts: Iterable[int], direction: Direction, user: User | None
) -> set[int]:
    edges = RunArtifact.objects.filter(artifact__in=artifacts, direction=direction).select_related(
        "run__project", "run__created_by"
    )
    if user is not None:
        edges = edges.filter(run__project__in=Project.objects.visible_to(user).values("pk"))
    fresh = set()
    for edge in edges.order_by("-at", "-pk")[: MAX_NODES + 1]:
        if edge.run_id not in graph.runs:
            if _is_full(graph):
                continue
            graph.runs[edge.run_id] = edge.run
            fresh.add(edge.run_id)
        graph.edges.add(_edge(edge))
    return fresh


def _artifacts_at(
    graph: Lineage, runs: Iterable[int], direction: Direction, user: User | None
) -> set[int]:
    edges = RunArtifact.objects.filter(run__in=runs, direction=direction).select_related(
        "artifact__project"
    )
    if user is not None:
        edges = edges.filter(artifact__project__in=Project.objects.visible_to(user).values("pk"))
    fresh = set()
    for edge in edges.order_by("-at", "-pk")[: MAX_NODES + 1]:
        if edge.artifact_id not in graph.artifacts:
            if _is_full(graph):
                continue
            graph.artifacts[edge.artifact_id] = edge.artifact
            fresh.add(edge.artifact_id)
        graph.edges.add(_edge(edge))
    return fresh


def _is_full(graph: Lineage) -> bool:
    if len(graph.artifacts) + len(graph.runs) < MAX_NODES:
        return False
    graph.is_cut = True
    return True


def _edge(edge: RunArtifact) -> Edge:
    return Edge(edge.run_id, edge.artifact_id, Direction(edge.direction), edge.use_as)
