"""Aliases, descriptions, metadata, tags, links, and what is deleted."""

from collections import defaultdict
from typing import Any

from apps.artifacts.models import ArtifactVersion, Collection, Version
from apps.artifacts.services import change_metadata, describe_artifact, update_collection
from apps.artifacts.tags import change_tags
from apps.bin.services.deletion import delete_collection
from apps.core.errors import Invalid, NotFound
from apps.wandb_api import ids, places
from apps.wandb_api.artifacts import aliases as alias_words
from apps.wandb_api.artifacts import finding, linking, writing
from apps.wandb_api.artifacts.places import (
    access_at,
    access_to_collection,
    access_to_project,
    collection_at,
)
from apps.wandb_api.artifacts.reading import places_of
from apps.wandb_api.context import Context
from apps.wandb_api.mutations.artifacts import metadata_in, ttl_in, words
from apps.wandb_api.schema import mutation
from apps.wandb_api.types.artifacts import (
    ArtifactNode,
    MembershipNode,
    collection_node,
    tag_payload,
)

_ALIAS = ("entityName", "projectName", "artifactCollectionName", "alias")


@mutation
def add_aliases(context: Context, *, artifact_id: str, aliases: list[Any]) -> dict[str, Any]:
    for version, some in _by_version(context, artifact_id, aliases).items():
        alias_words.give(version, some, access_to_collection(context, version.collection))
    return {"success": True}


@mutation
def delete_aliases(context: Context, *, artifact_id: str, aliases: list[Any]) -> dict[str, Any]:
    for version, some in _by_version(context, artifact_id, aliases).items():
        alias_words.take(version, some, access_to_collection(context, version.collection))
    return {"success": True}


@mutation
def update_artifact(
    context: Context,
    *,
    artifact_id: str,
    description: str | None = None,
    metadata: str | None = None,
    ttl_duration_seconds: int | None = None,
    tags_to_add: list[Any] | None = None,
    tags_to_delete: list[Any] | None = None,
    aliases: list[Any] | None = None,
    labels: Any = None,
) -> dict[str, Any]:
    """Change what is said of an artifact version; what is not given stays.

    Clients before 0.18 send all aliases of the artifact's own collection along.
    """
    artifact = finding.artifact_with_id(context.user, artifact_id)
    access = access_to_project(context, artifact.project)
    if aliases is not None:
        _replace_aliases(context, artifact, aliases)
    if description is not None:
        artifact = describe_artifact(artifact=artifact, description=description, access=access)
    if metadata is not None:
        artifact = change_metadata(artifact=artifact, metadata=metadata_in(metadata), access=access)
    if tags_to_add or tags_to_delete:
        change_tags(
            tagged=artifact,
            access=access,
            put=dict.fromkeys(words(context, tags_to_add, "TagInput", "tagName"), ""),
            drop=words(context, tags_to_delete, "TagInput", "tagName"),
        )
    if ttl_duration_seconds is not None:
        writing.keep_for(artifact, ttl_in(ttl_duration_seconds), access)
    changed = finding.artifact_with_id(context.user, artifact_id)
    return {"artifact": ArtifactNode(context, changed)}


@mutation
def delete_artifact(
    context: Context, *, artifact_id: str, delete_aliases: bool | None = None
) -> dict[str, Any]:
    """Into the bin; from there it can be restored."""
    artifact = finding.artifact_with_id(context.user, artifact_id)
    linking.delete(context, artifact, with_aliases=bool(delete_aliases))
    return {"artifact": {"__typename": "Artifact", "id": artifact_id}, "success": True}


@mutation
def link_artifact(
    context: Context,
    *,
    artifact_portfolio_name: str,
    project_name: str,
    entity_name: str | None = None,
    artifact_id: str | None = None,
    client_id: str | None = None,
    aliases: list[Any] | None = None,
) -> dict[str, Any]:
    """Put an artifact version into the registry, or into another collection of its project."""
    if artifact_id:
        artifact = finding.artifact_with_id(context.user, artifact_id)
    else:
        artifact = finding.artifact_of_client(context.user, client_id or "")
    place = places.place(context, entity_name, project_name)
    if place.is_registry:
        context.registry_called = place.name
    version = linking.link(
        artifact,
        into=artifact_portfolio_name,
        access=access_at(context, place),
        aliases=words(context, aliases, "ArtifactAliasInput", "alias"),
    )
    found = finding.versions_at(version.collection, context.user).get(pk=version.pk)
    return {
        "versionIndex": found.number,
        "artifactMembership": MembershipNode(context, found),
    }


@mutation
def unlink_artifact(
    context: Context, *, artifact_id: str, artifact_portfolio_id: str
) -> dict[str, Any]:
    artifact = finding.artifact_with_id(context.user, artifact_id)
    collection = finding.collection_with_id(context.user, artifact_portfolio_id)
    linking.unlink(artifact, collection, access_to_collection(context, collection))
    return {"success": True, "artifactID": artifact_id}


@mutation
def update_artifact_sequence(
    context: Context,
    *,
    artifact_sequence_id: str,
    name: str | None = None,
    description: str | None = None,
) -> dict[str, Any]:
    return _update_collection(context, artifact_sequence_id, name, description)


@mutation
def update_artifact_portfolio(
    context: Context,
    *,
    artifact_portfolio_id: str,
    name: str | None = None,
    description: str | None = None,
) -> dict[str, Any]:
    return _update_collection(context, artifact_portfolio_id, name, description)


@mutation
def delete_artifact_sequence(context: Context, *, artifact_sequence_id: str) -> dict[str, Any]:
    return _delete_collection(context, artifact_sequence_id)


@mutation
def delete_artifact_portfolio(context: Context, *, artifact_portfolio_id: str) -> dict[str, Any]:
    return _delete_collection(context, artifact_portfolio_id)


@mutation
def move_artifact_sequence(
    context: Context,
    *,
    artifact_sequence_id: str,
    destination_artifact_type_name: str | None = None,
) -> dict[str, Any]:
    """To another type. The type is part of what was sealed, so only the same is taken."""
    collection = finding.collection_with_id(context.user, artifact_sequence_id)
    if destination_artifact_type_name != collection.type:
        raise Invalid(
            f"{collection.name} stays of type {collection.type}: its versions were sealed with it. "
            "Log them into a collection of the other type.",
            field="destinationArtifactTypeName",
        )
    return {"artifactCollection": collection_node(context, collection)}


@mutation
def create_artifact_collection_tag_assignments(
    context: Context,
    *,
    artifact_collection_name: str,
    project_name: str,
    entity_name: str | None = None,
    tags: list[Any] | None = None,
) -> dict[str, Any]:
    collection, added = _tagged(context, entity_name, project_name, artifact_collection_name, tags)
    access = access_to_collection(context, collection)
    change_tags(tagged=collection, access=access, put=dict.fromkeys(added, ""))
    rows = collection.tags.filter(name__in=added).order_by("name")
    return {"tags": [tag_payload(tag.pk, tag.name) for tag in rows]}


@mutation
def delete_artifact_collection_tag_assignments(
    context: Context,
    *,
    artifact_collection_name: str,
    project_name: str,
    entity_name: str | None = None,
    tags: list[Any] | None = None,
) -> dict[str, Any]:
    collection, gone = _tagged(context, entity_name, project_name, artifact_collection_name, tags)
    change_tags(tagged=collection, access=access_to_collection(context, collection), drop=gone)
    return {"success": True}


def _by_version(context: Context, artifact_id: str, aliases: list[Any]) -> dict[Version, list[str]]:
    """The aliases by the place of the artifact version where they are meant."""
    artifact = finding.artifact_with_id(context.user, artifact_id)
    if len(aliases) > alias_words.MAX_ALIASES:
        raise Invalid(f"No more than {alias_words.MAX_ALIASES} aliases at once.", field="aliases")
    asked: dict[tuple[str | None, str, str], list[str]] = defaultdict(list)
    for given in aliases:
        if not isinstance(given, dict):
            raise Invalid("Each alias is an object.", field="aliases")
        entity, project, collection, alias = (
            context.read(given, "ArtifactCollectionAliasInput", *_ALIAS)[key] for key in _ALIAS
        )
        if not (
            isinstance(project, str) and isinstance(collection, str) and isinstance(alias, str)
        ):
            raise Invalid("Each alias names its project and collection.", field="aliases")
        asked[entity, project, collection].append(alias)
    found = {}
    for (entity, project, collection), some in asked.items():
        place = places.place(context, entity, project)
        version = writing.place_in(collection_at(place, collection), artifact)
        if version is None:
            raise NotFound(f"This artifact version is not in {collection}.")
        found[version] = some
    return found


def _replace_aliases(context: Context, artifact: ArtifactVersion, aliases: list[Any]) -> None:
    version = places_of([artifact], context.user).source(artifact)
    if version is None:
        raise NotFound("This artifact version is in no collection.")
    wanted = words(context, aliases, "ArtifactAliasInput", "alias")
    alias_words.replace(version, wanted, access_to_collection(context, version.collection))


def _update_collection(
    context: Context, collection_id: str, name: str | None, description: str | None
) -> dict[str, Any]:
    collection = finding.collection_with_id(context.user, collection_id)
    access = access_to_collection(context, collection)
    update_collection(collection=collection, access=access, name=name, description=description)
    changed = finding.collection_with_id(context.user, collection_id)
    return {"artifactCollection": collection_node(context, changed)}


def _delete_collection(context: Context, collection_id: str) -> dict[str, Any]:
    """Into the bin, with its versions; what else goes with it, the client accepts by asking."""
    collection = finding.collection_with_id(context.user, collection_id)
    delete_collection(
        collection=collection,
        access=access_to_collection(context, collection),
        reason=linking.REASON,
        accept_consequences=True,
    )
    kind = collection_node(context, collection).NAME
    gone = {"id": ids.encode("ArtifactCollection", collection.pk), "state": "DELETED"}
    return {"artifactCollection": {"__typename": kind, **gone}, "success": True}


def _tagged(
    context: Context, entity: str | None, project: str, name: str, tags: list[Any] | None
) -> tuple[Collection, list[str]]:
    place = places.place(context, entity, project)
    return collection_at(place, name), words(context, tags, "TagInput", "tagName")
