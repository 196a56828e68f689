"""Where collections are, in the names of the client: in a project, or in a team's registry.

A team has one registry; the client knows it under several names, which are told apart here by the
type that a name asks for.
"""

from apps.accounts.models import Team, User
from apps.artifacts.choices import DATASET, MODEL
from apps.artifacts.models import Collection
from apps.artifacts.queries import collections_of
from apps.core.errors import NotFound
from apps.core.names import name_key
from apps.projects.access import Access
from apps.projects.models import Project
from apps.projects.services import MODEL_REGISTRY, REGISTRY_PREFIX
from apps.wandb_api.context import Context
from apps.wandb_api.places import Place, of_project


def access_to_project(context: Context, project: Project) -> Access:
    """The caller's access to a project whose team is loaded. Raises NotFound."""
    return context.access(project.team.name, project.name)


def access_at(context: Context, place: Place) -> Access:
    """The caller's access to a project, or to the team whose registry it is. Raises NotFound."""
    if place.project is not None:
        return access_to_project(context, place.project)
    return context.access(place.team.name)


def access_to_collection(context: Context, collection: Collection) -> Access:
    """The caller's access where a collection is. Raises NotFound."""
    if collection.project is not None:
        return access_to_project(context, collection.project)
    return context.access(collection.team.name)


def place_of(collection: Collection, called: str | None = None) -> Place:
    """The place of a collection whose team and project are loaded. A registry goes by the name by
    which it was asked for, else by that of the collection's type."""
    if collection.project is not None:
        return of_project(collection.project)
    return Place(collection.team, called or REGISTRY_PREFIX + collection.type)


def registry_names(collection: Collection) -> tuple[str, ...]:
    """The names of the registry by which a client may mean a collection in it."""
    of_its_type = REGISTRY_PREFIX + collection.type
    return (MODEL_REGISTRY, of_its_type) if collection.type == MODEL else (of_its_type,)


def collection_at(place: Place, name: str) -> Collection:
    """The collection of that name at a place. Raises NotFound.

    In the registry a name may stand once for each type: the type that the registry's name asks for
    comes first, then models.
    """
    found = Collection.objects.select_related("team", "project__team").filter(
        team=place.team, project=place.project, name_key=name_key(name)
    )
    wanted = place.name.removeprefix(REGISTRY_PREFIX)
    ordered = sorted(found, key=lambda one: (one.type != wanted, one.type != MODEL, one.pk))
    if not ordered:
        raise NotFound(f"There is no collection {name!r} here.")
    return ordered[0]


def registries_of(team: Team, user: User) -> list[Place]:
    """The registries of a team as the client lists them: one for each type, by name."""
    found = collections_of(team, user, type=None).filter(project=None).order_by()
    types = {MODEL, DATASET, *found.values_list("type", flat=True).distinct()}
    return [Place(team, REGISTRY_PREFIX + type) for type in sorted(types)]


def registry_types(place: Place) -> list[str] | None:
    """Which types a registry's name asks for; None for a name of people's own, which means all."""
    if place.name == MODEL_REGISTRY:
        return [MODEL]
    word = place.name.removeprefix(REGISTRY_PREFIX)
    there = Collection.objects.filter(team=place.team, project=None, type=word)
    return [word] if word in (MODEL, DATASET) or there.exists() else None
