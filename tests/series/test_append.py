"""Every point that was logged is there, in order, and the figures of its series are right."""

import math
import random
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from apps.core.errors import Invalid, TooLarge
from apps.series.choices import SeriesKind
from apps.series.encoding import CHUNK_POINTS, TAIL_POINTS
from apps.series.models import Chunk, ObjectPoint, Series
from apps.series.queries import objects_of, read, read_many, series_of
from apps.series.services import (
    MAX_OBJECT_CHARACTERS,
    Batch,
    ObjectValue,
    append,
    append_objects,
    delete_series,
)

pytestmark = pytest.mark.django_db
METRIC = SeriesKind.METRIC


def log(
    values: Sequence[float] | np.ndarray,
    *,
    steps: Sequence[int] | None = None,
    times: Sequence[float] | None = None,
    key: str = "loss",
    owner_id: int = 7,
    kind: SeriesKind = METRIC,
) -> None:
    steps = range(len(values)) if steps is None else steps
    times = [1e9 + place for place in range(len(values))] if times is None else times
    batches = [Batch(key, steps, times, values)]
    append(scope_id=1, owner_id=owner_id, kind=kind, batches=batches)


def values_of(key: str = "loss", owner_id: int = 7) -> list[float]:
    return read(owner_id=owner_id, kind=METRIC, key=key).values.tolist()


def series(key: str = "loss") -> Series:
    return Series.objects.get(owner_id=7, kind=METRIC, key=key)


def test_points_come_back_as_they_went() -> None:
    log([0.5, 0.25], steps=[1, 2], times=[100.5, 101.25])

    points = read(owner_id=7, kind=METRIC, key="loss")

    assert points.steps.tolist() == [1, 2]
    assert points.times.tolist() == [100.5, 101.25]
    assert points.values.tolist() == [0.5, 0.25]


def test_an_unknown_key_has_no_points() -> None:
    assert len(read(owner_id=7, kind=METRIC, key="loss")) == 0


def test_kinds_and_owners_are_apart() -> None:
    log([1.0])
    log([2.0], kind=SeriesKind.SYSTEM)
    log([3.0], owner_id=8)

    assert values_of() == [1.0]
    assert read(owner_id=7, kind=SeriesKind.SYSTEM, key="loss").values.tolist() == [2.0]
    assert values_of(owner_id=8) == [3.0]


@pytest.mark.parametrize(
    "count",
    [1, TAIL_POINTS, TAIL_POINTS + 1, CHUNK_POINTS, CHUNK_POINTS + 1, 3 * CHUNK_POINTS + 5],
)
def test_one_batch_of_any_size(count: int) -> None:
    log(np.arange(count) / 3)

    assert values_of() == [place / 3 for place in range(count)]
    assert series().count == count


def test_small_chunks_become_whole_ones() -> None:
    for start in range(0, 10_000, 100):
        log([float(start)] * 100, steps=range(start, start + 100))

    chunks = list(Chunk.objects.order_by("position").values_list("position", "count"))
    whole, small = chunks[:2], chunks[2:]
    assert whole == [(0, CHUNK_POINTS), (CHUNK_POINTS, CHUNK_POINTS)]
    assert all(count < CHUNK_POINTS for _, count in small)
    ends = [position + count for position, count in chunks]
    assert [position for position, _ in chunks[1:]] == ends[:-1]
    assert read(owner_id=7, kind=METRIC, key="loss").steps.tolist() == list(range(10_000))


def test_a_few_points_at_a_time_fill_a_chunk_too() -> None:
    count = CHUNK_POINTS + 130
    for first in range(0, count, 13):
        log([step / 7 for step in range(first, first + 13)], steps=range(first, first + 13))

    assert values_of()[:count] == [step / 7 for step in range(count)]
    assert Chunk.objects.filter(count=CHUNK_POINTS, position=0).exists()
    assert Chunk.objects.filter(count__lt=CHUNK_POINTS).count() <= 2


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=12), st.integers(0, 999))
def test_any_sequence_of_batches_keeps_every_point(db: None, sizes: list[int], seed: int) -> None:
    chance = random.Random(seed)
    delete_series(owner_ids=[7])
    logged: list[tuple[int, float, float]] = []
    for size in sizes:
        rows = [
            (chance.randint(-50, 50), float(chance.randint(0, 3)), chance.random())
            for _ in range(size)
        ]
        logged += rows
        steps, times, values = (list(column) for column in zip(*rows, strict=True))
        log(values, steps=steps, times=times)

    points = read(owner_id=7, kind=METRIC, key="loss")

    # sorted() is stable, so equal steps and times must stay in the order they came.
    expected = sorted(logged, key=lambda row: row[:2])
    assert list(zip(points.steps, points.times, points.values, strict=True)) == expected
    last_step, last_at, last_value = expected[-1]
    found = series()
    assert found.count == len(logged)
    assert (found.first_step, found.last_step) == (expected[0][0], last_step)
    assert (found.last_at, found.last_value) == (last_at, last_value)
    assert found.min_value == min(value for _, _, value in logged)
    assert found.max_value == max(value for _, _, value in logged)


def test_steps_out_of_order_and_repeated_are_all_kept() -> None:
    log([1.0, 2.0], steps=[5, 3], times=[10.0, 11.0])
    log([3.0, 4.0, 5.0], steps=[3, 3, -1], times=[9.0, 11.0, 12.0])

    points = read(owner_id=7, kind=METRIC, key="loss")

    assert points.steps.tolist() == [-1, 3, 3, 3, 5]
    assert points.values.tolist() == [5.0, 3.0, 2.0, 4.0, 1.0]


def test_the_last_point_has_the_largest_step_then_time_then_came_last() -> None:
    log([1.0], steps=[5], times=[10.0])
    log([2.0], steps=[4], times=[99.0])
    assert series().last == 1.0

    log([3.0, 4.0], steps=[5, 5], times=[10.0, 9.0])
    assert series().last == 3.0
    assert series().last_at == 10.0


def test_nan_is_never_the_best_and_infinity_is() -> None:
    log([math.nan, 2.0, math.inf, math.nan])

    found = series()
    assert math.isnan(found.last or 0.0)
    assert (found.last_value, found.last_is_nan) == (None, True)
    assert (found.min_value, found.max_value) == (2.0, math.inf)


def test_a_series_of_nan_only_has_no_best() -> None:
    log([math.nan] * 300)

    found = series()
    assert (found.min_value, found.max_value, found.count) == (None, None, 300)
    assert all(math.isnan(value) for value in values_of())


def test_a_number_after_nan_is_the_last_value_again() -> None:
    log([math.nan], steps=[1])
    log([0.5], steps=[2])

    assert (series().last_value, series().last_is_nan) == (0.5, False)


@pytest.mark.parametrize("step", [2**63 - 1, -(2**63), 2**53 + 1, 0])
def test_extreme_steps_are_exact(step: int) -> None:
    log([1.0], steps=[step])

    assert read(owner_id=7, kind=METRIC, key="loss").steps.tolist() == [step]
    assert (series().first_step, series().last_step) == (step, step)


@pytest.mark.parametrize(
    "value", [1e308, 5e-324, -0.0, 0.1 + 0.2, 1.7976931348623157e308, -math.inf]
)
def test_values_are_exact_in_the_tail_and_in_a_chunk(value: float) -> None:
    log([value])
    assert [found.hex() for found in values_of()] == [value.hex()]

    log([value] * 300, steps=range(1, 301))
    assert {found.hex() for found in values_of()} == {value.hex()}


@pytest.mark.parametrize(
    ("steps", "times", "values"),
    [
        ([2**63], [0.0], [0.0]),
        ([-(2**63) - 1], [0.0], [0.0]),
        ([1.5], [0.0], [0.0]),
        (["1"], [0.0], [0.0]),
        ([1], [math.nan], [0.0]),
        ([1], [math.inf], [0.0]),
        ([1], [0.0], ["0.5"]),
        ([1], [0.0], [None]),
        ([1], [0.0], [10**400]),
        ([1, 2], [0.0], [0.0]),
    ],
)
def test_one_wrong_number_and_nothing_is_stored(steps: list, times: list, values: list) -> None:
    batches = [Batch("good", [1], [0.0], [0.0]), Batch("loss", steps, times, values)]

    with pytest.raises(Invalid):
        append(scope_id=1, owner_id=7, kind=METRIC, batches=batches)

    assert not Series.objects.exists()


@pytest.mark.parametrize("key", ["", " ", "a\x00b", "\ud800", "x" * 256])
def test_a_wrong_key_is_refused(key: str) -> None:
    with pytest.raises(Invalid):
        log([1.0], key=key)


def test_batches_of_one_key_follow_each_other() -> None:
    batches = [Batch("loss", [1], [1.0], [1.0]), Batch("loss", [1], [1.0], [2.0])]

    append(scope_id=1, owner_id=7, kind=METRIC, batches=batches)

    assert values_of() == [1.0, 2.0]


def test_a_batch_without_points_leaves_no_series() -> None:
    log([])

    assert not Series.objects.exists()


@pytest.mark.parametrize("keys", [1, 200])
def test_appending_costs_the_same_queries_for_any_number_of_keys(
    keys: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    batches = [Batch(f"m{place}", [1], [1.0], [1.0]) for place in range(keys)]
    append(scope_id=1, owner_id=7, kind=METRIC, batches=batches)

    # Locked read, update.
    with django_assert_num_queries(2):
        append(scope_id=1, owner_id=7, kind=METRIC, batches=batches)


def test_full_tails_cost_one_query_more_and_a_whole_chunk_three(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    def batches(count: int) -> list[Batch]:
        columns = (range(count), [1.0] * count, [1.0] * count)
        return [Batch(f"m{place}", *columns) for place in range(20)]

    append(scope_id=1, owner_id=7, kind=METRIC, batches=batches(1))

    with django_assert_num_queries(3):
        append(scope_id=1, owner_id=7, kind=METRIC, batches=batches(300))
    with django_assert_num_queries(5):
        append(scope_id=1, owner_id=7, kind=METRIC, batches=batches(CHUNK_POINTS - 300))


def test_deleting_takes_everything_of_the_owner_and_nothing_else() -> None:
    log([1.0] * 300)
    log([2.0], owner_id=8)
    append_objects(owner_id=7, objects=[ObjectValue("image", 1, 1.0, {"path": "a.png"})])

    delete_series(owner_ids=[7])

    assert not series_of(owner_id=7, kind=METRIC).exists()
    assert not Chunk.objects.exists()
    assert not ObjectPoint.objects.exists()
    assert values_of(owner_id=8) == [2.0]


def test_objects_are_kept_in_order_of_step_as_json() -> None:
    append_objects(
        owner_id=7,
        objects=[
            ObjectValue("image", 2, 5.0, {"path": "b.png", "width": math.nan}),
            ObjectValue("image", 1, 6.0, "first"),
        ],
    )

    assert [(found.step, found.value) for found in objects_of(owner_id=7, keys=["image"])] == [
        (1, '"first"'),
        (2, '{"path":"b.png","width":"NaN"}'),
    ]


@pytest.mark.parametrize(
    "item",
    [
        ObjectValue("image", 2**63, 0.0, 1),
        ObjectValue("image", 1, math.nan, 1),
        ObjectValue("image", 1, 0.0, object()),
        ObjectValue("image", 1, 0.0, "\ud800"),
        ObjectValue("", 1, 0.0, 1),
    ],
)
def test_a_wrong_object_is_refused(item: ObjectValue) -> None:
    with pytest.raises(Invalid):
        append_objects(owner_id=7, objects=[ObjectValue("good", 1, 0.0, 1), item])

    assert not ObjectPoint.objects.exists()


def test_an_object_has_a_largest_size() -> None:
    text = "x" * (MAX_OBJECT_CHARACTERS + 1)
    with pytest.raises(TooLarge):
        append_objects(owner_id=7, objects=[ObjectValue("text", 1, 0.0, text)])


@pytest.mark.django_db(transaction=True)
def test_eight_writers_lose_nothing_even_while_keys_are_new() -> None:
    writers, calls, points = 8, 25, 20
    start = threading.Barrier(writers)

    def write(writer: int) -> None:
        try:
            start.wait()
            for call in range(calls):
                first = (writer * calls + call) * points
                # Each writer names the shared keys in another order and brings one of its own.
                keys = [f"m{(writer + shift) % 4}" for shift in range(4)]
                batches = [
                    Batch(key, range(first, first + points), [float(call)] * points, [1.0] * points)
                    for key in [*keys, f"own{writer}"]
                ]
                append(scope_id=1, owner_id=7, kind=METRIC, batches=batches)
        finally:
            connection.close()

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, range(writers)))

    keys = [f"m{place}" for place in range(4)]
    for found in read_many(owner_id=7, kind=METRIC, keys=keys).values():
        assert found.steps.tolist() == list(range(writers * calls * points))
    shared = series_of(owner_id=7, kind=METRIC, keys=keys)
    assert {row.count for row in shared} == {writers * calls * points}
    assert {row.last_step for row in shared} == {writers * calls * points - 1}
    for writer in range(writers):
        assert len(values_of(f"own{writer}")) == calls * points
