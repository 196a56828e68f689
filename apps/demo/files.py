"""The demo's files, all in formats that run nothing when they are opened: PNG, CSV, JSON,
safetensors, Markdown and Python source as text."""

import csv
import io
import json
import math
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from apps.demo.digits import BRIGHTEST, SIDE, Examples, Floats
from apps.demo.golden import Golden
from apps.demo.network import Epoch, Network, Settings, Singles

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """A grey picture (rows of bytes, 0 is black) as a PNG file."""
    height, width = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    # Each row begins with its filter: 0, none.
    rows = np.hstack([np.zeros((height, 1), np.uint8), pixels])
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b"")]
    return _PNG_SIGNATURE + b"".join(_png_chunk(kind, data) for kind, data in chunks)


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def sheet_columns(count: int) -> int:
    """How many images stand in a row of the sheet of so many: about as many as there are rows."""
    return math.ceil(math.sqrt(count))


def sheet(images: Floats) -> bytes:
    """All images in one PNG, row by row; the image at place p is at row p // columns, column
    p % columns, each 8 by 8 pixels. Ink 0 to 16 becomes brightness 0 to 255."""
    columns = sheet_columns(len(images))
    rows = math.ceil(len(images) / columns)
    tiles = np.zeros((rows * columns, SIDE, SIDE))
    tiles[: len(images)] = images.reshape(-1, SIDE, SIDE)
    grid = tiles.reshape(rows, columns, SIDE, SIDE).transpose(0, 2, 1, 3)
    pixels = np.round(grid.reshape(rows * SIDE, columns * SIDE) * 255 / BRIGHTEST)
    return png(pixels.astype(np.uint8))


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A CSV file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


def examples_table(examples: Examples) -> bytes:
    """Which image of scikit-learn's data set stands where on the sheet, and its label."""
    columns = sheet_columns(len(examples))
    return table(
        ["source", "label", "row", "column"],
        (
            [int(source), int(label), *divmod(place, columns)]
            for place, (source, label) in enumerate(
                zip(examples.sources, examples.labels, strict=True)
            )
        ),
    )


def golden_table(golden: Golden) -> bytes:
    """The examples of a golden set: id, label, source image, number of the copy, place."""
    columns = sheet_columns(len(golden))
    everything = zip(
        golden.ids,
        golden.examples.labels,
        golden.examples.sources,
        golden.copies,
        strict=True,
    )
    return table(
        ["id", "label", "source", "copy", "row", "column"],
        (
            [name, int(label), int(source), int(copy), *divmod(place, columns)]
            for place, (name, label, source, copy) in enumerate(everything)
        ),
    )


def history_table(epochs: Sequence[Epoch]) -> bytes:
    """The curves of a training run."""
    names = list(Epoch.__dataclass_fields__)
    return table(names, ([getattr(epoch, name) for name in names] for epoch in epochs))


def json_file(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n"


def model_card(settings: Settings, network: Network) -> bytes:
    """What a program needs beside the weights to use the network."""
    return json_file(
        {
            "format": "safetensors",
            "architecture": settings.architecture,
            "layers": [f"layer{place}" for place in range(len(network.weights))],
            "activation": "relu between layers, softmax at the end",
            "input": f"{SIDE} x {SIDE} values from 0 to {BRIGHTEST}, row by row, divided by "
            f"{BRIGHTEST}",
            "classes": [str(digit) for digit in range(network.biases[-1].size)],
            "parameters": network.parameter_count,
        }
    )


def weights_file(network: Network) -> bytes:
    """The weights as a safetensors file: a length, a JSON header, and the plain numbers."""
    tensors: dict[str, Singles] = {}
    for place, (weights, biases) in enumerate(zip(network.weights, network.biases, strict=True)):
        tensors[f"layer{place}.weight"] = weights
        tensors[f"layer{place}.bias"] = biases
    header: dict[str, object] = {}
    data = b""
    for name, tensor in tensors.items():
        plain = np.ascontiguousarray(tensor, dtype="<f4").tobytes()
        offsets = [len(data), len(data) + len(plain)]
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": offsets}
        data += plain
    text = json.dumps(header, separators=(",", ":")).encode()
    # The format wants the numbers to begin at a multiple of eight.
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def read_weights(content: bytes) -> Network:
    """A network from its safetensors file."""
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + length])
    data = content[8 + length :]
    network = Network()
    for name, about in header.items():
        start, end = about["data_offsets"]
        tensor = np.frombuffer(data[start:end], dtype="<f4").reshape(about["shape"]).copy()
        (network.weights if name.endswith(".weight") else network.biases).append(tensor)
    return network
