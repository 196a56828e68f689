"""Words that people and clients put on collections, versions and artifact versions.

A tag has a name and may have a value. Changing tags is an event; setting what is there already
changes nothing.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps.artifacts.models import (
    ArtifactTag,
    ArtifactVersion,
    Collection,
    CollectionTag,
    Tag,
    Version,
    VersionTag,
)
from apps.artifacts.services import artifact_subject, collection_subject, version_subject
from apps.audit.actors import Subject
from apps.audit.services import record
from apps.core.errors import Invalid
from apps.core.names import clean_text
from apps.projects.access import Access, Action

Tagged = Collection | Version | ArtifactVersion

MAX_TAG_NAME = 255
MAX_TAG_VALUE = 100_000
MAX_TAGS = 1_000


def tags_of(tagged: Tagged) -> dict[str, str]:
    """The tags of one thing, by name."""
    return dict(_rows(tagged).order_by("name").values_list("name", "value"))


@transaction.atomic
def change_tags(
    *,
    tagged: Tagged,
    access: Access,
    put: Mapping[str, str] | None = None,
    drop: Iterable[str] = (),
) -> dict[str, str]:
    """Set some tags and remove others; what the tags are then. Raises Invalid.

    Removing a tag that is not there changes nothing.
    """
    access.require(Action.LOG if not isinstance(tagged, Collection) else Action.LINK)
    former = tags_of(tagged)
    wanted = {
        clean_text(name, field="tags", max_length=MAX_TAG_NAME, multiline=False): clean_text(
            value, field="tags", max_length=MAX_TAG_VALUE
        )
        for name, value in (put or {}).items()
    }
    if "" in wanted:
        raise Invalid("Give each tag a name.", field="tags")
    gone = {name for name in drop if name in former and name not in wanted}
    changed = {name: value for name, value in wanted.items() if former.get(name) != value}
    if not gone and not changed:
        return former
    later = {name: value for name, value in former.items() if name not in gone} | changed
    if len(later) > MAX_TAGS:
        raise Invalid(f"No more than {MAX_TAGS} tags.", field="tags")
    _rows(tagged).filter(name__in=gone).delete()
    owner, model = _home(tagged)
    model.objects.bulk_create(  # type: ignore[attr-defined]
        [model(**{owner: tagged}, name=name, value=value) for name, value in changed.items()],
        update_conflicts=True,
        unique_fields=[owner, "name"],
        update_fields=["value"],
    )
    if not isinstance(tagged, ArtifactVersion):
        tagged.updated_at = timezone.now()
        tagged.save(update_fields=["updated_at"])
    subject, project_id = _about(tagged)
    record(
        kind="tags.changed",
        actor=access.actor,
        subjects=[subject],
        team_id=access.team.pk,
        project_id=project_id,
        before={name: former.get(name) for name in sorted(gone | changed.keys())},
        after={name: later.get(name) for name in sorted(gone | changed.keys())},
    )
    return later


def _home(tagged: Tagged) -> tuple[str, type[Tag]]:
    match tagged:
        case Collection():
            return "collection", CollectionTag
        case Version():
            return "version", VersionTag
        case ArtifactVersion():
            return "artifact", ArtifactTag


def _rows(tagged: Tagged) -> "QuerySet[Any]":
    owner, model = _home(tagged)
    return model.objects.filter(**{owner: tagged})  # type: ignore[attr-defined]


def _about(tagged: Tagged) -> tuple[Subject, int | None]:
    match tagged:
        case Collection():
            return collection_subject(tagged), tagged.project_id
        case Version():
            return version_subject(tagged), tagged.collection.project_id
        case ArtifactVersion():
            return artifact_subject(tagged), tagged.project_id
