"""Where the things that events are about can be looked at now."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from django.db.models import Q
from django.urls import reverse

from apps.accounts.models import Team
from apps.artifacts.models import Collection, Version
from apps.artifacts.queries import first_places
from apps.audit.models import Event
from apps.evaluations.models import GoldenSet, MetricDefinition
from apps.projects.access import Access, Action
from apps.projects.models import Project
from apps.registry.models import StatusLabel
from apps.runs.models import Run
from apps.web.addresses import collection_url, golden_set_url, place_url, project_url, run_url
from apps.web.present.history import Links, Place


def links_of(events: Iterable[Event], access: Access) -> Links:
    """The pages of what these events name, by kind: one query for each kind, however many.

    Whoever sees an event may see all that it names, so nothing is checked again here.
    """
    wanted: defaultdict[str, set[int]] = defaultdict(set)
    for event in events:
        for subject in event.subjects.all():
            wanted[subject.kind].add(subject.object_id)
    team = access.team
    return {
        **_versions(wanted["version"]),
        **_collections(wanted["collection"]),
        **_runs(wanted["run"], team),
        **_projects(wanted["project"], team),
        **_artifacts(wanted["artifact"], access),
        **_golden_sets(wanted["golden_set"], team),
        **(_words(wanted, team) if access.allows(Action.CURATE) else {}),
    }


def _versions(keys: set[int]) -> dict[tuple[str, int], Place]:
    found = Version.objects.filter(
        Q(collection__project=None) | Q(collection__project__deleted_at=None),
        pk__in=keys,
        deleted_at=None,
        collection__deleted_at=None,
    ).select_related("collection__team", "collection__project")
    return {
        ("version", one.pk): Place(f"{one.collection.name}:v{one.number}", place_url(one))
        for one in (found if keys else ())
    }


def _collections(keys: set[int]) -> dict[tuple[str, int], Place]:
    found = Collection.objects.filter(
        Q(project=None) | Q(project__deleted_at=None), pk__in=keys
    ).select_related("team", "project")
    return {
        ("collection", one.pk): Place(one.name, collection_url(one))
        for one in (found if keys else ())
    }


def _runs(keys: set[int], team: Team) -> dict[tuple[str, int], Place]:
    found = Run.objects.filter(pk__in=keys, project__deleted_at=None).select_related("project")
    return {("run", one.pk): Place(one.name, run_url(team, one)) for one in (found if keys else ())}


def _projects(keys: set[int], team: Team) -> dict[tuple[str, int], Place]:
    found = Project.objects.filter(pk__in=keys)
    return {
        ("project", one.pk): Place(one.name, project_url(team, one))
        for one in (found if keys else ())
    }


def _golden_sets(keys: set[int], team: Team) -> dict[tuple[str, int], Place]:
    found = GoldenSet.objects.filter(pk__in=keys, team=team)
    return {
        ("golden_set", one.pk): Place(one.name, golden_set_url(team, one))
        for one in (found if keys else ())
    }


def _words(wanted: Mapping[str, set[int]], team: Team) -> dict[tuple[str, int], Place]:
    """Labels and metrics, for those who may change them."""
    places: dict[tuple[str, int], Place] = {}
    if labels := wanted.get("label"):
        for label in StatusLabel.objects.filter(pk__in=labels, team=team):
            url = reverse("team_label", args=[team.name, label.name])
            places["label", label.pk] = Place(label.name, url)
    if metrics := wanted.get("metric"):
        for metric in MetricDefinition.objects.filter(pk__in=metrics, team=team):
            url = reverse("team_metric", args=[team.name, metric.pk])
            places["metric", metric.pk] = Place(metric.name, url)
    return places


def _artifacts(keys: set[int], access: Access) -> dict[tuple[str, int], Place]:
    """An artifact is looked at where it stands."""
    places = first_places(keys, access.user) if keys else {}
    return {
        ("artifact", key): Place(f"{place.collection.name}:v{place.number}", place_url(place))
        for key, place in places.items()
    }
