"""The page of one version: why is this one here? And the artifacts that it came from."""

from heapq import merge

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from apps.artifacts.differences import earlier_version
from apps.artifacts.lineage import lineage_of
from apps.artifacts.models import Version
from apps.artifacts.queries import (
    first_places,
    latest_number,
    metadata_of,
    standing_places,
    version_numbered,
)
from apps.artifacts.services import artifact_subject, version_subject
from apps.audit.models import Event
from apps.core.errors import NotFound
from apps.projects.access import Access, Action, requires
from apps.registry.queries.comparison import (
    Standing,
    paired_to,
    scores_of,
    standing_of,
    versions_numbered,
)
from apps.registry.queries.history import history
from apps.registry.queries.table import columns_of
from apps.runs.metric_rules import rules_of
from apps.series.choices import SeriesKind
from apps.series.queries import series_of
from apps.web.addresses import model_url, version_url
from apps.web.curves import chart_groups, draw_curves
from apps.web.htmx import answer, asks_for
from apps.web.present.artifact import (
    metadata_text,
    metadata_tree,
    show_later,
    show_lineage,
)
from apps.web.present.comparison import Comparison, show_comparison
from apps.web.present.files import show_files
from apps.web.present.history import tell
from apps.web.present.labels import pills_by_version
from apps.web.present.model import crumbs_to
from apps.web.present.notes import show_card
from apps.web.present.people import moment, name_of
from apps.web.present.tags import tags_of_version
from apps.web.present.version import (
    other_places,
    show_held,
    show_measured,
    show_offer,
    version_facts,
)
from apps.web.stored import Shelf, shelf_of_version
from apps.web.views.models import load_model

SHOWN_EVENTS = 12
SHOWN_CURVES = 4
MAX_SERIES = 300


@requires(Action.READ)
@require_safe
def version(
    request: HttpRequest, team: str, collection: str, number: int, project: str | None = None
) -> HttpResponse:
    """Its labels and who gave them, scores against production, curves, files, lineage, history."""
    access: Access = request.access  # type: ignore[attr-defined]
    model = load_model(access, collection)
    found = version_numbered(model, number, access.user)
    page = version_url(found)
    if asks_for(request, "files"):
        return answer_files(request, shelf_of_version(found))
    standing = standing_of(model, access.user)
    latest = latest_number(model, access.user)
    context = {
        "version": found,
        "artifact": found.artifact,
        "model": model,
        "crumbs": crumbs_to(model),
        "page": page,
        "model_page": model_url(model),
        "pills": pills_by_version([found], standing, latest)[found.pk],
        "logged": moment(found.linked_at),
        "by": name_of(found.linked_by),
        "held": show_held(found, standing, access),
        "offer": show_offer(found, standing, access),
        "may_move": access.allows(Action.MOVE_LABEL),
        "may_delete": access.allows(Action.DELETE_VERSION),
        "facts": version_facts(found, access),
        "places": other_places(standing_places(found.artifact, access.user), found),
        **_scores(found, standing, latest, access),
        **_measured(found),
        "card": show_card(found, access),
        "events": tell(_events(found, access), standing.labels),
        **artifact_context(request, found, access),
    }
    return answer(request, "versions/version.html", context)


def answer_files(request: HttpRequest, shelf: Shelf) -> HttpResponse:
    """The panel of files alone, for htmx: another folder, or the next page of one."""
    context = {"files": show_files(request, shelf)}
    return answer(request, "files/panel.html", context, fragment="files")


def artifact_context(request: HttpRequest, place: Version, access: Access) -> dict[str, object]:
    """What every version has: files, metadata, lineage, perhaps one before it."""
    artifact = place.artifact
    graph = lineage_of(artifact, access.user)
    places = first_places(graph.artifacts, access.user)
    metadata = metadata_of(artifact)
    return {
        "has_earlier": earlier_version(place, access.user) is not None,
        "files": show_files(request, shelf_of_version(place)),
        "metadata": metadata_tree(metadata) if metadata else None,
        "metadata_text": metadata_text(artifact) if metadata else "",
        "later": show_later(artifact),
        "tags": tags_of_version(place),
        "lineage": show_lineage(graph, places, artifact, access),
    }


def _scores(
    version: Version, standing: Standing, latest: int | None, access: Access
) -> dict[str, object]:
    """The scores beside those of the holder of the first label, or of who held it before."""
    model = version.collection
    lead = standing.lead
    against, reference = None, ""
    if lead is not None and lead.version_id != version.pk:
        against, reference = lead.version.number, lead.label
    elif lead is not None and lead.former is not None:
        against, reference = lead.former.version.number, _("the former holder")
    others = _standing_version(version, against, access)
    versions = [version, *others]
    columns = columns_of(model, access.user)
    scores = scores_of([one.artifact_id for one in versions], columns)
    base = others[0] if others else None
    comparison: Comparison = show_comparison(
        versions,
        columns,
        scores,
        base=base,
        reference=reference,
        paired=paired_to(base, columns, scores) if base else None,
        pills=pills_by_version(others, standing, latest),
    )
    return {"comparison": comparison, "reference": reference}


def _standing_version(version: Version, number: int | None, access: Access) -> list[Version]:
    """The version to compare with; none when there is none, or it has gone or is hidden."""
    if number is None:
        return []
    try:
        return versions_numbered(version.collection, [number], access.user)
    except NotFound:
        return []


def _measured(version: Version) -> dict[str, object]:
    """What the run that made it measured: where each metric ended, and the first curves, losses
    before accuracies and the rest."""
    run = version.artifact.made_by
    if run is None or run.deleted_at is not None:
        return {}
    rules = rules_of(run)
    series = series_of(owner_id=run.pk, kind=SeriesKind.METRIC)[:MAX_SERIES]
    shown = [one for one in series if not rules.is_hidden(one.key)]
    groups = sorted(
        chart_groups(shown, rules), key=lambda group: ("loss" not in group.subject, group.subject)
    )
    return {
        "charts": draw_curves(run, groups[:SHOWN_CURVES]),
        "measured": show_measured(run, shown),
    }


def _events(version: Version, access: Access) -> list[Event]:
    """What happened to the version and to its artifact, newest first, each once."""
    pages = [
        history(access.team, access.user, subject=subject, size=SHOWN_EVENTS).rows
        for subject in (version_subject(version), artifact_subject(version.artifact))
    ]
    newest_first = merge(*pages, key=lambda event: event.sequence, reverse=True)
    return list({event.sequence: event for event in newest_first}.values())[:SHOWN_EVENTS]
