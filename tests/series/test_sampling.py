"""A sample draws the same curve: extremes, ends and gaps stay."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.series.encoding import Points, unpack
from apps.series.sampling import downsample, extremes, preview


def curve(values: "list[float] | np.ndarray") -> Points:
    column = np.asarray(values, dtype=np.float64)
    places = np.arange(len(column))
    return Points(places, places.astype(np.float64), column)


def test_a_short_curve_is_left_alone() -> None:
    points = curve([3.0, 1.0, 2.0])

    assert downsample(points, 10) is points


@settings(deadline=None)
@given(
    st.lists(st.floats(width=32), min_size=1, max_size=400),
    st.integers(min_value=5, max_value=60),
)
def test_a_sample_keeps_extremes_ends_order_and_limit(values: list[float], limit: int) -> None:
    points = curve(values)

    sample = downsample(points, limit)

    assert len(sample) <= limit or len(sample) == len(points)
    assert {0, len(values) - 1} <= set(sample.steps.tolist())
    assert (np.diff(sample.steps) > 0).all()
    comparable = [value for value in values if value == value]
    if comparable:
        assert min(comparable) in sample.values
        assert max(comparable) in sample.values
    assert np.isnan(sample.values).any() == np.isnan(points.values).any()


def test_one_spike_in_a_million_points_is_still_drawn() -> None:
    values = np.zeros(1_000_000)
    values[654_321] = 1.0

    sample = downsample(curve(values), 1000)

    assert len(sample) <= 1000
    assert sample.steps[sample.values == 1.0].tolist() == [654_321]


def test_a_gap_stays_where_it_is() -> None:
    values = np.sin(np.arange(10_000) / 100)
    values[4_000:4_300] = np.nan

    sample = downsample(curve(values), 300)

    gaps = sample.steps[np.isnan(sample.values)]
    assert gaps.min() == 4_000
    assert gaps.max() < 4_300


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ([1.0], [0]),
        ([np.nan], [0]),
        ([2.0, 1.0, 3.0], [1, 2]),
        ([np.nan, np.inf, 5.0], [0, 1, 2]),
        ([1.0, 1.0, 1.0, 0.5], [0, 3]),
    ],
)
def test_extremes_of_one_bucket(values: list[float], kept: list[int]) -> None:
    assert extremes(np.array(values), 10).tolist() == kept


def test_a_preview_begins_and_ends_with_its_chunk() -> None:
    points = curve([5.0, *range(1000), 5.0])

    drawn = unpack(preview(points))

    assert drawn.steps[0] == 0
    assert drawn.steps[-1] == 1001
    assert len(drawn) <= 2 + 2 * 8
