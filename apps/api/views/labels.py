"""Status labels: the team's vocabulary, and who holds them in a model."""

from apps.api.operations import EITHER, TEAM, ApiRequest, operation
from apps.api.views.models import model_of, version_of
from apps.api.wire.base import (
    DEFAULT_SIZE,
    CursorText,
    ListOf,
    Size,
    VersionNumber,
    listed,
    whole_list,
)
from apps.api.wire.models import (
    HoldersOut,
    HoldingOut,
    LabelIn,
    LabelOut,
    PromoteIn,
    RollbackIn,
    TakenOut,
    holding_out,
    label_out,
)
from apps.artifacts.queries import holdings_of
from apps.core.errors import Invalid, NotFound
from apps.core.names import name_key
from apps.core.paging import Key, paginate
from apps.projects.access import Action
from apps.registry.choices import Colour
from apps.registry.queries.labels import label_history, label_rules, labels_of
from apps.registry.services.labels import save_label
from apps.registry.services.promotion import Expected, promote_version, remove_label, roll_back

_NEWEST_FIRST = [Key("held_from", "time", descending=True), Key("pk", "integer", descending=True)]
_HELD = "/models/{collection}/labels"
_ONE = "/models/{collection}/labels/{label}"


@operation("GET", _HELD, Action.READ, places=EITHER, returns=ListOf[HoldingOut])
def list_holders(request: ApiRequest, collection: str) -> ListOf[HoldingOut]:
    """Which version holds which label, since when and why."""
    held = holdings_of(model_of(request, collection), request.access.user)
    return whole_list(map(holding_out, held), HoldingOut)


@operation("GET", _ONE, Action.READ, places=EITHER, returns=HoldersOut)
def show_holders(request: ApiRequest, collection: str, label: str) -> HoldersOut:
    """Who holds one label now; nobody, when the list is empty.

    404 for a word that is not in the team's vocabulary and that nobody here holds.
    """
    model = model_of(request, collection)
    rules = label_rules(request.access.team, label)
    held = list(holdings_of(model, request.access.user).filter(label_key=rules.name_key))
    if not (rules.pk or held):
        raise _no_label(label)
    return HoldersOut(label=rules.name, holders=list(map(holding_out, held)))


@operation("PUT", _ONE, Action.MOVE_LABEL, places=EITHER, returns=HoldingOut)
def promote(request: ApiRequest, collection: str, label: str, body: PromoteIn) -> HoldingOut:
    """Give a version a label; an exclusive one leaves its former holder.

    409 when `expected` is given and is not the holder any more.
    """
    version = version_of(request, collection, body.version)
    is_expecting = "expected" in body.model_fields_set
    holding = promote_version(
        version=version,
        label=label,
        access=request.access,
        reason=body.reason,
        expected=Expected(body.expected) if is_expecting else None,
    )
    return holding_out(holding)


@operation("DELETE", _ONE, Action.MOVE_LABEL, places=EITHER, returns=TakenOut)
def take_label(
    request: ApiRequest, collection: str, label: str, version: VersionNumber, reason: str = ""
) -> TakenOut:
    """Take a label from the version that holds it."""
    found = version_of(request, collection, version)
    remove_label(version=found, label=label, access=request.access, reason=reason)
    return TakenOut(label=label_rules(request.access.team, label).name, version=found.number)


@operation("POST", f"{_ONE}/rollback", Action.MOVE_LABEL, places=EITHER, returns=HoldingOut)
def roll_label_back(
    request: ApiRequest, collection: str, label: str, body: RollbackIn
) -> HoldingOut:
    """Return a label to the version that held it before the present holder."""
    holding = roll_back(
        collection=model_of(request, collection),
        label=label,
        access=request.access,
        reason=body.reason,
        expected=Expected(body.expected) if "expected" in body.model_fields_set else None,
    )
    return holding_out(holding)


@operation("GET", f"{_ONE}/history", Action.READ, places=EITHER, returns=ListOf[HoldingOut])
def list_history(
    request: ApiRequest,
    collection: str,
    label: str,
    cursor: CursorText = "",
    size: Size = DEFAULT_SIZE,
) -> ListOf[HoldingOut]:
    """Who held a label from when to when, newest first."""
    model = model_of(request, collection)
    rules = label_rules(request.access.team, label)
    holdings = label_history(model, label, user=request.access.user)
    scope = f"history {model.pk} {rules.name_key}"
    page = paginate(holdings, _NEWEST_FIRST, cursor=cursor, size=size, scope=scope)
    if not (rules.pk or page.rows):
        raise _no_label(label)
    return listed(page, holding_out, HoldingOut)


@operation("GET", "/labels", Action.READ, places=[TEAM], returns=ListOf[LabelOut])
def list_labels(request: ApiRequest) -> ListOf[LabelOut]:
    """The team's vocabulary of status labels in its order."""
    return whole_list(map(label_out, labels_of(request.access.team)), LabelOut)


@operation("GET", "/labels/{label}", Action.READ, places=[TEAM], returns=LabelOut)
def show_label(request: ApiRequest, label: str) -> LabelOut:
    """One label of the vocabulary."""
    found = labels_of(request.access.team).filter(name_key=name_key(label)).first()
    if found is None:
        raise _no_label(label)
    return label_out(found)


@operation("PUT", "/labels/{label}", Action.CURATE, places=[TEAM], returns=LabelOut)
def define_label(request: ApiRequest, label: str, body: LabelIn) -> LabelOut:
    """Add a label to the vocabulary, or change the one of that name."""
    if body.colour is not None and body.colour not in Colour.values:
        raise Invalid(f"colour is one of: {', '.join(Colour.values)}.", field="colour")
    saved = save_label(
        name=label,
        access=request.access,
        colour=None if body.colour is None else Colour(body.colour),
        position=body.position,
        is_exclusive=body.is_exclusive,
        is_protected=body.is_protected,
    )
    return label_out(saved)


def _no_label(label: str) -> NotFound:
    return NotFound(f"There is no label {label[:64]!r} here.")
