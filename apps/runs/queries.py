"""Reading runs."""

import json
from collections.abc import Iterable

from django.db.models import QuerySet

from apps.accounts.models import User
from apps.core.errors import NotFound
from apps.projects.models import Project
from apps.runs.models import ConsoleLine, Run


def runs_of(project: Project) -> QuerySet[Run]:
    """The project's runs, newest first, with the person who started each."""
    return (
        Run.objects.filter(project=project)
        .select_related("created_by")
        .order_by("-started_at", "-pk")
    )


def run_in(project: Project, key: str) -> Run:
    """The project's run with this key. Raises NotFound."""
    run = Run.objects.select_related("project", "created_by").filter(project=project, key=key)
    found = run.first()
    if found is None:
        raise NotFound(f"There is no run {key!r} in {project.name}.")
    return found


def visible_runs(user: User | None, keys: Iterable[int]) -> QuerySet[Run]:
    """Of these primary keys, the runs that the user may see (None: all)."""
    runs = Run.objects.filter(pk__in=list(keys)).select_related("project", "created_by")
    return runs if user is None else runs.visible_to(user)


def config_of(run: Run) -> dict[str, object]:
    """The run's config as it was sent."""
    config: dict[str, object] = json.loads(run.config)
    return config


def console_of(run: Run, *, after: int = -1, limit: int = 1000) -> list[ConsoleLine]:
    """Console lines with a number above `after`, in order."""
    return list(run.console.filter(number__gt=after).order_by("number")[:limit])
