"""Walking the lineage: the graph around an artifact version or a run, each box the next step."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from apps.artifacts.choices import MODEL, Direction
from apps.artifacts.lineage import Lineage, lineage_of, lineage_of_run
from apps.artifacts.models import ArtifactVersion, Version
from apps.artifacts.queries import first_places
from apps.core.errors import Invalid
from apps.projects.access import Access, Action, requires
from apps.runs.models import Run
from apps.runs.queries import run_in
from apps.web.addresses import place_url, run_url
from apps.web.htmx import answer
from apps.web.places import version_at
from apps.web.present.artifact import name_of_artifact, show_lineage, url_of
from apps.web.present.model import Crumb, crumbs_to_place, crumbs_to_version

DEPTHS = ("1", "2", "3", "4", "5", "6")
DEPTH = "2"
# Of each kind beside the drawing; the drawing itself holds no more.
SHOWN = 60


@requires(Action.READ)
@require_safe
def version_lineage(
    request: HttpRequest,
    team: str,
    collection: str,
    project: str | None = None,
    number: int | None = None,
    type: str = MODEL,
    version: str = "",
) -> HttpResponse:
    """The graph around a version's artifact, `?depth=` steps in both directions."""
    access: Access = request.access  # type: ignore[attr-defined]
    place = version_at(access, collection=collection, number=number, type=type, version=version)
    depth = _depth(request)
    graph = lineage_of(place.artifact, access.user, steps=int(depth))
    context = _graph(graph, place.artifact, depth, place_url(place), access)
    context |= {
        "crumbs": crumbs_to_version(place),
        "name": f"{place.collection.name} v{place.number}",
        "kind": place.artifact.type,
    }
    return answer(request, "lineage/page.html", context)


@requires(Action.READ)
@require_safe
def run_lineage(request: HttpRequest, team: str, project: str, run: str) -> HttpResponse:
    """The graph around a run."""
    access: Access = request.access  # type: ignore[attr-defined]
    found = run_in(access.here, run)
    depth = _depth(request)
    graph = lineage_of_run(found, access.user, steps=int(depth))
    page = run_url(access.team, found)
    context = _graph(graph, found, depth, page, access)
    context |= {
        "crumbs": [*crumbs_to_place(access.team, access.here), Crumb(found.name, page)],
        "name": found.name,
        "kind": _("run"),
    }
    return answer(request, "lineage/page.html", context)


def _depth(request: HttpRequest) -> str:
    depth = request.GET.get("depth", "") or DEPTH
    if depth not in DEPTHS:
        raise Invalid(_("depth is a number of steps from 1 to 6."), field="depth")
    return depth


def _graph(
    graph: Lineage, centre: ArtifactVersion | Run, depth: str, page: str, access: Access
) -> dict[str, Any]:
    places = first_places(graph.artifacts, access.user)
    path = f"{page}/lineage"
    return {
        "page": page,
        "lineage": show_lineage(graph, places, centre, access, is_walk=True),
        "groups": _groups(graph, centre, places, access),
        "depths": [
            {"label": one, "url": f"{path}?depth={one}", "is_chosen": one == depth}
            for one in DEPTHS
        ],
    }


def _groups(
    graph: Lineage, centre: ArtifactVersion | Run, places: dict[int, Version], access: Access
) -> list[dict[str, Any]]:
    """What is one step away, before the centre and after it."""
    words = (
        {Direction.USED: _("Used"), Direction.MADE: _("Made")}
        if isinstance(centre, Run)
        else {Direction.MADE: _("Made by"), Direction.USED: _("Used by")}
    )
    return [
        {
            "title": title,
            "key": direction,
            "rows": _neighbours(graph, centre, direction, places, access),
        }
        for direction, title in words.items()
    ]


def _neighbours(
    graph: Lineage,
    centre: ArtifactVersion | Run,
    direction: Direction,
    places: dict[int, Version],
    access: Access,
) -> Sequence[dict[str, str]]:
    rows = []
    for edge in sorted(graph.edges, key=lambda edge: (edge.run_id, edge.artifact_id)):
        if edge.direction != direction:
            continue
        if isinstance(centre, Run) and edge.run_id == centre.pk:
            artifact = graph.artifacts[edge.artifact_id]
            place = places.get(artifact.pk)
            name, url, kind = name_of_artifact(artifact, place), url_of(place), artifact.type
        elif isinstance(centre, ArtifactVersion) and edge.artifact_id == centre.pk:
            run = graph.runs[edge.run_id]
            is_deleted = run.deleted_at is not None
            url = "" if is_deleted else run_url(access.team, run)
            name, kind = run.name, _("run, in the bin") if is_deleted else _("run")
        else:
            continue
        walk = f"{url}/lineage" if url else ""
        rows.append({"name": name, "url": url, "walk": walk, "kind": kind, "use_as": edge.use_as})
    return rows[:SHOWN]
