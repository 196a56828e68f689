"""How a client wants its metrics read: which one is the x axis, what the summary keeps, what hides.

W&B's `define_metric` is where the rules come from; a run keeps them as JSON text
(`Run.metric_rules`), here is what they mean. A rule names one metric, or many by a glob in which
`*` stands for any text. The rule that names a metric counts before any glob, and of several globs
the first.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Literal

from apps.core.jsontext import dump
from apps.runs.models import Run

Goal = Literal["", "minimize", "maximize"]

# The numbers of the fields in the message that the client writes into its config under `_wandb.m`.
_NAME, _GLOB, _STEP_NAME, _STEP_INDEX = "1", "2", "4", "5"
_OPTIONS, _SUMMARY, _GOAL = "6", "7", "8"
_HIDDEN = 2
_FIGURES = {
    1: "min",
    2: "max",
    3: "mean",
    4: "best",
    5: "last",
    6: "none",
    7: "copy",
    8: "first",
}
_GOALS: dict[object, Goal] = {1: "minimize", 2: "maximize"}
MAX_RULES = 2_000
MAX_NAME = 512


@dataclass(frozen=True)
class MetricRule:
    """What is said of one metric, or of all that a glob covers."""

    name: str = ""
    glob: str = ""
    step: str = ""
    summary: tuple[str, ...] = ()
    hidden: bool = False
    goal: Goal = ""


@dataclass(frozen=True)
class MetricRules:
    """All rules of one run."""

    rules: tuple[MetricRule, ...] = ()

    def of(self, key: str) -> MetricRule:
        """What is said of this metric; an empty rule where nothing is."""
        named = next((rule for rule in self.rules if rule.name == key), None)
        return named or next(
            (rule for rule in self.rules if rule.glob and _covers(rule.glob).fullmatch(key)),
            MetricRule(),
        )

    def step_of(self, key: str) -> str:
        """The metric that is this one's x axis; empty where the step of the run is."""
        return self.of(key).step

    def is_hidden(self, key: str) -> bool:
        """Whether charts leave the metric out unless it is asked for."""
        return self.of(key).hidden

    def dump(self) -> str:
        """The text to keep in `Run.metric_rules`."""
        return dump([_without_blanks(asdict(rule)) for rule in self.rules])


def rules_of(run: Run) -> MetricRules:
    """The rules that a run keeps."""
    return MetricRules(
        tuple(
            MetricRule(**{**found, "summary": tuple(found.get("summary", ()))})
            for found in json.loads(run.metric_rules)
        )
    )


def read_rules(entries: object) -> MetricRules:
    """The rules in what a W&B client sends as `_wandb.m`: a list of messages by field number.

    Never refuses: what cannot be read is left out, because it comes inside a run's config.
    """
    if not isinstance(entries, list):
        return MetricRules()
    entries = entries[:MAX_RULES]
    return MetricRules(tuple(rule for entry in entries for rule in _read(entry, entries)))


def _read(entry: object, entries: list[object]) -> Iterable[MetricRule]:
    if not isinstance(entry, Mapping):
        return
    name, glob = _word(entry.get(_NAME)), _word(entry.get(_GLOB))
    if not name and not glob:
        return
    yield MetricRule(
        name=name,
        glob="" if name else glob,
        step=_word(entry.get(_STEP_NAME)) or _step_at(entry.get(_STEP_INDEX), entries),
        summary=tuple(_FIGURES[one] for one in _numbers(entry.get(_SUMMARY)) if one in _FIGURES),
        hidden=_HIDDEN in _numbers(entry.get(_OPTIONS)),
        goal=_GOALS.get(entry.get(_GOAL), "") if isinstance(entry.get(_GOAL), int) else "",
    )


def _step_at(index: object, entries: list[object]) -> str:
    """The client names the step metric by its place in the list, from one on."""
    if not isinstance(index, int) or not 1 <= index <= len(entries):
        return ""
    named = entries[index - 1]
    return _word(named.get(_NAME)) if isinstance(named, Mapping) else ""


def _word(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= MAX_NAME else ""


def _numbers(value: object) -> set[int]:
    """The fields that are set: a list of their numbers, or an object by number."""
    if isinstance(value, Mapping):
        return {int(key) for key, on in value.items() if on and str(key).isdecimal()}
    if isinstance(value, list):
        return {one for one in value if isinstance(one, int)}
    return set()


@lru_cache(maxsize=512)
def _covers(glob: str) -> re.Pattern[str]:
    # One `*` is as good as several, and several would make the search slow.
    parts = re.split(r"\*+", glob)
    return re.compile(".*".join(map(re.escape, parts)), re.DOTALL)


def _without_blanks(rule: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in rule.items() if value not in ("", (), False)}
