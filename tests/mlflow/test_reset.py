"""The switch for outside suites: absent unless asked for, and then it empties one team."""

from collections.abc import Callable

import pytest
from django.test import Client, override_settings
from django.urls import resolve

from apps.accounts.choices import Role, Scope
from apps.accounts.models import ApiKey
from apps.artifacts.models import ArtifactVersion, Collection
from apps.audit.models import Event
from apps.audit.verification import verify_chain
from apps.content.models import Holding
from apps.evaluations.models import GoldenSet, MetricDefinition
from apps.mlflow_api.models import Experiment
from apps.projects.models import Project
from apps.runs.models import Run
from apps.runs.services import log_points
from apps.series.models import Series
from apps.series.services import Batch
from tests import build
from tests.mlflow.conftest import Caller

pytestmark = pytest.mark.django_db
with_switch = override_settings(ROOT_URLCONF="tests.mlflow.reset_urls")


@pytest.fixture
def caller(calling: Callable[..., Caller]) -> Caller:
    made = calling()
    made.root = "/"
    return made


def test_without_the_switch_there_is_no_such_address(caller: Caller) -> None:
    build.project(caller.user, "kept")

    # What it is then: the page of a project that nobody has.
    assert resolve("/test/reset").kwargs == {"team": "test", "project": "reset"}
    assert caller.send("POST", "test/reset").status_code == 302
    assert Project.objects.filter(name="kept").exists()


@with_switch
def test_everything_of_the_team_goes_but_the_default_experiment(caller: Caller) -> None:
    world = build.table()
    registry = build.collection(world.editor, None, "MNIST")
    build.version(world.editor, registry, place=world.project)
    run = build.run(world.editor, world.project, config={"lr": 0.1})
    place = build.access(world.editor, project=world.project)
    log_points(run=run, access=place, batches=[Batch("loss", [0], [0.0], [1.0])])
    world.project.refresh_from_db()

    assert caller.send("POST", "test/reset").json() == {}

    (experiment,) = Experiment.objects.select_related("project")
    assert (experiment.name, experiment.is_default) == ("Default", True)
    assert list(Project.with_deleted.all()) == [experiment.project]
    for model in (Run, Series, ArtifactVersion, Collection, GoldenSet, MetricDefinition, Holding):
        assert not model._base_manager.exists(), model


@with_switch
def test_twice_is_as_good_as_once_and_the_history_stays_whole(caller: Caller) -> None:
    build.project(caller.user, "first")
    before = Event.objects.count()

    for _ in range(2):
        assert caller.send("POST", "test/reset").status_code == 200

    assert Project.objects.count() == 1
    assert Event.objects.filter(kind="team.emptied").count() == 2
    assert Event.objects.count() > before
    assert verify_chain() is None


@with_switch
def test_another_team_and_the_people_are_left_alone(
    caller: Caller, calling: Callable[..., Caller]
) -> None:
    other = calling(team_name="elsewhere")
    theirs = build.project(other.user, "theirs", team_name="elsewhere")

    caller.send("POST", "test/reset")

    assert Project.objects.filter(pk=theirs.pk).exists()
    assert ApiKey.objects.count() == 2


@with_switch
@pytest.mark.parametrize(("role", "scope"), [(Role.VIEWER, Scope.WRITE), (Role.EDITOR, Scope.READ)])
def test_it_takes_a_key_that_may_delete(
    calling: Callable[..., Caller], role: Role, scope: Scope
) -> None:
    asking = calling(role, scope=scope)
    asking.root = "/"
    build.project(build.user(), "kept")

    assert asking.refused("POST", "test/reset") == (403, "PERMISSION_DENIED")
    asking.key = "ms-" + "x" * 40
    assert asking.refused("POST", "test/reset") == (401, "UNAUTHENTICATED")
    assert Project.objects.filter(name="kept").exists()


@with_switch
def test_without_a_key_every_team_is_emptied(calling: Callable[..., Caller]) -> None:
    for team in ("main", "elsewhere"):
        build.project(calling(team_name=team).user, "gone", team_name=team)

    assert Client().post("/test/reset").json() == {}

    assert not Project.objects.filter(name="gone").exists()
    assert Experiment.objects.filter(is_default=True).count() == 2
    assert ApiKey.objects.count() == 2
    assert Client().get("/test/reset").status_code == 405


@with_switch
def test_a_page_in_a_browser_may_not(client: Client) -> None:
    build.project(build.user(), "kept")

    response = client.post("/test/reset", headers={"Origin": "https://elsewhere.example"})

    assert response.status_code == 403
    assert Project.objects.filter(name="kept").exists()
