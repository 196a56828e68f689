"""What belongs to a run besides its measurements: its alerts, the runs it started, its parent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import Team
from apps.core.numbers import format_count
from apps.core.text import truncate
from apps.projects.models import Project
from apps.runs.choices import AlertLevel
from apps.runs.models import Run, RunAlert
from apps.runs.queries import recent_alerts
from apps.web.addresses import run_url
from apps.web.present.people import Moment, moment
from apps.web.run_words import STATE_HUES

SHOWN_ALERTS = 20
SHOWN_CHILDREN = 50
SHOWN_RECENT = 5
MAX_TEXT = 2_000
MAX_BRIEF = 140
MAX_NAME = 60
RECENT = timedelta(days=7)
ALERT_HUES = {AlertLevel.INFO: "blue", AlertLevel.WARN: "amber", AlertLevel.ERROR: "red"}


@dataclass(frozen=True, slots=True)
class ShownAlert:
    """What a run's code wanted people to know."""

    key: int
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
    newest = run.alerts.order_by("-pk")[:SHOWN_ALERTS]
    return [show_alert(one, text=truncate(one.text, MAX_TEXT)) for one in newest]


def alerts_in(projects: QuerySet[Project]) -> list[ShownAlert]:
    """The newest of these projects' runs within a week, in brief. One query."""
    found = recent_alerts(projects, since=timezone.now() - RECENT)[:SHOWN_RECENT]
    return [
        show_alert(
            one,
            text=truncate(one.text, MAX_BRIEF),
            run=truncate(one.run.name, MAX_NAME),
            url=run_url(one.run.project.team, one.run),
        )
        for one in found
    ]


def show_alert(alert: RunAlert, *, text: str, run: str = "", url: str = "") -> ShownAlert:
    level = AlertLevel(alert.level)
    return ShownAlert(
        key=alert.pk,
        title=alert.title,
        text=text,
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
