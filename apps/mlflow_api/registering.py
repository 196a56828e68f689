"""Registering: a version of a registered model out of whatever source the client names.

mlflow keeps the address of a model and reads it for ever after. Here a version's files are sealed:
a logged model is linked as it is, a folder of a run is sealed as it stands at that moment. Anything
else is text, said back to the client and never opened.

A number is given each time, also when the same source is registered again: then the version is a
copy, with the same files and results.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from django.db import transaction

from apps.artifacts.choices import MODEL, ArtifactState
from apps.artifacts.models import ArtifactVersion, Collection, Version
from apps.artifacts.queries import metadata_of
from apps.artifacts.services import FileSpec, link_version, seal_at_once
from apps.artifacts.tags import change_tags
from apps.core.errors import Conflict, Invalid, NotFound
from apps.core.ids import new_hex
from apps.core.names import clean_text
from apps.core.prepared import insert
from apps.evaluations.choices import Source
from apps.evaluations.queries import current_results
from apps.evaluations.services import Score, record_results
from apps.mlflow_api.call import Call
from apps.mlflow_api.errors import invalid
from apps.mlflow_api.file_places import clean_below
from apps.mlflow_api.model_metrics import record_training_results
from apps.mlflow_api.models import MAX_SOURCE, Experiment, Registration
from apps.mlflow_api.places import MODEL_ID_PREFIX
from apps.mlflow_api.registry import (
    LATEST,
    holder_of,
    model_named,
    newest_versions,
    stage_name,
    versions_seen,
)
from apps.mlflow_api.sealing import EmptyFolder, seal_run_files
from apps.mlflow_api.services import ensure_default
from apps.projects.access import Access
from apps.projects.models import Project
from apps.runs.models import Run

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+):")
_RUN_FILES: Final = re.compile(r"mlflow-artifacts:/+[^/]+/([^/]+)/artifacts(?:/(.*))?")
_MODEL_FILES: Final = re.compile(r"mlflow-artifacts:/+[^/]+/models/([^/]+)/artifacts/?")
_RUN_SOURCE: Final = re.compile(r"runs:/([^/]+)(?:/(.*))?")
_COPY_SOURCE: Final = re.compile(r"models:/([^/@]+)(?:/([0-9]{1,9})|/([A-Za-z]+)|@(.+))")


@dataclass(frozen=True)
class Registered:
    """What a client says of a version that it registers."""

    source: str
    run_id: str = ""
    run_link: str = ""
    model_id: str = ""
    description: str = ""


@dataclass(frozen=True)
class Folder:
    """A folder of a run that the caller may see."""

    run: Run
    access: Access
    path: str


@dataclass(frozen=True)
class Words:
    """A source that is nothing of ours; and the project and the run to which it is put down."""

    access: Access
    run: Run | None


def check_source(source: str) -> None:
    """Refuse what no server could have, or what leads elsewhere than it says.

    Raises INVALID_PARAMETER_VALUE.
    """
    if len(source) > MAX_SOURCE:
        raise invalid(f"'source' exceeds the maximum length of {MAX_SOURCE} characters.")
    clean_text(source, field="source", max_length=MAX_SOURCE, multiline=False)
    scheme = _SCHEME.match(source)
    if scheme is None or scheme[1].lower() == "file":
        raise invalid(
            f"Invalid model version source: '{source[:200]}'. To use a local path as a model "
            "version source, the run_id request parameter has to be specified and the local path "
            "has to be contained within the artifact directory of the run specified by the run_id."
        )
    plain = _decoded(source)
    path = plain.partition(":")[2]
    if any(part in (".", "..") for part in re.split(r"[/\\]", path)) or "\\" in path:
        raise invalid(
            f"Invalid model version source: '{source[:200]}'. If supplying a source as an http, "
            "https, local file path, ftp, or mlflow-artifacts uri, an absolute path must be "
            "provided without relative path references present. Please provide an absolute path."
        )
    try:
        urlsplit(plain)
    except ValueError:
        raise invalid(f"Invalid model version source: '{source[:200]}'.") from None


def register_version(
    *,
    collection: Collection,
    said: Registered,
    tags: Mapping[str, str],
    call: Call,
    access: Access,
) -> Version:
    """The next version of a registered model. `access` is to its team. Raises NotFound for a model
    or a version that is named as the source and is not there, Forbidden."""
    # By itself: sealing and linking take the same locks, each before its event.
    origin = _ready(_origin(said, call, access), collection, said, call, access)
    with transaction.atomic():
        version = _place(origin, collection, said, access)
        insert(
            Registration(
                version=version, source=said.source, run_id=said.run_id, run_link=said.run_link
            )
        )
        if tags:
            change_tags(tagged=version, put=tags, access=access)
    if version.artifact.made_by is not None:
        # Of a run that has ended already; one that goes on brings them at its end.
        record_training_results(run=version.artifact.made_by, access=access)
    return version


def _origin(said: Registered, call: Call, access: Access) -> ArtifactVersion | Folder | None:
    """What is behind a source, None where it is nothing of ours."""
    source = said.source
    if said.model_id:
        return _logged_model(said.model_id, call)
    if source.startswith(f"models:/{MODEL_ID_PREFIX}") and "/" not in source[8:]:
        return _logged_model(source[8:], call)
    if found := _MODEL_FILES.fullmatch(source):
        return _logged_model(found[1], call)
    if found := _COPY_SOURCE.fullmatch(source):
        return _copied(found, access)
    if found := _RUN_FILES.fullmatch(source):
        return Folder(*call.run(found[1]), _folder(found[2]))
    if found := _RUN_SOURCE.fullmatch(source):
        try:
            return Folder(*call.run(found[1]), _folder(found[2]))
        except NotFound:
            # mlflow takes any; one that is hidden is kept as text like one that never was.
            return None
    return None


def _logged_model(model_id: str, call: Call) -> ArtifactVersion:
    artifact, _access = call.model(model_id)
    if artifact.state != ArtifactState.SEALED:
        raise invalid(f"The logged model {model_id} is not ready: finish its upload first.")
    return artifact


def _copied(found: re.Match[str], access: Access) -> ArtifactVersion:
    name, number, word, alias = found.groups()
    if number is None:
        newest = _in_stage(word, name, access) if word else holder_of(alias, name, access)
        return Version.objects.select_related("artifact__project").get(pk=newest).artifact
    seen = versions_seen(access).filter(collection__name=name, number=int(number))
    version = seen.select_related("artifact__project").first()
    if version is None:
        raise NotFound(f"Model Version (name={name[:256]}, version={number}) not found")
    return version.artifact


def _in_stage(word: str, name: str, access: Access) -> int:
    """The newest version of a model, or the newest in a stage, by its key."""
    if word.lower() == LATEST:
        return holder_of(LATEST, name, access)
    stage = stage_name(word)
    model = model_named(name, access).pk
    found = newest_versions([model], access, [stage])[model]
    if not found:
        raise NotFound(f"No versions of model with name '{name[:256]}' and stage '{stage}' found")
    return found[0]


def _folder(path: str | None) -> str:
    try:
        return clean_below((path or "").strip("/"))
    except Invalid as error:
        raise invalid(f"Invalid model version source: {error.message}") from None


def _ready(
    origin: ArtifactVersion | Folder | None,
    collection: Collection,
    said: Registered,
    call: Call,
    access: Access,
) -> ArtifactVersion | Words:
    """What can get a number: a folder is sealed, unless it is empty, which mlflow takes too."""
    if isinstance(origin, ArtifactVersion):
        return origin
    if isinstance(origin, Folder):
        run = origin.run
        if not _is_ours(run, access):
            raise NotFound(f"Run '{run.key}' not found")
        try:
            return seal_run_files(
                run=run, folder=origin.path, name=collection.name, access=origin.access
            ).artifact
        except EmptyFolder:
            return Words(origin.access, run)
    if maker := _own_run(said.run_id, call, access):
        return Words(maker.access, maker.run)
    return Words(access.within(_default_project(access)), None)


def _place(
    origin: ArtifactVersion | Words, collection: Collection, said: Registered, access: Access
) -> Version:
    if isinstance(origin, Words):
        return _textual(origin, collection, said)
    standing = Version.objects.filter(collection=collection, artifact=origin, deleted_at=None)
    if standing.exists():
        return _copy(origin, collection, said, access)
    return link_version(
        artifact=origin, collection=collection, access=access, note=said.description
    )


def _textual(words: Words, collection: Collection, said: Registered) -> Version:
    """A version without files: its source is words."""
    return seal_at_once(
        type=MODEL,
        collection=collection,
        # What is sealed has to differ, or the same words would be the same version.
        metadata={"mlflow": {"source": said.source, "registration": new_hex()}},
        made_by=words.run,
        note=said.description,
        access=words.access,
    )


def _copy(
    origin: ArtifactVersion, collection: Collection, said: Registered, access: Access
) -> Version:
    """The same files and results once more, as an artifact version that can have a number too."""
    inside = access.within(origin.project)
    if origin.purged_at is not None:
        raise Conflict("The files of this artifact version were removed for good.")
    files = [
        FileSpec(
            path=file.path,
            digest=file.blob_id or "",
            reference=file.reference,
            reference_digest=file.reference_digest,
            reference_details=file.reference_details,
            size_bytes=file.size_bytes,
        )
        for file in origin.files.order_by("path")
    ]
    copied = {"mlflow_copy": {"of": origin.digest, "registration": new_hex()}}
    version = seal_at_once(
        type=MODEL,
        collection=collection,
        metadata=metadata_of(origin) | copied,
        files=files,
        made_by=origin.made_by,
        note=said.description,
        access=inside,
    )
    scores = [
        Score(
            metric=one.metric.name,
            value=float("nan") if one.value is None else one.value,
            golden_set=one.golden_set,
            n=one.n,
            stderr=one.stderr,
            low=one.low,
            high=one.high,
        )
        for one in current_results(origin)[:1_000]
    ]
    if scores:
        record_results(
            artifact=version.artifact, scores=scores, access=inside, source=Source.MLFLOW
        )
    return version


def _own_run(run_id: str, call: Call, access: Access) -> Folder | None:
    """The run that is named beside a source, if it is one of the team that the caller may see."""
    if not run_id:
        return None
    try:
        run, inside = call.run(run_id)
    except NotFound:
        return None
    return Folder(run, inside, "") if _is_ours(run, access) else None


def _is_ours(run: Run, access: Access) -> bool:
    return run.project.team_id == access.team.pk and run.project.deleted_at is None


def _default_project(access: Access) -> Project:
    ensure_default(access.team)
    row = Experiment.objects.select_related("project").get(team=access.team, is_default=True)
    return row.project


def _decoded(text: str) -> str:
    """What a text is once nothing in it is encoded any more; whoever passes it on may decode it."""
    for _ in range(10):
        later = unquote(text)
        if later == text:
            return text
        text = later
    raise invalid("Invalid model version source: it is encoded too often.")
