"""An artifact in words: its metadata, where it came from and what became of it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from apps.artifacts.choices import DATASET, MODEL, Direction
from apps.artifacts.lineage import Lineage
from apps.artifacts.models import ArtifactVersion, Version
from apps.core.numbers import format_bytes, format_value
from apps.core.text import truncate
from apps.projects.access import Access
from apps.runs.models import Run
from apps.web.addresses import place_url, run_url
from apps.web.charts import Edge, LineageDrawing, LineageSpec, Node, draw_lineage
from apps.web.charts.chart import Role

SHOWN_FACTS = 60
MAX_METADATA = 20_000
_ROLES: Mapping[str, Role] = {MODEL: "accent", DATASET: "teal"}
_HUES = {MODEL: "blue", DATASET: "teal"}


def hue_of(type: str) -> str:
    """The colour of a type of artifact, in lists as in the lineage."""
    return _HUES.get(type, "slate")


@dataclass(frozen=True, slots=True)
class Fact:
    name: str
    value: str
    url: str = ""


def metadata_facts(metadata: Mapping[str, object]) -> list[Fact]:
    """The leaves of the metadata by dotted name, as many as a page can hold."""
    facts: list[Fact] = []
    for name, value in _leaves(metadata, ""):
        if len(facts) == SHOWN_FACTS:
            break
        facts.append(Fact(name, value))
    return facts


def metadata_text(artifact: ArtifactVersion) -> str:
    """The whole of it, as sent but indented; cut where it would fill the page."""
    text = json.dumps(json.loads(artifact.metadata), indent=2, ensure_ascii=False)
    return truncate(text, MAX_METADATA)


def _leaves(value: object, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        yield name, truncate(json.dumps(value, ensure_ascii=False), 300)
    elif isinstance(value, bool) or value is None:
        yield name, json.dumps(value)
    elif isinstance(value, float):
        yield name, format_value(value)
    else:
        yield name, truncate(str(value), 300)


# --- lineage ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kin:
    """The drawing, and the plain list beside it; `is_cut` says that some was left out."""

    drawing: LineageDrawing
    used: Sequence[Fact]
    is_cut: bool


def show_lineage(
    graph: Lineage, places: Mapping[int, Version], current: ArtifactVersion, access: Access
) -> Kin | None:
    """The graph around an artifact; `places` are where its artifacts stand. None when alone."""
    if not graph.edges:
        return None
    nodes = [
        _artifact_node(artifact, places.get(artifact.pk), is_current=artifact.pk == current.pk)
        for artifact in graph.artifacts.values()
    ]
    nodes += [_run_node(run, access) for run in graph.runs.values()]
    edges = sorted(
        (
            (f"run-{edge.run_id}", f"artifact-{edge.artifact_id}")
            if edge.direction == Direction.MADE
            else (f"artifact-{edge.artifact_id}", f"run-{edge.run_id}")
        )
        for edge in graph.edges
    )
    drawing = draw_lineage(
        LineageSpec(
            key="lineage",
            title=_("Where it came from and what became of it"),
            nodes=sorted(nodes, key=lambda node: node.key),
            edges=[Edge(source, target) for source, target in edges],
        )
    )
    return Kin(drawing, _used(graph, places, current), graph.is_cut)


def used_artifacts(graph: Lineage, current: ArtifactVersion) -> list[tuple[ArtifactVersion, str]]:
    """What the runs used that made the artifact, and as what: its training data."""
    makers = {
        edge.run_id
        for edge in graph.edges
        if edge.artifact_id == current.pk and edge.direction == Direction.MADE
    }
    found = [
        (graph.artifacts[edge.artifact_id], edge.use_as)
        for edge in graph.edges
        if edge.run_id in makers
        and edge.direction == Direction.USED
        and edge.artifact_id in graph.artifacts
    ]
    return sorted(found, key=lambda pair: (pair[1], pair[0].pk))


def _used(graph: Lineage, places: Mapping[int, Version], current: ArtifactVersion) -> list[Fact]:
    return [
        Fact(use_as or artifact.type, name_of_artifact(artifact, place), url_of(place))
        for artifact, use_as in used_artifacts(graph, current)
        for place in [places.get(artifact.pk)]
    ]


def name_of_artifact(artifact: ArtifactVersion, place: Version | None) -> str:
    if place is None:
        return artifact.short_digest or artifact.key[:8]
    return f"{place.collection.name}:v{place.number}"


def url_of(place: Version | None) -> str:
    return place_url(place) if place is not None else ""


def _artifact_node(artifact: ArtifactVersion, place: Version | None, *, is_current: bool) -> Node:
    return Node(
        key=f"artifact-{artifact.pk}",
        label=name_of_artifact(artifact, place),
        kind=artifact.type,
        detail=f"{artifact.short_digest} · {format_bytes(artifact.size_bytes)}",
        url="" if is_current else url_of(place),
        role=_ROLES.get(artifact.type, "slate"),
        is_current=is_current,
    )


def _run_node(run: Run, access: Access) -> Node:
    return Node(
        key=f"run-{run.pk}",
        label=run.name,
        kind=_("run"),
        detail=run.job_type or (run.created_by.username if run.created_by else ""),
        url=run_url(access.team, run),
        role="amber",
    )
