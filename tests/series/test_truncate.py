"""Forgetting what came after a step: a run that is taken back to it goes on from there."""

import math

import pytest

from apps.series.choices import SeriesKind
from apps.series.models import Chunk, Series
from apps.series.queries import objects_of, read, series_of
from apps.series.services import (
    Batch,
    ObjectValue,
    append,
    append_objects,
    truncate,
    truncate_objects,
)

pytestmark = pytest.mark.django_db
METRIC = SeriesKind.METRIC


def log(key: str, steps: range, *, owner_id: int = 7) -> None:
    columns = (list(steps), [float(step) for step in steps], [float(step) for step in steps])
    append(scope_id=1, owner_id=owner_id, kind=METRIC, batches=[Batch(key, *columns)])


def steps_of(key: str) -> list[int]:
    return read(owner_id=7, kind=METRIC, key=key).steps.tolist()


def test_nothing_after_the_step_is_left() -> None:
    steps = [*range(10_000), 5]
    values = [float(step) for step in steps]
    values[9_999] = math.nan
    append(
        scope_id=1,
        owner_id=7,
        kind=METRIC,
        batches=[Batch("loss", steps, [1.0] * len(steps), values)],
    )
    append_objects(owner_id=7, objects=[ObjectValue("o", step, 1.0, "x") for step in (4, 6)])

    truncate(owner_id=7, kind=METRIC, after_step=5_000)
    truncate_objects(owner_id=7, after_step=5)

    assert steps_of("loss") == sorted([*range(5_001), 5])
    (row,) = series_of(owner_id=7, kind=METRIC)
    assert (row.count, row.first_step, row.last_step) == (5_002, 0, 5_000)
    assert (row.last, row.min_value, row.max_value) == (5_000.0, 0.0, 5_000.0)
    assert [point.step for point in objects_of(owner_id=7)] == [4]


def test_it_goes_on_from_there() -> None:
    log("loss", range(200))

    truncate(owner_id=7, kind=METRIC, after_step=99)
    log("loss", range(100, 9_000))

    assert steps_of("loss") == list(range(9_000))


def test_a_series_that_is_left_with_nothing_goes() -> None:
    log("loss", range(5, 300))
    log("other", range(5))

    truncate(owner_id=7, kind=METRIC, after_step=4)

    assert [row.key for row in series_of(owner_id=7, kind=METRIC)] == ["other"]
    assert not Chunk.objects.exists()


def test_other_keys_and_owners_are_left_alone() -> None:
    log("loss", range(5))
    log("other", range(5))
    log("loss", range(5), owner_id=8)

    truncate(owner_id=7, kind=METRIC, after_step=1, keys=["loss"])

    counts = {(row.owner_id, row.key): row.count for row in Series.objects.all()}
    assert counts == {(7, "loss"): 2, (7, "other"): 5, (8, "loss"): 5}
