"""Putting artifact versions into further collections, and taking versions away."""

from collections.abc import Sequence

from django.db import transaction

from apps.artifacts.choices import ArtifactState
from apps.artifacts.models import ArtifactVersion, Collection, Version
from apps.artifacts.queries import standing_places
from apps.artifacts.services import ensure_collection, link_version
from apps.bin.services.deletion import delete_version
from apps.core.errors import Conflict, NotFound
from apps.projects.access import Access, Action
from apps.wandb_api.artifacts import aliases as alias_words
from apps.wandb_api.artifacts.places import access_to_collection
from apps.wandb_api.artifacts.writing import place_in
from apps.wandb_api.context import Context

REASON = "By a W&B client."


def link(
    artifact: ArtifactVersion, *, into: str, access: Access, aliases: Sequence[str]
) -> Version:
    """Link a sealed artifact version into the collection of that name where `access` is, which is
    made when it is missing, and give it the aliases there. Raises Conflict, Forbidden, Invalid."""
    access.require(Action.LINK)
    wanted = alias_words.check(aliases, access)
    if artifact.state != ArtifactState.SEALED:
        raise Conflict("Only an artifact version that was committed can be linked.")
    with transaction.atomic():
        # Before the event of a new collection locks the audit chain, the last thing to wait for.
        ArtifactVersion.objects.select_for_update(no_key=True).get(pk=artifact.pk)
        collection = ensure_collection(
            name=into, type=artifact.type, access=access, project=access.project, first_number=0
        )
        version = link_version(artifact=artifact, collection=collection, access=access)
    alias_words.give(version, wanted, access)
    return version


def unlink(artifact: ArtifactVersion, collection: Collection, access: Access) -> None:
    """Put an artifact version's place in a collection into the bin. Raises NotFound, Forbidden,
    and Conflict as long as it holds a label there."""
    version = place_in(collection, artifact)
    if version is None:
        raise NotFound("This artifact version is not linked there.")
    with transaction.atomic():
        _remove(version, access, with_aliases=False)


def delete(context: Context, artifact: ArtifactVersion, *, with_aliases: bool) -> None:
    """Put an artifact version into the bin: every place of it that the caller may see.

    Raises Forbidden, and Conflict where it holds a label, unless `with_aliases`.
    """
    places = standing_places(artifact, context.user)
    with transaction.atomic():
        for version in places:
            access = access_to_collection(context, version.collection)
            _remove(version, access, with_aliases=with_aliases)


def _remove(version: Version, access: Access, *, with_aliases: bool) -> None:
    """What else goes with it, the client accepts by asking: it can be restored from the bin."""
    held = list(version.holdings.filter(held_until=None).values_list("label", flat=True))
    access.require(Action.DELETE_VERSION)
    if held and not with_aliases:
        name = f"{version.collection.name}:v{version.number}"
        raise Conflict(
            f"{name} holds {', '.join(sorted(set(held)))}. Take that away first, "
            "or delete it with delete_aliases=True."
        )
    delete_version(version=version, access=access, reason=REASON, accept_consequences=True)
