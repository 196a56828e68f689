"""What a run's code wants people to know, such as a loss that is no number any more.

An alert is told once, by the code, and never changed. It is no event: nothing was changed by it.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from apps.core.errors import Invalid
from apps.core.names import clean_text
from apps.core.text import one_line, truncate
from apps.projects.access import Access, Action
from apps.runs.choices import AlertLevel
from apps.runs.models import Run, RunAlert
from apps.runs.queries import RunInBin
from apps.runs.services import beat

MAX_ALERTS = 1_000
MAX_TITLE = 256
MAX_TEXT = 20_000


@transaction.atomic
def raise_alert(
    *,
    run: Run,
    access: Access,
    title: str,
    text: str = "",
    level: AlertLevel = AlertLevel.INFO,
    wait: timedelta = timedelta(0),
    at: datetime | None = None,
) -> RunAlert | None:
    """Keep an alert; None where one of the same title is not older than `wait`.

    Counts as a heartbeat, by which who watches the run hears of it; but not one `at` some time that
    an import tells. Raises Invalid over MAX_ALERTS alerts of one run, RunInBin.
    """
    access.require(Action.LOG)
    # Locked, so that of two alerts at one moment the second waits for the first.
    if not Run.objects.select_for_update(no_key=True).filter(pk=run.pk).exists():
        raise RunInBin(run.key, run.project)
    now = at or timezone.now()
    title = truncate(one_line(title, MAX_TITLE), MAX_TITLE) or "…"
    given = RunAlert.objects.filter(run=run)
    if wait and given.filter(title=title, at__gt=now - wait).exists():
        return None
    if given.count() >= MAX_ALERTS:
        raise Invalid(f"A run keeps {MAX_ALERTS} alerts at most.")
    text = clean_text(truncate(text, MAX_TEXT), field="text", max_length=MAX_TEXT)
    if at is None:
        beat(run=run, access=access, at=now)
    return RunAlert.objects.create(run=run, title=title, text=text, level=level, at=now)
