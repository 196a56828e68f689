"""Killed in the middle of logging: every acknowledged batch is there, and no batch is in halves."""

import random
from functools import partial

import numpy as np  # noqa: F401 (loaded before the fork, so that no life is spent on it)
import pytest

from apps.series.choices import SeriesKind
from apps.series.queries import read_many, series_of
from apps.series.services import Batch, append
from tests.killing import Acknowledge, kill_during

pytestmark = pytest.mark.django_db(transaction=True)
CYCLES = 20
KEYS = ["loss", "accuracy", "rate"]
POINTS = 50


def log_for_ever(first: int, acknowledge: Acknowledge) -> None:
    while True:
        steps = range(first, first + POINTS)
        columns = (steps, [1e9] * POINTS, [step / 3 for step in steps])
        append(
            scope_id=1,
            owner_id=7,
            kind=SeriesKind.METRIC,
            batches=[Batch(key, *columns) for key in KEYS],
        )
        acknowledge(str(first))
        first += POINTS


@pytest.mark.slow
def test_logging_survives_being_killed() -> None:
    chance = random.Random(5)
    acknowledged: list[int] = []

    for _ in range(CYCLES):
        # The batch in flight may have been stored or not; so each life begins behind it.
        first = acknowledged[-1] + 2 * POINTS if acknowledged else 0
        lines = kill_during(partial(log_for_ever, first), after_seconds=chance.uniform(0, 0.05))
        acknowledged += map(int, lines)

    assert len(acknowledged) >= CYCLES
    must = {step for first in acknowledged for step in range(first, first + POINTS)}
    found = read_many(owner_id=7, kind=SeriesKind.METRIC, keys=KEYS)
    steps = {key: points.steps.tolist() for key, points in found.items()}
    assert must <= set(steps["loss"])
    assert steps["loss"] == steps["accuracy"] == steps["rate"] == sorted(set(steps["loss"]))
    assert all(step % POINTS == place % POINTS for place, step in enumerate(steps["loss"]))
    for row in series_of(owner_id=7, kind=SeriesKind.METRIC):
        assert (row.count, row.last_step) == (len(steps["loss"]), steps["loss"][-1])
        assert row.last == steps["loss"][-1] / 3
