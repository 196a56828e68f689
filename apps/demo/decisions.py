"""Who promotes what and why: decided from the results as they come in.

The people of the demo follow these rules, and their reasons are composed from the numbers that
they saw. `losses` are per example; two versions are compared example by example (see evaluation).
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from apps.demo.digits import Floats, Integers
from apps.demo.evaluation import Comparison, compare
from apps.demo.story import CURATOR, ENGINEER, SECOND_CURATOR, Person

PRODUCTION = "production"
STAGING = "staging"
ARCHIVED = "archived"

SOON = timedelta(hours=1)
LATER = timedelta(hours=5)
NEXT_DAY = timedelta(hours=20)


class Kind(Enum):
    """What a decision does."""

    GIVE = "give a label"
    TAKE = "take a label away"
    ROLL_BACK = "give a label back to its former holder"
    REGISTER = "link to the registry model and give it the label there"


@dataclass(frozen=True)
class Move:
    """One decision about the version that has just been evaluated."""

    kind: Kind
    label: str
    by: Person
    after: timedelta
    reason: str


@dataclass(frozen=True)
class Scored:
    """A version with its losses example by example, and its accuracy, by golden set title."""

    number: int
    losses: Mapping[str, Floats]
    accuracies: Mapping[str, float] = field(default_factory=dict)

    def loss(self, title: str) -> float:
        return float(self.losses[title].mean())


@dataclass(frozen=True)
class Standing:
    """Who holds what when a decision is made; `former` is what a roll-back would return to."""

    production: Scored | None = None
    former: Scored | None = None
    staging: Scored | None = None


@dataclass(frozen=True)
class Rules:
    """The golden set that decides, the quicker one, and what the registry model asks for."""

    decisive: str
    quick: str
    registry_accuracy: float
    clusters: Mapping[str, Integers]


def decide(version: Scored, standing: Standing, rules: Rules) -> Iterator[Move]:
    """What the people of the demo do once `version` has a new evaluation."""
    broken = [title for title in version.losses if not math.isfinite(version.loss(title))]
    if broken:
        yield from _archive(version, broken[0])
    elif rules.decisive not in version.losses:
        yield from _be_hasty(version, standing, rules)
    elif standing.production is None:
        yield from _begin(version, rules)
    elif standing.production.number == version.number:
        yield from _think_again(version, standing, rules)
    else:
        yield from _weigh(version, standing, standing.production, rules)


def _archive(version: Scored, title: str) -> Iterator[Move]:
    reason = f"Diverged: the loss on {title} is not a number. Kept as a warning."
    yield Move(Kind.GIVE, ARCHIVED, ENGINEER, SOON, reason)


def _begin(version: Scored, rules: Rules) -> Iterator[Move]:
    reason = (
        f"The first version with results, and nothing was in production: "
        f"{_loss(version, rules.decisive)}. A start to measure others against."
    )
    yield Move(Kind.GIVE, PRODUCTION, CURATOR, SOON, reason)


def _be_hasty(version: Scored, standing: Standing, rules: Rules) -> Iterator[Move]:
    """Somebody does not wait for the large golden set."""
    holder = standing.production
    if holder is None or rules.quick not in version.losses or rules.quick not in holder.losses:
        return
    found = _compare(version, holder, rules.quick, rules)
    if found.difference >= 0:
        return
    reason = (
        f"{_loss(version, rules.quick)}, v{holder.number} has {holder.loss(rules.quick):.4f}: "
        f"better by {_size(found)}. The evaluation on {rules.decisive} is not in yet."
    )
    yield Move(Kind.GIVE, PRODUCTION, SECOND_CURATOR, SOON, reason)


def _think_again(version: Scored, standing: Standing, rules: Rules) -> Iterator[Move]:
    """The large golden set has come in for a version that is in production already."""
    former = standing.former
    if former is None or rules.decisive not in former.losses:
        return
    found = _compare(version, former, rules.decisive, rules)
    if not found.is_clearly_worse:
        return
    reason = (
        f"{_loss(version, rules.decisive)}, v{former.number} had "
        f"{former.loss(rules.decisive):.4f}: worse by {_size(found)}"
    )
    if rules.quick in version.losses and rules.quick in former.losses:
        reason += (
            f", although better on {rules.quick} "
            f"({version.loss(rules.quick):.4f} against {former.loss(rules.quick):.4f})"
        )
    reason += f". Back to v{former.number}."
    yield Move(Kind.ROLL_BACK, PRODUCTION, CURATOR, SOON, reason)


def _weigh(version: Scored, standing: Standing, holder: Scored, rules: Rules) -> Iterator[Move]:
    found = _compare(version, holder, rules.decisive, rules)
    if found.is_clearly_worse:
        return
    against = f"v{holder.number} in production has {holder.loss(rules.decisive):.4f}"
    if found.is_clearly_better:
        yield from _promote(version, found, against, rules)
        return
    staged = standing.staging
    if staged is not None and staged.loss(rules.decisive) <= version.loss(rules.decisive):
        return
    reason = (
        f"{_loss(version, rules.decisive)}, {against}: a difference of {_size(found)}, "
        "which is within two standard errors. To be watched in staging."
    )
    yield Move(Kind.GIVE, STAGING, ENGINEER, SOON, reason)


def _promote(version: Scored, found: Comparison, against: str, rules: Rules) -> Iterator[Move]:
    """Through staging into production, and from there, if it is good enough, to the registry."""
    scores = f"{_loss(version, rules.decisive)}, {against}"
    yield Move(Kind.GIVE, STAGING, ENGINEER, SOON, f"{scores}. Looks better: please check.")
    reason = f"{scores}: better by {_size(found)}, more than two standard errors."
    yield Move(Kind.GIVE, PRODUCTION, CURATOR, LATER, reason)
    yield Move(Kind.TAKE, STAGING, CURATOR, LATER, "It is in production now.")
    accuracy = version.accuracies.get(rules.decisive, 0.0)
    if accuracy >= rules.registry_accuracy:
        reason = (
            f"{scores}; right on {accuracy:.1%} of {rules.decisive}, and the registry model asks "
            f"for {rules.registry_accuracy:.0%}."
        )
        yield Move(Kind.REGISTER, PRODUCTION, SECOND_CURATOR, NEXT_DAY, reason)


def _compare(version: Scored, other: Scored, title: str, rules: Rules) -> Comparison:
    return compare(version.losses[title], other.losses[title], rules.clusters[title])


def _loss(version: Scored, title: str) -> str:
    return f"Loss @ {title} is {version.loss(title):.4f}"


def _size(found: Comparison) -> str:
    error = f" ± {found.stderr:.4f}" if found.stderr is not None else ""
    return f"{abs(found.difference):.4f}{error} (paired, n = {found.n:,})"
