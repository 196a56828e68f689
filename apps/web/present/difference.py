"""What differs between two versions, in words: paths, metadata, lines of text."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from apps.artifacts.differences import Change, MetadataChange
from apps.artifacts.models import ArtifactFile
from apps.core.numbers import format_bytes, format_count
from apps.core.text import truncate
from apps.web.preview import visible

MAX_LINES = 3_000
MAX_LINE = 400
MAX_VALUE = 300
SHOWN_METADATA = 200


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A path, its sizes before and after, and where to look into it."""

    path: str
    url: str
    text_url: str
    before: str
    after: str
    digests: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a difference of texts: `kind` is added, removed, place, or empty for the same."""

    kind: str
    sign: str
    text: str


@dataclass(frozen=True, slots=True)
class TextDifference:
    """The lines of one file that differ, or in `note` why they are not shown."""

    path: str
    lines: Sequence[Line]
    note: str = ""


def kind_choices(
    counts: Mapping[Change, int], chosen: Change, address: str
) -> list[dict[str, object]]:
    words = {
        Change.CHANGED: _("Changed"),
        Change.ADDED: _("Added"),
        Change.REMOVED: _("Removed"),
    }
    return [
        {
            "label": words[change],
            "count": format_count(count),
            "url": f"{address}&show={change}",
            "is_chosen": change == chosen,
        }
        for change, count in counts.items()
    ]


def show_metadata_changes(changes: Sequence[MetadataChange]) -> list[tuple[str, str, str]]:
    """(name, before, after), a dash where a version does not have it."""
    return [
        (change.name, _short(change.before), _short(change.after))
        for change in changes[:SHOWN_METADATA]
    ]


def _short(text: str | None) -> str:
    return "–" if text is None else truncate(text, MAX_VALUE)


def short(file: ArtifactFile) -> str:
    """What a file's content goes by: the head of its digest, or its reference."""
    return truncate(file.blob_id or file.reference_digest or file.reference, 13).removesuffix("…")


def sizes(file: ArtifactFile, change: Change) -> tuple[str, str]:
    """Before and after."""
    own = format_bytes(file.size_bytes)
    if change == Change.CHANGED:
        return format_bytes(file.old_size), own  # type: ignore[attr-defined]
    return ("", own) if change == Change.ADDED else (own, "")


def compare_texts(path: str, old: str | None, new: str | None) -> TextDifference:
    """The lines that differ, with three around them."""
    if old is None or new is None:
        note = _("Only texts of up to 256 kB are compared line by line.")
        return TextDifference(path, (), note)
    if old == new:
        return TextDifference(path, (), _("The file is the same in both versions."))
    before, after = old.splitlines(), new.splitlines()
    if max(len(before), len(after)) > MAX_LINES:
        note = _("The file has more than %(count)s lines; download both to compare them.")
        return TextDifference(path, (), note % {"count": format_count(MAX_LINES)})
    found = list(_lines(difflib.unified_diff(before, after, lineterm="", n=3)))
    note = "" if found else _("The lines are the same; what differs is how they end.")
    return TextDifference(path, found, note)


def _lines(differences: Iterable[str]) -> Iterable[Line]:
    kinds = {"+": "added", "-": "removed", "@": "place"}
    for position, line in enumerate(differences):
        if position < 2:
            continue  # the names of the files
        sign, text = line[:1], line[1:]
        shown = truncate(visible(line if sign == "@" else text)[0], MAX_LINE)
        yield Line(kinds.get(sign, ""), "" if sign == "@" else sign, shown)
