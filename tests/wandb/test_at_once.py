"""Two processes of one script that start at the same moment, on PostgreSQL."""

from typing import Any

import pytest
from django.db import connection

from apps.accounts.choices import Role
from apps.audit.models import Event
from apps.projects.models import Project
from apps.runs.models import Run
from tests import build
from tests.meeting import meet
from tests.wandb.conftest import Caller, caller
from tests.wandb.documents import UPSERT

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def logger() -> Caller:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    return caller(build.user("logger", role=Role.EDITOR))


def start(logger: Caller, name: str, answers: list[Any]) -> None:
    config = '{"lr": {"value": 0.1}}'
    answers.append(logger.ask(UPSERT, name=name, project="digits", config=config)["upsertBucket"])


def test_of_two_that_make_a_run_one_has_made_it(logger: Caller) -> None:
    build.project(logger.user, "digits")
    answers: list[Any] = []
    meet(
        lambda: start(logger, "abc123", answers),
        lambda: start(logger, "abc123", answers),
    )
    assert [answer["inserted"] for answer in answers] == [True, False]
    assert answers[0]["bucket"]["id"] == answers[1]["bucket"]["id"]
    assert Run.objects.count() == 1
    assert Event.objects.filter(kind="run.started").count() == 1


def test_two_runs_make_their_project_once(logger: Caller) -> None:
    answers: list[Any] = []
    meet(
        lambda: start(logger, "abc123", answers),
        lambda: start(logger, "def456", answers),
    )
    assert [answer["inserted"] for answer in answers] == [True, True]
    assert Project.objects.count() == 1
    assert Run.objects.count() == 2
