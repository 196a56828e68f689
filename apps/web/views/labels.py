"""Moving labels by hand: the question with its consequence, then the move.

The form carries who held the label when it was shown. When somebody was quicker, the answer is 409
with both facts and the same form again, so that people decide on what is true.
"""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from apps.artifacts.models import Collection, LabelHolding, Version
from apps.artifacts.queries import latest_number, version_numbered
from apps.core.errors import Conflict, NotFound
from apps.projects.access import Access, Action, requires
from apps.registry.models import StatusLabel
from apps.registry.queries.comparison import (
    Standing,
    paired_to,
    scores_of,
    standing_of,
    versions_numbered,
)
from apps.registry.queries.labels import current_holding, exclusive_holdings, label_rules
from apps.registry.queries.table import columns_of
from apps.registry.services.promotion import (
    LabelMoved,
    NoFormerHolder,
    former_holding,
    promote_version,
    remove_label,
    roll_back,
)
from apps.registry.services.stages import STAGES, move_to_stage
from apps.web.addresses import (
    model_url,
    promote_url,
    remove_label_url,
    rollback_url,
    version_url,
)
from apps.web.forms.promotion import PromotionForm, ReasonForm, expected_holder
from apps.web.htmx import answer, go_to
from apps.web.present.comparison import Comparison, show_comparison
from apps.web.present.labels import (
    Moved,
    gave,
    label_choices,
    moved_meanwhile,
    pills_by_version,
    took,
)
from apps.web.present.model import crumbs_to, title_of
from apps.web.toasts import Undo, reason_for_undoing, tell
from apps.web.views.models import load_model

# Beside the version itself; more columns than this do not help a decision.
MAX_HOLDERS = 3
# The part of each page that the dialog of other pages shows (templates/base.html).
DIALOG = "dialog"
# In the form that undoes the removal of a stage: the label comes back as one.
AS_STAGE = "as_stage"


@requires(Action.MOVE_LABEL)
@require_http_methods(["GET", "HEAD", "POST"])
def promote(
    request: HttpRequest, team: str, collection: str, number: int, project: str | None = None
) -> HttpResponse:
    """Give a version a label."""
    access: Access = request.access  # type: ignore[attr-defined]
    model = load_model(access, collection)
    version = version_numbered(model, number, access.user)
    standing = standing_of(model, access.user)
    labels = [label.name for label in standing.labels]
    if request.method != "POST":
        form = PromotionForm(initial={"label": request.GET.get("label", "")}, labels=labels)
        return _ask_promotion(request, access, version, standing, form)
    form = PromotionForm(request.POST, labels=labels)
    if not form.is_valid():
        return _ask_promotion(request, access, version, standing, form, status=400)
    label = form.cleaned_data["label"]
    rules = label_rules(access.team, label)
    if AS_STAGE in request.POST and rules.name_key in STAGES:
        reason = form.cleaned_data["reason"]
        move_to_stage(version=version, stage=rules.name_key, access=access, reason=reason)
        tell(request, gave(version, label, None), undo=_undo_promotion(version, rules, None))
        return go_to(request, model_url(model))
    expected = (
        expected_holder(request.POST.getlist("holder"), label) if rules.is_exclusive else None
    )
    try:
        promote_version(
            version=version,
            label=label,
            access=access,
            reason=form.cleaned_data["reason"],
            expected=expected,
        )
    except LabelMoved:
        standing = standing_of(model, access.user)
        moved = moved_meanwhile(
            label, expected.holder if expected else None, standing.holder_of(rules.name_key)
        )
        return _ask_promotion(request, access, version, standing, form, moved=moved, status=409)
    loser = expected.holder if expected else None
    tell(request, gave(version, label, loser), undo=_undo_promotion(version, rules, loser))
    return go_to(request, model_url(model))


@requires(Action.MOVE_LABEL)
@require_http_methods(["GET", "HEAD", "POST"])
def rollback(
    request: HttpRequest, team: str, collection: str, label: str, project: str | None = None
) -> HttpResponse:
    """Give an exclusive label back to the version that held it before."""
    access: Access = request.access  # type: ignore[attr-defined]
    model = load_model(access, collection)
    rules = label_rules(access.team, label)
    access.require(Action.MOVE_PROTECTED_LABEL if rules.is_protected else Action.MOVE_LABEL)
    if request.method != "POST":
        return _ask_rollback(request, access, model, rules.name, ReasonForm())
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _ask_rollback(request, access, model, rules.name, form, status=400)
    expected = expected_holder(request.POST.getlist("holder"), rules.name)
    try:
        holding = roll_back(
            collection=model,
            label=rules.name,
            access=access,
            reason=form.cleaned_data["reason"],
            expected=expected,
        )
    except (LabelMoved, NoFormerHolder):
        now = current_holding(model, rules, user=access.user)
        moved = moved_meanwhile(rules.name, expected.holder, now)
        return _ask_rollback(request, access, model, rules.name, form, moved=moved, status=409)
    holding.version.collection = model
    tell(
        request,
        gave(holding.version, rules.name, expected.holder),
        undo=_undo_rollback(holding.version, rules, expected.holder),
    )
    return go_to(request, model_url(model))


@requires(Action.MOVE_LABEL)
@require_http_methods(["GET", "HEAD", "POST"])
def remove(
    request: HttpRequest,
    team: str,
    collection: str,
    number: int,
    label: str,
    project: str | None = None,
) -> HttpResponse:
    """Take a label from a version without giving it to another."""
    access: Access = request.access  # type: ignore[attr-defined]
    model = load_model(access, collection)
    version = version_numbered(model, number, access.user)
    rules = label_rules(access.team, label)
    access.require(Action.MOVE_PROTECTED_LABEL if rules.is_protected else Action.MOVE_LABEL)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    held = list(version.holdings.standing().filter(label_key=rules.name_key))
    if form.is_valid():
        remove_label(
            version=version, label=rules.name, access=access, reason=form.cleaned_data["reason"]
        )
        was_stage = all(one.is_stage for one in held)
        undo = _undo_removal(version, rules, was_stage=was_stage)
        tell(request, took(version, rules.name), undo=undo)
        return go_to(request, version_url(version))
    if not held:
        raise NotFound(f"v{version.number} does not hold {rules.name}.")
    context = _frame(model) | {
        "form": form,
        "version": version,
        "label": rules,
        "back": version_url(version),
    }
    status = 400 if form.is_bound else 200
    return answer(request, "versions/remove_label.html", context, fragment=DIALOG, status=status)


def _undo_promotion(version: Version, rules: StatusLabel, loser: int | None) -> Undo:
    """Back to the holder before; or where there was none, away from this version."""
    if loser is None or loser == version.number:
        return Undo(remove_label_url(version, rules.name), (("reason", reason_for_undoing()),))
    held = ("holder", f"{version.number}:{rules.name}")
    address = rollback_url(version.collection, rules.name)
    return Undo(address, (("reason", reason_for_undoing()), held))


def _undo_rollback(version: Version, rules: StatusLabel, loser: int | None) -> Undo | None:
    """The label again to the version that the roll-back took it from."""
    if loser is None or rules.pk is None:
        return None
    address = f"{model_url(version.collection)}/versions/{loser}/promote"
    return _give_back(address, rules, holder=str(version.number))


def _undo_removal(version: Version, rules: StatusLabel, *, was_stage: bool) -> Undo | None:
    """The label again to its version, as its stage if that is what it was. The form gives labels of
    the vocabulary alone."""
    back = _give_back(promote_url(version), rules, holder="")
    if was_stage:
        back = Undo(back.url, (*back.fields, (AS_STAGE, "on")))
    return back if rules.pk is not None else None


def _give_back(address: str, rules: StatusLabel, *, holder: str) -> Undo:
    fields = (("label", rules.name), ("holder", f"{holder}:{rules.name}"))
    return Undo(address, (("reason", reason_for_undoing()), *fields))


def _ask_promotion(
    request: HttpRequest,
    access: Access,
    version: Version,
    standing: Standing,
    form: PromotionForm,
    *,
    moved: Moved | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page with the choices; whatever led here, it shows who holds the labels now."""
    chosen = form["label"].value() or ""
    choices = label_choices(version, standing, access, chosen=chosen)
    if not any(choice.is_chosen for choice in choices):
        # The first label that the reader may move, in the order of the vocabulary.
        first = next((choice.name for choice in choices if choice.is_open), "")
        choices = label_choices(version, standing, access, chosen=first)
    context = _frame(version.collection) | {
        "form": form,
        "version": version,
        "choices": choices,
        "may_any": any(choice.is_open for choice in choices),
        "moved": moved,
        "comparison": _beside_holders(version, standing, access),
        "back": version_url(version),
    }
    return answer(request, "versions/promote.html", context, fragment=DIALOG, status=status)


def _ask_rollback(
    request: HttpRequest,
    access: Access,
    model: Collection,
    label: str,
    form: ReasonForm,
    *,
    moved: Moved | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page that names who would get the label back. Raises Conflict when there is nobody."""
    rules = label_rules(access.team, label)
    holding = current_holding(model, rules, user=access.user)
    target = _visible_former(model, holding, access)
    if moved is None and holding is None:
        raise NotFound(f"Nobody holds {rules.name} in {model.name}.")
    if moved is None and target is None:
        raise Conflict(f"There is no earlier holder of {rules.name} to go back to.")
    standing = standing_of(model, access.user)
    context = _frame(model) | {
        "form": form,
        "label": rules,
        "holding": holding,
        "target": target,
        "moved": moved,
        "back": model_url(model),
        "comparison": _side_by_side([target.version, holding.version], standing, access)
        if target and holding
        else None,
    }
    return answer(request, "versions/rollback.html", context, fragment=DIALOG, status=status)


def _visible_former(
    model: Collection, holding: LabelHolding | None, access: Access
) -> LabelHolding | None:
    """The holding that a roll-back would return to, its version loaded and visible."""
    former = former_holding(holding) if holding is not None else None
    if holding is None or former is None:
        return None
    numbers = [former.version.number, holding.version.number]
    try:
        former.version, holding.version = versions_numbered(model, numbers, access.user)
    except NotFound:
        # It comes from a project that is hidden from the reader: not even its number is told.
        return None
    return former


def _beside_holders(version: Version, standing: Standing, access: Access) -> Comparison:
    """The version beside those that hold exclusive labels now."""
    numbers = {
        held.version.number
        for held in exclusive_holdings(standing.labels, standing.holdings)
        if held.version_id != version.pk
    }
    shown = sorted(numbers, reverse=True)[:MAX_HOLDERS]
    others = versions_numbered(version.collection, shown, access.user) if shown else []
    return _side_by_side([version, *others], standing, access)


def _side_by_side(versions: list[Version], standing: Standing, access: Access) -> Comparison:
    model = versions[0].collection
    columns = columns_of(model, access.user)
    lead = standing.lead
    base = next((one for one in versions if lead and one.pk == lead.version_id), None)
    scores = scores_of([one.artifact_id for one in versions], columns)
    return show_comparison(
        versions,
        columns,
        scores,
        base=base,
        reference=lead.label if lead else "",
        paired=paired_to(base, columns, scores) if base else None,
        pills=pills_by_version(versions, standing, latest_number(model, access.user)),
    )


def _frame(model: Collection) -> dict[str, object]:
    return {"model": model, "title": title_of(model), "crumbs": crumbs_to(model)}
