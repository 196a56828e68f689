"""Golden sets, metrics and results: what is current, what is kept, what is refused."""

import math

import pytest

from apps.artifacts.services import begin_artifact
from apps.audit.models import Event
from apps.core.errors import Conflict, Forbidden, Invalid
from apps.evaluations.choices import Better, Source
from apps.evaluations.examples import CHUNK, ExampleScore, read_examples
from apps.evaluations.models import ExampleScores, Result
from apps.evaluations.queries import current_results, metric_named, result_history
from apps.evaluations.services import (
    GoldenSetExists,
    Score,
    define_metric,
    guess_direction,
    record_results,
)
from apps.registry.models import Column
from tests import build

pytestmark = pytest.mark.django_db


def test_a_newer_result_takes_the_place_of_the_older_which_stays() -> None:
    world = build.table([0.5])
    artifact = world.versions[0].artifact

    build.result(world.editor, artifact, 0.4, on=world.golden_set)

    current = current_results(artifact).get()
    assert current.value == 0.4
    history = result_history(artifact, current.metric, world.golden_set)
    assert [result.value for result in history] == [0.4, 0.5]


def test_the_first_result_makes_a_column_and_the_second_none() -> None:
    world = build.table([0.5, 0.4])

    column = Column.objects.get(collection=world.collection)

    assert (column.title, column.slug, column.metric.better) == (
        "Loss @ 10k",
        "loss@10k",
        Better.LOWER,
    )


def test_nan_is_a_result_but_no_number() -> None:
    world = build.table([math.nan])

    assert current_results(world.versions[0].artifact).get().value is None


def test_results_are_recorded_together_or_not_at_all() -> None:
    world = build.table([None])
    artifact = world.versions[0].artifact
    access = build.access(world.editor, project=world.project)
    events = Event.objects.count()
    good = Score("loss", 0.1, world.golden_set)

    for bad in (
        Score("loss", 0.1, stderr=-1.0),
        Score("loss", 0.1, low=0.2, high=0.1),
        Score("loss", 0.1, low=0.2),
        Score("loss", 0.1, n=0),
        Score("", 0.1),
        Score("loss", 0.1, examples=[ExampleScore("a", 1.0), ExampleScore("a", 2.0)]),
    ):
        with pytest.raises(Invalid):
            record_results(artifact=artifact, scores=[good, bad], access=access, source=Source.API)

    assert Result.objects.count() == 0
    assert Event.objects.count() == events


def test_a_batch_of_results_is_one_event() -> None:
    world = build.table([None])
    access = build.access(world.editor, project=world.project)
    events = Event.objects.count()

    record_results(
        artifact=world.versions[0].artifact,
        scores=[Score("loss", 0.1, world.golden_set, n=10), Score("accuracy", 0.9)],
        access=access,
        source=Source.API,
    )

    assert Event.objects.count() == events + 1
    assert Event.objects.latest("sequence").kind == "results.recorded"


def test_viewers_record_nothing_and_editors_mark_no_golden_set() -> None:
    world = build.table([None])

    with pytest.raises(Forbidden):
        build.result(world.viewer, world.versions[0].artifact, 0.1, on=world.golden_set)
    with pytest.raises(Forbidden):
        build.golden_set(world.editor, "another")
    with pytest.raises(GoldenSetExists):
        build.golden_set(world.curator, "DIGITS-10k")


def test_only_sealed_artifacts_are_evaluated() -> None:
    world = build.table([])
    access = build.access(world.editor, project=world.project)
    pending = begin_artifact(type="model", access=access)

    with pytest.raises(Conflict):
        build.result(world.editor, pending, 0.1, on=world.golden_set)


def test_example_scores_come_back_in_order_over_several_chunks() -> None:
    world = build.table([None])
    examples = [
        ExampleScore(f"image {number}", math.nan if number == 3 else number / 7, "7", "1")
        for number in range(CHUNK + 5)
    ]

    result = record_results(
        artifact=world.versions[0].artifact,
        scores=[Score("loss", 0.1, world.golden_set, examples=examples)],
        access=build.access(world.editor, project=world.project),
        source=Source.API,
    )[0]

    assert ExampleScores.objects.filter(result=result).count() == 2
    found = list(read_examples(result))
    assert [one.example for one in found] == [one.example for one in examples]
    assert [repr(one.score) for one in found] == [repr(one.score) for one in examples]
    assert (found[-1].prediction, found[-1].target) == ("7", "1")


def test_a_curator_says_what_a_metric_is() -> None:
    world = build.table([0.5])

    define_metric(
        name="LOSS",
        title="Cross-entropy",
        better=Better.LOWER,
        format="fixed:3",
        access=build.access(world.curator),
    )

    metric = metric_named(world.collection.team, "loss")
    assert (metric.title, metric.format) == ("Cross-entropy", "fixed:3")
    with pytest.raises(Invalid):
        define_metric(name="loss", format="{0.__class__}", access=build.access(world.curator))
    with pytest.raises(Forbidden):
        define_metric(name="loss", title="Mine", access=build.access(world.editor))


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("loss", Better.LOWER),
        ("ce_loss", Better.LOWER),
        ("val/crossentropyloss", Better.LOWER),
        ("rmse", Better.LOWER),
        ("accuracy", Better.HIGHER),
        ("top5_acc", Better.HIGHER),
        ("macro-F1", Better.HIGHER),
        ("temperature", Better.NEITHER),
    ],
)
def test_directions_are_guessed_from_names(name: str, better: Better) -> None:
    assert guess_direction(name) == better
