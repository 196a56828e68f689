"""Points as a set: what MLflow's clients send twice counts once, and the largest is the last."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from apps.series.choices import SeriesKind
from apps.series.encoding import CHUNK_POINTS
from apps.series.models import Series
from apps.series.queries import read
from apps.series.services import Batch, append, delete_series

pytestmark = pytest.mark.django_db
METRIC = SeriesKind.METRIC
Point = tuple[int, float, float]


def log(*points: Point, key: str = "loss") -> None:
    steps, times, values = zip(*points, strict=True)
    batch = Batch(key, steps, times, values)
    append(scope_id=1, owner_id=7, kind=METRIC, batches=[batch], as_sets=True)


def points() -> list[Point]:
    found = read(owner_id=7, kind=METRIC, key="loss")
    return list(zip(found.steps.tolist(), found.times.tolist(), found.values.tolist(), strict=True))


def row() -> Series:
    return Series.objects.get(owner_id=7)


def test_the_same_point_counts_once() -> None:
    log((1, 10.0, 0.5), (1, 10.0, 0.5))
    log((1, 10.0, 0.5))
    log((0, 9.0, 0.7), (1, 10.0, 0.5), (2, 11.0, 0.4))
    assert points() == [(0, 9.0, 0.7), (1, 10.0, 0.5), (2, 11.0, 0.4)]
    assert row().count == 3


def test_what_differs_in_anything_is_another_point() -> None:
    log((1, 10.0, 0.5), (1, 10.0, 0.6), (1, 11.0, 0.5), (2, 10.0, 0.5))
    assert len(points()) == 4


def test_nan_is_the_same_as_itself() -> None:
    log((1, 10.0, math.nan))
    log((1, 10.0, math.nan))
    assert len(points()) == 1
    assert row().last_is_nan


@pytest.mark.parametrize(
    ("first", "second", "last"),
    [
        ((1, 10.0, 0.5), (1, 10.0, 0.6), 0.6),
        ((1, 10.0, 0.6), (1, 10.0, 0.5), 0.6),
        ((1, 10.0, 0.6), (1, 9.0, 0.9), 0.6),
        ((2, 10.0, 0.6), (1, 99.0, 0.9), 0.6),
        ((1, 10.0, math.nan), (1, 10.0, -5.0), -5.0),
        ((1, 10.0, -5.0), (1, 10.0, math.nan), -5.0),
    ],
)
def test_the_last_is_the_largest_by_step_time_and_value(
    first: Point, second: Point, last: float
) -> None:
    log(first)
    log(second)
    assert row().last == last
    delete_series(owner_ids=[7])
    log(first, second)
    assert row().last == last


def test_a_repeat_is_found_in_a_chunk_too() -> None:
    whole = [(step, float(step), step / 7) for step in range(CHUNK_POINTS + 100)]
    log(*whole)
    log(*whole[50:3_000])
    log(whole[10], (10, 10.0, -1.0))
    assert row().count == len(whole) + 1
    assert row().min_value == -1.0


def test_new_points_ask_nothing_more(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    log(*[(step, float(step), 1.0) for step in range(CHUNK_POINTS)])
    with django_assert_num_queries(2):  # locked read, update
        log((CHUNK_POINTS, 1e9, 0.5), (CHUNK_POINTS, 1e9, 0.6))


POINT = st.tuples(
    st.integers(0, 3), st.sampled_from([1.0, 2.0]), st.sampled_from([0.1, 0.2, math.inf])
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(POINT, min_size=1, max_size=30), min_size=1, max_size=8))
def test_any_batches_make_one_set(batches: Sequence[Sequence[Point]]) -> None:
    delete_series(owner_ids=[7])
    wanted: set[Point] = set()
    for batch in batches:
        log(*batch)
        wanted.update(batch)
    assert set(points()) == wanted
    assert row().count == len(wanted)
    assert row().last == max(wanted)[2]
    assert row().first_step == min(wanted)[0]
