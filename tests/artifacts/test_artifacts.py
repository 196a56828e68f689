"""Artifacts: manifests, sealing, numbers, links, visibility, lineage."""

import threading

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from apps.accounts.choices import Role
from apps.accounts.models import User
from apps.artifacts.choices import ArtifactState
from apps.artifacts.lineage import lineage_of
from apps.artifacts.models import ArtifactVersion, Collection, RunArtifact, Version
from apps.artifacts.queries import (
    artifact_by_key,
    collection_named,
    collections_of,
    latest_number,
    version_numbered,
    versions_of,
)
from apps.artifacts.services import (
    ArtifactSealed,
    ContentMissing,
    FileSpec,
    add_files,
    begin_artifact,
    delete_version,
    link_version,
    note_use,
    seal_artifact,
    seal_at_once,
    update_collection,
)
from apps.audit.models import Event
from apps.core.errors import Conflict, Forbidden, Invalid, NotFound
from apps.registry.models import Column
from tests import build

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> User:
    return build.user(role=Role.EDITOR)


def test_a_sealed_artifact_has_a_number_a_digest_and_one_event(owner: User) -> None:
    place = build.project(owner)
    run = build.run(owner, place)
    into = build.collection(owner, place)
    events = Event.objects.count()

    version = build.version(owner, into, data=b"weights", metadata={"loss": 0.5}, made_by=run)

    artifact = version.artifact
    assert (version.number, artifact.state) == (1, ArtifactState.SEALED)
    assert (artifact.file_count, artifact.size_bytes) == (1, 7)
    assert len(artifact.digest) == 64
    edge = RunArtifact.objects.get()
    assert (edge.run, edge.artifact, edge.direction) == (run, artifact, "made")
    assert list(Event.objects.values_list("kind", flat=True))[events:] == ["artifact.sealed"]


class TestAtOnce:
    def test_it_is_what_begun_and_sealed_is(self, owner: User) -> None:
        place = build.project(owner)
        run = build.run(owner, place)
        in_steps = build.version(
            owner, build.collection(owner, place), data=b"weights", metadata={"k": 1}, made_by=run
        )
        events = Event.objects.count()

        version = seal_at_once(
            type="model",
            collection=build.collection(owner, place, "other"),
            access=build.access(owner, project=place),
            metadata={"k": 1},
            files=[build.content(place.pk, b"weights")],
            made_by=run,
            note="first",
        )

        artifact = version.artifact
        assert (version.number, version.note, artifact.state) == (1, "first", "sealed")
        assert (artifact.file_count, artifact.size_bytes) == (1, 7)
        assert artifact.digest == in_steps.artifact.digest
        assert list(artifact.files.values_list("path", flat=True)) == ["data.bin"]
        assert RunArtifact.objects.get(artifact=artifact).direction == "made"
        kinds = list(Event.objects.order_by("sequence").values_list("kind", flat=True))
        assert kinds[events:] == ["collection.created", "artifact.sealed"]

    def test_the_same_again_is_the_newest_version_and_writes_nothing(self, owner: User) -> None:
        place = build.project(owner)
        into = build.collection(owner, place)
        first = build.version(owner, into, data=b"weights")
        events = Event.objects.count()

        again = seal_at_once(
            type="model",
            collection=into,
            access=build.access(owner, project=place),
            files=[build.content(place.pk, b"weights")],
        )

        assert again == first
        assert ArtifactVersion.objects.count() == Version.objects.count() == 1
        assert Event.objects.count() == events

    def test_what_cannot_be_sealed_leaves_nothing(self, owner: User) -> None:
        place = build.project(owner)
        into = build.collection(owner, place)
        viewer = build.user("viewer", role=Role.VIEWER)
        missing = FileSpec(path="a", digest="0" * 64)
        twice = build.content(place.pk, b"a")
        for type, files, person, refusal in (
            ("model", [missing], owner, ContentMissing),
            ("model", [twice, twice], owner, Invalid),
            ("dataset", [], owner, Invalid),
            ("model", [], viewer, Forbidden),
        ):
            with pytest.raises(refusal):
                seal_at_once(
                    type=type,
                    collection=into,
                    access=build.access(person, project=place),
                    files=files,
                )
        assert not ArtifactVersion.objects.exists()
        into.refresh_from_db()
        assert into.next_number == 1


def test_the_digest_is_over_paths_content_and_metadata(owner: User) -> None:
    place = build.project(owner)
    digests: set[str] = set()
    for data, metadata in [(b"a", {}), (b"b", {}), (b"a", {"k": 1})]:
        into = build.collection(owner, place, f"line-{len(digests)}")
        digests.add(build.version(owner, into, data=data, metadata=metadata).artifact.digest)
    again = build.collection(owner, place, "again")

    assert len(digests) == 3
    assert build.version(owner, again, data=b"a").artifact.digest in digests


def test_logging_the_same_again_makes_no_new_version(owner: User) -> None:
    place = build.project(owner)
    into = build.collection(owner, place)
    first = build.version(owner, into, data=b"same")
    second_run = build.run(owner, place)

    again = build.version(owner, into, data=b"same", made_by=second_run)

    assert again == first
    assert ArtifactVersion.objects.count() == 1
    assert RunArtifact.objects.filter(run=second_run, artifact=first.artifact).exists()


def test_content_of_another_project_is_not_to_be_had_by_its_digest(owner: User) -> None:
    insider = build.user(role=Role.EDITOR)
    secret = build.project(insider, "secret", private=True)
    foreign = build.content(secret.pk, b"of a private project")
    access = build.access(owner, project=build.project(owner))

    with pytest.raises(ContentMissing) as refusal:
        begin_artifact(
            type="model", files=[FileSpec(path="m", digest=foreign.digest)], access=access
        )

    assert refusal.value.digests == [foreign.digest]
    assert ArtifactVersion.objects.count() == 0


def test_a_sealed_artifact_takes_no_more_files(owner: User) -> None:
    place = build.project(owner)
    version = build.version(owner, build.collection(owner, place))
    access = build.access(owner, project=place)
    spec = build.content(place.pk, b"late")

    with pytest.raises(ArtifactSealed):
        add_files(artifact=version.artifact, files=[spec], access=access)
    with pytest.raises(ArtifactSealed):
        seal_artifact(artifact=version.artifact, collection=version.collection, access=access)
    assert version.artifact.files.count() == 1


@pytest.mark.parametrize(
    "spec",
    [
        FileSpec(path="../x", reference="s3://bucket/x"),
        FileSpec(path="/etc/passwd", reference="s3://bucket/x"),
        FileSpec(path="a\\b", reference="s3://bucket/x"),
        FileSpec(path="a//b", reference="s3://bucket/x"),
        FileSpec(path="x"),
        FileSpec(path="x", digest="0" * 64, reference="s3://bucket/x"),
    ],
)
def test_bad_manifest_lines_are_refused(owner: User, spec: FileSpec) -> None:
    place = build.project(owner)

    with pytest.raises((Invalid, ContentMissing)):
        begin_artifact(type="model", files=[spec], access=build.access(owner, project=place))

    assert ArtifactVersion.objects.count() == 0


def test_references_are_kept_as_text(owner: User) -> None:
    place = build.project(owner)
    access = build.access(owner, project=place)
    reference = "file:///etc/passwd"
    artifact = begin_artifact(
        type="dataset",
        files=[FileSpec(path="data", reference=reference, size_bytes=5)],
        access=access,
    )
    into = build.collection(owner, place, "data", type="dataset")

    version = seal_artifact(artifact=artifact, collection=into, access=access)

    file = version.artifact.files.get()
    assert (file.reference, file.blob_id, file.size_bytes) == (reference, None, 5)


def test_numbers_are_never_used_twice(owner: User) -> None:
    place = build.project(owner)
    curator = build.access(build.user(role=Role.CURATOR), project=place)
    into = build.collection(owner, place)
    for _ in range(3):
        last = build.version(owner, into)
    delete_version(version=last, reason="leaked", access=curator)

    assert build.version(owner, into).number == 4
    assert latest_number(into, owner) == 4
    with pytest.raises(NotFound):
        version_numbered(into, 3, owner)
    tombstone = Version.objects.get(collection=into, number=3)
    assert tombstone.deleted_reason == "leaked"


def test_only_a_curator_deletes(owner: User) -> None:
    version = build.version(owner, build.collection(owner, build.project(owner)))

    with pytest.raises(Forbidden):
        delete_version(
            version=version,
            reason="",
            access=build.access(owner, project=version.collection.project),
        )


@pytest.mark.django_db(transaction=True)
def test_parallel_seals_get_each_number_once() -> None:
    owner = build.user(role=Role.EDITOR)
    place = build.project(owner)
    into = build.collection(owner, place)
    numbers: list[int] = []

    def make(worker: int) -> None:
        try:
            for step in range(5):
                made = build.version(owner, into, data=f"{worker} {step}".encode())
                numbers.append(made.number)
        finally:
            connection.close()

    threads = [threading.Thread(target=make, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)

    assert sorted(numbers) == list(range(1, 21))


def test_a_linked_version_brings_its_scores_and_counts_anew(owner: User) -> None:
    world = build.table([0.5, 0.3])
    registry = build.collection(owner, None, "MNIST")

    linked = link_version(
        artifact=world.versions[1].artifact, collection=registry, access=build.access(owner)
    )
    again = link_version(
        artifact=world.versions[1].artifact, collection=registry, access=build.access(owner)
    )

    assert (linked.number, again) == (1, linked)
    assert Column.objects.get(collection=registry).title == "Loss @ 10k"


def test_what_cannot_be_linked(owner: User) -> None:
    world = build.table([0.5])
    access = build.access(owner)
    datasets = build.collection(owner, None, "MNIST", type="dataset")
    artifact = world.versions[0].artifact

    with pytest.raises(Invalid, match="type"):
        link_version(artifact=artifact, collection=datasets, access=access)
    pending = begin_artifact(type="model", access=build.access(owner, project=world.project))
    models = build.collection(owner, None, "MNIST")
    with pytest.raises(Conflict, match="sealed"):
        link_version(artifact=pending, collection=models, access=access)
    with pytest.raises(Forbidden):
        link_version(artifact=artifact, collection=models, access=build.access(world.viewer))


def test_a_hidden_source_stays_hidden_in_the_registry() -> None:
    insider = build.user(role=Role.EDITOR)
    secret = build.project(insider, "secret", private=True)
    version = build.version(insider, build.collection(insider, secret))
    registry = build.collection(insider, None, "MNIST")
    link_version(artifact=version.artifact, collection=registry, access=build.access(insider))
    outsider = build.user(role=Role.CURATOR)

    assert versions_of(registry, insider).count() == 1
    assert versions_of(registry, outsider).count() == 0
    with pytest.raises(NotFound):
        version_numbered(registry, 1, outsider)
    with pytest.raises(NotFound):
        artifact_by_key(build.access(outsider), version.artifact.key)
    with pytest.raises(NotFound):
        link_version(
            artifact=version.artifact,
            collection=build.collection(outsider, None, "mine"),
            access=build.access(outsider),
        )
    assert [found.name for found in collections_of(build.team(), outsider)] == ["mine", "MNIST"]


def test_a_name_is_one_collection_per_place_and_type(owner: User) -> None:
    place = build.project(owner)
    models = build.collection(owner, place, "mnist")

    assert build.collection(owner, place, "MNIST") == models
    with pytest.raises(Conflict, match="type model"):
        build.collection(owner, place, "mnist", type="dataset")
    registry = build.collection(owner, None, "mnist")
    datasets = build.collection(owner, None, "mnist", type="dataset")
    assert len({models.pk, registry.pk, datasets.pk}) == 3
    assert collection_named(build.team(), None, "MNIST") == registry
    assert Collection.objects.count() == 3


def test_lineage_walks_both_ways_and_stops_at_what_is_hidden(owner: User) -> None:
    place = build.project(owner)
    access = build.access(owner, project=place)
    data = build.version(owner, build.collection(owner, place, "data", type="dataset"))
    training = build.run(owner, place, name="training")
    note_use(run=training, artifact=data.artifact, access=access, use_as="training data")
    model = build.version(owner, build.collection(owner, place), made_by=training)
    evaluation = build.run(owner, place, name="evaluation")
    note_use(run=evaluation, artifact=model.artifact, access=access)
    secret = build.project(owner, "secret", private=True)
    hidden = build.run(owner, secret, name="hidden")
    note_use(run=hidden, artifact=model.artifact, access=build.access(owner, project=secret))
    reader = build.user(role=Role.VIEWER)

    graph = lineage_of(model.artifact, reader)

    assert set(graph.artifacts) == {data.artifact.pk, model.artifact.pk}
    assert {run.name for run in graph.runs.values()} == {"training", "evaluation"}
    assert len(graph.edges) == 3
    assert {run.name for run in lineage_of(model.artifact, owner).runs.values()} == {
        "training",
        "evaluation",
        "hidden",
    }


def test_lineage_costs_the_same_for_one_neighbour_and_for_many(
    owner: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    place = build.project(owner)
    access = build.access(owner, project=place)
    model = build.version(owner, build.collection(owner, place))

    def add(count: int) -> None:
        for _ in range(count):
            note_use(run=build.run(owner, place), artifact=model.artifact, access=access)

    add(1)
    with django_assert_num_queries(3):
        lineage_of(model.artifact, owner)
    add(10)
    with django_assert_num_queries(3):
        lineage_of(model.artifact, owner)


def test_making_again_what_is_there_is_an_event_of_the_run() -> None:
    editor = build.user(role=Role.EDITOR)
    place = build.project(editor)
    models = build.collection(editor, place)
    first = build.version(editor, models, data=b"same")
    run = build.run(editor, place)

    again = build.version(editor, models, data=b"same", made_by=run)

    assert again == first
    event = Event.objects.latest("sequence")
    assert event.kind == "run.made_artifact"
    assert [subject.name for subject in event.subjects.all()] == [run.name, first.artifact.digest]


def test_a_projects_collection_takes_nothing_of_another_project() -> None:
    editor = build.user(role=Role.EDITOR)
    secret = build.project(editor, "secret", private=True)
    place = build.project(editor, "open")
    hidden = build.version(editor, build.collection(editor, secret))

    with pytest.raises(Invalid, match="registry"):
        link_version(
            artifact=hidden.artifact,
            collection=build.collection(editor, place),
            access=build.access(editor, project=place),
        )


def test_a_renamed_collection_frees_its_name_and_takes_none_that_is_taken(owner: User) -> None:
    place = build.project(owner)
    into = build.collection(owner, place, "first")
    build.collection(owner, place, "second")
    access = build.access(owner, project=place)

    update_collection(collection=into, access=access, name="Third")

    assert collection_named(place.team, place, "third") == into
    event = Event.objects.latest("pk")
    assert event.kind == "collection.changed"
    assert '"after":{"name":"Third"},"before":{"name":"first"}' in event.payload
    with pytest.raises(Conflict):
        update_collection(collection=into, access=access, name="SECOND")
    with pytest.raises(Invalid):
        update_collection(collection=into, access=access, name="a/b")
    assert collection_named(place.team, place, "third").name == "Third"
