"""Removing the demo: all of it, only it, and not while others' work stands in it."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.accounts.choices import Role
from apps.accounts.models import User
from apps.artifacts.models import ArtifactVersion, Version
from apps.artifacts.services import ensure_collection, link_version
from apps.audit.models import Event
from apps.content.models import Holding
from apps.demo.loading import load
from apps.demo.removal import OthersWorkInside, drop
from apps.demo.story import COLLECTION, PROJECT
from apps.evaluations.models import MetricDefinition
from apps.evaluations.services import ensure_metric
from apps.projects.models import Project
from apps.projects.services import create_project
from apps.runs.models import Run
from apps.runs.services import RunDescription, start_run
from tests import build
from tests.demo.conftest import SHORT_STORY
from tests.demo.test_loading import counts

pytestmark = pytest.mark.django_db

# What is never shortened, and bytes that the next garbage collection takes.
KEPT = {
    "audit.Event",
    "audit.EventSubject",
    "audit.ChainHead",
    "content.Blob",
    # The team may be everybody's; it stays, with its labels.
    "accounts.Team",
    "registry.StatusLabel",
}


def dropped() -> str:
    said = StringIO()
    call_command("drop_demo", stdout=said)
    return said.getvalue()


def test_nothing_of_it_stays_but_the_audit_log() -> None:
    before = counts()
    load(SHORT_STORY)
    events = Event.objects.count()

    said = dropped()

    after = counts()
    assert {name: after[name] for name in after if name not in KEPT} == {
        name: before[name] for name in before if name not in KEPT
    }
    assert Holding.objects.count() == 0
    assert Event.objects.count() == events + 1
    assert Event.objects.latest("sequence").kind == "demo.dropped"
    assert "audit log" in said


def test_it_can_be_loaded_again_and_dropped_again() -> None:
    for _ in range(2):
        assert load(SHORT_STORY)
        assert drop() is not None
    assert not Project.objects.exists()


def test_without_a_demo_there_is_nothing_to_do() -> None:
    build.user("robin", role=Role.ADMIN)
    assert dropped() == "There is no demo here.\n"
    assert User.objects.filter(username="robin").exists()


def test_what_others_have_stays() -> None:
    person = build.user("robin", role=Role.ADMIN)
    mine = create_project(name="mine", access=build.access(person))
    start_run(description=RunDescription(key="my-run"), access=build.access(person, project=mine))
    build.version(person, build.collection(person, mine))
    ensure_metric(team=mine.team, name="accuracy")
    load(SHORT_STORY)

    dropped()

    assert list(Project.objects.values_list("name", flat=True)) == ["mine"]
    assert list(Run.objects.values_list("key", flat=True)) == ["my-run"]
    assert list(User.objects.values_list("username", flat=True)) == ["robin"]
    assert ArtifactVersion.objects.count() == 1
    assert Holding.objects.count() == 1
    assert MetricDefinition.objects.filter(name="accuracy").exists()


def test_a_run_that_somebody_logged_into_it_stops_it() -> None:
    load(SHORT_STORY)
    person = build.user("robin", role=Role.EDITOR)
    project = Project.objects.get(name=PROJECT)
    start_run(description=RunDescription(key="mine"), access=build.access(person, project=project))
    before = counts()

    with pytest.raises(CommandError, match="1 runs of others in its project"):
        dropped()

    assert counts() == before


def test_a_version_that_somebody_linked_elsewhere_stops_it() -> None:
    load(SHORT_STORY)
    person = build.user("robin", role=Role.CURATOR)
    access = build.access(person)
    theirs = ensure_collection(name="Digits", type="model", access=access, project=None)
    version = Version.objects.select_related("artifact__project").get(
        collection__name=COLLECTION, number=1
    )
    link_version(artifact=version.artifact, collection=theirs, access=access)

    with pytest.raises(OthersWorkInside, match="in collections of others"):
        drop()


def test_a_project_that_only_has_its_name_is_not_removed() -> None:
    person = build.user("robin", role=Role.ADMIN)
    create_project(name=PROJECT, access=build.access(person))

    with pytest.raises(CommandError, match="did not make"):
        dropped()

    assert Project.objects.filter(name=PROJECT).exists()
