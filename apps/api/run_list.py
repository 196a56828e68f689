"""Which runs a list shows, and in which order."""

from dataclasses import astuple, dataclass

from django.db.models import Q, QuerySet

from apps.core.errors import Invalid
from apps.core.names import clean_key
from apps.core.paging import Key, Page, paginate
from apps.projects.models import Project
from apps.runs.models import Run, RunTag
from apps.runs.queries import runs_of
from apps.series.choices import SeriesKind
from apps.series.queries import ranked

_STARTED = "started"
_METRIC = "metric:"


@dataclass(frozen=True)
class RunFilter:
    """Conditions that all hold; empty ones hold always."""

    state: str = ""
    group: str = ""
    job_type: str = ""
    tag: str = ""
    search: str = ""

    def narrow(self, runs: QuerySet[Run]) -> QuerySet[Run]:
        if self.state:
            runs = runs.with_shown_state().filter(shown_state=self.state)  # type: ignore[attr-defined]
        if self.group:
            runs = runs.filter(group=self.group)
        if self.job_type:
            runs = runs.filter(job_type=self.job_type)
        if self.tag:
            runs = runs.filter(pk__in=RunTag.objects.filter(name=self.tag).values("run"))
        if self.search:
            runs = runs.filter(Q(name__icontains=self.search) | Q(key=self.search))
        return runs


def page_of_runs(
    project: Project, wanted: RunFilter, order: str, *, cursor: str, size: int
) -> Page[Run]:
    """A page of the project's runs: by start, or by the last value of a metric.

    By a metric, runs that have no number for it are left out. Raises Invalid for another order.
    """
    runs = wanted.narrow(runs_of(project)).prefetch_related("tags")
    scope = "\n".join([str(project.pk), order, *astuple(wanted)])
    name = order.removeprefix("-")
    is_down = order.startswith("-")
    if name == _STARTED:
        keys = [Key("started_at", "time", is_down), Key("pk", "integer", is_down)]
        return paginate(runs, keys, cursor=cursor, size=size, scope=scope)
    if not name.startswith(_METRIC):
        raise Invalid("Order by started or by metric:NAME, with - in front.", field="order")
    metric = clean_key(name.removeprefix(_METRIC), field="order", max_length=255, what="metric")
    series = ranked(
        scope_id=project.pk, kind=SeriesKind.METRIC, key=metric, descending=is_down
    ).filter(owner_id__in=wanted.narrow(Run.objects.filter(project=project)).values("pk"))
    keys = [Key("last_value", "number", is_down), Key("owner_id", "integer", is_down)]
    page = paginate(series, keys, cursor=cursor, size=size, scope=scope)
    found = runs.in_bulk([row.owner_id for row in page.rows])
    return page.with_rows(found[row.owner_id] for row in page.rows if row.owner_id in found)
