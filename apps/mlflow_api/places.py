"""Runs and experiments by the ids of the protocol, with the caller's role there.

A run's id is its key, an experiment's the primary key of its project; "0" is the default experiment
of the caller's default team. What is in the bin is found too: for this protocol it is "deleted",
and can still be read. Each look-up is one query; hidden and missing are the same NotFound.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from django.db.models import Q

from apps.accounts.models import User
from apps.artifacts.choices import MODEL
from apps.artifacts.models import ArtifactVersion
from apps.core.errors import NotFound
from apps.core.prepared import Prepared
from apps.projects.access import Access, access_by_row, with_roles
from apps.projects.models import Project
from apps.runs.models import Run

if TYPE_CHECKING:
    from apps.mlflow_api.call import Call

DEFAULT_ID = "0"
MODEL_ID_PREFIX = "m-"
MAX_ID = 2**63 - 1


def experiment_id_of(project: Project, call: "Call") -> str:
    """The id of a project, its row of `Experiment` loaded. The default one is 0 at home only."""
    row = getattr(project, "experiment", None)
    is_default = row is not None and row.is_default
    return experiment_id(project.pk, project.team_id, is_default, call)


def experiment_id(project: int, team: int, is_default: bool | None, call: "Call") -> str:
    is_zero = is_default and team == call.user.default_team_id
    return DEFAULT_ID if is_zero else str(project)


def is_home(project: Project, call: "Call") -> bool:
    return project.team_id == call.user.default_team_id


def name_of(project: Project) -> str:
    """What mlflow clients call a project, its row of `Experiment` loaded."""
    row = getattr(project, "experiment", None)
    return project.name if row is None else row.name


def run_by_id(run_id: str, call: "Call") -> tuple[Run, Access]:
    """The run of this key that the caller may see, its project, team and experiment loaded."""
    # A key is chosen by the client, so two projects may have a run of the same one.
    for run in _RUNS.rows(run_id, call.user.pk):
        access = access_by_row(run, run.project, user=call.user, actor=call.actor, scope=call.scope)
        if access is not None:
            return run, access
    raise NotFound(f"Run '{run_id[:100]}' not found")


def model_by_id(model_id: str, call: "Call") -> tuple[ArtifactVersion, Access]:
    """The logged model of this id that the caller may see, its project, team and run loaded.

    Every artifact version of type model is one, whichever client logged it.
    """
    if model_id.startswith(MODEL_ID_PREFIX):
        for artifact in _MODELS.rows(model_id.removeprefix(MODEL_ID_PREFIX), call.user.pk):
            access = access_by_row(
                artifact, artifact.project, user=call.user, actor=call.actor, scope=call.scope
            )
            if access is not None:
                return artifact, access
    raise NotFound(f"Logged model with ID '{model_id[:100]}' not found.")


_RUNS: Final = Prepared[Run](
    lambda key, user: (
        with_roles(Run.with_deleted.filter(key=key, project__purged_at=None), user, "project__")
        .select_related("project__team", "project__experiment", "created_by")
        .order_by("-pk")[:20]
    ),
    *(str, int),
)
_MODELS: Final = Prepared[ArtifactVersion](
    lambda key, user: with_roles(
        ArtifactVersion.objects.standing().filter(key=key, type=MODEL, project__purged_at=None),
        user,
        "project__",
    ).select_related("project__team", "project__experiment", "made_by"),
    *(str, int),
)
_PROJECTS: Final = Prepared[Project](
    lambda key, user: with_roles(
        Project.with_deleted.filter(pk=key, purged_at=None), user
    ).select_related("team", "experiment"),
    *(int, int),
)
_DEFAULTS: Final = Prepared[Project](
    lambda team, user: with_roles(
        Project.with_deleted.filter(team=team, purged_at=None, experiment__is_default=True), user
    ).select_related("team", "experiment"),
    *(int, int),
)


def runs_by_ids(run_ids: Sequence[str], call: "Call") -> list[Run]:
    """The runs of these keys that the caller may see, in their order; what is not there is left
    out. Two queries."""
    visible = Project.with_deleted.filter(purged_at=None).visible_to(call.user)
    runs = Run.with_deleted.filter(key__in=set(run_ids), project__in=visible.values("pk"))
    by_key = {run.key: run for run in runs.order_by("pk")}
    return [by_key[key] for key in dict.fromkeys(run_ids) if key in by_key]


def projects_by_ids(experiment_ids: Sequence[str], call: "Call") -> list[Project]:
    """The projects of these ids that the caller may see, in the bin or not (one query)."""
    numbers = [
        int(one) for one in experiment_ids if one.isascii() and one.isdigit() and len(one) < 19
    ]
    home = call.user.default_team_id if DEFAULT_ID in experiment_ids else None
    return _SEVERAL.rows(numbers, home or 0, call.user.pk)


_SEVERAL: Final = Prepared[Project](
    lambda keys, home, user: (
        Project.with_deleted.filter(purged_at=None)
        .visible_to(User(pk=user))
        .filter(Q(pk__in=keys) | Q(team=home, experiment__is_default=True))
        .select_related("team", "experiment")
        .order_by("pk")
    ),
    *(list, int, int),
)


def project_by_id(experiment_id: str, call: "Call") -> tuple[Project, Access]:
    """The project of this id that the caller may see, its team and experiment loaded."""
    if experiment_id == DEFAULT_ID:
        from apps.mlflow_api.services import ensure_default

        team = call.home().team
        ensure_default(team)
        found = _DEFAULTS.rows(team.pk, call.user.pk)
    else:
        found = _PROJECTS.rows(_number(experiment_id), call.user.pk)
    for project in found:
        access = access_by_row(project, project, user=call.user, actor=call.actor, scope=call.scope)
        if access is not None:
            return project, access
    raise _no_experiment(experiment_id)


def _number(experiment_id: str) -> int:
    """Anything but digits is no id of ours, and nobody's."""
    is_number = experiment_id.isascii() and experiment_id.isdigit() and len(experiment_id) < 20
    if not is_number or int(experiment_id) > MAX_ID:
        raise _no_experiment(experiment_id)
    return int(experiment_id)


def _no_experiment(experiment_id: str) -> NotFound:
    return NotFound(f"No Experiment with id={experiment_id[:100]} exists")
