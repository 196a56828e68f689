"""A shorter story than the demo's own, with little of everything and something of each."""

from dataclasses import replace
from datetime import timedelta

import pytest

from apps.demo.digits import Examples, Split, load_images, split
from apps.demo.network import Settings
from apps.demo.story import CRASHING, FIRST_1K, GOLDEN_1K, GOLDEN_10K, ONLY_10K, Candidate, Story

LOGISTIC = Settings(training_examples=150, learning_rate=0.05, epochs=3, seed=1)

SHORT_STORY = Story(
    candidates=(
        Candidate("small", "A start.", LOGISTIC),
        Candidate("hasty", "On 1k first.", replace(LOGISTIC, epochs=8), FIRST_1K),
        Candidate(
            "diverging",
            "Much too fast.",
            Settings(hidden=(16,), training_examples=150, learning_rate=200, l2=0.1, epochs=4),
            ONLY_10K,
        ),
        Candidate("better", "More of everything.", Settings(hidden=(32,), epochs=12, seed=2)),
    ),
    crashing=replace(
        CRASHING,
        settings=Settings(training_examples=150, schedule=(0.1, 0.1), epochs=5),
    ),
    crashes_after=2,
    live=Candidate("live", "Goes on.", Settings(training_examples=150, epochs=3)),
    golden_plans=(replace(GOLDEN_10K, copies=4), GOLDEN_1K),
    span=timedelta(days=8),
    validation=60,
    held_out=60,
    registry_accuracy=0.5,
)


@pytest.fixture(scope="session")
def images() -> Examples:
    return load_images()


@pytest.fixture(scope="session")
def parts(images: Examples) -> Split:
    """The split of the short story."""
    story = SHORT_STORY
    return split(
        images, seed=story.split_seed, validation=story.validation, held_out=story.held_out
    )
