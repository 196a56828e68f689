"""Samples, pages and rankings show what is stored, with a fixed number of queries."""

import math
import threading

import numpy as np
import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from apps.core.errors import Invalid
from apps.series import queries
from apps.series.choices import SeriesKind
from apps.series.encoding import Points, decode, join
from apps.series.models import Series
from apps.series.queries import (
    Cursor,
    page,
    ranked,
    read,
    read_many,
    sampled,
    sampled_of_many,
    series_of,
    series_of_many,
)
from apps.series.services import Batch, append, delete_series

pytestmark = pytest.mark.django_db
METRIC = SeriesKind.METRIC


def log(key: str, values: "list[float] | np.ndarray", *, first: int = 0, owner_id: int = 7) -> None:
    count = len(values)
    batch = Batch(key, range(first, first + count), np.arange(count) + 1e9, values)
    append(scope_id=1, owner_id=owner_id, kind=METRIC, batches=[batch])


def all_pages(limit: int, **bounds: int) -> list[Points]:
    pages, after = [], None
    while True:
        found = page(owner_id=7, kind=METRIC, key="loss", limit=limit, after=after, **bounds)
        pages.append(found.points)
        if found.after is None:
            return pages
        after = found.after


def rows(points: Points) -> list[tuple[int, float, float]]:
    columns = (points.steps, points.times, points.values)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_reading_between_two_steps_includes_both() -> None:
    log("loss", np.arange(10_000) / 2)

    points = read(owner_id=7, kind=METRIC, key="loss", min_step=4090, max_step=4100)

    assert points.steps.tolist() == list(range(4090, 4101))
    assert points.values[0] == 2045.0


@pytest.mark.parametrize("keys", [1, 5])
def test_reading_costs_two_queries_for_any_number_of_keys(
    keys: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    names = [f"m{place}" for place in range(keys)]
    for name in names:
        log(name, [1.0] * 600)

    with django_assert_num_queries(2):
        found = read_many(owner_id=7, kind=METRIC, keys=names)

    assert [len(found[name]) for name in names] == [600] * keys


@pytest.mark.parametrize("keys", [1, 5])
def test_sampling_costs_three_queries_for_any_number_of_keys(
    keys: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    names = [f"m{place}" for place in range(keys)]
    for name in names:
        log(name, np.arange(2000.0))
    log("short", [1.0])

    with django_assert_num_queries(3):
        found = sampled(owner_id=7, kind=METRIC, keys=[*names, "short", "none"], points=10)

    assert {found[name].steps[-1] for name in names} == {1999}
    assert max(len(found[name]) for name in names) <= 10
    assert (len(found["short"]), len(found["none"])) == (1, 0)


def test_samples_of_many_owners_cost_the_same_three_queries(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for owner in (7, 8, 9):
        log("loss", [float(owner)] * 3, owner_id=owner)
    log("loss", np.arange(2_000.0), owner_id=10)

    with django_assert_num_queries(3):
        found = sampled_of_many(
            owner_ids=[7, 8, 10, 11], kind=METRIC, keys=["loss", "none"], points=10
        )

    assert sorted(found) == [(7, "loss"), (8, "loss"), (10, "loss")]
    assert found[8, "loss"].values.tolist() == [8.0] * 3
    assert found[10, "loss"].values.max() == 1_999.0
    alone = sampled(owner_id=10, kind=METRIC, keys=["loss"], points=10)["loss"]
    assert rows(found[10, "loss"]) == rows(alone)


def test_a_long_series_is_drawn_from_previews_with_its_extremes_and_ends() -> None:
    values = np.sin(np.arange(40_000) / 500)
    values[12_345] = 9.0
    values[23_456] = -9.0
    values[30_000:30_200] = math.nan
    log("loss", values)

    found = sampled(owner_id=7, kind=METRIC, keys=["loss"], points=100)["loss"]

    assert len(found) <= 100
    assert found.steps[found.values == 9.0].tolist() == [12_345]
    assert found.steps[found.values == -9.0].tolist() == [23_456]
    assert np.isnan(found.values).any()
    assert (found.steps[0], found.steps[-1]) == (0, 39_999)


def test_zooming_into_a_long_series_shows_every_point() -> None:
    log("loss", np.arange(40_000.0))

    found = sampled(
        owner_id=7, kind=METRIC, keys=["loss"], points=100, min_step=20_000, max_step=20_049
    )["loss"]

    assert found.steps.tolist() == list(range(20_000, 20_050))


@pytest.mark.parametrize("points", [0, 9, 20_001])
def test_a_sample_has_a_sensible_size(points: int) -> None:
    with pytest.raises(Invalid):
        sampled(owner_id=7, kind=METRIC, keys=["loss"], points=points)


@pytest.mark.parametrize("step", [2**63, -(2**63) - 1])
def test_bounds_that_no_step_can_have_are_refused(step: int) -> None:
    for bounds in ({"min_step": step}, {"max_step": step}):
        with pytest.raises(Invalid):
            read(owner_id=7, kind=METRIC, key="loss", **bounds)
        with pytest.raises(Invalid):
            sampled(owner_id=7, kind=METRIC, keys=["loss"], **bounds)
        with pytest.raises(Invalid):
            page(owner_id=7, kind=METRIC, key="loss", limit=1, after=None, **bounds)


def test_bounds_at_the_ends_of_the_range() -> None:
    batch = Batch("loss", [-(2**63), 0, 2**63 - 1], [1.0] * 3, [1.0, 2.0, 3.0])
    append(scope_id=1, owner_id=7, kind=METRIC, batches=[batch])

    def steps(**bounds: int) -> list[int]:
        return read(owner_id=7, kind=METRIC, key="loss", **bounds).steps.tolist()

    assert steps(min_step=-(2**63), max_step=2**63 - 1) == [-(2**63), 0, 2**63 - 1]
    assert steps(min_step=2**63 - 1) == [2**63 - 1]
    assert steps(max_step=-(2**63)) == [-(2**63)]


def test_pages_of_an_unknown_key() -> None:
    found = page(owner_id=7, kind=METRIC, key="loss", limit=10)

    assert (len(found.points), found.after) == (0, None)


@pytest.mark.parametrize("limit", [1, 3, 5, 1000])
def test_pages_walk_through_points_of_the_same_step_and_time(limit: int) -> None:
    append(
        scope_id=1,
        owner_id=7,
        kind=METRIC,
        batches=[
            Batch("loss", [1, 1, 1, 2, 0], [5.0, 5.0, 4.0, 1.0, 9.0], [1.0, 2.0, 3.0, 4.0, 5.0])
        ],
    )

    assert [row[2] for found in all_pages(limit) for row in rows(found)] == [
        5.0,
        3.0,
        1.0,
        2.0,
        4.0,
    ]


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.tuples(st.integers(-100, 100), st.integers(1, 6000)), min_size=1, max_size=4),
    st.sampled_from([700, 4096, 25_000]),
    st.none() | st.integers(-100, 3000),
    st.none() | st.integers(-100, 3000),
)
def test_pages_give_the_whole_history_once(
    db: None,
    stretches: list[tuple[int, int]],
    limit: int,
    min_step: int | None,
    max_step: int | None,
) -> None:
    delete_series(owner_ids=[7])
    for first, count in stretches:
        log("loss", np.arange(float(count)), first=first)
    bounds = {
        name: step
        for name, step in (("min_step", min_step), ("max_step", max_step))
        if step is not None
    }

    pages = all_pages(limit, **bounds)

    assert all(len(found) == limit for found in pages[:-1])
    whole = read(owner_id=7, kind=METRIC, key="loss", **bounds)
    assert rows(join(pages)) == rows(whole)


def test_a_page_of_a_long_series_reads_a_few_chunks_only(
    django_assert_num_queries: DjangoAssertNumQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    log("loss", np.arange(100_000.0))
    decoded: list[bytes] = []

    def counted(data: bytes) -> Points:
        decoded.append(data)
        return decode(data)

    monkeypatch.setattr(queries, "decode", counted)

    with django_assert_num_queries(3):
        found = page(
            owner_id=7, kind=METRIC, key="loss", limit=1000, after=Cursor(50_000, 1e9 + 50_000, 1)
        )

    assert found.points.steps.tolist() == list(range(50_001, 51_001))
    assert len(decoded) <= 3


@pytest.mark.django_db(transaction=True)
def test_a_reader_beside_a_writer_sees_each_point_once() -> None:
    done = threading.Event()

    def write() -> None:
        try:
            for first in range(0, 12_000, 120):
                log("loss", np.arange(120.0) + first, first=first)
        finally:
            connection.close()
            done.set()

    writer = threading.Thread(target=write)
    writer.start()
    looks = 0
    while not done.is_set() or looks < 2:
        steps = read(owner_id=7, kind=METRIC, key="loss").steps.tolist()
        assert steps == list(range(len(steps)))
        looks += 1
    writer.join()

    assert len(read(owner_id=7, kind=METRIC, key="loss")) == 12_000


def test_the_figures_of_series_are_listed_without_their_points(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    log("b", [1.0, 3.0])
    log("a", [2.0])
    log("a", [5.0], owner_id=8)

    with django_assert_num_queries(2):
        found = [(row.key, row.count, row.last) for row in series_of(owner_id=7, kind=METRIC)]
        cells = series_of_many(owner_ids=[7, 8], kind=METRIC, keys=["a"])
        values = {row.owner_id: row.last for row in cells}

    assert found == [("a", 1, 2.0), ("b", 2, 3.0)]
    assert values == {7: 2.0, 8: 5.0}


def test_owners_ranked_by_their_last_value_leave_out_nan() -> None:
    for owner_id, value in [(1, 0.5), (2, math.nan), (3, -math.inf), (4, 0.25), (5, 0.5)]:
        log("loss", [value], owner_id=owner_id)

    def owners(*, descending: bool) -> list[int]:
        found = ranked(scope_id=1, kind=METRIC, key="loss", descending=descending)
        return [row.owner_id for row in found]

    assert owners(descending=False) == [3, 4, 1, 5]
    assert owners(descending=True) == [5, 1, 4, 3]


def test_ranking_reads_its_index_and_sorts_nothing() -> None:
    for owner_id in range(20):
        log("loss", [owner_id / 3], owner_id=owner_id)
    top = ranked(scope_id=1, kind=METRIC, key="loss", descending=True).values("owner_id")[:5]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # On a tiny table reading all of it is cheaper.
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")

    plan = top.explain()

    assert "series_by_last_value" in plan
    assert "sort" not in plan.lower()
    assert "temp b-tree" not in plan.lower()


def test_a_series_without_points_is_not_listed() -> None:
    Series.objects.create(scope_id=1, owner_id=7, kind=METRIC, key="loss")

    assert not series_of(owner_id=7, kind=METRIC).exists()
    assert read_many(owner_id=7, kind=METRIC, keys=["loss"])["loss"].steps.tolist() == []
