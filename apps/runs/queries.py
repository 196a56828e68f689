"""Reading runs."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Q, QuerySet

from apps.accounts.models import User
from apps.core.errors import NotFound
from apps.projects.models import Project
from apps.runs.models import ConsoleLine, Run, RunAlert

# What the wandb client keeps in a config for itself: its version, its machine, rules for metrics.
# It gets it back when it resumes; nobody sorts or compares runs by it.
CLIENT_KEYS = frozenset({"_wandb"})


def runs_of(project: Project) -> QuerySet[Run]:
    """The project's runs, newest first, with the project and the person who started each."""
    return (
        Run.objects.filter(project=project)
        .select_related("project", "created_by")
        .order_by("-started_at", "-pk")
    )


@dataclass(frozen=True)
class RunCount:
    """How many runs a project has, and when the last of them was started."""

    count: int = 0
    last_started_at: datetime | None = None


def run_counts(projects: Iterable[Project]) -> dict[int, RunCount]:
    """The figures of each of these projects by primary key (one query)."""
    places = [project.pk for project in projects]
    counted = Run.objects.filter(project__in=places).values("project").order_by()
    found = {
        row["project"]: RunCount(row["count"], row["last"])
        for row in counted.annotate(count=Count("pk"), last=Max("started_at"))
    }
    return {place: found.get(place, RunCount()) for place in places}


class RunInBin(NotFound):
    """The run is in the bin of its project."""

    def __init__(self, key: str, project: Project) -> None:
        super().__init__(
            f"The run {key!r} is in the bin of {project.name}. "
            "Restore it to read it or to log more."
        )


def run_in(project: Project, key: str) -> Run:
    """The project's run with this key. Raises NotFound; RunInBin where that says why."""
    named = Run.with_deleted.select_related("project", "created_by")
    found = named.filter(project=project, key=key).first()
    if found is None:
        raise NotFound(f"There is no run {key!r} in {project.name}.")
    if found.deleted_at is not None:
        raise RunInBin(key, project)
    return found


def visible_runs(user: User | None, keys: Iterable[int]) -> QuerySet[Run]:
    """Of these primary keys, the runs that the user may see (None: all)."""
    runs = Run.objects.filter(pk__in=list(keys)).select_related("project", "created_by")
    return runs if user is None else runs.visible_to(user)


def runs_like(user: User, words: str) -> QuerySet[Run]:
    """The runs that the user may see with these words in the name, or this key, newest first."""
    found = Run.objects.visible_to(user).filter(Q(name__icontains=words) | Q(key=words))
    return found.select_related("project__team").order_by("-started_at", "-pk")


def live_runs(user: User) -> QuerySet[Run]:
    """The runs that the user may see and that are going on now, newest first."""
    return (
        Run.objects.live()
        .visible_to(user)
        .select_related("project__team", "created_by")
        .order_by("-started_at", "-pk")
    )


def recent_alerts(projects: QuerySet[Project], *, since: datetime) -> QuerySet[RunAlert]:
    """What the runs of these projects have alerted of since then, newest first."""
    found = RunAlert.objects.filter(run__project__in=projects.order_by().values("pk"))
    found = found.filter(run__deleted_at=None, at__gte=since).select_related("run__project__team")
    return found.order_by("-at", "-pk")


def config_of(run: Run) -> dict[str, object]:
    """The run's config as it was sent."""
    config: dict[str, object] = json.loads(run.config)
    return config


def own_config_of(run: Run) -> dict[str, object]:
    """The config that the run's author set: without what a client keeps there for itself."""
    return without_client_keys(config_of(run))


def without_client_keys(config: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in config.items() if key not in CLIENT_KEYS}


def console_of(run: Run, *, after: int = -1, limit: int = 1000) -> list[ConsoleLine]:
    """Console lines with a number above `after`, in order."""
    return list(run.console.filter(number__gt=after).order_by("number")[:limit])


def last_lines(
    run: Run, *, before: int | None = None, limit: int = 200, words: str = ""
) -> list[ConsoleLine]:
    """The last console lines (below the number `before`; with these words in them), in order."""
    lines = run.console.order_by("-number")
    if words:
        lines = lines.filter(text__icontains=words)
    if before is not None:
        lines = lines.filter(number__lt=before)
    return list(lines[:limit])[::-1]
