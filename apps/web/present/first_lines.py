"""What to paste into a shell to log a first number, for each way of logging."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from django.conf import settings

from apps.accounts.models import Team, User
from apps.projects.models import Project

PLACEHOLDER = "YOUR_API_KEY"
FIRST_PROJECT = "first-steps"


@dataclass(frozen=True, slots=True)
class Paste:
    """Some lines and the client that they are for."""

    label: str
    code: str


def client_lines(
    user: User, *, secret: str = PLACEHOLDER, place: Project | None = None
) -> Sequence[Paste]:
    """Into `place`, where one exists already; else into a new project of the person's own team.

    Nothing for mlflow in another team than that: its client knows of no other.
    """
    team = place.team if place else user.default_team
    project = place.name if place else FIRST_PROJECT
    is_own = team is None or team == user.default_team
    pastes = [Paste("wandb", _wandb(secret, project, None if is_own else team))]
    if is_own:
        pastes.append(Paste("mlflow", _mlflow(secret, project)))
    pastes.append(Paste("curl", _curl(secret, project, team, is_new=place is None)))
    return pastes


def _wandb(secret: str, project: str, team: Team | None) -> str:
    entity = f", entity={_text(team.name)}" if team else ""
    script = f'import wandb; wandb.init(project={_text(project)}{entity}).log({{"loss": 0.5}})'
    return (
        f"export WANDB_BASE_URL={settings.BASE_URL}\n"
        f"export WANDB_API_KEY={secret}\n"
        f"python -c {shlex.quote(script)}"
    )


def _mlflow(secret: str, project: str) -> str:
    script = (
        f'import mlflow; mlflow.set_experiment({_text(project)}); mlflow.log_metric("loss", 0.5)'
    )
    return (
        f"export MLFLOW_TRACKING_URI={settings.BASE_URL}\n"
        f"export MLFLOW_TRACKING_TOKEN={secret}\n"
        f"python -c {shlex.quote(script)}"
    )


def _curl(secret: str, project: str, team: Team | None, *, is_new: bool) -> str:
    owner = quote(team.name, safe="") if team else "YOUR_TEAM"
    name = shlex.quote(json.dumps({"name": project}, ensure_ascii=False))
    points = '{"metrics": {"loss": {"steps": [1], "values": [0.5]}}}'
    lines = [
        f"PROJECTS={settings.BASE_URL}/api/v1/teams/{owner}/projects",
        f'send() {{ curl -H "Authorization: Bearer {secret}" \\\n'
        '  -H "Content-Type: application/json" "$@"; }',
        f"send $PROJECTS -d {name}" if is_new else "",
        f"RUNS=$PROJECTS/{quote(project, safe='')}/runs",
        """send $RUNS -d '{"key": "run-1"}'""",
        f"send $RUNS/run-1/points -d '{points}'",
        """send $RUNS/run-1/finish -d '{"state": "finished"}'""",
    ]
    return "\n".join(filter(None, lines))


def _text(text: str) -> str:
    """As a literal of Python, which JSON's is too."""
    return json.dumps(text, ensure_ascii=False)
