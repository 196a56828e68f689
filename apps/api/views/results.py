"""Evaluation results of artifact versions, by artifact or by a model's version."""

from collections.abc import Sequence

from django.db.models import Q, QuerySet

from apps.api.operations import EITHER, ApiRequest, operation
from apps.api.views.artifacts import sealed_artifact
from apps.api.wire.base import (
    DEFAULT_SIZE,
    CursorText,
    ListOf,
    Size,
    VersionNumber,
    Whole,
    listed,
    whole_list,
)
from apps.api.wire.evaluations import (
    ExampleOut,
    ResultIn,
    ResultOut,
    ResultsIn,
    example_out,
    result_out,
)
from apps.artifacts.models import ArtifactVersion
from apps.artifacts.queries import collection_named, version_numbered
from apps.core.errors import NotFound
from apps.core.names import name_key
from apps.core.paging import Key, paginate
from apps.evaluations.choices import Source
from apps.evaluations.examples import ExampleScore, examples_from
from apps.evaluations.models import GoldenSet, Result
from apps.evaluations.queries import golden_sets_of
from apps.evaluations.services import Score, record_results
from apps.projects.access import Access, Action
from apps.runs.queries import run_in

_NEWEST_FIRST = [Key("pk", "integer", descending=True)]
_OF_VERSION = "/models/{collection}/versions/{number}/results"


@operation("POST", "/artifacts/{key}/results", Action.LOG, places=EITHER, returns=ListOf[ResultOut])
def add_results(request: ApiRequest, key: str, body: ResultsIn) -> ListOf[ResultOut]:
    """Record what an artifact version scored, all or nothing; older results stay in the history.

    Metrics that nobody has defined are defined by this, with a guess which way they improve.
    """
    return _record(request.access, sealed_artifact(request.access, key), body)


@operation("GET", "/artifacts/{key}/results", Action.READ, places=EITHER, returns=ListOf[ResultOut])
def list_results(
    request: ApiRequest,
    key: str,
    metric: str | None = None,
    history: bool = False,
    cursor: CursorText = "",
    size: Size = DEFAULT_SIZE,
) -> ListOf[ResultOut]:
    """The current results of an artifact version, newest first; with `history` the older too."""
    artifact = sealed_artifact(request.access, key)
    return _list(request.access, artifact, metric, history, cursor, size)


@operation("POST", _OF_VERSION, Action.LOG, places=EITHER, returns=ListOf[ResultOut])
def add_version_results(
    request: ApiRequest, collection: str, number: VersionNumber, body: ResultsIn
) -> ListOf[ResultOut]:
    """Record what a version of a model scored. The results show wherever its artifact stands."""
    return _record(request.access, _artifact_of(request, collection, number), body)


@operation("GET", _OF_VERSION, Action.READ, places=EITHER, returns=ListOf[ResultOut])
def list_version_results(
    request: ApiRequest,
    collection: str,
    number: VersionNumber,
    metric: str | None = None,
    history: bool = False,
    cursor: CursorText = "",
    size: Size = DEFAULT_SIZE,
) -> ListOf[ResultOut]:
    """The current results of a version, newest first; with `history` the older too."""
    artifact = _artifact_of(request, collection, number)
    return _list(request.access, artifact, metric, history, cursor, size)


@operation(
    "GET",
    "/artifacts/{key}/results/{result}/examples",
    Action.READ,
    places=EITHER,
    returns=ListOf[ExampleOut],
)
def list_examples(
    request: ApiRequest,
    key: str,
    result: Whole,
    cursor: Whole = 0,
    size: Size = DEFAULT_SIZE,
) -> ListOf[ExampleOut]:
    """The example-level scores of a result, in the order in which they were sent."""
    artifact = sealed_artifact(request.access, key)
    results = visible_results(request.access, artifact.results.filter(pk=result))
    found = results.first()
    if found is None:
        raise NotFound(f"There is no result {result} here.")
    # Examples never change, so their place in the list is as good a cursor as any.
    examples = examples_from(found, start=cursor, limit=size + 1)
    following = str(cursor + size) if len(examples) > size else None
    return ListOf[ExampleOut](items=list(map(example_out, examples[:size])), next=following)


def visible_results(access: Access, results: QuerySet[Result]) -> QuerySet[Result]:
    """Without those on golden sets whose data the caller may not know of."""
    sets = golden_sets_of(access.team, access.user).order_by().values("pk")
    return results.filter(Q(golden_set=None) | Q(golden_set__in=sets))


def _list(
    access: Access,
    artifact: ArtifactVersion,
    metric: str | None,
    history: bool,
    cursor: str,
    size: int,
) -> ListOf[ResultOut]:
    results = visible_results(access, artifact.results.all()).select_related(
        "metric", "golden_set", "run", "created_by"
    )
    if not history:
        results = results.filter(is_current=True)
    if metric is not None:
        results = results.filter(metric__name_key=name_key(metric))
    scope = f"results {artifact.pk} {history} {metric}"
    page = paginate(results, _NEWEST_FIRST, cursor=cursor, size=size, scope=scope)
    return listed(page, result_out, ResultOut)


def _record(access: Access, artifact: ArtifactVersion, body: ResultsIn) -> ListOf[ResultOut]:
    # What counts is the caller's role where the artifact lives, whatever way leads to it.
    there = access.within(artifact.project)
    run = run_in(artifact.project, body.run) if body.run is not None else None
    results = record_results(
        artifact=artifact,
        scores=_scores(there, body.results),
        access=there,
        source=Source.API,
        run=run,
    )
    return whole_list(map(result_out, results), ResultOut)


def _scores(access: Access, results: Sequence[ResultIn]) -> list[Score]:
    sets = _golden_sets(access, {one.golden_set for one in results if one.golden_set is not None})
    return [
        Score(
            metric=one.metric,
            value=one.value,
            golden_set=None if one.golden_set is None else sets[name_key(one.golden_set)],
            n=one.n,
            stderr=one.stderr,
            low=one.low,
            high=one.high,
            examples=[
                ExampleScore(e.example, e.score, e.prediction, e.target) for e in one.examples
            ],
        )
        for one in results
    ]


def _golden_sets(access: Access, names: set[str]) -> dict[str, GoldenSet]:
    """The golden sets of these names by key, in one query. Raises NotFound."""
    keys = {name_key(name): name for name in names}
    found = golden_sets_of(access.team, access.user).filter(name_key__in=keys)
    sets = {golden_set.name_key: golden_set for golden_set in found}
    for key, name in keys.items():
        if key not in sets:
            raise NotFound(f"There is no golden set {name[:255]!r} here.")
    return sets


def _artifact_of(request: ApiRequest, name: str, number: int) -> ArtifactVersion:
    access = request.access
    collection = collection_named(access.team, access.project, name)
    return version_numbered(collection, number, access.user).artifact
