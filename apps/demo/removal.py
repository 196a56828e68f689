"""Removing the demo: everything that it made but the audit log, which nobody can shorten.

The only place that deletes projects and people, which is why the deletions stand here and not in
services that other doors could call by mistake. What others have added to the demo's things stops
it: nothing of theirs goes.
"""

from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Q

from apps.accounts.models import Team, User
from apps.artifacts.models import (
    ArtifactVersion,
    Collection,
    RunArtifact,
    Version,
)
from apps.audit.actors import Subject
from apps.audit.services import record
from apps.content.models import Holding
from apps.core.errors import Conflict
from apps.demo.ownership import (
    ACTOR,
    demo_project,
    demo_registry_model,
    demo_team,
    demo_users,
    is_ours,
)
from apps.demo.scene import ACCURACY, LOSS
from apps.evaluations.models import GoldenSet, MetricDefinition, Result
from apps.projects.models import Project
from apps.registry.models import Column
from apps.runs.models import Run
from apps.series.services import delete_series


class OthersWorkInside(Conflict):
    """People have added things of their own to the demo's."""


@dataclass
class Removed:
    """How much of what went, for saying so."""

    counts: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        return ", ".join(f"{count} {what}" for what, count in self.counts.items() if count)


@transaction.atomic
def drop() -> Removed | None:
    """Remove the demo; None when there is none.

    Raises NotOurs, and OthersWorkInside naming what stands in the way. Stored bytes go with the
    next `collect_garbage`, once nothing names them.
    """
    team, project, users = demo_team(), demo_project(), demo_users()
    if team is None or (project is None and not users):
        return None
    registry_model = demo_registry_model()
    removed = Removed()
    if project is not None:
        _refuse_others_work(project, registry_model, users)
        _remove_registry_model(registry_model, removed)
        _remove_project(project, removed)
    _remove_metrics(team, removed)
    _remove_users(users, removed)
    record(
        kind="demo.dropped",
        actor=ACTOR,
        subjects=[Subject("team", team.pk, team.name)],
        team_id=team.pk,
        before=dict(removed.counts),
    )
    return removed


def _refuse_others_work(
    project: Project, registry_model: Collection | None, users: dict[str, User]
) -> None:
    """Labels that others gave go with the versions; what others made does not."""
    ours = Q(created_by__in=[user.pk for user in users.values()])
    artifacts = ArtifactVersion.objects.filter(project=project)
    golden_sets = GoldenSet.objects.filter(artifact__project=project)
    found = {
        "runs of others in its project": Run.with_deleted.filter(project=project).exclude(ours),
        "artifacts of others in its project": artifacts.exclude(ours),
        "runs of other projects that used its artifacts": RunArtifact.objects.filter(
            artifact__project=project
        ).exclude(run__project=project),
        "its versions in collections of others": Version.objects.filter(
            artifact__project=project, deleted_at=None
        )
        .exclude(collection__project=project)
        .exclude(collection=registry_model),
        "versions of others in its registry model": Version.objects.filter(
            collection=registry_model
        ).exclude(artifact__project=project),
        "results of others on its golden sets": Result.objects.filter(
            golden_set__in=golden_sets
        ).exclude(artifact__project=project),
    }
    in_the_way = [f"{rows.count()} {what}" for what, rows in found.items() if rows.exists()]
    if in_the_way:
        raise OthersWorkInside(
            "People have built on the demo, so it is not removed. In the way: "
            + "; ".join(in_the_way)
            + "."
        )


def _remove_registry_model(registry_model: Collection | None, removed: Removed) -> None:
    if registry_model is not None:
        removed.counts["registry models"] = 1
        registry_model.delete()


def _remove_project(project: Project, removed: Removed) -> None:
    """From the results down to the runs, in the order in which rows point at each other."""
    artifacts = ArtifactVersion.objects.filter(project=project)
    golden_sets = GoldenSet.objects.filter(artifact__in=artifacts)
    # What is in the bin is part of it too.
    runs = list(Run.with_deleted.filter(project=project).values_list("pk", flat=True))
    removed.counts["runs"] = len(runs)
    removed.counts["artifact versions"] = artifacts.count()
    removed.counts["results"] = Result.objects.filter(artifact__in=artifacts).count()
    removed.counts["golden sets"] = golden_sets.count()
    delete_series(owner_ids=runs)
    Result.objects.filter(artifact__in=artifacts).delete()
    golden_sets.delete()
    # Versions of it in other collections are tombstones here (see above), but still point at it.
    Version.objects.filter(artifact__in=artifacts).delete()
    Collection.with_deleted.filter(project=project).delete()
    artifacts.delete()
    Holding.objects.filter(owner_id=project.pk).delete()
    project.delete()


def _remove_metrics(team: Team, removed: Removed) -> None:
    """The metrics that the demo defined and nobody else uses."""
    count = 0
    for metric in MetricDefinition.objects.filter(team=team, name__in=[LOSS, ACCURACY]):
        used = Result.objects.filter(metric=metric).exists()
        used = used or Column.objects.filter(metric=metric).exists()
        if not used and is_ours("metric.defined", "metric", metric.pk):
            metric.delete()
            count += 1
    removed.counts["metrics"] = count


def _remove_users(users: dict[str, User], removed: Removed) -> None:
    for user in users.values():
        user.delete()
    removed.counts["users"] = len(users)
