"""An artifact in words: its metadata, where it came from and what became of it."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.artifacts.choices import DATASET, MODEL, Direction
from apps.artifacts.differences import values_changed
from apps.artifacts.lineage import Lineage
from apps.artifacts.models import ArtifactVersion, Version
from apps.artifacts.queries import metadata_of
from apps.core.numbers import format_bytes, format_value
from apps.core.text import natural, truncate
from apps.projects.access import Access
from apps.runs.models import Run
from apps.web.addresses import place_url, run_url
from apps.web.charts import Edge, LineageDrawing, LineageSpec, Node, draw_lineage
from apps.web.charts.chart import Role
from apps.web.wrapping import wrapping

SHOWN_VALUES = 300
MAX_VALUE = 300
# What is nested deeper is one line of JSON; what is deeper than the second is closed at first.
MAX_DEPTH, OPEN_DEPTH = 6, 2
MAX_METADATA = 20_000
SHOWN_CHANGES, MAX_CHANGED = 50, 120
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


@dataclass(frozen=True, slots=True)
class Branch:
    """A value by its name, or what is below it; `note` says how much."""

    name: str
    value: str
    children: Sequence["Branch"] = ()
    note: str = ""
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class MetadataTree:
    branches: Sequence[Branch]
    is_cut: bool


def metadata_tree(metadata: Mapping[str, object]) -> MetadataTree:
    """What was logged along with an artifact, as many values as a page can hold."""
    left = [SHOWN_VALUES]
    branches = list(_branches(_by_name(metadata), left, depth=0))
    return MetadataTree(branches, is_cut=left[0] <= 0)


def metadata_text(artifact: ArtifactVersion) -> str:
    """The whole of it as it is now, indented; cut where it would fill the page."""
    return _indented(artifact.later_metadata or artifact.metadata)


def _indented(text: str) -> str:
    return truncate(json.dumps(json.loads(text), indent=2, ensure_ascii=False), MAX_METADATA)


@dataclass(frozen=True, slots=True)
class LaterMetadata:
    """What was changed after sealing: (name, as sealed, now), and what was sealed as JSON."""

    changes: Sequence[tuple[str, str, str]]
    more: int
    sealed_text: str


def show_later(artifact: ArtifactVersion) -> LaterMetadata | None:
    """None where the metadata is as it was sealed."""
    if not artifact.later_metadata:
        return None
    changes = values_changed(json.loads(artifact.metadata), metadata_of(artifact))
    return LaterMetadata(
        changes=[
            (
                wrapping(one.name),
                "–" if one.before is None else truncate(one.before, MAX_CHANGED),
                "–" if one.after is None else truncate(one.after, MAX_CHANGED),
            )
            for one in changes[:SHOWN_CHANGES]
        ],
        more=max(len(changes) - SHOWN_CHANGES, 0),
        sealed_text=_indented(artifact.metadata),
    )


def _branches(pairs: Iterable[tuple[str, object]], left: list[int], depth: int) -> Iterator[Branch]:
    """`left` holds how many values may still be shown."""
    for name, value in pairs:
        if left[0] <= 0:
            return
        inner = list(_inside(value)) if depth < MAX_DEPTH else []
        if inner:
            children = list(_branches(inner, left, depth + 1))
            note = ngettext("%(count)d value", "%(count)d values", len(inner))
            yield Branch(
                wrapping(name), "", children, note % {"count": len(inner)}, depth < OPEN_DEPTH
            )
        else:
            left[0] -= 1
            yield Branch(wrapping(name), _value(value))


def _inside(value: object) -> Iterable[tuple[str, object]]:
    """The named parts of a value: of a mapping, and of a list that holds more than plain values."""
    if isinstance(value, Mapping):
        return _by_name(value)
    if isinstance(value, list) and any(isinstance(inner, Mapping | list) for inner in value):
        return [(f"[{position}]", inner) for position, inner in enumerate(value)]
    return []


def _by_name(values: Mapping[Any, object]) -> list[tuple[str, object]]:
    """Clients send them in any order."""
    named = [(str(key), value) for key, value in values.items()]
    return sorted(named, key=lambda one: natural(one[0]))


def _value(value: object) -> str:
    if isinstance(value, float):
        return format_value(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return truncate(text, MAX_VALUE)


# --- lineage ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kin:
    """The drawing, and the plain list beside it; `is_cut` says that some was left out."""

    drawing: LineageDrawing
    used: Sequence[Fact]
    is_cut: bool


def show_lineage(
    graph: Lineage,
    places: Mapping[int, Version],
    current: ArtifactVersion | Run,
    access: Access,
    *,
    is_walk: bool = False,
) -> Kin | None:
    """The graph around an artifact or a run; `places` are where its artifacts stand.

    None when it is alone. The boxes lead to the pages of what they show; on a walk, to the graph
    around it.
    """
    if not graph.edges:
        return None
    own = node_key(current)
    below = "/lineage" if is_walk else ""
    nodes = [
        _artifact_node(artifact, places.get(artifact.pk), own, below)
        for artifact in graph.artifacts.values()
    ]
    nodes += [_run_node(run, access, own, below) for run in graph.runs.values()]
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
    used = _used(graph, places, current) if isinstance(current, ArtifactVersion) else []
    return Kin(drawing, used, graph.is_cut)


def node_key(thing: ArtifactVersion | Run) -> str:
    """What the drawing calls an artifact or a run."""
    return f"{'run' if isinstance(thing, Run) else 'artifact'}-{thing.pk}"


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


def _artifact_node(
    artifact: ArtifactVersion, place: Version | None, current: str, below: str
) -> Node:
    key = node_key(artifact)
    url = url_of(place)
    return Node(
        key=key,
        label=name_of_artifact(artifact, place),
        # The number stands on top: the box has no room for it behind a long name.
        kind=f"{artifact.type} v{place.number}" if place else artifact.type,
        detail=_artifact_detail(artifact, place),
        url=url + below if url and key != current else "",
        role=_ROLES.get(artifact.type, "slate"),
        is_current=key == current,
    )


def _artifact_detail(artifact: ArtifactVersion, place: Version | None) -> str:
    if artifact.purged_at is not None:
        return _("removed for good")
    if place is None:
        return _("in the bin")
    return f"{artifact.short_digest} · {format_bytes(artifact.size_bytes)}"


def _run_node(run: Run, access: Access, current: str, below: str) -> Node:
    key = node_key(run)
    is_deleted = run.deleted_at is not None
    by = run.created_by.username if run.created_by else ""
    return Node(
        key=key,
        label=run.name,
        kind=_("run"),
        detail=_("in the bin") if is_deleted else run.job_type or by,
        url="" if is_deleted or key == current else run_url(access.team, run) + below,
        role="amber",
        is_current=key == current,
    )
