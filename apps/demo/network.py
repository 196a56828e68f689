"""A small neural network in numpy, trained epoch by epoch with stochastic gradient descent.

Layers of rectified linear units and a softmax at the end; without a hidden layer it is logistic
regression. The loss is the mean cross-entropy plus half of `l2` times the squared weights, the step
is gradient descent with momentum, and the learning rate falls along a half cosine.

Sources: He et al., "Delving Deep into Rectifiers", 2015 (the first weights); Loshchilov and
Hutter, "SGDR", 2017 (the cosine).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from apps.demo.augmentation import Augmentation, augment
from apps.demo.digits import BRIGHTEST, CLASSES, PIXELS, Examples, Floats, Integers

# Half the time of double precision; the losses themselves are added up in double.
Singles = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Settings:
    """What a training run is told. The same settings give the same network."""

    hidden: tuple[int, ...] = ()
    learning_rate: float = 0.1
    # Without a schedule the learning rate falls along a half cosine; with one it is read from it.
    schedule: tuple[float, ...] = ()
    momentum: float = 0.9
    l2: float = 0.0
    epochs: int = 30
    batch_size: int = 32
    training_examples: int | None = None
    augmentation: Augmentation | None = None
    seed: int = 1

    @property
    def architecture(self) -> str:
        layers = "-".join(str(width) for width in (PIXELS, *self.hidden, CLASSES))
        return f"network {layers}" if self.hidden else f"logistic regression {layers}"

    def as_config(self) -> dict[str, object]:
        """The settings as a run's config."""
        config: dict[str, object] = {"architecture": self.architecture, **asdict(self)}
        config["hidden"] = list(self.hidden)
        config["augmentation"] = self.augmentation.as_dict() if self.augmentation else "none"
        if self.schedule:
            config["schedule"] = list(self.schedule)
        else:
            config["schedule"] = "cosine"
        return config


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training data came to.

    The training figures are means over the pass itself, while the weights were changing; the
    validation figures are those of the weights at its end.
    """

    number: int
    learning_rate: float
    training_loss: float
    training_accuracy: float
    validation_loss: float
    validation_accuracy: float


@dataclass
class Network:
    """Weights and biases, layer by layer."""

    weights: list[Singles] = field(default_factory=list)
    biases: list[Singles] = field(default_factory=list)

    @classmethod
    def drawn(cls, hidden: Sequence[int], random: np.random.Generator) -> "Network":
        """A network before training: normal weights of variance 2 / inputs, no biases."""
        network = cls()
        widths = [PIXELS, *hidden, CLASSES]
        for inputs, outputs in pairwise(widths):
            drawn = random.normal(0.0, math.sqrt(2.0 / inputs), (inputs, outputs))
            network.weights.append(drawn.astype(np.float32))
            network.biases.append(np.zeros(outputs, dtype=np.float32))
        return network

    @property
    def parameter_count(self) -> int:
        return sum(part.size for part in (*self.weights, *self.biases))

    def activations(self, images: Floats) -> list[Singles]:
        """What each layer receives, and at the end the scores of the classes."""
        signals = [(images / BRIGHTEST).astype(np.float32)]
        for place, (weights, biases) in enumerate(zip(self.weights, self.biases, strict=True)):
            scores = signals[-1] @ weights + biases
            is_last = place == len(self.weights) - 1
            signals.append(scores if is_last else np.maximum(scores, np.float32(0)))
        return signals

    def log_probabilities(self, images: Floats) -> Floats:
        """The logarithm of each class's probability; NaN where the network has diverged."""
        return log_softmax(self.activations(images)[-1]).astype(np.float64)


def log_softmax(scores: Singles) -> Singles:
    shifted = scores - scores.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def losses_and_hits(log_probabilities: Floats | Singles, labels: Integers) -> tuple[Floats, Floats]:
    """Cross-entropy of each example, and 1 where the likeliest class is the right one, else 0.

    An example whose probabilities are not numbers has loss NaN and is no hit.
    """
    losses = -log_probabilities[np.arange(len(labels)), labels].astype(np.float64)
    hits = log_probabilities.argmax(axis=1) == labels
    return losses, (hits & ~np.isnan(losses)).astype(np.float64)


class Training:
    """A training run: iterate over `epochs()`, and use `network` at any moment."""

    def __init__(self, settings: Settings, training: Examples, validation: Examples) -> None:
        self.settings = settings
        count = settings.training_examples or len(training)
        self.training = training.take(np.arange(min(count, len(training))))
        self.validation = validation
        self._random = np.random.default_rng(settings.seed)
        self.network = Network.drawn(settings.hidden, self._random)
        self._speeds = [np.zeros_like(part) for part in self._parameters()]

    def epochs(self) -> Iterator[Epoch]:
        """Train, one epoch at each step. Raises IndexError where a schedule is too short."""
        for number in range(1, self.settings.epochs + 1):
            rate = self._learning_rate(number)
            # Diverging is one of the things that runs do; the numbers then say so themselves.
            with np.errstate(all="ignore"):
                loss, accuracy = self._pass(rate)
                log_probabilities = self.network.log_probabilities(self.validation.images)
                losses, hits = losses_and_hits(log_probabilities, self.validation.labels)
                validation_loss = float(losses.mean())
            yield Epoch(number, rate, loss, accuracy, validation_loss, float(hits.mean()))

    def _learning_rate(self, number: int) -> float:
        if self.settings.schedule:
            return self.settings.schedule[number - 1]
        progress = (number - 1) / self.settings.epochs
        return self.settings.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))

    def _pass(self, rate: float) -> tuple[float, float]:
        """One pass in a new random order; the mean loss and the share of hits on the way."""
        images = self.training.images
        if self.settings.augmentation is not None:
            images = augment(images, self.settings.augmentation, self._random)
        order = self._random.permutation(len(images))
        loss = hits = 0.0
        for start in range(0, len(order), self.settings.batch_size):
            places = order[start : start + self.settings.batch_size]
            batch_losses, batch_hits = self._step(
                images[places], self.training.labels[places], rate
            )
            loss += float(batch_losses.sum())
            hits += float(batch_hits.sum())
        return loss / len(order), hits / len(order)

    def _step(self, images: Floats, labels: Integers, rate: float) -> tuple[Floats, Floats]:
        signals = self.network.activations(images)
        log_probabilities = log_softmax(signals[-1])
        slopes = self._slopes(signals, log_probabilities, labels)
        for part, speed, slope in zip(self._parameters(), self._speeds, slopes, strict=True):
            speed *= np.float32(self.settings.momentum)
            speed -= np.float32(rate) * slope
            part += speed
        return losses_and_hits(log_probabilities, labels)

    def _slopes(
        self, signals: list[Singles], log_probabilities: Singles, labels: Integers
    ) -> list[Singles]:
        """The gradient of the mean loss of a batch, in the order of `_parameters`."""
        errors = np.exp(log_probabilities)
        errors[np.arange(len(labels)), labels] -= 1
        errors /= np.float32(len(labels))
        of_weights: list[Singles] = []
        of_biases: list[Singles] = []
        for place in range(len(self.network.weights) - 1, -1, -1):
            weights = self.network.weights[place]
            of_weights.insert(0, signals[place].T @ errors + np.float32(self.settings.l2) * weights)
            of_biases.insert(0, errors.sum(axis=0))
            if place:
                errors = (errors @ weights.T) * (signals[place] > 0)
        return [*of_weights, *of_biases]

    def _parameters(self) -> list[Singles]:
        return [*self.network.weights, *self.network.biases]
