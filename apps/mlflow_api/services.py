"""Experiments: projects under the names that mlflow clients give them."""

import re
import unicodedata
from collections.abc import Iterator

from django.db import IntegrityError, transaction

from apps.accounts.models import Team
from apps.audit.actors import Actor
from apps.core.ids import new_key
from apps.core.names import RESERVED, name_key
from apps.mlflow_api.errors import already_exists
from apps.mlflow_api.models import Experiment
from apps.projects.access import Access, Action, system_access
from apps.projects.models import Project
from apps.projects.services import ProjectExists, create_project

DEFAULT_NAME = "Default"
_SLUG_LENGTH = 100
_NO_SLUG = re.compile(r"[^A-Za-z0-9_.-]+")


def ensure_default(team: Team) -> None:
    """Make the default experiment of a team where it has none yet, whoever asks for it first."""
    if Experiment.objects.filter(team=team, is_default=True).exists():
        return
    make_default(team)


def make_default(team: Team) -> None:
    """Two who come here at once make one: the other's is undone by the constraint."""
    access = system_access(team, Actor.system("mlflow"))
    taken = Experiment.objects.filter(team=team, name=DEFAULT_NAME)
    try:
        with transaction.atomic():
            if not taken.update(is_default=True):
                create_experiment(name=DEFAULT_NAME, access=access, is_default=True)
    except IntegrityError:
        if not Experiment.objects.filter(team=team, is_default=True).exists():
            raise


@transaction.atomic
def create_experiment(
    *,
    name: str,
    access: Access,
    artifact_location: str = "",
    is_default: bool = False,
) -> Project:
    """A project for a new experiment of the caller's team. Raises RESOURCE_ALREADY_EXISTS."""
    access = access.within(None)
    access.require(Action.LOG)
    _refuse_taken(name, access.team)
    project = _make_project(name, access)
    try:
        with transaction.atomic():
            Experiment.objects.create(
                project=project,
                team=access.team,
                name=name,
                artifact_location=artifact_location,
                is_default=is_default,
                updated_at=project.created_at,
            )
    except IntegrityError as error:
        raise _taken(name) from error
    return project


def _refuse_taken(name: str, team: Team) -> None:
    # The row of a project that is gone for good no longer keeps its name.
    Experiment.objects.filter(team=team, name=name, project__purged_at__isnull=False).delete()
    is_taken = Experiment.objects.filter(team=team, name=name).exists()
    elsewhere = Project.with_deleted.filter(
        team=team, name_key=name_key(name), name=name, experiment=None, purged_at=None
    )
    if is_taken or elsewhere.exists():
        raise _taken(name)


def _taken(name: str) -> Exception:
    return already_exists(
        f"Experiment(name={name[:200]}) already exists. If it is deleted, restore it, or choose "
        "another name."
    )


def _make_project(name: str, access: Access) -> Project:
    """A project whose name is as near to the experiment's as an address allows."""
    for slug in _slugs(name):
        try:
            return create_project(name=slug, title=_title(name, slug), access=access)
        except ProjectExists:
            continue
    raise already_exists(f"There is no free project name for the experiment {name[:200]!r}.")


def _slugs(name: str) -> Iterator[str]:
    plain = _NO_SLUG.sub("-", unicodedata.normalize("NFKC", name))[:_SLUG_LENGTH].strip("-.")
    plain = plain or "experiment"
    if name_key(plain) not in RESERVED:
        yield plain
    yield from (f"{plain}-{number}" for number in range(2, 6))
    yield f"{plain}-{new_key()}"


def _title(name: str, slug: str) -> str:
    """The experiment's name where the project's differs, without what no title may hold."""
    shown = "".join(c if c.isprintable() else " " for c in name)[:256].strip()
    return "" if shown == slug else shown
