"""Golden sets: held-out images as they are, and augmented copies of them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from apps.demo.augmentation import Augmentation, augment
from apps.demo.digits import Examples, Integers


@dataclass(frozen=True)
class GoldenPlan:
    """How a golden set is made: every held-out image once as it is and `copies` times changed."""

    name: str
    title: str
    copies: int
    augmentation: Augmentation
    seed: int


@dataclass(frozen=True)
class Golden:
    """The examples of a golden set, image by image; copy 0 is the held-out image itself."""

    plan: GoldenPlan
    examples: Examples
    copies: Integers

    @cached_property
    def ids(self) -> list[str]:
        """An id for each example: the row in scikit-learn's data set and the number of the copy."""
        return [
            f"{source:04d}-{copy:02d}"
            for source, copy in zip(self.examples.sources, self.copies, strict=True)
        ]

    def __len__(self) -> int:
        return len(self.examples)


def make_golden(held_out: Examples, plan: GoldenPlan) -> Golden:
    """The golden set of a plan. The same seed gives the same images."""
    each = 1 + plan.copies
    examples = held_out.take(np.repeat(np.arange(len(held_out)), each))
    copies = np.tile(np.arange(each), len(held_out))
    changed = augment(examples.images, plan.augmentation, np.random.default_rng(plan.seed))
    # Whole numbers, as in the original images; so that an image file holds them exactly.
    images = np.where((copies > 0)[:, None], np.round(changed), examples.images)
    return Golden(plan, Examples(examples.sources, images, examples.labels), copies)
