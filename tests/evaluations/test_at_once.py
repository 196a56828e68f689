"""Results of one model, or on one data set, that come from two clients at one moment.

On PostgreSQL, where writers do not queue for the whole database. A "deadlock detected" here is a
refusal for a client that did nothing wrong.
"""

import pytest
from django.db import connection, transaction

from apps.audit.services import told_last
from apps.evaluations.choices import Source
from apps.evaluations.models import GoldenSet, MetricDefinition, Result
from apps.evaluations.services import (
    Score,
    ensure_metrics,
    lock_for_results,
    named_golden_sets,
    record_results,
)
from apps.projects.access import Access
from tests import build
from tests.evaluations.test_found import World, make_world
from tests.meeting import meet

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    return make_world()


@pytest.fixture
def allowed(world: World) -> Access:
    return build.access(world.editor, project=world.project)


def test_a_run_that_ends_and_results_of_the_model_that_it_used(
    world: World, allowed: Access
) -> None:
    run = world.run_that_used(world.model, world.datasets[0].artifact)

    meet(
        lambda: lock_for_results([world.model.pk]),
        lambda: world.finish(run, loss=0.5),
        then=lambda: record_results(
            artifact=world.model,
            scores=[Score("accuracy", 0.75)],
            access=allowed,
            source=Source.API,
        ),
    )

    run.refresh_from_db()
    assert run.state == "finished"
    assert set(Result.objects.values_list("metric__name", "value")) == {
        ("loss", 0.5),
        ("accuracy", 0.75),
    }


def test_new_golden_sets_that_two_clients_name_in_another_order(
    world: World, allowed: Access
) -> None:
    def name_them(*names: str) -> None:
        with transaction.atomic(), told_last():
            named_golden_sets(places=[(name, "abc") for name in names], access=allowed)

    meet(
        lambda: name_them("a"),
        lambda: name_them("b", "a"),
        then=lambda: name_them("b"),
    )

    assert set(GoldenSet.objects.values_list("name", flat=True)) == {"a", "b"}


def test_new_metrics_that_two_clients_name_in_another_order(world: World) -> None:
    def name_them(*names: str) -> None:
        with transaction.atomic():
            ensure_metrics(team=world.project.team, names=names)

    meet(
        lambda: name_them("a"),
        lambda: name_them("b", "a"),
        then=lambda: name_them("b"),
    )

    assert set(MetricDefinition.objects.values_list("name", flat=True)) == {"a", "b"}
