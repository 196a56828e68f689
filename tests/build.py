"""Builders: small worlds for tests, made with the services that the product uses.

Each builder has sensible defaults and takes only what the test is about.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from itertools import count

from apps.accounts.choices import Role, Scope
from apps.accounts.models import Team, User
from apps.accounts.queries import team_named
from apps.accounts.services import create_api_key, create_team, create_user
from apps.artifacts.models import ArtifactVersion, Collection, Version
from apps.artifacts.services import FileSpec, begin_artifact, ensure_collection, seal_artifact
from apps.audit.actors import Actor
from apps.content.services import store
from apps.core.errors import NotFound
from apps.evaluations.choices import Source
from apps.evaluations.models import GoldenSet, Result
from apps.evaluations.services import Score, mark_golden_set, record_results
from apps.projects.access import Access, access_to
from apps.projects.choices import Visibility
from apps.projects.models import Project
from apps.projects.services import create_project
from apps.runs.models import Run
from apps.runs.services import RunDescription, start_run

SYSTEM = Actor.system("tests")
_numbers = count(1)


def team(name: str = "main") -> Team:
    try:
        return team_named(name)
    except NotFound:
        return create_team(name=name, actor=SYSTEM)


def user(name: str = "", *, role: Role = Role.EDITOR, team_name: str = "main") -> User:
    """A person with a role in a team, both made when missing."""
    return create_user(
        username=name or f"{role}-{next(_numbers)}",
        role=role,
        team_name=team(team_name).name,
        actor=SYSTEM,
    )


def access(person: User, *, project: Project | None = None, team_name: str = "main") -> Access:
    """The access that the policy gives this person."""
    return access_to(
        user=person,
        actor=Actor(user_id=person.pk, name=person.username),
        team=team_name,
        project=project.name if project else None,
    )


def api_key(person: User, *, scope: Scope = Scope.WRITE) -> str:
    return create_api_key(user=person, name="tests", scope=scope, actor=SYSTEM)


def project(
    owner: User, name: str = "digits", *, private: bool = False, team_name: str = "main"
) -> Project:
    visibility = Visibility.PRIVATE if private else Visibility.TEAM
    return create_project(
        name=name, visibility=visibility, access=access(owner, team_name=team_name)
    )


def run(
    owner: User, place: Project, *, name: str = "", config: Mapping[str, object] | None = None
) -> Run:
    description = RunDescription(name=name, config=config or {})
    return start_run(
        description=description,
        access=access(owner, project=place, team_name=place.team.name),
    )


def content(owner_id: int, data: bytes) -> FileSpec:
    """Store some bytes for a project; the manifest line to name them with has the path data.bin."""
    blob = store(owner_id=owner_id, stream=BytesIO(data), max_bytes=10**9)
    return FileSpec(path="data.bin", digest=blob.digest)


def collection(
    owner: User, place: Project | None, name: str = "candidates", *, type: str = "model"
) -> Collection:
    team_name = place.team.name if place else "main"
    return ensure_collection(
        name=name,
        type=type,
        project=place,
        access=access(owner, project=place, team_name=team_name),
    )


def version(
    owner: User,
    into: Collection,
    *,
    data: bytes | None = None,
    metadata: Mapping[str, object] | None = None,
    made_by: Run | None = None,
    place: Project | None = None,
    at: datetime | None = None,
) -> Version:
    """A sealed artifact version with one file, as the next version of a project's collection."""
    home = place or into.project
    assert home is not None, "say in which project the artifact lives"
    allowed = access(owner, project=home, team_name=home.team.name)
    spec = content(home.pk, data or f"model {next(_numbers)}".encode())
    artifact = begin_artifact(
        type=into.type,
        metadata=metadata,
        files=[spec],
        made_by=made_by,
        access=allowed,
        at=at,
    )
    return seal_artifact(artifact=artifact, collection=into, access=allowed, at=at)


def golden_set(
    curator: User, name: str = "digits-10k", *, title: str = "10k", n: int = 10_000
) -> GoldenSet:
    return mark_golden_set(
        name=name, title=title, example_count=n, digest=_digest(name), access=access(curator)
    )


def result(
    owner: User,
    artifact: ArtifactVersion,
    value: float,
    *,
    on: GoldenSet | None,
    metric: str = "loss",
    stderr: float | None = None,
    n: int | None = None,
) -> Result:
    place = artifact.project
    allowed = access(owner, project=place, team_name=place.team.name)
    score = Score(metric=metric, value=value, golden_set=on, stderr=stderr, n=n)
    return record_results(artifact=artifact, scores=[score], access=allowed, source=Source.API)[0]


@dataclass
class Table:
    """A model with some versions, scored on a golden set, and the people around it."""

    curator: User
    editor: User
    viewer: User
    project: Project
    collection: Collection
    golden_set: GoldenSet
    versions: list[Version] = field(default_factory=list)


def table(losses: Sequence[float | None] = (0.5, 0.3, 0.4)) -> Table:
    """A model with a version for each loss; None leaves the version without a result."""
    curator = user(role=Role.CURATOR)
    editor = user(role=Role.EDITOR)
    place = project(editor)
    world = Table(
        curator=curator,
        editor=editor,
        viewer=user(role=Role.VIEWER),
        project=place,
        collection=collection(editor, place),
        golden_set=golden_set(curator),
    )
    for loss in losses:
        made = version(editor, world.collection)
        world.versions.append(made)
        if loss is not None:
            result(editor, made.artifact, loss, on=world.golden_set)
    return world


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
