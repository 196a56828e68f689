"""What differs between two artifact versions: files by their content, metadata by its leaves.

The manifests are compared in the database, path by path on the index of each, so that two of
100,000 files can be compared a page at a time.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from apps.accounts.models import User
from apps.artifacts.models import ArtifactFile, ArtifactVersion, Version
from apps.artifacts.queries import metadata_of, versions_of


class Change(StrEnum):
    """What became of a path from the older version to the newer."""

    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True)
class MetadataChange:
    """A leaf of the metadata by dotted name; None where a version does not have it."""

    name: str
    before: str | None
    after: str | None


def earlier_version(version: Version, user: User | None) -> Version | None:
    """The version that stands before this one in its collection."""
    earlier = versions_of(version.collection, user).filter(number__lt=version.number)
    return earlier.order_by("-number").first()


def changed_files(
    old: ArtifactVersion, new: ArtifactVersion, change: Change
) -> QuerySet[ArtifactFile]:
    """The paths that were changed, added or removed, as rows of the version that has them.

    Rows of changed files also say what the older version has: `old_blob`, `old_size`.
    """
    of, other = (old, new) if change == Change.REMOVED else (new, old)
    same_path = ArtifactFile.objects.filter(artifact=other, path=OuterRef("path"))
    files = of.files.select_related("blob")
    if change != Change.CHANGED:
        return files.filter(~Exists(same_path))
    same_content = same_path.filter(
        Q(blob=OuterRef("blob"))
        | Q(
            blob=None,
            reference=OuterRef("reference"),
            reference_digest=OuterRef("reference_digest"),
        )
    )
    return files.filter(Exists(same_path), ~Exists(same_content)).annotate(
        old_blob=Subquery(same_path.values("blob")[:1]),
        old_size=Subquery(same_path.values("size_bytes")[:1]),
    )


def metadata_changes(old: ArtifactVersion, new: ArtifactVersion) -> list[MetadataChange]:
    """The leaves that differ, in the order of the newer version, then those that have gone."""
    return values_changed(metadata_of(old), metadata_of(new))


def values_changed(old: object, new: object) -> list[MetadataChange]:
    """The leaves that two values do not share, those of the newer first."""
    before, after = dict(leaves(old)), dict(leaves(new))
    names = [*after, *(name for name in before if name not in after)]
    return [
        MetadataChange(name, before.get(name), after.get(name))
        for name in names
        if before.get(name) != after.get(name)
    ]


def leaves(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Every value that is no mapping by its dotted name, as JSON; text as it stands."""
    if isinstance(value, Mapping) and (value or not name):
        for key, inner in value.items():
            yield from leaves(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
