"""A run as it lies in a folder, whichever way it got there: what `saving` takes in."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from apps.core.errors import Invalid
from apps.runs.services import CodeVersion


class UnreadableFolder(Invalid):
    """There is no run in the folder, or it cannot be read."""


@dataclass(frozen=True)
class SavedLine:
    """A line for one of a run's streams, as the client would send it: JSON text, or output."""

    stream: str
    text: str


@dataclass(frozen=True)
class SavedEntry:
    """A path in an artifact version: a file on this machine, or a reference."""

    path: str
    digest: str
    size_bytes: int = 0
    file: Path | None = None
    reference: str = ""


@dataclass(frozen=True)
class SavedArtifact:
    """An artifact version that the run logged."""

    collection: str
    type: str
    client_id: str
    digest: str
    description: str = ""
    metadata: Mapping[str, object] = field(default_factory=dict)
    aliases: Sequence[str] = ()
    tags: Sequence[str] = ()
    entries: Sequence[SavedEntry] = ()


@dataclass(frozen=True)
class SavedAlert:
    """An alert that the run raised."""

    title: str
    text: str = ""
    level: str = ""


@dataclass
class SavedRun:
    """Everything of one run but its lines, which `read_lines` reads again and again."""

    folder: Path
    key: str
    project: str = ""
    name: str = ""
    group: str = ""
    job_type: str = ""
    notes: str = ""
    host: str = ""
    tags: list[str] = field(default_factory=list)
    config: dict[str, object] = field(default_factory=dict)
    summary: dict[str, object] = field(default_factory=dict)
    code: CodeVersion = field(default_factory=CodeVersion)
    started_at: datetime | None = None
    # None while it is not known to have ended.
    exit_code: int | None = None
    artifacts: list[SavedArtifact] = field(default_factory=list)
    # Names of artifact versions that it used: "collection:v3".
    used: list[str] = field(default_factory=list)
    alerts: list[SavedAlert] = field(default_factory=list)
    files: list[tuple[str, Path]] = field(default_factory=list)
    read_lines: Callable[[], Iterator[SavedLine]] = lambda: iter(())
    # What could not be read, in words.
    warnings: list[str] = field(default_factory=list)


def files_in(folder: Path) -> list[tuple[str, Path]]:
    """The files below a folder by their path in it. Links are left where they are: the client
    makes them for files that it was told to keep, and one could lead anywhere."""
    return [
        (str(path.relative_to(folder)), path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.resolve().is_relative_to(folder.resolve())
    ]
