"""Changing evaluations: marking golden sets, defining metrics, recording results.

Several clients bring results for the same models, data sets and metrics at one moment. Whoever
records any takes locks in this order: the artifact versions by primary key, golden sets that are
new, metrics that are new (making one waits for whoever makes the same one), then what the tables of
the registry take, and the chain of events last of all (audit.services.told_last).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.accounts.models import Team
from apps.artifacts.choices import ArtifactState
from apps.artifacts.models import ArtifactVersion, Version
from apps.artifacts.services import artifact_subject
from apps.audit.actors import Subject
from apps.audit.services import record
from apps.core.errors import Conflict, Invalid, NotFound
from apps.core.names import clean_key, clean_text, name_key
from apps.core.numbers import check_format
from apps.evaluations.choices import Better, Source
from apps.evaluations.examples import ExampleScore, save_examples
from apps.evaluations.models import GoldenSet, MetricDefinition, Result
from apps.evaluations.signals import results_recorded
from apps.projects.access import Access, Action
from apps.runs.models import Run

MAX_RESULTS_AT_ONCE = 1_000
# What is longer is cut: the digest tells two data sets apart, and has to fit beside it.
MAX_DATASET_NAME = 180

# Guesses for a metric that nobody has defined; curators correct them. Longest match decides.
_LOWER = ("loss", "error", "rmse", "mae", "mse", "perplexity", "latency", "brier", "wer", "cer")
_HIGHER = ("accuracy", "acc", "f1", "auc", "precision", "recall", "bleu", "rouge", "r2", "iou")


class GoldenSetExists(Conflict):
    """The team has a golden set of this name, or has marked this data already."""


@dataclass(frozen=True)
class Score:
    """One number that an artifact version got.

    `value` may be NaN. Either `stderr` (standard error of the mean over n examples) or the bounds
    `low` and `high` of an interval may be given, or neither.
    """

    metric: str
    value: float
    golden_set: GoldenSet | None = None
    n: int | None = None
    stderr: float | None = None
    low: float | None = None
    high: float | None = None
    examples: Sequence[ExampleScore] = ()


@transaction.atomic
def mark_golden_set(
    *,
    name: str,
    access: Access,
    title: str = "",
    artifact: ArtifactVersion | None = None,
    digest: str = "",
    example_count: int | None = None,
    description: str = "",
    at: datetime | None = None,
) -> GoldenSet:
    """Mark a data set version for evaluation. Raises GoldenSetExists."""
    access.require(Action.CURATE)
    if artifact is not None:
        access.within(artifact.project)
        if artifact.state != ArtifactState.SEALED:
            raise Conflict("Only a sealed artifact version can be a golden set.")
        digest = artifact.digest
    golden_set = _new_golden_set(
        access.team,
        name=clean_key(name, field="name", max_length=255, what="name of a golden set"),
        title=clean_text(title, field="title", max_length=128, multiline=False),
        artifact=artifact,
        digest=digest,
        example_count=example_count,
        description=clean_text(description, field="description", max_length=20_000),
        access=access,
        at=at,
    )
    record(
        kind="golden_set.marked",
        actor=access.actor,
        subjects=[golden_set_subject(golden_set)]
        + ([artifact_subject(artifact)] if artifact else []),
        team_id=access.team.pk,
        after={"name": golden_set.name, "digest": golden_set.digest, "n": example_count},
        at=at,
    )
    return golden_set


def ensure_golden_sets(*, versions: Iterable[Version], access: Access) -> dict[int, GoldenSet]:
    """The golden set of each of these data set versions, by the primary key of the version."""
    ordered = sorted({one.pk: one for one in versions}.values(), key=lambda one: one.artifact_id)
    return {one.pk: ensure_golden_set(version=one, access=access) for one in ordered}


@transaction.atomic
def ensure_golden_set(*, version: Version, access: Access) -> GoldenSet:
    """The golden set of a data set version, marked under its name and number where it is none yet.

    Whoever may log makes one this way: training code brings its results before a curator comes.
    """
    access.require(Action.LOG)
    access.within(version.artifact.project)
    standing = GoldenSet.objects.filter(team=access.team, artifact=version.artifact)
    name = f"{version.collection.name}:v{version.number}"
    # Another project of the team may have a data set of this name.
    for candidate in (name, f"{version.artifact.project.name}/{name}", version.artifact.digest):
        if golden_set := standing.first():
            return golden_set
        try:
            golden_set = _new_golden_set(
                access.team,
                name=candidate,
                title=candidate[:128],
                artifact=version.artifact,
                digest=version.artifact.digest,
                example_count=None,
                description="",
                access=access,
                at=None,
            )
        except GoldenSetExists:
            continue
        record(
            kind="golden_set.marked",
            actor=access.actor,
            subjects=[golden_set_subject(golden_set), artifact_subject(version.artifact)],
            team_id=access.team.pk,
            after={"name": golden_set.name, "digest": golden_set.digest, "n": None},
        )
        return golden_set
    return standing.get()


def named_golden_sets(
    *, places: Iterable[tuple[str, str]], access: Access
) -> dict[tuple[str, str], GoldenSet]:
    """The golden set of each of these data sets, by its name and digest."""
    ordered = sorted(set(places))
    return {one: named_golden_set(name=one[0], digest=one[1], access=access) for one in ordered}


@transaction.atomic
def named_golden_set(*, name: str, digest: str, access: Access) -> GoldenSet:
    """The golden set of a data set that a client knows by name and digest, made where it is none.

    Two data sets of one name are two golden sets: the later one has its digest in the name.
    Whoever may log makes one this way: training code brings its results before a curator comes.
    """
    access.require(Action.LOG)
    name = clean_key(name[:MAX_DATASET_NAME], field="dataset_name", what="name of a data set")
    digest = clean_text(digest, field="dataset_digest", max_length=64, multiline=False)
    for candidate in (name, f"{name} ({digest})"):
        # Made by somebody else at this moment is as good as made here.
        for _attempt in range(2):
            found = GoldenSet.objects.filter(team=access.team, name_key=name_key(candidate)).first()
            if found is None:
                found = _marked_by_name(candidate, digest, access)
            if found is not None:
                break
        if found is not None and found.digest == digest:
            return found
    raise GoldenSetExists(f"There is a golden set {candidate!r} with another digest already.")


def _marked_by_name(name: str, digest: str, access: Access) -> GoldenSet | None:
    try:
        golden_set = _new_golden_set(
            access.team,
            name=name,
            title=name[:128],
            artifact=None,
            digest=digest,
            example_count=None,
            description="",
            access=access,
            at=None,
        )
    except GoldenSetExists:
        return None
    record(
        kind="golden_set.marked",
        actor=access.actor,
        subjects=[golden_set_subject(golden_set)],
        team_id=access.team.pk,
        after={"name": golden_set.name, "digest": golden_set.digest, "n": None},
    )
    return golden_set


@transaction.atomic
def describe_golden_set(
    *,
    golden_set: GoldenSet,
    title: str,
    description: str,
    example_count: int | None,
    access: Access,
) -> GoldenSet:
    """Say what a golden set is called, how large it is and what it holds. One event, if any."""
    locked = _locked_golden_set(golden_set, access)
    _check_example_count(example_count)
    wanted = {
        "title": clean_text(title, field="title", max_length=128, multiline=False) or locked.name,
        "description": clean_text(description, field="description", max_length=20_000),
        "example_count": example_count,
    }
    before = {name: getattr(locked, name) for name in wanted}
    changed = [name for name in wanted if wanted[name] != before[name]]
    if not changed:
        return locked
    for name in changed:
        setattr(locked, name, wanted[name])
    locked.save(update_fields=changed)
    record(
        kind="golden_set.described",
        actor=access.actor,
        subjects=[golden_set_subject(locked)],
        team_id=access.team.pk,
        before={name: before[name] for name in changed},
        after={name: wanted[name] for name in changed},
    )
    return locked


@transaction.atomic
def retire_golden_set(
    *, golden_set: GoldenSet, access: Access, reason: str = "", at: datetime | None = None
) -> GoldenSet:
    """Say that a golden set is no longer what models are measured by. Retiring again is no change.

    Its results stay where they are, and clients may still record some: nothing that training code
    sends is lost.
    """
    locked = _locked_golden_set(golden_set, access)
    if locked.retired_at is None:
        _set_retired(locked, at or timezone.now(), "golden_set.retired", access, reason)
    return locked


@transaction.atomic
def bring_back_golden_set(*, golden_set: GoldenSet, access: Access, reason: str = "") -> GoldenSet:
    """Undo a retirement. A golden set that is in use is left as it is."""
    locked = _locked_golden_set(golden_set, access)
    if locked.retired_at is not None:
        _set_retired(locked, None, "golden_set.brought_back", access, reason)
    return locked


@transaction.atomic
def define_metric(
    *,
    name: str,
    access: Access,
    title: str | None = None,
    better: Better | None = None,
    format: str | None = None,
    description: str | None = None,
) -> MetricDefinition:
    """Say what a metric is called, which way it improves and how it is written."""
    access.require(Action.CURATE)
    known = MetricDefinition.objects.filter(team=access.team, name_key=name_key(name))
    is_new = not known.exists()
    metric = ensure_metric(team=access.team, name=name)
    # Locked, and only what was asked for is saved: two curators do not undo each other.
    metric = MetricDefinition.objects.select_for_update(no_key=True).get(pk=metric.pk)
    wanted: dict[str, str] = {}
    if title is not None:
        title = clean_text(title, field="title", max_length=128, multiline=False).strip()
        wanted["title"] = title or metric.name[:128]
    if better is not None:
        wanted["better"] = str(better)
    if format is not None:
        wanted["format"] = check_format(format)
    if description is not None:
        wanted["description"] = clean_text(description, field="description", max_length=20_000)
    changed = {name: value for name, value in wanted.items() if value != getattr(metric, name)}
    if not changed and not is_new:
        return metric
    before = {name: getattr(metric, name) for name in changed}
    for field, value in changed.items():
        setattr(metric, field, value)
    metric.save(update_fields=list(changed))
    record(
        kind="metric.defined",
        actor=access.actor,
        subjects=[Subject("metric", metric.pk, metric.name)],
        team_id=access.team.pk,
        before=_told(before),
        after=_told(changed),
    )
    return metric


def _told(values: Mapping[str, str]) -> dict[str, Any]:
    """A description is long, and the event would keep it for ever: only that it changed is told."""
    return {name: "…" if name == "description" else value for name, value in values.items()}


@transaction.atomic
def record_results(
    *,
    artifact: ArtifactVersion,
    scores: Sequence[Score],
    access: Access,
    source: Source,
    run: Run | None = None,
    at: datetime | None = None,
) -> list[Result]:
    """Record what an artifact version scored, all or nothing, as one event.

    A newer result for the same metric and golden set takes the place of the older, which stays in
    the history. Unknown metrics are defined with guessed directions. Raises Invalid.
    """
    access.require(Action.LOG)
    access.within(artifact.project)
    if artifact.state != ArtifactState.SEALED:
        raise Conflict("Only a sealed artifact version can be evaluated.")
    if not 0 < len(scores) <= MAX_RESULTS_AT_ONCE:
        raise Invalid(f"Send 1 to {MAX_RESULTS_AT_ONCE} results at once.", field="results")
    now = at or timezone.now()
    for score in scores:
        _check(score)
    lock_for_results([artifact.pk])
    metrics = ensure_metrics(team=access.team, names=[score.metric for score in scores])
    results = []
    for score in scores:
        metric = metrics[score.metric]
        Result.objects.filter(
            artifact=artifact, metric=metric, golden_set=score.golden_set, is_current=True
        ).update(is_current=False)
        result = Result.objects.create(
            artifact=artifact,
            metric=metric,
            golden_set=score.golden_set,
            value=None if math.isnan(score.value) else score.value,
            stderr=score.stderr,
            low=score.low,
            high=score.high,
            n=score.n,
            run=run,
            source=source,
            created_by=access.user,
            created_at=now,
        )
        if score.examples:
            save_examples(result, score.examples)
        results.append(result)
    results_recorded.send(sender=Result, artifact=artifact, results=results)
    record(
        kind="results.recorded",
        actor=access.actor,
        subjects=[artifact_subject(artifact)]
        + [golden_set_subject(one) for one in _golden_sets(scores)],
        team_id=access.team.pk,
        project_id=artifact.project_id,
        after={
            "results": [
                {
                    "metric": score.metric,
                    "golden_set": score.golden_set.name if score.golden_set else None,
                    "value": score.value,
                    "n": score.n,
                }
                for score in scores
            ]
        },
        at=at,
    )
    return results


def lock_for_results(artifacts: Iterable[int]) -> None:
    """One writer at a time for one artifact version, so that "the current one" is a fact."""
    held = ArtifactVersion.objects.select_for_update(no_key=True).filter(pk__in=list(artifacts))
    list(held.order_by("pk").values_list("pk"))


def ensure_metrics(*, team: Team, names: Iterable[str]) -> dict[str, MetricDefinition]:
    """The team's metrics of these names, by the name as it is given."""
    ordered = sorted(set(names), key=name_key)
    return {name: ensure_metric(team=team, name=name) for name in ordered}


def ensure_metric(*, team: Team, name: str) -> MetricDefinition:
    """The team's metric of that name, defined with guesses when it is new."""
    name = clean_key(name, field="metric", max_length=255, what="metric name")
    metric, _ = MetricDefinition.objects.get_or_create(
        team=team,
        name_key=name_key(name),
        defaults={"name": name, "title": _title(name)[:128], "better": guess_direction(name)},
    )
    return metric


def guess_direction(name: str) -> Better:
    """Which way a metric improves, as its name suggests."""
    words = name.lower().replace("/", "_").replace("-", "_").replace(".", "_").split("_")
    if any(word in _HIGHER for word in words):
        return Better.HIGHER
    if any(word.endswith(_LOWER) for word in words):
        return Better.LOWER
    return Better.NEITHER


def golden_set_subject(golden_set: GoldenSet) -> Subject:
    return Subject("golden_set", golden_set.pk, golden_set.name)


def _locked_golden_set(golden_set: GoldenSet, access: Access) -> GoldenSet:
    """The golden set for a change by somebody who may. Raises NotFound, Forbidden."""
    access.require(Action.CURATE)
    found = GoldenSet.objects.select_related("artifact__project").filter(team=access.team)
    locked = found.select_for_update(of=("self",), no_key=True).filter(pk=golden_set.pk).first()
    if locked is None:
        raise NotFound("There is no such golden set here.")
    if locked.artifact is not None:
        access.within(locked.artifact.project)
    return locked


def _set_retired(
    golden_set: GoldenSet, moment: datetime | None, kind: str, access: Access, reason: str
) -> None:
    reason = clean_text(reason, field="reason", max_length=4_000)
    golden_set.retired_at = moment
    golden_set.save(update_fields=["retired_at"])
    record(
        kind=kind,
        actor=access.actor,
        subjects=[golden_set_subject(golden_set)],
        team_id=access.team.pk,
        after={"name": golden_set.name},
        reason=reason,
    )


def _check_example_count(count: int | None) -> None:
    if count is not None and not 0 < count < 2**31:
        raise Invalid("The number of examples is at least 1.", field="example_count")


def _title(name: str) -> str:
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def _check(score: Score) -> None:
    if score.stderr is not None and not (math.isfinite(score.stderr) and score.stderr >= 0):
        raise Invalid("A standard error is a finite number and not negative.", field="stderr")
    if (score.low is None) != (score.high is None):
        raise Invalid("An interval has both low and high.", field="low")
    if score.low is not None and score.high is not None and not score.low <= score.high:
        raise Invalid("The interval's low is above its high.", field="low")
    if score.n is not None and not 0 < score.n < 2**53:
        raise Invalid("n is the number of examples, at least 1.", field="n")


def _golden_sets(scores: Sequence[Score]) -> list[GoldenSet]:
    return list(
        {score.golden_set.pk: score.golden_set for score in scores if score.golden_set}.values()
    )


def _new_golden_set(
    team: Team,
    *,
    name: str,
    title: str,
    artifact: ArtifactVersion | None,
    digest: str,
    example_count: int | None,
    description: str,
    access: Access,
    at: datetime | None,
) -> GoldenSet:
    _check_example_count(example_count)
    try:
        with transaction.atomic():
            return GoldenSet.objects.create(
                team=team,
                name=name,
                name_key=name_key(name),
                title=title or name,
                artifact=artifact,
                digest=digest,
                example_count=example_count,
                description=description,
                created_by=access.user,
                created_at=at or timezone.now(),
            )
    except IntegrityError as error:
        raise GoldenSetExists(
            f"There is a golden set {name!r} already, or this data is marked under another name."
        ) from error
