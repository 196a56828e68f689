"""From the names and ids that clients have to what they mean, as far as the caller may see it."""

import re

from django.db.models import QuerySet

from apps.accounts.models import User
from apps.artifacts.choices import ArtifactState
from apps.artifacts.models import ArtifactVersion, Collection, LabelHolding, Version
from apps.artifacts.queries import versions_of
from apps.core.errors import NotFound
from apps.core.names import name_key
from apps.projects.models import Project
from apps.wandb_api import ids
from apps.wandb_api.artifacts import aliases
from apps.wandb_api.artifacts.models import ClientArtifact, ClientManifest
from apps.wandb_api.artifacts.places import collection_at
from apps.wandb_api.places import Place

_DIGEST = re.compile(r"[0-9a-f]{32}", re.ASCII)


def logged_as(user: User, artifact_id: str) -> ClientArtifact:
    """What a client began under this id, sealed or not. Raises NotFound."""
    number = _number("Artifact", artifact_id)
    found = (
        ClientArtifact.objects.filter(
            began_as=number, project__in=Project.objects.visible_to(user).values("pk")
        )
        .select_related(
            "artifact__project__team",
            "artifact__made_by",
            "collection__team",
            "collection__project",
        )
        .order_by("pk")
        .first()
    )
    if found is None:
        raise _no_artifact()
    return found


def artifact_with_id(user: User, artifact_id: str | None) -> ArtifactVersion:
    """The sealed artifact version of an id, or one that the same person has begun. Raises
    NotFound, also for what stands in no collection any more."""
    number = _number("Artifact", artifact_id)
    found = _visible(user).filter(pk=number).first()
    if found is None:
        return _newest_logged(user, ClientArtifact.objects.filter(began_as=number))
    if found.state == ArtifactState.PENDING and found.created_by_id != user.pk:
        raise _no_artifact()
    return found


def artifact_of_client(user: User, client_id: str) -> ArtifactVersion:
    """The artifact version that a client means by its own id for it. Raises NotFound."""
    if not client_id:
        raise _no_artifact()
    return _newest_logged(user, ClientArtifact.objects.filter(client_id=client_id))


def _newest_logged(user: User, logged: QuerySet[ClientArtifact]) -> ArtifactVersion:
    found = _visible(user).filter(pk__in=logged.values("artifact")).order_by("-pk").first()
    if found is None:
        raise _no_artifact()
    return found


def manifest_with_id(user: User, manifest_id: str) -> ClientManifest:
    """A manifest that a client has announced. Raises NotFound."""
    number = _number("ArtifactManifest", manifest_id)
    found = (
        ClientManifest.objects.filter(
            pk=number, artifact__project__in=Project.objects.visible_to(user).values("pk")
        )
        .select_related("artifact__project__team")
        .first()
    )
    if found is None:
        raise NotFound("There is no such manifest here.")
    return found


def collection_with_id(user: User, collection_id: str) -> Collection:
    """Raises NotFound."""
    number = _number("ArtifactCollection", collection_id)
    visible = Collection.objects.visible_to(user).select_related("team", "project__team")
    found = visible.filter(pk=number).first()
    if found is None:
        raise NotFound("There is no such collection here.")
    return found


def version_named(place: Place, name: str, user: User) -> Version:
    """The version that `collection:alias` means at a place. Raises NotFound."""
    word, _, alias = name.partition(":")
    return version_with_alias(collection_at(place, word), alias or aliases.LATEST, user)


def versions_at(collection: Collection, user: User) -> QuerySet[Version]:
    """The versions that stand in a collection and that the user may see, with what nodes show."""
    return versions_of(collection, user).select_related(
        "collection__team",
        "collection__project__team",
        "artifact__project__team",
        "artifact__made_by__project__team",
    )


def holdings_at(collection: Collection, user: User) -> QuerySet[LabelHolding]:
    """The labels that versions of a collection hold now, as far as the user may see those."""
    visible = versions_of(collection, user).values("pk")
    return LabelHolding.objects.filter(held_until=None, version__in=visible).order_by("pk")


def version_with_alias(collection: Collection, alias: str, user: User) -> Version:
    """The version of a collection that an alias means: `v3`, `latest`, a label, the digest or the
    id of an artifact version. Raises NotFound."""
    versions = versions_at(collection, user)
    number = aliases.NUMBER.fullmatch(alias)
    if alias == aliases.LATEST:
        found = versions.order_by("-number").first()
    elif number is not None:
        found = versions.filter(number=int(number[1])).first()
    else:
        held = _holder(collection, alias)
        artifacts = [] if held else _artifacts_called(collection, alias)
        found = versions.filter(pk=held).first() if held else None
        found = found or versions.filter(artifact__in=artifacts).order_by("-number").first()
    if found is None:
        raise NotFound(f"There is no {collection.name}:{alias} here.")
    return found


def _holder(collection: Collection, label: str) -> int | None:
    """Who holds a label; where nobody does, the newest that is in the stage of that name."""
    held = LabelHolding.objects.filter(
        collection=collection, label_key=name_key(label), held_until=None
    )
    first = held.order_by("is_stage", "-version__number").first()
    return first.version_id if first else None


def _artifacts_called(collection: Collection, word: str) -> list[int]:
    number = ids.decode("Artifact", word)
    if number is not None:
        return [number]
    if _DIGEST.fullmatch(word) is None:
        return []
    logged = ClientArtifact.objects.filter(
        digest=word, artifact__versions__collection=collection, artifact__versions__deleted_at=None
    )
    return list(logged.values_list("artifact", flat=True).distinct())


def _visible(user: User) -> QuerySet[ArtifactVersion]:
    standing = ArtifactVersion.objects.standing().filter(
        project__in=Project.objects.visible_to(user).values("pk"), purged_at=None
    )
    return standing.select_related("project__team", "made_by__project__team")


def _number(kind: str, text: str | None) -> int:
    """The primary key in an id of this kind; of anything else one that no row has."""
    number = ids.decode(kind, text)
    return -1 if number is None else number


def _no_artifact() -> NotFound:
    return NotFound("There is no such artifact here.")
