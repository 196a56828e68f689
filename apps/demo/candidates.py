"""One candidate of the story: train it, log it as a version, evaluate it.

Computing comes first and writing after it, in one transaction for each run: a run is there whole or
not at all, so a load that was killed goes on where it was.
"""

import math
import platform
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings as django_settings
from django.db import transaction

from apps.artifacts.choices import MODEL
from apps.artifacts.models import Version
from apps.artifacts.services import note_use
from apps.demo.evaluation import Evaluation
from apps.demo.files import history_table, model_card, weights_file
from apps.demo.measuring import Meter, code_version
from apps.demo.network import Epoch, Network, Settings, Training
from apps.demo.scene import ACCURACY, LOSS, Scene, keep_files, log_artifact
from apps.demo.story import COLLECTION, ENGINEER, GROUP, Candidate
from apps.evaluations.choices import Source
from apps.evaluations.examples import ExampleScore
from apps.evaluations.services import Score, record_results
from apps.projects.access import Access
from apps.runs.choices import Stream
from apps.runs.models import Run
from apps.runs.services import (
    Line,
    RunDescription,
    finish_run,
    log_console,
    log_points,
    start_run,
)
from apps.series.choices import SeriesKind
from apps.series.services import Batch, ObjectValue

# A validation loss that has risen by this much since its best is worth a note.
RISEN = 1.15


@dataclass(frozen=True)
class Reading:
    """An epoch with the seconds since the start at its end, and the machine's figures."""

    epoch: Epoch
    seconds: float
    machine: dict[str, float]


@dataclass
class Trained:
    """What came out of training. `failure` is the traceback of one that broke off."""

    settings: Settings
    network: Network
    readings: list[Reading]
    seconds: float
    failure: str = ""

    @property
    def epochs(self) -> list[Epoch]:
        return [reading.epoch for reading in self.readings]


def train(scene: Scene, candidate: Candidate) -> Trained:
    """Train for real, measuring. What goes wrong in training is part of the story."""
    parts = scene.data.split
    meter = Meter()
    training = Training(candidate.settings, parts.training, parts.validation)
    trained = Trained(candidate.settings, training.network, [], 0.0)
    try:
        for epoch in training.epochs():
            trained.readings.append(Reading(epoch, meter.elapsed, meter.read()))
    except IndexError as error:
        trained.failure = _traceback(error)
    trained.seconds = meter.elapsed
    return trained


def log_training(
    scene: Scene, candidate: Candidate, key: str, trained: Trained, at: datetime
) -> Version:
    """Log a training run that finished, with its curves and the version that it made."""
    files = keep_files(
        scene.project,
        {
            "model.safetensors": weights_file(trained.network),
            "model.json": model_card(trained.settings, trained.network),
            "history.csv": history_table(trained.epochs),
        },
    )
    end = at + timedelta(seconds=trained.seconds)
    access = scene.access(ENGINEER)
    with transaction.atomic():
        run = start_training(scene, candidate, key, access, at)
        log_readings(run, access, trained.readings, at)
        _log_lines(run, access, [describe(epoch, candidate.settings) for epoch in trained.epochs])
        version = log_artifact(
            access=access,
            collection=COLLECTION,
            type=MODEL,
            files=files,
            metadata=_metadata(candidate, trained),
            description=candidate.question,
            note=note_on(trained.epochs),
            run=run,
            at=end,
        )
        finish_run(run=run, access=access, exit_code=0, summary=_summary(trained), at=end)
    return version


def log_crash(scene: Scene, candidate: Candidate, key: str, trained: Trained, at: datetime) -> None:
    """Log a training run whose process died: it never said goodbye, and fell silent."""
    end = at + timedelta(seconds=trained.seconds)
    access = scene.access(ENGINEER)
    with transaction.atomic():
        run = start_training(scene, candidate, key, access, at)
        lines = [describe(epoch, candidate.settings) for epoch in trained.epochs]
        _log_lines(run, access, lines, errors=trained.failure.splitlines())
        # Last, because this is when it was heard of last.
        log_readings(run, access, trained.readings, at, heard_at=end)


def log_evaluation(
    scene: Scene,
    candidate: Candidate,
    key: str,
    version: Version,
    evaluations: dict[str, Evaluation],
    at: datetime,
    end: datetime,
) -> None:
    """Log an evaluation run with its results example by example."""
    access = scene.access(ENGINEER)
    on = " and ".join(evaluations)
    run = start_run(
        description=RunDescription(
            key=key,
            name=f"evaluate {candidate.name} on {on}",
            group=GROUP,
            job_type="evaluation",
            host=platform.node(),
            config={"version": version.number, "golden_sets": list(evaluations)},
            code=code_version(),
        ),
        access=access,
        at=at,
    )
    note_use(run=run, artifact=version.artifact, access=access, use_as="model", at=at)
    note_use(run=run, artifact=scene.code, access=access, use_as="code", at=at)
    for title in evaluations:
        golden_set = scene.golden_sets[title]
        if golden_set.artifact is not None:
            note_use(
                run=run, artifact=golden_set.artifact, access=access, use_as="golden set", at=at
            )
    _log_lines(run, access, [_result_line(title, one) for title, one in evaluations.items()])
    log_points(
        run=run,
        access=access,
        objects=[
            ObjectValue(
                f"confusion @ {title}",
                0,
                end.timestamp(),
                found.confusion(scene.data.golden[title].examples.labels),
            )
            for title, found in evaluations.items()
        ],
        at=end,
    )
    record_results(
        artifact=version.artifact,
        scores=_scores(scene, evaluations),
        access=access,
        source=Source.DEMO,
        run=run,
        at=end,
    )
    finish_run(run=run, access=access, exit_code=0, summary=_means(evaluations), at=end)


def start_training(
    scene: Scene, candidate: Candidate, key: str, access: Access, at: datetime | None
) -> Run:
    """Begin a training run and say what it uses."""
    settings = candidate.settings
    tags = ["network" if settings.hidden else "logistic"]
    if settings.augmentation is not None:
        tags.append("augmented")
    run = start_run(
        description=RunDescription(
            key=key,
            name=candidate.name,
            group=GROUP,
            job_type="training",
            notes=candidate.question,
            host=platform.node(),
            config=settings.as_config(),
            tags=dict.fromkeys(tags, ""),
            code=code_version(),
        ),
        access=access,
        at=at,
    )
    note_use(run=run, artifact=scene.training_data, access=access, use_as="training data", at=at)
    note_use(run=run, artifact=scene.code, access=access, use_as="code", at=at)
    return run


def log_readings(
    run: Run,
    access: Access,
    readings: Sequence[Reading],
    start: datetime,
    *,
    heard_at: datetime | None = None,
) -> None:
    """Log the curves and the machine's figures of some epochs."""
    steps = [reading.epoch.number for reading in readings]
    times = [start.timestamp() + reading.seconds for reading in readings]
    epochs = [reading.epoch for reading in readings]
    curves = {
        "train/loss": [epoch.training_loss for epoch in epochs],
        "train/accuracy": [epoch.training_accuracy for epoch in epochs],
        "validation/loss": [epoch.validation_loss for epoch in epochs],
        "validation/accuracy": [epoch.validation_accuracy for epoch in epochs],
        "learning_rate": [epoch.learning_rate for epoch in epochs],
    }
    machine = {
        name: [reading.machine[name] for reading in readings]
        for name in (readings[0].machine if readings else {})
    }
    for kind, columns in ((SeriesKind.SYSTEM, machine), (SeriesKind.METRIC, curves)):
        batches = [Batch(name, steps, times, values) for name, values in columns.items()]
        log_points(run=run, access=access, batches=batches, kind=kind, at=heard_at or start)


def describe(epoch: Epoch, settings: Settings) -> str:
    """The console line of an epoch."""
    return (
        f"epoch {epoch.number}/{settings.epochs}  rate {epoch.learning_rate:.4g}  "
        f"loss {epoch.training_loss:.4g}  accuracy {epoch.training_accuracy:.3f}  "
        f"validation loss {epoch.validation_loss:.4g}  "
        f"accuracy {epoch.validation_accuracy:.3f}"
    )


def note_on(epochs: Sequence[Epoch]) -> str:
    """What somebody who looks at the curves would write down, if anything."""
    broken = next((one for one in epochs if not math.isfinite(one.training_loss)), None)
    if broken is not None:
        return (
            f"Diverged at a learning rate of {broken.learning_rate:.3g}: "
            f"the training loss is not a number from epoch {broken.number} on."
        )
    best, last = min(epochs, key=lambda one: one.validation_loss), epochs[-1]
    if last.validation_loss > RISEN * best.validation_loss:
        return (
            f"The validation loss was lowest in epoch {best.number} ({best.validation_loss:.4f}) "
            f"and rose to {last.validation_loss:.4f} by epoch {last.number}: "
            "fewer epochs may do."
        )
    return ""


def _metadata(candidate: Candidate, trained: Trained) -> dict[str, object]:
    last = trained.epochs[-1]
    return {
        **candidate.settings.as_config(),
        "parameters": trained.network.parameter_count,
        "final_training_loss": last.training_loss,
        "final_validation_loss": last.validation_loss,
    }


def _summary(trained: Trained) -> dict[str, object]:
    finite = [one for one in trained.epochs if math.isfinite(one.validation_loss)]
    best = min(finite, key=lambda one: one.validation_loss, default=trained.epochs[-1])
    return {
        "best_validation_loss": best.validation_loss,
        "best_epoch": best.number,
        "parameters": trained.network.parameter_count,
        "seconds": round(trained.seconds, 3),
    }


def _means(evaluations: dict[str, Evaluation]) -> dict[str, object]:
    means: dict[str, object] = {}
    for title, found in evaluations.items():
        means[f"{LOSS} @ {title}"] = found.loss.mean
        means[f"{ACCURACY} @ {title}"] = found.accuracy.mean
    return means


def _scores(scene: Scene, evaluations: dict[str, Evaluation]) -> list[Score]:
    """Losses first, then accuracies: the columns of the status table come in this order."""
    scores = []
    for metric in (LOSS, ACCURACY):
        for title, found in evaluations.items():
            mean = found.loss if metric == LOSS else found.accuracy
            values = found.losses if metric == LOSS else found.hits
            scores.append(
                Score(
                    metric=metric,
                    value=mean.mean,
                    golden_set=scene.golden_sets[title],
                    n=mean.n,
                    stderr=mean.stderr,
                    examples=_examples(scene, title, found, values.tolist()),
                )
            )
    return scores


def _examples(
    scene: Scene, title: str, found: Evaluation, values: Sequence[float]
) -> list[ExampleScore]:
    golden = scene.data.golden[title]
    predictions = ["" if digit < 0 else str(digit) for digit in found.predictions.tolist()]
    targets = [str(digit) for digit in golden.examples.labels.tolist()]
    return [
        ExampleScore(*parts) for parts in zip(golden.ids, values, predictions, targets, strict=True)
    ]


def _result_line(title: str, found: Evaluation) -> str:
    return (
        f"{title}: loss {found.loss.mean:.4f}, accuracy {found.accuracy.mean:.4f} "
        f"over {found.loss.n:,} examples"
    )


def _log_lines(
    run: Run, access: Access, lines: Sequence[str], *, errors: Sequence[str] = ()
) -> None:
    streams = [*((Stream.OUT, text) for text in lines), *((Stream.ERROR, text) for text in errors)]
    log_console(
        run=run,
        access=access,
        lines=[Line(number, text, stream) for number, (stream, text) in enumerate(streams)],
    )


def _traceback(error: Exception) -> str:
    """As the process would print it, with paths from the top of the checkout."""
    text = "".join(traceback.format_exception(error))
    return text.replace(f"{django_settings.BASE_DIR}/", "")
