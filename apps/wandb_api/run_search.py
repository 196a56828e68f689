"""Which runs a filter of the client means, and in which order: its names for what runs have."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.core import filtering
from apps.core.filtering import Field, Op
from apps.core.tables import Cut
from apps.projects.models import Project
from apps.runs.columns import EVERY_KEY, read_column
from apps.runs.filters import RunFields, state_condition
from apps.runs.models import Run, SummaryValue
from apps.runs.table import ordered_runs
from apps.wandb_api import mongo, run_states
from apps.wandb_api.schema import plain

# The client's names for facts, without letter case and underscores.
_FACTS = {
    "displayname": "run",
    "name": "key",
    "state": "state",
    "tags": "tag",
    "tag": "tag",
    "group": "group",
    "groupname": "group",
    "jobtype": "job_type",
    "notes": "notes",
    "username": "by",
    "user.username": "by",
    "user": "by",
    "host": "host",
    "program": "program",
    "commit": "commit",
    "createdat": "started",
    "startedat": "started",
    "heartbeatat": "heard",
    "updatedat": "heard",
    "stoppedat": "ended",
    "duration": "duration",
    "summarymetrics.runtime": "duration",
    "sweep": "sweep",
    "sweepname": "sweep",
}
# What runs can be sorted by, where a filter has another word for it.
_ORDERS = {"key": "run", "heard": "started"}


def name_of(name: str) -> str:
    """Our name for what the client names: `config.lr.value` and `config.lr` are `config.lr`."""
    first, _, rest = name.partition(".")
    word = plain(first)
    if plain(name) in _FACTS:
        return _FACTS[plain(name)]
    if word == "config" and rest:
        return f"config.{_unwrapped(rest)}"
    if word in ("summarymetrics", "summary") and rest:
        return f"summary.{rest}"
    # A bare word is a key of the summary.
    return f"summary.{name}"


def _unwrapped(key: str) -> str:
    first, _, rest = key.partition(".")
    if rest == "value" or rest.startswith("value."):
        return f"{first}.{rest.removeprefix('value').lstrip('.')}".rstrip(".")
    return key.removesuffix(".value")


def matching(project: Project, filters: str | None, at: datetime) -> QuerySet[Run]:
    """The runs of a project that the client's filter means. Raises Invalid."""
    runs = Run.objects.filter(project=project)
    tree = mongo.read(filters, name_of)
    return runs.filter(filtering.to_q(tree, _Fields(project, at))) if tree else runs


def search(
    project: Project, *, filters: str | None, order: str | None, cursor: str | None, size: int
) -> Cut:
    """A page of those runs, by primary key. Raises Invalid."""
    now = timezone.now()
    return ordered_runs(
        project,
        matching(project, filters, now),
        sort=_sort(project, order or ""),
        scope=filters or "",
        cursor=cursor or "",
        size=size,
        at=now,
    )


def _sort(project: Project, order: str) -> str:
    """The column to sort by, from `+created_at` or `-summary_metrics.acc`."""
    sign = "-" if order.startswith("-") else ""
    asked = order.lstrip("+-").strip()
    if not asked:
        return "-started"
    name = name_of(asked)
    name = _ORDERS.get(name, name)
    column = read_column(name)
    is_in_summary = column.source == "summary" and _has_summary(project, column.key)
    if column.source == "summary" and not is_in_summary:
        # A run that another client logged has no summary, but its metrics have last values.
        name = f"last.{column.key}"
    return f"{sign}{name}"


def _has_summary(project: Project, key: str) -> bool:
    return SummaryValue.objects.filter(project=project, key=key).exists()


class _Fields(Mapping[str, Field]):
    """The fields of a filter. Every key is one: what no run has is missing in all of them."""

    def __init__(self, project: Project, at: datetime) -> None:
        self.project = project
        self.at = at
        self.known = RunFields(project, EVERY_KEY, at)

    def __getitem__(self, name: str) -> Field:
        if name == "state":
            return Field(
                "choice",
                lambda op, value: state_condition(op, value, self.at, run_states.WORDS),
                tuple(run_states.WORDS),
            )
        if name == "heard":
            return filtering.column("heartbeat_at", "time")
        if name == "sweep":
            return Field("text", lambda op, value: Q() if op == "is missing" else Q(pk__in=[]))
        source, _, key = name.partition(".")
        if source == "summary" and key:
            return self.of_summary(key)
        return self.known[name]

    def of_summary(self, key: str) -> Field:
        """What the client said of the run in the end, else the last value of the metric."""
        said, logged = self.known[f"summary.{key}"], self.known[f"last.{key}"]

        def condition(op: Op, value: Any) -> Q:
            if isinstance(value, str) or not _is_number(value):
                return said.q(op, value)
            silent = said.q("is missing", None)
            return said.q(op, value) | silent & logged.q(op, value)

        return Field("either", condition)

    def __iter__(self) -> Iterator[str]:
        return iter(self.known)

    def __len__(self) -> int:
        return len(self.known)


def _is_number(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(_is_number(one) for one in value)
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
