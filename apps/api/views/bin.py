"""Deleting, the bin, and the way back.

What a deletion would bring about is refused with 409 until the caller sends `force=true` and says
why: a script that does not think of it changes nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from apps.api.operations import EITHER, PROJECT, ApiRequest, operation, project_of
from apps.api.views.models import model_of, version_of
from apps.api.wire.base import (
    DEFAULT_SIZE,
    CursorText,
    ListOf,
    Size,
    VersionNumber,
    listed,
)
from apps.api.wire.bin import BinItemOut, PurgedOut, RestoredOut, bin_item_out
from apps.artifacts.choices import MODEL
from apps.bin.choices import Kind
from apps.bin.queries.items import bin_item, bin_page
from apps.bin.services import deletion
from apps.bin.services.purging import purge
from apps.bin.services.restoring import restore
from apps.core.errors import Conflict
from apps.projects.access import Action
from apps.runs.queries import run_in


@operation("DELETE", "", Action.ADMINISTER, places=[PROJECT], returns=BinItemOut)
def remove_project(request: ApiRequest, reason: str = "", force: bool = False) -> BinItemOut:
    """Put a project into the bin, with everything in it."""
    project = project_of(request)
    with _telling_how():
        deletion.delete_project(access=request.access, reason=reason, accept_consequences=force)
    team = request.access.within(None)
    return bin_item_out(bin_item(team, f"{Kind.PROJECT}-{project.pk}"))


@operation("DELETE", "/runs/{run}", Action.DELETE, returns=BinItemOut)
def remove_run(request: ApiRequest, run: str, reason: str = "", force: bool = False) -> BinItemOut:
    """Put a run into the bin. What it made stays."""
    found = run_in(project_of(request), run)
    with _telling_how():
        deletion.delete_run(
            run=found, access=request.access, reason=reason, accept_consequences=force
        )
    return bin_item_out(bin_item(request.access, f"{Kind.RUN}-{found.pk}"))


@operation(
    "DELETE",
    "/models/{collection}",
    Action.DELETE_VERSION,
    places=EITHER,
    returns=BinItemOut,
)
def remove_model(
    request: ApiRequest,
    collection: str,
    reason: str = "",
    force: bool = False,
    type: str = MODEL,
) -> BinItemOut:
    """Put a model, or a collection of another type, into the bin with its versions."""
    found = model_of(request, collection, type)
    with _telling_how():
        deletion.delete_collection(
            collection=found, access=request.access, reason=reason, accept_consequences=force
        )
    return bin_item_out(bin_item(request.access, f"{Kind.COLLECTION}-{found.pk}"))


@operation(
    "DELETE",
    "/models/{collection}/versions/{number}",
    Action.DELETE_VERSION,
    places=EITHER,
    returns=BinItemOut,
)
def remove_version(
    request: ApiRequest,
    collection: str,
    number: VersionNumber,
    reason: str = "",
    force: bool = False,
    type: str = MODEL,
) -> BinItemOut:
    """Put a version into the bin. Its number does not return; its labels are taken from it."""
    version = version_of(request, collection, number, type)
    with _telling_how():
        deletion.delete_version(
            version=version, access=request.access, reason=reason, accept_consequences=force
        )
    return bin_item_out(bin_item(request.access, f"{Kind.VERSION}-{version.pk}"))


@operation("GET", "/bin", Action.READ, places=EITHER, returns=ListOf[BinItemOut])
def list_bin(
    request: ApiRequest, cursor: CursorText = "", size: Size = DEFAULT_SIZE
) -> ListOf[BinItemOut]:
    """What was deleted in the team or in the project, newest first."""
    page = bin_page(request.access, cursor=cursor, size=size)
    return listed(page, bin_item_out, BinItemOut)


@operation("POST", "/bin/{item}/restore", Action.DELETE, places=EITHER, returns=RestoredOut)
def restore_item(request: ApiRequest, item: str) -> RestoredOut:
    """Take a thing out of the bin. It takes whoever may delete such a thing."""
    found = bin_item(request.access, item)
    restore(item=found, access=request.access)
    return RestoredOut(item=found.key, kind=found.kind, name=found.name)


@operation("DELETE", "/bin/{item}", Action.ADMINISTER, places=EITHER, returns=PurgedOut)
def purge_item(request: ApiRequest, item: str) -> PurgedOut:
    """Remove a thing in the bin for good, before its time."""
    found = bin_item(request.access, item)
    purge(item=found, access=request.access)
    return PurgedOut(item=found.key, kind=found.kind, name=found.name)


@contextmanager
def _telling_how() -> Iterator[None]:
    """Say what this door calls the caller's word."""
    try:
        yield
    except deletion.HasConsequences as error:
        raise Conflict(f"{error.message} To do so, send force=true and a reason.") from error
