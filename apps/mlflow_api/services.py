"""Experiments: projects under the names that mlflow clients give them."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.accounts.models import Team
from apps.audit.actors import Actor
from apps.audit.services import record
from apps.core.errors import NotFound
from apps.core.ids import new_key
from apps.core.names import RESERVED, name_key
from apps.mlflow_api.errors import already_exists
from apps.mlflow_api.models import Experiment, ExperimentTag
from apps.mlflow_api.places import name_of
from apps.projects.access import Access, Action, system_access
from apps.projects.models import Project
from apps.projects.services import (
    ProjectExists,
    create_project,
    project_subject,
    update_project,
)

DEFAULT_NAME = "Default"
# The tag in which the client keeps an experiment's description.
NOTE = "mlflow.note.content"
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


@transaction.atomic
def rename_experiment(*, project: Project, name: str, access: Access) -> None:
    """Give an experiment another name. The project keeps its own, which is in addresses."""
    access.require(Action.LOG)
    if name == name_of(project):
        return
    _refuse_taken(name, access.team)
    row = _row_of(project)
    former, row.name = row.name, name
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise _taken(name) from error
    update_project(access=access, title=_title(name, project.name))
    _record_change(project, access, before={"experiment": former}, after={"experiment": name})


@transaction.atomic
def set_experiment_tags(*, project: Project, tags: Mapping[str, str], access: Access) -> None:
    """Set tags, each in the place of its former value. The description is the project's own."""
    access.require(Action.LOG)
    if NOTE in tags:
        update_project(access=access, description=tags[NOTE])
    if tags.keys() <= {NOTE}:
        return
    ExperimentTag.objects.bulk_create(
        [
            ExperimentTag(project=project, key=key, value=value)
            for key, value in tags.items()
            if key != NOTE
        ],
        update_conflicts=True,
        unique_fields=["project", "key"],
        update_fields=["value"],
    )
    _touch(project)
    _record_change(project, access, after={"tags": sorted(tags)})


@transaction.atomic
def delete_experiment_tag(*, project: Project, key: str, access: Access) -> None:
    """Take a tag off. Raises NotFound where there is none."""
    access.require(Action.LOG)
    if key == NOTE and project.description:
        update_project(access=access, description="")
        return
    if not ExperimentTag.objects.filter(project=project, key=key).delete()[0]:
        raise NotFound(f"No tag with key '{key[:250]}' in experiment {name_of(project)[:200]!r}")
    _touch(project)
    _record_change(project, access, before={"tags": [key]})


def _row_of(project: Project) -> Experiment:
    """The row of an experiment to save; one of a project that was made elsewhere is new."""
    row = getattr(project, "experiment", None) or Experiment(
        project=project, team_id=project.team_id, name=project.name
    )
    row.updated_at = timezone.now()
    return row


def _touch(project: Project) -> None:
    """Say that something changed now, where there is a row to say it in."""
    Experiment.objects.filter(project=project).update(updated_at=timezone.now())


def _record_change(
    project: Project,
    access: Access,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    record(
        kind="project.changed",
        actor=access.actor,
        subjects=[project_subject(project)],
        team_id=access.team.pk,
        project_id=project.pk,
        before=before,
        after=after,
    )
