"""The images: where they come from, how they are split and changed, and that nothing leaks."""

import csv
import io
import struct
import zlib

import numpy as np
import numpy.typing as npt
import pytest

from apps.demo.augmentation import Augmentation, augment
from apps.demo.digits import BRIGHTEST, IMAGES, SIDE, Examples, Split, _imported, split
from apps.demo.files import (
    examples_table,
    golden_table,
    read_weights,
    sheet,
    weights_file,
)
from apps.demo.golden import make_golden
from apps.demo.network import Network
from apps.demo.scene import make_data
from apps.demo.story import GOLDEN_1K, GOLDEN_10K, STORY

ANY = Augmentation(degrees=20, pixels=1, scale=0.2, contrast=0.3, noise=1)


def as_set(images: npt.NDArray[np.float64]) -> set[bytes]:
    return {image.tobytes() for image in images}


def unpacked(content: bytes) -> npt.NDArray[np.uint8]:
    """The pixels of a PNG of ours."""
    width, height = struct.unpack(">II", content[16:24])
    start = content.index(b"IDAT") + 4
    (length,) = struct.unpack(">I", content[start - 8 : start - 4])
    rows = np.frombuffer(zlib.decompress(content[start : start + length]), np.uint8)
    return rows.reshape(height, width + 1)[:, 1:]


@pytest.mark.slow
def test_the_images_are_those_that_scikit_learn_gives(images: Examples) -> None:
    table = _imported()

    assert len(images) == IMAGES
    assert np.array_equal(images.images, table[:, :-1])
    assert np.array_equal(images.labels, table[:, -1])


def test_every_image_is_in_exactly_one_part(images: Examples) -> None:
    parts = split(images, seed=20, validation=297, held_out=500)

    sources = [parts.training.sources, parts.validation.sources, parts.held_out.sources]
    assert [len(part) for part in sources] == [1000, 297, 500]
    assert sorted(np.concatenate(sources)) == list(range(IMAGES))


def test_another_seed_splits_otherwise_and_the_same_seed_alike(images: Examples) -> None:
    one, again, other = (
        split(images, seed=seed, validation=297, held_out=500) for seed in (20, 20, 21)
    )
    assert np.array_equal(one.held_out.sources, again.held_out.sources)
    assert not np.array_equal(one.held_out.sources, other.held_out.sources)


def test_no_golden_example_comes_from_a_training_image() -> None:
    data = make_data(STORY)
    seen = data.split.training
    for golden in data.golden.values():
        for part in (data.split.training, data.split.validation):
            assert set(golden.examples.sources).isdisjoint(part.sources)
        # Not even by chance: no two images are alike, pixel by pixel.
        assert as_set(golden.examples.images).isdisjoint(as_set(seen.images))


def test_the_golden_sets_have_the_sizes_in_their_names() -> None:
    data = make_data(STORY)
    assert {title: len(golden) for title, golden in data.golden.items()} == {
        "10k": 10_000,
        "1k": 1_000,
    }


def test_a_golden_set_holds_each_image_as_it_is_and_changed(parts: Split) -> None:
    golden = make_golden(parts.held_out, GOLDEN_1K)

    assert np.array_equal(golden.examples.images[::2], parts.held_out.images)
    assert np.array_equal(golden.examples.labels[1::2], parts.held_out.labels)
    changed = golden.examples.images[1::2]
    assert np.abs(changed - parts.held_out.images).max(axis=1).min() > 0
    assert np.array_equal(changed, np.round(changed))
    assert golden.ids[:2] == [f"{parts.held_out.sources[0]:04d}-0{copy}" for copy in (0, 1)]
    assert len(set(golden.ids)) == len(golden)


def test_the_same_seed_makes_the_same_golden_set(parts: Split) -> None:
    one, again = (make_golden(parts.held_out, GOLDEN_10K) for _ in range(2))
    assert np.array_equal(one.examples.images, again.examples.images)


def test_no_change_leaves_an_image_as_it_was(images: Examples) -> None:
    same = augment(images.images, Augmentation(), np.random.default_rng(1))
    assert np.allclose(same, images.images, atol=1e-9)


def test_changed_images_stay_in_range_and_differ_each_time(images: Examples) -> None:
    random = np.random.default_rng(1)
    first, second = (augment(images.images[:50], ANY, random) for _ in range(2))
    for changed in (first, second):
        assert changed.min() >= 0
        assert changed.max() <= BRIGHTEST
    assert not np.array_equal(first, second)


def test_a_shift_moves_the_ink_and_its_middle_with_it() -> None:
    dot = np.zeros((200, SIDE, SIDE))
    dot[:, 4, 3] = BRIGHTEST
    moved = augment(
        dot.reshape(200, -1), Augmentation(pixels=1.0), np.random.default_rng(3)
    ).reshape(200, SIDE, SIDE)

    rows = (moved.sum(axis=2) * np.arange(SIDE)).sum(axis=1) / moved.sum(axis=(1, 2))

    # The dot is never lost, and its middle moves by one pixel at most.
    assert np.allclose(moved.sum(axis=(1, 2)), BRIGHTEST)
    assert 0.5 < np.abs(rows - 4).max() <= 1


def test_a_picture_of_an_example_is_where_the_table_says(parts: Split) -> None:
    golden = make_golden(parts.held_out, GOLDEN_1K)
    pixels = unpacked(sheet(golden.examples.images))
    rows = list(csv.DictReader(io.StringIO(golden_table(golden).decode())))

    for place in (0, 17, len(golden) - 1):
        row, column = int(rows[place]["row"]), int(rows[place]["column"])
        tile = pixels[row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE]
        ink = np.round(tile.astype(float) * BRIGHTEST / 255).reshape(-1)
        assert np.array_equal(ink, golden.examples.images[place])
        assert rows[place]["id"] == golden.ids[place]
        assert int(rows[place]["label"]) == golden.examples.labels[place]


def test_the_table_of_training_images_names_their_sources(parts: Split) -> None:
    rows = list(csv.DictReader(io.StringIO(examples_table(parts.training).decode())))
    assert [int(row["source"]) for row in rows] == parts.training.sources.tolist()


def test_weights_come_back_from_their_file_as_they_were() -> None:
    network = Network.drawn((5, 3), np.random.default_rng(1))
    again = read_weights(weights_file(network))
    for part, read in zip(
        [*network.weights, *network.biases], [*again.weights, *again.biases], strict=True
    ):
        assert np.array_equal(part, read)
