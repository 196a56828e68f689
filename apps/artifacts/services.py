"""Changing artifacts: begin, add files, seal; collections, versions, lineage edges.

An artifact version is begun with its manifest, the content that the team does not hold yet is
uploaded, and then it is sealed in one transaction that checks every digest, computes its own and
gives it a number in its collection. Until then nobody sees it; afterwards nothing changes its files
or its digest. What its metadata become later stands beside what was sealed.

Locks are taken in one order in all apps: artifact version, collection, version, and the audit
chain last. They are `no_key`: rows that point at a locked one are checked when they are committed,
and with a full lock such a commit, which holds the chain already, would wait for us as we for it.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Final, NamedTuple

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.accounts.models import Team
from apps.artifacts.choices import ArtifactState, Direction
from apps.artifacts.models import (
    ArtifactFile,
    ArtifactVersion,
    Collection,
    RunArtifact,
    Version,
)
from apps.artifacts.queries import CollectionInBin, metadata_of
from apps.artifacts.signals import (
    artifact_used,
    metadata_changed,
    version_deleted,
    version_linked,
)
from apps.audit.actors import Subject
from apps.audit.services import record, told_last
from apps.content.models import Blob
from apps.content.services import reserve
from apps.core.errors import Conflict, Invalid
from apps.core.ids import new_hex
from apps.core.jsontext import dump
from apps.core.names import clean_name, clean_path, clean_text, name_key
from apps.core.prepared import Prepared, insert, insert_all, update
from apps.projects.access import Access, Action
from apps.projects.models import Project
from apps.runs.models import Run

MAX_FILES = 100_000
MAX_NOTE = 20_000
# A manifest's rows are made in parts: 100,000 of them at once would take 100 MB.
_ROWS_AT_ONCE = 2_000
# Of a collection; as long as mlflow takes for a registered model.
MAX_NAME = 256


class ArtifactSealed(Conflict):
    """The artifact version is sealed: a change means a new version."""


class ContentMissing(Conflict):
    """Some of the manifest's content has not been uploaded. `digests` says which."""

    def __init__(self, digests: Sequence[str]) -> None:
        super().__init__(
            f"{len(digests)} of the files named here have not been uploaded: "
            + ", ".join(digests[:3])
            + ("…" if len(digests) > 3 else "")
        )
        self.digests = list(digests)


class VersionInUse(Conflict):
    """The version holds a label; take the label away first."""


class CollectionExists(Conflict):
    """There is a collection of this name already."""


class NameInBin(Conflict):
    """A collection in the bin has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"A collection {name!r} is in the bin. Choose another name, or restore that one."
        )


@dataclass(frozen=True, slots=True)
class FileSpec:
    """One line of a manifest: a path with either a content digest or a reference."""

    path: str
    digest: str = ""
    reference: str = ""
    reference_digest: str = ""
    reference_details: str = ""
    size_bytes: int = 0


class Line(NamedTuple):
    """What the digest covers of a file. Not a model: an artifact version has up to 100,000."""

    path: str
    blob_id: str | None
    reference: str
    reference_digest: str
    size_bytes: int


_of_line = attrgetter(*Line._fields)


@transaction.atomic
def begin_artifact(
    *,
    type: str,
    access: Access,
    metadata: Mapping[str, object] | None = None,
    description: str = "",
    files: Sequence[FileSpec] = (),
    made_by: Run | None = None,
    at: datetime | None = None,
) -> ArtifactVersion:
    """Start an artifact version with its manifest. It is not visible until it is sealed."""
    artifact = _draft(type, access, metadata, description, made_by, at)
    artifact.save(force_insert=True)
    _write_files(artifact, files, _sizes(artifact, files))
    return artifact


@transaction.atomic
def add_files(*, artifact: ArtifactVersion, files: Sequence[FileSpec], access: Access) -> None:
    """Add lines to the manifest of an unsealed artifact version.

    Raises ArtifactSealed, ContentMissing (naming digests that the project does not hold), Invalid.
    """
    access.require(Action.LOG)
    lock_pending(artifact)
    sizes = _sizes(artifact, files)
    try:
        with transaction.atomic():
            _write_files(artifact, files, sizes)
    except IntegrityError as error:
        raise Conflict("One of these paths is in the manifest already.") from error


def _file_row(artifact: ArtifactVersion, spec: FileSpec, sizes: Mapping[str, int]) -> ArtifactFile:
    if bool(spec.digest) == bool(spec.reference):
        raise Invalid("A file has either a digest or a reference.", field="files")
    return ArtifactFile(
        artifact=artifact,
        path=clean_path(spec.path, field="files.path"),
        blob_id=spec.digest or None,
        reference=clean_text(spec.reference, field="files.reference", max_length=2048),
        reference_digest=clean_text(
            spec.reference_digest, field="files.reference_digest", max_length=2048
        ),
        reference_details=clean_text(
            spec.reference_details, field="files.reference_details", max_length=16_000
        ),
        size_bytes=sizes[spec.digest] if spec.digest else max(spec.size_bytes, 0),
    )


@transaction.atomic
def seal_artifact(
    *,
    artifact: ArtifactVersion,
    collection: Collection,
    access: Access,
    note: str = "",
    step: int | None = None,
    at: datetime | None = None,
) -> Version:
    """Close an artifact version for ever and give it the next number in its collection.

    When the newest version of the collection has the same digest, that version is the answer and
    the new artifact is dropped: logging the same thing twice makes one version. `step` is the step
    at which its run made it, where that is known.
    """
    access.require(Action.LOG)
    _check_type(artifact, collection)
    lock_pending(artifact)
    locked = lock_collection(collection)
    lines = [Line(*row) for row in artifact.files.values_list(*Line._fields)]
    digest = manifest_digest(lines, artifact.metadata)
    newest = _newest(locked)
    if newest is not None and newest.artifact.digest == digest:
        if artifact.made_by is not None:
            note_made_again(
                run=artifact.made_by, artifact=newest.artifact, access=access, step=step, at=at
            )
        artifact.delete()
        return newest
    _close(artifact, lines, digest, at)
    artifact.save(update_fields=["digest", "state", "sealed_at", "file_count", "size_bytes"])
    if artifact.made_by is not None:
        _add_edge(artifact.made_by, artifact, Direction.MADE, "", step, at)
    return _place_sealed(artifact, locked, access, note, at)


@transaction.atomic
def seal_at_once(
    *,
    type: str,
    collection: Collection,
    access: Access,
    metadata: Mapping[str, object] | None = None,
    description: str = "",
    files: Sequence[FileSpec] = (),
    made_by: Run | None = None,
    note: str = "",
    at: datetime | None = None,
) -> Version:
    """An artifact version whose content is all here, begun and sealed in one step.

    What `begin_artifact` and `seal_artifact` do, with half of their queries; where it is the
    collection's newest version once more, nothing of it is written first.
    """
    artifact = _draft(type, access, metadata, description, made_by, at)
    _check_type(artifact, collection)
    sizes = _sizes(artifact, files)
    locked = lock_collection(collection)
    lines = [Line(*_of_line(_file_row(artifact, spec, sizes))) for spec in files]
    digest = manifest_digest(lines, artifact.metadata)
    newest = _newest(locked)
    if newest is not None and newest.artifact.digest == digest:
        if made_by is not None:
            note_made_again(run=made_by, artifact=newest.artifact, access=access, at=at)
        return newest
    _close(artifact, lines, digest, at)
    insert(artifact)
    _write_files(artifact, files, sizes)
    if made_by is not None:
        at_or_now = at or timezone.now()
        insert(RunArtifact(run=made_by, artifact=artifact, direction=Direction.MADE, at=at_or_now))
    return _place_sealed(artifact, locked, access, note, at)


@transaction.atomic
def link_version(
    *,
    artifact: ArtifactVersion,
    collection: Collection,
    access: Access,
    note: str = "",
    at: datetime | None = None,
) -> Version:
    """Put a sealed artifact version into a further collection, such as the registry's.

    Linking what is linked already gives the standing version. `access` is to the collection's
    place; the artifact's own project must be visible to the same person (NotFound otherwise).
    Only the registry takes versions of several projects: who sees a project sees all that stands
    in its collections (see queries.versions_of).
    """
    access.require(Action.LINK)
    access.within(artifact.project)
    if artifact.state != ArtifactState.SEALED:
        raise Conflict("Only a sealed artifact version can be linked.")
    if collection.project_id not in (None, artifact.project_id):
        raise Invalid(
            "A project's collection holds only what was made in that project; "
            "link this into a model of the registry.",
            field="artifact",
        )
    if artifact.type != collection.type:
        raise Invalid(
            f"{collection.name} holds artifacts of type {collection.type}, not {artifact.type}.",
            field="artifact",
        )
    # Results that come meanwhile wait, and then find the artifact here as well.
    source = ArtifactVersion.objects.select_for_update(no_key=True).get(pk=artifact.pk)
    if source.purged_at is not None:
        raise Conflict("The files of this artifact version were removed for good.")
    locked = lock_collection(collection)
    standing = Version.objects.filter(collection=locked, artifact=artifact, deleted_at=None).first()
    if standing is not None:
        return standing
    return _place(artifact, locked, access, "version.linked", note, at or timezone.now(), at)


@transaction.atomic
def delete_version(*, version: Version, reason: str, access: Access) -> None:
    """Take a version out of its collection, leaving a tombstone: its number does not return.

    Raises VersionInUse while it holds a label.
    """
    access.require(Action.DELETE_VERSION)
    reason = clean_text(reason, field="reason", max_length=4_000)
    collection = lock_collection(version.collection)
    locked = Version.objects.select_for_update(no_key=True).get(pk=version.pk)
    if locked.deleted_at is not None:
        return
    held = [held.label for held in locked.holdings.standing().once().lead_first()]
    if held:
        raise VersionInUse(f"v{locked.number} holds {', '.join(held)}; move that label first.")
    locked.deleted_at = timezone.now()
    locked.deleted_by = access.user
    locked.deleted_reason = reason
    locked.save(update_fields=["deleted_at", "deleted_by", "deleted_reason"])
    touch(collection, at=locked.deleted_at)
    version_deleted.send(sender=Version, version=locked)
    record(
        kind="version.deleted",
        actor=access.actor,
        subjects=[version_subject(locked), collection_subject(version.collection)],
        team_id=access.team.pk,
        project_id=version.collection.project_id,
        before={"number": locked.number},
        reason=reason,
    )


@transaction.atomic
def ensure_collection(
    *,
    name: str,
    type: str,
    access: Access,
    project: Project | None,
    first_number: int = 1,
    title: str = "",
    description: str = "",
    must_be_new: bool = False,
    at: datetime | None = None,
) -> Collection:
    """The collection of that name in the project (or with None in the registry), made if missing.

    Raises Conflict when the name is taken by a collection of another type, NameInBin by one in the
    bin, which keeps its name so that it can always be restored. With `must_be_new` raises
    CollectionExists where there is one already.
    """
    access.require(Action.LOG)
    team: Team = access.team
    name = clean_name(name, field="collection", max_length=MAX_NAME, what="collection name")
    type = clean_name(type, field="type", max_length=64, what="type")
    key = name_key(name)
    standing = Collection.objects.filter(team=team, project=project, name_key=key)
    if project is None:
        standing = standing.filter(type=type)
    collection = standing.first()
    is_new = collection is None
    if collection is None:
        now = at or timezone.now()
        collection = Collection(
            team=team,
            project=project,
            type=type,
            name=name,
            name_key=key,
            title=clean_text(title, field="title", max_length=256, multiline=False),
            description=clean_text(description, field="description", max_length=20_000),
            next_number=first_number,
            created_by=access.user,
            created_at=now,
            updated_at=now,
        )
        try:
            with transaction.atomic():
                collection.save(force_insert=True)
        except IntegrityError:
            # Somebody else made it at the same moment, or it is in the bin: that keeps the name.
            collection = standing.first()
            is_new = False
            if collection is None:
                raise NameInBin(name) from None
        else:
            record(
                kind="collection.created",
                actor=access.actor,
                subjects=[collection_subject(collection)],
                team_id=team.pk,
                project_id=project.pk if project else None,
                after={"name": name, "type": type},
                at=at,
            )
    if must_be_new and not is_new:
        raise CollectionExists(f"There is a {type} {name!r} already.")
    if collection.type != type:
        raise Conflict(f"{name!r} is a collection of type {collection.type} already.")
    return collection


@transaction.atomic
def update_collection(
    *,
    collection: Collection,
    access: Access,
    name: str | None = None,
    title: str | None = None,
    description: str | None = None,
) -> Collection:
    """Change the name of a collection or what is said of it; what is None stays.

    Raises Conflict when the name is taken, also by a collection in the bin. The former name is
    free afterwards and leads nowhere.
    """
    access.require(Action.LOG)
    locked = Collection.objects.select_for_update(no_key=True).get(pk=collection.pk)
    before: dict[str, object] = {}
    after: dict[str, object] = {}
    former = locked.name
    if name is not None and name != former:
        locked.name = clean_name(name, field="name", max_length=MAX_NAME, what="collection name")
        locked.name_key = name_key(name)
        before["name"], after["name"] = former, name
    if title is not None:
        title = clean_text(title, field="title", max_length=256, multiline=False).strip()
        if title != locked.title:
            before["title"], after["title"] = locked.title, title
            locked.title = title
    if description is not None:
        description = clean_text(description, field="description", max_length=20_000)
        if description != locked.description:
            # Long, and the event would keep it for ever: only that it changed is recorded.
            locked.description = description
            after["description"] = "changed"
    if not after:
        return locked
    locked.updated_at = timezone.now()
    try:
        with transaction.atomic():
            locked.save(update_fields=[*after, "name_key", "updated_at"])
    except IntegrityError as error:
        raise Conflict(
            f"There is a collection {name!r} here already, or one in the bin."
        ) from error
    record(
        kind="collection.changed",
        actor=access.actor,
        subjects=[collection_subject(locked)],
        team_id=access.team.pk,
        project_id=locked.project_id,
        before=before,
        after=after,
    )
    return locked


@transaction.atomic
def update_version(*, version: Version, note: str, access: Access) -> Version:
    """Change the note of a version. The same note changes nothing."""
    access.require(Action.LOG)
    access.within(version.artifact.project)
    note = clean_text(note, field="note", max_length=MAX_NOTE)
    locked = Version.objects.select_for_update(no_key=True).get(pk=version.pk)
    if locked.note == note:
        return locked
    locked.note = note
    locked.updated_at = timezone.now()
    locked.save(update_fields=["note", "updated_at"])
    record(
        kind="version.changed",
        actor=access.actor,
        subjects=[version_subject(locked), collection_subject(version.collection)],
        team_id=access.team.pk,
        project_id=version.collection.project_id,
        # Long, and the event would keep it for ever: only that it changed is recorded.
        after={"note": "changed"},
    )
    return locked


@transaction.atomic
def note_use(
    *,
    run: Run,
    artifact: ArtifactVersion,
    access: Access,
    use_as: str = "",
    even_pending: bool = False,
    at: datetime | None = None,
) -> None:
    """Say that a run used an artifact version. Saying it again changes nothing.

    `even_pending` is for clients that evaluate a model before they have sent all its files.
    """
    access.require(Action.LOG)
    access.within(artifact.project)
    if artifact.state != ArtifactState.SEALED and not even_pending:
        raise Conflict("Only a sealed artifact version can be used.")
    use_as = clean_text(use_as, field="use_as", max_length=128, multiline=False)
    if _add_edge(run, artifact, Direction.USED, use_as, None, at):
        with told_last():
            record(
                kind="run.used_artifact",
                actor=access.actor,
                subjects=[Subject("run", run.pk, run.name), artifact_subject(artifact)],
                team_id=access.team.pk,
                project_id=run.project_id,
                after={"use_as": use_as},
                at=at,
            )
            artifact_used.send(RunArtifact, run=run, artifact=artifact, access=access)


@transaction.atomic
def set_metadata(
    *, artifact: ArtifactVersion, metadata: Mapping[str, object], access: Access
) -> None:
    """Say anew what an unsealed artifact version is about. Raises ArtifactSealed."""
    access.require(Action.LOG)
    lock_pending(artifact)
    artifact.metadata = dump(dict(metadata))
    artifact.save(update_fields=["metadata"])


@transaction.atomic
def describe_artifact(
    *, artifact: ArtifactVersion, description: str, access: Access
) -> ArtifactVersion:
    """Change the description of an artifact version, which its digest does not cover."""
    access.require(Action.LOG)
    access.within(artifact.project)
    description = clean_text(description, field="description", max_length=20_000)
    if artifact.description == description:
        return artifact
    artifact.description = description
    artifact.save(update_fields=["description"])
    record(
        kind="artifact.described",
        actor=access.actor,
        subjects=[artifact_subject(artifact)],
        team_id=access.team.pk,
        project_id=artifact.project_id,
        # Long, and the event would keep it for ever: only that it changed is recorded.
        after={"description": "changed"},
    )
    return artifact


@transaction.atomic
def change_metadata(
    *,
    artifact: ArtifactVersion,
    metadata: Mapping[str, object],
    access: Access,
    at: datetime | None = None,
) -> ArtifactVersion:
    """Replace what is said of a sealed artifact version, beside what was sealed with it.

    Files and digest stay as they are. The same metadata change nothing.
    """
    access.require(Action.LOG)
    access.within(artifact.project)
    locked = ArtifactVersion.objects.select_for_update(no_key=True, of=("self",)).get(
        pk=artifact.pk
    )
    if locked.state != ArtifactState.SEALED:
        raise Conflict("Metadata are changed after the artifact version is sealed.")
    former = locked.later_metadata or locked.metadata
    later = dump(dict(metadata))
    if later != former:
        artifact.later_metadata = "" if later == locked.metadata else later
        artifact.save(update_fields=["later_metadata"])
        before, after = json.loads(former), json.loads(later)
        changed = sorted(
            key for key in before.keys() | after.keys() if before.get(key) != after.get(key)
        )
        with told_last():
            record(
                kind="artifact.metadata_changed",
                actor=access.actor,
                subjects=[artifact_subject(artifact)],
                team_id=access.team.pk,
                project_id=artifact.project_id,
                before={"sha256": hashlib.sha256(former.encode()).hexdigest()},
                after={"sha256": hashlib.sha256(later.encode()).hexdigest(), "keys": changed[:100]},
                at=at,
            )
            metadata_changed.send(ArtifactVersion, artifact=artifact, access=access)
    return artifact


@transaction.atomic
def note_made_again(
    *,
    run: Run,
    artifact: ArtifactVersion,
    access: Access,
    step: int | None = None,
    at: datetime | None = None,
) -> None:
    """Say that a run made what was there already; an event unless it was known."""
    access.require(Action.LOG)
    if _add_edge(run, artifact, Direction.MADE, "", step, at):
        record(
            kind="run.made_artifact",
            actor=access.actor,
            subjects=[Subject("run", run.pk, run.name), artifact_subject(artifact)],
            team_id=access.team.pk,
            project_id=run.project_id,
            at=at,
        )


def lock_collection(collection: Collection) -> Collection:
    """The collection's row, locked until the transaction ends. Raises CollectionInBin."""
    locked = _LOCKED.first(collection.pk)
    if locked is None:
        raise CollectionInBin(collection.name)
    return locked


_LOCKED: Final = Prepared[Collection](
    lambda key: Collection.objects.select_for_update(no_key=True).filter(pk=key), int
)


def touch(*rows: Collection | Version, at: datetime) -> None:
    """Note that locked rows have changed, or what hangs on them."""
    for row in rows:
        row.updated_at = at
        row.save(update_fields=["updated_at"])


def manifest_digest(lines: Iterable[Line], metadata: str) -> str:
    """SHA-256 over the JSON lines [path, digest or reference, size] by path, then the metadata."""
    whole = hashlib.sha256()
    for line in sorted(lines):
        what = line.blob_id or [line.reference, line.reference_digest]
        whole.update(dump([line.path, what, line.size_bytes]).encode() + b"\n")
    whole.update(metadata.encode())
    return whole.hexdigest()


def artifact_subject(artifact: ArtifactVersion) -> Subject:
    return Subject("artifact", artifact.pk, artifact.digest or artifact.key)


def collection_subject(collection: Collection) -> Subject:
    return Subject("collection", collection.pk, collection.name)


def version_subject(version: Version) -> Subject:
    return Subject("version", version.pk, f"{version.collection.name}:v{version.number}")


def _draft(
    type: str,
    access: Access,
    metadata: Mapping[str, object] | None,
    description: str,
    made_by: Run | None,
    at: datetime | None,
) -> ArtifactVersion:
    """An artifact version that is written nowhere yet. Raises Forbidden, Invalid."""
    access.require(Action.LOG)
    project = access.project
    if project is None:
        raise Invalid("An artifact belongs to a project.", field="project")
    if made_by is not None and made_by.project_id != project.pk:
        raise Invalid("The run that made it is of another project.", field="run")
    return ArtifactVersion(
        project=project,
        key=new_hex(),
        type=clean_name(type, field="type", max_length=64, what="type"),
        metadata=dump(dict(metadata or {})),
        description=clean_text(description, field="description", max_length=20_000),
        made_by=made_by,
        created_by=access.user,
        created_at=at or timezone.now(),
    )


def _sizes(artifact: ArtifactVersion, files: Sequence[FileSpec]) -> dict[str, int]:
    """The sizes of the content that a manifest names, by digest; it stays until that is written.

    Raises ContentMissing, Invalid.
    """
    if not files:
        return {}
    if len(files) > MAX_FILES:
        raise Invalid(f"An artifact may have {MAX_FILES} files at most.", field="files")
    digests = {spec.digest for spec in files if spec.digest}
    # Reserved, so that garbage collection does not take it before this manifest names it.
    absent = reserve(owner_id=artifact.project_id, digests=sorted(digests))
    if absent:
        raise ContentMissing(absent)
    if len({spec.path for spec in files}) != len(files):
        raise Invalid("The same path stands twice in the manifest.", field="files.path")
    return dict(Blob.objects.filter(pk__in=digests).values_list("pk", "size_bytes"))


def _write_files(
    artifact: ArtifactVersion, files: Sequence[FileSpec], sizes: Mapping[str, int]
) -> None:
    for start in range(0, len(files), _ROWS_AT_ONCE):
        insert_all(
            [_file_row(artifact, spec, sizes) for spec in files[start : start + _ROWS_AT_ONCE]]
        )


def _check_type(artifact: ArtifactVersion, collection: Collection) -> None:
    if collection.type != artifact.type:
        raise Invalid(
            f"{collection.name} is a collection of type {collection.type}, "
            f"the artifact is a {artifact.type}.",
            field="type",
        )


def _newest(locked: Collection) -> Version | None:
    """The newest standing version of a locked collection."""
    return _NEWEST.first(locked.pk)


_NEWEST: Final = Prepared[Version](
    lambda collection: (
        Version.objects.filter(collection=collection, deleted_at=None)
        .select_related("artifact")
        .order_by("-number")[:1]
    ),
    int,
)


def _close(
    artifact: ArtifactVersion, lines: Sequence[Line], digest: str, at: datetime | None
) -> None:
    """Make it a sealed one, on the object alone."""
    artifact.digest = digest
    artifact.state = ArtifactState.SEALED
    artifact.sealed_at = at or timezone.now()
    artifact.file_count = len(lines)
    artifact.size_bytes = sum(line.size_bytes for line in lines)


def _place_sealed(
    artifact: ArtifactVersion,
    locked: Collection,
    access: Access,
    note: str,
    at: datetime | None,
) -> Version:
    now = artifact.sealed_at or timezone.now()
    with told_last():
        version = _place(artifact, locked, access, "artifact.sealed", note, now, at)
        if metadata_of(artifact):
            metadata_changed.send(ArtifactVersion, artifact=artifact, access=access)
    return version


def _place(
    artifact: ArtifactVersion,
    locked: Collection,
    access: Access,
    kind: str,
    note: str,
    now: datetime,
    at: datetime | None,
) -> Version:
    """Number an artifact version in a locked collection, tell who listens, record the event."""
    version = Version(
        collection=locked,
        number=locked.next_number,
        artifact=artifact,
        note=clean_text(note, field="note", max_length=MAX_NOTE),
        linked_by=access.user,
        linked_at=now,
        updated_at=now,
    )
    insert(version)
    locked.next_number += 1
    locked.updated_at = now
    update(locked, "next_number", "updated_at")
    version_linked.send(sender=Version, version=version)
    record(
        kind=kind,
        actor=access.actor,
        subjects=[
            version_subject(version),
            collection_subject(locked),
            artifact_subject(artifact),
        ],
        team_id=access.team.pk,
        project_id=locked.project_id,
        after={"number": version.number, "digest": artifact.digest},
        at=at,
    )
    return version


def lock_pending(artifact: ArtifactVersion) -> None:
    """Lock an artifact version that is still being written. Raises ArtifactSealed."""
    state = (
        ArtifactVersion.objects.select_for_update(no_key=True)
        .filter(pk=artifact.pk)
        .values_list("state", flat=True)
        .first()
    )
    if state != ArtifactState.PENDING:
        raise ArtifactSealed("This artifact version is sealed: a change means a new version.")


def _add_edge(
    run: Run,
    artifact: ArtifactVersion,
    direction: Direction,
    use_as: str,
    step: int | None,
    at: datetime | None,
) -> bool:
    _, is_new = RunArtifact.objects.get_or_create(
        run=run,
        artifact=artifact,
        direction=direction,
        defaults={"use_as": use_as, "step": step, "at": at or timezone.now()},
    )
    return is_new
