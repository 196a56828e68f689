"""What is the demo's: the audit log says who made a thing, and nobody can change that.

The demo neither uses nor removes anything of the same name that somebody else made.
"""

from apps.accounts.models import Team, User
from apps.accounts.queries import team_named
from apps.artifacts.choices import MODEL
from apps.artifacts.models import Collection
from apps.audit.actors import Actor
from apps.audit.models import Event
from apps.core.errors import Conflict, NotFound
from apps.core.names import name_key
from apps.demo import story
from apps.projects.models import Project

ACTOR = Actor.system("load_demo")


class NotOurs(Conflict):
    """Something of the demo's name is there, and the demo did not make it."""


class InBin(Conflict):
    """The demo, or a part of it, has been put into the bin."""


def is_ours(kind: str, subject: str, object_id: int) -> bool:
    """Whether the event of that kind about the thing (its making) is the demo's."""
    return Event.objects.filter(
        kind=kind,
        actor_id=None,
        actor_name=ACTOR.name,
        subjects__kind=subject,
        subjects__object_id=object_id,
    ).exists()


def demo_team() -> Team | None:
    """The team that the demo is in. It may well be everybody's."""
    try:
        return team_named(story.TEAM)
    except NotFound:
        return None


def demo_project() -> Project | None:
    """The demo's project, if it is there, be it in the bin. Raises NotOurs for one that only has
    its name."""
    team = demo_team()
    if team is None:
        return None
    named = Project.with_deleted.filter(team=team, name_key=name_key(story.PROJECT))
    project: Project | None = named.filter(purged_at=None).first()
    if project is None:
        return None
    if not is_ours("project.created", "project", project.pk):
        raise NotOurs(
            f"There is a project {story.PROJECT} in the team {story.TEAM} that the demo did not "
            "make. The demo leaves it alone."
        )
    return project


def demo_users() -> dict[str, User]:
    """The demo's people that are there, by name. Raises NotOurs for one of another's making."""
    keys = [name_key(person.username) for person in story.PEOPLE]
    found = {user.username: user for user in User.objects.filter(username_key__in=keys)}
    for user in found.values():
        if not is_ours("user.created", "user", user.pk):
            raise NotOurs(
                f"There is a user {user.username} whom the demo did not make. "
                "The demo acts in nobody else's name."
            )
    return found


def demo_registry_model() -> Collection | None:
    """The registry model that the demo made. Raises NotOurs for one of another's making."""
    team = demo_team()
    if team is None:
        return None
    named = Collection.with_deleted.select_related("team", "project").filter(
        team=team, project=None, type=MODEL, name_key=name_key(story.REGISTRY_MODEL)
    )
    collection: Collection | None = named.first()
    if collection is None:
        return None
    if not is_ours("collection.created", "collection", collection.pk):
        raise NotOurs(
            f"There is a model {story.REGISTRY_MODEL} in the registry of the team {story.TEAM} "
            "that the demo did not make. The demo leaves it alone."
        )
    return collection
