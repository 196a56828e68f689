"""Data sets that runs use, and with the models that they use and make, as the client reads them.

A data set is known in its project by name and digest; what is said of it the first time stays. In
lineage it is an artifact version of the type dataset, so that pages lead from it to its runs.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import transaction

from apps.accounts.models import User
from apps.artifacts.choices import DATASET, MODEL, Direction
from apps.artifacts.models import ArtifactVersion, Collection, RunArtifact
from apps.artifacts.services import (
    FileSpec,
    ensure_collection,
    note_use,
    seal_at_once,
)
from apps.core.errors import Conflict, Invalid
from apps.core.jsontext import dump, parse
from apps.core.prepared import Prepared
from apps.mlflow_api.call import Call
from apps.mlflow_api.models import Dataset, DatasetInput
from apps.mlflow_api.places import MODEL_ID_PREFIX
from apps.mlflow_api.wire import present
from apps.projects.access import Access, Action
from apps.projects.models import Project
from apps.runs.models import Run

# The tag that says what a data set is used as: training, evaluation.
CONTEXT: Final = "mlflow.data.context"
_LONGEST_REFERENCE: Final = 2_048
# What of a schema or profile is shown on the data set's page; the client gets them whole.
_LONGEST_SHOWN: Final = 20_000
_NO_NAME = re.compile(r"[^A-Za-z0-9_. -]+")


@dataclass(frozen=True)
class DatasetSaid:
    """What a client says of a data set, and as what the run uses it."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str = ""
    profile: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Inputs:
    """The data sets and models that one run used, and the models that it made."""

    datasets: list[dict[str, Any]] = field(default_factory=list)
    models_in: list[dict[str, Any]] = field(default_factory=list)
    models_out: list[dict[str, Any]] = field(default_factory=list)


def inputs_and_outputs(runs: Sequence[Run], call: Call) -> defaultdict[int, Inputs]:
    """What some runs used and made, as far as the caller may see it: two queries."""
    found: defaultdict[int, Inputs] = defaultdict(Inputs)
    keys = [run.pk for run in runs]
    for one in _USED.rows(keys):
        found[one.run_id].datasets.append(_message(one))
    for run, direction, step, key in _EDGES.rows(keys, call.user.pk):
        model_id = f"{MODEL_ID_PREFIX}{key}"
        if direction == Direction.USED:
            found[run].models_in.append({"model_id": model_id})
        else:
            found[run].models_out.append({"model_id": model_id, "step": step or 0})
    return found


_USED: Final = Prepared[DatasetInput](
    lambda runs: DatasetInput.objects.filter(run__in=runs).select_related("dataset").order_by("pk"),
    list,
)
# Models that runs used and made, where the user may see them.
_EDGES: Final = Prepared[Any](
    lambda runs, user: (
        RunArtifact.objects.filter(
            run__in=runs,
            artifact__type=MODEL,
            artifact__project__in=Project.with_deleted.visible_to(User(pk=user)).values("pk"),
        )
        .order_by("pk")
        .values_list("run_id", "direction", "step", "artifact__key")
    ),
    *(list, int),
)


@transaction.atomic
def log_datasets(*, run: Run, said: Sequence[DatasetSaid], access: Access) -> None:
    """Say that a run uses data sets. Saying it again adds the tags that are new."""
    access.require(Action.LOG)
    if not said:
        return
    # Held until the commit: of two clients that log one data set the second finds the first's.
    Project.objects.select_for_update(no_key=True).filter(pk=run.project_id).first()
    names = {one.name for one in said}
    known = {
        (one.name, one.digest): one
        for one in Dataset.objects.filter(project=run.project_id, name__in=names)
    }
    for one in said:
        place = (one.name, one.digest)
        if place not in known:
            known[place] = _create(one, run.project, access)
        _note_input(run, known[place], one.tags, access)


def _note_input(run: Run, dataset: Dataset, tags: Mapping[str, str], access: Access) -> None:
    row, is_new = DatasetInput.objects.get_or_create(
        run=run,
        dataset=dataset,
        defaults={"tags": dump(dict(tags)), "context": tags.get(CONTEXT, "")},
    )
    if not is_new:
        row.tags = dump({**parse(row.tags), **tags})
        row.context = row.context or tags.get(CONTEXT, "")
        row.save(update_fields=["tags", "context"])
    if dataset.artifact is not None:
        use_as = _one_line(tags.get(CONTEXT, ""))[:128]
        note_use(run=run, artifact=dataset.artifact, use_as=use_as, access=access)


def _create(said: DatasetSaid, project: Project, access: Access) -> Dataset:
    return Dataset.objects.create(
        project=project,
        name=said.name,
        digest=said.digest,
        source_type=said.source_type,
        source=said.source,
        schema=said.schema,
        profile=said.profile,
        artifact=_artifact(said, project, access),
    )


def _artifact(said: DatasetSaid, project: Project, access: Access) -> ArtifactVersion:
    """A sealed dataset whose only file is a reference to where the client has it."""
    facts = {
        "name": said.name,
        "digest": said.digest,
        "source_type": said.source_type,
        "source": said.source[:_LONGEST_SHOWN],
        "schema": said.schema[:_LONGEST_SHOWN],
        "profile": said.profile[:_LONGEST_SHOWN],
    }
    reference = FileSpec(
        path="source", reference=_reference(said), reference_digest=_one_line(said.digest)
    )
    return seal_at_once(
        type=DATASET,
        collection=_collection(said, project, access),
        metadata={"mlflow": present(facts)},
        files=[reference],
        access=access,
    ).artifact


def _reference(said: DatasetSaid) -> str:
    """Where the client says that the data are, as far as there is room: text, never opened."""
    text = said.source
    with suppress(Invalid):
        source = parse(text, allow_nonfinite=True) if text.startswith("{") else None
        if isinstance(source, dict):
            places = (source.get(name) for name in ("uri", "url", "path"))
            text = next((place for place in places if isinstance(place, str) and place), text)
    return _one_line(text)[:_LONGEST_REFERENCE].strip() or "unknown"


def _collection(said: DatasetSaid, project: Project, access: Access) -> Collection:
    """The line of versions of this data set; its name may be taken by a model, or in the bin."""
    for name in _names(said):
        with suppress(Conflict):
            return ensure_collection(name=name, type=DATASET, project=project, access=access)
    raise Conflict(f"There is no free name for the data set {said.name[:100]!r}.")


def _names(said: DatasetSaid) -> Iterator[str]:
    plain = _NO_NAME.sub("-", said.name)[:80].strip(" .-") or DATASET
    yield plain
    yield f"{plain}-data"
    yield f"{plain}-{_NO_NAME.sub('-', said.digest)}".strip(" .-")


def _message(used: DatasetInput) -> dict[str, Any]:
    dataset = used.dataset
    tags = parse(used.tags)
    return present(
        {
            "tags": [{"key": key, "value": value} for key, value in tags.items()],
            "dataset": present(
                {
                    "name": dataset.name,
                    "digest": dataset.digest,
                    "source_type": dataset.source_type,
                    "source": dataset.source,
                    "schema": dataset.schema,
                    "profile": dataset.profile,
                }
            ),
        }
    )


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
