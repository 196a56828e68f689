"""Setting the scene: people, project, metrics, training data and golden sets."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import Team, User
from apps.accounts.queries import team_named
from apps.accounts.services import create_team, create_user
from apps.artifacts.choices import DATASET, MODEL
from apps.artifacts.models import ArtifactVersion, Collection, Version
from apps.artifacts.queries import collection_named
from apps.artifacts.services import (
    FileSpec,
    ensure_collection,
    note_use,
    seal_at_once,
)
from apps.audit.actors import Actor
from apps.content.services import store
from apps.core.errors import NotFound
from apps.demo.digits import Split, load_images, split
from apps.demo.files import examples_table, golden_table, json_file, sheet, sheet_columns
from apps.demo.golden import Golden, make_golden
from apps.demo.measuring import Meter, code_version, source_files
from apps.demo.ownership import (
    ACTOR,
    InBin,
    demo_project,
    demo_registry_model,
    demo_team,
    demo_users,
)
from apps.demo.story import (
    COLLECTION,
    COLLECTION_TITLE,
    CURATOR,
    ENGINEER,
    GROUP,
    PEOPLE,
    PROJECT,
    PROJECT_TITLE,
    TEAM,
    Person,
    Story,
)
from apps.evaluations.choices import Better
from apps.evaluations.models import GoldenSet
from apps.evaluations.queries import golden_set_named, metric_named
from apps.evaluations.services import define_metric, mark_golden_set
from apps.projects.access import Access, access_to, system_access
from apps.projects.models import Project
from apps.projects.services import create_project
from apps.runs.models import Run
from apps.runs.services import RunDescription, finish_run, start_run

DATA_RUN = "prepare-data"
TRAINING_DATA = "digits_training"
CODE = "training_code"
LOSS = "loss"
ACCURACY = "accuracy"

DESCRIPTION = (
    "The demo: small networks that learned to read scikit-learn's handwritten digits. Everything "
    "here was trained, evaluated and decided by `load_demo` on this machine, over simulated weeks; "
    "docs/demo.md says how. `manage.py drop_demo` removes it."
)


@dataclass(frozen=True)
class Data:
    """The images: the three parts, and the golden sets by title."""

    split: Split
    golden: Mapping[str, Golden]


@dataclass
class Scene:
    """Everything that the steps of the story act on."""

    story: Story
    team: Team
    project: Project

    @property
    def start(self) -> datetime:
        """When the story begins. Kept by the project, so that a second call goes on with it."""
        return self.project.created_at

    @cached_property
    def data(self) -> Data:
        return make_data(self.story)

    @cached_property
    def system(self) -> Access:
        return system_access(self.team, ACTOR, self.project)

    @cached_property
    def users(self) -> dict[str, User]:
        return demo_users()

    def access(self, person: Person, *, in_registry: bool = False) -> Access:
        """What a demo user may do, by the same rules as everybody."""
        user = self.users[person.username]
        return access_to(
            user=user,
            actor=Actor(user.pk, user.username),
            team=TEAM,
            project=None if in_registry else PROJECT,
        )

    @cached_property
    def collection(self) -> Collection:
        return collection_named(self.team, self.project, COLLECTION, type=MODEL)

    @cached_property
    def golden_sets(self) -> dict[str, GoldenSet]:
        """By title."""
        return {
            plan.title: golden_set_named(self.team, plan.name) for plan in self.story.golden_plans
        }

    @cached_property
    def training_data(self) -> ArtifactVersion:
        return self._newest(TRAINING_DATA)

    @cached_property
    def code(self) -> ArtifactVersion:
        return self._newest(CODE)

    def _newest(self, collection: str) -> ArtifactVersion:
        version = (
            Version.objects.select_related("artifact__project")
            .filter(collection=collection_named(self.team, self.project, collection, type=None))
            .latest("number")
        )
        return version.artifact

    def run_exists(self, key: str) -> bool:
        # One that people have put into the bin is not made again.
        return Run.with_deleted.filter(project=self.project, key=key).exists()

    def begins_at(self, place: int) -> datetime:
        """When the candidate at this place (from 0) starts to train: one after the other at an
        even rhythm, moved by up to a tenth of it so that not all start at the same hour."""
        # The golden ratio's multiples spread evenly; no generator is needed for that.
        moved = (place * 0.6180339887) % 1
        return self.start + self.story.rhythm * (place + 0.1 + 0.1 * moved)


def find_scene(story: Story) -> Scene | None:
    """The scene of a demo that is there, whole or half; None otherwise. Raises NotOurs, InBin."""
    demo_users()
    team, project, registry_model = demo_team(), demo_project(), demo_registry_model()
    if team is None or project is None:
        return None
    for part in (project, registry_model):
        if part is not None and part.deleted_at is not None:
            raise InBin(
                f"The demo's {part.name} is in the bin. Restore it, or run manage.py drop_demo."
            )
    return Scene(story, team, project)


def make_data(story: Story) -> Data:
    """Load and split the images, and make the golden sets. Raises DemoPackagesMissing."""
    parts = split(
        load_images(), seed=story.split_seed, validation=story.validation, held_out=story.held_out
    )
    golden = {plan.title: make_golden(parts.held_out, plan) for plan in story.golden_plans}
    return Data(parts, golden)


def set_scene(story: Story, data: Data) -> Scene:
    """People, project and data, as far as they are not there yet. Raises NotOurs."""
    scene = find_scene(story)
    if scene is None:
        start = timezone.now() - story.span
        scene = Scene(story, _team(start), _project_with_people(start))
    scene.data = data
    if not scene.run_exists(DATA_RUN):
        _log_data(scene)
    return scene


def log_artifact(
    *,
    access: Access,
    collection: str,
    type: str,
    files: list[FileSpec],
    metadata: Mapping[str, object],
    at: datetime,
    run: Run | None = None,
    description: str = "",
    note: str = "",
    title: str = "",
) -> Version:
    """Log files that are stored already as the next version of a collection of the project."""
    place = ensure_collection(
        name=collection, type=type, access=access, project=access.project, title=title, at=at
    )
    return seal_at_once(
        type=type,
        collection=place,
        access=access,
        metadata=metadata,
        description=description,
        files=files,
        made_by=run,
        note=note,
        at=at,
    )


def keep_files(project: Project, files: Mapping[str, bytes]) -> list[FileSpec]:
    """Store files as the project's content: before the transaction that names them, so that no
    other writer waits for the disk."""
    return [
        FileSpec(path, digest=store(owner_id=project.pk, stream=[data], max_bytes=len(data)).pk)
        for path, data in files.items()
    ]


def _team(start: datetime) -> Team:
    try:
        return team_named(TEAM)
    except NotFound:
        return create_team(name=TEAM, actor=ACTOR, at=start)


@transaction.atomic
def _project_with_people(start: datetime) -> Project:
    """All at once: whoever finds the project finds the people too."""
    known = demo_users()
    for person in PEOPLE:
        if person.username not in known:
            create_user(
                username=person.username,
                display_name=person.display_name,
                role=person.role,
                team_name=TEAM,
                actor=ACTOR,
                at=start,
            )
    return create_project(
        name=PROJECT,
        title=PROJECT_TITLE,
        description=DESCRIPTION,
        access=system_access(team_named(TEAM), ACTOR),
        at=start,
    )


def _log_data(scene: Scene) -> None:
    """The run that prepared the data, with all that it made, and the golden sets."""
    meter = Meter()
    files = {name: keep_files(scene.project, found) for name, found in _data_files(scene).items()}
    sources = keep_files(scene.project, source_files())
    with transaction.atomic():
        _define_metrics(scene)
        engineer = scene.access(ENGINEER)
        code = log_artifact(
            access=engineer,
            collection=CODE,
            type="code",
            files=sources,
            metadata={"program": code_version().program, "commit": code_version().commit},
            description="What prepares the data, trains and evaluates.",
            at=scene.start,
        )
        run = start_run(
            description=RunDescription(
                key=DATA_RUN,
                name="prepare data",
                group=GROUP,
                job_type="data preparation",
                config=_data_config(scene),
                code=code_version(),
            ),
            access=engineer,
            at=scene.start,
        )
        note_use(run=run, artifact=code.artifact, access=engineer, use_as="code", at=scene.start)
        _log_training_data(scene, run, files.pop(TRAINING_DATA))
        for golden in scene.data.golden.values():
            _log_golden_set(scene, run, golden, files[golden.plan.name])
        ensure_collection(
            name=COLLECTION,
            type=MODEL,
            access=engineer,
            project=scene.project,
            title=COLLECTION_TITLE,
            description="Candidates for reading handwritten digits, as they come from training.",
            at=scene.start,
        )
        finish_run(
            run=run, access=engineer, exit_code=0, at=scene.start + timedelta(seconds=meter.elapsed)
        )


def _define_metrics(scene: Scene) -> None:
    """Unless the team has them already, from somebody else's work."""
    for name, better, format, description in (
        (LOSS, Better.LOWER, "fixed:4", "Cross-entropy, mean over the examples."),
        (ACCURACY, Better.HIGHER, "percent:1", "Share of examples whose likeliest class is right."),
    ):
        try:
            metric_named(scene.team, name)
        except NotFound:
            define_metric(
                name=name,
                title=name.capitalize(),
                better=better,
                format=format,
                description=description,
                access=scene.system,
            )


def _data_config(scene: Scene) -> dict[str, object]:
    story = scene.story
    return {
        "source": "sklearn.datasets.load_digits",
        "split_seed": story.split_seed,
        "training": len(scene.data.split.training),
        "validation": story.validation,
        "held_out": story.held_out,
        "golden_sets": {
            plan.name: {
                "seed": plan.seed,
                "copies": plan.copies,
                "augmentation": plan.augmentation.as_dict(),
            }
            for plan in story.golden_plans
        },
    }


def _data_files(scene: Scene) -> dict[str, dict[str, bytes]]:
    """The files of the training data and of each golden set, by collection."""
    parts = {"training": scene.data.split.training, "validation": scene.data.split.validation}
    files = {
        TRAINING_DATA: {
            **{f"{name}.png": sheet(part.images) for name, part in parts.items()},
            **{f"{name}.csv": examples_table(part) for name, part in parts.items()},
        }
    }
    for golden in scene.data.golden.values():
        files[golden.plan.name] = {
            "examples.png": sheet(golden.examples.images),
            "examples.csv": golden_table(golden),
            "golden_set.json": json_file(_golden_metadata(golden)),
        }
    return files


def _golden_metadata(golden: Golden) -> dict[str, object]:
    return {
        "examples": len(golden),
        "held_out_images": len(set(golden.examples.sources.tolist())),
        "copies": golden.plan.copies,
        "seed": golden.plan.seed,
        "augmentation": golden.plan.augmentation.as_dict(),
        # Where the picture of an example is: examples.csv says its row and column.
        "sheet": {
            "file": "examples.png",
            "tile_width": 8,
            "tile_height": 8,
            "columns": sheet_columns(len(golden)),
        },
    }


def _log_training_data(scene: Scene, run: Run, files: list[FileSpec]) -> None:
    parts = scene.data.split
    log_artifact(
        access=scene.access(ENGINEER),
        collection=TRAINING_DATA,
        type=DATASET,
        files=files,
        metadata={
            "training": len(parts.training),
            "validation": len(parts.validation),
            "sheet": {
                "tile_width": 8,
                "tile_height": 8,
                "columns": {
                    "training.png": sheet_columns(len(parts.training)),
                    "validation.png": sheet_columns(len(parts.validation)),
                },
            },
        },
        description="Training and validation images with their labels: contact sheets and tables.",
        run=run,
        at=scene.start,
    )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _log_golden_set(scene: Scene, run: Run, golden: Golden, files: list[FileSpec]) -> None:
    version = log_artifact(
        access=scene.access(ENGINEER),
        collection=golden.plan.name,
        type=DATASET,
        files=files,
        metadata=_golden_metadata(golden),
        description=(
            f"{scene.story.held_out} held-out images, each as it is and "
            f"{_times(golden.plan.copies)} changed. No image of it, and no original of one, was "
            "trained on."
        ),
        run=run,
        at=scene.start,
    )
    mark_golden_set(
        name=golden.plan.name,
        title=golden.plan.title,
        artifact=version.artifact,
        example_count=len(golden),
        description=version.artifact.description,
        access=scene.access(CURATOR),
        at=scene.start,
    )
