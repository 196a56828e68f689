"""The page of one version in words: why is this one here?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from apps.artifacts.models import LabelHolding, Version
from apps.core.numbers import format_bytes, format_count, format_value
from apps.core.text import truncate
from apps.core.times import span
from apps.projects.access import Access
from apps.registry.models import StatusLabel
from apps.registry.queries.comparison import Standing
from apps.runs.models import Run
from apps.series.models import Series
from apps.web.addresses import (
    place_url,
    project_url,
    promote_url,
    remove_label_url,
    rollback_url,
    run_url,
)
from apps.web.present.artifact import Fact
from apps.web.present.people import exact, name_of
from apps.web.present.table import may_move
from apps.web.wrapping import wrapping

SHOWN_METRICS = 20


@dataclass(frozen=True, slots=True)
class Held:
    """A label that the version holds: since when, by whom, why, and what can be done about it."""

    label: str
    hue: str
    since: str
    since_title: str
    by: str
    reason: str
    is_rollback: bool
    is_stage: bool
    rollback_url: str
    rollback_words: str
    remove_url: str


@dataclass(frozen=True, slots=True)
class Offer:
    """The label that comes first, for a version that does not hold it."""

    label: str
    url: str
    consequence: str


def show_held(version: Version, standing: Standing, access: Access) -> list[Held]:
    labels = {label.name_key: label for label in standing.labels}
    return [
        _held(version, held, labels.get(held.label_key), access)
        for held in standing.held_by(version)
    ]


def _held(version: Version, held: LabelHolding, label: StatusLabel | None, access: Access) -> Held:
    can_move = may_move(label, access)
    is_exclusive = label is None or label.is_exclusive
    can_go_back = can_move and is_exclusive and held.former_id is not None
    return Held(
        label=held.label,
        hue=str(label.colour) if label else "slate",
        since=span(held.held_from),
        since_title=exact(held.held_from),
        by=name_of(held.given_by),
        reason=held.reason,
        is_rollback=held.is_rollback,
        is_stage=held.is_stage,
        rollback_url=rollback_url(version.collection, held.label) if can_go_back else "",
        rollback_words=_("Roll back %(label)s…") % {"label": held.label},
        remove_url=remove_label_url(version, held.label) if can_move else "",
    )


def show_offer(version: Version, standing: Standing, access: Access) -> Offer | None:
    """The first label, if the reader may give it to this version; what that would do."""
    first = standing.first
    if first is None or not may_move(first, access):
        return None
    lead = standing.lead
    if lead is not None and lead.version_id == version.pk:
        return None
    words = {
        "version": f"v{version.number}",
        "label": first.name,
        "holder": f"v{lead.version.number}" if lead else "",
    }
    consequence = (
        _("%(version)s would become %(label)s, %(holder)s would lose it.") % words
        if lead is not None
        else _("%(version)s would become %(label)s; nobody holds it now.") % words
    )
    return Offer(first.name, promote_url(version, first.name), consequence)


def version_facts(version: Version, access: Access) -> list[Fact]:
    """What the version is and where it comes from, a line each."""
    artifact, run = version.artifact, version.artifact.made_by
    facts = [
        Fact(_("Logged"), exact(version.linked_at)),
        Fact(_("Logged by"), name_of(version.linked_by)),
    ]
    if run is not None and run.deleted_at is not None:
        facts.append(Fact(_("Run"), _("%(name)s (in the bin)") % {"name": run.name}))
    elif run is not None:
        facts.append(Fact(_("Run"), run.name, run_url(access.team, run)))
        if run.code_commit:
            facts.append(Fact(_("Commit"), run.code_commit[:12]))
        if run.code_remote:
            facts.append(
                Fact(_("Code"), truncate(run.code_remote, 120), web_address(run.code_remote))
            )
        if run.program:
            facts.append(Fact(_("Program"), run.program))
    project = artifact.project
    if version.collection.project_id != project.pk:
        facts.append(Fact(_("Project"), str(project), project_url(access.team, project)))
    facts.append(Fact(_("Size"), format_bytes(artifact.size_bytes)))
    return facts


def other_places(places: Sequence[Version], version: Version) -> list[Fact]:
    """Where else the same artifact stands: in the registry, or in its project."""
    return [
        Fact(
            _("Registry") if place.collection.project is None else str(place.collection.project),
            f"{place.collection.name} v{place.number}",
            place_url(place),
        )
        for place in places
        if place.pk != version.pk
    ]


def web_address(text: str) -> str:
    """The text if it can be a link: only http and https, and nobody's password in it."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    is_web = parts.scheme in ("http", "https") and parts.hostname and not parts.username
    return text if is_web else ""


@dataclass(frozen=True, slots=True)
class Measured:
    """Where the metrics of a version's run ended."""

    run: str
    url: str
    values: Sequence[Mapping[str, str]]
    # How many there are, where not all of them are shown.
    more: str


def show_measured(run: Run, series: Sequence[Series]) -> Measured:
    count = len(series)
    words = {"shown": SHOWN_METRICS, "count": format_count(count)}
    return Measured(
        run=run.name,
        url=run_url(run.project.team, run),
        values=[
            {"key": wrapping(one.key), "text": format_value(one.last), "exact": repr(one.last)}
            for one in series[:SHOWN_METRICS]
        ],
        more=_("The first %(shown)s of %(count)s") % words if count > SHOWN_METRICS else "",
    )
