"""Loading the demo: what is there afterwards, in which order, and what a second call does."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import models
from django.utils import timezone

from apps.accounts.choices import Role
from apps.accounts.models import Membership, User
from apps.artifacts.lineage import lineage_of
from apps.artifacts.models import ArtifactVersion, Collection, LabelHolding, Version
from apps.artifacts.queries import file_at, files_of
from apps.artifacts.services import ensure_collection
from apps.audit.models import Event
from apps.audit.verification import verify_chain
from apps.content.queries import open_blob
from apps.core.work import going_on
from apps.demo import loading
from apps.demo.loading import CRASH_RUN, StoppedError, load
from apps.demo.ownership import NotOurs
from apps.demo.story import COLLECTION, PEOPLE, PROJECT, REGISTRY_MODEL, STORY
from apps.evaluations.examples import read_examples
from apps.evaluations.models import GoldenSet, Result
from apps.projects.services import create_project
from apps.registry.queries.labels import label_history
from apps.registry.queries.table import TableQuery, columns_of, status_table
from apps.registry.services.promotion import promote_version
from apps.runs.models import ConsoleLine, Run
from apps.series.models import Series
from tests import build
from tests.demo.conftest import SHORT_STORY
from tests.demo.loaded import LoadedTestCase
from tests.settings import DATABASE_KIND

pytestmark = pytest.mark.django_db


def versions(collection: str = COLLECTION) -> models.QuerySet[Version]:
    return Version.objects.filter(collection__name=collection).order_by("number")


def run_of(key: str) -> Run:
    run: Run = Run.objects.get(key=key)
    return run


def counts() -> dict[str, int]:
    """How many rows each table of ours has."""
    return {
        model._meta.label: model._default_manager.count()
        for model in apps.get_models()
        if model.__module__.startswith("apps.")
    }


def table_of(collection: Collection) -> list[list[float | None]]:
    columns = columns_of(collection, None)
    table = status_table(collection, TableQuery(size=100), None, columns=columns)
    cells = [[row.cells.get(column.pk) for column in columns] for row in table.rows]
    return [[cell.value if cell else None for cell in row] for row in cells]


def text_of(digest: str | None) -> str:
    return b"".join(open_blob(digest or "")).decode()


def asking_after(steps: int) -> Callable[[], bool]:
    """Not to be stopped so many times, then to be."""
    answers = iter([False] * steps + [True])
    return lambda: next(answers)


class TestStory(LoadedTestCase):
    """What is there once it is loaded."""

    def test_each_candidate_makes_a_version_in_its_turn(self) -> None:
        made = [
            (one.number, one.artifact.made_by.name) for one in versions() if one.artifact.made_by
        ]
        assert made == [(1, "small"), (2, "hasty"), (3, "diverging"), (4, "better")]
        times = list(versions().values_list("linked_at", flat=True))
        assert times == sorted(times)
        assert self.scene.start < times[0]
        assert times[-1] < timezone.now()

    def test_the_columns_are_in_the_order_of_the_table(self) -> None:
        titles = [column.title for column in columns_of(self.scene.collection, None)]
        assert titles == ["Loss @ 10k", "Loss @ 1k", "Accuracy @ 10k", "Accuracy @ 1k"]
        assert str(self.scene.collection) == "MNIST Model Status"

    def test_a_result_is_the_mean_of_its_examples(self) -> None:
        for result in Result.objects.exclude(value=None).select_related("golden_set"):
            scores = [example.score for example in read_examples(result)]
            assert result.value == pytest.approx(sum(scores) / len(scores))
            assert result.golden_set
            assert result.n == len(scores) == result.golden_set.example_count
            assert result.stderr is not None

    def test_a_version_that_was_not_evaluated_on_a_set_has_no_cell_and_nan_is_kept(self) -> None:
        diverged = table_of(self.scene.collection)[1]
        assert diverged == [None, None, 0, None]
        assert Result.objects.filter(artifact__versions__number=3, value=None).count() == 1

    def test_examples_are_those_of_the_golden_set_with_their_pictures(self) -> None:
        golden_set = GoldenSet.objects.get(title="1k")
        assert golden_set.artifact
        content = file_at(golden_set.artifact, "examples.csv")
        rows = list(csv.DictReader(io.StringIO(text_of(content.blob_id))))
        result = Result.objects.filter(golden_set=golden_set).first()
        assert result

        examples = list(read_examples(result))

        assert [example.example for example in examples] == [row["id"] for row in rows]
        assert [example.target for example in examples] == [row["label"] for row in rows]
        assert {example.prediction for example in examples} <= set("0123456789")
        assert file_at(golden_set.artifact, "examples.png").size_bytes > 0

    def test_no_image_of_a_stored_golden_set_was_trained_on(self) -> None:
        seen: set[str] = set()
        for name in ("training.csv", "validation.csv"):
            content = text_of(file_at(self.scene.training_data, name).blob_id)
            seen |= {row["source"] for row in csv.DictReader(io.StringIO(content))}
        assert len(seen) > 1_000
        for golden_set in self.scene.golden_sets.values():
            assert golden_set.artifact
            content = text_of(file_at(golden_set.artifact, "examples.csv").blob_id)
            sources = {row["source"] for row in csv.DictReader(io.StringIO(content))}
            assert len(sources) == SHORT_STORY.held_out
            assert sources.isdisjoint(seen)

    def test_the_lineage_leads_from_data_over_the_run_to_the_model_and_its_evaluations(
        self,
    ) -> None:
        model = versions().get(number=2).artifact
        graph = lineage_of(model, None)

        runs = {run.key: pk for pk, run in graph.runs.items()}
        assert set(runs) == {"prepare-data", "train-02", "evaluate-02-1", "evaluate-02-2"}
        edges = {(edge.run_id, edge.artifact_id, str(edge.direction)) for edge in graph.edges}
        assert (runs["train-02"], self.scene.training_data.pk, "used") in edges
        assert (runs["train-02"], self.scene.code.pk, "used") in edges
        assert (runs["train-02"], model.pk, "made") in edges
        assert (runs["prepare-data"], self.scene.training_data.pk, "made") in edges
        assert (runs["evaluate-02-2"], model.pk, "used") in edges
        run = Run.objects.get(key="evaluate-02-2")
        golden = self.scene.golden_sets["10k"].artifact
        assert run.artifact_edges.filter(artifact=golden, direction="used").exists()

    def test_a_model_is_stored_in_formats_that_run_nothing(self) -> None:
        paths = {
            file.path for artifact in ArtifactVersion.objects.all() for file in files_of(artifact)
        }
        endings = {path.rpartition(".")[2] for path in paths}
        assert endings == {"safetensors", "json", "csv", "png", "py"}

    def test_a_training_run_has_curves_config_console_and_code(self) -> None:
        run = Run.objects.get(key="train-04")
        curves = {
            one.key: one.count for one in Series.objects.filter(owner_id=run.pk, kind="metric")
        }
        assert curves == dict.fromkeys(
            [
                "train/loss",
                "train/accuracy",
                "validation/loss",
                "validation/accuracy",
                "learning_rate",
            ],
            12,
        )
        assert Series.objects.filter(owner_id=run.pk, kind="system").exists()
        assert run.params.get(key="learning_rate").number == 0.1
        assert run.console.count() == 12
        assert run.tags.filter(name="network").exists()
        assert run.program == "apps/demo/network.py"
        assert run.code_commit
        assert run.group
        assert run.notes
        assert run.state == "finished"

    def test_one_run_crashed_half_way_and_says_why(self) -> None:
        run = run_of(CRASH_RUN)
        assert run.state == "running"
        assert run.state_at(timezone.now()) == "crashed"
        assert Series.objects.get(owner_id=run.pk, key="train/loss").count == 2
        errors = ConsoleLine.objects.filter(run=run, stream="error")
        assert errors.last().text == "IndexError: tuple index out of range"  # type: ignore[union-attr]
        assert not run.made_artifacts.exists()

    def test_labels_moved_by_the_demos_people_within_their_roles(self) -> None:
        people = {person.username: person.role for person in PEOPLE}
        assert set(people.values()) == {Role.VIEWER, Role.EDITOR, Role.CURATOR}
        for holding in LabelHolding.objects.all():
            assert holding.given_by
            assert holding.reason
            if holding.label == "production":
                assert people[holding.given_by.username] == Role.CURATOR
            assert self.scene.start <= holding.held_from <= timezone.now()

    def test_the_hasty_promotion_was_decided_by_what_was_known(self) -> None:
        """Whatever the short training comes to, the reasons hold the stored numbers."""
        loss = Result.objects.get(
            artifact__versions__number=2, metric__name="loss", golden_set__title="1k"
        )
        holding = LabelHolding.objects.filter(
            collection=self.scene.collection, version__number=2, label="production"
        ).first()
        assert holding
        assert f"Loss @ 1k is {loss.value:.4f}" in holding.reason

    def test_the_diverged_version_is_archived(self) -> None:
        (holding,) = label_history(self.scene.collection, "archived")
        assert holding.version.number == 3

    def test_the_registry_model_holds_the_best_with_a_label_of_its_own(self) -> None:
        held = LabelHolding.objects.filter(label="production", held_until=None)
        in_project, in_registry = (
            held.get(collection__name=name) for name in (COLLECTION, REGISTRY_MODEL)
        )
        assert in_registry.version.artifact == in_project.version.artifact
        assert in_project.version.number == 4
        assert in_registry.collection.project is None

    def test_nobody_can_sign_in_as_a_demo_user(self) -> None:
        for user in User.objects.filter(username__in=[person.username for person in PEOPLE]):
            assert not user.has_usable_password()
            assert not user.api_keys.exists()
        assert Membership.objects.filter(role=Role.ADMIN).count() == 0

    def test_a_second_call_changes_nothing(self) -> None:
        before = counts()
        newest = Event.objects.latest("sequence").sequence

        assert not load(SHORT_STORY)

        assert counts() == before
        assert Event.objects.latest("sequence").sequence == newest

    def test_the_audit_chain_is_whole(self) -> None:
        assert verify_chain() is None


@pytest.mark.parametrize("steps", [2])
def test_a_load_that_was_stopped_goes_on_and_comes_to_the_same(steps: int) -> None:
    with pytest.raises(StoppedError):
        load(SHORT_STORY, should_stop=asking_after(steps))
    half = versions().count()
    assert half == steps
    project = Run.objects.get(key="train-01").project

    assert load(SHORT_STORY)

    stopped = table_of(Collection.objects.get(name=COLLECTION))
    stopped_digests = list(versions().values_list("artifact__digest", flat=True))
    assert Run.objects.get(key="train-04").project == project
    call_command("drop_demo", verbosity=0)
    assert load(SHORT_STORY)
    assert table_of(Collection.objects.get(name=COLLECTION)) == stopped
    assert list(versions().values_list("artifact__digest", flat=True)) == stopped_digests


@pytest.mark.parametrize("line", [1, 3])
def test_a_load_that_died_goes_on(line: int) -> None:
    """It dies while telling of a step, at each of several places."""
    told = 0

    def die(text: str) -> None:
        nonlocal told
        told += 1
        if told == line:
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        load(SHORT_STORY, say=die)

    load(SHORT_STORY)

    assert loading.is_loaded(SHORT_STORY)
    assert versions().count() == 4
    assert Run.objects.count() == len(set(Run.objects.values_list("key", flat=True)))


def test_what_somebody_else_promotes_stays_theirs() -> None:
    with pytest.raises(StoppedError):
        load(SHORT_STORY, should_stop=asking_after(2))
    person = build.user("robin", role=Role.CURATOR)
    project = Run.objects.get(key="train-01").project
    first = versions().select_related("collection__project", "artifact__project").get(number=1)
    promote_version(
        version=first,
        label="staging",
        access=build.access(person, project=project),
        reason="Mine.",
    )

    load(SHORT_STORY)

    assert versions().count() == 4
    assert not LabelHolding.objects.filter(version__number__gte=3).exists()
    assert LabelHolding.objects.get(label="staging", held_until=None).given_by == person


def test_a_project_of_the_same_name_is_left_alone() -> None:
    person = build.user("robin", role=Role.ADMIN)
    create_project(name=PROJECT, access=build.access(person))

    with pytest.raises(NotOurs, match="did not make"):
        load(SHORT_STORY)

    assert Run.objects.count() == 0


def test_the_demo_acts_in_nobody_elses_name() -> None:
    build.user("Curator", role=Role.ADMIN)
    with pytest.raises(NotOurs, match="nobody else's name"):
        load(SHORT_STORY)


def test_a_model_of_the_same_name_in_the_registry_is_left_alone() -> None:
    person = build.user("robin", role=Role.ADMIN)
    access = build.access(person)
    ensure_collection(name="mnist", type="model", access=access, project=None)

    with pytest.raises(NotOurs, match="did not make"):
        load(SHORT_STORY)


@pytest.mark.slow
@pytest.mark.skipif(DATABASE_KIND != "sqlite", reason="a minute of training; once is enough")
def test_the_whole_story_has_what_it_promises() -> None:
    said: list[str] = []

    load(STORY, say=said.append)

    project = Collection.objects.get(name=COLLECTION)
    table = table_of(project)
    assert len(table) == 21
    assert said[1].startswith("[ 1/21] v1 ")
    missing = [row for row in table if row[1] is None and row[3] is None]
    diverged = Result.objects.filter(value=None, golden_set__title="10k").count()
    assert (len(missing), diverged) == (4, 1)
    history = label_history(project, "production")
    assert history.filter(is_rollback=True).count() == 1
    assert len({holding.given_by_id for holding in label_history(project)}) == 3
    held = LabelHolding.objects.filter(held_until=None)
    best = held.get(collection=project, label="production").version
    losses = [row[0] for row in table if row[0] is not None]
    assert table[21 - best.number][0] == min(losses)
    assert held.get(collection__name=REGISTRY_MODEL).version.artifact == best.artifact
    assert held.filter(collection=project, label="staging").exists()
    assert history.first().held_from > timezone.now() - timedelta(weeks=2)  # type: ignore[union-attr]
    golden_10k = GoldenSet.objects.get(title="10k")
    assert golden_10k.example_count == 10_000


def test_pages_can_tell_how_far_it_is() -> None:
    told: list[tuple[int, int]] = []
    count = len(SHORT_STORY.candidates)

    load(SHORT_STORY, say=lambda _line: told.extend((one.done, one.total) for one in going_on()))

    assert told[0] == (0, count)
    assert told[-1] == (count - 1, count)
    assert going_on() == []
