"""From CreateArtifact to CommitArtifact: how a client logs an artifact version.

It says what it will send and gets an id, asks for an address for each file that the project does
not hold yet, sends those and a manifest that names them, and has the whole sealed. Any of the steps
may come twice, since a client that hears no answer asks again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from apps.artifacts.choices import ArtifactState
from apps.artifacts.models import ArtifactVersion, Collection, Version
from apps.artifacts.queries import files_of
from apps.artifacts.services import (
    ArtifactSealed,
    FileSpec,
    add_files,
    begin_artifact,
    ensure_collection,
    note_made_again,
    seal_artifact,
)
from apps.artifacts.tags import change_tags
from apps.content.queries import held_by_md5
from apps.content.services import reserve
from apps.core.errors import Conflict, Invalid, NotFound
from apps.core.jsontext import dump, parse
from apps.core.limits import MAX_BATCH_FILES
from apps.core.names import clean_name
from apps.projects.access import Access, Action
from apps.runs.models import Run
from apps.wandb_api.artifacts import aliases as alias_words
from apps.wandb_api.artifacts import manifest
from apps.wandb_api.artifacts.manifest import Entry
from apps.wandb_api.artifacts.models import ClientArtifact, ClientManifest, ManifestKind

# Writers of one artifact version. Each sends a manifest of its own, and all are read at once.
MAX_PATCHES = 1_000
_MD5S_AT_ONCE = 5_000


@dataclass(frozen=True)
class Logging:
    """What a client says of the artifact version that it is about to log."""

    collection: str
    type: str
    # MD5 over its manifest, in hexadecimal; empty where it does not know it yet.
    digest: str = ""
    client_id: str = ""
    distributed_id: str = ""
    run: Run | None = None
    step: int | None = None
    description: str = ""
    metadata: Mapping[str, object] | None = None
    aliases: Sequence[str] = ()
    tags: Sequence[str] = ()
    ttl_seconds: int | None = None
    # Whether what is there already is as good as what would be sent.
    deduplicates: bool = True


@dataclass(frozen=True)
class FileAsked:
    """A file that a client is about to send: its path and MD5 in hexadecimal."""

    path: str
    md5: str


def begin(said: Logging, access: Access) -> ClientArtifact:
    """Note that a client logs an artifact version; the same one when it has said so before.

    Where its collection has a version with this digest, that one is the answer, with the aliases
    given. The exception is the alias `latest` on what is no longer the newest: then a new version
    is made, because `latest` is always the newest. Raises Conflict where the collection is of
    another type, Forbidden where an alias is not the caller's to give.
    """
    access.require(Action.LOG)
    wanted = alias_words.check(said.aliases, access)
    _check_ids(said)
    logged = _known(said, access) or _begun(said, wanted, access)
    if logged.artifact.state == ArtifactState.SEALED:
        _give_aliases(logged, access)
    return logged


def asked_files(
    artifact: ArtifactVersion, files: Sequence[FileAsked], access: Access
) -> list[bool]:
    """For each file, in order, whether the client has to send it.

    What it need not send is kept from garbage collection until the manifest can name it.
    """
    access.require(Action.LOG)
    check_pending(artifact)
    if len(files) > MAX_BATCH_FILES:
        raise Invalid(f"No more than {MAX_BATCH_FILES} files at once.", field="artifactFiles")
    held = _held(artifact.project_id, {file.md5 for file in files})
    absent = set(reserve(owner_id=artifact.project_id, digests=sorted(held.values())))
    return [file.md5 not in held or held[file.md5] in absent for file in files]


def announce_manifest(
    artifact: ArtifactVersion,
    access: Access,
    *,
    kind: str,
    md5: str,
    base: ArtifactVersion | None = None,
) -> ClientManifest:
    """Note that a client will send a manifest, and under which MD5 as far as it knows that."""
    access.require(Action.LOG)
    check_pending(artifact)
    if kind not in ManifestKind.values:
        raise Invalid(f"There is no kind of manifest {kind!r} here.", field="manifestType")
    return ClientManifest.objects.create(artifact=artifact, kind=kind, md5=md5, base=base)


def change_manifest(
    announced: ClientManifest, access: Access, *, md5: str, base: ArtifactVersion | None
) -> ClientManifest:
    """Note what the file of an announced manifest will be."""
    access.require(Action.LOG)
    check_pending(announced.artifact)
    announced.md5 = md5
    announced.base = base or announced.base
    announced.save(update_fields=["md5", "base"])
    return announced


def commit(logged: ClientArtifact, access: Access) -> ClientArtifact:
    """Seal what was sent, and give the aliases that were asked for at the beginning.

    Once it is sealed the same call only gives aliases that are still owed. Raises Conflict while
    something has not arrived, Invalid where the manifest is not what was announced.
    """
    access.require(Action.LOG)
    if logged.artifact.state == ArtifactState.PENDING:
        logged = _sealed(logged, access)
    _give_aliases(logged, access)
    return logged


def keep_for(artifact: ArtifactVersion, seconds: int | None, access: Access) -> None:
    """Note how long a client would have an artifact version kept; None: as long as others."""
    access.require(Action.LOG)
    logged = ClientArtifact.objects.filter(artifact=artifact)
    if logged.update(ttl_seconds=seconds) or seconds is None:
        return
    version = Version.objects.filter(artifact=artifact, deleted_at=None).order_by("pk").first()
    if version is not None:
        ClientArtifact.objects.create(
            project_id=artifact.project_id,
            collection_id=version.collection_id,
            artifact=artifact,
            began_as=artifact.pk,
            ttl_seconds=seconds,
        )


def check_pending(artifact: ArtifactVersion) -> None:
    if artifact.state != ArtifactState.PENDING:
        raise ArtifactSealed("This artifact version is sealed: a change means a new version.")


def place_in(collection: Collection, artifact: ArtifactVersion) -> Version | None:
    """Where an artifact version stands in a collection."""
    return (
        Version.objects.filter(collection=collection, artifact=artifact, deleted_at=None)
        .select_related("collection__team", "collection__project", "artifact__project")
        .first()
    )


def _check_ids(said: Logging) -> None:
    for field, text in (("clientID", said.client_id), ("distributedID", said.distributed_id)):
        if text:
            clean_name(text, field=field, max_length=255, what="client id")


def _known(said: Logging, access: Access) -> ClientArtifact | None:
    if not said.client_id:
        return None
    known = _logged().filter(project=access.here, client_id=said.client_id)
    return known.first()


def _begun(said: Logging, wanted: Sequence[str], access: Access) -> ClientArtifact:
    try:
        with transaction.atomic():
            return _begin(said, wanted, access)
    except IntegrityError:
        # The same client asked twice at this moment.
        known = _known(said, access)
        if known is None:
            raise
        return known


def _begin(said: Logging, wanted: Sequence[str], access: Access) -> ClientArtifact:
    collection = ensure_collection(
        name=said.collection,
        type=said.type,
        access=access,
        project=access.here,
        first_number=0,
    )
    artifact = _shared(said, collection) or _standing(said, collection)
    if artifact is None:
        artifact = begin_artifact(
            type=said.type,
            access=access,
            metadata=said.metadata,
            description=said.description,
            made_by=said.run,
        )
    elif artifact.state == ArtifactState.SEALED and said.run is not None:
        note_made_again(run=said.run, artifact=artifact, access=access, step=said.step)
    if said.tags:
        change_tags(tagged=artifact, access=access, put=dict.fromkeys(said.tags, ""))
    return ClientArtifact.objects.create(
        project=access.here,
        collection=collection,
        artifact=artifact,
        began_as=artifact.pk,
        client_id=said.client_id,
        distributed_id=said.distributed_id,
        digest=said.digest,
        aliases=dump(list(wanted)),
        step=said.step,
        ttl_seconds=said.ttl_seconds,
    )


def _shared(said: Logging, collection: Collection) -> ArtifactVersion | None:
    """What another writer with the same distributed id has begun."""
    if not said.distributed_id:
        return None
    begun = _logged().filter(
        collection=collection,
        distributed_id=said.distributed_id,
        artifact__state=ArtifactState.PENDING,
    )
    first = begun.order_by("pk").first()
    return first.artifact if first else None


def _standing(said: Logging, collection: Collection) -> ArtifactVersion | None:
    """The version of the collection that has what is about to be sent."""
    if not (said.digest and said.deduplicates):
        return None
    versions = Version.objects.filter(collection=collection, deleted_at=None)
    newest = versions.order_by("-number").first()
    if alias_words.LATEST in said.aliases and newest is not None:
        versions = versions.filter(pk=newest.pk)
    same = versions.filter(artifact__client_artifacts__digest=said.digest, artifact__purged_at=None)
    found = same.select_related("artifact__project").order_by("-number").first()
    return found.artifact if found else None


def _logged() -> QuerySet[ClientArtifact]:
    return ClientArtifact.objects.select_related(
        "artifact__project__team", "artifact__made_by", "collection__team", "collection__project"
    )


def _sealed(logged: ClientArtifact, access: Access) -> ClientArtifact:
    """Read the manifests that were sent, and seal what they name."""
    entries, is_whole = _sent(logged)
    digest = manifest.digest_of(entries.values())
    if is_whole and logged.digest and logged.digest != digest:
        raise Invalid(
            f"The manifest that arrived has the digest {digest}, not {logged.digest} as announced.",
            field="digest",
        )
    artifact = logged.artifact
    specs = _lines(artifact.project_id, entries.values())
    try:
        with transaction.atomic():
            add_files(artifact=artifact, files=specs, access=access)
            version = seal_artifact(
                artifact=artifact, collection=logged.collection, access=access, step=logged.step
            )
            return _settle(logged, version, digest)
    except ArtifactSealed:
        # Somebody else committed it at this moment.
        return _logged().get(project=logged.project_id, began_as=logged.began_as)


def _settle(logged: ClientArtifact, version: Version, digest: str) -> ClientArtifact:
    """Have every name that clients have for what was begun lead to what was sealed."""
    if version.artifact_id == logged.artifact_id:
        ClientArtifact.objects.filter(artifact=version.artifact_id).update(digest=digest)
        return _logged().get(pk=logged.pk)
    # The newest version is the same, so that what was begun is gone, and this row with it.
    logged.artifact = version.artifact
    logged.digest = digest
    logged.save(force_insert=True)
    return _logged().get(pk=logged.pk)


def _sent(logged: ClientArtifact) -> tuple[dict[str, Entry], bool]:
    """The entries by path, and whether one manifest of the client had them all."""
    announced = ClientManifest.objects.filter(artifact=logged.artifact).exclude(md5="")
    manifests = list(announced.select_related("base").order_by("pk")[: MAX_PATCHES + 1])
    if not manifests:
        raise Conflict("No manifest has been sent for this artifact version.")
    if len(manifests) > MAX_PATCHES:
        raise Invalid(f"No more than {MAX_PATCHES} manifests for one artifact version.")
    last = manifests[-1]
    if last.kind == ManifestKind.FULL:
        return _read(logged, [last]), True
    if last.kind == ManifestKind.PATCH:
        patches = [one for one in manifests if one.kind == ManifestKind.PATCH]
        return _read(logged, patches), False
    return _base(logged, last.base) | _read(logged, [last]), False


def _read(logged: ClientArtifact, manifests: Sequence[ClientManifest]) -> dict[str, Entry]:
    held = _held(logged.project_id, {one.md5 for one in manifests})
    if any(one.md5 not in held for one in manifests):
        raise Conflict("The manifest of this artifact version has not arrived.")
    entries: dict[str, Entry] = {}
    for one in manifests:
        entries |= manifest.read(held[one.md5])
    return entries


def _base(logged: ClientArtifact, base: ArtifactVersion | None) -> dict[str, Entry]:
    """What an incremental artifact version starts from: as named, else the newest before it."""
    if base is None:
        newest = Version.objects.filter(collection=logged.collection, deleted_at=None)
        latest = newest.select_related("artifact").order_by("-number").first()
        base = latest.artifact if latest else None
    if base is None:
        return {}
    if base.project_id != logged.project_id or base.purged_at is not None:
        raise Invalid("The base of this artifact version is not in its project.", field="base")
    return {row.path: manifest.entry_of(row) for row in files_of(base)}


def _lines(owner_id: int, entries: Iterable[Entry]) -> list[FileSpec]:
    """The domain's lines for a manifest's entries. Raises Conflict for what has not arrived."""
    entries = list(entries)
    held = _held(owner_id, {entry.md5 for entry in entries if not entry.reference})
    absent = [one.path for one in entries if not one.reference and one.md5 not in held]
    if absent:
        names = ", ".join(sorted(absent)[:3]) + (", …" if len(absent) > 3 else "")
        raise Conflict(f"{len(absent)} files of the manifest have not arrived: {names}")
    return [_line(entry, held) for entry in entries]


def _line(entry: Entry, held: Mapping[str, str]) -> FileSpec:
    if not entry.reference:
        return FileSpec(path=entry.path, digest=held[entry.md5])
    return FileSpec(
        path=entry.path,
        reference=entry.reference,
        reference_digest=entry.digest,
        reference_details=entry.details,
        size_bytes=entry.size_bytes,
    )


def _held(owner_id: int, md5s: set[str]) -> dict[str, str]:
    """The SHA-256 of what the project holds of these MD5s, asked for in parts."""
    wanted = sorted(md5s)
    held: dict[str, str] = {}
    for start in range(0, len(wanted), _MD5S_AT_ONCE):
        held |= held_by_md5(owner_id=owner_id, md5s=wanted[start : start + _MD5S_AT_ONCE])
    return held


def _give_aliases(logged: ClientArtifact, access: Access) -> None:
    """Give what is owed; each alias is a promotion of its own, so a second call goes on."""
    owed = parse(logged.aliases)
    if not owed:
        return
    version = place_in(logged.collection, logged.artifact)
    if version is None:
        raise NotFound("This artifact version has been removed.")
    alias_words.give(version, owed, access)
    logged.aliases = "[]"
    logged.save(update_fields=["aliases"])
