"""Results found in the metadata of artifact versions and in the summaries of runs."""

import math
from dataclasses import dataclass

import pytest

from apps.accounts.choices import Role
from apps.accounts.models import User
from apps.artifacts.models import ArtifactVersion, Collection, Version
from apps.artifacts.services import change_metadata, delete_version, note_use
from apps.audit.models import Event
from apps.evaluations.choices import Source
from apps.evaluations.models import GoldenSet, Result
from apps.evaluations.services import describe_golden_set
from apps.projects.models import Project
from apps.registry.models import Column
from apps.registry.services.promotion import promote_version
from apps.runs.models import Run
from apps.runs.services import finish_run, update_run
from tests import build

pytestmark = pytest.mark.django_db


@dataclass
class World:
    """Two versions of a data set, a model, and somebody who may log."""

    editor: User
    project: Project
    datasets: list[Version]
    model: ArtifactVersion

    def write(self, model: ArtifactVersion | None = None, /, **metadata: object) -> None:
        """Replace a model's metadata, the first one's if no other is named."""
        change_metadata(
            artifact=model or self.model,
            metadata={key.replace("__", ":"): value for key, value in metadata.items()},
            access=build.access(self.editor, project=self.project),
        )

    def set(self, key: str, value: object) -> None:
        change_metadata(
            artifact=self.model,
            metadata={key: value},
            access=build.access(self.editor, project=self.project),
        )

    def run_that_used(self, *artifacts: ArtifactVersion) -> Run:
        run = build.run(self.editor, self.project)
        allowed = build.access(self.editor, project=self.project)
        for artifact in artifacts:
            note_use(run=run, artifact=artifact, access=allowed)
        return run

    def finish(self, run: Run, **summary: object) -> None:
        allowed = build.access(self.editor, project=self.project)
        finish_run(run=run, summary=summary, access=allowed)


@pytest.fixture
def world() -> World:
    return make_world()


def make_world() -> World:
    editor = build.user("ada")
    place = build.project(editor)
    dataset = build.collection(editor, place, "mnist_ds", type="dataset")
    dataset.next_number = 0
    dataset.save(update_fields=["next_number"])
    candidates = build.collection(editor, place)
    return World(
        editor,
        place,
        [build.version(editor, dataset) for _ in range(2)],
        build.version(editor, candidates).artifact,
    )


def found() -> list[tuple[str, str, float | None]]:
    """Every current result: metric, golden set, value."""
    rows = Result.objects.filter(is_current=True).order_by("golden_set__name", "metric__name")
    return [
        (row.metric.name, row.golden_set.name if row.golden_set else "", row.value) for row in rows
    ]


def test_a_metadata_entry_with_a_version_is_a_result_on_that_golden_set(world: World) -> None:
    world.set("mnist_ds:v0-ce_loss", 0.25)

    assert found() == [("ce_loss", "mnist_ds:v0", 0.25)]
    result = Result.objects.get()
    assert (result.source, result.created_by) == (Source.WANDB, world.editor)
    golden_set = GoldenSet.objects.get()
    assert golden_set.artifact == world.datasets[0].artifact
    assert golden_set.title == "mnist_ds:v0"
    assert Column.objects.get().title == "Ce loss @ mnist_ds:v0"
    last = Event.objects.filter(kind="results.recorded").get()
    assert last.actor_name == "ada"


def test_what_was_sealed_with_the_artifact_counts_as_well(world: World) -> None:
    collection = Collection.objects.get(name="candidates")
    build.version(world.editor, collection, metadata={"mnist_ds:v1-ce_loss": 0.5, "lr": 0.1})
    assert found() == [("ce_loss", "mnist_ds:v1", 0.5)]


def test_an_alias_is_what_it_means_when_the_entry_is_written_and_stays_so(world: World) -> None:
    world.set("mnist_ds:latest-ce_loss", 0.25)
    build.version(world.editor, world.datasets[0].collection)
    world.write(mnist_ds__unrelated=1)
    world.write(**{"mnist_ds__latest-ce_loss": 0.25, "note": "again"})

    assert found() == [("ce_loss", "mnist_ds:v1", 0.25)]
    assert Result.objects.count() == 1

    world.set("mnist_ds:latest-ce_loss", 0.2)
    assert found() == [("ce_loss", "mnist_ds:v1", 0.25), ("ce_loss", "mnist_ds:v2", 0.2)]


def test_an_alias_is_the_version_that_a_run_used_with_the_model(world: World) -> None:
    run = world.run_that_used(world.model, world.datasets[0].artifact)
    world.set("mnist_ds:latest-ce_loss", 0.25)

    assert found() == [("ce_loss", "mnist_ds:v0", 0.25)]
    assert Result.objects.get().run == run


def test_of_several_used_versions_the_alias_means_its_own(world: World) -> None:
    world.run_that_used(world.model, *(one.artifact for one in reversed(world.datasets)))
    world.write(**{"mnist_ds__latest-ce_loss": 0.25, "mnist_ds__v0-ce_loss": 0.5})
    assert found() == [("ce_loss", "mnist_ds:v0", 0.5), ("ce_loss", "mnist_ds:v1", 0.25)]


def test_a_status_label_is_an_alias(world: World) -> None:
    curator = build.user(role=Role.CURATOR)
    promote_version(
        version=world.datasets[0],
        label="best-so-far",
        access=build.access(curator, project=world.project),
    )
    world.set("mnist_ds:best-so-far-top-1", 0.25)
    assert found() == [("top-1", "mnist_ds:v0", 0.25)]


def test_the_beginning_of_a_digest_names_a_version(world: World) -> None:
    world.set(f"mnist_ds:{world.datasets[0].artifact.digest[:8]}-ce_loss", 0.25)
    assert found() == [("ce_loss", "mnist_ds:v0", 0.25)]


@pytest.mark.parametrize(("value", "kept"), [("NaN", None), (math.nan, None), (3, 3.0)])
def test_numbers_and_what_json_cannot_hold(world: World, value: object, kept: object) -> None:
    world.set("mnist_ds:v0-ce_loss", value)
    world.set("mnist_ds:v0-ce_loss", value)
    assert found() == [("ce_loss", "mnist_ds:v0", kept)]
    assert Result.objects.count() == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("mnist_ds:v0-ce_loss", "0.25"),
        ("mnist_ds:v0-ce_loss", True),
        ("mnist_ds:v0-ce_loss", None),
        ("mnist_ds:v0-ce_loss", [0.25]),
        ("mnist_ds:v7-ce_loss", 0.25),
        ("mnist_ds:nobody-ce_loss", 0.25),
        ("other_ds:v0-ce_loss", 0.25),
        ("candidates:v1-ce_loss", 0.25),
        ("elsewhere/digits/mnist_ds:v0-ce_loss", 0.25),
        ("a/b/c/mnist_ds:v0-ce_loss", 0.25),
        ("mnist_ds:v0-", 0.25),
        ("mnist_ds:-ce_loss", 0.25),
        ("mnist_ds:v0", 0.25),
        ("mnist_ds-ce_loss", 0.25),
        (":v0-ce_loss", 0.25),
        ("mnist_ds:v0-" + "x" * 300, 0.25),
        ("mnist_ds:v0-" + "-" * 5000, 0.25),
    ],
)
def test_other_entries_are_just_metadata(world: World, key: str, value: object) -> None:
    world.set(key, value)
    assert found() == []
    assert GoldenSet.objects.count() == 0


@pytest.mark.parametrize("name", ["mnist_ds", "digits/mnist_ds", "main/digits/mnist_ds"])
def test_the_name_may_say_its_place(world: World, name: str) -> None:
    world.set(f"{name}:v0-ce_loss", 0.25)
    assert found() == [("ce_loss", "mnist_ds:v0", 0.25)]


def test_a_data_set_that_the_writer_may_not_see_is_not_found(world: World) -> None:
    stranger = build.user("eve", role=Role.ADMIN)
    secret = build.project(stranger, "secret", private=True)
    build.version(stranger, build.collection(stranger, secret, "hidden_ds", type="dataset"))
    world.set("secret/hidden_ds:v1-ce_loss", 0.25)
    assert found() == []


def test_a_renamed_golden_set_and_a_second_project_keep_their_names(world: World) -> None:
    world.set("mnist_ds:v0-ce_loss", 0.25)
    curator = build.user(role=Role.CURATOR)
    describe_golden_set(
        golden_set=GoldenSet.objects.get(),
        title="10k",
        description="",
        example_count=10_000,
        access=build.access(curator),
    )
    other = build.project(world.editor, "letters")
    dataset = build.collection(world.editor, other, "mnist_ds", type="dataset")
    Collection.objects.filter(pk=dataset.pk).update(next_number=0)
    build.version(world.editor, dataset)
    model = build.version(
        world.editor,
        build.collection(world.editor, other),
        metadata={"mnist_ds:v0-ce_loss": 0.5},
    )
    assert model.artifact.project == other
    world.set("mnist_ds:v0-ce_loss", 0.125)

    assert found() == [
        ("ce_loss", "letters/mnist_ds:v0", 0.5),
        ("ce_loss", "mnist_ds:v0", 0.125),
    ]
    assert sorted(GoldenSet.objects.values_list("title", flat=True)) == [
        "10k",
        "letters/mnist_ds:v0",
    ]


def test_a_version_in_the_bin_is_not_meant(world: World) -> None:
    curator = build.user(role=Role.CURATOR)
    allowed = build.access(curator, project=world.project)
    delete_version(version=world.datasets[1], reason="", access=allowed)
    world.write(**{"mnist_ds__latest-ce_loss": 0.25, "mnist_ds__v1-ce_loss": 0.5})
    assert found() == [("ce_loss", "mnist_ds:v0", 0.25)]


class TestSummaries:
    """The numbers of a run that used one model and one data set."""

    def test_they_are_results_of_the_model_on_the_data_set(self, world: World) -> None:
        run = world.run_that_used(world.model, world.datasets[1].artifact)
        image = {"_type": "image-file", "width": 28, "size": 300}
        world.finish(
            run,
            ce_loss=0.25,
            worst=math.nan,
            done=True,
            note="fine",
            _runtime=12.5,
            example=image,
        )

        assert found() == [("ce_loss", "mnist_ds:v1", 0.25), ("worst", "mnist_ds:v1", None)]
        assert {row.run for row in Result.objects.all()} == {run}

    def test_nothing_is_recorded_twice(self, world: World) -> None:
        run = world.run_that_used(world.model, world.datasets[1].artifact)
        world.finish(run, ce_loss=0.25)
        allowed = build.access(world.editor, project=world.project)
        update_run(run=run, summary={"ce_loss": 0.25, "acc": 0.5}, access=allowed)

        assert found() == [("acc", "mnist_ds:v1", 0.5), ("ce_loss", "mnist_ds:v1", 0.25)]
        assert Result.objects.count() == 2

    def test_a_use_that_is_told_late_counts(self, world: World) -> None:
        run = world.run_that_used(world.model)
        world.finish(run, ce_loss=0.25)
        assert found() == []
        note_use(
            run=run,
            artifact=world.datasets[0].artifact,
            access=build.access(world.editor, project=world.project),
        )
        assert found() == [("ce_loss", "mnist_ds:v0", 0.25)]

    def test_while_a_run_goes_on_they_are_not(self, world: World) -> None:
        run = world.run_that_used(world.model, world.datasets[1].artifact)
        allowed = build.access(world.editor, project=world.project)
        update_run(run=run, summary={"ce_loss": 0.25}, access=allowed)
        assert found() == []

    def test_two_data_sets_say_nothing(self, world: World) -> None:
        run = world.run_that_used(world.model, *(one.artifact for one in world.datasets))
        world.finish(run, ce_loss=0.25)
        assert found() == []

    def test_a_training_run_says_nothing(self, world: World) -> None:
        run = world.run_that_used(world.datasets[0].artifact)
        world.finish(run, ce_loss=0.25)
        assert found() == []
