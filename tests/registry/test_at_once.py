"""Two changes that meet on PostgreSQL, where writers do not queue for the whole database.

Each test makes the first change, holds back its commit, starts the second one in a connection of
its own, and commits when the second waits. Both must succeed: a "deadlock detected" here is a 503
for somebody who did nothing wrong.
"""

import pytest
from django.db import connection

from apps.artifacts.models import ArtifactVersion, LabelHolding
from apps.artifacts.services import (
    begin_artifact,
    delete_version,
    link_version,
    note_use,
    seal_artifact,
)
from apps.evaluations.choices import Source
from apps.evaluations.services import Score, record_results
from apps.projects.access import Access
from apps.registry.models import ColumnScore
from apps.registry.queries.table import columns_of
from apps.registry.services.columns import ColumnSpec, update_columns
from apps.registry.services.labels import save_label
from apps.registry.services.promotion import promote_version
from apps.runs.services import update_run
from tests import build
from tests.meeting import meet

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def only_where_writers_meet(db: None) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")


def curating(world: build.Table) -> Access:
    return build.access(world.curator, project=world.project)


def record(world: build.Table, artifact: ArtifactVersion, loss: float) -> None:
    record_results(
        artifact=artifact,
        scores=[Score("loss", loss, golden_set=world.golden_set)],
        access=build.access(world.editor, project=world.project),
        source=Source.API,
    )


def log_another(world: build.Table) -> None:
    allowed = build.access(world.editor, project=world.project)
    artifact = begin_artifact(type="model", metadata={"lr": 0.1}, access=allowed)
    seal_artifact(artifact=artifact, collection=world.collection, access=allowed)


def test_a_promotion_and_a_new_version() -> None:
    world = build.table()

    meet(
        lambda: promote_version(
            version=world.versions[0], label="production", access=curating(world)
        ),
        lambda: log_another(world),
    )


def test_a_promotion_and_new_columns() -> None:
    world = build.table()
    specs = [
        ColumnSpec(one.pk, "Loss", is_visible=True) for one in columns_of(world.collection, None)
    ]

    meet(
        lambda: promote_version(
            version=world.versions[0], label="production", access=curating(world)
        ),
        lambda: update_columns(collection=world.collection, specs=specs, access=curating(world)),
    )


def test_results_and_a_promotion_of_what_they_are_about() -> None:
    world = build.table()
    version = world.versions[0]

    meet(
        lambda: record(world, version.artifact, 0.1),
        lambda: promote_version(version=version, label="production", access=curating(world)),
    )


def test_a_use_and_a_change_of_the_run_that_uses() -> None:
    world = build.table()
    run = build.run(world.editor, world.project)
    allowed = build.access(world.editor, project=world.project)

    meet(
        lambda: note_use(run=run, artifact=world.versions[0].artifact, access=allowed),
        lambda: update_run(run=run, config={"lr": 0.1}, access=allowed),
    )


def test_a_use_and_results_of_what_is_used() -> None:
    world = build.table()
    artifact = world.versions[0].artifact
    run = build.run(world.editor, world.project)
    allowed = build.access(world.editor, project=world.project)

    meet(
        lambda: note_use(run=run, artifact=artifact, access=allowed),
        lambda: record(world, artifact, 0.1),
    )


def test_results_that_come_while_their_version_is_linked_reach_the_other_table() -> None:
    world = build.table()
    artifact = world.versions[0].artifact
    registry = build.collection(world.curator, None, "MNIST")

    meet(
        lambda: link_version(
            artifact=artifact, collection=registry, access=build.access(world.curator)
        ),
        lambda: record(world, artifact, 0.125),
    )

    scores = ColumnScore.objects.filter(column__collection=registry)
    assert [score.value for score in scores] == [0.125]


def test_results_that_come_while_their_version_is_removed_reach_no_table() -> None:
    world = build.table()
    version = world.versions[0]

    meet(
        lambda: delete_version(version=version, reason="old", access=curating(world)),
        lambda: record(world, version.artifact, 0.125),
    )

    assert not ColumnScore.objects.filter(version=version).exists()


def test_a_label_that_becomes_exclusive_gets_no_second_holder() -> None:
    world = build.table()
    first, second, _ = world.versions
    promote_version(version=first, label="archived", access=curating(world))

    meet(
        lambda: save_label(name="archived", is_exclusive=True, access=curating(world)),
        lambda: promote_version(version=second, label="archived", access=curating(world)),
    )

    held = LabelHolding.objects.filter(label="archived", held_until=None)
    assert [(one.version, one.is_exclusive) for one in held] == [(second, True)]
