"""A team, people and models for tests, made through the services that make real ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apps.accounts.choices import Role
from apps.accounts.models import Team, User
from apps.accounts.services import create_user
from apps.artifacts.choices import MODEL
from apps.artifacts.models import ArtifactVersion, Collection, LabelHolding, Version
from apps.artifacts.services import (
    FileSpec,
    begin_artifact,
    ensure_collection,
    link_version,
    seal_artifact,
)
from apps.audit.actors import Actor
from apps.evaluations.choices import Source
from apps.evaluations.models import GoldenSet
from apps.evaluations.services import Score, mark_golden_set, record_results
from apps.projects.access import Access, access_to, system_access
from apps.projects.choices import Visibility
from apps.projects.models import Project
from apps.projects.services import create_project
from apps.registry.services.promotion import promote_version
from apps.runs.models import Run
from apps.runs.services import RunDescription, finish_run, start_run

# Everything that a test makes happens from here on, an hour apart.
START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SYSTEM = Actor.system("tests")

# A score: its value, or its value and standard error.
Scored = float | tuple[float, float]


def make_user(name: str, role: Role = Role.VIEWER, *, team: str = "main") -> User:
    return create_user(
        username=name,
        role=role,
        team_name=team,
        display_name=name.replace("_", " ").title(),
        actor=SYSTEM,
        at=START,
    )


def acting(user: User, team: str = "main", project: str | None = None) -> Access:
    """The user's own access, as a door would give it."""
    return access_to(user=user, actor=Actor(user.pk, user.username), team=team, project=project)


@dataclass
class Story:
    """A team with a curator, an editor and a viewer, one project, and a model in it."""

    team: Team
    curator: User
    editor: User
    viewer: User
    project: Project
    model: Collection
    golden_sets: dict[str, GoldenSet]

    @property
    def access(self) -> Access:
        return acting(self.editor, self.team.name, self.project.name)

    def hour(self, count: float) -> datetime:
        return START + timedelta(hours=count)

    def version(
        self,
        scores: Mapping[str, Scored] | None = None,
        *,
        files: Sequence[FileSpec] = (),
        metadata: Mapping[str, object] | None = None,
        note: str = "",
        run: Run | None = None,
        model: Collection | None = None,
        at: datetime | None = None,
    ) -> Version:
        """The next version of the model; scores by "loss@10k", or "loss" for the training run's."""
        model = model or self.model
        model.refresh_from_db()
        number = model.next_number
        at = at or self.hour(number)
        if run is None:
            run = start_run(
                description=RunDescription(name=f"run-{number}"), access=self.access, at=at
            )
            finish_run(run=run, access=self.access, at=at)
        artifact = begin_artifact(
            type=model.type,
            access=self.access,
            metadata={"number": number, "of": model.pk, **(metadata or {})},
            files=files,
            made_by=run,
            at=at,
        )
        version = seal_artifact(
            artifact=artifact, collection=model, access=self.access, note=note, at=at
        )
        if scores:
            self.score(version, scores, at=at)
        return version

    def score(
        self, version: Version, scores: Mapping[str, Scored], *, at: datetime | None = None
    ) -> None:
        record_results(
            artifact=version.artifact,
            scores=[self._score(name, scored) for name, scored in scores.items()],
            access=self.access,
            source=Source.API,
            at=at or version.linked_at,
        )

    def promote(
        self,
        version: Version,
        label: str = "production",
        *,
        reason: str = "",
        by: User | None = None,
    ) -> LabelHolding:
        by = by or self.curator
        scope = self.project.name if version.collection.project_id else None
        return promote_version(
            version=version,
            label=label,
            access=acting(by, self.team.name, scope),
            reason=reason,
            at=version.linked_at + timedelta(minutes=30),
        )

    def registry(self, name: str = "MNIST") -> Collection:
        """An empty model of the team's registry."""
        return ensure_collection(
            name=name, type=MODEL, access=acting(self.curator, self.team.name), project=None
        )

    def link(self, artifact: ArtifactVersion, model: Collection) -> Version:
        return link_version(
            artifact=artifact, collection=model, access=acting(self.curator, self.team.name)
        )

    def _score(self, name: str, scored: Scored) -> Score:
        metric, _, golden_set = name.partition("@")
        value, stderr = scored if isinstance(scored, tuple) else (scored, None)
        return Score(
            metric=metric,
            value=value,
            stderr=stderr,
            n=10_000 if golden_set == "10k" else 1_000,
            golden_set=self.golden_sets[golden_set] if golden_set else None,
        )


def make_story(*, team: str = "main", model: str = "mnist_model_candidates") -> Story:
    curator = make_user(f"{team}_curator", Role.CURATOR, team=team)
    editor = make_user(f"{team}_editor", Role.EDITOR, team=team)
    viewer = make_user(f"{team}_viewer", Role.VIEWER, team=team)
    owner = Team.objects.get(name=team)
    project = make_project(owner, "digits")
    access = acting(editor, team, project.name)
    collection = ensure_collection(name=model, type=MODEL, access=access, project=project, at=START)
    sets = {
        title: mark_golden_set(
            name=f"mnist_{title}",
            title=title,
            example_count=count,
            access=acting(curator, team),
            at=START,
        )
        for title, count in (("10k", 10_000), ("1k", 1_000))
    }
    return Story(owner, curator, editor, viewer, project, collection, sets)


def make_project(team: Team, name: str, visibility: Visibility = Visibility.TEAM) -> Project:
    return create_project(
        name=name, access=system_access(team, SYSTEM), visibility=visibility, at=START
    )
