"""What the pages offer to paste into a shell, done as it stands there."""

import ast
import os
import shutil
import subprocess
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from apps.accounts.choices import Role
from apps.accounts.models import User
from apps.accounts.services import set_role
from apps.runs.models import Run
from apps.web.present.first_lines import client_lines
from tests import build

pytestmark = pytest.mark.django_db
NAMES = ["first-steps", "it's $100 & `id`", "模型 שלום"]


@pytest.fixture
def ada() -> User:
    return build.user("ada", role=Role.EDITOR)


def pasted(user: User, **place: Any) -> dict[str, str]:
    return {one.label: one.code for one in client_lines(user, secret="ms-1", **place)}


def program(code: str) -> str:
    """What the shell hands to Python."""
    shown = """python() { printf '%s' "$2"; }"""
    done = subprocess.run(
        ["bash", "-euc", f"{shown}\n{code}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_the_programs_are_whole_whatever_the_project_is_called(ada: User, name: str) -> None:
    lines = pasted(ada, place=build.project(ada, name))
    for client in ("wandb", "mlflow"):
        nodes = ast.walk(ast.parse(program(lines[client])))
        constants = {node.value for node in nodes if isinstance(node, ast.Constant)}
        assert constants == {name, "loss", 0.5}


def test_into_a_new_project_of_ones_own_team(ada: User) -> None:
    lines = pasted(ada)
    assert list(lines) == ["wandb", "mlflow", "curl"]
    assert 'wandb.init(project="first-steps").log' in lines["wandb"]
    assert 'mlflow.set_experiment("first-steps")' in lines["mlflow"]
    assert "/api/v1/teams/main/projects\n" in lines["curl"]


def test_another_team_is_named_and_has_no_line_for_mlflow(ada: User) -> None:
    owner = build.user("fay", role=Role.EDITOR, team_name="others")
    place = build.project(owner, "elsewhere", team_name="others")
    set_role(user=ada, team=place.team, role=Role.EDITOR, actor=build.SYSTEM)
    lines = pasted(ada, place=place)
    assert list(lines) == ["wandb", "curl"]
    assert 'wandb.init(project="elsewhere", entity="others").log' in lines["wandb"]


def test_who_is_in_no_team_is_told_to_name_one(ada: User) -> None:
    ada.default_team = None
    assert "/teams/YOUR_TEAM/projects" in pasted(ada)["curl"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", [None, *NAMES])
def test_curl_logs(live_server: LiveServer, settings: Any, ada: User, name: str | None) -> None:
    settings.BASE_URL = live_server.url
    place = build.project(ada, name) if name else None
    lines = client_lines(ada, secret=build.api_key(ada), place=place)
    curl = next(one.code for one in lines if one.label == "curl")
    done = subprocess.run(
        ["bash", "-euc", curl.replace("{ curl", "{ curl --fail-with-body")],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    run = Run.objects.get()
    assert (run.project.name, run.state) == (name or "first-steps", "finished")
