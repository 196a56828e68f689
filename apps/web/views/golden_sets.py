"""Golden sets: all of a team's, the leaderboard on one, and what curators do with them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.db.models import Case, IntegerField, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from apps.accounts.models import Team
from apps.artifacts.choices import MODEL
from apps.artifacts.queries import first_places, labels_of_versions
from apps.core.errors import Conflict, Invalid, NotFound
from apps.core.names import name_key
from apps.core.numbers import format_count
from apps.core.paging import Key, paginate
from apps.evaluations.examples import examples_from
from apps.evaluations.models import GoldenSet, MetricDefinition, Result
from apps.evaluations.queries import golden_sets_of
from apps.evaluations.services import (
    bring_back_golden_set,
    describe_golden_set,
    mark_golden_set,
    retire_golden_set,
)
from apps.projects.access import Access, Action, requires
from apps.registry.queries.board_export import board_lines
from apps.registry.queries.labels import labels_of
from apps.registry.queries.leaderboard import (
    leaderboard,
    metrics_on,
    result_counts,
    shown_metrics,
)
from apps.web.addresses import (
    edit_golden_set_url,
    golden_set_csv_url,
    golden_set_url,
    golden_sets_url,
    place_url,
)
from apps.web.csv_file import csv_file
from apps.web.forms.golden_sets import DescribeForm, MarkForm, RetireForm
from apps.web.htmx import answer
from apps.web.listing import Listing, read_listing
from apps.web.pager import pager
from apps.web.places import version_at
from apps.web.present.artifact import name_of_artifact, url_of
from apps.web.present.leaderboard import show_leaderboard
from apps.web.present.model import Crumb, crumbs_to_place, crumbs_to_version
from apps.web.present.people import moment, name_of
from apps.web.present.places import team_tabs
from apps.web.toasts import Undo, reason_for_undoing, tell

PAGE_SIZE = 50
SHOWN_EXAMPLES = 20
MAX_EXAMPLE = 1_000_000
IN_USE_FIRST = (Key("is_retired", "integer"), Key("name_key", "text"), Key("pk", "integer"))


@requires(Action.READ)
@require_safe
def golden_sets(request: HttpRequest, team: str) -> HttpResponse:
    """The team's golden sets: those in use, then those that are retired."""
    access: Access = request.access  # type: ignore[attr-defined]
    retired = Case(When(retired_at__isnull=False, then=1), default=0, output_field=IntegerField())
    found = golden_sets_of(access.team, access.user).annotate(is_retired=retired)
    page = paginate(
        found,
        IN_USE_FIRST,
        cursor=request.GET.get("cursor", ""),
        size=PAGE_SIZE,
        scope=str(access.team.pk),
    )
    models = result_counts(page.rows, access.user)
    data = first_places([one.artifact_id for one in page.rows if one.artifact_id], access.user)
    rows = [
        {
            "title": one.title,
            "name": one.name,
            "url": golden_set_url(access.team, one),
            "description": one.description,
            "is_retired": one.retired_at is not None,
            "examples": format_count(one.example_count),
            "models": format_count(models.get(one.pk, 0)),
            "data": name_of_artifact(one.artifact, data.get(one.artifact_id))
            if one.artifact
            else "",
            "data_url": url_of(data.get(one.artifact_id)) if one.artifact_id else "",
            "marked": moment(one.created_at),
        }
        for one in page.rows
    ]
    context = {
        "team": access.team,
        "crumbs": crumbs_to_place(access.team, None),
        "tabs": team_tabs(access, "golden_sets"),
        "page": page.with_rows(rows),
        "foot": pager(request, page, target="golden-sets"),
        "may_curate": access.allows(Action.CURATE),
        "command": _command(access.team),
    }
    return answer(request, "golden_sets/list.html", context, fragment="golden-sets")


def _command(team: Team) -> str:
    """What to paste into a shell to mark a golden set."""
    return (
        'curl -H "Authorization: Bearer YOUR_API_KEY" -H "Content-Type: application/json" \\\n'
        f"  {settings.BASE_URL}/api/v1/teams/{team.name}/golden-sets \\\n"
        """  -d '{"name": "digits_10k", "title": "10k", "example_count": 10000}'"""
    )


@requires(Action.READ)
@require_safe
def golden_set(request: HttpRequest, team: str, name: str) -> HttpResponse:
    """The leaderboard: `?metric=` decides, `?models=all` shows every version of every model."""
    access: Access = request.access  # type: ignore[attr-defined]
    found = _load(access, name)
    known = metrics_on(found, access.user)
    listing = _listing(request)
    metric = _metric(known, listing.option("metric"))
    path = golden_set_url(access.team, found)
    place = None
    if found.artifact_id is not None:
        place = first_places([found.artifact_id], access.user).get(found.artifact_id)
    context: dict[str, Any] = {
        "golden_set": found,
        "crumbs": _crumbs(access),
        "data": name_of_artifact(found.artifact, place) if found.artifact else "",
        "data_url": url_of(place),
        "examples": format_count(found.example_count),
        "marked": moment(found.created_at),
        "by": name_of(found.created_by),
        "retired": moment(found.retired_at),
        "edit_url": edit_golden_set_url(access.team, found) if access.allows(Action.CURATE) else "",
    }
    if metric is not None:
        context |= _board(found, metric, known, listing, access, path)
        context |= _examples(request, context["leader"])
    return answer(request, "golden_sets/page.html", context, fragment="leaderboard")


@requires(Action.READ)
@require_safe
def export(request: HttpRequest, team: str, name: str) -> StreamingHttpResponse:
    """Every place of the leaderboard as CSV, sent while it is read."""
    access: Access = request.access  # type: ignore[attr-defined]
    found = _load(access, name)
    known = metrics_on(found, access.user)
    listing = _listing(request)
    metric = _metric(known, listing.option("metric"))
    if metric is None:
        raise NotFound(_("Nothing was measured on it yet."))
    lines = board_lines(
        found,
        shown_metrics(metric, known),
        access.user,
        is_full=listing.option("models") == "all",
    )
    return csv_file(lines, name=found.title, kind="leaderboard")


@requires(Action.CURATE)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, team: str, name: str) -> HttpResponse:
    """What curators say of a golden set; and, with `do=retire` or `do=bring-back`, its end."""
    access: Access = request.access  # type: ignore[attr-defined]
    found = _load(access, name)
    if request.method != "POST":
        return _edit_page(request, access, found)
    if request.POST.get("do"):
        return _retire(request, access, found, request.POST["do"])
    form = DescribeForm(request.POST)
    if not form.is_valid():
        return _edit_page(request, access, found, form=form, status=400)
    describe_golden_set(golden_set=found, access=access, **form.cleaned_data)
    tell(request, _("What is said of the golden set has been saved."))
    return HttpResponseRedirect(golden_set_url(access.team, found))


@requires(Action.CURATE)
@require_http_methods(["GET", "HEAD", "POST"])
def mark(
    request: HttpRequest,
    team: str,
    collection: str,
    project: str | None = None,
    number: int | None = None,
    type: str = MODEL,
    version: str = "",
) -> HttpResponse:
    """Mark the data of a version for evaluation."""
    access: Access = request.access  # type: ignore[attr-defined]
    place = version_at(access, collection=collection, number=number, type=type, version=version)
    standing = golden_sets_of(access.team, access.user).filter(artifact=place.artifact).first()
    if standing is not None and request.method != "POST":
        return HttpResponseRedirect(golden_set_url(access.team, standing))
    suggested = {
        "name": f"{place.collection.name}:v{place.number}",
        "title": place.collection.name[:128],
        "description": place.artifact.description,
    }
    form = MarkForm(request.POST) if request.method == "POST" else MarkForm(initial=suggested)
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                marked = mark_golden_set(
                    artifact=place.artifact, access=access, **form.cleaned_data
                )
            except (Conflict, Invalid) as error:
                form.add_error(None, error.message)
                status = error.status
            else:
                tell(request, _("%(title)s is a golden set now.") % {"title": marked.title})
                return HttpResponseRedirect(golden_set_url(access.team, marked))
    context = {"form": form, "crumbs": crumbs_to_version(place), "back": place_url(place)}
    context["place"] = place
    return render(request, "golden_sets/mark.html", context, status=status)


def _listing(request: HttpRequest) -> Listing:
    return read_listing(request.GET, options={"metric": None, "models": ("all",)}, usual_size=25)


def _load(access: Access, name: str) -> GoldenSet:
    """The golden set of that name, if the reader may know of its data. Raises NotFound."""
    found = golden_sets_of(access.team, access.user).select_related("created_by", "team")
    one = found.filter(name_key=name_key(name)).first()
    if one is None:
        raise NotFound(f"There is no golden set {name!r} here.")
    return one


def _crumbs(access: Access) -> list[Crumb]:
    here = Crumb(_("Golden sets"), golden_sets_url(access.team))
    return [*crumbs_to_place(access.team, None), here]


def _metric(known: Sequence[MetricDefinition], name: str) -> MetricDefinition | None:
    """The metric that was asked for, else the first. Raises Invalid."""
    if not name:
        return known[0] if known else None
    found = next((metric for metric in known if metric.name_key == name_key(name)), None)
    if found is None:
        raise Invalid(_("Nothing was measured here by such a metric."), field="metric")
    return found


def _board(
    golden_set: GoldenSet,
    metric: MetricDefinition,
    known: Sequence[MetricDefinition],
    listing: Listing,
    access: Access,
    path: str,
) -> dict[str, Any]:
    is_full = listing.option("models") == "all"
    board = leaderboard(
        golden_set, metric, listing.query, access.user, known=known, is_full=is_full
    )
    held = labels_of_versions([rank.version for rank in board.ranks])
    view = show_leaderboard(board, golden_set, held, list(labels_of(access.team)))
    start = replace(listing, query=replace(listing.query, cursor=""))
    return {
        "board": view,
        "metric": metric,
        "leader": board.leader,
        "metrics": [
            {
                "label": one.title,
                "name": one.name,
                "url": start.opting("metric", one.name).address(path),
                "is_chosen": one.pk == metric.pk,
            }
            for one in known
        ],
        "kinds": [
            _kind(_("Best of each model"), start.opting("models", "").address(path), not is_full),
            _kind(_("Every version"), start.opting("models", "all").address(path), is_full),
        ],
        "csv_url": start.address(golden_set_csv_url(access.team, golden_set)),
        "foot": {
            "text": view.shown,
            "previous_url": listing.at(board.previous).address(path) if board.previous else "",
            "next_url": listing.at(board.next).address(path) if board.next else "",
            "target": "leaderboard",
        },
    }


def _kind(label: str, url: str, is_chosen: bool) -> Mapping[str, object]:
    return {"label": label, "url": url, "is_chosen": is_chosen}


def _examples(request: HttpRequest, leader: Result | None) -> dict[str, Any]:
    """Some examples of the golden set, as the first on the leaderboard was scored on them."""
    start = _number(request.GET.get("examples", ""))
    if leader is None:
        return {"sample": []}
    found = examples_from(leader, start=start, limit=SHOWN_EXAMPLES + 1)
    query = request.GET.copy()

    def address(first: int) -> str:
        query["examples"] = str(first)
        return f"{request.path}?{query.urlencode()}#examples"

    return {
        "sample": found[:SHOWN_EXAMPLES],
        "sample_foot": {
            "text": _("Examples %(first)s–%(last)s")
            % {
                "first": format_count(start + 1),
                "last": format_count(start + len(found[:SHOWN_EXAMPLES])),
            },
            "previous_url": address(max(start - SHOWN_EXAMPLES, 0)) if start else "",
            "next_url": address(start + SHOWN_EXAMPLES) if len(found) > SHOWN_EXAMPLES else "",
        },
    }


def _number(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and int(text[:9]) < MAX_EXAMPLE and len(text) < 9):
        raise Invalid(_("examples is the number of the first example to show."), field="examples")
    return int(text)


def _retire(request: HttpRequest, access: Access, found: GoldenSet, do: str) -> HttpResponse:
    if do not in ("retire", "bring-back"):
        raise Invalid(_("A golden set can be retired or brought back."), field="do")
    form = RetireForm(request.POST)
    if not form.is_valid():
        return _edit_page(request, access, found, retire_form=form, status=400)
    change = retire_golden_set if do == "retire" else bring_back_golden_set
    change(golden_set=found, access=access, reason=form.cleaned_data["reason"])
    if do == "retire":
        words, back = _("%(title)s is retired."), "bring-back"
    else:
        words, back = _("%(title)s is in use again."), "retire"
    undo = Undo(request.path, (("do", back), ("reason", reason_for_undoing())))
    tell(request, words % {"title": found.title}, undo=undo)
    return HttpResponseRedirect(golden_set_url(access.team, found))


def _edit_page(
    request: HttpRequest,
    access: Access,
    found: GoldenSet,
    *,
    form: DescribeForm | None = None,
    retire_form: RetireForm | None = None,
    status: int = 200,
) -> HttpResponse:
    back = golden_set_url(access.team, found)
    now = {name: getattr(found, name) for name in ("title", "example_count", "description")}
    context = {
        "golden_set": found,
        "crumbs": [*_crumbs(access), Crumb(found.title, back)],
        "back": back,
        "form": form or DescribeForm(initial=now),
        "retire_form": retire_form or RetireForm(auto_id="id_retire_%s"),
    }
    return render(request, "golden_sets/edit.html", context, status=status)
