"""What results are about: metric definitions and golden sets of a team."""

from apps.api.operations import TEAM, Answer, ApiRequest, below, made, operation
from apps.api.views.artifacts import sealed_artifact
from apps.api.wire.base import DEFAULT_SIZE, CursorText, ListOf, Size, listed
from apps.api.wire.evaluations import (
    GoldenSetIn,
    GoldenSetOut,
    MetricIn,
    MetricOut,
    golden_set_out,
    metric_out,
)
from apps.core.errors import NotFound
from apps.core.names import name_key
from apps.core.paging import Key, paginate
from apps.evaluations.choices import Better
from apps.evaluations.queries import golden_sets_of, metrics_of
from apps.evaluations.services import define_metric, mark_golden_set
from apps.projects.access import Action

_BY_NAME = [Key("name_key", "text")]


@operation("GET", "/metrics", Action.READ, places=[TEAM], returns=ListOf[MetricOut])
def list_metrics(
    request: ApiRequest, cursor: CursorText = "", size: Size = DEFAULT_SIZE
) -> ListOf[MetricOut]:
    """The team's metrics that the caller may know of: titles, directions, formats."""
    access = request.access
    found = metrics_of(access.team, access.user)
    page = paginate(found, _BY_NAME, cursor=cursor, size=size, scope=f"team {access.team.pk}")
    return listed(page, metric_out, MetricOut)


@operation("GET", "/metrics/{path:name}", Action.READ, places=[TEAM], returns=MetricOut)
def show_metric(request: ApiRequest, name: str) -> MetricOut:
    """One metric definition."""
    access = request.access
    found = metrics_of(access.team, access.user).filter(name_key=name_key(name)).first()
    if found is None:
        raise NotFound(f"There is no metric {name[:255]!r} here.")
    return metric_out(found)


@operation("PUT", "/metrics/{path:name}", Action.CURATE, places=[TEAM], returns=MetricOut)
def describe_metric(request: ApiRequest, name: str, body: MetricIn) -> MetricOut:
    """Define a metric, or change its definition; whatever is left out stays."""
    metric = define_metric(
        name=name,
        access=request.access,
        title=body.title,
        better=Better(body.better) if body.better else None,
        format=body.format,
        description=body.description,
    )
    return metric_out(metric)


@operation("GET", "/golden-sets", Action.READ, places=[TEAM], returns=ListOf[GoldenSetOut])
def list_golden_sets(
    request: ApiRequest, cursor: CursorText = "", size: Size = DEFAULT_SIZE
) -> ListOf[GoldenSetOut]:
    """The team's golden sets whose data the caller may know of, by name."""
    access = request.access
    found = golden_sets_of(access.team, access.user)
    page = paginate(found, _BY_NAME, cursor=cursor, size=size, scope=f"team {access.team.pk}")
    return listed(page, golden_set_out, GoldenSetOut)


@operation("GET", "/golden-sets/{path:name}", Action.READ, places=[TEAM], returns=GoldenSetOut)
def show_golden_set(request: ApiRequest, name: str) -> GoldenSetOut:
    """One golden set."""
    access = request.access
    found = golden_sets_of(access.team, access.user).filter(name_key=name_key(name)).first()
    if found is None:
        raise NotFound(f"There is no golden set {name[:255]!r} here.")
    return golden_set_out(found)


@operation("POST", "/golden-sets", Action.CURATE, places=[TEAM], returns=GoldenSetOut, status=201)
def add_golden_set(request: ApiRequest, body: GoldenSetIn) -> Answer:
    """Mark a data set version for evaluation, or name a data set that is kept elsewhere."""
    artifact = None
    if body.artifact is not None:
        artifact = sealed_artifact(request.access, body.artifact)
    golden_set = mark_golden_set(
        name=body.name,
        title=body.title,
        artifact=artifact,
        digest=body.digest or "",
        example_count=body.example_count,
        description=body.description,
        access=request.access,
    )
    return made(golden_set_out(golden_set), at=below(request, golden_set.name))
