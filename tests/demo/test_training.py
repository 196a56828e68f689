"""The network learns, comes out the same each time, and its results carry honest errors."""

import math

import numpy as np
import pytest

from apps.demo.augmentation import Augmentation
from apps.demo.digits import Split
from apps.demo.evaluation import compare, estimate, evaluate
from apps.demo.golden import make_golden
from apps.demo.network import Settings, Training, log_softmax
from apps.demo.story import GOLDEN_1K

SMALL = Settings(hidden=(16,), training_examples=200, epochs=6, seed=5)


def train(settings: Settings, parts: Split) -> Training:
    training = Training(settings, parts.training, parts.validation)
    list(training.epochs())
    return training


def test_training_learns_to_read(parts: Split) -> None:
    training = Training(SMALL, parts.training, parts.validation)
    epochs = list(training.epochs())

    assert [epoch.number for epoch in epochs] == [1, 2, 3, 4, 5, 6]
    assert epochs[-1].training_loss < epochs[0].training_loss / 2
    # Guessing would be right in one of ten.
    assert epochs[-1].validation_accuracy > 0.7
    assert epochs[0].learning_rate == 0.1
    assert epochs[-1].learning_rate < epochs[0].learning_rate / 5


def test_the_same_settings_give_the_same_network(parts: Split) -> None:
    settings = Settings(
        hidden=(16,),
        training_examples=100,
        epochs=3,
        augmentation=Augmentation(degrees=10, noise=1),
    )
    one, again = (train(settings, parts).network for _ in range(2))
    assert np.array_equal(one.weights[0], again.weights[0])


def test_the_step_follows_the_slope_of_the_loss(parts: Split) -> None:
    """Each slope against the difference of the loss over a small step of the weight."""
    training = Training(Settings(hidden=(7,), l2=0.01), parts.training, parts.validation)
    network = training.network
    network.weights = [weights.astype(np.float64) for weights in network.weights]
    network.biases = [biases.astype(np.float64) for biases in network.biases]
    images, labels = parts.training.images[:20], parts.training.labels[:20]

    def loss() -> float:
        scores = network.activations(images)[-1]
        penalty = sum(float((weights**2).sum()) for weights in network.weights)
        of_examples = -log_softmax(scores)[np.arange(20), labels]
        return float(of_examples.mean()) + 0.005 * penalty

    signals = network.activations(images)
    slopes = training._slopes(signals, log_softmax(signals[-1]), labels)
    for part, slope in zip([*network.weights, *network.biases], slopes, strict=True):
        place = tuple(size // 2 for size in part.shape)
        before = part[place]
        part[place] = before + 1e-4
        above = loss()
        part[place] = before - 1e-4
        below = loss()
        part[place] = before
        assert float(slope[place]) == pytest.approx((above - below) / 2e-4, abs=1e-4)


def test_a_rate_that_is_far_too_high_ends_in_nan(parts: Split) -> None:
    settings = Settings(hidden=(16,), learning_rate=200, l2=0.1, epochs=4, training_examples=300)
    training = Training(settings, parts.training, parts.validation)
    epochs = list(training.epochs())
    assert math.isnan(epochs[-1].training_loss)
    assert epochs[-1].validation_accuracy == 0


def test_a_schedule_that_is_too_short_breaks_off_half_way(parts: Split) -> None:
    settings = Settings(schedule=(0.1, 0.1), epochs=5, training_examples=50)
    training = Training(settings, parts.training, parts.validation)
    epochs = training.epochs()
    assert [next(epochs).number, next(epochs).number] == [1, 2]
    with pytest.raises(IndexError):
        next(epochs)


def test_the_error_of_independent_examples_is_the_usual_one() -> None:
    values = np.array([1.0, 2.0, 4.0, 9.0])
    found = estimate(values, np.arange(4))
    assert found.mean == 4.0
    assert found.stderr == pytest.approx(values.std() / math.sqrt(4))
    assert found.n == 4


def test_copies_of_the_same_examples_make_the_error_no_smaller() -> None:
    values, sources = np.array([1.0, 2.0, 4.0, 9.0]), np.arange(4)
    once = estimate(values, sources)
    often = estimate(np.repeat(values, 25), np.repeat(sources, 25))
    assert often.stderr == pytest.approx(once.stderr)
    assert often.n == 100


def test_a_mean_that_is_not_a_number_has_no_error() -> None:
    found = estimate(np.array([1.0, math.nan]), np.arange(2))
    assert math.isnan(found.mean)
    assert found.stderr is None


def test_a_paired_comparison_sees_what_two_errors_would_hide() -> None:
    """Both find the same images hard; one is always a little better."""
    hard = np.linspace(0, 10, 100)
    better = hard - 0.1 - 0.01 * (np.arange(100) % 2)

    found = compare(better, hard, np.arange(100))

    assert found.difference == pytest.approx(-0.105)
    assert found.is_clearly_better
    assert not found.is_clearly_worse
    assert compare(hard, better, np.arange(100)).is_clearly_worse


def test_equal_versions_are_neither_better_nor_worse() -> None:
    found = compare(np.ones(4), np.ones(4), np.arange(4))
    assert not found.is_clearly_better
    assert not found.is_clearly_worse


def test_what_is_not_a_number_is_clearly_worse() -> None:
    found = compare(np.full(4, math.nan), np.ones(4), np.arange(4))
    assert found.is_clearly_worse
    assert not found.is_clearly_better


def test_an_evaluation_says_what_was_taken_for_what(parts: Split) -> None:
    golden = make_golden(parts.held_out, GOLDEN_1K)
    found = evaluate(train(SMALL, parts).network, golden)

    confusion = np.array(found.confusion(golden.examples.labels))

    assert confusion.sum() == len(golden)
    assert confusion.trace() / len(golden) == pytest.approx(found.accuracy.mean)
    assert confusion.sum(axis=1).tolist() == np.bincount(golden.examples.labels).tolist()


def test_a_diverged_network_predicts_nothing_and_is_right_never(parts: Split) -> None:
    golden = make_golden(parts.held_out, GOLDEN_1K)
    settings = Settings(hidden=(16,), learning_rate=200, l2=0.1, epochs=4, training_examples=300)

    found = evaluate(train(settings, parts).network, golden)

    assert math.isnan(found.loss.mean)
    assert found.accuracy.mean == 0
    assert set(found.predictions) == {-1}
    assert np.sum(found.confusion(golden.examples.labels)) == 0
