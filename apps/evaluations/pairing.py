"""Two results on the same examples, compared example by example.

Two versions mostly err on the same examples, so their difference is known better than either mean.
Over the n differences d of the scores:

    SE = f · sqrt( Σ (d − mean d)² / (n (n − 1)) )

f is 1 where examples are independent. Where several were made from one picture they are not, and
only whoever sent the results knows which; but the standard error that came with a result is then
larger than the one that its own scores would give by this formula with f = 1. The larger of the two
results' ratios is f, and it is never below 1.

Sources: E. Miller, "Adding Error Bars to Evals", 2024 (arXiv:2411.00640), on paired differences;
L. Kish, "Survey Sampling", 1965, on the design effect (f²), which is here carried over from the
means to their difference.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from apps.evaluations.examples import scores_by_example
from apps.evaluations.models import Result

# Reading 10,000 examples takes some milliseconds; what is beyond this is compared unpaired.
MAX_PAIRS = 12
_SAME = 1e-6

Scores = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """The mean over n examples of one result's score minus the other's, and its standard error."""

    difference: float
    stderr: float
    n: int


def paired_differences(pairs: Sequence[tuple[Result, Result]]) -> dict[int, PairedDifference]:
    """The first of each pair minus the second, by primary key of the first; in one query.

    Left out: pairs beyond MAX_PAIRS, results that are not on the same examples, and metrics that
    are not the mean of their examples' scores (such as F1).
    """
    pairs = pairs[:MAX_PAIRS]
    scores = scores_by_example({result.pk for pair in pairs for result in pair})
    found = {}
    for result, base in pairs:
        paired = _paired(result, base, scores.get(result.pk, {}), scores.get(base.pk, {}))
        if paired is not None:
            found[result.pk] = paired
    return found


def _paired(
    result: Result, base: Result, scores: Scores, base_scores: Scores
) -> PairedDifference | None:
    n = len(scores)
    if n < 2 or scores.keys() != base_scores.keys():
        return None
    if not (_is_mean_of(result, scores.values()) and _is_mean_of(base, base_scores.values())):
        return None
    mean, stderr = _estimate([score - base_scores[name] for name, score in scores.items()])
    factor = max(1.0, _ratio(result, scores.values()), _ratio(base, base_scores.values()))
    return PairedDifference(mean, factor * stderr, n)


def _is_mean_of(result: Result, scores: Collection[float]) -> bool:
    if result.value is None or not all(map(math.isfinite, scores)):
        return False
    return math.isclose(result.value, math.fsum(scores) / len(scores), rel_tol=_SAME, abs_tol=_SAME)


def _ratio(result: Result, scores: Collection[float]) -> float:
    """How much larger the recorded standard error is than that of independent examples."""
    stderr = _estimate(scores)[1]
    return result.stderr / stderr if result.stderr is not None and stderr else 1.0


def _estimate(values: Collection[float]) -> tuple[float, float]:
    """The mean and the standard error of independent values."""
    n = len(values)
    mean = math.fsum(values) / n
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n * (n - 1)))
