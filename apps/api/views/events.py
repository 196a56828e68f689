"""The audit history: of a team, a project, a run, a model or a version."""

from typing import Annotated

from ninja import Query

from apps.api.operations import EITHER, PROJECT, ApiRequest, operation, project_of
from apps.api.views.models import model_of, version_of
from apps.api.wire.base import DEFAULT_SIZE, CursorText, ListOf, Size, VersionNumber, listed
from apps.api.wire.events import EventOut, event_out
from apps.artifacts.services import collection_subject, version_subject
from apps.audit.actors import Subject
from apps.projects.access import Action
from apps.registry.queries.history import history
from apps.runs.queries import run_in
from apps.runs.services import run_subject

MAX_KINDS = 20


@operation("GET", "/events", Action.READ, places=EITHER, returns=ListOf[EventOut])
def list_events(
    request: ApiRequest,
    kind: Annotated[list[str], Query(max_length=MAX_KINDS)] = (),  # type: ignore[assignment]
    cursor: CursorText = "",
    size: Size = DEFAULT_SIZE,
) -> ListOf[EventOut]:
    """Every change in the team, or in a project, that the caller may know of; newest first."""
    return _list(request, None, kind, cursor, size)


@operation("GET", "/runs/{run}/events", Action.READ, places=[PROJECT], returns=ListOf[EventOut])
def list_run_events(
    request: ApiRequest, run: str, cursor: CursorText = "", size: Size = DEFAULT_SIZE
) -> ListOf[EventOut]:
    """Every change of a run."""
    subject = run_subject(run_in(project_of(request), run))
    return _list(request, subject, (), cursor, size)


@operation(
    "GET", "/models/{collection}/events", Action.READ, places=EITHER, returns=ListOf[EventOut]
)
def list_model_events(
    request: ApiRequest, collection: str, cursor: CursorText = "", size: Size = DEFAULT_SIZE
) -> ListOf[EventOut]:
    """Every change of a model, its versions and labels."""
    subject = collection_subject(model_of(request, collection))
    return _list(request, subject, (), cursor, size)


@operation(
    "GET",
    "/models/{collection}/versions/{number}/events",
    Action.READ,
    places=EITHER,
    returns=ListOf[EventOut],
)
def list_version_events(
    request: ApiRequest,
    collection: str,
    number: VersionNumber,
    cursor: CursorText = "",
    size: Size = DEFAULT_SIZE,
) -> ListOf[EventOut]:
    """Every change of a version."""
    subject = version_subject(version_of(request, collection, number))
    return _list(request, subject, (), cursor, size)


def _list(
    request: ApiRequest,
    subject: Subject | None,
    kinds: list[str] | tuple[str, ...],
    cursor: str,
    size: int,
) -> ListOf[EventOut]:
    access = request.access
    page = history(
        access.team,
        access.user,
        project=access.project,
        subject=subject,
        kinds=kinds,
        cursor=cursor,
        size=size,
    )
    return listed(page, event_out, EventOut)
