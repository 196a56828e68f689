"""Taking a saved run in, as if its client sent it now, but with the times at which it was logged.

Every step may be repeated: lines count by their numbers, artifact versions by the id that the
client gave them, files by their path. So an import that was interrupted goes on where it stopped,
and one that is repeated changes nothing; nor does a `wandb sync` of the same folder.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

from django.utils import timezone

from apps.artifacts.choices import ArtifactState
from apps.content.services import store
from apps.core.errors import DomainError, Invalid
from apps.core.jsontext import dump, dump_bare
from apps.core.limits import MAX_FILE_BYTES
from apps.projects.access import Access
from apps.runs.alerts import raise_alert
from apps.runs.choices import CONSOLE, EVENTS, HISTORY, AlertLevel, RunState
from apps.runs.files import files_of, store_file
from apps.runs.models import Run, RunAlert, StreamPosition
from apps.runs.queries import run_in
from apps.runs.services import RunDescription, finish_run, start_run, update_run
from apps.runs.streams import take_in
from apps.wandb_api.artifacts import writing
from apps.wandb_api.artifacts.manifest import hex_of
from apps.wandb_api.artifacts.models import ClientArtifact, ManifestKind
from apps.wandb_api.configs import metric_rules_in
from apps.wandb_api.importing.saved import SavedArtifact, SavedEntry, SavedLine, SavedRun
from apps.wandb_api.lines import read_portion
from apps.wandb_api.run_names import invented_name

# What the client calls the streams in the bodies that it sends.
_FILES = {HISTORY: "wandb-history.jsonl", EVENTS: "wandb-events.jsonl", CONSOLE: "output.log"}
_SUMMARY = "wandb-summary.json"
# Lines taken in at once.
_LINES = 2_000
_CHARACTERS = 4_000_000


@dataclass
class Taken:
    """What an import of one run did."""

    run: Run
    is_new: bool
    lines: int = 0
    files: int = 0
    artifacts: int = 0
    warnings: list[str] = field(default_factory=list)

    @property
    def anything(self) -> bool:
        return self.is_new or bool(self.lines or self.files or self.artifacts)


def save_run(saved: SavedRun, access: Access) -> Taken:
    """Take in what is not there yet. Raises RunInBin, Forbidden, Invalid."""
    run, is_new = _run(saved, access)
    taken = Taken(run, is_new, warnings=list(saved.warnings))
    _save_lines(taken, saved, access)
    _save_files(taken, saved, access)
    for artifact in saved.artifacts:
        try:
            taken.artifacts += _save_artifact(run, artifact, access)
        except (DomainError, OSError) as error:
            taken.warnings.append(f"{artifact.collection} is left out: {error}")
    for alert in saved.alerts[RunAlert.objects.filter(run=run).count() :]:
        level = alert.level.lower()
        raise_alert(
            run=run,
            access=access,
            title=alert.title,
            text=alert.text,
            level=AlertLevel(level) if level in AlertLevel.values else AlertLevel.INFO,
            at=saved.started_at,
        )
    _end(run, saved, access)
    return taken


def _run(saved: SavedRun, access: Access) -> tuple[Run, bool]:
    project = access.here
    is_new = not Run.with_deleted.filter(project=project, key=saved.key).exists()
    if is_new:
        number = Run.with_deleted.filter(project=project).count() + 1
        description = RunDescription(
            key=saved.key,
            name=saved.name or invented_name(number),
            group=saved.group,
            job_type=saved.job_type,
            notes=saved.notes,
            host=saved.host,
            config=saved.config,
            tags=dict.fromkeys(saved.tags, ""),
            code=saved.code,
        )
        run = start_run(description=description, access=access, at=saved.started_at)
    else:
        run = run_in(project, saved.key)
    if run.metric_rules == "[]":
        run = update_run(run=run, access=access, metric_rules=metric_rules_in(saved.config))
    return run, is_new


def _save_lines(taken: Taken, saved: SavedRun, access: Access) -> None:
    run = taken.run
    known = dict(StreamPosition.objects.filter(run=run).values_list("name", "lines"))
    for files in _portions(saved.read_lines(), known):
        _send(run, {"files": files}, access)
        taken.lines += sum(len(chunk["content"]) for chunk in files.values())
    if taken.lines or taken.is_new:
        summary = {"offset": 0, "content": [dump_bare(saved.summary)]}
        _send(run, {"files": {_SUMMARY: summary}}, access)


def _send(run: Run, body: dict[str, Any], access: Access, at: datetime | None = None) -> None:
    take_in(run=run, portion=read_portion(dump(body).encode()), access=access, at=at)


def _portions(lines: Iterable[SavedLine], known: dict[str, int]) -> Iterator[dict[str, Any]]:
    """The lines that are not known, as bodies that the client would send, a few at a time."""
    seen = dict.fromkeys(_FILES, 0)
    portion: dict[str, Any] = {}
    count = size = 0
    for line in lines:
        number = seen[line.stream]
        seen[line.stream] += 1
        if number < known.get(line.stream, 0):
            continue
        chunk = portion.setdefault(_FILES[line.stream], {"offset": number, "content": []})
        chunk["content"].append(line.text)
        count, size = count + 1, size + len(line.text)
        if count == _LINES or size > _CHARACTERS:
            yield portion
            portion, count, size = {}, 0, 0
    if portion:
        yield portion


def _save_files(taken: Taken, saved: SavedRun, access: Access) -> None:
    known = {file.path: file.blob.md5 for file in files_of(taken.run)}
    for path, file in saved.files:
        if known.get(path) == _md5(file):
            continue
        with file.open("rb") as stream:
            store_file(
                run=taken.run, path=path, access=access, stream=stream, max_bytes=MAX_FILE_BYTES
            )
        taken.files += 1


def _md5(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _save_artifact(run: Run, saved: SavedArtifact, access: Access) -> int:
    """Whether the artifact version was not there. Raises OSError for a file that is gone."""
    known = ClientArtifact.objects.filter(project=access.here, client_id=saved.client_id)
    if known.filter(artifact__state=ArtifactState.SEALED).exists():
        return 0
    logged = writing.begin(
        writing.Logging(
            collection=saved.collection,
            type=saved.type,
            digest=saved.digest,
            client_id=saved.client_id,
            run=run,
            description=saved.description,
            metadata=saved.metadata,
            aliases=saved.aliases,
            tags=saved.tags,
        ),
        access,
    )
    if logged.artifact.state == ArtifactState.SEALED:
        return 0
    for entry in saved.entries:
        _save_entry(entry, access)
    contents = {entry.path: _manifest_entry(entry) for entry in saved.entries}
    manifest = dump(
        {"version": 1, "storagePolicy": "wandb-storage-policy-v1", "contents": contents}
    ).encode()
    blob = store(owner_id=access.here.pk, stream=BytesIO(manifest), max_bytes=len(manifest))
    writing.announce_manifest(logged.artifact, access, kind=ManifestKind.FULL, md5=blob.md5)
    writing.commit(logged, access)
    return 1


def _save_entry(entry: SavedEntry, access: Access) -> None:
    if entry.reference:
        return
    if entry.file is None:
        raise Invalid(f"the folder does not say where {entry.path} lies.")
    with entry.file.open("rb") as stream:
        store(
            owner_id=access.here.pk,
            stream=stream,
            max_bytes=MAX_FILE_BYTES,
            expected_md5=hex_of(entry.digest),
        )


def _manifest_entry(entry: SavedEntry) -> dict[str, object]:
    told: dict[str, object] = {"digest": entry.digest, "size": entry.size_bytes}
    return {**told, "ref": entry.reference} if entry.reference else told


def _end(run: Run, saved: SavedRun, access: Access) -> None:
    """A run whose folder does not say that it ended was killed: it will say no more."""
    run.refresh_from_db()
    if run.has_ended:
        return
    ended_at = _last_sign(run, saved)
    if saved.exit_code is not None:
        _send(run, {"complete": True, "exitcode": saved.exit_code}, access, at=ended_at)
    else:
        finish_run(run=run, access=access, state=RunState.CRASHED, at=ended_at)


def _last_sign(run: Run, saved: SavedRun) -> datetime:
    seconds = saved.summary.get("_runtime")
    if not isinstance(seconds, int | float) or not 0 <= seconds < 10**9:
        return min(run.heartbeat_at, timezone.now())
    return run.started_at + timedelta(seconds=seconds)
