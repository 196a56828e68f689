"""The pictures of a golden set's examples, found among the files of its artifact version.

Either each example has a file of its own, named by the example's id (`0007.png` or
`images/0007.png`), or all are tiles of one sheet: `examples.png` beside `examples.csv`, whose
columns `id`, `row` and `column` say which tile is whose.
"""

import csv
import io
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from apps.artifacts.models import ArtifactFile
from apps.content.queries import open_blob
from apps.core.errors import NotFound
from apps.evaluations.models import GoldenSet

SHEET, TABLE = "examples.png", "examples.csv"
FOLDERS = ("", "images/")
ENDINGS = ("", ".png", ".jpg", ".jpeg", ".gif", ".webp")
# A table is read whole for a page of examples; ten thousand lines are 0.3 MB.
MAX_TABLE_BYTES = 4_000_000
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of a picture `width` by `height` large; the part is at `x`, `y`, all in pixels."""

    x: int
    y: int
    across: int
    down: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A file of the golden set's artifact; `tile` where the example is only a part of it."""

    path: str
    tile: Tile | None = None


def pictures_of(golden_set: GoldenSet, examples: Sequence[str]) -> dict[str, Picture]:
    """The pictures of these examples, as far as there are any. Two queries at most."""
    if golden_set.artifact_id is None or not examples:
        return {}
    files = ArtifactFile.objects.filter(artifact=golden_set.artifact_id, blob__isnull=False)
    names = {
        f"{folder}{example}{ending}": example
        for example in examples
        for folder in FOLDERS
        for ending in ENDINGS
    }
    found = set(files.filter(path__in=list(names)).values_list("path", flat=True))
    own: dict[str, Picture] = {}
    for path, example in names.items():
        if path in found:
            own.setdefault(example, Picture(path))
    if own:
        return own
    sheet = {file.path: file for file in files.filter(path__in=(SHEET, TABLE))}
    return _tiles(sheet, examples)


def _tiles(files: Mapping[str, ArtifactFile], examples: Iterable[str]) -> dict[str, Picture]:
    sheet, table = files.get(SHEET), files.get(TABLE)
    if sheet is None or table is None or table.size_bytes > MAX_TABLE_BYTES:
        return {}
    try:
        size = _png_size(_read(sheet, 24))
        places = _places(_read(table, MAX_TABLE_BYTES).decode())
    except (NotFound, ValueError, csv.Error):
        # Damaged or of another form: the examples are shown without pictures.
        return {}
    if not places:
        return {}
    width, height = size
    columns = 1 + max(column for _row, column in places.values())
    rows = 1 + max(row for row, _column in places.values())
    across, down = width // columns, height // rows
    if not (across and down):
        return {}
    return {
        example: Picture(SHEET, Tile(column * across, row * down, across, down, width, height))
        for example in examples
        if example in places
        for row, column in (places[example],)
    }


def _places(text: str) -> dict[str, tuple[int, int]]:
    """Row and column by example. Raises ValueError for what is no such table."""
    lines = csv.DictReader(io.StringIO(text))
    if not {"id", "row", "column"} <= set(lines.fieldnames or ()):
        raise ValueError("no columns id, row and column")
    places = {line["id"]: (int(line["row"] or ""), int(line["column"] or "")) for line in lines}
    if any(row < 0 or column < 0 for row, column in places.values()):
        raise ValueError("a negative place")
    return places


def _png_size(head: bytes) -> tuple[int, int]:
    """Width and height. Raises ValueError for what is no PNG."""
    if len(head) < 24 or not head.startswith(_PNG):
        raise ValueError("not a PNG")
    width, height = struct.unpack_from(">II", head, 16)
    return width, height


def _read(file: ArtifactFile, limit: int) -> bytes:
    assert file.blob_id is not None  # noqa: S101 (the query asked for those)
    return b"".join(open_blob(file.blob_id, length=min(limit, file.size_bytes)))
