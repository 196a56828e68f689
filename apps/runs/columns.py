"""The columns of the runs table, by the names that addresses and the query box use.

state, started, duration, by, group, job_type, tags …    facts of a run
config.lr, summary.note                                  what it says of itself
loss, min.loss, max.loss                                 a metric: last, lowest, highest value
last.state                                               a metric whose name is taken above
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from django.db.models import QuerySet

from apps.core.distinct import distinct_texts
from apps.projects.models import Project
from apps.runs.models import RunParam, RunValue, SummaryValue
from apps.series.choices import SeriesKind
from apps.series.queries import keys_in

Source = Literal["fact", "config", "summary", "last", "min", "max"]
Figure = Literal["last", "min", "max"]

# Facts in the order in which they are offered.
FACTS = ("state", "started", "duration", "by", "group", "job_type", "tags")
# What else the query box knows, so that no metric of the same name hides it.
MORE_FACTS = ("run", "key", "ended", "tag", "notes", "host", "program", "commit")
FIGURES: tuple[Figure, ...] = ("last", "min", "max")
_SOURCES: tuple[Source, ...] = ("config", "summary", *FIGURES)
# A project with more keys than this offers the first of them.
MAX_KEYS = 1_000


@dataclass(frozen=True, slots=True)
class RunColumn:
    """One column: where its values come from, and under which key."""

    source: Source
    key: str

    @property
    def name(self) -> str:
        """The one name that `read_column` takes back."""
        if self.source == "fact":
            return self.key
        if self.source == "last" and read_column(self.key) == self:
            return self.key
        return f"{self.source}.{self.key}"

    @property
    def is_metric(self) -> bool:
        return self.source in FIGURES

    @property
    def is_value(self) -> bool:
        """A leaf of the config or of the summary."""
        return self.source in ("config", "summary")


def read_column(name: str) -> RunColumn:
    """The column of this name. Any other word is the last value of a metric."""
    if name in FACTS or name in MORE_FACTS:
        return RunColumn("fact", name)
    for source in _SOURCES:
        key = name.removeprefix(f"{source}.")
        if key != name and key:
            return RunColumn(source, key)
    return RunColumn("last", name)


@dataclass(frozen=True)
class RunKeys:
    """What the runs of a project have values of: the keys of their config, summary, metrics."""

    config: tuple[str, ...]
    summary: tuple[str, ...]
    metrics: tuple[str, ...]

    def knows(self, column: RunColumn) -> bool:
        if column.source == "fact":
            return True
        keys = {"config": self.config, "summary": self.summary}.get(column.source, self.metrics)
        return column.key in keys

    def columns(self) -> Iterable[RunColumn]:
        """Every column that the table can show."""
        yield from (RunColumn("fact", name) for name in FACTS)
        yield from (RunColumn("config", key) for key in self.config)
        for figure in FIGURES:
            yield from (RunColumn(figure, key) for key in self.metrics)
        yield from (RunColumn("summary", key) for key in self.summary)


class _EveryKey(RunKeys):
    """For clients that may ask for any key: what no run has is missing in all of them."""

    def knows(self, column: RunColumn) -> bool:
        return True


EVERY_KEY = _EveryKey((), (), ())


def keys_of(project: Project) -> RunKeys:
    """The keys that runs of the project have used: three queries, however many runs it has."""
    return RunKeys(
        config=_value_keys(RunParam, project),
        summary=_value_keys(SummaryValue, project),
        metrics=tuple(keys_in(scope_id=project.pk, kind=SeriesKind.METRIC, limit=MAX_KEYS)),
    )


def values_of(source: Source) -> QuerySet[Any]:
    """The rows that the values of columns of this source stand in."""
    return RunParam.objects.all() if source == "config" else SummaryValue.objects.all()


def _value_keys(model: type[RunValue], project: Project) -> tuple[str, ...]:
    return tuple(distinct_texts(model, "key", {"project": project.pk}, limit=MAX_KEYS))
