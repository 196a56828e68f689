"""What became of each example between two results."""

import math
from collections.abc import Sequence

import pytest
from pytest_django import DjangoAssertNumQueries

from apps.evaluations import examples as stored
from apps.evaluations.choices import Better, Source
from apps.evaluations.examples import ExampleScore
from apps.evaluations.models import Result
from apps.evaluations.outcomes import Outcomes, outcomes_of, with_examples
from apps.evaluations.services import Score, record_results
from tests import build

pytestmark = pytest.mark.django_db

NAN = math.nan


def record(world: build.Table, place: int, examples: Sequence[ExampleScore]) -> Result:
    return record_results(
        artifact=world.versions[place].artifact,
        scores=[Score("loss", 0.5, golden_set=world.golden_set, examples=examples)],
        access=build.access(world.editor, project=world.project),
        source=Source.API,
    )[0]


def scored(*scores: float) -> list[ExampleScore]:
    return [ExampleScore(name, score) for name, score in zip("abcdef", scores, strict=False)]


def answered(*answers: str, target: str = "7") -> list[ExampleScore]:
    return [
        ExampleScore(name, 0.5, said, target) for name, said in zip("abcd", answers, strict=True)
    ]


def between(
    former: Sequence[ExampleScore],
    latter: Sequence[ExampleScore],
    better: Better = Better.LOWER,
) -> Outcomes:
    world = build.table([None, None])
    found = outcomes_of(record(world, 0, former), record(world, 1, latter), better)
    assert found is not None
    return found


def names(found: Outcomes) -> dict[str, str]:
    return {
        str(kind): "".join(pair.former.example for pair in found.of(kind)) for kind in found.kinds
    }


def test_predictions_say_what_is_right() -> None:
    found = between(answered("7", "1", "1", "7"), answered("1", "7", "2", "7"))

    assert names(found) == {
        "newly-wrong": "a",
        "newly-right": "b",
        "both-wrong": "c",
        "both-right": "d",
    }
    assert list(found.counts.values()) == [1, 1, 1, 1]
    assert found.judge == "prediction"


def test_no_answer_is_wrong_where_others_have_one() -> None:
    found = between(answered("7", "7", "7", "7"), answered("", "7", "7", "7"))

    assert names(found)["newly-wrong"] == "a"


@pytest.mark.parametrize(
    ("better", "newly_wrong"), [(Better.HIGHER, "a"), (Better.NEITHER, "a"), (Better.LOWER, "b")]
)
def test_scores_of_nought_and_one_say_what_is_right(better: Better, newly_wrong: str) -> None:
    found = between(scored(1, 0, 1, 0), scored(0, 1, 1, 0), better)

    assert found.judge == "hit"
    assert names(found)["newly-wrong"] == newly_wrong


@pytest.mark.parametrize(
    ("better", "kinds"),
    [
        (Better.LOWER, {"worse": "ae", "better": "bf", "same": "cd"}),
        (Better.HIGHER, {"worse": "be", "better": "af", "same": "cd"}),
        (Better.NEITHER, {"changed": "abef", "same": "cd"}),
    ],
)
def test_other_scores_only_say_better_or_worse(better: Better, kinds: dict[str, str]) -> None:
    former, latter = scored(0.1, 0.3, 0.2, NAN, 0.5, NAN), scored(0.4, 0.1, 0.2, NAN, NAN, 0.5)

    found = between(former, latter, better)

    assert found.judge == "score"
    assert names(found) == kinds


def test_the_greatest_change_comes_first() -> None:
    found = between(scored(0.1, 0.1, 0.1), scored(0.2, 0.9, 0.5))

    assert names(found)["worse"] == "bca"


def test_examples_of_one_result_alone_are_counted() -> None:
    found = between(scored(0.1, 0.1, 0.1), scored(0.2, 0.9))

    assert (len(found.pairs), found.unshared) == (2, 1)


def test_results_without_a_common_example_have_no_outcomes() -> None:
    world = build.table([None, None])
    one = record(world, 0, [ExampleScore("a", 0.5)])
    other = record(world, 1, [ExampleScore("b", 0.5)])

    assert outcomes_of(one, other, Better.LOWER) is None


def test_too_many_are_not_read(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    monkeypatch.setattr(stored, "CHUNK", 2)
    monkeypatch.setattr(stored, "MAX_AT_ONCE", 4)
    world = build.table([None, None, None])
    small, large = scored(0.1, 0.2, 0.3, 0.4), scored(0.1, 0.2, 0.3, 0.4, 0.5)
    first, second, third = (record(world, n, sent) for n, sent in enumerate((small, small, large)))

    with django_assert_num_queries(1):
        found = outcomes_of(first, second, Better.LOWER)
    assert found is not None
    assert found.counts["same"] == 4  # type: ignore[index]
    assert outcomes_of(first, third, Better.LOWER) is None


def test_which_results_came_with_examples() -> None:
    world = build.table([None, None])
    one, other = record(world, 0, scored(0.1)), record(world, 1, [])

    assert with_examples([one.pk, other.pk]) == {one.pk}
