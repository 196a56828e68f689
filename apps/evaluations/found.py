"""Results that nobody sent as such: found in what W&B's client logs.

Two spellings are read. A numeric entry `mnist_ds:v0-ce_loss` in the metadata of an artifact version
is its `ce_loss` on that version of the data set; and when a run that used one model and one data
set ends, the numbers of its summary are that model's on that data set.

The part behind the colon is the number of a version, a word for one (an alias: a status label, or
`latest`), or the beginning of its digest. A word moves on, so what it meant when the entry was
written is kept (`FoundScore`) and holds until the entry gets another value.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import F, Q, QuerySet

from apps.artifacts.choices import Direction
from apps.artifacts.models import (
    ArtifactVersion,
    Collection,
    LabelHolding,
    RunArtifact,
    Version,
)
from apps.artifacts.queries import first_places, metadata_of, versions_of
from apps.audit.services import told_last
from apps.core.errors import Invalid, NotFound
from apps.core.jsontext import number
from apps.core.names import clean_key, name_key
from apps.evaluations.choices import Source
from apps.evaluations.models import FoundScore, Result
from apps.evaluations.queries import current_results
from apps.evaluations.services import (
    Score,
    ensure_golden_sets,
    lock_for_results,
    record_results,
)
from apps.projects.access import Access, Action
from apps.runs.choices import OPEN_STATES
from apps.runs.models import Run

# Of one change; an entry beyond these is no result, just as one that cannot be read.
MAX_FOUND = 200
MAX_KEY = 512
MAX_METRIC = 255
MODEL = "model"
# The shortest beginning of a digest that is taken for one.
_DIGEST = re.compile(r"[0-9a-f]{8,64}")
_NUMBER = re.compile(r"v(0|[1-9][0-9]{0,8})")


@dataclass(frozen=True)
class Entry:
    """A metadata entry that may be a result: the name of a collection (perhaps with its project),
    and what stands behind the colon."""

    key: str
    name: str
    rest: str
    value: float

    def readings(self) -> Iterator[tuple[str, str]]:
        """Each way to read `rest` as a word and a metric, the longest word first: both may have
        dashes."""
        for at in range(len(self.rest) - 1, 0, -1):
            if self.rest[at] == "-" and at < len(self.rest) - 1:
                yield self.rest[:at], self.rest[at + 1 :]


@dataclass(frozen=True)
class Meaning:
    """What an entry says: a metric on a data set version, and the run that used both, if any."""

    metric: str
    dataset: Version
    run: Run | None = None


def on_metadata_changed(*, artifact: ArtifactVersion, access: Access, **_: object) -> None:
    """Record the results that the metadata name and that were not there before."""
    entries = _entries(metadata_of(artifact))
    if not entries:
        return
    known = {
        one.key: one.result
        for one in FoundScore.objects.filter(artifact=artifact, key__in=entries).select_related(
            "result"
        )
    }
    meanings = {
        key: meaning
        for key, entry in entries.items()
        if not (key in known and _same(known[key].value, entry.value))
        and (meaning := _meaning(entry, artifact, access)) is not None
    }
    scores: dict[Run | None, dict[str, Score]] = defaultdict(dict)
    with told_last():
        datasets = [meaning.dataset for meaning in meanings.values()]
        golden_sets = ensure_golden_sets(versions=datasets, access=access)
        for key, meaning in meanings.items():
            score = Score(meaning.metric, entries[key].value, golden_sets[meaning.dataset.pk])
            scores[meaning.run][key] = score
        for run, by_key in scores.items():
            for key, result in _record(artifact, by_key, access, run).items():
                FoundScore.objects.update_or_create(
                    artifact=artifact, key=key, defaults={"result": result}
                )


def on_run_summarized(*, run: Run, access: Access, **_: object) -> None:
    """Record the summary of a run that has ended as results of the model that it used.

    Not where the run has sent results as such: then its summary only says the same again.
    """
    if Result.objects.filter(run=run).exclude(source=Source.WANDB).exists():
        return
    used = [
        edge.artifact
        for edge in run.artifact_edges.filter(direction=Direction.USED).select_related(
            "artifact__project__team"
        )
    ]
    models = [one for one in used if one.type == MODEL]
    datasets = [one for one in used if "data" in one.type.lower()]
    if len(models) != 1 or len(datasets) != 1:
        return
    place = first_places([datasets[0].pk], None).get(datasets[0].pk)
    values = _summary(run)
    if place is None or not values:
        return
    try:
        allowed = access.within(models[0].project)
        access.within(datasets[0].project)
    except NotFound:
        return
    if allowed.allows(Action.LOG):
        with told_last():
            lock_for_results([models[0].pk])
            golden_set = ensure_golden_sets(versions=[place], access=access)[place.pk]
            scores = {key: Score(key, value, golden_set) for key, value in values.items()}
            _record(models[0], scores, allowed, run)


def on_artifact_used(*, run: Run, access: Access, **_: object) -> None:
    """A use that is only told after the run has ended counts as well."""
    if Run.objects.filter(pk=run.pk).exclude(state__in=OPEN_STATES).exists():
        on_run_summarized(run=run, access=access)


def _entries(metadata: Mapping[str, object]) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for key, value in metadata.items():
        name, colon, rest = key.partition(":")
        if not (name and colon and "-" in rest[1:-1]) or len(key) > MAX_KEY:
            continue
        try:
            found[key] = Entry(key, name, rest, number(value, key))
        except Invalid:
            continue
        if len(found) == MAX_FOUND:
            break
    return found


def _summary(run: Run) -> dict[str, float]:
    """The numbers of a summary by metric. Not what the client keeps for itself (`_runtime`), and
    nothing from inside an image or a table, whose width is no result."""
    rows = run.summary.order_by("key")
    objects = {row.key.removesuffix("_type") for row in rows if row.key.endswith("._type")}
    values: dict[str, float] = {}
    for row in rows:
        is_inside = any(row.key.startswith(prefix) for prefix in objects)
        if row.key.startswith("_") or is_inside or not _is_metric(row.key):
            continue
        if row.number is not None and row.text not in ("true", "false"):
            values[row.key] = row.number
        elif row.text in ("NaN", '"NaN"'):
            values[row.key] = math.nan
        if len(values) == MAX_FOUND:
            break
    return values


def _meaning(entry: Entry, artifact: ArtifactVersion, access: Access) -> Meaning | None:
    """What an entry says, or None where no data set version is named that way."""
    collection = _collection(entry.name, artifact, access)
    if collection is None:
        return None
    versions = versions_of(collection, access.user)
    used = _used_with(artifact, collection)
    readings = [(word, metric) for word, metric in entry.readings() if _is_metric(metric)]
    for word, metric in readings:
        if exact := _exact(versions, word):
            return Meaning(metric, exact, _run_of(used, exact))
        if meant := _meant(versions, word):
            meant = _as_used(versions, meant, used)
            return Meaning(metric, meant, _run_of(used, meant))
    # A word that means nothing any more: what a run used under it is still known.
    if not (used and readings):
        return None
    last = versions.filter(artifact=used[0].artifact_id).first()
    return Meaning(readings[-1][1], last, used[0].run) if last else None


def _collection(name: str, artifact: ArtifactVersion, access: Access) -> Collection | None:
    """The collection of that name in the project of the model, or in the one that the name says,
    else in the team's registry; None where the caller sees none."""
    *places, name = name.split("/")
    if len(places) > 2 or (len(places) == 2 and name_key(places[0]) != access.team.name_key):
        return None
    seen = Collection.objects.all()
    if access.user is not None:
        seen = seen.visible_to(access.user)
    here = Q(project__name_key=name_key(places[-1])) if places else Q(project=artifact.project_id)
    found = (
        seen.filter(here | Q(project=None), team=access.team, name_key=name_key(name))
        .exclude(type=MODEL)
        .order_by(F("project").asc(nulls_last=True), "pk")
    )
    first: Collection | None = found.first()
    return first


def _exact(versions: QuerySet[Version], word: str) -> Version | None:
    """The version with this number, or with a digest that begins so."""
    if numbered := _NUMBER.fullmatch(word):
        return versions.filter(number=int(numbered[1])).first()
    if _DIGEST.fullmatch(word):
        return versions.filter(artifact__digest__startswith=word).order_by("-number").first()
    return None


def _meant(versions: QuerySet[Version], word: str) -> Version | None:
    """The version that the word means now."""
    newest_first = versions.order_by("-number")
    if word == "latest":
        return newest_first.first()
    holders = LabelHolding.objects.standing().filter(label_key=name_key(word), is_stage=False)
    return newest_first.filter(pk__in=holders.values("version")).first()


def _used_with(artifact: ArtifactVersion, collection: Collection) -> list[RunArtifact]:
    """Which versions of the data set were used by runs that used the model, the last use first."""
    uses = RunArtifact.objects.filter(direction=Direction.USED)
    return list(
        uses.filter(
            run__in=uses.filter(artifact=artifact).values("run"),
            artifact__versions__collection=collection,
            artifact__versions__deleted_at=None,
        )
        .select_related("run")
        .order_by("-at", "-pk")[:MAX_FOUND]
    )


def _as_used(versions: QuerySet[Version], meant: Version, used: Sequence[RunArtifact]) -> Version:
    """What a run used is what was meant: the version that the word means now, if a run used that
    one, else the one that was used last."""
    if not used or meant.artifact_id in {edge.artifact_id for edge in used}:
        return meant
    return versions.filter(artifact=used[0].artifact_id).first() or meant


def _run_of(used: Sequence[RunArtifact], version: Version) -> Run | None:
    """The last run that used the version together with the model."""
    return next((edge.run for edge in used if edge.artifact_id == version.artifact_id), None)


def _record(
    artifact: ArtifactVersion, scores: Mapping[str, Score], access: Access, run: Run | None
) -> dict[str, Result]:
    """Record what is new among the scores; the result that stands for each, by key."""
    current = {
        (name_key(one.metric.name), one.golden_set_id): one for one in current_results(artifact)
    }
    standing: dict[str, Result] = {}
    wanted: dict[str, Score] = {}
    for key, score in scores.items():
        golden_set = score.golden_set.pk if score.golden_set else None
        former = current.get((name_key(score.metric), golden_set))
        if former is not None and _same(former.value, score.value):
            standing[key] = former
        else:
            wanted[key] = score
    if wanted:
        results = record_results(
            artifact=artifact,
            scores=list(wanted.values()),
            access=access,
            source=Source.WANDB,
            run=run,
        )
        standing |= dict(zip(wanted, results, strict=True))
    return standing


def _is_metric(name: str) -> bool:
    try:
        clean_key(name, field="metric", max_length=MAX_METRIC)
    except Invalid:
        return False
    return True


def _same(former: float | None, value: float) -> bool:
    """Whether a kept value, which is None for NaN, is this one."""
    return math.isnan(value) if former is None else former == value
