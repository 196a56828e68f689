"""Making new images of the same digits: turned, shifted, of another size and contrast, noisy.

Every change is drawn from a seeded generator, so the same seed gives the same images. All images
are changed at once: a hundred times as fast as one call of an image library for each.
"""

from dataclasses import asdict, dataclass

import numpy as np

from apps.demo.digits import BRIGHTEST, PIXELS, SIDE, Floats


@dataclass(frozen=True)
class Augmentation:
    """How far each change may go. A change is drawn evenly between minus and plus its limit, the
    noise from a normal distribution with this standard deviation."""

    degrees: float = 0.0
    pixels: float = 0.0
    scale: float = 0.0
    contrast: float = 0.0
    noise: float = 0.0

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def augment(images: Floats, how: Augmentation, random: np.random.Generator) -> Floats:
    """New images, one for each given one, with values from 0 to 16.

    Each pixel looks up where it came from under the inverse of the turn, scaling and shift, and
    takes the bilinear mean of the four pixels there; outside the image there is no ink. Then the
    contrast is multiplied, noise added, and the result cut to the range of values.
    """
    count = len(images)
    turns = np.radians(random.uniform(-how.degrees, how.degrees, count))
    scales = 1 + random.uniform(-how.scale, how.scale, count)
    shifts = random.uniform(-how.pixels, how.pixels, (count, 2))
    contrasts = 1 + random.uniform(-how.contrast, how.contrast, count)
    noise = random.normal(0.0, how.noise, (count, PIXELS)) if how.noise else 0.0
    moved = _look_up(images, *_sources(turns, scales, shifts))
    return np.clip(moved * contrasts[:, None] + noise, 0, BRIGHTEST)


def _sources(turns: Floats, scales: Floats, shifts: Floats) -> tuple[Floats, Floats]:
    """Row and column in the old image that each pixel of the new one comes from."""
    middle = (SIDE - 1) / 2
    rows, columns = np.divmod(np.arange(PIXELS), SIDE)
    across = columns[None, :] - middle - shifts[:, :1]
    down = rows[None, :] - middle - shifts[:, 1:]
    cosines = (np.cos(turns) / scales)[:, None]
    sines = (np.sin(turns) / scales)[:, None]
    return (
        cosines * down - sines * across + middle,
        sines * down + cosines * across + middle,
    )


def _look_up(images: Floats, rows: Floats, columns: Floats) -> Floats:
    top, left = np.floor(rows), np.floor(columns)
    down, across = rows - top, columns - left
    # A border of empty pixels, so that looking just outside finds no ink; farther out is clipped.
    framed = np.pad(images.reshape(-1, SIDE, SIDE), ((0, 0), (1, 2), (1, 2)))
    first = np.clip(top, -1, SIDE).astype(np.int64) + 1
    second = np.clip(left, -1, SIDE).astype(np.int64) + 1
    picture = np.arange(len(images))[:, None]
    upper = framed[picture, first, second] * (1 - across) + (
        framed[picture, first, second + 1] * across
    )
    lower = framed[picture, first + 1, second] * (1 - across) + (
        framed[picture, first + 1, second + 1] * across
    )
    return upper * (1 - down) + lower * down
