"""Where two versions have scores for the same examples, their difference is judged in pairs."""

from collections.abc import Sequence

import pytest

from apps.artifacts.models import Version
from apps.evaluations.choices import Source
from apps.evaluations.examples import ExampleScore
from apps.evaluations.services import Score, record_results
from tests.registry.builders import Story, make_story
from tests.web.visits import browser, text_of

pytestmark = pytest.mark.django_db

PAGE = "/main/digits/models/mnist_model_candidates/versions/2"
HARD = [0.1, 0.2, 1.9, 2.0]


def score(story: Story, version: Version, losses: Sequence[float], *, examples: bool) -> None:
    named = [ExampleScore(f"image-{place}", loss) for place, loss in enumerate(losses)]
    record_results(
        artifact=version.artifact,
        scores=[
            Score(
                metric="loss",
                value=sum(losses) / len(losses),
                golden_set=story.golden_sets["10k"],
                n=len(losses),
                # s / √n of both: two such means a tenth apart may well be equal.
                stderr=0.52121,
                examples=named if examples else (),
            )
        ],
        access=story.access,
        source=Source.API,
    )


def compared(*, examples: bool, address: str = PAGE) -> str:
    """The page of a version that is better by a tenth on every example but one."""
    story = make_story()
    first, second = story.version(), story.version()
    score(story, first, HARD, examples=examples)
    score(story, second, [0.0, 0.1, 1.8, 1.89], examples=examples)
    story.promote(first)
    return text_of(browser(story.curator).get(address))


@pytest.mark.parametrize("address", [PAGE, f"{PAGE}/promote"])
def test_a_small_difference_on_every_example_is_none_of_chance(address: str) -> None:
    text = compared(examples=True, address=address)

    assert "better than production; −0.102 ±0.003 over 4 examples in pairs" in text
    assert "within the uncertainty)" not in text
    assert "judged in pairs, example by example" in text


def test_without_the_examples_both_uncertainties_count() -> None:
    text = compared(examples=False)

    assert "(within the uncertainty)" in text
    assert "judged by the ± of each score, not paired" in text
