"""Names that things in the bin hold on to, freed for something new.

What is deleted keeps its name, so that it can be restored as it was. For clients whose protocol has
a deleted name free again (mlflow's registry), the one in the bin goes on under another name, and is
restored under that.
"""

from itertools import count

from django.db import transaction

from apps.artifacts.models import Collection
from apps.artifacts.services import MAX_NAME, collection_subject
from apps.audit.services import record
from apps.core.names import name_key
from apps.projects.access import Access, Action


@transaction.atomic
def free_name(*, name: str, type: str, access: Access) -> None:
    """Rename the collection of the registry in the bin that has this name, if there is one, to
    "NAME (deleted 1)" or the next number that is free. One event."""
    access.require(Action.LINK)
    collections = Collection.with_deleted.filter(team=access.team, project=None, type=type)
    found = collections.filter(name_key=name_key(name), deleted_at__isnull=False)
    locked = found.select_for_update(no_key=True).first()
    if locked is None:
        return
    former = locked.name
    for number in count(1):
        ending = f" (deleted {number})"
        later = former[: MAX_NAME - len(ending)] + ending
        if not collections.filter(name_key=name_key(later)).exists():
            break
    locked.name, locked.name_key = later, name_key(later)
    locked.save(update_fields=["name", "name_key"])
    record(
        kind="collection.changed",
        actor=access.actor,
        subjects=[collection_subject(locked)],
        team_id=access.team.pk,
        before={"name": former},
        after={"name": later},
    )
