"""Emptying a team at once, past the bin: for stores that tests run against."""

from django.db import transaction

from apps.artifacts.models import ArtifactVersion, Collection
from apps.audit.actors import Subject
from apps.audit.services import record
from apps.content.models import Holding
from apps.evaluations.models import GoldenSet, MetricDefinition, Result
from apps.projects.access import Access, Action
from apps.projects.models import Project
from apps.registry.models import Column, SavedView
from apps.runs.models import Run
from apps.series.services import delete_series

_BATCH = 500


@transaction.atomic
def empty_team(*, access: Access) -> None:
    """Remove every project, collection, golden set and metric definition of a team, for good.

    People, keys, labels and the events stay, and emptying is an event too. Bytes go with the next
    garbage collection. Only for a team whose things nobody else refers to: nothing is asked first.
    """
    access.require(Action.DELETE)
    team = access.team
    projects = Project.with_deleted.filter(team=team)
    keys = list(projects.values_list("pk", flat=True))
    artifacts = ArtifactVersion.objects.filter(project__in=keys)
    Result.objects.filter(artifact__in=artifacts.values("pk")).delete()
    Column.objects.filter(collection__team=team).delete()
    SavedView.objects.filter(team=team).delete()
    Collection.with_deleted.filter(team=team).delete()
    GoldenSet.objects.filter(team=team).delete()
    MetricDefinition.objects.filter(team=team).delete()
    runs = Run.with_deleted.filter(project__in=keys).order_by("pk").values_list("pk", flat=True)
    while batch := list(runs[:_BATCH]):
        delete_series(owner_ids=batch)
        Run.with_deleted.filter(pk__in=batch).delete()
    projects.delete()
    Holding.objects.filter(owner_id__in=keys).delete()
    record(
        kind="team.emptied",
        actor=access.actor,
        subjects=[Subject("team", team.pk, team.name)],
        team_id=team.pk,
        before={"projects": len(keys)},
    )
