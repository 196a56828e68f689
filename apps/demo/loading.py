"""Telling the story: step after step, each committed before the next, in the order of its time.

Every step is known by the key of its run, so a load that was stopped or killed goes on where it
was, and a second call does nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction

from apps.artifacts.models import Version
from apps.artifacts.queries import file_at
from apps.content.queries import open_blob
from apps.core.work import telling
from apps.demo.candidates import log_crash, log_evaluation, log_training, train
from apps.demo.decisions import Kind, Move
from apps.demo.evaluation import Evaluation, evaluate
from apps.demo.files import read_weights
from apps.demo.measuring import Meter, one_thread
from apps.demo.moves import decide_and_move
from apps.demo.network import Network
from apps.demo.scene import DATA_RUN, Scene, find_scene, make_data, set_scene
from apps.demo.story import STORY, TEAM, Candidate, Story
from apps.runs.models import Run
from apps.runs.queries import run_in

CRASH_RUN = "train-crashed"
# After training, the first evaluation; a further one comes in a day later.
FIRST_EVALUATION = timedelta(minutes=20)
NEXT_EVALUATION = timedelta(hours=18)

Say = Callable[[str], None]


class StoppedError(Exception):
    """The load was asked to stop; what is done stays, and the next call goes on from there."""


def is_loaded(story: Story = STORY) -> bool:
    """Whether the whole story is there. Raises NotOurs."""
    scene = find_scene(story)
    return scene is not None and not list(_missing_keys(scene))


def load(
    story: Story = STORY,
    *,
    say: Say = lambda text: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Load what is missing of the demo; False if there was nothing to do.

    Raises NotOurs where somebody else has made something of the demo's name, DemoPackagesMissing,
    and StoppedError between two steps once `should_stop` says so.
    """
    if is_loaded(story):
        return False
    count = len(story.candidates)
    with one_thread(), telling("demo", team=TEAM, total=count) as tell:
        say("Loading scikit-learn's handwritten digits and making the golden sets")
        data = make_data(story)
        scene = set_scene(story, data)
        for place, candidate in enumerate(story.candidates):
            if should_stop():
                raise StoppedError
            if place == story.crashes_after:
                _load_crash(scene, say)
            _load_candidate(scene, place, candidate, say)
            tell(place + 1)
    return True


def training_key(place: int) -> str:
    return f"train-{place + 1:02d}"


def evaluation_key(place: int, turn: int) -> str:
    return f"evaluate-{place + 1:02d}-{turn + 1}"


def _missing_keys(scene: Scene) -> Iterator[str]:
    keys = [DATA_RUN, CRASH_RUN]
    for place, candidate in enumerate(scene.story.candidates):
        keys.append(training_key(place))
        keys += [evaluation_key(place, turn) for turn in range(len(candidate.evaluations))]
    # One that people have put into the bin is not made again.
    runs = Run.with_deleted.filter(project=scene.project, key__in=keys)
    there = set(runs.values_list("key", flat=True))
    return (key for key in keys if key not in there)


def _load_crash(scene: Scene, say: Say) -> None:
    if scene.run_exists(CRASH_RUN):
        return
    candidate = scene.story.crashing
    trained = train(scene, candidate)
    # Half-way between the two candidates around it.
    at = scene.begins_at(scene.story.crashes_after) - scene.story.rhythm / 2
    log_crash(scene, candidate, CRASH_RUN, trained, at)
    say(f"        {candidate.name} crashed in epoch {len(trained.epochs) + 1}")


@dataclass
class _Progress:
    """What is said about a candidate when all of it is there."""

    results: dict[str, Evaluation]
    moves: list[Move]


def _load_candidate(scene: Scene, place: int, candidate: Candidate, say: Say) -> None:
    at = scene.begins_at(place)
    key = training_key(place)
    network = None
    if not scene.run_exists(key):
        trained = train(scene, candidate)
        network = trained.network
        log_training(scene, candidate, key, trained, at)
    version = _version_of(scene, key)
    progress = _Progress({}, [])
    for turn, titles in enumerate(candidate.evaluations):
        key = evaluation_key(place, turn)
        if scene.run_exists(key):
            continue
        network = network or _network_of(version)
        meter = Meter()
        results = {title: evaluate(network, scene.data.golden[title]) for title in titles}
        start = at + FIRST_EVALUATION + turn * NEXT_EVALUATION
        end = start + timedelta(seconds=meter.elapsed)
        with transaction.atomic():
            log_evaluation(scene, candidate, key, version, results, start, end)
            progress.moves += decide_and_move(scene, version, end)
        progress.results.update(results)
    if progress.results:
        count = len(scene.story.candidates)
        line = _line(version, candidate, progress)
        say(f"[{place + 1:>{len(str(count))}}/{count}] {line}")


def _version_of(scene: Scene, key: str) -> Version:
    """The version that a training run made."""
    run = run_in(scene.project, key)
    return (
        Version.objects.select_related("collection__project", "artifact__project")
        .filter(collection=scene.collection, artifact__made_by=run)
        .latest("number")
    )


def _network_of(version: Version) -> Network:
    """The network of a version that an earlier call has trained."""
    weights = file_at(version.artifact, "model.safetensors")
    return read_weights(b"".join(open_blob(weights.blob_id or "")))


def _line(version: Version, candidate: Candidate, progress: _Progress) -> str:
    words = [f"v{version.number} {candidate.name}"]
    for title, found in progress.results.items():
        error = f" ± {found.loss.stderr:.4f}" if found.loss.stderr is not None else ""
        words.append(f"Loss @ {title} {found.loss.mean:.4f}{error}")
    for move in progress.moves:
        if move.kind == Kind.GIVE:
            words.append(f"to {move.label}")
        elif move.kind == Kind.ROLL_BACK:
            words.append("rolled back")
        elif move.kind == Kind.REGISTER:
            words.append("to the registry")
    return ", ".join(words)
