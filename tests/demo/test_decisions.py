"""The demo's people decide from results alone."""

import math
from collections.abc import Sequence

import numpy as np

from apps.demo.decisions import Kind, Move, Rules, Scored, Standing, decide
from apps.demo.story import CURATOR, ENGINEER, SECOND_CURATOR

RULES = Rules("10k", "1k", 0.9, {"10k": np.arange(4), "1k": np.arange(4)})
NOISE = np.array([0.01, -0.01, 0.02, -0.02])


def scored(number: int, accuracy: float = 0.5, **losses: float) -> Scored:
    """A version with about this loss on each example of a golden set (`on_10k`, `on_1k`)."""
    by_title = {name.removeprefix("on_"): loss for name, loss in losses.items()}
    return Scored(
        number,
        # Noise of each version's own, so that differences have an error.
        {title: loss + NOISE * (1 + number % 3) for title, loss in by_title.items()},
        dict.fromkeys(by_title, accuracy),
    )


def decided(version: Scored, standing: Standing) -> Sequence[Move]:
    return list(decide(version, standing, RULES))


def test_the_first_version_goes_into_production() -> None:
    (move,) = decided(scored(1, on_10k=1.5), Standing())
    assert (move.kind, move.label, move.by) == (Kind.GIVE, "production", CURATOR)
    assert "Loss @ 10k is 1.5000" in move.reason


def test_a_clearly_better_one_goes_through_staging_into_production() -> None:
    standing = Standing(production=scored(1, on_10k=1.5))

    moves = decided(scored(2, on_10k=0.5), standing)

    assert [(move.kind, move.label, move.by) for move in moves] == [
        (Kind.GIVE, "staging", ENGINEER),
        (Kind.GIVE, "production", CURATOR),
        (Kind.TAKE, "staging", CURATOR),
    ]
    assert "better by 1.0000 ± 0.00" in moves[1].reason


def test_one_that_is_good_enough_goes_to_the_registry_too() -> None:
    standing = Standing(production=scored(1, on_10k=1.5))

    move = decided(scored(2, accuracy=0.93, on_10k=0.5), standing)[-1]

    assert (move.kind, move.by) == (Kind.REGISTER, SECOND_CURATOR)
    assert "93.0%" in move.reason


def test_one_as_good_as_production_is_watched_in_staging() -> None:
    standing = Standing(production=scored(1, on_10k=0.5))
    (move,) = decided(scored(2, on_10k=0.501), standing)
    assert (move.kind, move.label) == (Kind.GIVE, "staging")
    assert "within two standard errors" in move.reason


def test_staging_keeps_the_better_of_two() -> None:
    standing = Standing(production=scored(1, on_10k=0.5), staging=scored(2, on_10k=0.501))
    assert decided(scored(3, on_10k=0.502), standing) == []


def test_a_clearly_worse_one_gets_nothing() -> None:
    assert decided(scored(2, on_10k=2.0), Standing(production=scored(1, on_10k=1.5))) == []


def test_somebody_does_not_wait_for_the_large_set() -> None:
    standing = Standing(production=scored(1, on_10k=1.5, on_1k=0.9))
    (move,) = decided(scored(2, on_1k=0.8), standing)
    assert (move.kind, move.label, move.by) == (Kind.GIVE, "production", SECOND_CURATOR)
    assert "10k is not in yet" in move.reason


def test_but_not_for_one_that_is_worse_on_the_small_set() -> None:
    standing = Standing(production=scored(1, on_10k=1.5, on_1k=0.9))
    assert decided(scored(2, on_1k=1.0), standing) == []


def test_a_hasty_promotion_is_rolled_back_when_the_large_set_disagrees() -> None:
    hasty = scored(2, on_1k=0.8, on_10k=1.9)
    standing = Standing(production=hasty, former=scored(1, on_1k=0.9, on_10k=1.5))

    (move,) = decided(hasty, standing)

    assert (move.kind, move.label, move.by) == (Kind.ROLL_BACK, "production", CURATOR)
    assert "worse by 0.4000" in move.reason
    assert "although better on 1k (0.8000 against 0.9000)" in move.reason
    assert "Back to v1." in move.reason


def test_and_stays_when_it_agrees() -> None:
    hasty = scored(2, on_1k=0.8, on_10k=1.2)
    standing = Standing(production=hasty, former=scored(1, on_1k=0.9, on_10k=1.5))
    assert decided(hasty, standing) == []


def test_one_that_diverged_is_archived() -> None:
    (move,) = decided(scored(2, on_10k=math.nan), Standing(production=scored(1, on_10k=1.5)))
    assert (move.kind, move.label, move.by) == (Kind.GIVE, "archived", ENGINEER)
