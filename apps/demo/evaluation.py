"""Means over examples, their standard errors, and differences between two versions.

The examples of a golden set are not independent: several are made from one held-out image, and a
network that fails on one of them tends to fail on the others. So the standard error is the one for
clusters, a cluster being the examples of one held-out image:

    SE = 1/n · sqrt( Σ over clusters ( Σ over examples of the cluster (x − mean) )² )

With one example in each cluster this is the usual s / √n. Taking the examples of the 10k golden set
for independent would make its errors a third as large (measured: docs/demo.md). Two versions are
compared by the same formula over the differences example by example (a paired comparison): both
saw the same images, so what makes an image hard for both cancels out.

Source: E. Miller, "Adding Error Bars to Evals", 2024 (arXiv:2411.00640), sections on clustered
standard errors and on paired differences; the estimator is that of Liang and Zeger, 1986.
"""

import math
from dataclasses import dataclass

import numpy as np

from apps.demo.digits import CLASSES, Floats, Integers
from apps.demo.golden import Golden
from apps.demo.network import Network, losses_and_hits


@dataclass(frozen=True)
class Estimate:
    """A mean over n examples with its standard error (None where the mean is not a number)."""

    mean: float
    stderr: float | None
    n: int


@dataclass(frozen=True)
class Evaluation:
    """What a network did with each example of a golden set.

    `predictions` holds -1 where the network's probabilities are not numbers.
    """

    losses: Floats
    hits: Floats
    predictions: Integers
    loss: Estimate
    accuracy: Estimate

    def confusion(self, labels: Integers) -> list[list[int]]:
        """How often each digit (row) was taken for which (column)."""
        counts = np.zeros((CLASSES, CLASSES), dtype=np.int64)
        known = self.predictions >= 0
        np.add.at(counts, (labels[known], self.predictions[known]), 1)
        return [[int(count) for count in row] for row in counts]


def evaluate(network: Network, golden: Golden) -> Evaluation:
    """Run every example of a golden set through a network."""
    with np.errstate(all="ignore"):
        log_probabilities = network.log_probabilities(golden.examples.images)
    losses, hits = losses_and_hits(log_probabilities, golden.examples.labels)
    predictions = np.where(np.isnan(losses), -1, log_probabilities.argmax(axis=1))
    return Evaluation(
        losses=losses,
        hits=hits,
        predictions=predictions,
        loss=estimate(losses, golden.examples.sources),
        accuracy=estimate(hits, golden.examples.sources),
    )


def estimate(values: Floats, clusters: Integers) -> Estimate:
    """The mean of some values and its clustered standard error (see the top of this module)."""
    count = len(values)
    mean = float(values.mean())
    if not math.isfinite(mean):
        return Estimate(mean, None, count)
    _, places = np.unique(clusters, return_inverse=True)
    sums = np.bincount(places, weights=values - mean)
    return Estimate(mean, float(np.sqrt((sums**2).sum())) / count, count)


@dataclass(frozen=True)
class Comparison:
    """The loss of one version minus that of another on the same examples: below 0 is better."""

    difference: float
    stderr: float | None
    n: int

    # Two standard errors are about 95 % of a normal distribution.
    CLEARLY = 2.0

    @property
    def is_clearly_better(self) -> bool:
        return self.stderr is not None and self.difference < -self.CLEARLY * self.stderr

    @property
    def is_clearly_worse(self) -> bool:
        if self.stderr is None:
            return True  # not a number: nothing to run in production
        return self.difference > self.CLEARLY * self.stderr


def compare(losses: Floats, others: Floats, clusters: Integers) -> Comparison:
    """The paired comparison of two versions on one golden set."""
    found = estimate(losses - others, clusters)
    return Comparison(found.mean, found.stderr, found.n)
