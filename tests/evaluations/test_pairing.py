"""The paired difference: what it is, and when there is none."""

import math
from collections.abc import Sequence

import pytest
from pytest_django import DjangoAssertNumQueries

from apps.evaluations.choices import Source
from apps.evaluations.examples import ExampleScore
from apps.evaluations.models import Result
from apps.evaluations.pairing import PairedDifference, paired_differences
from apps.evaluations.services import Score, record_results
from tests import build

pytestmark = pytest.mark.django_db

OURS, THEIRS = [0.1, 0.5, 0.9, 0.3], [0.2, 0.7, 1.0, 0.7]
# Differences −0.1, −0.2, −0.1, −0.4: mean −0.2, squares about it sum to 0.06.
NAIVE = math.sqrt(0.06 / (4 * 3))


def record(
    world: build.Table,
    place: int,
    losses: Sequence[float],
    *,
    value: float | None = None,
    stderr: float | None = None,
    names: str = "abcd",
) -> Result:
    score = Score(
        metric="loss",
        value=sum(losses) / len(losses) if value is None else value,
        golden_set=world.golden_set,
        stderr=stderr,
        examples=[ExampleScore(*pair) for pair in zip(names, losses, strict=True)],
    )
    return record_results(
        artifact=world.versions[place].artifact,
        scores=[score],
        access=build.access(world.editor, project=world.project),
        source=Source.API,
    )[0]


def compare(ours: Result, theirs: Result) -> PairedDifference | None:
    return paired_differences([(ours, theirs)]).get(ours.pk)


def test_it_is_the_mean_of_the_differences_with_its_standard_error() -> None:
    world = build.table([None, None])

    paired = compare(record(world, 0, OURS), record(world, 1, THEIRS[::-1], names="dcba"))

    assert paired is not None
    assert paired.difference == pytest.approx(-0.2)
    assert paired.stderr == pytest.approx(NAIVE)
    assert paired.n == 4


def test_dependent_examples_widen_it_as_they_do_each_result() -> None:
    world = build.table([None, None])
    mean = sum(OURS) / 4
    independent = math.sqrt(sum((one - mean) ** 2 for one in OURS) / 12)

    paired = compare(record(world, 0, OURS, stderr=3 * independent), record(world, 1, THEIRS))

    assert paired is not None
    assert paired.stderr == pytest.approx(3 * NAIVE)


@pytest.mark.parametrize("given", [{"names": "abce"}, {"value": 0.9}])
def test_there_is_none_on_other_examples_or_for_what_is_no_mean(given: dict[str, object]) -> None:
    world = build.table([None, None])

    assert compare(record(world, 0, OURS), record(world, 1, THEIRS, **given)) is None  # type: ignore[arg-type]


def test_there_is_none_without_examples_or_with_one_that_is_no_number() -> None:
    world = build.table([0.3, None])
    bare = world.versions[0].artifact.results.get()

    assert compare(bare, record(world, 1, THEIRS)) is None
    assert compare(record(world, 0, [0.1, math.nan, 0.9, 0.3], value=0.4), bare) is None


def test_many_pairs_cost_one_query(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    world = build.table([None, None, None])
    base = record(world, 0, OURS)
    others = [record(world, 1, THEIRS), record(world, 2, OURS)]

    with django_assert_num_queries(1):
        found = paired_differences([(one, base) for one in others])

    assert [found[one.pk].difference for one in others] == [pytest.approx(0.2), 0]
