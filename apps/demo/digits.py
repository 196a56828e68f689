"""scikit-learn's 1,797 handwritten digits, split once into training, validation and held-out.

The images are 8 by 8 pixels with values from 0 to 16. Held-out images are used for golden sets
alone; `docs/demo.md` says what that does and does not promise.
"""

import gzip
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from apps.core.errors import Unsupported

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

SIDE = 8
PIXELS = SIDE * SIDE
CLASSES = 10
BRIGHTEST = 16
IMAGES = 1_797


class DemoPackagesMissing(Unsupported):
    """scikit-learn is not installed."""


@dataclass(frozen=True)
class Examples:
    """Images with their labels, and the row of each in scikit-learn's data set."""

    sources: Integers
    images: Floats
    labels: Integers

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, places: Integers) -> "Examples":
        return Examples(self.sources[places], self.images[places], self.labels[places])


@dataclass(frozen=True)
class Split:
    """The three parts. No image is in two of them."""

    training: Examples
    validation: Examples
    held_out: Examples


def load_images() -> Examples:
    """All images in scikit-learn's order. Raises DemoPackagesMissing."""
    spec = find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise DemoPackagesMissing(
            "The demo trains on the digits that come with scikit-learn, which is not installed. "
            "Install it with: pip install 'scikit-learn>=1.9,<2' (the extra `demo`)."
        )
    # Importing sklearn.datasets takes 3.5 s and 100 MB; the file that it would read, 0.3 s.
    path = Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"
    table = _read(path) if path.exists() else _imported()
    return Examples(
        sources=np.arange(len(table)),
        images=table[:, :PIXELS].copy(),
        labels=table[:, PIXELS].astype(np.int64),
    )


def split(examples: Examples, *, seed: int, validation: int, held_out: int) -> Split:
    """Shuffle with a seed; the first images are held out, the next validate, the rest train."""
    order = np.random.default_rng(seed).permutation(len(examples))
    return Split(
        held_out=examples.take(order[:held_out]),
        validation=examples.take(order[held_out : held_out + validation]),
        training=examples.take(order[held_out + validation :]),
    )


def _read(path: Path) -> Floats:
    with gzip.open(path, "rt", encoding="ascii") as file:
        return np.loadtxt(file, delimiter=",")


def _imported() -> Floats:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return np.column_stack([bunch.data, bunch.target])
