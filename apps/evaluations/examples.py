"""Example-level scores, packed.

Ten thousand examples of a result would be ten thousand rows; packed they are one row of about
100 kB. A chunk is zlib over four parts: a JSON header with the ids, the predictions and the
targets (texts), then the scores as little-endian 64-bit floats.
"""

import json
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from apps.core.errors import Invalid
from apps.evaluations.models import ExampleScores, Result

CHUNK = 10_000
MAX_EXAMPLES = 1_000_000
# What a page reads while somebody waits for it.
MAX_AT_ONCE = 50_000
MAX_TEXT = 1_000


@dataclass(frozen=True, slots=True)
class ExampleScore:
    """What a model did with one example of a golden set.

    `example` is the example's id in the golden set; `score` the metric's value for it (NaN where
    there is none); `prediction` and `target` are texts for people.
    """

    example: str
    score: float
    prediction: str = ""
    target: str = ""


def save_examples(result: Result, examples: Sequence[ExampleScore]) -> None:
    """Store the examples of a new result. Raises Invalid over a limit or for a double id."""
    if len(examples) > MAX_EXAMPLES:
        raise Invalid(f"A result may have {MAX_EXAMPLES} examples at most.", field="examples")
    if len({example.example for example in examples}) != len(examples):
        raise Invalid("An example id stands twice.", field="examples")
    for example in examples:
        if max(len(example.example), len(example.prediction), len(example.target)) > MAX_TEXT:
            raise Invalid(f"A text of an example is over {MAX_TEXT} characters.", field="examples")
    ExampleScores.objects.bulk_create(
        ExampleScores(
            result=result,
            position=position,
            count=len(chunk),
            data=_pack(chunk),
        )
        for position, chunk in enumerate(_chunks(examples))
    )


def read_examples(result: Result) -> Iterator[ExampleScore]:
    """The examples of a result in the order in which they were sent."""
    chunks = ExampleScores.objects.filter(result=result).order_by("position")
    for data in chunks.values_list("data", flat=True).iterator(chunk_size=10):
        yield from _unpack(bytes(data))


def examples_from(result: Result, *, start: int, limit: int) -> list[ExampleScore]:
    """Up to `limit` examples of a result from the one numbered `start` on, counted from 0."""
    first, last = start // CHUNK, (start + limit - 1) // CHUNK
    chunks = ExampleScores.objects.filter(result=result, position__range=(first, last))
    found = [
        example
        for data in chunks.order_by("position").values_list("data", flat=True)
        for example in _unpack(bytes(data))
    ]
    return found[start - first * CHUNK :][:limit]


def examples_of(results: Iterable[int]) -> dict[int, list[ExampleScore]]:
    """The examples of these results in the order in which they were sent, by primary key.

    One query. Results with more than MAX_AT_ONCE examples are left out.
    """
    found: dict[int, list[ExampleScore]] = {}
    chunks = _readable(list(results)).order_by("result", "position")
    for result, data in chunks.values_list("result", "data").iterator(chunk_size=10):
        found.setdefault(result, []).extend(_unpack(bytes(data)))
    return found


def scores_by_example(results: Iterable[int]) -> dict[int, dict[str, float]]:
    """The scores by example id of these results, by primary key, in one query.

    Results with more than MAX_AT_ONCE examples are left out.
    """
    scores: dict[int, dict[str, float]] = {}
    chunks = _readable(list(results))
    for result, data in chunks.values_list("result", "data").iterator(chunk_size=10):
        ids, _, _, values = _parts(bytes(data))
        scores.setdefault(result, {}).update(zip(ids, values, strict=True))
    return scores


def _readable(results: Sequence[int]) -> QuerySet[ExampleScores]:
    """The chunks of the results that are not too large to be read at once."""
    large = ExampleScores.objects.filter(result__in=results, position__gte=MAX_AT_ONCE // CHUNK)
    return ExampleScores.objects.filter(result__in=results).exclude(
        result__in=large.values("result")
    )


def _chunks(examples: Sequence[ExampleScore]) -> Iterable[Sequence[ExampleScore]]:
    return (examples[start : start + CHUNK] for start in range(0, len(examples), CHUNK))


def _pack(chunk: Sequence[ExampleScore]) -> bytes:
    header = json.dumps(
        [
            [example.example for example in chunk],
            [example.prediction for example in chunk],
            [example.target for example in chunk],
        ],
        separators=(",", ":"),
    ).encode()
    scores = struct.pack(f"<{len(chunk)}d", *(example.score for example in chunk))
    return zlib.compress(struct.pack("<I", len(header)) + header + scores, level=6)


def _parts(data: bytes) -> tuple[list[str], list[str], list[str], tuple[float, ...]]:
    """Ids, predictions, targets and scores of a chunk."""
    plain = zlib.decompress(data)
    (length,) = struct.unpack_from("<I", plain)
    ids, predictions, targets = json.loads(plain[4 : 4 + length])
    return ids, predictions, targets, struct.unpack_from(f"<{len(ids)}d", plain, 4 + length)


def _unpack(data: bytes) -> Iterator[ExampleScore]:
    ids, predictions, targets, scores = _parts(data)
    for example, score, prediction, target in zip(ids, scores, predictions, targets, strict=True):
        yield ExampleScore(example, score, prediction, target)
