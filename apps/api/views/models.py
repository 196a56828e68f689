"""Models of the registry and of projects alike: versions, labels, history."""

from django.db import transaction
from django.db.models import QuerySet

from apps.api.operations import EITHER, Answer, ApiRequest, operation
from apps.api.views.artifacts import sealed_artifact
from apps.api.views.results import visible_results
from apps.api.wire.base import DEFAULT_SIZE, CursorText, ListOf, Size, VersionNumber, listed
from apps.api.wire.evaluations import result_out
from apps.api.wire.models import (
    LinkIn,
    LinkOut,
    ModelDetail,
    ModelRow,
    VersionDetail,
    VersionOut,
    model_detail,
    model_row,
    version_detail,
    version_out,
)
from apps.artifacts.choices import MODEL
from apps.artifacts.models import Collection, Version
from apps.artifacts.queries import (
    collection_named,
    collections_of,
    holdings_of,
    labels_of_versions,
    latest_number,
    version_numbered,
    versions_of,
)
from apps.artifacts.services import ensure_collection, link_version
from apps.core.paging import Key, paginate
from apps.evaluations.queries import current_results
from apps.projects.access import Action
from apps.registry.queries.overview import summaries_of
from apps.registry.queries.table import columns_of

_BY_NAME = [Key("name_key", "text"), Key("pk", "integer")]
_NEWEST_FIRST = [Key("number", "integer", descending=True)]


@operation("GET", "/models", Action.READ, places=EITHER, returns=ListOf[ModelRow])
def list_models(
    request: ApiRequest,
    type: str = MODEL,
    cursor: CursorText = "",
    size: Size = DEFAULT_SIZE,
) -> ListOf[ModelRow]:
    """The models of the team's registry, or of a project, with who holds the first label.

    `type` asks for other collections, such as data sets.
    """
    access = request.access
    found = collections_of(access.team, access.user, type=type).filter(project=access.project)
    place = access.project.pk if access.project else None
    scope = f"models {access.team.pk} {place} {type}"
    page = paginate(found, _BY_NAME, cursor=cursor, size=size, scope=scope)
    return listed(page.with_rows(summaries_of(page.rows, access.user)), model_row, ModelRow)


@operation("GET", "/models/{collection}", Action.READ, places=EITHER, returns=ModelDetail)
def show_model(request: ApiRequest, collection: str, type: str = MODEL) -> ModelDetail:
    """One model: who holds which label since when, and the columns of its table."""
    found = model_of(request, collection, type)
    user = request.access.user
    return model_detail(
        found,
        latest_number(found, user),
        list(holdings_of(found, user)),
        columns_of(found, user),
    )


@operation(
    "GET", "/models/{collection}/versions", Action.READ, places=EITHER, returns=ListOf[VersionOut]
)
def list_versions(
    request: ApiRequest,
    collection: str,
    type: str = MODEL,
    cursor: CursorText = "",
    size: Size = DEFAULT_SIZE,
) -> ListOf[VersionOut]:
    """The versions of a model, newest first."""
    found = model_of(request, collection, type)
    versions: QuerySet[Version] = versions_of(found, request.access.user).select_related(
        "artifact__project", "artifact__made_by", "linked_by"
    )
    scope = f"versions {found.pk}"
    page = paginate(versions, _NEWEST_FIRST, cursor=cursor, size=size, scope=scope)
    held = labels_of_versions(page.rows)
    return listed(page, lambda version: version_out(version, held.get(version.pk, [])), VersionOut)


@operation(
    "POST", "/models/{collection}/versions", Action.LINK, places=EITHER, returns=LinkOut, also=[201]
)
def add_version(request: ApiRequest, collection: str, body: LinkIn) -> Answer:
    """Link an artifact version into a model, which is made when there is none of this name.

    Linking what is linked already gives the standing version.
    """
    access = request.access
    artifact = sealed_artifact(access.within(None), body.artifact)
    with transaction.atomic():
        place = ensure_collection(
            name=collection, type=artifact.type, access=access, project=access.project
        )
        is_new = not place.versions.filter(artifact=artifact, deleted_at=None).exists()
        version = link_version(artifact=artifact, collection=place, access=access, note=body.note)
    answer = LinkOut(
        collection=place.name, version=version.number, artifact=artifact.key, is_new=is_new
    )
    return Answer(answer, 201 if is_new else 200)


@operation(
    "GET",
    "/models/{collection}/versions/{number}",
    Action.READ,
    places=EITHER,
    returns=VersionDetail,
)
def show_version(
    request: ApiRequest, collection: str, number: VersionNumber, type: str = MODEL
) -> VersionDetail:
    """One version with its labels, its artifact and its current results."""
    version = version_of(request, collection, number, type)
    held = labels_of_versions([version]).get(version.pk, [])
    results = visible_results(request.access, current_results(version.artifact))
    return version_detail(version, held, [result_out(result) for result in results])


def model_of(request: ApiRequest, name: str, type: str = MODEL) -> Collection:
    """The model in the registry or project that the address names. Raises NotFound."""
    return collection_named(request.access.team, request.access.project, name, type=type)


def version_of(request: ApiRequest, name: str, number: int, type: str = MODEL) -> Version:
    """One standing version of a model that the caller may see. Raises NotFound."""
    return version_numbered(model_of(request, name, type), number, request.access.user)
