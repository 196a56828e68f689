"""Words that people and clients put on collections, versions and artifact versions."""

from collections.abc import Mapping
from dataclasses import dataclass

from apps.artifacts.models import Collection, Version
from apps.artifacts.tags import tags_of
from apps.core.text import truncate

SHOWN_TAGS = 60
MAX_NAME, MAX_VALUE = 80, 120
# What MLflow's client keeps there for itself.
CLIENT_TAGS = "mlflow."


@dataclass(frozen=True, slots=True)
class ShownTag:
    """A word, and its value where it has one; `whole` is all of it."""

    name: str
    value: str
    whole: str


def tags_of_collection(collection: Collection) -> list[ShownTag]:
    """One query."""
    return _shown(tags_of(collection))


def tags_of_version(version: Version) -> list[ShownTag]:
    """Those of the place and those of the artifact, each name once. Two queries."""
    return _shown(tags_of(version.artifact) | tags_of(version))


def _shown(tags: Mapping[str, str]) -> list[ShownTag]:
    return [
        ShownTag(
            truncate(name, MAX_NAME),
            truncate(value, MAX_VALUE),
            truncate(f"{name}: {value}" if value else name, 1_000),
        )
        for name, value in sorted(tags.items())
        if not name.startswith(CLIENT_TAGS)
    ][:SHOWN_TAGS]
