"""What belongs to a run besides its measurements: its alerts, the runs it started, its parent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import Team
from apps.core.numbers import format_count
from apps.projects.models import Project
from apps.runs.choices import AlertLevel
from apps.runs.models import Run, RunAlert
from apps.web.addresses import run_url
from apps.web.present.people import Moment, moment
from apps.web.run_words import STATE_HUES

SHOWN_ALERTS = 20
SHOWN_CHILDREN = 50
SHOWN_RECENT = 5
RECENT = timedelta(days=7)
ALERT_HUES = {AlertLevel.INFO: "blue", AlertLevel.WARN: "amber", AlertLevel.ERROR: "red"}


@dataclass(frozen=True, slots=True)
class ShownAlert:
    """What a run's code wanted people to know."""

    title: str
    text: str
    level: str
    hue: str
    at: Moment | None
    run: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class ShownChild:
    """A run that this one started."""

    name: str
    url: str
    state: str
    hue: str


@dataclass(frozen=True, slots=True)
class Family:
    """`more` says how many children are not listed."""

    parent: ShownChild | None
    children: Sequence[ShownChild]
    more: str


def alerts_of(run: Run) -> list[ShownAlert]:
    """The newest first. One query."""
    return [show_alert(one) for one in run.alerts.order_by("-pk")[:SHOWN_ALERTS]]


def alerts_in(project: Project, team: Team) -> list[ShownAlert]:
    """The newest of the project's runs within a week. One query."""
    since = timezone.now() - RECENT
    found = RunAlert.objects.filter(
        run__project=project, run__deleted_at=None, at__gte=since
    ).select_related("run__project")
    return [
        show_alert(one, run=one.run.name, url=run_url(team, one.run))
        for one in found.order_by("-pk")[:SHOWN_RECENT]
    ]


def show_alert(alert: RunAlert, *, run: str = "", url: str = "") -> ShownAlert:
    level = AlertLevel(alert.level)
    return ShownAlert(
        title=alert.title,
        text=alert.text,
        level=str(level.label),
        hue=ALERT_HUES[level],
        at=moment(alert.at),
        run=run,
        url=url,
    )


def family_of(run: Run, team: Team, now: datetime) -> Family:
    """The parent and the children that are in the same project. Two queries, three where many.

    A child elsewhere would show its name to people who may not see its project.
    """
    standing = Run.objects.filter(project=run.project).select_related("project")
    children = list(
        standing.filter(parent=run).order_by("-started_at", "-pk")[: SHOWN_CHILDREN + 1]
    )
    count = standing.filter(parent=run).count() if len(children) > SHOWN_CHILDREN else 0
    parent = standing.filter(pk=run.parent_id).first() if run.parent_id else None
    more = _("%(count)s runs in all") % {"count": format_count(count)} if count else ""
    return Family(
        parent=_shown(parent, team, now) if parent else None,
        children=[_shown(one, team, now) for one in children[:SHOWN_CHILDREN]],
        more=more,
    )


def _shown(run: Run, team: Team, now: datetime) -> ShownChild:
    state = run.state_at(now)
    return ShownChild(run.name, run_url(team, run), str(state.label), STATE_HUES[state])
