"""Text on its way out: table exports, short forms, log lines."""

import csv
import re
import unicodedata
from collections.abc import Iterable, Iterator

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def safe_cell(value: object) -> object:
    """A cell for CSV that no spreadsheet runs as a formula.

    Text that begins like a formula gets an apostrophe in front; so does text with spaces before the
    formula, which some programs skip. Numbers stay numbers, also negative ones: only text can hide
    a formula. JSON is the exact export.
    """
    if not isinstance(value, str):
        return value
    if value.startswith(_FORMULA_STARTS) or value.lstrip().startswith(_FORMULA_STARTS):
        return "'" + value
    return value


def csv_lines(rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """The rows as lines of CSV, each as soon as it is read, with every cell safe."""
    line = _Line()
    writer = csv.writer(line)
    for row in rows:
        writer.writerow(map(safe_cell, row))
        yield line.text


class _Line:
    """What csv.writer writes to: keeps the one line it was given."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text


def natural(text: str) -> list[object]:
    """A key to sort names by as people read them: layer2 before layer10, whatever the case."""
    # Not as numbers, of which Python refuses to read long ones.
    parts = re.split("([0-9]+)", text.casefold())
    parts[1::2] = [part.lstrip("0") for part in parts[1::2]]
    return [(len(part), part) if place % 2 else part for place, part in enumerate(parts)]


def truncate(text: str, length: int) -> str:
    """At most `length` characters, the last an ellipsis when something was left out."""
    if len(text) <= length:
        return text
    cut = length - 1
    # An accent belongs to the letter before it: drop both rather than tear them apart.
    while cut > 0 and unicodedata.combining(text[cut]):
        cut -= 1
    return text[:cut].rstrip() + "…"


def truncate_middle(text: str, length: int) -> str:
    """At most `length` characters, shortened in the middle: for paths, whose ends say most."""
    if len(text) <= length:
        return text
    head = (length - 1) // 2
    return text[:head] + "…" + text[len(text) - (length - 1 - head) :]


def short_digest(digest: str, length: int = 8) -> str:
    """The first characters of a hexadecimal digest, enough to tell versions apart by eye."""
    return digest.removeprefix("sha256:")[:length]


def one_line(text: str, length: int = 200) -> str:
    """Text for a log line or header: every control and direction character spelled out."""
    escaped = "".join(
        character
        if unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
        else character.encode("unicode_escape").decode()
        for character in text[:length]
    )
    return escaped + "…" if len(text) > length else escaped
