"""Where a version came from and what became of it, drawn from left to right.

Data sets, runs, models and evaluations as boxes that are links, in layers: a box stands one layer
right of the last thing that it was made from.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.web.charts.chart import (
    Role,
    check_key,
    joined,
    number,
    printable,
    role_class,
    shortened,
    svg_text,
)

_BOX_WIDTH, _BOX_HEIGHT = 180, 60
_LAYER_GAP, _BOX_GAP, _PAD = 44, 16, 4
_SWEEPS = 4


@dataclass(frozen=True, slots=True)
class Node:
    """One box. `kind` is the small word on top ("run"), `detail` the line below the name."""

    key: str
    label: str
    kind: str = ""
    detail: str = ""
    url: str = ""
    role: Role = "slate"
    is_current: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """`source` was used to make `target` (keys of nodes)."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class LineageSpec:
    """What to draw. At most `most_in_layer` boxes stand above each other; the rest is counted."""

    key: str
    title: str
    nodes: Sequence[Node]
    edges: Sequence[Edge]
    most_in_layer: int = 8


@dataclass(frozen=True, slots=True)
class LineageDrawing:
    """The drawing, and the same in words: (from, to) for each edge."""

    svg: SafeString
    rows: tuple[tuple[str, str], ...]


def draw_lineage(spec: LineageSpec) -> LineageDrawing:
    """Lay the graph out and draw it; the same bytes every time, whatever it contains."""
    check_key(spec.key)
    nodes = {node.key: node for node in spec.nodes}
    edges = [
        (edge.source, edge.target)
        for edge in dict.fromkeys(spec.edges)
        if edge.source in nodes and edge.target in nodes and edge.source != edge.target
    ]
    rows = tuple((nodes[source].label, nodes[target].label) for source, target in edges)
    layers = _layers(list(nodes), edges)
    nodes, layers, edges = _folded(spec, nodes, layers, edges)
    _reduce_crossings(layers, edges)
    return LineageDrawing(_drawing(spec, nodes, layers, edges), rows)


Pair = tuple[str, str]


def _layers(keys: Sequence[str], edges: Sequence[Pair]) -> list[list[str]]:
    """The longest way to each node from a beginning; an edge that closes a circle is ignored."""
    after: dict[str, list[str]] = {key: [] for key in keys}
    waiting = dict.fromkeys(keys, 0)
    for source, target in edges:
        after[source].append(target)
        waiting[target] += 1
    depth = dict.fromkeys(keys, 0)
    ready = [key for key in keys if waiting[key] == 0]
    left = dict.fromkeys(keys)
    while left:
        # Only circles are left: begin with the first of them, as it was handed in.
        key = ready.pop(0) if ready else next(iter(left))
        if key not in left:
            continue
        del left[key]
        for target in after[key]:
            if target in left:
                depth[target] = max(depth[target], depth[key] + 1)
                waiting[target] -= 1
                if waiting[target] == 0:
                    ready.append(target)
    layers: list[list[str]] = [[] for _index in range(max(depth.values(), default=0) + 1)]
    for key in keys:
        layers[depth[key]].append(key)
    return [layer for layer in layers if layer]


def _folded(
    spec: LineageSpec, nodes: Mapping[str, Node], layers: list[list[str]], edges: list[Pair]
) -> tuple[dict[str, Node], list[list[str]], list[Pair]]:
    """The graph with the rest of each long layer as one box that counts it."""
    kept = dict(nodes)
    place: dict[str, str] = {}
    for index, layer in enumerate(layers):
        extra = len(layer) - spec.most_in_layer
        if extra <= 0:
            continue
        # The version that the page is about must stay in sight.
        layer.sort(key=lambda key: not nodes[key].is_current)
        more = f"\0more-{index}"
        for key in layer[spec.most_in_layer - 1 :]:
            place[key] = more
        count = extra + 1
        label = ngettext("%(count)s more", "%(count)s more", count) % {"count": count}
        kept[more] = Node(more, label, kind=_("not drawn"))
        layers[index] = [*layer[: spec.most_in_layer - 1], more]
    moved = ((place.get(source, source), place.get(target, target)) for source, target in edges)
    return kept, layers, list(dict.fromkeys(moved))


def _reduce_crossings(layers: list[list[str]], edges: Iterable[Pair]) -> None:
    """Order each layer by the mean place of its neighbours, forth and back a few times."""
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for source, target in edges:
        before.setdefault(target, []).append(source)
        after.setdefault(source, []).append(target)
    for sweep in range(_SWEEPS):
        forth = sweep % 2 == 0
        neighbours = before if forth else after
        place = {key: index / len(layer) for layer in layers for index, key in enumerate(layer)}
        for layer in layers if forth else reversed(layers):
            layer.sort(key=lambda key: _mean(place, neighbours.get(key, [key]), key))
            place |= {key: index / len(layer) for index, key in enumerate(layer)}


def _mean(place: Mapping[str, float], keys: Sequence[str], own: str) -> float:
    return sum(place[key] for key in keys) / len(keys) if keys else place[own]


def _drawing(
    spec: LineageSpec,
    nodes: Mapping[str, Node],
    layers: Sequence[Sequence[str]],
    edges: Sequence[Pair],
) -> SafeString:
    tallest = max((len(layer) for layer in layers), default=0)
    height = 2 * _PAD + max(tallest * (_BOX_HEIGHT + _BOX_GAP) - _BOX_GAP, _BOX_HEIGHT)
    width = 2 * _PAD + max(len(layers) * (_BOX_WIDTH + _LAYER_GAP) - _LAYER_GAP, _BOX_WIDTH)
    corner: dict[str, tuple[float, float]] = {}
    for column, layer in enumerate(layers):
        used = len(layer) * (_BOX_HEIGHT + _BOX_GAP) - _BOX_GAP
        for row, key in enumerate(layer):
            x = _PAD + column * (_BOX_WIDTH + _LAYER_GAP)
            corner[key] = (x, (height - used) / 2 + row * (_BOX_HEIGHT + _BOX_GAP))
    return format_html(
        # A group and not an image: the links inside must stay reachable.
        '<svg class="lineage" width="{}" height="{}" viewBox="0 0 {} {}" role="group"'
        ' aria-labelledby="{}-title"><title id="{}-title">{}</title>{}{}</svg>',
        *(width, height, width, height, spec.key, spec.key),
        printable(spec.title),
        joined(_edge(corner[source], corner[target]) for source, target in edges),
        joined(_box(nodes[key], *corner[key]) for layer in layers for key in layer),
    )


def _edge(source: tuple[float, float], target: tuple[float, float]) -> SafeString:
    x1, y1 = source[0] + _BOX_WIDTH, source[1] + _BOX_HEIGHT / 2
    x2, y2 = target[0] - 5, target[1] + _BOX_HEIGHT / 2
    bend = max((x2 - x1) / 2, _LAYER_GAP / 2)
    return format_html(
        '<path class="edge" d="M{} {}C{} {} {} {} {} {}"/>'
        '<path class="edge-end" d="M{} {}l-6 -4v8z"/>',
        *(number(n) for n in (x1, y1, x1 + bend, y1, x2 - bend, y2, x2 - 4, y2)),
        *(number(n) for n in (x2 + 3, y2)),
    )


def _box(node: Node, x: float, y: float) -> SafeString:
    room = _BOX_WIDTH - 28.0
    rows = [(node.kind, 11.0, "kind"), (node.label, 13.0, ""), (node.detail, 11.5, "detail")]
    filled = [row for row in rows if row[0]]
    line = 17.0
    top = y + (_BOX_HEIGHT - len(filled) * line) / 2 + 12.5
    texts = joined(
        svg_text(shortened(text, room, size), x + 16, top + index * line, classes=classes)
        for index, (text, size, classes) in enumerate(filled)
    )
    words = " · ".join(part for part in (node.kind, node.label, node.detail) if part)
    body = format_html(
        '<title>{}</title><rect class="box" x="{}" y="{}" width="{}" height="{}" rx="8"/>'
        '<path class="stripe" d="M{} {}v{}"/>{}',
        printable(words),
        *(number(x), number(y), _BOX_WIDTH, _BOX_HEIGHT),
        *(number(x + 6), number(y + 10), _BOX_HEIGHT - 20),
        texts,
    )
    classes = role_class(node.role)
    if node.is_current:
        classes += " is-current"
    if node.key.startswith("\0"):
        classes += " is-more"
    if not _is_own_path(node.url):
        return format_html('<g class="{}">{}</g>', classes, body)
    return format_html('<a class="{}" href="{}">{}</a>', classes, node.url, body)


def _is_own_path(url: str) -> bool:
    """Whether a link stays on this site, whoever chose the words in it."""
    return url.startswith("/") and not url.startswith(("//", "/\\"))
