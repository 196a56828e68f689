"""Two results on the same examples: which the one got right and the other wrong.

Right and wrong are told, in this order, by predictions and targets, where both results have them;
by scores that are all 0 or 1, such as those of accuracy. Where neither is so, as with a loss alone,
an example is only better or worse than before.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from apps.evaluations.choices import Better
from apps.evaluations.examples import ExampleScore, examples_of
from apps.evaluations.models import ExampleScores, Result


class Outcome(StrEnum):
    """What became of an example between a base and another result."""

    NEWLY_WRONG = "newly-wrong"
    NEWLY_RIGHT = "newly-right"
    BOTH_WRONG = "both-wrong"
    BOTH_RIGHT = "both-right"
    WORSE = "worse"
    BETTER = "better"
    SAME = "same"
    # A metric without a direction only changes.
    CHANGED = "changed"


RIGHT_OR_WRONG = (
    Outcome.NEWLY_WRONG,
    Outcome.NEWLY_RIGHT,
    Outcome.BOTH_WRONG,
    Outcome.BOTH_RIGHT,
)
BETTER_OR_WORSE = (Outcome.WORSE, Outcome.BETTER, Outcome.SAME)
CHANGED_OR_NOT = (Outcome.CHANGED, Outcome.SAME)

Judge = Literal["prediction", "hit", "score"]


@dataclass(frozen=True, slots=True)
class ExamplePair:
    """One example in both results; `former` is that of the base."""

    former: ExampleScore
    latter: ExampleScore
    outcome: Outcome

    @property
    def change(self) -> float:
        """By how much the score changed; 0 where one of them is no number."""
        change = abs(self.latter.score - self.former.score)
        return change if change == change else 0.0


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The examples that both results have. `unshared` are in one of them alone."""

    judge: Judge
    kinds: Sequence[Outcome]
    counts: Mapping[Outcome, int]
    pairs: Sequence[ExamplePair]
    unshared: int

    def of(self, outcome: Outcome) -> list[ExamplePair]:
        """Those of one kind, the greatest change of score first, else in the order of sending."""
        found = [pair for pair in self.pairs if pair.outcome == outcome]
        return sorted(found, key=lambda pair: -pair.change)


def with_examples(results: Iterable[int]) -> set[int]:
    """Of these results, by primary key, the ones that came with examples (one query)."""
    first = ExampleScores.objects.filter(result__in=list(results), position=0)
    return set(first.values_list("result", flat=True))


def outcomes_of(base: Result, other: Result, better: Better) -> Outcomes | None:
    """What became of each example from `base` to `other`; None where they share none, or one has
    too many to be read while somebody waits. One query."""
    found = examples_of([base.pk, other.pk])
    former = {example.example: example for example in found.get(base.pk, ())}
    latter = {example.example: example for example in found.get(other.pk, ())}
    shared = [(former[name], latter[name]) for name in former if name in latter]
    if not shared:
        return None
    judge = _judge(shared)
    pairs = [ExamplePair(old, new, _outcome(old, new, judge, better)) for old, new in shared]
    counts = Counter(pair.outcome for pair in pairs)
    kinds: Sequence[Outcome] = RIGHT_OR_WRONG
    if judge == "score":
        kinds = BETTER_OR_WORSE if better != Better.NEITHER else CHANGED_OR_NOT
    unshared = len(former) + len(latter) - 2 * len(shared)
    return Outcomes(judge, kinds, {kind: counts[kind] for kind in kinds}, pairs, unshared)


def _judge(shared: Sequence[tuple[ExampleScore, ExampleScore]]) -> Judge:
    both = [example for pair in shared for example in pair]
    # A model may fail to answer some; the targets are the golden set's and stand with all.
    if all(example.target for example in both) and all(
        any(example.prediction for example in side) for side in zip(*shared, strict=True)
    ):
        return "prediction"
    if all(example.score in (0.0, 1.0) for example in both):
        return "hit"
    return "score"


def _outcome(old: ExampleScore, new: ExampleScore, judge: Judge, better: Better) -> Outcome:
    if judge == "score":
        return _by_score(old.score, new.score, better)
    was, is_ = _is_right(old, judge, better), _is_right(new, judge, better)
    if was:
        return Outcome.BOTH_RIGHT if is_ else Outcome.NEWLY_WRONG
    return Outcome.NEWLY_RIGHT if is_ else Outcome.BOTH_WRONG


def _is_right(example: ExampleScore, judge: Judge, better: Better) -> bool:
    if judge == "prediction":
        return example.prediction == example.target
    return example.score == (0.0 if better == Better.LOWER else 1.0)


def _by_score(old: float, new: float, better: Better) -> Outcome:
    # No number is worse than any: nothing to rely on.
    old_lost, new_lost = old != old, new != new
    if old == new or (old_lost and new_lost):
        return Outcome.SAME
    if better == Better.NEITHER:
        return Outcome.CHANGED
    if old_lost or new_lost:
        return Outcome.WORSE if new_lost else Outcome.BETTER
    return Outcome.BETTER if (new < old) == (better == Better.LOWER) else Outcome.WORSE
